"""Writes the inline part of Markdown at a text cursor: runs, links, code, formulas and pictures from data: addresses."""

from __future__ import annotations

import base64
import binascii
from html import escape

from markdown_it.token import Token
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPainter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextImageFormat,
)

from app.gui.chat.formulas import FormulaPainter
from app.gui.theme import MONO_FAMILIES, SANS_FAMILIES, Sizes, Tokens
from app.gui.translation import tr
from app.text.markdown_blocks import linkify

SOURCE = int(QTextFormat.Property.UserProperty) + 4
LARGEST_DATA_IMAGE = 8 * 2**20
SAFE_SCHEMES = ("http", "https", "mailto")


class InlineWriter:
    """Writes runs at ``cursor``, which the block writer moves. ``width`` is the text width in pixels, ``ratio`` the screen's."""

    def __init__(self, document: QTextDocument, tokens: Tokens, painter: FormulaPainter, *, ratio: float, width: int) -> None:
        self.cursor = QTextCursor(document)
        self._document = document
        self._tokens = tokens
        self._painter = painter
        self._ratio = ratio
        self._width = width
        self._images = document.characterCount()

    def text_format(
        self,
        *,
        is_soft: bool = False,
        size: int = Sizes.TEXT_MESSAGE,
        weight: QFont.Weight = QFont.Weight.Normal,
        colour: str = "",
    ) -> QTextCharFormat:
        """The format of running text."""
        form = QTextCharFormat()
        form.setFontFamilies(SANS_FAMILIES)
        form.setProperty(QTextFormat.Property.FontPixelSize, size)
        form.setFontWeight(weight)
        form.setForeground(QColor(colour or (self._tokens.text_soft if is_soft else self._tokens.text)))
        return form

    def mono_format(self, base: QTextCharFormat | None = None) -> QTextCharFormat:
        """The format of code, otherwise like ``base``."""
        form = QTextCharFormat(base) if base else QTextCharFormat()
        form.setFontFamilies(MONO_FAMILIES)
        form.setFontFixedPitch(True)
        form.setProperty(QTextFormat.Property.FontPixelSize, Sizes.TEXT_CODE)
        return form

    def write(self, inline: Token, base: QTextCharFormat, *, is_item: bool = False) -> None:
        """Write the children of an inline token; ``is_item`` turns a leading ``[x]`` into a ticked box."""
        formats = [base]
        children = list(inline.children or [])
        if is_item and children and children[0].type == "text" and children[0].content[:4].lower() in ("[ ] ", "[x] "):
            is_done = children[0].content[1] in "xX"
            children[0].content = ("☑ " if is_done else "☐ ") + children[0].content[4:]
        for token in children:
            form = QTextCharFormat(formats[-1])
            if token.nesting == 1:
                formats.append(self._opened(token, form))
            elif token.nesting == -1:
                if len(formats) > 1:
                    formats.pop()
            else:
                self._write_leaf(token, form)

    def _opened(self, token: Token, form: QTextCharFormat) -> QTextCharFormat:
        if token.type == "strong_open":
            form.setFontWeight(QFont.Weight.Bold)
        elif token.type == "em_open":
            form.setFontItalic(True)
        elif token.type == "s_open":
            form.setFontStrikeOut(True)
        elif token.type == "link_open":
            self._make_link(form, str(token.attrs.get("href", "")), str(token.attrs.get("title", "")))
        return form

    def _make_link(self, form: QTextCharFormat, address: str, title: str = "") -> None:
        if QUrl(address).scheme().lower() not in SAFE_SCHEMES:
            return
        form.setAnchor(True)
        form.setAnchorHref(address)
        form.setToolTip(escape(title or address))
        form.setForeground(QColor(self._tokens.link))

    def _write_leaf(self, token: Token, form: QTextCharFormat) -> None:
        if token.type == "text":
            self._write_text(token.content, form)
        elif token.type == "code_inline":
            code = self.mono_format(form)
            code.setBackground(QColor(self._tokens.inline_code))
            self.cursor.insertText(f"\u2009{token.content}\u2009", code)
        elif token.type in ("softbreak", "hardbreak"):
            # Models and people break lines on purpose: a chat keeps them, where a book would join them.
            self.cursor.insertText("\u2028", form)
        elif token.type == "math_inline":
            self.write_formula(token.content, form, is_display=bool(token.meta.get("display")), delimiters="$")
        elif token.type == "footnote_mark":
            form.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignSuperScript)
            form.setForeground(QColor(self._tokens.link))
            self.cursor.insertText(token.content, form)
        elif token.type == "image":
            self._write_image(token, form)
        else:
            self.cursor.insertText(token.content, form)

    def _write_text(self, text: str, form: QTextCharFormat) -> None:
        if "://" not in text or form.isAnchor():
            self.cursor.insertText(text, form)
            return
        for part, address in linkify(text):
            run = QTextCharFormat(form)
            if address:
                self._make_link(run, address)
            self.cursor.insertText(part, run)

    def _write_image(self, token: Token, form: QTextCharFormat) -> None:
        """A picture is drawn only from a data: address; any other is named with its link, never fetched."""
        address, alt = str(token.attrs.get("src", "")), token.content or tr("picture")
        image = decode_data_image(address)
        if image is None:
            self._make_link(form, address)
            self.cursor.insertText(f"{alt} ↗", form)
            return
        picture = QTextImageFormat()
        picture.setName(self._add_image(image))
        width = min(image.width(), self._width)
        picture.setWidth(width)
        picture.setHeight(image.height() * width / max(1, image.width()))
        picture.setProperty(SOURCE, f"![{alt}]({address})")
        self.cursor.insertImage(picture)

    def _add_image(self, image: QImage) -> str:
        self._images += 1
        name = f"drawn:{self._images}"
        self._document.addResource(int(QTextDocument.ResourceType.ImageResource.value), QUrl(name), image)
        return name

    def write_formula(self, tex: str, form: QTextCharFormat, *, is_display: bool, delimiters: str) -> None:
        """Draw a formula, or write its source where it cannot be drawn."""
        size = int(form.property(QTextFormat.Property.FontPixelSize) or Sizes.TEXT_MESSAGE)
        colour = form.foreground().color().name()
        drawn = self._painter.draw(
            tex, is_display=is_display, size=size + (4 if is_display else 3), colour=colour, ratio=self._ratio
        )
        source = f"{delimiters}{tex}{delimiters}"
        if drawn is None:
            self.cursor.insertText(source, self.mono_format(form))
            return
        scale = min(1.0, self._width / max(1.0, drawn.width))
        picture = QTextImageFormat()
        image = drawn.image
        if not is_display:
            image = _centred_on_x_height(drawn.image, drawn.ascent, drawn.descent, form.font(), self._ratio)
            picture.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        picture.setName(self._add_image(image))
        picture.setWidth(image.width() / self._ratio * scale)
        picture.setHeight(image.height() / self._ratio * scale)
        picture.setProperty(SOURCE, source)
        self.cursor.insertImage(picture)


def _centred_on_x_height(image: QImage, ascent: float, descent: float, font: QFont, ratio: float) -> QImage:
    """Pad a formula so that ``AlignMiddle``, which centres on half the x-height, puts its baseline on the text's."""
    x_height = QFontMetricsF(font).xHeight()
    above = max(0.0, descent + x_height - ascent)
    below = max(0.0, ascent - descent - x_height)
    if above < 0.5 and below < 0.5:
        return image
    padded = QImage(image.width(), image.height() + round((above + below) * ratio), QImage.Format.Format_ARGB32_Premultiplied)
    padded.fill(Qt.GlobalColor.transparent)
    painter = QPainter(padded)
    source = QImage(image)
    source.setDevicePixelRatio(1.0)
    painter.drawImage(0, round(above * ratio), source)
    painter.end()
    padded.setDevicePixelRatio(ratio)
    return padded


def decode_data_image(address: str) -> QImage | None:
    """The picture inside a ``data:image/…;base64,`` address, or None."""
    head, _, body = address.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64") or len(body) > LARGEST_DATA_IMAGE or "svg" in head:
        return None
    try:
        image = QImage.fromData(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        return None
    return None if image.isNull() or image.width() * image.height() > 64_000_000 else image
