"""The manual's pages as tests read them: blocks of commands, and the comment above a block that says why it is not run."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n+)?^```(?P<kind>sh|python)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of a page, in the order of the page; ``reason`` says why they are not run, empty where they are."""

    page: Path
    line: int
    kind: str
    text: str
    reason: str

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block, without comments; lines that go on are joined."""
        joined = self.text.replace("\\\n", " ")
        return [line for raw in joined.splitlines() if (line := re.sub(r"(^|\s+)# .*$", "", raw).strip())]


def list_pages(language: str) -> list[Path]:
    """The pages of one language; those that are only in English, which both show, are with English."""
    own = sorted((DOCS / language).glob("*.md"))
    return own + (sorted(DOCS.glob("*.md")) if language == "en" else [])


def read_blocks(page: Path) -> list[Block]:
    """Every block of commands and of Python on a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start("kind")) + 1, found["kind"], found["text"], (found["reason"] or "").strip())
        for found in _BLOCK.finditer(text)
    ]


def outline(command: str) -> str:
    """A command without the words that are written in a language."""
    return _QUOTED.sub('"…"', command)


def yanmo_arguments(command: str) -> list[str] | None:
    """What ``yanmo`` is given by a command line, up to a pipe; None where the command is another program."""
    words = shlex.split(command)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    if "yanmo" not in words:
        return None
    words = words[words.index("yanmo") + 1 :]
    return words[: words.index("|")] if "|" in words else words
