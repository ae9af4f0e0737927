"""Many sequences in one row: every architecture computes what transformers computes for each alone."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from backends.torch_transformers.attention import NAME, KeyValues, Span, compute, register
from backends.torch_transformers.loading import load_network
from models.errors import CannotCompute, QuantizationFailed
from quantize.awq.network import Network
from quantize.checkpoint_reader import CheckpointReader
from tests.backends.torch_transformers.conftest import load
from tests.quantize.checkpoints import DECODERS, make_decoder

# the long factors of Phi depend on what else is in the row, and most layers of Qwen 3.5 remember in another way
KINDS = [kind for kind in DECODERS if "longrope" not in kind and not kind.startswith("qwen3.5")]


@pytest.mark.parametrize("kind", KINDS)
def test_two_sequences_read_in_pieces_together_give_the_logits_of_each_alone(kind: str, tmp_path: Path) -> None:
    import torch

    model = make_decoder(tmp_path, kind)
    draw = numpy.random.default_rng(4)
    texts = [draw.integers(3, 4000, size=70).tolist(), draw.integers(3, 4000, size=45).tolist()]
    with torch.inference_mode():
        expected = [model(torch.tensor([text])).logits[0].numpy() for text in texts]
    register()
    found = load_network(tmp_path, "cpu", torch.float32, lambda _fraction: True, attention=NAME)
    caches = [KeyValues(), KeyValues()]
    got: list[list[numpy.ndarray]] = [[], []]
    for pieces in ((40, 7), (1, 30), (29, 1), (0, 7)):
        row, spans, owners = [], [], []
        for number, count in enumerate(pieces):
            start = caches[number].length
            row += texts[number][start : start + count]
            if count:
                spans.append(Span(caches[number], count))
                owners += [number] * count
        logits, seen = compute(found.model, row, spans, list(range(len(row))), "cpu")
        assert seen == set(range(model.config.num_hidden_layers))
        for owner, values in zip(owners, logits.numpy(), strict=True):
            got[owner].append(values)
    for number in range(2):
        assert numpy.abs(numpy.array(got[number]) - expected[number]).max() < 2e-3 * max(1.0, numpy.abs(expected[number]).max())


def test_a_network_that_remembers_in_another_way_is_refused_instead_of_forgetting(tmp_path: Path) -> None:
    make_decoder(tmp_path, "qwen3.5")
    with pytest.raises(CannotCompute, match=r"qwen3_5.*by a state"):
        load(tmp_path)
    with pytest.raises(QuantizationFailed, match="of a kind that is not known"):
        Network(tmp_path)


def test_what_it_would_say_in_one_go_can_be_measured_all_the_same(tmp_path: Path) -> None:
    """Measuring reads each window whole, so that nothing needs to be remembered."""
    import torch

    model = make_decoder(tmp_path, "qwen3.5")
    tokens = list(range(5, 69))
    reader = CheckpointReader(str(tmp_path), 1)
    with torch.inference_mode():
        expected = model(torch.tensor([tokens])).logits[0, 32:63].numpy()
    for _ in range(2):
        assert numpy.abs(reader.read(tokens, 32) - expected).max() < 1e-3 * numpy.abs(expected).max()
    reader.close()


def test_four_bit_experts_are_refused_by_name(tmp_path: Path) -> None:
    import torch

    from tests.quantize.checkpoints import rewrite_config

    make_decoder(tmp_path, "mixtral")
    rewrite_config(tmp_path, quantization_config={"quant_method": "awq", "bits": 4, "version": "gemm"})
    with pytest.raises(CannotCompute, match=r"mixtral.*four bits"):
        load_network(tmp_path, "cpu", torch.float32, lambda _fraction: True, attention=NAME)
