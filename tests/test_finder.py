"""Where cells lie, in smears whose cells were drawn where the test says."""

import numpy as np
import pytest
from PIL import Image

from classifier.datasets import datasets
from classifier.finder import BLOOD, cell_box, find_cell, find_cells
from tests.smears import smear

RED_CELLS = [
    (115, 300),
    (310, 215),
    (260, 330),
    (170, 40),
    (40, 50),
    (110, 45),
    (260, 60),
    (330, 130),
    (50, 190),
    (60, 310),
    (200, 320),
    (320, 300),
]


@pytest.mark.parametrize("tint", [(1, 1, 1), (0.7, 0.7, 0.7), (1, 1, 0.6), (0.85, 0.9, 1)])
@pytest.mark.parametrize("red_cells", [RED_CELLS, []])
@pytest.mark.parametrize(("x", "y"), [(180, 180), (210, 150)])
def test_the_box_surrounds_the_cell(
    x: int, y: int, red_cells: list[tuple[int, int]], tint: tuple[float, float, float]
) -> None:
    box = find_cell(smear((360, 363), [(x, y, 110)], red_cells=red_cells, tint=tint))
    assert box is not None
    left, upper, right, lower = box
    side = BLOOD.margin * 110 * np.sqrt(np.pi) / 2
    assert np.hypot((left + right) / 2 - x, (upper + lower) / 2 - y) <= 0.15 * side
    assert right - left == lower - upper == pytest.approx(side, rel=0.25)


@pytest.mark.parametrize("factor", [0.4, 1.5, 3])
def test_the_box_grows_with_the_image(factor: float) -> None:
    image = Image.fromarray(smear((360, 363), [(190, 170, 100)], red_cells=RED_CELLS))
    other = image.resize((round(360 * factor), round(363 * factor)))
    box, scaled = find_cell(np.asarray(image)), find_cell(np.asarray(other))
    assert box is not None
    assert scaled == pytest.approx(np.multiply(box, factor), rel=0.05, abs=4)


def test_a_platelet_is_shown_at_the_scale_of_the_red_cells_around_it() -> None:
    box = find_cell(smear((360, 363), [(180, 180, 38)], red_cells=RED_CELLS))
    assert box is not None
    assert box[2] - box[0] == pytest.approx(46 * BLOOD.red_cells, rel=0.2)


def test_the_cell_in_the_middle_comes_before_one_at_the_edge() -> None:
    box = find_cell(smear((360, 363), [(180, 180, 50), (340, 340, 120)], red_cells=RED_CELLS))
    assert box is not None
    assert (box[0] + box[2]) / 2 == pytest.approx(180, abs=15)


def test_a_box_lies_within_the_image_however_near_the_edge_its_cell_is() -> None:
    for x, y in ((5, 5), (295, 8), (150, 198)):
        left, upper, right, lower = find_cell(smear((300, 200), [(x, y, 90)])) or (-1, 0, 0, 0)
        assert 0 <= left < right <= 300
        assert 0 <= upper < lower <= 200
        assert right - left == lower - upper


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((90, 80, 3), 120, np.uint8),
        np.random.default_rng(0).integers(100, 140, (200, 200, 3), np.uint8),
        smear((360, 363), [(180, 180, 110)]).mean(-1, keepdims=True).repeat(3, -1).astype(np.uint8),
    ],
    ids=["one pixel", "plain", "noise", "grey"],
)
def test_where_no_stain_is_nothing_is_found(pixels: np.ndarray) -> None:  # type: ignore[type-arg]
    assert find_cell(pixels) is None
    assert find_cells(pixels) == []


@pytest.mark.parametrize("height", [6, 20])
def test_a_strip_lower_than_any_cell_has_a_box_within_it(height: int) -> None:
    strip = smear((360, 363), [(180, 180, 110)])[180 : 180 + height]
    left, upper, right, lower = find_cell(strip) or (0, 0, 0, 0)
    assert 170 <= left < right <= 190
    assert (upper, lower) == (0, height)


def test_every_cell_of_a_field_is_found_once_with_its_size() -> None:
    drawn = [(120, 110, 100), (400, 130, 110), (640, 380, 90), (180, 420, 36)]
    red_cells = [(x, y) for x in range(40, 760, 90) for y in (40, 250, 300, 540)]
    cells = find_cells(smear((760, 580), drawn, red_cells=red_cells))
    assert len(cells) == len(drawn)
    for x, y, diameter in drawn:
        nearest = min(cells, key=lambda each: np.hypot(each.centre[0] - x, each.centre[1] - y))
        assert nearest.centre == pytest.approx((x, y), abs=12)
        assert nearest.relative_size is not None
        assert (nearest.relative_size > 1) == (diameter > 46)


def test_a_frame_of_the_dataset_keeps_the_square_it_was_made_with() -> None:
    blood = datasets()["bloodmnist"]
    assert blood.cells is not None
    framed = Image.fromarray(smear((360, 363), [(190, 175, 60)], red_cells=RED_CELLS))
    assert cell_box(framed, blood.cells, blood.source_frame) == (80, 82, 280, 282)
    beside = Image.fromarray(smear((360, 363), [(260, 120, 60)], red_cells=RED_CELLS[:3]))
    left, upper, right, lower = cell_box(beside, blood.cells, blood.source_frame) or (0, 0, 0, 0)
    assert right - left == lower - upper == 200
    assert (left, upper) == pytest.approx((160, 20), abs=15)


def test_an_image_in_a_published_size_is_already_cut() -> None:
    blood = datasets()["bloodmnist"]
    assert blood.cells is not None
    image = Image.fromarray(smear((360, 363), [(180, 180, 90)], red_cells=RED_CELLS))
    for side in (128, 224):
        small = image.resize((side, side))
        assert cell_box(small, blood.cells, blood.source_frame) is None
    assert cell_box(image.resize((240, 240)), blood.cells, blood.source_frame) is not None
