"""Maps of values as pictures in colour."""

import io
from typing import Final

import numpy as np
from PIL import Image

# Viridis by Smith and van der Walt (CC0) at 16 evenly spaced values: equal steps of value look
# equal, its lightness grows throughout, and people with any colour vision tell its colours apart.
# The legend in prediction.css has the same colours.
VIRIDIS: Final = (
    "440154", "481a6c", "472f7d", "414487", "39568c", "31688e", "2a788e", "23888e",
    "1f988b", "22a884", "35b779", "54c568", "7ad151", "a5db36", "d2e21b", "fde725",
)  # fmt: skip


def coloured(grey_png: bytes) -> bytes:
    """A grey PNG as one whose darkest value is violet and whose brightest is yellow."""
    with Image.open(io.BytesIO(grey_png), formats=["PNG"]) as image:
        picture = image.convert("L")
    picture.putpalette(palette())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def palette() -> bytes:
    """Red, green and blue of each of the 256 values."""
    known = np.array([list(bytes.fromhex(colour)) for colour in VIRIDIS])
    at = np.linspace(0, 255, len(known))
    channels = [np.interp(np.arange(256), at, channel) for channel in known.T]
    return np.stack(channels, axis=1).round().astype(np.uint8).tobytes()
