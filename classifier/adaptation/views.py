"""What a network may be shown of an image of a laboratory, from which an adaptation chooses."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.bundles.registry import Bundle
from classifier.finder import cell_box
from classifier.preprocessing import Crop, cell_view, inner_box, model_view

# Of the square around a cell: nearer, there is less of what surrounds cells, which is what differs
# most between laboratories.
SHARES: Final = (1.0, 0.8)


def shares(bundle: Bundle) -> tuple[float, ...]:
    """The first is what the bundle is shown as it is."""
    return SHARES if bundle.dataset.cells else SHARES[:1]


def views(bundle: Bundle, image: Image.Image, crop: Crop) -> list[NDArray[np.uint8]]:
    """Pixels (size, size, channels) of an image, for each of the shares; alike without a cell."""
    cells, frame = bundle.dataset.cells, bundle.dataset.source_frame
    box = cell_box(image, cells, frame) if cells and crop is Crop.AUTO else None
    size, channels = bundle.input_size, bundle.channels
    if box is None:
        whole = model_view(image, size=size, channels=channels, crop=crop, source_frame=frame)
        return [whole for _ in shares(bundle)]
    shown = bundle.metadata.input.cell_share
    return [
        cell_view(
            image,
            inner_box(box, shown * share),
            size=size,
            channels=channels,
            cells=cells,
            source_frame=frame,
        )
        for share in shares(bundle)
    ]
