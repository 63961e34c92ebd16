"""The lists of what is stored; importing them registers them."""

from classifier.admin.lists import (
    access,
    audit,
    batches,
    people,
    predictions,
    records,
    trained_models,
)

__all__ = ["access", "audit", "batches", "people", "predictions", "records", "trained_models"]
