"""Images of what no model here was trained on, out of distribution and the same every time.

People send screenshots, scanned pages, holiday photographs and blank frames to any form that takes
images. The proportion of them that a model refuses is measured on images drawn here, and on crops
of the two photographs that come with scikit-learn.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_images

from classifier.synthetic.textures import smooth_noise

Random = np.random.Generator
Item = TypeVar("Item")
Colour = tuple[int, int, int]

SIZES: Final = ((320, 240), (240, 320), (400, 300), (256, 256), (480, 270), (300, 200), (200, 360))
WORDS: Final = (
    "the", "of", "and", "in", "to", "with", "report", "sample", "table", "page", "total", "value",
    "house", "train", "letter", "account", "window", "number", "morning", "river", "invoice",
    "open", "garden", "question", "result", "method", "street", "summer", "please", "return",
    "price", "we", "Notes", "Monday", "Chapter", "Address", "Figure", "Delivery", "is", "not", "by",
    "one", "have",
)  # fmt: skip


def ood_images(kind: str, count: int) -> Iterator[Image.Image]:
    """The first `count` RGB images of a kind of `KINDS`, of many sizes and shapes."""
    position = list(KINDS).index(kind)
    for number in range(count):
        yield KINDS[kind](np.random.default_rng((position, number)))


def _choice(random: Random, items: Sequence[Item]) -> Item:
    return items[int(random.integers(len(items)))]


def _size(random: Random) -> tuple[int, int]:
    return _choice(random, SIZES)


def _colour(random: Random, low: int = 0, high: int = 255) -> Colour:
    red, green, blue = (int(value) for value in random.integers(low, high + 1, 3))
    return red, green, blue


def _image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def blank(random: Random) -> Image.Image:
    """One colour, flat or fading to another, with more or less of a camera's noise."""
    width, height = _size(random)
    low = int(_choice(random, (0, 0, 90, 200, 235)))
    first, second = np.array(_colour(random, low)), np.array(_colour(random, low))
    if random.random() < 0.3:
        first[:], second[:] = first[0], second[0]
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    fades = (
        np.zeros_like(down),
        (1 + across * np.cos(angle) / 1.5 + down * np.sin(angle) / 1.5) / 2,
        np.hypot(down, across) / np.sqrt(2),
    )
    share = _choice(random, fades)[..., None]
    grain = random.normal(0, _choice(random, (0.0, 2.0, 6.0)), (height, width, 1))
    return _image(first * (1 - share) + second * share + grain)


def noise(random: Random) -> Image.Image:
    """Static, clouds, stripes and checks, in colour or grey."""
    width, height = _size(random)
    kinds = (_static, _static, _clouds, _clouds, _stripes, _checks)
    return _image(_choice(random, kinds)(random, width, height))


def _static(random: Random, width: int, height: int) -> np.ndarray:
    channels = _choice(random, (1, 3))
    shape = (height, width, channels)
    drawn = _choice(
        random,
        (
            random.uniform(0, 255, shape),
            random.normal(random.uniform(60, 200), random.uniform(15, 80), shape),
            255.0 * (random.random(shape) < random.uniform(0.05, 0.95)),
        ),
    )
    return np.broadcast_to(drawn, (height, width, 3))


def _clouds(random: Random, width: int, height: int) -> np.ndarray:
    layers = [
        sum(
            smooth_noise(random, (height, width), (grain, grain)) * grain ** random.uniform(0, 1)
            for grain in random.uniform(2, 80, 3)
        )
        for _ in range(_choice(random, (1, 3)))
    ]
    values = np.stack(np.broadcast_arrays(*layers, layers[0], layers[0])[:3], axis=-1)
    return np.asarray(random.uniform(80, 180) + random.uniform(20, 70) * values / values.std())


def _stripes(random: Random, width: int, height: int) -> np.ndarray:
    down, across = np.mgrid[:height, :width]
    angle, period = random.uniform(0, np.pi), random.uniform(3, 60)
    wave = np.sin(2 * np.pi * (across * np.cos(angle) + down * np.sin(angle)) / period)
    share = (_choice(random, (wave, np.sign(wave))) + 1)[..., None] / 2
    return _mixed(random, share)


