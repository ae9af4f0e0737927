"""Titles and prompts: pure text work of the chat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.prompts import make_prompt, write_out_files
from app.services.titles import WIDTH, make_title
from app.store.records import StoredMessage
from backends.messages import FilePart, ImagePart, Part, ReasoningPart, TextPart


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello there", "Hello there"),
        ("\n\n  # **What** is *this*?\nmore", "What is this?"),
        ("- [ ] a task", "a task"),
        ("1. first\n2. second", "first"),
        ("> quoted `code` and [a link](http://x)", "quoted code and a link"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
        ("请用简单的话解释一下什么是大语言模型的量化，以及它为什么重要", "请用简单的话解释一下什么是大语言模型的量…"),
        ("How do I choose the right quantization for my machine, please?", "How do I choose the right quantization…"),
        ("Supercalifragilisticexpialidocious" * 2, "SupercalifragilisticexpialidociousSuperc…"),
        ("   \n\t", ""),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_a_title_is_the_first_line_without_markdown(text: str, title: str) -> None:
    assert make_title(text) == title


@given(st.text(max_size=300))
def test_a_title_is_always_one_short_line(text: str) -> None:
    title = make_title(text)
    assert len(title) <= WIDTH + 1
    assert len(title.splitlines()) <= 1


def stored(role: str, *parts: Part, state: str = "complete") -> StoredMessage:
    return StoredMessage("m", "c", None, role, parts, state, 0.0)  # type: ignore[arg-type]


def test_a_prompt_is_the_system_prompt_and_the_branch_without_what_templates_refuse() -> None:
    prompt = make_prompt(
        "Be brief.",
        [
            stored("assistant", TextPart("Welcome!")),
            stored("user", TextPart("one")),
            stored("assistant", state="failed"),
            stored("assistant", ReasoningPart("hm"), state="stopped"),
            stored("user", TextPart("two")),
            stored("assistant", TextPart("half"), state="stopped"),
        ],
    )
    assert [(message.role, message.text) for message in prompt] == [
        ("system", "Be brief."),
        ("user", "one\n\ntwo"),
        ("assistant", "half"),
    ]
    assert make_prompt("  ", []) == ()


def test_a_document_cannot_end_its_own_fence() -> None:
    picture = ImagePart("/x.png")
    written, kept = write_out_files([FilePart("", "a\nb.md", "x\n`````\ny"), picture])
    assert written == TextPart("a b.md\n``````\nx\n`````\ny\n``````\n\n")
    assert kept == picture
