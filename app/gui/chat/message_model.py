"""What the transcript shows of one message, and the rows it is cut into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from app.gui.translation import tr_reason
from app.store.damage import DAMAGED_MESSAGE
from app.store.records import StoredMessage
from app.text.markdown_blocks import Block, BlockCutter, cut_blocks
from backends.messages import AudioPart, FilePart, ImagePart, Part, ReasoningPart

RowKind = Literal["user", "head", "mark", "reasoning", "text", "tail", "status", "error", "sources", "foot"]

LONGEST_BUBBLE = 6_000
"""Characters of a question that its bubble shows; the rest is a click away."""
ROW_SIZE = 4_000
"""Characters of Markdown in one text row: small enough to lay out within a frame, large enough to keep rows few."""
_FIXED_HEIGHTS: dict[RowKind, float] = {"head": 34, "mark": 44, "status": 30, "error": 110, "foot": 44}


@dataclass(slots=True)
class MessageModel:
    """A stored message with its text cut into blocks; blocks are cut when first needed."""

    message: StoredMessage
    model_name: str = ""
    is_live: bool = False
    shows_reasoning: bool = False
    progress: tuple[int, int] | None = None
    loading: float | None = None
    text: str = ""
    reasoning: str = ""
    cutter: BlockCutter | None = None
    _blocks: list[Block] | None = None

    @classmethod
    def of(cls, message: StoredMessage, model_name: str = "") -> MessageModel:
        """The model of a message as it is stored."""
        text = message.text
        if text.startswith(DAMAGED_MESSAGE):
            text = tr_reason(DAMAGED_MESSAGE) + text.removeprefix(DAMAGED_MESSAGE)
        return cls(message, model_name, text=text, reasoning=reasoning_text(message.parts))

    @property
    def blocks(self) -> list[Block]:
        """The blocks that no longer change: all of them for a finished message, all but the last piece of a growing one."""
        if self.cutter is not None:
            return [*self.cutter.final, *self.cutter.tail[:-1]]
        if self._blocks is None:
            self._blocks = cut_blocks(self.text)
        return self._blocks

    @property
    def is_cut(self) -> bool:
        """True once the blocks are known."""
        return self.cutter is not None or self._blocks is not None

    @property
    def reasoning_seconds(self) -> float:
        """How long the model thought, in seconds; 0 where unknown."""
        return sum(part.seconds for part in self.message.parts if isinstance(part, ReasoningPart))

    @property
    def attachments(self) -> list[ImagePart | AudioPart | FilePart]:
        """Pictures, sounds and documents of the message."""
        return [part for part in self.message.parts if isinstance(part, ImagePart | AudioPart | FilePart)]

    def begin_growing(self) -> None:
        """Make ready for text that arrives piece by piece."""
        self.is_live = True
        self.cutter = BlockCutter()
        if self.text:
            self.cutter.feed(self.text)

    def catch_up(self, reasoning: str, text: str) -> None:
        """Show what the reply has so far; normally more than before."""
        self.reasoning = reasoning
        if not text.startswith(self.text):
            self.text, self.cutter = "", BlockCutter()
        added = text[len(self.text) :]
        self.text = text
        if added and self.cutter is not None:
            self.cutter.feed(added)

    def finish(self, message: StoredMessage) -> None:
        """The reply has reached its final state."""
        self.message = message
        self.is_live = False
        self.progress = self.loading = None
        if self.cutter is not None:
            self.cutter.finish()
            if message.text == self.text:
                return
        self.text, self.reasoning = message.text, reasoning_text(message.parts)
        self.cutter, self._blocks = None, None

    @property
    def shown_text(self) -> str:
        """What a bubble shows of a question: all of it, or the beginning of one that is a book."""
        return self.text if len(self.text) <= LONGEST_BUBBLE else self.text[:LONGEST_BUBBLE] + " …"

    def code_of(self, index: int) -> str:
        """The code of the fence at block ``index``, with the pieces that continue it."""
        from app.text.markdown_blocks import parse

        blocks = [*self.blocks, *(self.cutter.tail[-1:] if self.cutter else [])]
        code = ""
        for number, block in enumerate(blocks[index:]):
            if number and (block.piece == 0 or block.kind != blocks[index].kind):
                break
            code += "".join(token.content for token in parse(block.source) if token.type in ("fence", "code_block"))
        return code


@dataclass(slots=True, eq=False)
class Row:
    """One strip of the transcript; ``height`` in pixels is an estimate until ``is_measured``."""

    kind: RowKind
    model: MessageModel
    first: int = 0
    last: int = 0
    height: float = 40.0
    is_measured: bool = False
    blocks: tuple[Block, ...] = field(default=())


def reuse(model: MessageModel | None, message: StoredMessage) -> MessageModel | None:
    """The model that is there, if its text is still the message's: its blocks need not be cut again."""
    if model is None or model.is_live or model.text != message.text or model.message.state != message.state:
        return None
    model.message = message
    return model


