"""Tokenizers for GGUF: the tokens, kinds and merges of a byte-level BPE, and which of llama.cpp's pre-tokenizers cuts text as it does.

llama.cpp knows pre-tokenizers by name; they are recognised here by the regular expression that ``tokenizer.json`` spells out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.errors import QuantizationFailed
from quantize.gguf.checkpoint import Checkpoint

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_PRE_TOKENIZERS = {_LLAMA3: "llama-bpe", _QWEN2: "qwen2", _GPT2: "gpt-2"}
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a GGUF says of a tokenizer. ``kinds`` are llama.cpp's token types; ``special`` maps roles such as ``eos`` to ids."""

    pre: str
    tokens: list[str]
    kinds: list[int]
    merges: list[str]
    special: dict[str, int]
    adds_begin: bool
    chat_template: str


def read_vocabulary(checkpoint: Checkpoint, size: int) -> Vocabulary:
    """The vocabulary of a checkpoint with ``size`` rows of embeddings; rows without a token become unused ones.

    Raises:
        QuantizationFailed: its tokenizer is not a byte-level BPE of a known cut.
    """
    name = checkpoint.folder.name
    tokenizer = checkpoint.read_json("tokenizer.json")
    model = tokenizer.get("model") or {}
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        raise QuantizationFailed(
            file=name, reason="Its tokenizer is not a byte-level BPE, and no other kind can be converted yet."
        )
    settings = checkpoint.read_json("tokenizer_config.json")
    tokens = [""] * size
    kinds = [UNUSED] * size
    for token, number in model["vocab"].items():
        if number < size:
            tokens[number], kinds[number] = token, NORMAL
    for added in tokenizer.get("added_tokens", []):
        if added["id"] < size:
            tokens[added["id"]] = added["content"]
            kinds[added["id"]] = CONTROL if added.get("special") else USER_DEFINED
    for number, token in enumerate(tokens):
        if kinds[number] == UNUSED:
            tokens[number] = token or f"[PAD{number}]"
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    template = checkpoint.read_text("chat_template.jinja") or _template(settings)
    special = _special_ids(checkpoint, settings, {token: number for number, token in enumerate(tokens)})
    return Vocabulary(
        find_pre_tokenizer(name, tokenizer), tokens, kinds, merges, special, _adds_begin(tokenizer, settings), template
    )


def find_pre_tokenizer(name: str, tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name for the way this tokenizer cuts text.

    Raises:
        QuantizationFailed: it is none of those known here: a wrong one would silently change every token.
    """
    steps = tokenizer.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    patterns = [
        step["pattern"].get("Regex", "")
        for step in steps
        if step.get("type") == "Split" and isinstance(step.get("pattern"), dict)
    ]
    if [step.get("type") for step in steps] == ["ByteLevel"] and steps[0].get("use_regex", True):
        return "gpt-2"
    if len(patterns) == 1 and patterns[0] in _PRE_TOKENIZERS:
        return _PRE_TOKENIZERS[patterns[0]]
    raise QuantizationFailed(
        file=name, reason="Its tokenizer cuts text in a way that is not known here; a wrong cut would change every token."
    )


def _template(settings: dict[str, Any]) -> str:
    template = settings.get("chat_template") or ""
    if isinstance(template, list):
        named = {str(entry.get("name")): str(entry.get("template")) for entry in template}
        return named.get("default", "")
    return str(template)


def _adds_begin(tokenizer: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Whether a text begins with BOS: as the settings say, else as the post-processor does."""
    if isinstance(settings.get("add_bos_token"), bool):
        return bool(settings["add_bos_token"])
    processors = tokenizer.get("post_processor") or {}
    for step in processors.get("processors", [processors]):
        single = step.get("single") or []
        if step.get("type") == "TemplateProcessing" and single and "SpecialToken" in single[0]:
            return True
    return False


def _special_ids(checkpoint: Checkpoint, settings: dict[str, Any], ids: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    generation = checkpoint.read_json("generation_config.json")
    for role in ("bos", "eos", "pad", "unk"):
        token = settings.get(f"{role}_token")
        content = token.get("content") if isinstance(token, dict) else token
        if isinstance(content, str) and content in ids:
            found[role] = ids[content]
            continue
        for table in (generation, checkpoint.config):
            number = table.get(f"{role}_token_id")
            number = number[0] if isinstance(number, list) and number else number
            if isinstance(number, int) and role not in found:
                found[role] = number
    return found
