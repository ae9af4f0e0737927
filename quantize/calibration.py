"""The texts that importance matrices are computed from, and the one that quality is measured on where none is named."""

from __future__ import annotations

from pathlib import Path

from models.errors import InvalidOption
from resources import resource_folder

KINDS = ("prose-en", "prose-zh", "code", "chat")
HELD_OUT = "held-out"
_ENDINGS = {
    ".txt",
    ".md",
    ".rst",
    ".py",
    ".js",
    ".ts",
    ".c",
    ".h",
    ".cpp",
    ".java",
    ".go",
    ".rs",
    ".json",
    ".jsonl",
    ".csv",
    ".html",
    ".tex",
}
_LARGEST_BYTES = 64 << 20
"""Of all files together: more changes nothing and takes hours."""


def builtin_text() -> str:
    """English, Chinese, code and chats in turns, so that a part of it has something of everything."""
    folder = resource_folder() / "calibration"
    columns = [(folder / f"{kind}.txt").read_text(encoding="utf-8").split("\n\n") for kind in KINDS]
    longest = max(map(len, columns))
    mixed: list[str] = []
    for number in range(longest):
        for column in columns:
            mixed += column[number * len(column) // longest : (number + 1) * len(column) // longest]
    return "\n\n".join(mixed) + "\n"


def held_out_text() -> str:
    """A text that no importance matrix of the built-in text has seen."""
    return (resource_folder() / "calibration" / f"{HELD_OUT}.txt").read_text(encoding="utf-8")


def read_texts(path: Path, *, option: str = "--calibration") -> str:
    """The text of a file, or of all text files below a folder, in the order of their names.

    Raises:
        InvalidOption: there is none, it is not UTF-8, or it is too much.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in _ENDINGS)
    else:
        files = [path]
    if not files:
        raise InvalidOption(option=option, value=path, allowed="a folder with text files in it")
    try:
        if sum(file.stat().st_size for file in files) > _LARGEST_BYTES:
            raise InvalidOption(option=option, value=path, allowed=f"at most {_LARGEST_BYTES >> 20} MB of text")
        return "\n\n".join(file.read_text(encoding="utf-8-sig") for file in files)
    except OSError as error:
        raise InvalidOption(option=option, value=path, allowed=f"a file that can be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise InvalidOption(option=option, value=path, allowed="a text in UTF-8") from None
