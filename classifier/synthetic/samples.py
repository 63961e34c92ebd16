"""Synthetic images for trying the application out: drawn by this code, showing nobody's body.

Nothing of any dataset is in them. They are marked as synthetic in their name, title, alternative
text and PNG metadata, and not in the pixels, which a network would see.

Stain, texture and contrast were adjusted, and seeds chosen, until the recommended models took the
drawings for what they show; so the answers to them say nothing of how good a model is.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from PIL import Image, PngImagePlugin

from classifier.synthetic import blood, ultrasound

MARK: Final = "Synthetic image, drawn by a program. It shows no person and is not for diagnosis."


@dataclass(frozen=True, slots=True)
class Sample:
    """A synthetic image; ``slug`` is its address and, with ``.png``, its file name."""

    slug: str
    title: str
    dataset: str
    alt: str


@dataclass(frozen=True, slots=True)
class _Drawing:
    sample: Sample
    draw: Callable[[], Image.Image]


def samples() -> tuple[Sample, ...]:
    """All samples, in the order in which to show them."""
    return tuple(drawing.sample for drawing in _DRAWINGS.values())


@cache
def draw(slug: str) -> bytes:
    """A PNG file, the same bytes each time.

    Raises:
        KeyError: there is no such sample.
    """
    drawing = _DRAWINGS[slug]
    marks = PngImagePlugin.PngInfo()
    marks.add_text("Title", drawing.sample.title)
    marks.add_text("Comment", MARK)
    buffer = io.BytesIO()
    drawing.draw().save(buffer, "PNG", pnginfo=marks, compress_level=1)
    return buffer.getvalue()


def _micrograph(name: str, shown: str, cell: Callable[[blood.Canvas], None], seed: int) -> _Drawing:
    sample = Sample(
        slug=f"synthetic-{name.replace(' ', '-')}",
        title=f"Synthetic {name}",
        dataset="bloodmnist",
        alt=f"Synthetic blood smear: {shown}, among dusky pink red cells",
    )
    return _Drawing(sample, lambda: blood.draw(cell, seed))


def _scan(name: str, shown: str, lesion: Callable[[ultrasound.Scan], None], seed: int) -> _Drawing:
    sample = Sample(
        slug=f"synthetic-{name.replace(' ', '-')}",
        title=f"Synthetic {name}",
        dataset="breastmnist",
        alt=f"Synthetic breast ultrasound: {shown}",
    )
    return _Drawing(sample, lambda: ultrasound.draw(lesion, seed))


_ALL: Final = (
    _micrograph("neutrophil", "a pale cell with a nucleus of four lobes", blood.neutrophil, 0),
    _micrograph(
        "eosinophil", "a cell with pink-red granules and two lobes", blood.eosinophil, 1
    ),
    _micrograph("basophil", "a cell covered by dark purple granules", blood.basophil, 36),
    _micrograph(
        "lymphocyte", "a round dark nucleus in a thin rim of blue", blood.lymphocyte, 7
    ),
    _micrograph("monocyte", "a large grey-violet cell, its nucleus bent", blood.monocyte, 37),
    _micrograph("platelet", "one small purple fragment", blood.platelet, 37),
    _micrograph(
        "erythroblast", "a small, round, very dark nucleus in grey-violet", blood.erythroblast, 24
    ),
    _micrograph(
        "immature granulocyte",
        "a large cell with fine purple granules and a dented nucleus",
        blood.immature_granulocyte,
        33,
    ),
    _scan("tissue without lesion", "layers of speckled tissue", ultrasound.tissue, 17),
    _scan(
        "smooth lesion", "a smooth dark oval with a bright rim",
        ultrasound.smooth_lesion, 59,
    ),
    _scan(
        "irregular lesion", "a dark patch with a jagged outline, a shadow behind it",
        ultrasound.irregular_lesion, 19,
    ),
)  # fmt: skip
_DRAWINGS: Final = {drawing.sample.slug: drawing for drawing in _ALL}
