"""Names of images as cards and pages give them."""

from classifier.datasets import datasets


def pictures_title(name: str) -> str:
    """What evaluation.json calls images of another kind: those of a dataset, or else drawings."""
    dataset = datasets().get(name)
    return f"{dataset.title}, test images" if dataset else f"{name}, drawn"
