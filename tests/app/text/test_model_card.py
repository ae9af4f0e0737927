"""A card reads as its author meant it."""

from __future__ import annotations

import pytest

from app.text.model_card import simplify_card


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\n\nthree", "one two\n\nthree"),
        ("# Title\ntext\nmore", "# Title\ntext more"),
        ("- a\n- b\n  more", "- a\n- b more"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\nafter", "| a | b |\n|---|---|\n| 1 | 2 |\nafter"),
        ("```\nx\ny\n<div>\n```\nz\nw", "```\nx\ny\n<div>\n```\nz w"),
        ('<div align="center"><img src="x.png"></div>\n\nHello <b>you</b>', "Hello you"),
        ("<!-- hidden\nlines -->text", "text"),
        ("hard  \nbreak", "hard  \nbreak"),
        ("1. a\n2. b", "1. a\n2. b"),
        ("a < b and c > d", "a < b and c > d"),
        ("    code\n    more", "    code\n    more"),
    ],
)
def test_cards_are_simplified(text: str, shown: str) -> None:
    assert simplify_card(text) == shown
