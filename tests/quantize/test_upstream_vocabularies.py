"""llama.cpp's own vocabulary files: made anew from a Hugging Face tokenizer of the same tokens, they cut the same texts into the same ids.

``$YANMO_LLAMA_CPP`` names a checkout of llama.cpp (its source distribution inside llama-cpp-python's will do); without one
there is nothing to compare with.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from models.gguf_header import read_header
from quantize.gguf import byte_pairs
from tests.quantize.test_vocabularies import _CUTS, cut_with_llama_cpp

FOLDER = Path(os.environ.get("YANMO_LLAMA_CPP", "")) / "models"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
BYTE_PAIRS = {
    "command-r": "starcoder", "deepseek-coder": "deepseek-coder", "falcon": "falcon", "gpt-2": "gpt-2", "llama-bpe": "llama-bpe",
    "mpt": "gpt-2", "qwen2": "qwen2", "qwen35": "qwen35", "refact": "starcoder", "starcoder": "starcoder",
}  # fmt: skip
"""Files, and the cut that Hugging Face's tokenizer of that model has; several names of llama.cpp's mean one and the same cut."""
PIECES = ("llama-spm", "phi-3")

pytestmark = pytest.mark.skipif(
    not (FOLDER / "ggml-vocab-qwen2.gguf").is_file(), reason="no checkout of llama.cpp: set YANMO_LLAMA_CPP"
)


def read_cases(name: str) -> tuple[list[str], list[list[int]]]:
    """The texts that lie beside a vocabulary, and the ids that its own model's tokenizer gave for them."""
    place = FOLDER / f"ggml-vocab-{name}.gguf"
    texts = place.with_name(place.name + ".inp").read_text(encoding="utf-8").split("\n__ggml_vocab_test__\n")
    lines = place.with_name(place.name + ".out").read_text(encoding="utf-8").split("\n")
    ids = [[int(token) for token in line.split()] for line in lines[: len(texts)]]
    return texts, ids


def read_tokens(name: str) -> tuple[list[str], list[int], list[str], list[float]]:
    """Tokens, their kinds, merges and scores of a vocabulary file."""
    header = read_header(FOLDER / f"ggml-vocab-{name}.gguf")
    arrays: list[Any] = [header.read_array(f"tokenizer.ggml.{key}") for key in ("tokens", "token_type", "merges", "scores")]
    return arrays[0], arrays[1], arrays[2], arrays[3]


@pytest.mark.parametrize("name", BYTE_PAIRS)
def test_byte_pairs_are_those_of_upstreams_file(name: str, tmp_path: Path) -> None:
    tokens, kinds, merges, _ = read_tokens(name)
    steps: list[dict[str, Any]] = []
    for step in _CUTS[BYTE_PAIRS[name]]:
        if step[0] == "split":
            steps.append({"type": "Split", "pattern": {"Regex": step[1]}, "behavior": "Isolated", "invert": False})
        elif step[0] == "digits":
            steps.append({"type": "Digits", "individual_digits": step[1]})
        elif step[0] == "punctuation":
            steps.append({"type": "Punctuation", "behavior": step[1]})
        else:
            steps.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": len(step) > 1})
    added = [
        {"id": number, "content": token, "special": kind == CONTROL, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (CONTROL, USER_DEFINED)
    ]  # fmt: skip
    outside = {entry["id"] for entry in added}
    vocab = {token: number for number, token in enumerate(tokens) if number not in outside}
    model = {"type": "BPE", "vocab": vocab, "merges": merges, "ignore_merges": name == "llama-bpe"}
    tokenizer = {"model": model, "added_tokens": added, "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}}
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    assert byte_pairs.find_pre_tokenizer("t", tokenizer) == BYTE_PAIRS[name]
    texts, expected = read_cases(name)
    assert cut_with_llama_cpp(folder, texts, size=len(tokens)) == expected


def field(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protocol buffer. Format: https://protobuf.dev/programming-guides/encoding/."""
    length, rest = b"", len(data)
    while rest > 127:
        length += bytes([rest & 127 | 128])
        rest >>= 7
    return bytes([number << 3 | 2]) + length + bytes([rest]) + data


@pytest.mark.parametrize("name", PIECES)
def test_sentence_pieces_are_those_of_upstreams_file(name: str, tmp_path: Path) -> None:
    tokens, kinds, _, scores = read_tokens(name)
    pieces = [
        field(1, field(1, token.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind]))
        for token, kind, score in zip(tokens, kinds, scores, strict=True)
    ]
    trainer = b"\x18\x02" + b"\x98\x02\x01"  # model_type BPE; byte_fallback
    normalizer = field(1, b"identity") + b"\x18\x01\x20\x00"  # add_dummy_prefix; not remove_extra_whitespaces
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "tokenizer.model").write_bytes(b"".join(pieces) + field(2, trainer) + field(3, normalizer))
    texts, expected = read_cases(name)
    assert cut_with_llama_cpp(folder, texts, size=len(tokens)) == expected


def test_word_pieces_are_those_of_upstreams_file(tmp_path: Path) -> None:
    tokens, kinds, _, _ = read_tokens("bert-bge")
    names = [
        token if kind != NORMAL or token.startswith("[") else token[1:] if token.startswith("▁") else f"##{token}"
        for token, kind in zip(tokens, kinds, strict=True)
    ]
    special = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
    tokenizer = {
        "model": {"type": "WordPiece", "vocab": {token: number for number, token in enumerate(names)}, "unk_token": "[UNK]"},
        "added_tokens": [{"id": names.index(token), "content": token, "special": True} for token in special],
        "normalizer": {"type": "BertNormalizer", "lowercase": True, "clean_text": True, "handle_chinese_chars": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    texts, expected = read_cases("bert-bge")
    found = cut_with_llama_cpp(folder, texts, size=len(tokens))
    assert found == expected
