"""From an image as uploaded to exactly the pixels that a network sees.

Inference, the result page and training share this module, so that what is shown is what was
classified and what was learnt from.

MedMNIST cut the central 200 x 200 pixels out of blood micrographs of 360 x 363, took the centred
square of breast ultrasounds, and resized both with Pillow's bilinear filter. (Its blood images
then went through JPEG at quality 75, whose traces an upload does not have.) An upload may be such
a source image, or one already cut; ``Crop`` says which, and ``Crop.AUTO`` judges by its size.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import Image

Box = tuple[int, int, int, int]

# Which of an image's pixels, by brightness, show its background.
BACKGROUND_PERCENTILES = (80, 98)
# No light is so far off: where a cell fills the image its own colour would be taken for it.
LARGEST_GAIN = 1.5


class Crop(StrEnum):
    """How much of the upload the network sees.

    AUTO: the cell that is found, where a dataset says how; else what MedMNIST would have cut,
        judged by the image's size.
    CENTER: always the central part, which for datasets without a source frame is the centred
        square.
    NONE: the whole image, squeezed into a square if it is none.
    CELLS: every cell of a field, each alone.
    BOX: a square that a person gives.
    """

    AUTO = "auto"
    CENTER = "center"
    NONE = "none"
    CELLS = "cells"
    BOX = "box"

    @property
    def label(self) -> str:
        """The choice as people read it."""
        return {
            "auto": "Auto",
            "center": "Centre",
            "none": "None",
            "cells": "Every cell",
            "box": "Own box",
        }[self]

    @property
    def needs_boxes(self) -> bool:
        """Whether it says nothing without boxes."""
        return self in {Crop.CELLS, Crop.BOX}


@dataclass(frozen=True)
class CellScale:
    """How much of its surroundings a cell is shown with.

    Attributes:
        margin: side of the box to the cell's size, the square root of its area.
        red_cells: least side of the box, in diameters of the image's own red cells. It keeps
            small things small: a platelet is not blown up to the size of a white cell.
        cut_sizes: sides of the squares in which a dataset is published, already cut.
        background: the colour that is no cell in the dataset's images, red, green and blue: that
            of the light, the glass and the camera's white balance. None where none is corrected.
    """

    margin: float
    red_cells: float
    cut_sizes: tuple[int, ...] = ()
    background: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class SourceFrame:
    """Images as laboratories have them, and the side of the central square kept; pixels.

    An image counts as a whole frame when each side is within `tolerance`, a proportion of it,
    of the frame's. `name` is what people call such an image.
    """

    width: int
    height: int
    crop: int
    tolerance: float
    name: str


def model_view(
    image: Image.Image,
    *,
    size: int,
    channels: int,
    crop: Crop,
    source_frame: SourceFrame | None,
) -> npt.NDArray[np.uint8]:
    """The pixels that the network sees.

    Args:
        image: mode "L" or "RGB", any size.
        size: side of the network's input in pixels.
        channels: 1 for grey, 3 for RGB.
        source_frame: the dataset's native frame, None if its images were not cut from a frame.

    Returns:
        array (size, size, channels), values 0 to 255.
    """
    box = crop_box(image.width, image.height, crop=crop, source_frame=source_frame)
    return boxed_view(image, box, size=size, channels=channels)


def boxed_view(image: Image.Image, box: Box, *, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """The pixels, as `model_view` gives them, of a box: left, upper, right, lower."""
    converted = image.crop(box).convert("L" if channels == 1 else "RGB")
    resized = converted.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8).reshape(size, size, channels)


def cell_view(
    image: Image.Image,
    box: Box,
    *,
    size: int,
    channels: int,
    cells: CellScale | None,
    source_frame: SourceFrame | None,
) -> npt.NDArray[np.uint8]:
    """The pixels of a cell's box, in the light of the dataset's own images where cells say so.

    A whole frame of the dataset's own is in that light.
    """
    pixels = boxed_view(image, box, size=size, channels=channels)
    if cells is None or cells.background is None:
        return pixels
    if source_frame and whole_frame_box(image.width, image.height, source_frame):
        return pixels
    return balanced(pixels, cells.background)


def balanced(
    pixels: npt.NDArray[np.uint8], background: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    """Pixels (height, width, 3) in the light in which their background has this colour.

    The background is taken for the median of the pixels that are brighter than four in five, the
    very brightest left out; each channel is multiplied, as another light or camera would do it.
    """
    brightness = pixels.sum(axis=2, dtype=np.int32)
    low, high = np.percentile(brightness, BACKGROUND_PERCENTILES)
    found = np.median(pixels[(brightness >= low) & (brightness <= high)], axis=0)
    gain = np.clip(np.divide(background, np.maximum(found, 1)), 1 / LARGEST_GAIN, LARGEST_GAIN)
    return np.asarray(np.clip(np.rint(pixels * gain), 0, 255), dtype=np.uint8)


def inner_box(box: Box, share: float) -> Box:
    """The square in the middle of a box, that share of its side."""
    left, upper, right, lower = box
    side = max(1, round((right - left) * share))
    left, upper = left + (right - left - side) // 2, upper + (lower - upper - side) // 2
    return (left, upper, left + side, upper + side)


def as_picture(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Pixels (height, width, 1 or 3) as an image of mode "L" or "RGB"."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def crop_box(width: int, height: int, *, crop: Crop, source_frame: SourceFrame | None) -> Box:
    """(left, upper, right, lower) of what is cut from an image of ``width`` x ``height`` pixels.

    ``Crop.AUTO`` takes an image for a whole frame, upright or on its side, when both sides are
    within the tolerance of the source frame, or when it is that frame scaled in proportion and
    still larger than the crop. Of everything else it takes the centred square: a square image
    whole, and of an oblong cut-out as much as keeps the shape of what it shows.
    """
    if crop is Crop.NONE:
        return (0, 0, width, height)
    side = min(width, height)
    if source_frame is not None:
        side = _framed_side(width, height, crop, source_frame)
    # Rounds halves to even, as torchvision's CenterCrop does, which MedMNIST used.
    left, upper = round((width - side) / 2), round((height - side) / 2)
    return (left, upper, left + side, upper + side)


def describe_crop(width: int, height: int, *, crop: Crop, source_frame: SourceFrame | None) -> str:
    """What ``crop_box`` takes, in words, as part of a sentence without a full stop."""
    left, upper, right, lower = crop_box(width, height, crop=crop, source_frame=source_frame)
    taken = f"{right - left} × {lower - upper}"
    if (right - left, lower - upper) != (width, height):
        return f"the central {taken} of {width} × {height} pixels"
    if width == height:
        return f"the whole image, {taken} pixels"
    return f"the whole image, {taken} pixels squeezed into a square"


def whole_frame_box(width: int, height: int, frame: SourceFrame) -> Box | None:
    """What is cut from an image that is a whole frame, native or scaled; None for any other."""
    if not (_is_native(width, height, frame) or _is_scaled(width, height, frame)):
        return None
    return crop_box(width, height, crop=Crop.AUTO, source_frame=frame)


def _framed_side(width: int, height: int, crop: Crop, frame: SourceFrame) -> int:
    shorter = min(width, height)
    proportion = frame.crop / min(frame.width, frame.height)
    if _is_native(width, height, frame):
        return min(frame.crop, shorter)
    if crop is Crop.CENTER or _is_scaled(width, height, frame):
        return max(1, round(shorter * proportion))
    return shorter


def _is_native(width: int, height: int, frame: SourceFrame) -> bool:
    return any(
        abs(width - across) <= across * frame.tolerance
        and abs(height - down) <= down * frame.tolerance
        for across, down in _orientations(frame)
    )


def _is_scaled(width: int, height: int, frame: SourceFrame) -> bool:
    """Whether the image is the frame at another scale, to the rounding of one side.

    At the size of the crop and below, an image is far more likely a cut-out whose proportions
    happen to fit; and a square image fits the nearly square frame only by rounding.
    """
    if width == height or min(width, height) <= frame.crop:
        return False
    return any(
        height == round(width * down / across) or width == round(height * across / down)
        for across, down in _orientations(frame)
    )


def _orientations(frame: SourceFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    return (frame.width, frame.height), (frame.height, frame.width)
