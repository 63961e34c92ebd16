"""Images that show the same thing twice, found by the correlation of their thumbnails."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_matrix
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
    # Only who belongs together is kept: of ten thousand images, all pairs would take gigabytes.
    pairs = [
        np.argwhere(unit[start : start + _CHUNK] @ unit.T > correlation) + np.array([start, 0])
        for start in range(0, len(unit), _CHUNK)
    ]
    one, other = np.concatenate(pairs).T
    ties = coo_matrix((np.ones(len(one), np.bool_), (one, other)), shape=(len(unit), len(unit)))
    _, groups = connected_components(ties, directed=False)
    return np.asarray(groups, np.int64)


def grey_thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What twins of an image (side, side, channels) are found by: (32, 32) pixels."""
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    grey = as_picture(image).convert("L").resize(size, Image.Resampling.BILINEAR)
    return np.asarray(grey, np.uint8)


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
    thumbnails = np.stack([grey_thumbnail(image) for image in images])
    flat = thumbnails.reshape(len(images), -1).astype(np.float32)
    centred = flat - flat.mean(axis=1, keepdims=True)
    unit: NDArray[np.float32] = centred / np.maximum(
        np.linalg.norm(centred, axis=1, keepdims=True), 1e-6
    )
    return unit
