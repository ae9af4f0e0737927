"""Every architecture: what llama.cpp computes from our GGUF is what transformers computes from the checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from quantize.gguf.convert import convert_checkpoint
from quantize.quality import log_softmax
from tests.quantize import checkpoints


@pytest.mark.parametrize("kind", [*checkpoints.DECODERS, *checkpoints.SPECIAL])
def test_llama_cpp_computes_what_transformers_computes(kind: str, tmp_path: Path) -> None:
    import torch

    folder = tmp_path / "模型"
    make = checkpoints.SPECIAL.get(kind)
    model = make(folder) if make else checkpoints.make_decoder(folder, kind)
    made = convert_checkpoint(folder, tmp_path / "made.gguf", "F32")
    # a model with factors for long texts must be long from its first word on, as llama.cpp decides it once
    start = numpy.random.default_rng(2).integers(3, 4000, 80 if kind == "phi 3 longrope, long" else 56).tolist()
    with torch.no_grad():
        given = torch.tensor([start])
        tokens = model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=64, min_new_tokens=64, do_sample=False
        )[0].tolist()
        expected = log_softmax(model(torch.tensor([tokens])).logits[0].numpy())
    found = log_softmax(checkpoints.read_logits(made, tokens))
    assert numpy.abs(found - expected).max() < 1e-3
    assert found[len(start) - 1 : -1].argmax(axis=-1).tolist() == tokens[len(start) :]


ENCODER = {
    "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 130, "type_vocab_size": 1,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["Bert", "XLMRoberta", "NomicBert"])
def test_encoders_give_the_vectors_of_transformers(kind: str, tmp_path: Path) -> None:
    import torch
    import transformers

    fields = {**ENCODER, "pad_token_id": 0} if kind != "XLMRoberta" else {**ENCODER, "pad_token_id": 1}
    if kind == "NomicBert":
        fields["head_dim"] = 16
    config = getattr(transformers, f"{kind}Config")(**fields)
    model = checkpoints.save_random(getattr(transformers, f"{kind}Model"), config, tmp_path / "m")
    (checkpoints.train_unigram if kind == "XLMRoberta" else checkpoints.train_word_pieces)(tmp_path / "m", 512)
    made = convert_checkpoint(tmp_path / "m", tmp_path / "made.gguf", "F32")
    tokens = numpy.random.default_rng(2).integers(5, 500, 40).tolist()
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).last_hidden_state[0].numpy()
    found = checkpoints.read_vectors(made, tokens)
    assert numpy.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize(("kind", "labels"), [("XLMRoberta", 1), ("Bert", 1), ("Bert", 3)])
def test_rerankers_judge_as_in_transformers(kind: str, labels: int, tmp_path: Path) -> None:
    import torch
    import transformers

    fields = {**ENCODER, "pad_token_id": 1 if kind == "XLMRoberta" else 0, "num_labels": labels}
    config = getattr(transformers, f"{kind}Config")(**fields)
    model = checkpoints.save_random(getattr(transformers, f"{kind}ForSequenceClassification"), config, tmp_path / "m")
    (checkpoints.train_unigram if kind == "XLMRoberta" else checkpoints.train_word_pieces)(tmp_path / "m", 512)
    made = convert_checkpoint(tmp_path / "m", tmp_path / "made.gguf", "F32")
    tokens = numpy.random.default_rng(2).integers(5, 500, 40).tolist()
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    assert numpy.abs(checkpoints.read_vectors(made, tokens, pooling=4)[0] - expected).max() < 1e-3
