"""Drawings that stand in for photographs: landscapes, people, streets, rooms and things on a table.

They have what photographs have and micrographs lack: a horizon, shading, objects of every scale,
lens blur, vignetting, the sensor's noise and the traces of JPEG.
"""

import io
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from classifier.synthetic.textures import smooth_noise

Random = np.random.Generator
Colour = tuple[int, int, int]
Scene = Callable[[Random, int, int], Image.Image]

SIZES: Final = ((360, 240), (240, 360), (400, 300), (320, 320), (480, 270), (300, 400))
SKINS: Final = ((241, 205, 180), (224, 172, 130), (190, 132, 92), (141, 90, 60), (92, 58, 40))


def photograph(random: Random) -> Image.Image:
    """One scene as a camera would give it."""
    width, height = SIZES[int(random.integers(len(SIZES)))]
    scene = SCENES[int(random.integers(len(SCENES)))]
    return _through_camera(random, scene(random, width, height))


def _through_camera(random: Random, picture: Image.Image) -> Image.Image:
    """Lens blur, vignette, white balance, sensor noise and JPEG."""
    picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.5)))
    width, height = picture.size
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = 1 - random.uniform(0, 0.35) * (down**2 + across**2) / 2
    balance = random.uniform(0.9, 1.1, 3) * random.uniform(0.75, 1.2)
    values = np.asarray(picture) * vignette[..., None] * balance
    values += random.normal(0, random.uniform(1, 6), values.shape)
    if random.random() < 0.12:
        values = np.repeat(values.mean(axis=-1, keepdims=True), 3, axis=-1)
    buffer = io.BytesIO()
    taken = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    taken.save(buffer, "JPEG", quality=int(random.integers(60, 96)))
    return Image.open(buffer).convert("RGB")


def _tint(random: Random, colour: Colour, spread: float = 25) -> Colour:
    red, green, blue = np.clip(np.array(colour) + random.normal(0, spread, 3), 0, 255)
    return int(red), int(green), int(blue)


def _fade(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    share = np.linspace(0, 1, height)[:, None, None]
    column = np.array(top) * (1 - share) + np.array(bottom) * share
    return Image.fromarray(np.broadcast_to(column, (height, width, 3)).astype(np.uint8))


def _textured(random: Random, picture: Image.Image, strength: float, grain: float) -> Image.Image:
    field = smooth_noise(random, (picture.height, picture.width), (grain, grain))
    values = np.asarray(picture) + strength * field[..., None]
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _landscape(random: Random, width: int, height: int) -> Image.Image:
    """Sky with clouds and a sun, ridges that darken towards the front, and trees."""
    day = random.random() < 0.7
    top, low = ((90, 140, 210), (200, 220, 240)) if day else ((40, 40, 90), (240, 150, 90))
    picture = _fade(width, height, _tint(random, top), _tint(random, low))
    picture = _textured(random, picture, random.uniform(2, 18), random.uniform(15, 60))
    pen = ImageDraw.Draw(picture)
    x, y, radius = random.uniform(0, width), random.uniform(0, height / 3), random.uniform(6, 22)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 245, 210))
    colour = np.array(_tint(random, (110, 140, 110)))
    for level in np.sort(random.uniform(0.35, 0.9, int(random.integers(2, 5)))):
        _ridge(random, pen, (width, height), level, colour)
        colour = colour * random.uniform(0.6, 0.9)
    for _ in range(int(random.integers(0, 14))):
        _tree(random, pen, width, height)
    return _textured(random, picture, 8, 2)


def _ridge(
    random: Random,
    pen: ImageDraw.ImageDraw,
    size: tuple[int, int],
    level: float,
    colour: np.ndarray,
) -> None:
    width, height = size
    places = np.linspace(0, width, 40)
    rise = np.zeros_like(places)
    for cycles in (1, 2, 5, 9):
        phase = random.uniform(0, 2 * np.pi)
        rise += (
            np.sin(2 * np.pi * cycles * places / width + phase) * random.uniform(0, 0.15) / cycles
        )
    line = [(float(x), float(height * (level + y))) for x, y in zip(places, rise, strict=True)]
    red, green, blue = (int(value) for value in colour)
    pen.polygon([(0, height), *line, (width, height)], fill=(red, green, blue))


