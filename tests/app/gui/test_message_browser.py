"""Rich text of a message: what is drawn, what is copied, and that nothing is ever fetched."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication

from app.gui.chat.formula_text import mark_words
from app.gui.chat.formulas import FormulaPainter, nesting_depth
from app.gui.chat.message_browser import MessageBrowser
from app.gui.theme import LIGHT
from app.text.markdown_blocks import cut_blocks


@pytest.fixture
def browser(qtbot, themed: QApplication) -> MessageBrowser:
    view = MessageBrowser(LIGHT, FormulaPainter())
    qtbot.addWidget(view)
    return view


def shown(browser: MessageBrowser, source: str) -> str:
    browser.show_blocks(cut_blocks(source), 0, 720)
    return browser.toPlainText()


def test_raw_html_is_shown_as_text(browser: MessageBrowser) -> None:
    assert "<script>alert(1)</script>" in shown(browser, "x <script>alert(1)</script>")
    assert "<b>bold</b>" in shown(browser, "<b>bold</b>")


def test_a_remote_picture_is_named_and_never_loaded(browser: MessageBrowser) -> None:
    assert "cat" in shown(browser, "![cat](https://example.org/cat.png)")
    assert browser.loadResource(int(QTextDocument.ResourceType.ImageResource.value), QUrl("https://example.org/cat.png")) is None
    assert browser.loadResource(int(QTextDocument.ResourceType.ImageResource.value), QUrl("file:///etc/hostname")) is None


def test_only_safe_links_are_links(browser: MessageBrowser) -> None:
    shown(browser, "[a](javascript:alert(1)) [b](file:///etc/passwd) [c](https://example.org)")
    addresses = set()
    block = browser.document().begin()
    while block.isValid():
        for fragment in iterate(block):
            if fragment.charFormat().isAnchor():
                addresses.add(fragment.charFormat().anchorHref())
        block = block.next()
    assert addresses == {"https://example.org"}


def iterate(block):
    iterator = block.begin()
    while not iterator.atEnd():
        yield iterator.fragment()
        iterator += 1


def test_selecting_all_copies_latex_and_leaves_out_card_headers(browser: MessageBrowser) -> None:
    shown(browser, "Euler: $e^{i\\pi}=-1$\n\n```python\nprint(1)\nprint(2)\n```\n")
    browser.selectAll()
    text = browser.selected_source()
    assert "$e^{i\\pi}=-1$" in text and "print(1)\nprint(2)" in text
    assert "Copy" not in text and "python" not in text


def test_a_formula_is_a_picture_and_a_bad_one_is_its_source(browser: MessageBrowser) -> None:
    assert "\ufffc" in shown(browser, "$\\frac{a}{b}$")
    assert "$\\frac{$" in shown(browser, "x $\\frac{$ y")


def test_chinese_words_in_a_formula_are_drawn_where_they_belong(themed: QApplication) -> None:
    marked, words = mark_words("\\text{速度} = \\frac{\\text{距离 s}}{时间}")
    assert words == ["速度", "距离", "时间"] and "速" not in marked
    drawn = FormulaPainter().draw(
        "\\text{速度} = \\frac{\\text{距离}}{\\text{时间}}", is_display=True, size=18, colour="#000000", ratio=1.0
    )
    plain = FormulaPainter().draw("= \\frac{a}{b}", is_display=True, size=18, colour="#000000", ratio=1.0)
    assert drawn is not None and plain is not None and drawn.width > plain.width + 30


def test_deeply_nested_formulas_are_not_drawn() -> None:
    deep = "\\frac{1}{" * 12 + "x" + "}" * 12
    assert nesting_depth(deep) == 12
    assert FormulaPainter().draw(deep, is_display=True, size=18, colour="#000000", ratio=1.0) is None


def test_money_is_not_mathematics(browser: MessageBrowser) -> None:
    text = shown(browser, "It costs $1.23 and then $4.56, or $5 to $6.")
    assert text == "It costs $1.23 and then $4.56, or $5 to $6."


def test_an_answer_of_a_number_with_a_dot_can_be_read_and_copied(browser: MessageBrowser) -> None:
    assert shown(browser, "2.").strip() == "2."
    assert browser.document().firstBlock().textList() is None


def test_task_lists_show_boxes(browser: MessageBrowser) -> None:
    text = shown(browser, "- [x] done\n- [ ] open")
    assert "☑ done" in text and "☐ open" in text


def test_the_selection_survives_drawing_again(browser: MessageBrowser) -> None:
    shown(browser, "some words to select")
    cursor = browser.textCursor()
    cursor.setPosition(5)
    cursor.setPosition(10, cursor.MoveMode.KeepAnchor)
    browser.setTextCursor(cursor)
    shown(browser, "some words to select and more")
    assert browser.textCursor().selectedText() == "words"


@pytest.mark.parametrize(
    "source", ["", "\n\n\n", "- ", "|", "```", "$$", "> ", "#", "1.", "[^1]: x", "- - - x", "\x00", "* [ ]", "| a |\n|--|"]
)
def test_odd_markdown_is_drawn_without_a_word_of_complaint(browser: MessageBrowser, source: str) -> None:
    shown(browser, source)
    assert browser.height_for(300) > 0
