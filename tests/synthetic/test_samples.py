"""Samples are real uploads in every respect but one: nobody's body is in them."""

import io

import numpy as np
import pytest
from PIL import Image

from classifier.datasets import datasets
from classifier.preprocessing import Crop, crop_box
from classifier.synthetic.samples import MARK, Sample, draw, samples
from classifier.uploads.images import encode, read_image

MICROGRAPHS = [sample for sample in samples() if sample.dataset == "bloodmnist"]
SCANS = [sample for sample in samples() if sample.dataset == "breastmnist"]


def opened(sample: Sample) -> Image.Image:
    return Image.open(io.BytesIO(draw(sample.slug)))


def test_there_are_samples_of_every_dataset() -> None:
    assert {sample.dataset for sample in samples()} == set(datasets())
    assert len({sample.slug for sample in samples()}) == len(samples()) == 11


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.slug)
def test_every_sample_says_that_it_is_synthetic(sample: Sample) -> None:
    assert sample.slug.startswith("synthetic-")
    assert sample.title.startswith("Synthetic ")
    assert sample.alt.startswith("Synthetic ")
    assert opened(sample).info == {"Title": sample.title, "Comment": MARK}


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.slug)
def test_every_sample_is_accepted_as_an_upload(sample: Sample) -> None:
    data = draw(sample.slug)
    picture = read_image(
        io.BytesIO(data),
        filename=f"{sample.slug}.png",
        size=len(data),
        max_bytes=10**6,
        max_pixels=10**6,
    )
    assert picture.pixels.mode == ("RGB" if sample in MICROGRAPHS else "L")
    assert MARK.encode() not in encode(picture)[1]


def test_the_same_slug_draws_the_same_bytes() -> None:
    slug = samples()[0].slug
    first = draw(slug)
    draw.cache_clear()
    assert draw(slug) == first


def test_unknown_samples() -> None:
    with pytest.raises(KeyError):
        draw("synthetic-heart")


@pytest.mark.parametrize("sample", MICROGRAPHS, ids=lambda sample: sample.slug)
def test_a_micrograph_has_the_frame_and_one_cell_in_the_crop(sample: Sample) -> None:
    image = opened(sample)
    frame = datasets()[sample.dataset].source_frame
    box = crop_box(*image.size, crop=Crop.AUTO, source_frame=frame)
    assert box == (80, 82, 280, 282)
    red, _, blue = np.moveaxis(np.asarray(image).astype(int), -1, 0)
    stained = blue - red > 0
    left, upper, right, lower = box
    assert stained[upper:lower, left:right].sum() > 400
    assert stained.sum() - stained[upper:lower, left:right].sum() < 20


@pytest.mark.parametrize("sample", SCANS, ids=lambda sample: sample.slug)
def test_a_scan_is_darker_in_the_depth_and_a_lesion_darker_than_its_surroundings(
    sample: Sample,
) -> None:
    grey = np.asarray(opened(sample)).astype(float)
    assert grey[-60:].mean() < grey[130:260].mean() / 1.5
    lesion, beside = grey[170:210, 260:300].mean(), grey[170:210, 20:120].mean()
    assert (lesion < beside / 2.5) == ("lesion" in sample.slug and "without" not in sample.slug)
