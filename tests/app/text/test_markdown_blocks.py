"""Cutting Markdown into blocks: a growing text ends as the same blocks as a finished one, and nothing is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.text.markdown_blocks import LARGE, BlockCutter, cut_blocks, linkify, parse

PIECES = st.sampled_from(
    ["# head\n", "para\n", "\n", "- item\n", "  more\n", "1. one\n", "> quote\n", "```py\n", "```\n", "$$\n", "x^2\n", "| a | b |\n",
     "|---|---|\n", "| 1 | 2 |\n", "---\n", "中文段落。\n", "    code\n", "[^1]: note\n", "text $x$ and $5\n", "* star\n", "\\[\n", "\\]\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_growing_piece_by_piece_gives_the_blocks_of_the_whole(pieces: list[str], step: int) -> None:
    text = "".join(pieces)
    cutter = BlockCutter()
    for start in range(0, len(text), step):
        cutter.feed(text[start : start + step])
    shown = "".join(block.source for block in [*cutter.final, *cutter.tail])
    assert "".join(shown.split()) == "".join(text.split())
    cutter.finish()
    assert "".join("".join(block.source for block in cutter.final).split()) == "".join(text.split())


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_is_cut_and_parsed_without_an_error(text: str) -> None:
    for block in cut_blocks(text):
        parse(block.source)


def test_final_blocks_never_change_while_text_grows() -> None:
    text = "one\n\n- a\n\n  b\n- c\n\n```py\nx\n\ny\n```\n\n| a |\n|---|\n| 1 |\n\nend\n"
    cutter, seen = BlockCutter(), []
    for character in text:
        cutter.feed(character)
        assert cutter.final[: len(seen)] == seen
        seen = list(cutter.final)
    cutter.finish()
    assert [block.kind for block in cutter.final] == ["paragraph", "bullet_list", "fence", "table", "paragraph"]


def test_a_number_with_a_dot_alone_is_text_and_not_an_empty_item_of_a_list() -> None:
    for source in ("2.", "2.\n", "42)", "-", "*\n", "The sum is\n\n2.\n\nNothing else."):
        assert not [token for token in parse(source) if "list" in token.type], source
        assert {block.kind for block in cut_blocks(source)} == {"paragraph"}
    assert [token.content for token in parse("> 2.") if token.type == "inline"] == ["2."]
    assert [block.kind for block in cut_blocks("1. one\n2.\n3. three\n")] == ["ordered_list"]
    assert [block.kind for block in cut_blocks("-\n  below\n")] == ["bullet_list"]
    assert [block.kind for block in cut_blocks("- a\n\n-\n\n- c\n")] == ["bullet_list"]


def test_large_blocks_are_cut_into_pieces_that_hold_everything() -> None:
    code = "".join(f"line {number}\n" for number in range(3000))
    pieces = cut_blocks(f"```python\n{code}```\n")
    assert len(pieces) > 3 and all(len(piece.source) < LARGE + 200 for piece in pieces)
    assert "".join(token.content for piece in pieces for token in parse(piece.source)) == code
    prose = "A sentence of words. " * 2000
    assert "".join(piece.source for piece in cut_blocks(prose)).strip() == prose.strip()
    rows = "| a | b |\n|---|---|\n" + "".join(f"| {number} | x |\n" for number in range(2000))
    assert sum(piece.source.count("| x |") for piece in cut_blocks(rows)) == 2000
    items = "".join(f"{number}. item {number}\n" for number in range(1, 2000))
    assert sum(piece.source.count("item") for piece in cut_blocks(items)) == 1999


def formulas(text: str) -> list[str]:
    return [child.content for token in parse(text) for child in (token.children or [token]) if child.type.startswith("math")]


def test_formulas_are_found_in_all_four_notations() -> None:
    assert formulas("$x_i^2$ and \\(a+b\\)") == ["x_i^2", "a+b"]
    assert formulas("$$\nE=mc^2\n\n+1\n$$\n") == ["E=mc^2\n\n+1"]
    assert formulas("\\[\n\\int f\n\\]\n") == ["\\int f"]
    assert formulas("公式$E=mc^2$。") == ["E=mc^2"]


def test_money_is_left_alone() -> None:
    for text in (
        "$1.23",
        "from $5 to $10",
        "$5 and $6",
        "US$3 or US$4",
        "价格是$5，而不是$6。",
        "$20/month vs $30/month",
        "costs $1,000 or $2,000.",
    ):
        assert formulas(text) == [], text


def test_code_keeps_its_dollars() -> None:
    assert formulas("`$x$` and\n\n```sh\necho $A $B\n```\n") == []


def test_bare_links_end_before_punctuation() -> None:
    runs = [address for _, address in linkify("see https://example.org/a_(b). 见https://example.org/中文，完。") if address]
    assert runs == ["https://example.org/a_(b)", "https://example.org/"]
