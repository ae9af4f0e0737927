"""Byte-level BPE tokenizers: tokens and merges, and which of llama.cpp's pre-tokenizers cuts text as this one does.

llama.cpp knows pre-tokenizers by name; they are recognised here by the steps and regular expressions that ``tokenizer.json`` spells out.
"""

from __future__ import annotations

from typing import Any

from models.errors import QuantizationFailed
from quantize.gguf.vocabulary import NORMAL, TokenTable, Vocabulary, iter_steps, put_added_tokens

_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + _TAIL
_QWEN2 = _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + _TAIL
_QWEN35 = _SHORT + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_MINICPM5 = _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+|" + _TAIL
_SEED = _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"
_BAILING = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
_SLASH_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEKKEN = f"{_BEFORE}{_UPPER}*{_LOWER}+|{_BEFORE}{_UPPER}+{_LOWER}*|" + r"\p{N}|" + _SLASH_TAIL
_GPT4O = f"{_BEFORE}{_UPPER}*{_LOWER}+{_SHORT}?|{_BEFORE}{_UPPER}+{_LOWER}*{_SHORT}?|" + r"\p{N}{1,3}|" + _SLASH_TAIL
_DEEPSEEK_CJK = "[一-龥぀-ゟ゠-ヿ]+"
_DEEPSEEK3 = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)
_OLD_CJK = "[一-龥ࠀ-一가-퟿]+"
_BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"

_WITHOUT_REGEX, _WITH_REGEX = ("bytes",), ("bytes", "gpt-2")
_KNOWN: dict[tuple[Any, ...], str] = {
    (_WITH_REGEX,): "gpt-2",
    (("split", _GPT2), _WITHOUT_REGEX): "gpt-2",
    (("split", _LLAMA3), _WITHOUT_REGEX): "llama-bpe",
    (("split", _QWEN2), _WITHOUT_REGEX): "qwen2",
    (("split", _QWEN35), _WITHOUT_REGEX): "qwen35",
    (("split", _SEED), _WITHOUT_REGEX): "seed-coder",
    (("split", _BAILING), _WITHOUT_REGEX): "bailingmoe",
    (("split", _TEKKEN), _WITHOUT_REGEX): "tekken",
    (("split", _GPT4O), _WITHOUT_REGEX): "gpt-4o",
    (("split", _BLOOM), _WITHOUT_REGEX): "bloom",
    (("digits", True), _WITH_REGEX): "starcoder",
    (("split", r"\p{N}{1,3}"), ("split", _DEEPSEEK_CJK), ("split", _DEEPSEEK3), _WITHOUT_REGEX): "deepseek-v3",
    (("split", r"\p{N}{1,3}"), ("split", _MINICPM5), _WITHOUT_REGEX): "minicpm5",
    (
        ("split", "[\r\n]"), ("split", r"\s?\p{L}+"), ("split", r"\s?\p{P}+"), ("split", _OLD_CJK), ("digits", True), _WITHOUT_REGEX,
    ): "deepseek-coder",
    (("punctuation", "Contiguous"), _WITH_REGEX, ("digits", False), ("split", "[0-9][0-9][0-9]")): "falcon",
}  # fmt: skip
_DEEPSEEK_LLM = "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-Ρ"
"""How the second step of DeepSeek's first tokenizer begins; the rest is a list of letters."""


def read_byte_pairs(name: str, tokenizer: dict[str, Any], size: int) -> Vocabulary:
    """The vocabulary of a byte-level BPE.

    Raises:
        QuantizationFailed: it cuts text in a way that llama.cpp does not know.
    """
    model = tokenizer["model"]
    table = TokenTable.empty(size)
    for token, number in model["vocab"].items():
        table.put(number, token, NORMAL)
    put_added_tokens(table, tokenizer.get("added_tokens", []))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return Vocabulary("gpt2", find_pre_tokenizer(name, tokenizer), table, merges, {}, {}, "")


def find_pre_tokenizer(name: str, tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name for the way this tokenizer cuts text.

    Raises:
        QuantizationFailed: it is none of those known here: a wrong one would silently change every token.
    """
    steps = tuple(map(_describe, iter_steps(tokenizer.get("pre_tokenizer"), "pretokenizers")))
    normalizers = {step.get("type") for step in iter_steps(tokenizer.get("normalizer"), "normalizers")}
    # NFC changes nothing in text as it is typed; llama.cpp leaves it out for every model
    if normalizers <= {"NFC"}:
        found = _KNOWN.get(steps, "")
        if found == "llama-bpe" and not tokenizer["model"].get("ignore_merges"):
            found = "smaug-bpe"  # the same cut, but a word that is a token is still merged from its bytes
        if found:
            return found
        if len(steps) > 4 and steps[0] == ("split", "[\r\n]") and str(steps[1][-1]).startswith(_DEEPSEEK_LLM):
            return "deepseek-llm"
    raise QuantizationFailed(
        file=name, reason="Its tokenizer cuts text in a way that is not known here; a wrong cut would change every token."
    )


def _describe(step: dict[str, Any]) -> tuple[Any, ...]:
    """A step as a value to compare."""
    kind, pattern = step.get("type"), step.get("pattern")
    if kind == "Split" and isinstance(pattern, dict) and "Regex" in pattern:
        if (step.get("behavior"), bool(step.get("invert"))) in (("Isolated", False), ("Removed", True)):
            return ("split", pattern["Regex"])
    elif kind == "ByteLevel" and not step.get("add_prefix_space"):
        return _WITH_REGEX if step.get("use_regex", True) else _WITHOUT_REGEX
    elif kind == "Digits":
        return ("digits", bool(step.get("individual_digits")))
    elif kind == "Punctuation":
        return ("punctuation", step.get("behavior"))
    return ("unknown", str(kind))
