"""Options of a load that would come to grief in C++ are refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from backends.options import LoadOptions
from models.errors import InvalidOption


@pytest.mark.parametrize(
    "pattern",
    [
        "blk\\.(?:1[0-9]|2\\d)\\.ffn_.*_exps",
        "a(?=b)",
        "a(?!b)",
        "[(?i)+]+",
        "a\\(?b",
        "\\\\A",
        "a{2,3}?",
        "a{2}",
        "a+?",
        "[]+]+x",
        "[^]{]",
    ],
)
def test_patterns_that_the_engine_reads_alike_are_taken(pattern: str) -> None:
    assert LoadOptions(tensor_overrides=[[pattern, "CPU"]]).tensor_overrides == ((pattern, "CPU"),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("(?i)ffn", "(?i)"),
        ("(?P<a>b)", "(?P<"),
        ("(?<=a)b", "(?<="),
        ("(?<!a)b", "(?<!"),
        ("(?>a)b", "(?>"),
        ("(?#c)a", "(?#"),
        ("(a)?(?(1)b|c)", "(?("),
        ("a*+", "*+"),
        ("a++", "++"),
        ("a?+", "?+"),
        ("a{2}+", "}+"),
        ("a{,3}", "{"),
        ("a{", "{"),
        ("\\Aa", "\\A"),
        ("a\\Z", "\\Z"),
        ("[", "wrong"),
    ],
)
def test_patterns_that_the_engine_reads_otherwise_are_refused_and_named(pattern: str, named: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        LoadOptions(tensor_overrides=((pattern, "CPU"),))
    assert caught.value.facts["option"] == "tensor_overrides"
    assert named in caught.value.facts["allowed"]


@pytest.mark.parametrize(
    "value", [[1], ["ab"], [["ab"]], [["a", 1]], [["", "CPU"]], [["a", ""]], [[1, "CPU"]], [None], [{"a": "CPU"}]]
)
def test_what_is_no_pair_of_texts_is_refused(value: Any) -> None:
    with pytest.raises(InvalidOption) as caught:
        LoadOptions(tensor_overrides=value)
    assert caught.value.facts["option"] == "tensor_overrides"
