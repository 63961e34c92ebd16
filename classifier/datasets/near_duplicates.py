"""Images that show the same thing twice, found by the correlation of their thumbnails."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse.csgraph import connected_components

from classifier.preprocessing import as_picture

THUMBNAIL_SIDE = 32
# Thumbnails compared with all others at a time.
_CHUNK = 1024


def near_duplicate_groups(images: NDArray[np.uint8], correlation: float) -> NDArray[np.int64]:
    """Number (N,) of the group of each image (N, side, side, channels): alone or with its twins.

    Images belong together whose thumbnails correlate by more than `correlation`.
    """
    unit = _unit_thumbnails(images)
    _, groups = connected_components(unit @ unit.T > correlation, directed=False)
    return np.asarray(groups, np.int64)


def has_near_duplicate(
    images: NDArray[np.uint8], others: NDArray[np.uint8], correlation: float
) -> NDArray[np.bool_]:
    """Which (N,) of the images (N, side, side, channels) have a twin among others of that shape."""
    unit, known = _unit_thumbnails(images), _unit_thumbnails(others)
    nearest = [
        (unit[start : start + _CHUNK] @ known.T).max(axis=1)
        for start in range(0, len(unit), _CHUNK)
    ]
    return np.concatenate(nearest) > correlation


def _unit_thumbnails(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey thumbnails (N, pixels) without their mean, of length one."""
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    thumbnails = np.stack(
        [
            np.asarray(as_picture(image).convert("L").resize(size, Image.Resampling.BILINEAR))
            for image in images
        ]
    )
    flat = thumbnails.reshape(len(images), -1).astype(np.float32)
    centred = flat - flat.mean(axis=1, keepdims=True)
    unit: NDArray[np.float32] = centred / np.maximum(
        np.linalg.norm(centred, axis=1, keepdims=True), 1e-6
    )
    return unit
