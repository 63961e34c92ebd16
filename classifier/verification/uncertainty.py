"""What must hold of a bundle's uncertainty: its facts in metadata.json and its arrays."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from classifier.verification.files import file_problems
from classifier.verification.values import METADATA_FILE, Values, reason


def uncertainty_problems(folder: Path, metadata: Values) -> list[str]:
    """Say why the file with the model's uncertainty is not the one named, or cannot be used."""
    named = metadata["uncertainty"]
    problems = file_problems(folder, named, "uncertainty file", ".npz")
    if not all(isinstance(layer, str) for layer in named["layers"]):
        problems.append(f"uncertainty.layers in {METADATA_FILE} does not hold names of layers.")
    if not 0 < named["coverage"] < 1:
        problems.append(f"uncertainty.coverage in {METADATA_FILE} is not between 0 and 1.")
    return problems or list(_array_problems(folder / named["file"], len(metadata["classes"])))


def _array_problems(path: Path, classes: int) -> Iterator[str]:
    """The arrays of `classifier.inference.uncertainty.Uncertainty`, in shapes that fit."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    # What NumPy raises depends on what is wrong with the file.
    except Exception as error:
        yield f"{path.name} cannot be read: {reason(error)}."
        return
    directions = arrays.get("axes", np.zeros(0))
    features, axes = directions.shape if directions.ndim == 2 else (-1, -1)
    shapes = {
        "centre": (features,),
        "scale": (features,),
        "axes": (features, axes),
        "reference": (len(np.atleast_1d(arrays.get("reference", np.zeros(0)))), axes + 1),
        "limit": (),
        "thresholds": (classes,),
    }
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or not arrays[name].size:
            yield f"{name} in {path.name} is missing or has another shape than {shape}."
        elif arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            yield f"{name} in {path.name} holds something other than finite numbers."
