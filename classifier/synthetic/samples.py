"""Synthetic images for trying the application out: drawn by this code, showing nobody's body.

Nothing of any dataset is in them. They are marked as synthetic in their name, title, alternative
text and PNG metadata, and not in the pixels, which a network would see.

Stain, texture and contrast were adjusted, and seeds chosen, until the recommended models took the
drawings for what they show; so the answers to them say nothing of how good a model is.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from PIL import Image, PngImagePlugin

from classifier.datasets import SampleDescription, datasets
from classifier.synthetic import blood, ultrasound

# What the file of a dataset can name as the drawing of a sample; each takes a seed.
DRAWINGS: Final[Mapping[str, Callable[[int], Image.Image]]] = {
    **{
        f"blood.{cell.__name__}": partial(blood.draw, cell)
        for cell in (
            blood.neutrophil,
            blood.eosinophil,
            blood.basophil,
            blood.lymphocyte,
            blood.monocyte,
            blood.platelet,
            blood.erythroblast,
            blood.immature_granulocyte,
        )
    },
    **{
        f"ultrasound.{lesion.__name__}": partial(ultrasound.draw, lesion)
        for lesion in (ultrasound.tissue, ultrasound.smooth_lesion, ultrasound.irregular_lesion)
    },
}
MARK: Final = "Synthetic image, drawn by a program. It shows no person and is not for diagnosis."


@dataclass(frozen=True, slots=True)
class Sample:
    """A synthetic image; ``slug`` is its address and, with ``.png``, its file name."""

    slug: str
    title: str
    dataset: str
    alt: str


def samples() -> tuple[Sample, ...]:
    """All samples, in the order in which to show them."""
    return tuple(sample for sample, _ in _described().values())


@cache
def draw(slug: str) -> bytes:
    """A PNG file, the same bytes each time.

    Raises:
        KeyError: there is no such sample.
    """
    sample, description = _described()[slug]
    marks = PngImagePlugin.PngInfo()
    marks.add_text("Title", sample.title)
    marks.add_text("Comment", MARK)
    buffer = io.BytesIO()
    picture = DRAWINGS[description.drawing](description.seed)
    picture.save(buffer, "PNG", pnginfo=marks, compress_level=1)
    return buffer.getvalue()


def _described() -> dict[str, tuple[Sample, SampleDescription]]:
    """The samples of all datasets by their slugs, but for those that nothing here can draw."""
    found = {}
    for dataset in datasets().values():
        for each in dataset.samples:
            if each.drawing in DRAWINGS:
                slug = f"synthetic-{each.name.replace(' ', '-')}"
                found[slug] = Sample(slug, f"Synthetic {each.name}", dataset.slug, each.alt), each
    return found
