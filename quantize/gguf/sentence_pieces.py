"""SentencePiece tokenizers, from ``tokenizer.json`` (BPE with bytes to fall back on, Unigram) or from the model file itself."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator
from typing import Any

from models.errors import DamagedModelFile, QuantizationFailed
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.vocabulary import (
    BYTE,
    NORMAL,
    UNKNOWN,
    TokenTable,
    Vocabulary,
    iter_steps,
    put_added_tokens,
)

_BYTE_TOKEN = re.compile(r"^<0x[0-9A-F]{2}>$")
_PREFIX = "tokenizer.ggml.add_space_prefix"
_SHORTEN = "tokenizer.ggml.remove_extra_whitespaces"
_CHARACTERS = "tokenizer.ggml.precompiled_charsmap"
_UNIGRAM, _BPE = 1, 2


def read_piece_merges(name: str, tokenizer: dict[str, Any], size: int) -> Vocabulary:
    """A SentencePiece BPE that was written as merges: a token's score is the rank of the first merge that makes it.

    Raises:
        QuantizationFailed: it prepares text in a way that llama.cpp does not.
    """
    model = tokenizer["model"]
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(model["merges"]):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        ranks.setdefault("".join(pair), rank)
    table = TokenTable.empty(size, has_scores=True)
    for token, number in model["vocab"].items():
        table.put(number, token, _kind(token, model.get("unk_token")), -float(ranks.get(token, len(ranks) + 1)))
    put_added_tokens(table, tokenizer.get("added_tokens", []), spaces=True)
    settings = {_PREFIX: _adds_space(name, tokenizer)}
    return Vocabulary("llama", "default", table, [], {}, dict(settings), "")


def read_unigram(name: str, tokenizer: dict[str, Any], size: int) -> Vocabulary:
    """A Unigram model, with the table of characters that it writes in another way.

    Raises:
        QuantizationFailed: it prepares text in a way that llama.cpp does not.
    """
    model = tokenizer["model"]
    table = TokenTable.empty(size, has_scores=True)
    unknown = model.get("unk_id")
    if model.get("byte_fallback"):
        raise _no_bytes(name)
    for number, (token, score) in enumerate(model["vocab"]):
        table.put(number, token, UNKNOWN if number == unknown else _kind(token, None), float(score))
    scores = list(table.scores)
    put_added_tokens(table, tokenizer.get("added_tokens", []), spaces=True)
    table.scores[: len(scores)] = scores
    settings: dict[str, bool | bytes] = {_PREFIX: _adds_space(name, tokenizer)}
    shortens = False
    for step in iter_steps(tokenizer.get("normalizer"), "normalizers"):
        if step.get("type") == "Precompiled" and step.get("precompiled_charsmap"):
            settings[_CHARACTERS] = base64.b64decode(step["precompiled_charsmap"])
        elif step.get("type") == "Replace" and (step.get("pattern") or {}).get("Regex") == " {2,}":
            shortens = True
    for step in iter_steps(tokenizer.get("pre_tokenizer"), "pretokenizers"):
        shortens |= step.get("type") == "WhitespaceSplit"
    settings[_SHORTEN] = shortens
    return Vocabulary("t5", "default", table, [], {} if unknown is None else {"unk": int(unknown)}, settings, "")


def read_sentencepiece_file(checkpoint: Checkpoint, file: str, config: dict[str, Any], size: int) -> Vocabulary:
    """A SentencePiece model file, with the tokens that the checkpoint adds to it.

    Raises:
        DamagedModelFile: it is no such file.
        QuantizationFailed: it is neither a BPE nor a Unigram model.
    """
    data = (checkpoint.folder / file).read_bytes()
    table = TokenTable.empty(size, has_scores=True)
    settings: dict[str, bool | bytes] = {_PREFIX: True}
    kind, count, shortens = _UNIGRAM, 0, True
    try:
        for number, value in iter_fields(data):
            if number == 1:
                piece = dict(iter_fields(_bytes(value)))
                score = struct.unpack("<f", _bytes(piece[2]))[0] if 2 in piece else 0.0
                table.put(count, _bytes(piece[1]).decode("utf-8"), int(piece.get(3, NORMAL)), score)
                count += 1
            elif number == 2:
                kind = int(dict(iter_fields(_bytes(value))).get(3, _UNIGRAM))
            elif number == 3:
                rules = dict(iter_fields(_bytes(value)))
                settings[_PREFIX] = bool(rules.get(3, 1))
                shortens = bool(rules.get(4, 1))
                if rules.get(2):
                    settings[_CHARACTERS] = _bytes(rules[2])
    except (ValueError, KeyError, TypeError, struct.error, IndexError) as error:
        raise DamagedModelFile(file=file, reason=f"It is no SentencePiece model ({error}).") from None
    if kind not in (_UNIGRAM, _BPE):
        raise QuantizationFailed(
            file=checkpoint.folder.name, reason="Its SentencePiece model is neither a BPE nor a Unigram model."
        )
    added = [{"id": int(number), **token} for number, token in (config.get("added_tokens_decoder") or {}).items()]
    for text, number in checkpoint.read_json("added_tokens.json").items():
        added.insert(0, {"id": int(number), "content": text, "special": False})
    put_added_tokens(table, added, spaces=True)
    if kind == _UNIGRAM and BYTE in table.kinds:
        raise _no_bytes(checkpoint.folder.name)
    if kind == _BPE:
        settings.pop(_CHARACTERS, None)  # llama.cpp writes no character in another way here
        return Vocabulary("llama", "default", table, [], {}, settings, "")
    settings[_SHORTEN] = shortens
    return Vocabulary("t5", "default", table, [], {}, settings, "")


def iter_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer (https://protobuf.dev/programming-guides/encoding/): whole numbers, or bytes.

    Raises:
        ValueError: it is none.
    """
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(data, position)
        else:
            length = {1: 8, 5: 4}.get(wire, -1)
        if length < 0 or position + length > len(data):
            raise ValueError("a field does not fit")
        yield number, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise ValueError("a number has no end")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number stands where text should")
    return value


def _kind(token: str, unknown: Any) -> int:
    if token == unknown:
        return UNKNOWN
    return BYTE if _BYTE_TOKEN.match(token) else NORMAL


def _adds_space(name: str, tokenizer: dict[str, Any]) -> bool:
    """Whether a space is put before a text. Every step is looked at: one that llama.cpp does not take would change tokens."""
    adds = False
    for step in iter_steps(tokenizer.get("normalizer"), "normalizers"):
        kind, pattern = step.get("type"), step.get("pattern") or {}
        if kind == "Prepend" and step.get("prepend") == "▁":
            adds = True
        elif not (
            kind in ("Precompiled", "Strip")
            or (kind == "Replace" and (pattern.get("String") == " " or pattern.get("Regex") == " {2,}"))
        ):
            raise _unknown(name, str(kind))
    for step in iter_steps(tokenizer.get("pre_tokenizer"), "pretokenizers"):
        kind = step.get("type")
        if kind == "Metaspace":
            adds |= step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never") != "never"
        elif kind not in ("WhitespaceSplit",) and not (kind == "Split" and step.get("pattern") == {"String": " "}):
            raise _unknown(name, str(kind))
    return adds


def _no_bytes(name: str) -> QuantizationFailed:
    return QuantizationFailed(file=name, reason="It is a Unigram model that falls back on bytes, which llama.cpp cannot do.")


def _unknown(name: str, step: str) -> QuantizationFailed:
    return QuantizationFailed(
        file=name, reason=f"Its tokenizer prepares text with “{step}”, which llama.cpp does not do for this kind."
    )
