"""Stores the weights of a `.keras` file in half the space."""

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

WEIGHTS_MEMBER = "model.weights.h5"


def halve_precision(path: Path) -> None:
    """Rewrite a `.keras` file with its weights as float16; Keras loads them into float32 again.

    Raises OverflowError when a weight is too large for float16.
    """
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(partial, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            is_weights = member.filename == WEIGHTS_MEMBER
            target.writestr(member, _halved(content) if is_weights else content)
    partial.replace(path)


def _halved(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(buffer, "w") as target:
        _copy(source, target)
    return buffer.getvalue()


def _copy(source: Any, target: Any) -> None:
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name))
        else:
            target.create_dataset(name, data=_as_half(item[()])).attrs.update(item.attrs)


def _as_half(values: Any) -> Any:
    if values.dtype != np.float32:
        return values
    if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise OverflowError("A weight is too large for half precision.")
    return values.astype(np.float16)
