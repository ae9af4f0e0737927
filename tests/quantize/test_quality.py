"""The proof: figures that agree with an independent computation, rise with the loss, and tell a broken file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy
import pytest
from gguf import GGUFReader

from models.errors import QuantizationFailed, UserFacingError
from models.gguf_parts import hash_parts
from quantize.gguf.importance_matrix import compute_importance_matrix, read_importance_matrix, write_importance_matrix
from quantize.gguf.quantize import quantize_file
from quantize.probe import probe_model
from quantize.quality import WINDOW, Quality, cut_windows, log_softmax, measure_quality
from quantize.quality_card import make_card, read_card, write_card, write_markdown
from quantize.recipe import Recipe


@pytest.fixture(scope="module")
def ladder(full: Path, text: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Quality]:
    folder = tmp_path_factory.mktemp("ladder")
    found = {}
    for name in ("Q8_0", "Q4_K_M", "Q2_K"):
        made = quantize_file(full, folder / f"{name}.gguf", Recipe(name), threads=1)
        found[name] = measure_quality(made, text, base=full, most_windows=4, threads=1)
    return found


def test_the_loss_rises_as_the_bits_fall(ladder: dict[str, Quality]) -> None:
    divergences = [ladder[name].kl_mean for name in ("Q8_0", "Q4_K_M", "Q2_K")]
    assert divergences == sorted(divergences) and divergences[0] > 0
    agreements = [ladder[name].same_top_1 for name in ("Q8_0", "Q4_K_M", "Q2_K")]
    assert agreements == sorted(agreements, reverse=True)
    for quality in ladder.values():
        assert quality.kl_median <= quality.kl_99 <= quality.kl_max
        assert quality.flips == pytest.approx(1 - quality.same_top_1)
        assert len(quality.worst) == 12 and quality.worst[0].divergence == pytest.approx(quality.kl_max, abs=1e-3)
        assert not quality.is_broken and quality.perplexity_error > 0


def test_a_model_against_itself_loses_nothing(full: Path, text: str) -> None:
    same = measure_quality(full, text, base=full, most_windows=2, threads=1)
    assert same.kl_max < 1e-9 and same.same_top_1 == same.same_top_5 == 1.0
    assert same.perplexity == pytest.approx(same.base_perplexity)


def test_perplexity_agrees_with_an_independent_computation(full: Path, text: str) -> None:
    from llama_cpp import Llama

    # The same attention as ours, or rounding alone differs by more than the tolerance.
    settings = {"n_ctx": WINDOW, "n_batch": WINDOW, "n_threads": 1, "n_threads_batch": 1, "flash_attn": True}
    model = Llama(str(full), logits_all=True, verbose=False, **settings)
    tokens = model.tokenize(text.encode(), add_bos=False, special=False)
    windows = list(cut_windows(tokens, None, WINDOW))[:2]
    losses = []
    for window in windows:
        model.reset()
        model.eval(window)
        rows = log_softmax(numpy.array(model.scores[:WINDOW]))
        losses += [-rows[position, window[position + 1]] for position in range(WINDOW // 2, WINDOW - 1)]
    model.close()
    expected = math.exp(float(numpy.mean(losses)))
    ours = measure_quality(full, text, threads=1)
    own = measure_quality(full, model_text(tokens[: 2 * WINDOW], full), threads=1)
    assert own.tokens == len(losses)
    assert own.perplexity == pytest.approx(expected, rel=1e-4)
    assert ours.windows >= 2


def model_text(tokens: list[int], path: Path) -> str:
    from llama_cpp import Llama

    model = Llama(str(path), vocab_only=True, verbose=False)
    text = model.detokenize(tokens).decode()
    model.close()
    return text


def test_a_text_that_is_too_short_is_refused(full: Path) -> None:
    with pytest.raises(QuantizationFailed, match="fewer than"):
        measure_quality(full, "too short", threads=1)


def test_models_of_different_vocabularies_are_not_compared(full: Path, text: str, tmp_path: Path) -> None:
    from tests.tiny_models import make_tiny_model

    other = make_tiny_model(tmp_path / "tiny.gguf")
    with pytest.raises(UserFacingError):
        measure_quality(other, text, base=full, threads=1)


def test_a_model_of_noise_is_said_to_be_broken(full: Path, text: str, tmp_path: Path) -> None:
    noisy = tmp_path / "noise.gguf"
    data = bytearray(full.read_bytes())
    reader = GGUFReader(str(full))
    draw = numpy.random.default_rng(1)
    for tensor in reader.tensors:
        if "ffn_down" in tensor.name or "attn_output" in tensor.name:
            values = (draw.standard_normal(tensor.n_elements) * 40).astype(numpy.float16)
            data[tensor.data_offset : tensor.data_offset + values.nbytes] = values.tobytes()
    noisy.write_bytes(bytes(data))
    assert measure_quality(noisy, text, most_windows=1, threads=1).is_broken


def test_the_importance_matrix_is_what_flows_into_the_first_layer(full: Path, text: str, tmp_path: Path) -> None:
    matrix = compute_importance_matrix(full, text, tmp_path / "i.gguf", most_windows=1, threads=1)
    channel = matrix.channels["blk.0.attn_q.weight"]
    assert channel.counts.tolist() == [WINDOW] and matrix.coverage()[0] == matrix.coverage()[1]
    tensors = {tensor.name: tensor for tensor in GGUFReader(str(full)).tensors}
    from llama_cpp import Llama

    model = Llama(str(full), vocab_only=True, verbose=False)
    tokens = model.tokenize(text.encode(), add_bos=False, special=False)[:WINDOW]
    model.close()
    embedded = tensors["token_embd.weight"].data.astype(numpy.float32)[tokens]
    scale = numpy.sqrt((embedded**2).mean(axis=-1, keepdims=True) + 1e-5)
    flowing = embedded / scale * tensors["blk.0.attn_norm.weight"].data
    assert numpy.allclose(channel.sums[0], (flowing**2).sum(axis=0), rtol=1e-2)


def test_an_importance_matrix_survives_its_file_and_makes_small_types_possible(full: Path, text: str, tmp_path: Path) -> None:
    path = tmp_path / "矩阵.imatrix.gguf"
    matrix = compute_importance_matrix(full, text, path, most_windows=3, threads=1)
    again = tmp_path / "again.gguf"
    write_importance_matrix(read_importance_matrix(path), again)
    for name, values in read_importance_matrix(again).means().items():
        assert numpy.array_equal(values, matrix.means()[name])
    recipe = Recipe("IQ2_XS", imatrix_sha256=hash_parts(path))
    made = quantize_file(full, tmp_path / "iq2.gguf", recipe, imatrix=path, threads=1)
    plain = measure_quality(
        quantize_file(full, tmp_path / "q2.gguf", Recipe("Q2_K"), threads=1), text, base=full, most_windows=2, threads=1
    )
    helped = measure_quality(
        quantize_file(full, tmp_path / "q2i.gguf", Recipe("Q2_K", imatrix_sha256=hash_parts(path)), imatrix=path, threads=1),
        text,
        base=full,
        most_windows=2,
        threads=1,
    )
    assert made.stat().st_size < full.stat().st_size / 3
    assert helped.kl_mean < plain.kl_mean


def test_a_file_that_is_no_importance_matrix_is_refused(full: Path) -> None:
    with pytest.raises(UserFacingError, match="importance matrix"):
        read_importance_matrix(full)


def spoil_weights(full: Path, target: Path, name: str, value: float) -> Path:
    """The model with one kind of weight replaced."""
    data = bytearray(full.read_bytes())
    for tensor in GGUFReader(str(full)).tensors:
        if name in tensor.name:
            values = numpy.full(tensor.n_elements, value, numpy.float16 if tensor.tensor_type.name == "F16" else numpy.float32)
            data[tensor.data_offset : tensor.data_offset + values.nbytes] = values.tobytes()
    target.write_bytes(bytes(data))
    return target


def test_a_model_that_gives_no_numbers_is_broken_and_the_card_says_so(full: Path, text: str, tmp_path: Path) -> None:
    made = spoil_weights(full, tmp_path / "nan.gguf", "blk.1.ffn_down", math.nan)
    quality = measure_quality(made, text, base=full, most_windows=1, threads=1)
    probe = probe_model(made, text, threads=1)
    assert quality.is_broken and probe.fault == "nan"
    card = make_card(made, full, Recipe("F16"), "test", quality, text, probe)
    assert card.fault == "nan" and "broken" in write_markdown(card)
    write_card(card, made)
    assert (read_card(made) or {})["fault"] == "nan"


def test_a_model_that_says_the_same_again_and_again_is_broken_only_where_its_base_is_better(
    full: Path, text: str, tmp_path: Path
) -> None:
    from quantize.probe import is_looping

    made = spoil_weights(full, tmp_path / "same.gguf", "output_norm", 0.0)
    probe = probe_model(made, text, threads=1)
    assert probe.fault in ("repeats", "empty")
    quality = measure_quality(made, text, base=full, most_windows=1, threads=1)
    assert make_card(made, full, Recipe("F16"), "test", quality, text, probe).fault in ("noise", probe.fault)
    same = measure_quality(full, text, base=full, most_windows=1, threads=1)
    assert make_card(full, full, Recipe("F16"), "test", same, text, probe).fault == ""
    assert is_looping([5, 6] * 32) and is_looping([9] * 64) and not is_looping(list(range(64))) and not is_looping([1] * 8)


def test_weights_that_are_no_numbers_are_not_quantized(full: Path, tmp_path: Path) -> None:
    spoiled = spoil_weights(full, tmp_path / "nan.gguf", "blk.1.ffn_down", math.nan)
    with pytest.raises(QuantizationFailed):
        quantize_file(spoiled, tmp_path / "q.gguf", Recipe("Q4_K_M"), threads=1)
    assert [path.name for path in tmp_path.iterdir()] == ["nan.gguf"]


def test_matrices_merge_by_their_tokens_and_say_what_they_never_saw(full: Path, text: str, tmp_path: Path) -> None:
    from quantize.gguf.matrix import Channel, ImportanceMatrix, merge_importance_matrices

    one = compute_importance_matrix(full, text, tmp_path / "1.gguf", most_windows=1, threads=1)
    both = merge_importance_matrices([one, one])
    name = "blk.0.attn_q.weight"
    assert both.windows == 2 and numpy.allclose(both.means()[name], one.means()[name])
    channel = Channel(numpy.array([[1.0, 0.0], [0.0, 0.0]], numpy.float32), numpy.array([5, 0]))
    seen = ImportanceMatrix({"blk.0.ffn_up_exps.weight": channel}, 1)
    assert seen.untouched() == ["blk.0.ffn_up_exps.weight: 1 of 2 experts", "blk.0.ffn_up_exps.weight: 1 of 4 channels"]
    with pytest.raises(QuantizationFailed, match="different models"):
        merge_importance_matrices([one, ImportanceMatrix({name: channel}, 1)])


def test_an_old_importance_matrix_is_read_and_a_damaged_one_refused(full: Path, text: str, tmp_path: Path) -> None:
    import struct

    one = compute_importance_matrix(full, text, tmp_path / "1.gguf", most_windows=2, threads=1)
    means = one.means()
    data = struct.pack("<i", len(means))
    for name, values in means.items():
        data += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 2, len(values)) + (values * 2).tobytes()
    (tmp_path / "old.dat").write_bytes(data)
    old = read_importance_matrix(tmp_path / "old.dat")
    assert all(numpy.allclose(old.means()[name], values, rtol=1e-5) for name, values in means.items())
    (tmp_path / "cut.dat").write_bytes(data[:-100])
    with pytest.raises(UserFacingError, match="cut off"):
        read_importance_matrix(tmp_path / "cut.dat")


def test_experts_are_counted_each_by_the_tokens_they_saw(tmp_path: Path, text: str) -> None:
    from quantize.gguf.convert import convert_checkpoint
    from tests.quantize import checkpoints

    checkpoints.make_decoder(tmp_path / "m", "qwen3 moe")
    made = convert_checkpoint(tmp_path / "m", tmp_path / "m.gguf", "F32")
    matrix = compute_importance_matrix(made, text, tmp_path / "i.gguf", most_windows=1, threads=1)
    channel = matrix.channels["blk.0.ffn_gate_exps.weight"]
    assert channel.counts.shape == (4,) and channel.counts.sum() == 2 * WINDOW
    inputs = matrix.channels["blk.0.ffn_gate_inp.weight"].sums[0] if "blk.0.ffn_gate_inp.weight" in matrix.channels else None
    if inputs is not None:  # each token goes to two experts
        assert numpy.allclose(channel.sums.sum(axis=0), 2 * inputs, rtol=1e-3)
