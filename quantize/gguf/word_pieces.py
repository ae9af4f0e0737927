"""WordPiece tokenizers of BERT: tokens with a mark for the beginning of a word, as llama.cpp wants them."""

from __future__ import annotations

from typing import Any

from models.errors import QuantizationFailed
from quantize.gguf.vocabulary import CONTROL, NORMAL, TokenTable, Vocabulary, iter_steps, put_added_tokens


def read_word_pieces(name: str, tokenizer: dict[str, Any], size: int) -> Vocabulary:
    """The vocabulary of a WordPiece model.

    Raises:
        QuantizationFailed: it prepares text in another way than BERT does.
    """
    model = tokenizer["model"]
    normalizers = iter_steps(tokenizer.get("normalizer"), "normalizers")
    cuts = [step.get("type") for step in iter_steps(tokenizer.get("pre_tokenizer"), "pretokenizers")]
    if [step.get("type") for step in normalizers] != ["BertNormalizer"] or cuts != ["BertPreTokenizer"]:
        raise QuantizationFailed(file=name, reason="Its WordPiece tokenizer does not prepare text as BERT does.")
    rules = normalizers[0]
    if not rules.get("handle_chinese_chars", True) or model.get("continuing_subword_prefix", "##") != "##":
        raise QuantizationFailed(file=name, reason="Its WordPiece tokenizer does not prepare text as BERT does.")
    table = TokenTable.empty(size)
    for token, number in model["vocab"].items():
        table.put(number, token, NORMAL)
    put_added_tokens(table, tokenizer.get("added_tokens", []))
    for number, token in enumerate(table.tokens):
        if table.kinds[number] != CONTROL:
            table.tokens[number] = token[2:] if token.startswith("##") else "▁" + token
    lowers = bool(rules.get("lowercase", True))
    strips = rules.get("strip_accents")
    settings: dict[str, bool | bytes] = {
        "tokenizer.ggml.normalizer.lowercase": lowers,
        "tokenizer.ggml.normalizer.strip_accents": lowers if strips is None else bool(strips),
    }
    return Vocabulary("bert", "default", table, [], {}, settings, "")
