"""Why a prompt was not in the cache."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.services.cache_reasons import _common_length, explain_cache

HEAD = "You are a careful assistant. " * 40


def test_the_first_prompt_has_nothing_before_it() -> None:
    assert explain_cache("hello", [], 0, 5).state == "first"
    assert explain_cache("hello", [], 4, 5).state == "reused"  # another life of the engine had kept it


def test_what_goes_on_from_an_earlier_text_is_reused() -> None:
    assert explain_cache(HEAD + "one two", [HEAD + "one"], 320, 330).state == "reused"


def test_the_first_difference_from_the_nearest_text_is_shown() -> None:
    found = explain_cache("id=7 " + HEAD, ["other", "id=6 " + HEAD], 2, 330)
    assert (found.state, found.place) == ("differs", 3)
    assert found.now.startswith("7 You") and found.then.startswith("6 You")


def test_what_was_shared_and_is_not_there_any_more_was_forgotten() -> None:
    assert explain_cache(HEAD + "two", [HEAD + "one"], 0, 330).state == "gone"


@given(st.text(), st.text(), st.text())
def test_the_common_beginning_is_exact(head: str, one: str, other: str) -> None:
    first, second = head + one, head + other
    count = _common_length(first, second)
    assert first[:count] == second[:count]
    assert count == min(len(first), len(second)) or first[count] != second[count]
