"""From a stored or uploaded image to what a registered model sees of it."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.datasets import datasets
from classifier.models import ImageUpload, Prediction, TrainedModel
from classifier.preprocessing import Crop, as_picture, model_view


def model_input(
    trained_model: TrainedModel, image: Image.Image, crop: Crop
) -> npt.NDArray[np.uint8]:
    """The pixels (size, size, channels), 0–255, that the network sees of an image."""
    return model_view(
        image,
        size=trained_model.input_size,
        channels=trained_model.channels,
        crop=crop,
        source_frame=datasets()[trained_model.dataset].source_frame,
    )


def stored_input(prediction: Prediction) -> npt.NDArray[np.uint8]:
    """The same for a prediction's stored image. Raises OSError where its file cannot be read."""
    return upload_input(prediction.trained_model, prediction.image, Crop(prediction.crop))


def upload_input(
    trained_model: TrainedModel, upload: ImageUpload, crop: Crop
) -> npt.NDArray[np.uint8]:
    """The same for a stored image. Raises OSError where its file cannot be read."""
    with stored_picture(upload) as image:
        return model_input(trained_model, image, crop)


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
