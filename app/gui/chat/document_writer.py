"""Writes Markdown blocks into a QTextDocument: formats instead of HTML, so nothing is escaped, fetched or parsed twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextList,
    QTextListFormat,
    QTextTableCellFormat,
    QTextTableFormat,
)

from app.gui.chat.code_colours import colour_code
from app.gui.chat.formulas import FormulaPainter
from app.gui.chat.inline_writer import InlineWriter
from app.gui.theme import Sizes, Tokens
from app.gui.translation import tr
from app.text.markdown_blocks import Block, parse

QUOTE_LEVEL = int(QTextFormat.Property.UserProperty) + 1
CARD = int(QTextFormat.Property.UserProperty) + 2
RULE = int(QTextFormat.Property.UserProperty) + 3
HEADER = int(QTextFormat.Property.UserProperty) + 5
THIN = int(QTextFormat.Property.UserProperty) + 6

INDENT = 24
HEADER_PADDING = (12, 7)
CODE_PADDING = (12, 9)

HEADING_SIZES = {"h1": 22, "h2": 19, "h3": 16, "h4": 15, "h5": 15, "h6": 15}
LINE_GAP = 6


_TASK = re.compile(r"\[[ xX]\] ")


@dataclass(slots=True)
class _Place:
    """Where the writer stands: nesting that block formats need to know."""

    quote: int = 0
    indent: int = 0
    is_tight: bool = False


class DocumentWriter:
    """Writes blocks at the end of one document. ``ratio`` is the screen's device pixel ratio, ``width`` the text width in pixels."""

    def __init__(self, document: QTextDocument, tokens: Tokens, painter: FormulaPainter, *, ratio: float, width: int) -> None:
        self._document = document
        self._tokens = tokens
        self._inline = InlineWriter(document, tokens, painter, ratio=ratio, width=width)
        self._is_empty = document.isEmpty()
        document.setDocumentMargin(0)
        document.setIndentWidth(INDENT)
        document.setUndoRedoEnabled(False)

    def write(self, blocks: Sequence[Block], first_index: int = 0) -> None:
        """Append blocks; ``first_index`` is the position of the first among the message's blocks, for the copy links."""
        self._inline.cursor.beginEditBlock()
        self._inline.cursor.movePosition(QTextCursor.MoveOperation.End)
        for number, block in enumerate(blocks):
            self._write_tokens(parse(block.source, is_growing=block.is_open), _Place(), block, first_index + number)
        self._inline.cursor.endEditBlock()

    # ---- blocks

    def _write_tokens(self, tokens: Sequence[Token], place: _Place, block: Block, index: int) -> None:
        position = 0
        while position < len(tokens):
            token = tokens[position]
            end = _closing(tokens, position)
            inner = tokens[position + 1 : end]
            if token.type == "paragraph_open":
                self._start_block(place)
                self._inline.write(inner[0], self._inline.text_format(is_soft=place.quote > 0))
            elif token.type == "heading_open":
                self._write_heading(token, inner[0], place)
            elif token.type in ("bullet_list_open", "ordered_list_open"):
                self._write_list(token, inner, place, block, index)
            elif token.type == "blockquote_open":
                place.quote += 1
                self._write_tokens(inner, place, block, index)
                place.quote -= 1
            elif token.type == "table_open":
                self._write_table(inner, place)
            elif token.type in ("fence", "code_block"):
                language = token.info.strip().split()[0] if token.info.strip() else ""
                self._write_code(token.content.removesuffix("\n"), language, place, block.piece, index)
            elif token.type == "math_block":
                self._write_display_formula(token.content, place)
            elif token.type == "hr":
                self._write_rule(place)
            elif token.type == "footnote_reference_open":
                self._write_footnote(token, inner, place, block, index)
            elif token.type == "inline":
                self._start_block(place)
                self._inline.write(token, self._inline.text_format(is_soft=place.quote > 0))
            position = end + 1

    def _block_format(self, place: _Place) -> QTextBlockFormat:
        form = QTextBlockFormat()
        form.setLineHeight(LINE_GAP, int(QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value))
        form.setBottomMargin(4 if place.is_tight else 12)
        form.setLeftMargin(14 * place.quote)
        form.setIndent(place.indent)
        if place.quote:
            form.setProperty(QUOTE_LEVEL, place.quote)
        return form

    def _start_block(self, place: _Place, form: QTextBlockFormat | None = None) -> None:
        """Begin a paragraph: in the empty block that is there, or in a new one."""
        form = form or self._block_format(place)
        if self._is_empty:
            self._inline.cursor.setBlockFormat(form)
            self._is_empty = False
        else:
            self._inline.cursor.insertBlock(form, QTextCharFormat())

    def _write_heading(self, token: Token, inline: Token, place: _Place) -> None:
        form = self._block_format(place)
        form.setTopMargin(0 if self._is_empty else 8)
        form.setBottomMargin(8)
        form.setHeadingLevel(int(token.tag[1]))
        self._start_block(place, form)
        text = self._inline.text_format(is_soft=place.quote > 0, size=HEADING_SIZES[token.tag], weight=QFont.Weight.Bold)
        self._inline.write(inline, text)

    def _write_list(self, token: Token, inner: Sequence[Token], place: _Place, block: Block, index: int) -> None:
        form = QTextListFormat()
        is_ordered = token.type == "ordered_list_open"
        depth = place.indent + 1
        styles = (QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle, QTextListFormat.Style.ListSquare)
        form.setStyle(QTextListFormat.Style.ListDecimal if is_ordered else styles[min(depth, 3) - 1])
        form.setIndent(depth)
        if is_ordered:
            form.setStart(int(token.attrs.get("start", 1)))
        was_tight, quote = place.is_tight, place.quote
        made: QTextList | None = None
        position = 0
        while position < len(inner):
            end = _closing(inner, position)
            content = inner[position + 1 : end]
            place.is_tight = any(part.hidden for part in content if part.type == "paragraph_open") or not content
            # The list draws the indent of its first paragraph; what follows in the item indents itself.
            place.indent = depth
            first_end = _closing(content, 0) if content else -1
            head, rest = content[: first_end + 1], content[first_end + 1 :]
            if head and head[0].type == "paragraph_open":
                item = self._block_format(place)
                is_task = _TASK.match(head[1].content) is not None
                item.setIndent(depth if is_task else 0)
                self._start_block(place, item)
                if not is_task:  # a box instead of a bullet
                    made = self._join_list(made, form)
                self._inline.write(head[1], self._inline.text_format(is_soft=place.quote > 0), is_item=True)
            else:
                self._start_block(place, self._block_format(place))
                made = self._join_list(made, form)
                rest = content
            self._write_tokens(rest, place, block, index)
            position = end + 1
        place.indent, place.is_tight, place.quote = depth - 1, was_tight, quote
        self._loosen_last()

    def _join_list(self, made: QTextList | None, form: QTextListFormat) -> QTextList:
        if made is None:
            return self._inline.cursor.createList(form)
        made.add(self._inline.cursor.block())
        return made

    def _loosen_last(self) -> None:
        """The last item of a tight list is followed by a paragraph's distance."""
        if self._inline.cursor.currentTable() is None:
            form = self._inline.cursor.blockFormat()
            form.setBottomMargin(12)
            self._inline.cursor.setBlockFormat(form)

    def _write_rule(self, place: _Place) -> None:
        form = self._block_format(place)
        form.setProperty(RULE, True)
        form.setBottomMargin(12)
        self._start_block(place, form)

    def _write_footnote(self, token: Token, inner: Sequence[Token], place: _Place, block: Block, index: int) -> None:
        label = str((token.meta or {}).get("label", ""))
        form = self._block_format(place)
        form.setBottomMargin(6)
        self._start_block(place, form)
        small = self._inline.text_format(is_soft=place.quote > 0, size=Sizes.TEXT_UI, colour=self._tokens.text_soft)
        self._inline.cursor.insertText(f"{label}. ", small)
        for part in inner:
            if part.type == "inline":
                self._inline.write(part, small)
                break
        rest = [part for part in inner if part.type == "inline"][1:]
        for part in rest:
            self._start_block(place, form)
            self._inline.write(part, small)

    def _write_display_formula(self, tex: str, place: _Place) -> None:
        form = self._block_format(place)
        form.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        form.setTopMargin(4)
        self._start_block(place, form)
        self._inline.write_formula(tex, self._inline.text_format(is_soft=place.quote > 0), is_display=True, delimiters="$$")

    # ---- tables and cards

    def _begin_table(self, place: _Place) -> None:
        """A table needs a block before it: a thin one, so that no gap shows."""
        if not self._is_empty:
            self._inline.cursor.insertBlock(_thin_block(), _thin_text())
        else:
            self._inline.cursor.setBlockFormat(_thin_block())
            self._inline.cursor.setBlockCharFormat(_thin_text())
            self._is_empty = False

    def _end_table(self) -> None:
        self._inline.cursor.movePosition(QTextCursor.MoveOperation.End)
        form = _thin_block()
        form.setBottomMargin(11)
        self._inline.cursor.setBlockFormat(form)
        self._inline.cursor.setBlockCharFormat(_thin_text())

    def _write_table(self, inner: Sequence[Token], place: _Place) -> None:
        rows: list[list[tuple[Token, str]]] = []
        for position, token in enumerate(inner):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                rows[-1].append((inner[position + 1], str(token.attrs.get("style", ""))))
        columns = max((len(row) for row in rows), default=0)
        if not columns:
            return
        form = QTextTableFormat()
        form.setBorderCollapse(True)
        form.setBorder(1)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QBrush(QColor(self._tokens.border)))
        form.setCellPadding(7)
        form.setCellSpacing(0)
        form.setLeftMargin(14 * place.quote + INDENT * place.indent)
        form.setHeaderRowCount(1)
        self._begin_table(place)
        table = self._inline.cursor.insertTable(len(rows), columns, form)
        alignments = {"text-align:right": Qt.AlignmentFlag.AlignRight, "text-align:center": Qt.AlignmentFlag.AlignHCenter}
        for number, row in enumerate(rows):
            for column, (inline, style) in enumerate(row):
                cell = table.cellAt(number, column)
                if number == 0:
                    cell_form = cell.format()
                    cell_form.setBackground(QColor(self._tokens.code))
                    cell.setFormat(cell_form)
                self._inline.cursor = cell.firstCursorPosition()
                block = QTextBlockFormat()
                block.setAlignment(alignments.get(style, Qt.AlignmentFlag.AlignLeft))
                self._inline.cursor.setBlockFormat(block)
                weight = QFont.Weight.Bold if number == 0 else QFont.Weight.Normal
                self._inline.write(inline, self._inline.text_format(is_soft=place.quote > 0, weight=weight, size=14))
        self._inline.cursor = QTextCursor(self._document)
        self._end_table()

    def _write_code(self, code: str, language: str, place: _Place, piece: int, index: int) -> None:
        form = QTextTableFormat()
        form.setBorder(0)
        form.setCellPadding(0)
        form.setCellSpacing(0)
        form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        form.setLeftMargin(14 * place.quote + INDENT * place.indent)
        form.setProperty(CARD, piece + 1)
        has_header = piece == 0
        self._begin_table(place)
        table = self._inline.cursor.insertTable(2 if has_header else 1, 2, form)
        if has_header:
            small = self._inline.text_format(size=Sizes.TEXT_SMALL, colour=self._tokens.text_soft)
            small.setProperty(HEADER, True)
            link = QTextCharFormat(small)
            link.setAnchor(True)
            link.setAnchorHref(f"copy:{index}")
            for column, (text, text_form, alignment) in enumerate(
                ((language or tr("text"), small, Qt.AlignmentFlag.AlignLeft), (tr("Copy"), link, Qt.AlignmentFlag.AlignRight))
            ):
                cell = table.cellAt(0, column)
                cell.setFormat(_padded_cell(*HEADER_PADDING))
                cursor = cell.firstCursorPosition()
                block = QTextBlockFormat()
                block.setAlignment(alignment)
                cursor.setBlockFormat(block)
                cursor.insertText(text, text_form)
        row = 1 if has_header else 0
        table.mergeCells(row, 0, 1, 2)
        cell = table.cellAt(row, 0)
        cell.setFormat(_padded_cell(*CODE_PADDING))
        cursor = cell.firstCursorPosition()
        block = QTextBlockFormat()
        block.setLineHeight(5, int(QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value))
        cursor.setBlockFormat(block)
        base = self._inline.mono_format()
        for text, colour, is_italic in colour_code(code, language, self._tokens):
            run = QTextCharFormat(base)
            run.setForeground(QColor(colour))
            run.setFontItalic(is_italic)
            # A line separator keeps all lines of a card in one block: one layout, one selection.
            cursor.insertText(text.replace("\n", "\u2028"), run)
        self._inline.cursor = QTextCursor(self._document)
        self._end_table()


def _closing(tokens: Sequence[Token], position: int) -> int:
    """Index of the token that closes the one at ``position``."""
    depth = 0
    for index in range(position, len(tokens)):
        depth += tokens[index].nesting
        if depth <= 0:
            return index
    return len(tokens) - 1


def _thin_block() -> QTextBlockFormat:
    form = QTextBlockFormat()
    form.setLineHeight(1, int(QTextBlockFormat.LineHeightTypes.FixedHeight.value))
    form.setProperty(THIN, True)
    return form


def _thin_text() -> QTextCharFormat:
    form = QTextCharFormat()
    form.setProperty(QTextFormat.Property.FontPixelSize, 1)
    return form


def _padded_cell(horizontal: int, vertical: int) -> QTextCharFormat:
    form = QTextTableCellFormat()
    form.setLeftPadding(horizontal)
    form.setRightPadding(horizontal)
    form.setTopPadding(vertical)
    form.setBottomPadding(vertical)
    return form
