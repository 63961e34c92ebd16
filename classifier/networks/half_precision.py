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
            if member.filename == WEIGHTS_MEMBER:
                buffer = io.BytesIO()
                with h5py.File(io.BytesIO(content)) as weights, h5py.File(buffer, "w") as halved:
                    _copy_halved(weights, halved)
                content = buffer.getvalue()
            target.writestr(member, content)
    partial.replace(path)


def _copy_halved(source: Any, target: Any) -> None:
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_halved(item, target.create_group(name))
            continue
        values = item[()]
        if values.dtype == np.float32:
            if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
                raise OverflowError("A weight is too large for half precision.")
            values = values.astype(np.float16)
        target.create_dataset(name, data=values).attrs.update(item.attrs)
