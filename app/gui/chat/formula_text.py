"""Chinese, Japanese and Korean words in formulas, for which the mathematical font has no glyphs.

Each run of such characters is drawn as capital Ms in a colour of its own; where those stand in the drawing is where the words belong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CJK = r"[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef\u3000-\u303f]"
_RUN = re.compile(f"{CJK}(?:[ ]*{CJK})*")
_TEXT_COMMAND = re.compile(r"\\(?:text|mbox|textrm|textnormal|mathrm|textbf|mathbf)\{([^{}]*)\}")
_PATH = re.compile(r'<path d="([^"]*)"\s+fill="#01([0-9a-f]{4})"\s*/?>(?:</path>)?')
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_CAP_HEIGHT = 0.657
"""Height of the mathematical font's capital M, in em."""
MOST_RUNS = 200


@dataclass(frozen=True, slots=True)
class PlacedText:
    """Words at their place in the drawing's coordinates: left edge, baseline, width and the size of an em."""

    text: str
    left: float
    baseline: float
    width: float
    em: float


def mark_words(tex: str) -> tuple[str, list[str]]:
    """The LaTeX with coloured Ms in place of each run of wide characters, and the runs."""
    words: list[str] = []

    def mark(run: str) -> str:
        words.append(run.replace(" ", ""))
        return f"{{\\textcolor{{#01{len(words) - 1:04x}}}{{\\text{{{'M' * len(words[-1])}}}}}}}"

    def mark_text(match: re.Match[str]) -> str:
        content = match.group(1)
        if not _RUN.search(content):
            return match.group()
        parts, position = [], 0
        for run in _RUN.finditer(content):
            parts.append(_plain_text(content[position : run.start()]))
            parts.append(mark(run.group()))
            position = run.end()
        parts.append(_plain_text(content[position:]))
        return "{" + "".join(parts) + "}"

    marked = _TEXT_COMMAND.sub(mark_text, tex)
    return _RUN.sub(lambda match: mark(match.group()), marked), words


def _plain_text(text: str) -> str:
    """Text between marks; its outer spaces as ``\\;``, because a space of its own would take the colour from the mark before it."""
    core = text.strip(" ")
    if not core:
        return "\\;" if text else ""
    return ("\\;" if text[0] == " " else "") + f"\\text{{{core}}}" + ("\\;" if text[-1] == " " else "")


def take_out_marks(svg: str, words: list[str]) -> tuple[str, list[PlacedText]]:
    """The drawing without the Ms, and where the words go."""
    boxes: dict[int, tuple[float, float, float, float]] = {}
    for match in _PATH.finditer(svg):
        numbers = [float(number) for number in _NUMBER.findall(match.group(1))]
        across, down = numbers[0::2], numbers[1::2]
        index = int(match.group(2), 16)
        if index >= len(words) or not across or not down:
            continue
        box = (min(across), max(across), min(down), max(down))
        old = boxes.get(index, box)
        boxes[index] = (min(old[0], box[0]), max(old[1], box[1]), min(old[2], box[2]), max(old[3], box[3]))
    placed = [
        PlacedText(words[index], left, bottom, right - left, (bottom - top) / _CAP_HEIGHT)
        for index, (left, right, top, bottom) in boxes.items()
    ]
    return _PATH.sub("", svg), placed
