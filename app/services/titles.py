"""A conversation's title from its first words."""

from __future__ import annotations

import re

WIDTH = 40
"""Columns of the longest title; a Chinese character takes two."""

_MARKUP = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+]\s+(?:\[[ xX]\]\s+)?|\d+[.)]\s+)+"), ""),
    (re.compile(r"(\*\*|__|~~|`+)(.+?)\1"), r"\2"),
    (re.compile(r"(?<!\w)([*_])(\S.*?)\1(?!\w)"), r"\2"),
)
_ENDS = " \t,;:—-–，、；：。"


def make_title(text: str) -> str:
    """The first line with words in it, without Markdown, cut at a word; empty where there is none."""
    for line in text.splitlines():
        plain = line if not re.match(r"^\s*(```|~~~|---|===|\$\$)", line) else ""
        for pattern, replacement in _MARKUP:
            plain = pattern.sub(replacement, plain)
        plain = " ".join(plain.split())
        if any(character.isalnum() for character in plain):
            return _cut(plain)
    return ""


def _cut(text: str) -> str:
    width = 0
    for index, character in enumerate(text):
        width += 2 if _is_wide(character) else 1
        if width > WIDTH:
            head = text[:index]
            if not _is_wide(character) and " " in head[WIDTH // 2 :]:
                head = head.rpartition(" ")[0]
            return head.rstrip(_ENDS) + "…"
    return text.rstrip(_ENDS) or text


def _is_wide(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\u2e80" <= character <= "\uffdc" or character >= "\U0001f300"