def _checks(random: Random, width: int, height: int) -> np.ndarray:
    step = int(random.integers(3, 50))
    down, across = np.mgrid[:height, :width] // step
    odd = ((down + across) % 2)[..., None]
    return _mixed(random, odd)


def _mixed(random: Random, share: np.ndarray) -> np.ndarray:
    """Two colours, by the share (height, width, 1) of the first."""
    first, second = np.array(_colour(random)), np.array(_colour(random))
    return np.asarray(share * first + (1 - share) * second)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _words(random: Random, count: int) -> str:
    return " ".join(_choice(random, WORDS) for _ in range(count))


def _paper_and_ink(random: Random) -> tuple[Colour, Colour]:
    light, dark = _colour(random, 225), _colour(random, 0, 70)
    return (dark, light) if random.random() < 0.25 else (light, dark)


def text(random: Random) -> Image.Image:
    """A page of print: paragraphs, a list, a table or one large heading, sometimes askew."""
    size = _size(random)
    paper, ink = _paper_and_ink(random)
    picture = Image.new("RGB", size, paper)
    layouts = (_paragraphs, _paragraphs, _table, _poster, _form)
    _choice(random, layouts)(random, ImageDraw.Draw(picture), size, ink)
    if random.random() < 0.4:
        picture = picture.rotate(random.normal(0, 6), Image.Resampling.BICUBIC, fillcolor=paper)
    grain = random.normal(0, _choice(random, (0.0, 3.0)), (size[1], size[0], 1))
    return _image(np.asarray(picture) + grain)


Layout = Callable[[Random, ImageDraw.ImageDraw, tuple[int, int], Colour], None]


def _paragraphs(
    random: Random, pen: ImageDraw.ImageDraw, size: tuple[int, int], ink: Colour
) -> None:
    height = random.uniform(8, 20)
    y = random.uniform(5, 25)
    if random.random() < 0.5:
        pen.text((12, y), _words(random, 3), ink, _font(2 * height))
        y += 3 * height
    while y < size[1]:
        if random.random() > 0.15:
            pen.text((12, y), _words(random, int(random.integers(3, 12))), ink, _font(height))
        y += 1.4 * height


def _table(random: Random, pen: ImageDraw.ImageDraw, size: tuple[int, int], ink: Colour) -> None:
    across, down = random.uniform(50, 100), random.uniform(16, 30)
    for y in np.arange(10, size[1], down):
        pen.line((8, y, size[0] - 8, y), ink)
        for x in np.arange(12, size[0] - 20, across):
            number = f"{random.uniform(0, 999):.2f}"
            pen.text((x, y + 2), _choice(random, (number, _words(random, 1))), ink, _font(down / 2))
    for x in np.arange(8, size[0], across):
        pen.line((x, 10, x, size[1] - 8), ink)


def _poster(random: Random, pen: ImageDraw.ImageDraw, size: tuple[int, int], ink: Colour) -> None:
    for line in range(int(random.integers(1, 5))):
        height = random.uniform(24, 70)
        place = (random.uniform(0, 30), line * size[1] / 4 + random.uniform(0, 20))
        pen.text(place, _words(random, 2), ink, _font(height))


def _form(random: Random, pen: ImageDraw.ImageDraw, size: tuple[int, int], ink: Colour) -> None:
    for y in np.arange(12, size[1] - 24, random.uniform(28, 44)):
        pen.text((12, y), _words(random, 1), ink, _font(11))
        pen.rectangle((90, y - 2, size[0] - 14, y + 16), outline=ink)
        if random.random() < 0.7:
            pen.text((96, y), _words(random, 2), ink, _font(11))


def screenshot(random: Random) -> Image.Image:
    """A desktop with a window or two, a page in a browser, or the screen of a telephone."""
    size = _size(random)
    ground, ink = _paper_and_ink(random)
    picture = Image.new("RGB", size, _colour(random))
    pen = ImageDraw.Draw(picture)
    if random.random() < 0.4:
        _window(random, pen, (0, 0, *size), ground, ink)
    for _ in range(int(random.integers(1, 4))):
        left, upper = (random.uniform(0, 0.4) * side for side in size)
        right, lower = (random.uniform(0.7, 1) * side for side in size)
        _window(random, pen, (left, upper, right, lower), ground, ink)
    has_task_bar = random.random() < 0.5
    if has_task_bar:
        pen.rectangle((0, size[1] - 20, *size), fill=ground)
        for x in range(6, size[0] - 60, 24):
            pen.rounded_rectangle((x, size[1] - 17, x + 14, size[1] - 3), 3, fill=_colour(random))
    return picture


