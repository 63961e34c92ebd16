"""What all of them serve: a JPEG in, probabilities out. `NETWORK` names the .keras file."""

import io
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: TID253, no process of ours runs this
import numpy as np
from PIL import Image


def load():
    network = keras.models.load_model(os.environ["NETWORK"], compile=False)
    for count in (1, 8):
        network.predict_on_batch(np.zeros((count, *network.input_shape[1:]), np.float32))
    return network


def pixels(data):
    """(28, 28, 3): the central 200 x 200 pixels, reduced."""
    return reduced(Image.open(io.BytesIO(data)))


def reduced(image):
    left, upper = (image.width - 200) // 2, (image.height - 200) // 2
    centre = image.convert("RGB").crop((left, upper, left + 200, upper + 200))
    return np.asarray(centre.resize((28, 28), Image.Resampling.BILINEAR), np.float32)
