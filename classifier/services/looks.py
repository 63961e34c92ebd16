"""What models are to look at in an image, and what it may show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.conf import settings
from PIL import Image

from classifier.finder import find_cells
from classifier.models import BoxOrigin, TrainedModel
from classifier.preprocessing import Box, Crop

NO_CELLS: Final = (
    "No {what} was found in this image, so nothing of it was kept. Choose the crop “Centre” to "
    "classify its middle."
)


class LookRefused(Exception):
    """What cannot be looked at so; nothing was kept. `field` is what has to be changed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@dataclass(frozen=True)
class Look:
    """How models are to look at images.

    Attributes:
        labels: the classes that are possible, None for all of the models.
        box: what to see of an image, for the crop BOX.
        platelets: whether they count among the cells of a field.
    """

    crop: Crop = Crop.AUTO
    labels: Sequence[str] | None = None
    box: Box | None = None
    platelets: bool = False

    @property
    def box_origin(self) -> BoxOrigin:
        return BoxOrigin.GIVEN if self.crop is Crop.BOX else BoxOrigin.FOUND

    def boxes(self, models: Sequence[TrainedModel], pixels: Image.Image) -> list[Box] | None:
        """What to see of an image, each for a prediction; None where that is left to the crop.

        Raises LookRefused.
        """
        if self.crop is Crop.BOX:
            return [self._given_box(pixels.width, pixels.height)]
        if self.crop is not Crop.CELLS:
            return None
        scale = models[0].dataset_info.cells
        if scale is None:
            kind = models[0].dataset_info.image_noun
            raise LookRefused("crop", f"In {kind} no cells can be looked for. Choose another crop.")
        cells = find_cells(np.asarray(pixels.convert("RGB")), scale)
        found = [cell.box for cell in cells if self.platelets or not cell.is_platelet]
        if not found:
            what = "white cell or platelet" if self.platelets else "white cell"
            raise LookRefused("crop", NO_CELLS.format(what=what))
        if len(found) > settings.MAX_CELLS_OF_A_FIELD:
            raise LookRefused(
                "crop",
                f"{len(found)} cells were found in this image, and no more than "
                f"{settings.MAX_CELLS_OF_A_FIELD} of one image can be classified. Nothing of it "
                "was kept; cut it into parts.",
            )
        return found

    def _given_box(self, width: int, height: int) -> Box:
        if self.box is None:
            raise LookRefused("box", "No box was given. Give its left, its top and its side.")
        left, upper, right, lower = self.box
        if left < 0 or upper < 0 or right > width or lower > height:
            raise LookRefused(
                "box",
                f"The box from {left} across and {upper} down with a side of {right - left} does "
                f"not lie within the image of {width} × {height} pixels. Change it.",
            )
        return self.box


AS_USUAL: Final = Look()


def possible_labels(models: Sequence[TrainedModel], names: Iterable[str]) -> list[str] | None:
    """The classes that may be right, in the order of the models' classes; None for all of them.

    `names` are classes, and groups of the models' dataset by their slugs. Raises LookRefused.
    """
    chosen = set(names)
    if not chosen or not models:
        return None
    classes = models[0].described.classes
    if any(model.described.classes != classes for model in models):
        raise LookRefused("labels", "These models have different classes. Choose one of them.")
    groups = {group.slug: set(group.labels) for group in models[0].dataset_info.groups}
    allowed = set[str]().union(*(groups.get(name, {name}) for name in chosen))
    if unknown := sorted(allowed - set(classes)):
        raise LookRefused("labels", f"“{unknown[0]}” is none of the classes: {'; '.join(classes)}.")
    if len(allowed) < 2:
        raise LookRefused("labels", "Allow at least two classes, or leave the choice out.")
    return [label for label in classes if label in allowed] if len(allowed) < len(classes) else None
