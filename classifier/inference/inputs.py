"""From a stored or uploaded image to what a registered model sees of it."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.datasets import datasets
from classifier.finder import cell_box
from classifier.models import ImageUpload, Prediction, TrainedModel
from classifier.preprocessing import Box, Crop, as_picture, cell_view, inner_box, model_view


def found_box(trained_model: TrainedModel, image: Image.Image, crop: Crop) -> Box | None:
    """The box around the cell, where one is looked for and found."""
    dataset = datasets()[trained_model.dataset]
    if dataset.cells is None or not looks_for_cells(trained_model, crop):
        return None
    return cell_box(image, dataset.cells, dataset.source_frame)


def looks_for_cells(trained_model: TrainedModel, crop: Crop) -> bool:
    return crop is Crop.AUTO and datasets()[trained_model.dataset].cells is not None


def model_input(
    trained_model: TrainedModel, image: Image.Image, crop: Crop, box: Box | None = None
) -> npt.NDArray[np.uint8]:
    """The pixels (size, size, channels), 0-255, that the network sees of an image.

    Without a box, left, upper, right and lower, the crop says what it sees; of a box it sees as
    much as it was adapted to, in the light of its own laboratory.
    """
    dataset = datasets()[trained_model.dataset]
    size, channels = trained_model.input_size, trained_model.channels
    if box is None:
        return model_view(
            image, size=size, channels=channels, crop=crop, source_frame=dataset.source_frame
        )
    return cell_view(
        image,
        inner_box(box, trained_model.described.input.cell_share),
        size=size,
        channels=channels,
        cells=dataset.cells,
        source_frame=dataset.source_frame,
    )


def stored_input(prediction: Prediction) -> npt.NDArray[np.uint8]:
    """The same for a prediction's stored image. Raises OSError where its file cannot be read.

    Sets the box of a prediction that has not been answered and has none, where a cell is found.
    """
    model, crop = prediction.trained_model, Crop(prediction.crop)
    with stored_picture(prediction.image) as image:
        is_new = not prediction.is_finished and prediction.box is None
        if is_new and looks_for_cells(model, crop):
            prediction.set_found_box(found_box(model, image, crop))
        return model_input(model, image, crop, prediction.box)


def upload_input(
    trained_model: TrainedModel, upload: ImageUpload, crop: Crop
) -> npt.NDArray[np.uint8]:
    """The same for a stored image. Raises OSError where its file cannot be read."""
    with stored_picture(upload) as image:
        return model_input(trained_model, image, crop, found_box(trained_model, image, crop))


def stored_picture(image: ImageUpload) -> Image.Image:
    """A stored image, not yet decoded, to be closed. Raises OSError where it cannot be read."""
    # Read at once: Django's wrapper makes each of Pillow's many small reads dear.
    with image.file.open() as file:
        data = io.BytesIO(file.read())
    return Image.open(data, formats=["PNG", "JPEG"])


def array_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Exactly these pixels, (height, width, 1 or 3), as a PNG file."""
    buffer = io.BytesIO()
    as_picture(pixels).save(buffer, "PNG")
    return buffer.getvalue()