def model_name_of(message: StoredMessage) -> str:
    """The name that heads a reply."""
    return message.run.model if message.run else ""


def reasoning_text(parts: tuple[Part, ...]) -> str:
    """The reasoning of a message, joined."""
    return "".join(part.text for part in parts if isinstance(part, ReasoningPart))


def estimate_height(text: str, width: float) -> float:
    """Pixels a text will need at ``width``, before it was laid out: wide characters count double."""
    if not text:
        return 24.0
    columns = max(10.0, width / 7.6)
    wide = sum(1 for character in text[:2000] if character > "\u2e7f") / min(len(text), 2000)
    lines = text.count("\n") + len(text) * (1 + wide) / columns
    return 24.0 * (lines + 1)


def iter_rows(model: MessageModel, width: float, first_block: int = 0) -> Iterator[Row]:
    """The rows of one message at a column width, of its text only those from block ``first_block`` on."""
    message = model.message
    if message.role == "user":
        yield Row("user", model, height=estimate_height(model.shown_text, width * 0.8) + 60)
        return
    yield Row("head", model, height=_FIXED_HEIGHTS["head"])
    if message.run is not None and message.run.unseen:
        yield Row("mark", model, height=_FIXED_HEIGHTS["mark"])
    if model.shows_reasoning and model.reasoning:
        yield Row("reasoning", model, height=estimate_height(model.reasoning, width))
    yield from iter_text_rows(model, width, first_block)
    if model.is_live:
        yield Row("tail", model, height=30)
        yield Row("status", model, height=_FIXED_HEIGHTS["status"])
    elif message.state == "failed" or message.error:
        yield Row("error", model, height=_FIXED_HEIGHTS["error"])
    if not model.is_live and message.run is not None and message.run.sources:
        yield Row("sources", model, height=30.0 + 36 * min(5, len(message.run.sources)))
    if not model.is_live:
        yield Row("foot", model, height=_FIXED_HEIGHTS["foot"])


def iter_text_rows(model: MessageModel, width: float, first: int = 0) -> Iterator[Row]:
    """The text of one message from block ``first`` on: one uncut row while it is far from view, rows of some blocks each once cut."""
    if not model.text:
        return
    if not model.is_cut:
        yield Row("text", model, 0, -1, height=estimate_height(model.text, width))
        return
    size = 0
    blocks = model.blocks
    for index in range(first, len(blocks)):
        block = blocks[index]
        if size and size + len(block.source) > ROW_SIZE:
            yield _text_row(model, blocks, first, index, width)
            first, size = index, 0
        size += len(block.source)
    if first < len(blocks):
        yield _text_row(model, blocks, first, len(blocks), width)


def _text_row(model: MessageModel, blocks: list[Block], first: int, last: int, width: float) -> Row:
    some = tuple(blocks[first:last])
    return Row("text", model, first, last, estimate_height("".join(block.source for block in some), width), blocks=some)
