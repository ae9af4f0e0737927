"""Tokenizer, detokenizer and stop texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.llamacpp.backend import LlamaCppBackend
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel
from backends.llamacpp.tokens import Detokenizer, StopFinder, Tokenizer
from backends.options import LoadOptions
from tests.tiny_models import WORDS, make_tiny_model


@pytest.fixture
def tokenizer(backend: LlamaCppBackend) -> Tokenizer:
    assert backend._model is not None
    return backend._model.tokenizer


@pytest.mark.parametrize("text", ["hello the hell", "你好，世界", "🎉👩‍👩‍👧", "", " \n\t", "a\x00b", "\ud800lone"])
def test_any_text_survives_the_way_to_tokens_and_back(tokenizer: Tokenizer, text: str) -> None:
    detokenizer = Detokenizer(tokenizer)
    back = "".join(detokenizer.add(token) for token in tokenizer.encode(text)) + detokenizer.finish()
    assert back == text.encode("utf-8", "replace").decode()


def test_an_emoji_split_over_four_tokens_comes_out_whole_with_the_last(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("🎉")
    detokenizer = Detokenizer(tokenizer)
    assert len(tokens) == 4
    assert [detokenizer.add(token) for token in tokens] == ["", "", "", "🎉"]


def test_a_character_that_is_never_completed_becomes_a_replacement_at_once(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("你")
    detokenizer = Detokenizer(tokenizer)
    (letter,) = tokenizer.encode("x")
    assert [detokenizer.add(token) for token in (*tokens[:2], letter)] == ["", "", "\ufffdx"]
    detokenizer.add(tokens[0])
    assert detokenizer.finish() == "\ufffd"


def test_merges_are_used(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("hell")) == 1


def test_special_tokens_are_read_in_prompts_and_silent_in_replies(tokenizer: Tokenizer) -> None:
    (token,) = tokenizer.encode("<|im_start|>")
    assert tokenizer.text_of(token) == "<|im_start|>"
    assert tokenizer.piece(token) == b""
    assert tokenizer.is_end(tokenizer.end)


def test_a_control_token_that_somebody_reads_can_be_shown(tokenizer: Tokenizer) -> None:
    (token,) = tokenizer.encode("<|im_start|>")
    tokenizer.show(["<|im_start|>", "not a token"])
    assert tokenizer.piece(token) == b"<|im_start|>"


@pytest.mark.parametrize("length", [63, 64, 65, 128, 5000])
def test_a_token_may_stand_for_any_number_of_bytes(tmp_path: Path, length: int) -> None:
    word = "x" * length
    path = make_tiny_model(tmp_path / "long.gguf", extra_words=(*WORDS, word))
    model = NativeModel(NativeLibrary(), str(path), LoadOptions(threads=1), lambda fraction: True)
    token = 256 + len(WORDS)
    assert model.tokenizer.bytes_of(token) == model.tokenizer.piece(token) == word.encode()
    model.close()


def test_a_prompt_gets_one_begin_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode_prompt("x").count(tokenizer.begin) == 1
    assert tokenizer.encode_prompt("<|begin|>x").count(tokenizer.begin) == 1
    assert tokenizer.encode_prompt("") == [tokenizer.begin]


def test_a_stop_text_is_found_over_the_borders_of_pieces() -> None:
    finder = StopFinder(["STOP"])
    assert [finder.add(piece) for piece in ("ab S", "T", "O", "P cd")] == ["ab ", "", "", ""]
    assert finder.found


def test_what_only_began_like_a_stop_text_is_shown_after_all() -> None:
    finder = StopFinder(["STOP"])
    assert finder.add("a ST") == "a "
    assert finder.add("ART") == "START"
    assert finder.add(" S") == " "
    assert finder.finish() == "S"


def test_the_earliest_of_several_stop_texts_counts() -> None:
    finder = StopFinder(["zzz", "b", "cd"])
    assert finder.add("aXcdb") == "aX"


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3), st.data())
def test_however_a_text_is_cut_the_same_is_shown(text: str, stops: list[str], data: st.DataObject) -> None:
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    finder, shown, rest = StopFinder(stops), "", text
    while rest and not finder.found:
        cut = data.draw(st.integers(1, len(rest)))
        shown, rest = shown + finder.add(rest[:cut]), rest[cut:]
    if not finder.found:
        shown += finder.finish()
    # A longer stop text that began earlier may still be incomplete where a shorter one ends, so "earliest" is as seen so far.
    assert finder.found == bool(places)
    if not places:
        assert shown == text
    else:
        assert text.startswith(shown)
        assert len(shown) >= min(places)
