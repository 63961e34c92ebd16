"""Pictures inside pages: what was chosen, and what the model would see of it."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from PIL import Image, ImageOps

from classifier.inference.inputs import array_png, found_box, looks_for_cells, model_input
from classifier.models import ImageUpload, Prediction, TrainedModel
from classifier.preprocessing import Box, Crop, crop_box, describe_crop
from classifier.services import Look
from classifier.uploads.images import UploadedPicture, reduced

LONGEST_SIDE: Final = 512
# Twice what the pages show, for screens with small pixels.
THUMBNAIL_SIDE: Final = 112


@dataclass(frozen=True)
class Preview:
    """A chosen image as the page shows it before anything is stored."""

    filename: str
    format: str
    byte_size: int
    width: int
    height: int
    picture_uri: str
    warnings: Sequence[str] = ()
    model_view_uri: str = ""
    crop_words: str = ""
    boxes: Sequence[Box] = ()

    @property
    def box(self) -> Box | None:
        """The one that can be moved; None of the cells of a field."""
        return self.boxes[0] if self.model_view_uri and self.boxes else None

    @property
    def side(self) -> int | None:
        return self.box and self.box[2] - self.box[0]


def build_preview(
    image: UploadedPicture | ImageUpload,
    pixels: Image.Image,
    trained_model: TrainedModel | None,
    look: Look,
) -> Preview:
    """The preview of an image; without a model, it has no model's view. Raises LookRefused."""
    preview = Preview(
        filename=image.original_filename if isinstance(image, ImageUpload) else image.filename,
        format=image.format,
        byte_size=image.byte_size,
        width=image.width,
        height=image.height,
        picture_uri=_data_uri(_png(reduced(pixels, LONGEST_SIDE))),
        warnings=image.warnings,
    )
    if trained_model is None:
        return preview
    boxes = look.boxes([trained_model], pixels)
    if look.crop is Crop.CELLS and boxes:
        return replace(preview, boxes=boxes, crop_words=cells_words(len(boxes)))
    box = boxes[0] if boxes else found_box(trained_model, pixels, look.crop)
    frame = trained_model.dataset_info.source_frame
    seen = box or crop_box(image.width, image.height, crop=look.crop, source_frame=frame)
    return replace(
        preview,
        model_view_uri=_data_uri(array_png(model_input(trained_model, pixels, look.crop, box))),
        crop_words=crop_words((image.width, image.height), trained_model, look.crop, box),
        # The whole of an oblong image is no square.
        boxes=() if look.crop is Crop.NONE else (seen,),
    )


def cells_words(number: int) -> str:
    """What is classified of a field."""
    return f"{number} cell{'' if number == 1 else 's'}, each alone"


def crop_words(
    size: tuple[int, int], trained_model: TrainedModel, crop: Crop, box: Box | None
) -> str:
    """What the model takes of an image, in words."""
    dataset = trained_model.dataset_info
    if crop is Crop.BOX and box is not None:
        left, upper, right, lower = box
        taken = f"the {right - left} × {lower - upper} pixels that were chosen"
        return f"{taken}, from {left} across and {upper} down"
    if crop is Crop.CELLS and box is not None:
        left, upper, right, lower = box
        taken = f"the {right - left} × {lower - upper} pixels around one cell of a field"
        return f"{taken}, from {left} across and {upper} down"
    central = crop_box(*size, crop=crop, source_frame=dataset.source_frame)
    words = describe_crop(*size, crop=crop, source_frame=dataset.source_frame)
    if box is not None and box != central:
        left, upper, right, lower = box
        taken = f"the {right - left} × {lower - upper} pixels around the cell that was found"
        return f"{taken}, from {left} across and {upper} down"
    if box is not None:
        return f"{words}, around the cell that was found"
    already_cut = dataset.cells and size[0] == size[1] and size[0] in dataset.cells.cut_sizes
    looked = looks_for_cells(trained_model, crop) and not already_cut
    return f"{words}, since no cell was found" if looked else words


def seen_words(prediction: Prediction) -> str:
    """What the model saw of an image, in words; what it will see, while it waits."""
    image, model, crop = prediction.image, prediction.trained_model, Crop(prediction.crop)
    looks = looks_for_cells(model, crop)
    if looks and prediction.box is None and not prediction.is_finished:
        return "the square around the cell, or the middle where none is found"
    size, is_older = (image.width, image.height), looks and not prediction.box_origin
    if is_older:  # answered when no cell was looked for yet
        frame = model.dataset_info.source_frame
        return describe_crop(*size, crop=crop, source_frame=frame)
    return crop_words(size, model, crop, prediction.box)


@cache
def square_thumbnail(png: bytes) -> bytes:
    """The centred square of a sample, small; there are few samples, so each is reduced once."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return _png(ImageOps.fit(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE)))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
