"""Markdown cut into top-level blocks by a real parser's block map, so that only the last block of a growing reply is drawn again.

CommonMark with tables, strike-through, task lists, footnotes and mathematics. Raw HTML stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType
from mdit_py_plugins.footnote.index import footnote_def

from app.text.mathematics import install_mathematics

LARGE = 6_000
"""Characters from which a single block is cut into pieces: layout time grows with the size of one document."""
_FOOTNOTE = re.compile(r"\[\^([^\s\]^]{1,64})\]")
_BARE_MARKER = re.compile(r"(?:\d{1,9}[.)]|[-+*])\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？；;\n])\s*")


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block, or a piece of a large one.

    ``source`` is Markdown that stands on its own. ``piece`` counts from 0 within a block that was cut; ``is_open`` says that the
    block is the last of a text that may still grow.
    """

    kind: str
    source: str
    piece: int = 0
    is_open: bool = False


@lru_cache(maxsize=1)
def make_parser() -> MarkdownIt:
    """A parser for replies: no raw HTML, no typographic replacement, links as http, https and mailto only."""
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 40})
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline"], ignoreInvalid=True)
    install_mathematics(parser)
    parser.block.ruler.before("reference", "footnote_def", footnote_def, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before("list", "bare_marker", _read_bare_marker)
    parser.inline.ruler.after("image", "footnote_ref", _read_footnote)
    return parser


def _read_bare_marker(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """“2.” or “-” on a line of its own, before an empty line or the end, is text: CommonMark sees a list with an empty item."""
    line = state.src[state.bMarks[first] + state.tShift[first] : state.eMarks[first]]
    if silent or state.parentType == "list" or not _BARE_MARKER.fullmatch(line):
        return False
    if first + 1 < last and not state.isEmpty(first + 1):
        return False
    state.push("paragraph_open", "p", 1).map = [first, first + 1]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = line.strip(), [first, first + 1], []
    state.push("paragraph_close", "p", -1)
    state.line = first + 1
    return True


def _read_footnote(state: StateInline, silent: bool) -> bool:
    match = _FOOTNOTE.match(state.src, state.pos) if state.src[state.pos] == "[" else None
    if match is None:
        return False
    if not silent:
        token = state.push("footnote_mark", "", 0)
        token.content = match.group(1)
    state.pos = match.end()
    return True


_BARE_LINK = re.compile(r"https?://[^\s<>\"'`，。；：！？、（）《》【】“”‘’\u4e00-\u9fff]{2,2000}")


def linkify(text: str) -> Iterator[tuple[str, str]]:
    """Cut text into ``(text, address)`` runs; the address is empty where there is no bare link."""
    position = 0
    for match in _BARE_LINK.finditer(text):
        address = match.group().rstrip(".,;:!?*_~")
        while address.endswith(")") and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(".,;:!?")
        if match.start() > position:
            yield text[position : match.start()], ""
        yield address, address
        position = match.start() + len(address)
    if position < len(text):
        yield text[position:], ""


def parse(source: str, *, is_growing: bool = False) -> list[Token]:
    """All tokens of a text. ``is_growing`` lets an unclosed display formula count as one."""
    environment: EnvType = {"is_growing": is_growing}
    return make_parser().parse(source, environment)


class BlockCutter:
    """Cuts a growing text into blocks: everything before the last block is final and never read again.

    ``final`` holds the finished blocks, ``tail`` the pieces of the last one, of which only the last piece may still change.
    """

    def __init__(self) -> None:
        self._rest = ""
        self.final: list[Block] = []
        self.tail: list[Block] = []

    def feed(self, text: str) -> int:
        """Add text; the answer is how many blocks became final."""
        self._rest += text
        groups = _cut(self._rest, is_growing=True)
        done = [block for blocks, _ in groups[:-1] for block in blocks]
        if done:
            self.final += done
            self._rest = self._rest[groups[-2][1] :]
        last = groups[-1][0] if groups else []
        self.tail = [*last[:-1], *(replace(block, is_open=True) for block in last[-1:])]
        return len(done)

    def finish(self) -> int:
        """The text is complete: the tail becomes final; the answer is how many blocks became final."""
        done = [block for blocks, _ in _cut(self._rest, is_growing=False) for block in blocks]
        self.final += done
        self._rest, self.tail = "", []
        return len(done)


def cut_blocks(source: str) -> list[Block]:
    """All blocks of a finished text."""
    return [block for blocks, _ in _cut(source, is_growing=False) for block in blocks]


def _cut(source: str, *, is_growing: bool) -> list[tuple[list[Block], int]]:
    """For each top-level block its pieces and the offset at which it ends."""
    tokens: list[Token] = []
    parser = make_parser()
    # Same length as the source, so that offsets hold: markdown-it itself would also turn "\r\n" into one character.
    plain = source.replace("\x00", "\ufffd").replace("\r", " ")
    parser.block.parse(plain, parser, {"is_growing": is_growing}, tokens)
    offsets = _line_offsets(source)
    return [
        (list(_pieces(kind, source[offsets[first] : offsets[last]], token, inner)), offsets[last])
        for kind, first, last, token, inner in _top_level(tokens)
    ]


def _line_offsets(source: str) -> list[int]:
    offsets = [0]
    position = source.find("\n")
    while position >= 0:
        offsets.append(position + 1)
        position = source.find("\n", position + 1)
    offsets.append(len(source))
    return offsets


def _top_level(tokens: Sequence[Token]) -> Iterator[tuple[str, int, int, Token, Sequence[Token]]]:
    """Each top-level block: kind, first line, line after the last, its opening token and all its tokens."""
    index = 0
    while index < len(tokens):
        token = tokens[index]
        end = index
        if token.nesting == 1:
            depth = 0
            while True:
                depth += tokens[end].nesting
                if depth == 0 or end == len(tokens) - 1:
                    break
                end += 1
        if token.map is not None and token.map[1] > token.map[0]:
            yield token.type.removesuffix("_open"), token.map[0], token.map[1], token, tokens[index : end + 1]
        index = end + 1


def _pieces(kind: str, text: str, token: Token, inner: Sequence[Token]) -> Iterator[Block]:
    """The block, or its pieces where it is large."""
    if len(text) <= LARGE:
        yield Block(kind, text)
        return
    if kind in ("fence", "code_block"):
        pieces = _cut_code(text, token, is_fence=kind == "fence")
    elif kind == "paragraph":
        pieces = _cut_paragraph(text)
    elif kind in ("bullet_list", "ordered_list"):
        pieces = _cut_list(text, inner)
    elif kind == "table":
        pieces = _cut_table(text)
    else:
        pieces = iter([text])
    for number, piece in enumerate(pieces):
        yield Block(kind, piece, number)


def _cut_code(text: str, token: Token, *, is_fence: bool) -> Iterator[str]:
    lines = text.splitlines(keepends=True)
    opening = lines[0] if is_fence else ""
    body = lines[1:] if is_fence else lines
    if is_fence and body and body[-1].strip() == token.markup:
        body = body[:-1]
    chunk = ""
    for line in body:
        if len(chunk) + len(line) > LARGE and chunk:
            yield opening + chunk + token.markup + "\n" * is_fence
            chunk = ""
        chunk += line
    yield opening + chunk + ("" if chunk.endswith("\n") or not is_fence else "\n") + token.markup


def _cut_paragraph(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > LARGE:
        window = text[start : start + LARGE]
        ends = [match.end() for match in _SENTENCE_END.finditer(window) if match.end() > LARGE // 2]
        length = ends[-1] if ends else window.rfind(" ") + 1 or LARGE
        yield text[start : start + length]
        start += length
    yield text[start:]


def _cut_list(text: str, inner: Sequence[Token]) -> Iterator[str]:
    base = inner[0].map[0] if inner[0].map else 0
    level = inner[0].level + 1
    starts = [token.map[0] - base for token in inner if token.type == "list_item_open" and token.level == level and token.map]
    lines = text.splitlines(keepends=True)
    begin = 0
    for item in starts[1:]:
        if sum(len(line) for line in lines[begin:item]) > LARGE // 2:
            yield "".join(lines[begin:item])
            begin = item
    yield "".join(lines[begin:])


def _cut_table(text: str) -> Iterator[str]:
    lines = text.splitlines(keepends=True)
    head, chunk = "".join(lines[:2]), ""
    for row in lines[2:]:
        if len(chunk) + len(row) > LARGE // 2 and chunk:
            yield head + chunk
            chunk = ""
        chunk += row
    yield head + chunk