Box = tuple[float, float, float, float]


def _window(
    random: Random, pen: ImageDraw.ImageDraw, box: Box, ground: Colour, ink: Colour
) -> None:
    left, upper, right, lower = box
    accent = _colour(random)
    pen.rectangle(box, fill=ground, outline=ink)
    pen.rectangle((left, upper, right, upper + 16), fill=accent)
    pen.text((left + 44, upper + 2), _words(random, 2), ground, _font(10))
    for button in range(3):
        x = left + 6 + 12 * button
        pen.ellipse((x, upper + 4, x + 8, upper + 12), fill=_colour(random, 60))
    content = (left + 8, upper + 24, right - 8, lower - 6)
    if random.random() < 0.5:
        side = left + 0.25 * (right - left)
        pen.rectangle((left, upper + 16, side, lower), fill=_colour(random, 120))
        content = (side + 8, *content[1:])
    _choice(random, (_rows, _chart, _tiles))(random, pen, content, ink, accent)


def _rows(random: Random, pen: ImageDraw.ImageDraw, box: Box, ink: Colour, accent: Colour) -> None:
    left, upper, right, lower = box
    for y in np.arange(upper, lower - 10, random.uniform(12, 20)):
        if random.random() < 0.15:
            pen.rounded_rectangle((left, y, left + 50, y + 11), 3, fill=accent)
        else:
            width = max(1, int((right - left) / 45))
            pen.text((left, y), _words(random, width), ink, _font(10))


def _chart(random: Random, pen: ImageDraw.ImageDraw, box: Box, ink: Colour, accent: Colour) -> None:
    left, upper, right, lower = box
    pen.line((left, upper, left, lower, right, lower), ink)
    places = np.linspace(left + 6, max(left + 7, right - 6), int(random.integers(4, 14)))
    tops = lower - random.uniform(0.1, 0.9, len(places)) * max(1, lower - upper)
    if random.random() < 0.5:
        pen.line([(float(x), float(y)) for x, y in zip(places, tops, strict=True)], accent, 2)
        return
    for x, y in zip(places, tops, strict=True):
        pen.rectangle((x, y, x + 8, lower), fill=accent)


def _tiles(random: Random, pen: ImageDraw.ImageDraw, box: Box, ink: Colour, accent: Colour) -> None:
    left, upper, right, lower = box
    step = random.uniform(36, 80)
    for y in np.arange(upper, lower - step, step + 6):
        for x in np.arange(left, right - step, step + 6):
            fill = _choice(random, (accent, _colour(random, 80)))
            pen.rounded_rectangle((x, y, x + step, y + 0.7 * step), 4, fill=fill)
            pen.text((x, y + 0.75 * step), _words(random, 1), ink, _font(9))


def photograph(random: Random) -> Image.Image:
    """A crop of one of scikit-learn's photographs, as another camera might have taken it.

    The photographs, 427 × 640 pixels each, are of a temple and of a flower.
    """
    taken = Image.fromarray(_choice(random, _photographs()))
    width, height = _size(random)
    scale = random.uniform(0.3, 1) * min(taken.width / width, taken.height / height)
    across, down = width * scale, height * scale
    left = random.uniform(0, taken.width - across)
    upper = random.uniform(0, taken.height - down)
    box = (left, upper, left + across, upper + down)
    seen = taken.resize((width, height), Image.Resampling.BICUBIC, box)
    if random.random() < 0.5:
        seen = seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    light = random.uniform(0.9, 1.1, 3) * random.uniform(0.75, 1.2)
    grain = random.normal(0, random.uniform(0, 5), (height, width, 1))
    return _image(np.asarray(seen) * light + grain)


@cache
def _photographs() -> Sequence[np.ndarray]:
    photographs: Sequence[np.ndarray] = load_sample_images().images
    return photographs


KINDS: Final[dict[str, Callable[[Random], Image.Image]]] = {
    "blank": blank,
    "noise": noise,
    "text": text,
    "screenshot": screenshot,
    "photograph": photograph,
}
