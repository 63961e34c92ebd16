"""The lists of what is stored; importing them registers them."""

from classifier.admin.lists import batches, people, predictions, records, trained_models

__all__ = ["batches", "people", "predictions", "records", "trained_models"]
