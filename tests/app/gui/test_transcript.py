"""The transcript: only what is near the view has widgets, and the view never jumps."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QLabel

from app.gui.chat.message_model import MessageModel
from app.gui.chat.transcript import Transcript
from app.gui.chat.transcript_rows import MarkRow
from app.gui.theme import DARK, LIGHT
from app.store.records import RunCard, StoredMessage
from backends.messages import ReasoningPart, TextPart

REPLY = "A **reply** with `code`.\n\n- one\n- two\n\n```python\nprint('hi')\n```\n\n| a | b |\n|---|---|\n| 1 | $x^2$ |\n"


def message(number: int, text: str, role: str = "assistant", state: str = "complete") -> StoredMessage:
    return StoredMessage(f"m{number}", "c", None, role, (TextPart(text),), state, 1_700_000_000.0 + number)  # type: ignore[arg-type]


def conversation(count: int) -> list[StoredMessage]:
    return [message(n, f"question {n}", "user") if n % 2 == 0 else message(n, REPLY * (1 + n % 3)) for n in range(count)]


class Growing(Transcript):
    """A transcript whose replies grow by what the test says."""

    def __init__(self) -> None:
        self.words: dict[str, tuple[str, str]] = {}
        super().__init__(LIGHT, lambda message_id: self.words.get(message_id, ("", "")))

    def add(self, message_id: str, text: str) -> None:
        reasoning, before = self.words.get(message_id, ("", ""))
        self.words[message_id] = (reasoning, before + text)
        self.grow(message_id)


@pytest.fixture
def transcript(qtbot, themed: QApplication) -> Growing:
    view = Growing()
    qtbot.addWidget(view)
    view.resize(900, 700)
    view.show()
    qtbot.waitExposed(view)
    return view


def test_two_thousand_messages_have_few_widgets(transcript: Growing) -> None:
    transcript.show_messages(conversation(2000))
    assert transcript.row_count >= 4000
    assert transcript.live_widget_count < 80
    bar = transcript.verticalScrollBar()
    assert bar.value() == bar.maximum() > 10_000


def test_scrolling_to_the_top_keeps_few_widgets_and_the_anchor_still(transcript: Growing, qtbot) -> None:
    transcript.show_messages(conversation(400))
    bar = transcript.verticalScrollBar()
    for position in range(bar.maximum(), 0, -max(1, bar.maximum() // 25)):
        bar.setValue(position)
        top, offset = transcript._strip.anchor
        transcript._place()
        assert transcript._strip.anchor[0] is top
        assert abs(transcript._strip.anchor[1] - offset) <= 1.5
        assert transcript.live_widget_count < 80


def test_a_reader_at_the_end_follows_and_one_above_does_not(transcript: Growing) -> None:
    messages = [*conversation(20), message(99, "", state="streaming")]
    transcript.show_messages(messages, [("m99", "", "")])
    bar = transcript.verticalScrollBar()
    transcript.add("m99", "word " * 400)
    transcript.flush()
    assert bar.value() == bar.maximum()
    bar.setValue(bar.maximum() // 2)
    before = bar.value()
    transcript.add("m99", "word " * 400)
    transcript.flush()
    assert abs(bar.value() - before) <= 1


def test_a_growing_reply_ends_as_the_same_text_as_a_stored_one(transcript: Growing) -> None:
    text = (REPLY + "\n\nmore words\n\n") * 8
    transcript.show_messages([message(1, "", state="streaming")], [("m1", "", "")])
    for start in range(0, len(text), 7):
        transcript.add("m1", text[start : start + 7])
        if start % 5 == 0:
            transcript.flush()
    transcript.finish(message(1, text))
    grown = [block.source.strip() for block in transcript.models()[0].blocks]
    assert grown == [block.source.strip() for block in MessageModel.of(message(1, text)).blocks]


def test_only_the_tail_is_drawn_again_while_a_reply_grows(transcript: Growing) -> None:
    transcript.show_messages([message(1, "", state="streaming")], [("m1", "", "")])
    transcript.add("m1", "first paragraph\n\nsecond paragraph\n\nthird")
    transcript.flush()
    first = next(widget for row, widget in transcript._widgets.items() if row.kind == "text")
    document = first.browser.document()
    transcript.add("m1", " grows\n\nfourth")
    transcript.flush()
    again = next(widget for row, widget in transcript._widgets.items() if row.kind == "text")
    assert again is first and again.browser.document() is document
    assert "third grows" in again.browser.toPlainText()


def test_a_hundred_thousand_words_scroll(transcript: Growing) -> None:
    text = "\n\n".join("word " * 100 for _ in range(1000))
    transcript.show_messages([message(1, "q", "user"), message(2, text)])
    bar = transcript.verticalScrollBar()
    for share in (0.9, 0.5, 0.1, 0.0, 1.0):
        bar.setValue(round(bar.maximum() * share))
        assert transcript.live_widget_count < 60


def test_a_single_paragraph_of_a_hundred_thousand_words_scrolls_too(transcript: Growing) -> None:
    transcript.show_messages([message(2, "word. " * 100_000)])
    transcript.verticalScrollBar().setValue(1000)
    assert transcript.live_widget_count < 60
    assert transcript.row_count > 50


def test_a_huge_open_code_block_stays_quick_to_grow(transcript: Growing) -> None:
    transcript.show_messages([message(1, "", state="streaming")], [("m1", "", "")])
    transcript.add("m1", "```python\n" + "x = 1\n" * 20_000)
    transcript.flush()
    start = time.process_time()
    for _ in range(5):
        transcript.add("m1", "y = 2\n")
        transcript.flush()
    assert (time.process_time() - start) / 5 < 0.5


def test_a_bubble_is_as_high_as_its_text_however_often_it_is_measured(transcript: Growing) -> None:
    transcript.show_messages([message(1, "How does it work? 它是怎么工作的？", "user")])
    for _ in range(3):
        transcript.measure_again()
        transcript._remake()
        assert transcript._strip.rows[0].height < 120


def test_reasoning_is_folded_and_opens(transcript: Growing) -> None:
    thought = StoredMessage(
        "m1", "c", None, "assistant", (ReasoningPart("deep thought", 3.4), TextPart("answer")), "complete", 1.0
    )
    transcript.show_messages([thought])
    assert "reasoning" not in [row.kind for row in transcript._strip.rows]
    transcript._acted("toggle_reasoning", "m1")
    assert "reasoning" in [row.kind for row in transcript._strip.rows]


def test_a_code_card_copies_the_whole_block_even_when_it_was_cut(transcript: Growing) -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(2000))
    transcript.show_messages([message(1, f"before\n\n```python\n{code}\n```\n")])
    transcript._acted("copy_code:1", "m1")
    assert QApplication.clipboard().text() == code


def test_changing_the_theme_draws_every_live_row_anew(transcript: Growing) -> None:
    transcript.show_messages(conversation(10))
    transcript.retheme(DARK)
    assert transcript.live_widget_count > 0


@pytest.mark.parametrize(
    ("unseen", "words"),
    [
        ({"policy": "drop", "messages": 6, "first_seen": "Tell me"}, ("6", "Tell me")),
        ({"policy": "summarise", "messages": 4, "first_seen": "And", "summary": "We spoke of ink."}, ("4", "We spoke of ink.")),
        ({"policy": "shift", "tokens": 1234, "begin": "once upon", "end": "the end"}, ("1,234", "once upon", "the end")),
    ],
)
def test_a_reply_says_what_its_model_did_not_see(transcript: Growing, unseen: dict[str, Any], words: tuple[str, ...]) -> None:
    plain, cut = message(1, "first answer"), replace(message(3, "second answer"), run=RunCard(unseen=unseen))
    transcript.show_messages([message(0, "one", "user"), plain, message(2, "two", "user"), cut])
    marks = [widget for widget in transcript.findChildren(MarkRow) if widget.isVisible()]
    assert [mark.row.model.message.id for mark in marks] == ["m3"]
    text = marks[0].findChild(QLabel).text()
    assert all(word in text for word in words)
    of_reply = {row.kind: row for row in transcript._strip.rows if row.model.message.id == "m3"}
    head, body = of_reply["head"], of_reply["text"]
    rows = transcript._strip.rows
    assert rows.index(head) < rows.index(marks[0].row) < rows.index(body)


def test_a_continued_reply_keeps_its_mark_above_its_text(transcript: Growing) -> None:
    run = RunCard(unseen={"policy": "drop", "messages": 2, "first_seen": "x"})
    growing = replace(message(1, "word " * 2000, state="streaming"), run=run)
    transcript.show_messages([message(0, "one", "user"), growing], [("m1", "", "word " * 2000)])
    transcript.words["m1"] = ("", "word " * 2000)
    for _ in range(3):
        transcript.add("m1", "\n\nmore " * 1200)
        transcript.flush()
    kinds = [row.kind for row in transcript._strip.rows if row.model.message.id == "m1"]
    assert kinds[:3] == ["head", "mark", "text"]