def _tree(random: Random, pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
    x, foot = random.uniform(0, width), height * random.uniform(0.65, 1)
    tall = random.uniform(20, 90)
    pen.line((x, foot, x, foot - tall), _tint(random, (80, 55, 35)), max(2, round(tall / 12)))
    crown = (x - tall / 3, foot - 1.3 * tall, x + tall / 3, foot - tall / 2)
    pen.ellipse(crown, fill=_tint(random, (50, 100, 45)))


def _seaside(random: Random, width: int, height: int) -> Image.Image:
    """Sky, water with ripples, sand."""
    picture = _fade(width, height, _tint(random, (120, 170, 225)), _tint(random, (225, 235, 240)))
    pen = ImageDraw.Draw(picture)
    horizon, shore = height * random.uniform(0.3, 0.5), height * random.uniform(0.65, 0.95)
    pen.rectangle((0, horizon, width, shore), fill=_tint(random, (40, 110, 150)))
    pen.rectangle((0, shore, width, height), fill=_tint(random, (215, 190, 140)))
    for _ in range(90):
        x, y = random.uniform(0, width), random.uniform(horizon, shore)
        long = 3 + 25 * (y - horizon) / (shore - horizon)
        pen.line((x, y, x + long, y), _tint(random, (150, 200, 220)))
    return _textured(random, picture, random.uniform(3, 10), random.uniform(2, 30))


def _person(random: Random, width: int, height: int) -> Image.Image:
    """Head and shoulders before a wall or a garden out of focus."""
    picture = _fade(
        width, height, _tint(random, (150, 150, 150), 60), _tint(random, (120,) * 3, 60)
    )
    picture = _textured(random, picture, random.uniform(0, 30), random.uniform(20, 80))
    for _ in range(int(random.integers(1, 3))):
        _head(random, ImageDraw.Draw(picture), width, height)
    return _shaded(random, picture)


def _head(random: Random, pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
    skin = _tint(random, SKINS[int(random.integers(len(SKINS)))], 8)
    hair = _tint(random, (60, 40, 30), 35)
    x, y = width * random.uniform(0.3, 0.7), height * random.uniform(0.3, 0.5)
    side = min(width, height) * random.uniform(0.12, 0.3)
    pen.ellipse(
        (x - 2.2 * side, y + 1.3 * side, x + 2.2 * side, y + 5 * side),
        fill=_tint(random, (90, 90, 120), 70),
    )
    pen.rectangle((x - 0.4 * side, y + side, x + 0.4 * side, y + 1.7 * side), fill=skin)
    pen.ellipse((x - 1.1 * side, y - 1.5 * side, x + 1.1 * side, y + 0.8 * side), fill=hair)
    pen.ellipse((x - 0.9 * side, y - 1.1 * side, x + 0.9 * side, y + 1.3 * side), fill=skin)
    for eye in (-0.38, 0.38):
        at = (x + (eye - 0.14) * side, y - 0.15 * side, x + (eye + 0.14) * side, y + 0.05 * side)
        pen.ellipse(at, fill=(245, 245, 245))
        pen.ellipse(
            (x + (eye - 0.07) * side, y - 0.13 * side, x + (eye + 0.07) * side, y + 0.03 * side),
            fill=hair,
        )
        pen.line(
            (at[0], at[1] - 0.15 * side, at[2], at[1] - 0.15 * side), hair, max(1, round(side / 14))
        )
    pen.line(
        (x, y, x - 0.1 * side, y + 0.4 * side, x + 0.08 * side, y + 0.42 * side),
        _tint(random, hair, 5),
    )
    pen.chord(
        (x - 0.35 * side, y + 0.5 * side, x + 0.35 * side, y + 0.95 * side),
        10,
        170,
        fill=(165, 70, 70),
    )


def _shaded(random: Random, picture: Image.Image) -> Image.Image:
    """Light from one side."""
    width, height = picture.size
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    light = 1 + random.uniform(0.1, 0.35) * (across * np.cos(angle) + down * np.sin(angle))
    values = np.asarray(picture) * light[..., None]
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _street(random: Random, width: int, height: int) -> Image.Image:
    """Houses with lit or dark windows, a road and cars."""
    picture = _fade(
        width, height, _tint(random, (110, 140, 190), 50), _tint(random, (210,) * 3, 30)
    )
    pen = ImageDraw.Draw(picture)
    road = height * random.uniform(0.7, 0.85)
    left = -10.0
    while left < width:
        right = left + random.uniform(40, 110)
        _house(random, pen, (left, height * random.uniform(0.05, 0.5), right, road))
        left = right
    pen.rectangle((0, road, width, height), fill=_tint(random, (80, 80, 85), 12))
    for _ in range(int(random.integers(0, 4))):
        _car(random, pen, random.uniform(0, width), random.uniform(road, height - 12))
    return _textured(random, picture, 5, 3)


def _house(
    random: Random, pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float]
) -> None:
    left, upper, right, lower = box
    pen.rectangle(box, fill=_tint(random, (150, 120, 105), 45))
    pane = _tint(random, (230, 210, 140) if random.random() < 0.4 else (60, 70, 90))
    step = random.uniform(12, 24)
    for y in np.arange(upper + 8, lower - step, step):
        for x in np.arange(left + 6, right - step / 2, step):
            pen.rectangle((x, y, x + step / 2, y + 0.6 * step), fill=pane)


def _car(random: Random, pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    long = random.uniform(30, 70)
    paint = _tint(random, (150, 60, 60), 80)
    pen.rounded_rectangle((x, y - long / 4, x + long, y), 4, fill=paint)
    pen.rounded_rectangle(
        (x + long / 5, y - long / 2.3, x + 0.8 * long, y - long / 5), 5, fill=paint
    )
    for wheel in (0.2, 0.7):
        pen.ellipse((x + wheel * long, y - 5, x + wheel * long + 10, y + 5), fill=(25, 25, 25))


def _table(random: Random, width: int, height: int) -> Image.Image:
    """Fruit, balls and boxes, shaded, on a table before a wall."""
    picture = _fade(
        width, height, _tint(random, (170, 160, 150), 50), _tint(random, (190,) * 3, 40)
    )
    pen = ImageDraw.Draw(picture)
    edge = height * random.uniform(0.4, 0.6)
    pen.rectangle((0, edge, width, height), fill=_tint(random, (140, 100, 65), 40))
    for _ in range(int(random.integers(1, 7))):
        x, y = random.uniform(0, width), random.uniform(edge, height)
        _ball(random, pen, x, y, random.uniform(12, 60))
    return _textured(random, picture, random.uniform(2, 10), random.uniform(1, 40))


def _ball(random: Random, pen: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    paint = np.array(_tint(random, (170, 110, 60), 70))
    pen.ellipse((x - radius, y + radius / 2, x + 1.4 * radius, y + 1.2 * radius), fill=(60, 45, 35))
    for share in np.linspace(1, 0.1, 12):
        red, green, blue = (int(value) for value in np.minimum(255, paint * (1.5 - 0.8 * share)))
        shift = (1 - share) * radius / 3
        reach = share * radius
        pen.ellipse(
            (x - shift - reach, y - shift - reach, x - shift + reach, y - shift + reach),
            fill=(red, green, blue),
        )


def _room(random: Random, width: int, height: int) -> Image.Image:
    """Walls in perspective, a window, pictures and a piece of furniture."""
    wall = _tint(random, (190, 180, 165), 40)
    picture = Image.new("RGB", (width, height), wall)
    pen = ImageDraw.Draw(picture)
    x, y = width * random.uniform(0.2, 0.45), height * random.uniform(0.15, 0.3)
    back = (x, y, width - x, height - 1.3 * y)
    pen.polygon(
        [(0, height), (back[0], back[3]), (back[2], back[3]), (width, height)],
        fill=_tint(random, (120, 85, 60)),
    )
    pen.polygon(
        [(0, 0), (back[0], back[1]), (back[2], back[1]), (width, 0)],
        fill=_tint(random, (230,) * 3, 12),
    )
    pen.rectangle(back, fill=_tint(random, wall, 15))
    left, upper = back[0] + 10, back[1] + 10
    pen.rectangle(
        (left, upper, left + 0.3 * width, upper + 0.25 * height),
        fill=_tint(random, (200, 225, 245)),
        outline=(250,) * 3,
        width=4,
    )
    seat = (width * random.uniform(0, 0.5), height * random.uniform(0.55, 0.75))
    pen.rounded_rectangle(
        (*seat, seat[0] + 0.45 * width, height), 10, fill=_tint(random, (110, 90, 110), 60)
    )
    return _shaded(random, _textured(random, picture, random.uniform(1, 8), random.uniform(2, 40)))


SCENES: Final[tuple[Scene, ...]] = (
    _landscape,
    _landscape,
    _seaside,
    _person,
    _person,
    _street,
    _table,
    _room,
)
