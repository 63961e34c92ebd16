"""Which part of an upload the network sees, and exactly which pixels."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier.preprocessing import (
    LARGEST_GAIN,
    CellScale,
    Crop,
    SourceFrame,
    balanced,
    cell_view,
    crop_box,
    describe_crop,
    inner_box,
    model_view,
)

BLOOD = SourceFrame(360, 363, crop=200, tolerance=0.02, name="micrograph")


def box_size(width: int, height: int, crop: Crop, frame: SourceFrame | None) -> tuple[int, int]:
    left, upper, right, lower = crop_box(width, height, crop=crop, source_frame=frame)
    assert 0 <= left < right <= width
    assert 0 <= upper < lower <= height
    return right - left, lower - upper


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values).convert(mode)


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [
        (360, 363, 200),
        (363, 360, 200),
        (366, 369, 200),
        (360, 360, 200),
        (359, 360, 200),
        (720, 726, 400),
        (726, 720, 400),
        (540, 545, 300),
        (1080, 1089, 600),
        (240, 242, 133),
        (28, 28, 28),
        (64, 64, 64),
        (128, 128, 128),
        (200, 200, 200),
        (256, 256, 256),
        (512, 512, 512),
        (1000, 1000, 1000),
        (130, 131, 130),
        (180, 182, 180),
        (200, 150, 150),
        (640, 480, 480),
    ],
)
def test_auto_judges_a_blood_image_by_its_size(width: int, height: int, side: int) -> None:
    assert box_size(width, height, Crop.AUTO, BLOOD) == (side, side)


@pytest.mark.parametrize(
    ("width", "height", "side"), [(360, 363, 200), (28, 28, 16), (200, 200, 111), (640, 480, 267)]
)
def test_center_takes_the_central_share(width: int, height: int, side: int) -> None:
    assert box_size(width, height, Crop.CENTER, BLOOD) == (side, side)


@pytest.mark.parametrize("crop", [Crop.AUTO, Crop.CENTER])
def test_images_without_a_source_frame_give_their_centred_square(crop: Crop) -> None:
    assert crop_box(562, 471, crop=crop, source_frame=None) == (46, 0, 517, 471)
    assert crop_box(273, 398, crop=crop, source_frame=None) == (0, 62, 273, 335)


@pytest.mark.parametrize("frame", [BLOOD, None])
def test_none_takes_everything(frame: SourceFrame | None) -> None:
    assert crop_box(562, 471, crop=Crop.NONE, source_frame=frame) == (0, 0, 562, 471)


def test_halves_are_rounded_to_even_as_by_medmnist() -> None:
    assert crop_box(360, 363, crop=Crop.AUTO, source_frame=BLOOD) == (80, 82, 280, 282)
    assert crop_box(366, 369, crop=Crop.AUTO, source_frame=BLOOD) == (83, 84, 283, 284)


@pytest.mark.parametrize("crop", Crop)
@pytest.mark.parametrize("frame", [BLOOD, None])
def test_every_size_gives_a_box_within_the_image(crop: Crop, frame: SourceFrame | None) -> None:
    random = np.random.default_rng(0)
    for width, height in random.integers(8, 1500, (300, 2)).tolist():
        wide, high = box_size(width, height, crop, frame)
        assert crop is Crop.NONE or wide == high


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("crop", Crop)
def test_the_view_has_the_shape_of_the_input(mode: str, channels: int, crop: Crop) -> None:
    view = model_view(
        noise(90, 70, mode), size=28, channels=channels, crop=crop, source_frame=BLOOD
    )
    assert view.shape == (28, 28, channels)
    assert view.dtype == np.uint8


def test_a_micrograph_is_cut_then_resized() -> None:
    image = noise(360, 363)
    expected = image.crop((80, 82, 280, 282)).resize((28, 28), Image.Resampling.BILINEAR)
    view = model_view(image, size=28, channels=3, crop=Crop.AUTO, source_frame=BLOOD)
    assert np.array_equal(view, np.asarray(expected))


@pytest.mark.parametrize("frame", [BLOOD, None])
@pytest.mark.parametrize("crop", [Crop.AUTO, Crop.NONE])
def test_an_image_of_the_input_size_passes_unchanged(frame: SourceFrame | None, crop: Crop) -> None:
    image = noise(28, 28)
    view = model_view(image, size=28, channels=3, crop=crop, source_frame=frame)
    assert np.array_equal(view, np.asarray(image))


def test_grey_images_for_colour_networks_and_the_reverse() -> None:
    grey = noise(32, 32, "L")
    tripled = model_view(grey, size=32, channels=3, crop=Crop.AUTO, source_frame=BLOOD)
    assert np.array_equal(tripled, np.asarray(grey)[..., None].repeat(3, -1))
    single = model_view(noise(32, 32), size=32, channels=1, crop=Crop.AUTO, source_frame=None)
    assert np.array_equal(single[..., 0], np.asarray(grey))


def test_none_squeezes_an_oblong_image() -> None:
    image = Image.new("L", (200, 100), 0)
    image.paste(255, (100, 0, 200, 100))
    view = model_view(image, size=20, channels=1, crop=Crop.NONE, source_frame=None)
    assert view[:, :9].max() == 0
    assert view[:, 11:].min() == 255


@pytest.mark.parametrize(
    ("size", "crop", "frame", "words"),
    [
        ((360, 363), Crop.AUTO, BLOOD, "the central 200 × 200 of 360 × 363 pixels"),
        ((28, 28), Crop.AUTO, BLOOD, "the whole image, 28 × 28 pixels"),
        ((562, 471), Crop.AUTO, None, "the central 471 × 471 of 562 × 471 pixels"),
        ((562, 471), Crop.NONE, None, "the whole image, 562 × 471 pixels squeezed into a square"),
    ],
)
def test_the_crop_in_words(
    size: tuple[int, int], crop: Crop, frame: SourceFrame | None, words: str
) -> None:
    assert describe_crop(*size, crop=crop, source_frame=frame) == words


def test_an_inner_box_is_the_middle_of_a_box() -> None:
    assert inner_box((10, 20, 110, 120), 0.8) == (20, 30, 100, 110)
    assert inner_box((10, 20, 110, 120), 1.0) == (10, 20, 110, 120)
    assert inner_box((0, 0, 1, 1), 0.1) == (0, 0, 1, 1)


LIGHT = (254, 228, 202)
CELLS = CellScale(margin=1.65, red_cells=2.5, background=LIGHT)


def under(light: tuple[int, int, int], width: int, height: int) -> Image.Image:
    """A cell that lets half of the light through, in the middle."""
    picture = Image.new("RGB", (width, height), light)
    shade = tuple(value // 2 for value in light)
    middle = (width // 2 - 20, height // 2 - 20, width // 2 + 20, height // 2 + 20)
    picture.paste(shade, middle)
    return picture


def seen(picture: Image.Image, cells: CellScale | None = CELLS) -> NDArray[np.uint8]:
    middle = (picture.width - 80) // 2, (picture.height - 80) // 2
    box = (*middle, middle[0] + 80, middle[1] + 80)
    return cell_view(picture, box, size=40, channels=3, cells=cells, source_frame=BLOOD)


def test_a_cell_is_seen_in_the_light_of_the_training_images() -> None:
    home, yellow = (seen(under(light, 200, 180)) for light in (LIGHT, (255, 240, 160)))
    assert np.abs(home.astype(int) - yellow).max() <= 2
    assert tuple(yellow[2, 2]) == LIGHT


def test_without_a_known_light_nothing_is_changed() -> None:
    picture = under((255, 240, 160), 200, 180)
    for cells in (None, CellScale(margin=1.65, red_cells=2.5)):
        assert tuple(seen(picture, cells)[2, 2]) == (255, 240, 160)


def test_a_whole_frame_of_the_training_laboratory_is_left_as_it_is() -> None:
    assert tuple(seen(under((240, 235, 225), 360, 363))[2, 2]) == (240, 235, 225)


def test_what_is_no_light_is_not_corrected_away() -> None:
    dark = np.full((32, 32, 3), 20, np.uint8)
    assert balanced(dark, LIGHT).max() == round(20 * LARGEST_GAIN)
    assert not balanced(np.zeros_like(dark), LIGHT).any()
