"""Draws scenes with Pillow at any size, spoils them a little, and brings them to the model's size as both engines do."""

from __future__ import annotations

import functools
import io
import math
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from starter_model.eyes.scenes import SHAPES, Scene, Thing

SIDE = 72
"""Pixels a side that the model sees."""
_FONT_FOLDERS = (Path("/usr/share/fonts/truetype/dejavu"), Path("C:/Windows/Fonts"), Path("/System/Library/Fonts/Supplemental"))
_FONT_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansMono-Bold.ttf",
               "arial.ttf", "arialbd.ttf", "times.ttf", "Arial.ttf", "Georgia.ttf")  # fmt: skip


def draw(scene: Scene, rng: random.Random, width: int = 216, height: int = 216) -> Image.Image:
    """Draw a scene; ``rng`` decides fonts and line widths."""
    picture = Image.new("RGB", (width, height), scene.background)
    pen = ImageDraw.Draw(picture)
    for thing in scene.things:
        if thing.name in SHAPES:
            _draw_shape(pen, thing, width, height, rng)
        else:
            _draw_text(picture, thing, rng)
    return picture


def spoil(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Some pictures get the marks of JPEG."""
    if rng.random() >= 0.12:
        return picture
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=rng.randint(45, 90))
    buffer.seek(0)
    return Image.open(buffer).convert("RGB")


def add_noise(pixels: np.ndarray, rng: random.Random) -> np.ndarray:
    """Some get noise or another brightness; uint8 in, uint8 out."""
    draw = rng.random()
    if draw < 0.2:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 7), pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if draw < 0.3:
        return np.clip(pixels * rng.uniform(0.88, 1.08), 0, 255).astype(np.uint8)
    return pixels


def with_bars(picture: Image.Image, side: int = SIDE) -> np.ndarray:
    """As libmtmd prepares a picture for Gemma 3: fitted in, black around it. Returns (side, side, 3) of uint8."""
    scale = min(side / picture.width, side / picture.height)
    size = (min(side, math.ceil(picture.width * scale)), min(side, math.ceil(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.BILINEAR)
    if size == (side, side):
        return np.asarray(small)
    whole = Image.new("RGB", (side, side))
    whole.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(whole)


def stretched(picture: Image.Image, side: int = SIDE) -> np.ndarray:
    """As transformers prepares a picture for Gemma 3: stretched. Returns (side, side, 3) of uint8."""
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))


def draw_for_training(scene: Scene, rng: random.Random) -> tuple[np.ndarray, list[int]]:
    """The picture that the model sees (side, side, 3), in one of many sizes and shapes, and on which of 3 × 3 fields each thing lies.

    The field is that of the model's picture; with bars it may be another than the thing's place in its own picture.
    """
    side = rng.choice((108, 144, 144, 216))
    width = height = side
    if rng.random() < 0.3:
        ratio = rng.uniform(1.05, 1.7)
        width, height = (int(side * ratio), side) if rng.random() < 0.6 else (side, int(side * ratio))
    picture = spoil(draw(scene, rng, width, height), rng)
    is_wide = max(width, height) > 1.35 * min(width, height)
    has_bars = rng.random() < (0.85 if is_wide else 0.6)
    pixels = add_noise(with_bars(picture) if has_bars else stretched(picture), rng)
    longest = max(width, height)
    share = (width / longest, height / longest) if has_bars else (1.0, 1.0)
    fields = []
    for thing in scene.things:
        x, y = (0.5 + (place - 0.5) * part for place, part in zip((thing.x, thing.y), share, strict=True))
        fields.append(min(2, int(y * 3)) * 3 + min(2, int(x * 3)))
    return pixels, fields


def _corners(name: str, turn: float) -> list[tuple[float, float]]:
    """A shape's outline, reaching 1 from its middle."""
    points: list[tuple[float, float]]
    if name == "square":
        points = [(-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84)]
    elif name == "triangle":
        points = [(math.sin(k * 2.0944), -math.cos(k * 2.0944) + 0.12) for k in range(3)]
    elif name == "star":
        points = [((1.0, 0.42)[k % 2] * math.sin(k * 0.62832), -(1.0, 0.42)[k % 2] * math.cos(k * 0.62832)) for k in range(10)]
    elif name == "heart":
        steps = [k * math.tau / 28 for k in range(28)]
        points = [(16 * math.sin(t) ** 3 / 17,
                   -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17 - 0.08)
                  for t in steps]  # fmt: skip
    else:  # a cross
        a, b = 0.3, 0.95
        points = [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a), (-b, a), (-b, -a), (-a, -a)]
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in points]


def _draw_shape(pen: ImageDraw.ImageDraw, thing: Thing, width: int, height: int, rng: random.Random) -> None:
    reach = thing.reach * min(width, height)
    x, y = thing.x * width, thing.y * height
    line = max(3, int(reach * rng.uniform(0.16, 0.3)))
    fill, outline = (thing.rgb, None) if thing.is_filled else (None, thing.rgb)
    if thing.name == "circle":
        box = (x - reach, y - reach, x + reach, y + reach)
        pen.ellipse(box, fill=fill, outline=outline, width=0 if thing.is_filled else line)
        return
    points = [(x + reach * a, y + reach * b) for a, b in _corners(thing.name, thing.turn)]
    if thing.is_filled:
        pen.polygon(points, fill=fill)
    else:
        pen.line([*points, *points[:2]], fill=outline, width=line, joint="curve")


@functools.cache
def _fonts() -> tuple[Path | None, ...]:
    """The font that comes with Pillow, and what the system has of some well-known ones."""
    return (None, *(folder / name for folder in _FONT_FOLDERS for name in _FONT_FILES if (folder / name).is_file()))


@functools.cache
def _stencil(text: str, font: int, size: int) -> Image.Image:
    path = _fonts()[font]
    face = ImageFont.load_default(size) if path is None else ImageFont.truetype(str(path), size)
    left, top, right, bottom = face.getbbox(text)
    stencil = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(stencil).text((1 - left, 1 - top), text, fill=255, font=face)
    return stencil


def _draw_text(picture: Image.Image, thing: Thing, rng: random.Random) -> None:
    """A digit twice its reach high, a word twice its reach wide."""
    stencil = _stencil(thing.name, rng.randrange(len(_fonts())), 72)
    reach = thing.reach * min(picture.size)
    scale = 2 * reach / (stencil.height if thing.name.isdigit() else stencil.width)
    size = (max(2, int(stencil.width * scale)), max(2, int(stencil.height * scale)))
    mask = stencil.resize(size, Image.Resampling.BILINEAR)
    if abs(thing.turn) > 1:
        mask = mask.rotate(thing.turn, Image.Resampling.BILINEAR, expand=True)
    place = (int(thing.x * picture.width - mask.width / 2), int(thing.y * picture.height - mask.height / 2))
    picture.paste(thing.rgb, (*place, place[0] + mask.width, place[1] + mask.height), mask)
