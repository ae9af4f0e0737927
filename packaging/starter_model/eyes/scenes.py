"""What a picture holds, before it is drawn: shapes, a digit, a word, or nothing, on a 3 × 3 board of places."""

from __future__ import annotations

import random
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "heart", "cross")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white")
WORDS = ("cat", "dog", "sun", "sky", "tea", "ink", "pen", "book", "moon", "tree", "fish", "bird", "milk", "ship", "yes", "no")
PLACES = 9
MOST_SHAPES = 6
_SHADES = {
    "red": ((225, 30, 35), (255, 0, 0), (200, 20, 40), (229, 57, 53)),
    "orange": ((255, 140, 0), (250, 125, 20), (255, 152, 0), (255, 165, 0)),
    "yellow": ((250, 220, 30), (255, 255, 0), (255, 235, 59), (240, 215, 0)),
    "green": ((40, 160, 60), (0, 128, 0), (0, 200, 0), (67, 160, 71), (0, 255, 0)),
    "blue": ((40, 90, 220), (0, 0, 255), (30, 136, 229), (20, 60, 180)),
    "purple": ((130, 50, 170), (128, 0, 128), (156, 39, 176), (148, 0, 211)),
    "black": ((15, 15, 18), (0, 0, 0), (30, 30, 30)),
    "white": ((248, 248, 250), (255, 255, 255), (240, 240, 240)),
}
_GREYS = (
    (255, 255, 255),
    (250, 248, 240),
    (0, 0, 0),
    (40, 44, 52),
    (128, 128, 128),
    (200, 200, 205),
    (90, 95, 100),
    (245, 245, 245),
)
# How often a picture is of each kind, out of 100.
_SHARES = (("shapes", 74), ("digit", 14), ("word", 9), ("empty", 3))
# How often shapes lie on a board of one, two or three places a side.
_BOARDS = ((1, 22), (2, 18), (3, 60))


@dataclass(frozen=True, slots=True)
class Thing:
    """A shape or digit: where its middle is and how far it reaches, in parts of the picture's side; ``turn`` in degrees."""

    name: str
    colour: str
    rgb: tuple[int, int, int]
    x: float
    y: float
    reach: float
    turn: float
    is_filled: bool

    @property
    def place(self) -> int:
        """0 (top left) to 8 (bottom right), by its middle."""
        return min(2, int(self.y * 3)) * 3 + min(2, int(self.x * 3))


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture: ``kind`` is shapes, digit, word or empty; ``things`` come in reading order."""

    kind: str
    background: tuple[int, int, int]
    things: tuple[Thing, ...]


def draw_scene(rng: random.Random) -> Scene:
    """Make up a picture."""
    kind = rng.choices([name for name, _ in _SHARES], [share for _, share in _SHARES])[0]
    background = _draw_background(rng)
    if kind == "empty":
        return Scene(kind, background, ())
    if kind == "word":
        return Scene(kind, background, (_draw_word(rng, background),))
    if kind == "digit":
        board = rng.choices((1, 2, 3), (60, 20, 20))[0]
        return Scene(kind, background, (_draw_thing(rng, str(rng.randrange(10)), background, board, rng.randrange(board**2)),))
    board = rng.choices([size for size, _ in _BOARDS], [share for _, share in _BOARDS])[0]
    count = {1: 1, 2: rng.randint(1, 4), 3: rng.choices(range(1, 7), (16, 18, 19, 18, 16, 13))[0]}[board]
    cells = sorted(rng.sample(range(board**2), count))
    # Half of the pictures repeat few shapes and colours, or most counts of one kind would be none or one.
    shapes = rng.sample(SHAPES, rng.randint(1, 2)) if rng.random() < 0.5 else SHAPES
    colours = rng.sample(COLOURS, rng.randint(2, 3)) if rng.random() < 0.5 else COLOURS
    colours = tuple(name for name in colours if _differs(name, background)) or _fitting(background)
    things = [_draw_thing(rng, rng.choice(shapes), background, board, cell, rng.choice(colours)) for cell in cells]
    return Scene(kind, background, tuple(sorted(things, key=lambda thing: thing.place)))


def draw_crowd(rng: random.Random) -> Scene:
    """Shapes and digits on most places: more to learn from a picture than people would draw, for the tower alone."""
    background = _draw_background(rng)
    cells = sorted(rng.sample(range(PLACES), rng.randint(5, PLACES)))
    names = [str(rng.randrange(10)) if rng.random() < 0.25 else rng.choice(SHAPES) for _ in cells]
    things = [_draw_thing(rng, name, background, 3, cell) for name, cell in zip(names, cells, strict=True)]
    return Scene("shapes", background, tuple(things))


def _draw_thing(
    rng: random.Random, name: str, background: tuple[int, int, int], board: int, cell: int, colour: str = ""
) -> Thing:
    side = 1 / board
    reach = side * rng.uniform(0.26, 0.44) if board > 1 else rng.uniform(0.14, 0.44)
    slack = max(0.0, side / 2 - reach) * 0.9
    if board == 1:
        slack = min(slack, 0.13)  # its middle stays in the middle place
    x = (cell % board + 0.5) * side + rng.uniform(-slack, slack)
    y = (cell // board + 0.5) * side + rng.uniform(-slack, slack)
    colour = colour or rng.choice(_fitting(background))
    is_filled = name.isdigit() or rng.random() < 0.8
    return Thing(name, colour, _shade(rng, colour, background), x, y, reach, rng.gauss(0, 6), is_filled)


def _draw_word(rng: random.Random, background: tuple[int, int, int]) -> Thing:
    colour = rng.choice(_fitting(background))
    reach = rng.uniform(0.3, 0.46)
    slack = 0.48 - reach
    place = (0.5 + rng.uniform(-slack, slack), 0.5 + rng.uniform(-0.16, 0.16))
    return Thing(rng.choice(WORDS), colour, _shade(rng, colour, background), *place, reach, rng.gauss(0, 3), is_filled=True)


def _draw_background(rng: random.Random) -> tuple[int, int, int]:
    draw = rng.random()
    if draw < 0.35:
        return (255, 255, 255)
    if draw < 0.75:
        return rng.choice(_GREYS)
    pale = rng.random() < 0.6
    low, high = (180, 255) if pale else (10, 90)
    return (rng.randint(low, high), rng.randint(low, high), rng.randint(low, high))


def _shade(rng: random.Random, colour: str, background: tuple[int, int, int]) -> tuple[int, int, int]:
    for _ in range(8):
        base = rng.choice(_SHADES[colour])
        spread = 6 if rng.random() < 0.5 else 14
        red, green, blue = (min(255, max(0, value + rng.randint(-spread, spread))) for value in base)
        if _distance((red, green, blue), background) > 110:
            break
    return (red, green, blue)


def _fitting(background: tuple[int, int, int]) -> tuple[str, ...]:
    return tuple(name for name in COLOURS if _differs(name, background))


def _differs(colour: str, background: tuple[int, int, int]) -> bool:
    return min(_distance(shade, background) for shade in _SHADES[colour]) > 130


def _distance(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)
