"""Tokenizers: from our GGUF llama.cpp cuts text into the very tokens of the Hugging Face tokenizer."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from models.errors import UserFacingError
from quantize.gguf import byte_pairs
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.vocabulary import read_vocabulary, write_vocabulary
from tests.quantize import checkpoints

_PIECES = (
    "Hello", " world", "It's", "WE'LL", "don't", "  ", "\n", "\n\n", "\t", " \n ", "def f(x):", "    return x", "你好", "世界，", "中文。",
    "🙂", "👩‍💻", "1234567", "3.14", "0x1F", "—", "…", "naïve", "Straße", "Привет", "日本語", "한국어",
    "x=y+z;", "</html>", "{'a': [1, 2]}", "\r\n",
    "http://a.b/c?d=e", "ABC", "aBcD", "@#$%", "é", "ﬁ", "½", "\\n", "<s>", "e̊",
)  # fmt: skip


def make_texts(count: int = 300, *, without: tuple[str, ...] = ()) -> list[str]:
    draw = random.Random(7)
    pieces = [piece for piece in _PIECES if piece not in without]
    return [draw.choice(("", " ")).join(draw.choices(pieces, k=draw.randint(1, 9))) for _ in range(count)]


def cut_with_llama_cpp(folder: Path, texts: list[str], *, ends: bool = False, size: int = 0) -> list[list[int]]:
    """Write the vocabulary alone, as llama.cpp's own vocabulary files are, and tokenize with it."""
    import gguf
    from llama_cpp import Llama

    if not (folder / "config.json").exists():
        (folder / "config.json").write_text("{}")
    if not list(folder.glob("*.safetensors")):
        import numpy
        from safetensors.numpy import save_file

        save_file({"x": numpy.zeros(1, numpy.float32)}, folder / "m.safetensors")
    tokenizer = json.loads((folder / "tokenizer.json").read_text()) if (folder / "tokenizer.json").exists() else {}
    vocab = (tokenizer.get("model") or {}).get("vocab", [])
    size = size or len(vocab) + len(tokenizer.get("added_tokens", []))
    vocabulary = read_vocabulary(Checkpoint(folder), size)
    writer = gguf.GGUFWriter(folder / "v.gguf", "llama")
    writer.add_vocab_size(size)
    for add, value in (
        (writer.add_context_length, 64), (writer.add_embedding_length, 64), (writer.add_block_count, 1), (writer.add_head_count, 4),
        (writer.add_feed_forward_length, 64), (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_rope_dimension_count, 16),
    ):  # fmt: skip
        add(value)
    writer.add_token_type_count(1)
    write_vocabulary(writer, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = Llama(str(folder / "v.gguf"), vocab_only=True, verbose=False)
    found = [model.tokenize(text.encode(), add_bos=ends, special=True) for text in texts]
    model.close()
    return found


def cut_with_tokenizers(folder: Path, texts: list[str], *, ends: bool = False) -> list[list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [tokenizer.encode(text, add_special_tokens=ends).ids for text in texts]


def train_byte_pairs(folder: Path, steps: tuple[Any, ...], *, ignore_merges: bool = False) -> None:
    """A small byte-level BPE with the cut that is described as ``byte_pairs`` describes it."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    made = []
    for step in steps:
        if step[0] == "split":
            made.append(pre_tokenizers.Split(Regex(step[1]), "isolated"))
        elif step[0] == "digits":
            made.append(pre_tokenizers.Digits(step[1]))
        elif step[0] == "punctuation":
            made.append(pre_tokenizers.Punctuation("contiguous"))
        else:
            made.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=len(step) > 1))
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(made)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1500, initial_alphabet=alphabet, special_tokens=["<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator([*checkpoints.sample_texts(), *make_texts(400)], trainer)
    checkpoints.save_tokenizer(tokenizer, folder, {"bos_token": "<s>", "eos_token": "</s>"})


_CUTS = {**{name: steps for steps, name in byte_pairs._KNOWN.items()}, "smaug-bpe": (("split", byte_pairs._LLAMA3), ("bytes",))}
# llama.cpp writes these two with approximations that count marks (U+030A) and letters without case in another way
_APPROXIMATE = {"tekken": ("e̊", "ﬁ"), "gpt-4o": ("e̊", "ﬁ")}


@pytest.mark.parametrize("cut", _CUTS)
def test_byte_pairs_are_cut_as_the_tokenizer_cuts_them(cut: str, tmp_path: Path) -> None:
    train_byte_pairs(tmp_path / "t", _CUTS[cut], ignore_merges=cut == "llama-bpe")
    found = byte_pairs.find_pre_tokenizer("t", json.loads((tmp_path / "t" / "tokenizer.json").read_text()))
    assert found == cut
    texts = make_texts(without=_APPROXIMATE.get(cut, ()))
    assert cut_with_llama_cpp(tmp_path / "t", texts) == cut_with_tokenizers(tmp_path / "t", texts)


def train_sentence_pieces(folder: Path, kind: str) -> None:
    """A SentencePiece model file, with bytes to fall back on."""
    import sentencepiece

    folder.mkdir(exist_ok=True)
    (folder.parent / "text.txt").write_text("\n".join([*checkpoints.sample_texts(), *make_texts(300)]), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder.parent / "text.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=1200, model_type=kind,
        byte_fallback=kind == "bpe", character_coverage=0.98, num_threads=1, minloglevel=2, remove_extra_whitespaces=kind == "unigram",
        normalization_rule_name="identity" if kind == "bpe" else "nmt_nfkc", max_sentence_length=20000,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_sentencepiece_file_is_read_without_the_library(kind: str, tmp_path: Path) -> None:
    import sentencepiece

    train_sentence_pieces(tmp_path / "t", kind)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "t" / "tokenizer.model"))
    texts = make_texts(without=("<s>",))
    (tmp_path / "t" / "tokenizer_config.json").write_text(json.dumps({"add_eos_token": False}))
    (tmp_path / "t" / "config.json").write_text(json.dumps({"bos_token_id": 1, "eos_token_id": 2}))
    expected = [processor.encode(text) for text in texts]
    found = cut_with_llama_cpp(tmp_path / "t", texts, size=1200)
    assert found == expected


def test_merges_of_sentence_pieces_give_the_scores_back(tmp_path: Path) -> None:
    """As Llama 2 and Gemma are published: a SentencePiece BPE written as merges, with bytes to fall back on."""
    from tokenizers import Tokenizer, models, normalizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    special = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)]]
    trainer = trainers.BpeTrainer(vocab_size=1500, special_tokens=special, limit_alphabet=200, show_progress=False)
    tokenizer.train_from_iterator([*checkpoints.sample_texts(), *make_texts(200)], trainer)
    checkpoints.save_tokenizer(tokenizer, tmp_path / "t", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
    path = tmp_path / "t" / "tokenizer.json"
    value = json.loads(path.read_text())
    value["added_tokens"] = [token for token in value["added_tokens"] if not token["content"].startswith("<0x")]
    path.write_text(json.dumps(value))
    texts = make_texts()
    assert cut_with_llama_cpp(tmp_path / "t", texts) == cut_with_tokenizers(tmp_path / "t", texts)


def test_unigrams_with_their_ends_are_those_of_the_tokenizer(tmp_path: Path) -> None:
    """As XLM-RoBERTa is published: a Unigram with SentencePiece's own table of characters."""
    import base64

    from quantize.gguf.sentence_pieces import iter_fields

    train_sentence_pieces(tmp_path / "s", "unigram")
    fields = list(iter_fields((tmp_path / "s" / "tokenizer.model").read_bytes()))
    (characters,) = [dict(iter_fields(value))[2] for number, value in fields if number == 3]  # type: ignore[arg-type]
    checkpoints.train_unigram(tmp_path / "t", 600)
    path = tmp_path / "t" / "tokenizer.json"
    normalizer = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(characters).decode()}  # type: ignore[arg-type]
    path.write_text(json.dumps({**json.loads(path.read_text()), "normalizer": normalizer}))
    texts = [text.strip() for text in make_texts(without=("<s>",))]
    assert cut_with_llama_cpp(tmp_path / "t", texts, ends=True) == cut_with_tokenizers(tmp_path / "t", texts, ends=True)


@pytest.mark.parametrize("lowers", [True, False])
def test_word_pieces_with_their_ends_are_those_of_the_tokenizer(lowers: bool, tmp_path: Path) -> None:
    checkpoints.train_word_pieces(tmp_path / "t", 900)
    if not lowers:
        path = tmp_path / "t" / "tokenizer.json"
        value = json.loads(path.read_text())
        value["normalizer"] = {**value["normalizer"], "lowercase": False, "strip_accents": False}
        path.write_text(json.dumps(value))
    texts = make_texts(without=("<s>",))
    assert cut_with_llama_cpp(tmp_path / "t", texts, ends=True) == cut_with_tokenizers(tmp_path / "t", texts, ends=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normalizer": {"type": "Lowercase"}}, "cuts text"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "cuts text"),
        ({"model": {"type": "WordLevel", "vocab": {}}}, "WordLevel"),
        ({"model": {"type": "Unigram", "vocab": []}, "normalizer": {"type": "Lowercase"}}, "Lowercase"),
    ],
)
def test_a_tokenizer_that_llama_cpp_cannot_follow_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    train_byte_pairs(tmp_path / "t", _CUTS["gpt-2"])
    path = tmp_path / "t" / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserFacingError, match=message):
        cut_with_llama_cpp(tmp_path / "t", ["x"])


def test_a_damaged_sentencepiece_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    train_sentence_pieces(tmp_path / "t", "bpe")
    path = tmp_path / "t" / "tokenizer.model"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserFacingError, match="SentencePiece"):
        cut_with_llama_cpp(tmp_path / "t", ["x"], size=1200)
