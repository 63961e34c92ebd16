"""What every reader gives."""

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as it came out of a file.

    Attributes:
        pixels: 8 bits per channel, mode "L" or "RGB", upright.
        format: what the bytes really were, at most 8 characters.
        warnings: sentences for the person who sent it.
        bare_jpeg: the same pixels as the JPEG file that was sent, without its metadata; None where
            there is none such.
    """

    pixels: Image.Image
    format: str
    warnings: tuple[str, ...] = ()
    bare_jpeg: bytes | None = None
