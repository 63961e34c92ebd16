"""Images that show the same thing twice."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse.csgraph import connected_components

from classifier.preprocessing import as_picture

# Correlation of two thumbnails. On BreastMNIST at 128 pixels, pairs of the same lesion lie above
# 0.95 and chance resemblance ends at about 0.93.
NEAR_DUPLICATE = 0.93
THUMBNAIL_SIDE = 32


def near_duplicate_groups(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number (N,) of the group of each image (N, side, side, channels); alone or with its twins."""
    thumbnails = np.stack([_thumbnail(image) for image in images])
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    _, groups = connected_components(unit @ unit.T > NEAR_DUPLICATE, directed=False)
    return np.asarray(groups, np.int64)


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = (
        as_picture(image)
        .convert("L")
        .resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BILINEAR)
    )
    return np.asarray(small, np.float32).reshape(-1)
