"""Thoughts are split from answers, however the text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.events import ReasoningDelta, TextDelta
from backends.reasoning import FORMATS, ReasoningSplitter, find_open_format, find_unclosed_format

THINK = FORMATS[0]


def split(pieces: list[str], *, opened: bool = False) -> tuple[str, str]:
    splitter = ReasoningSplitter(THINK if opened else None)
    deltas = [delta for piece in pieces for delta in splitter.add(piece)] + splitter.finish()
    thought = "".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta))
    answer = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    return thought, answer


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>\nhm\n</think>\n\nHello", "hm", "Hello"),
        ("<think></think>Hello", "", "Hello"),
        ("\n<think>a</think> b", "a", "b"),
        ("plain text", "", "plain text"),
        ("talk about <think> tags", "", "talk about <think> tags"),
        ("<thin", "", "<thin"),
        ("<think>never closed", "never closed", ""),
        ("[THINK]a[/THINK]b", "a", "b"),
        ("<think>a < b </thinks></think>c", "a < b </thinks>", "c"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b", "a", "b"),
        ("<|channel|>final<|message|>b", "", "b"),
        ("<|channel>thought\na\n<channel|>b", "a", "b"),
        ("<think>one</think>two<think>three</think>", "one", "two<think>three</think>"),
        ("", "", ""),
    ],
)
def test_a_reply_is_split(text: str, thought: str, answer: str) -> None:
    assert split([text]) == (thought, answer)
    assert split(list(text)) == (thought, answer)


def test_thoughts_that_the_prompt_opened_need_no_opening_marker() -> None:
    assert split(["\nhm", "\n</thi", "nk>\n\nHi"], opened=True) == ("hm", "Hi")


def test_the_prompt_says_whether_thoughts_are_open() -> None:
    assert find_open_format("…<|im_start|>assistant\n<think>\n") == THINK
    assert find_open_format("…<|im_start|>assistant\n<think>\n\n</think>\n\n") is None
    assert find_open_format("…<|im_start|>assistant\n") is None


def test_a_partial_answer_says_whether_thoughts_are_open() -> None:
    assert find_unclosed_format("<think>so far") == THINK
    assert find_unclosed_format("<think>done</think>so") is None


@given(st.text("<think>/a \n", max_size=60), st.booleans(), st.data())
def test_the_cuts_change_nothing(text: str, opened: bool, data: st.DataObject) -> None:
    pieces, rest = [], text
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert split(pieces, opened=opened) == split([text], opened=opened)
