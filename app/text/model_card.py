"""A model card from a hub as Markdown that a window can show: without HTML, its paragraphs flowing."""

from __future__ import annotations

import re

_TAGS = (
    "div|p|img|a|br|h[1-6]|details|summary|table|t[rdh]|thead|tbody|center|span|sub|sup|b|i|em|strong|font|hr|video|source"
    "|picture|style|ul|ol|li|code|pre"
)
_HTML = re.compile(rf"<!--.*?-->|</?(?:{_TAGS})\b[^<>]*>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_OWN_LINE = re.compile(r"\s*(?:[-*+>|#]|\d+[.)]\s|={3,}|-{3,}|\$\$|!\[)|\s{4,}|\t|\s*$")


def simplify_card(text: str) -> str:
    """Leave out HTML, and join the lines of a paragraph as every reader of Markdown but a chat does. Code stays as it is."""
    pieces: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        match = _FENCE.match(line)
        if fence:
            pieces.append(line)
            if match and match[1] == fence:
                fence = ""
        elif match:
            pieces += [*_flow(prose), line]
            prose, fence = [], match[1]
        else:
            prose.append(line)
    return "\n".join([*pieces, *_flow(prose)]).strip("\n")


def _flow(lines: list[str]) -> list[str]:
    """The lines of prose without HTML, joined where Markdown would join them."""
    joined: list[str] = []
    for line in _HTML.sub("", "\n".join(lines)).split("\n"):
        before = joined[-1] if joined else ""
        starts_itself = _OWN_LINE.match(line) or not before.strip() or before.endswith("  ")
        if starts_itself or before.lstrip().startswith(("#", "|")) or not joined:
            joined.append(line)
        else:
            joined[-1] = f"{before} {line.strip()}"
    return joined
