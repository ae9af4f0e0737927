"""Where LaTeX stands in Markdown: ``$…$``, ``$$…$$``, ``\\(…\\)`` and ``\\[…\\]``, told apart from money.

Rules for dollars follow Pandoc's ``tex_math_dollars`` (https://pandoc.org/MANUAL.html#math), made stricter for prose about prices.
"""

from __future__ import annotations

import re
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

LONGEST_FORMULA = 4000
_MONEY = re.compile(r"\d[\d.,]*\s*([A-Za-z\u4e00-\u9fff,.;:!?，。；：！？、/-]|$)")
_HAS_OPERATOR = re.compile(r"[\\^_=+<>{}]")


def install_mathematics(parser: MarkdownIt) -> None:
    """Teach a parser the four notations; tokens are ``math_inline`` and ``math_block``, their ``content`` the LaTeX."""
    parser.inline.ruler.before("escape", "math_inline", _read_inline)
    parser.block.ruler.before("fence", "math_block", _read_block, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def is_money(content: str) -> bool:
    """True for what stands between two dollar signs that are prices, as in “$5 and $6”."""
    return bool(_MONEY.match(content)) and not _HAS_OPERATOR.search(content) and not re.fullmatch(r"\d[\d.,]*", content)


def _read_inline(state: StateInline, silent: bool) -> bool:
    source, start = state.src, state.pos
    if source.startswith("\\(", start) or source.startswith("\\[", start):
        close = "\\)" if source[start + 1] == "(" else "\\]"
        end = source.find(close, start + 2)
        if end < 0 or end - start > LONGEST_FORMULA or not source[start + 2 : end].strip():
            return False
        return _push(state, silent, source[start + 2 : end], end + 2, is_display=close == "\\]")
    if source[start] != "$":
        return False
    if source.startswith("$$", start):
        end = source.find("$$", start + 2)
        if end < 0 or not source[start + 2 : end].strip():
            return False
        return _push(state, silent, source[start + 2 : end], end + 2, is_display=True)
    end = _closing_dollar(source, start)
    if end < 0:
        return False
    return _push(state, silent, source[start + 1 : end], end + 1, is_display=False)


def _closing_dollar(source: str, start: int) -> int:
    """Index of the dollar that closes the one at ``start``, or -1."""
    if (
        start + 1 >= len(source)
        or source[start + 1].isspace()
        or (start and (source[start - 1].isalnum() and source[start - 1].isascii()))
    ):
        return -1
    position = start + 1
    while position < len(source) and position - start < LONGEST_FORMULA:
        character = source[position]
        if character == "\\":
            position += 2
            continue
        if character == "`" or source.startswith("\n\n", position):
            return -1
        if character == "$":
            follows = source[position + 1] if position + 1 < len(source) else " "
            content = source[start + 1 : position]
            if source[position - 1].isspace() or follows.isdigit() or is_money(content):
                return -1
            return position
        position += 1
    return -1


def _push(state: StateInline, silent: bool, content: str, end: int, *, is_display: bool) -> bool:
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content = content.strip()
        token.meta = {"display": is_display}
    state.pos = end
    return True


def _read_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    begin = state.bMarks[start_line] + state.tShift[start_line]
    if state.is_code_block(start_line):
        return False
    first = state.src[begin : state.eMarks[start_line]]
    close = {"$$": "$$", "\\[": "\\]"}.get(first[:2])
    if close is None:
        return False
    rest = first[2:]
    if close in rest:
        inside, after = rest.split(close, 1)
        if after.strip():
            return False
        lines, last_line, is_closed = [inside], start_line, True
    else:
        lines, last_line, is_closed = [rest], start_line, False
        while last_line + 1 < end_line and not is_closed:
            last_line += 1
            line_begin = state.bMarks[last_line] + state.tShift[last_line]
            if state.sCount[last_line] < state.blkIndent:
                last_line -= 1
                break
            line = state.src[line_begin : state.eMarks[last_line]]
            if close in line:
                inside, after = line.split(close, 1)
                if after.strip():
                    return False
                lines.append(inside)
                is_closed = True
            else:
                lines.append(line)
    if not is_closed and not state.env.get("is_growing"):
        return False
    if silent:
        return True
    _push_block(state, lines, start_line, last_line)
    return True


def _push_block(state: StateBlock, lines: list[str], start_line: int, last_line: int) -> None:
    token: Any = state.push("math_block", "math", 0)
    token.block = True
    token.content = "\n".join(lines).strip()
    token.map = [start_line, last_line + 1]
    token.meta = {"display": True}
    state.line = last_line + 1
