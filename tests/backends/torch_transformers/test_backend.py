"""The torch backend, in this process, with a tiny checkpoint: the promises that the llama.cpp backend keeps too."""

from __future__ import annotations

import json
import math
import time
from itertools import zip_longest
from pathlib import Path

import numpy
import pytest

from backends.backend import GenerationRequest, ReadingBackend, ServingBackend
from backends.embeddings import EmbeddingBackend, EmbeddingRequest
from backends.events import Finished, PromptProgress, PromptToken, TextDelta, TokenChosen
from backends.messages import make_text_message
from backends.options import GenerationOptions, LoadOptions
from backends.registry import choose_backend, make_backend
from backends.torch_transformers.backend import TorchBackend
from models.errors import (
    CannotCompute,
    ContextOverflow,
    DamagedModelFile,
    EngineBusy,
    EngineError,
    EngineUnavailable,
    FormRefused,
    InvalidOption,
    LoadCancelled,
    NotAModelFile,
    OutOfMemory,
    TextTooLong,
    UnsupportedArchitecture,
)
from tests.backends.requests import ask, complete, finish_of, run, text_of
from tests.backends.torch_transformers.conftest import load
from tests.containers import fill_container
from tests.tiny_checkpoints import make_tiny_checkpoint


def test_a_folder_is_this_engines_and_a_file_is_not(tiny: Path) -> None:
    assert choose_backend(str(tiny)) == "torch_transformers"
    assert choose_backend(str(tiny / "model.safetensors")) == "llamacpp"
    backend = make_backend("torch_transformers")
    assert isinstance(backend, ServingBackend) and isinstance(backend, ReadingBackend) and isinstance(backend, EmbeddingBackend)


def test_says_what_it_loaded(tiny: Path) -> None:
    fractions: list[float] = []
    backend = TorchBackend()
    options = LoadOptions(threads=1, compute_type="f32")
    facts = backend.load(str(tiny), options, lambda fraction: not fractions.append(fraction))  # type: ignore[func-returns-value]
    backend.close()
    assert (facts.name, facts.architecture, facts.quantization, facts.backend) == ("tiny", "llama", "F32", "torch_transformers")
    assert facts.context_length == facts.trained_context == 4096
    assert facts.parameter_count > 100_000
    assert facts.memory_bytes >= 4 * facts.parameter_count
    assert facts.engine_version.startswith("torch ") and facts.has_chat_template
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_it_writes_what_transformers_itself_writes(tiny: Path, backend: TorchBackend) -> None:
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    tokens = backend.tokenize("once upon a time the bell", add_special=True, parse_special=True)
    with torch.inference_mode():
        for _ in range(30):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
    text = text_of(run(backend, complete("once upon a time the bell", temperature=0.0, max_tokens=30)))
    said = backend.detokenize(tokens[-30:]).split(b"<|im_end|>")[0].decode("utf-8", "replace")
    assert text == said


def test_the_same_seed_gives_the_same_text_and_another_seed_another(backend: TorchBackend) -> None:
    first, again, other = (text_of(run(backend, complete("once", seed=seed, max_tokens=40))) for seed in (1, 1, 2))
    assert first == again != other


def test_a_seed_that_was_drawn_is_reported_and_reproduces_the_text(backend: TorchBackend) -> None:
    events = run(backend, complete("once", seed=None, max_tokens=40))
    assert text_of(run(backend, complete("once", seed=finish_of(events).seed, max_tokens=40))) == text_of(events)


def test_max_tokens_ends_with_length(backend: TorchBackend) -> None:
    finish = finish_of(run(backend, complete("once", max_tokens=5)))
    assert (finish.reason, finish.usage.output_tokens) == ("length", 5)


def test_ends_of_the_text_can_be_forbidden(backend: TorchBackend) -> None:
    end = backend.tokenize("<|im_end|>", add_special=False, parse_special=True)
    assert len(end) == 1
    sure = ((end[0], 90.0),)
    for is_forbidden, reason in ((False, "stop"), (True, "length")):
        request = complete("once upon", max_tokens=12, logit_bias=sure, ignore_eos=is_forbidden)
        assert finish_of(run(backend, request)).reason == reason


def test_a_full_context_ends_with_length_and_may_be_shifted(tiny: Path) -> None:
    backend = load(tiny, context_length=128, compute_type="f32")
    biased = {"temperature": 0.0, "logit_bias": ((264, -100.0),)}  # it never ends by itself
    finish = finish_of(run(backend, complete("a" * 100, **biased)))
    assert finish.reason == "length" and finish.usage.prompt_tokens + finish.usage.output_tokens <= 129
    events = run(backend, complete("a" * 100, **biased, max_tokens=80, context_policy="shift"))
    assert finish_of(events).usage.output_tokens == 80
    assert [event for event in events if type(event).__name__ == "ContextShifted"]
    backend.close()


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(backend: TorchBackend) -> None:
    with pytest.raises(ContextOverflow) as caught:
        run(backend, complete("a" * 2000))
    assert caught.value.facts == {"needed": "2002", "available": "1024"}


def test_the_second_turn_reads_only_what_is_new_and_says_the_same_as_a_cold_run(backend: TorchBackend) -> None:
    question = make_text_message("user", "tell me the story of the bell")
    options = ask("", temperature=0.0, max_tokens=30).options
    first = run(backend, GenerationRequest(messages=(question,), options=options))
    turns = (question, make_text_message("assistant", text_of(first)), make_text_message("user", "and then?"))
    warm = run(backend, GenerationRequest(messages=turns, options=options))
    backend._scheduler.cache.clear_all()  # type: ignore[union-attr]
    cold = run(backend, GenerationRequest(messages=turns, options=options))
    assert finish_of(cold).usage.cached_tokens == 0
    assert finish_of(warm).usage.cached_tokens >= finish_of(first).usage.prompt_tokens
    assert text_of(warm) == text_of(cold)


def test_an_edited_branch_copies_the_common_beginning_and_leaves_the_other_as_it_is(backend: TorchBackend) -> None:
    begin = "the same beginning, then "
    run(backend, complete(begin + "one thing that is so long that it is worth keeping for later", max_tokens=3))
    usage = finish_of(run(backend, complete(begin + "another", max_tokens=3))).usage
    assert len(begin) - 8 <= usage.cached_tokens <= len(begin) + 1
    assert len(backend._scheduler.cache.all) == 2  # type: ignore[union-attr]


def test_the_same_prompt_again_reads_one_token(backend: TorchBackend) -> None:
    run(backend, complete("again", max_tokens=2))
    usage = finish_of(run(backend, complete("again", max_tokens=2))).usage
    assert usage.cached_tokens == usage.prompt_tokens - 1


def test_what_an_owner_said_can_be_forgotten(backend: TorchBackend) -> None:
    from dataclasses import replace

    run(backend, replace(complete("a secret", max_tokens=2), owner="conversation 1"))
    assert len(backend._scheduler.cache.all) == 1  # type: ignore[union-attr]
    backend.forget("conversation 1")
    assert backend._scheduler.cache.all == []  # type: ignore[union-attr]


def test_requests_that_run_together_say_what_each_says_alone(backend: TorchBackend) -> None:
    prompts = ["once upon a time", "the bell", "x" * 300, "once upon another time"]
    requests = [complete(prompt, temperature=0.0, max_tokens=25) for prompt in prompts]
    alone = []
    for request in requests:
        backend._scheduler.cache.all.clear()  # type: ignore[union-attr]
        alone.append(text_of(run(backend, request)))
    backend._scheduler.cache.all.clear()  # type: ignore[union-attr]
    for number, request in enumerate(requests):
        backend.submit(number, request, lambda: False)
    events: dict[int, list[object]] = {number: [] for number in range(4)}
    steps = 0
    while not backend.is_idle:
        steps += 1
        for number, event in backend.step():
            events[number].append(event)
    assert [text_of(events[number]) for number in range(4)] == alone  # type: ignore[arg-type]
    assert steps < 60  # together: alone they take more than a hundred


def test_several_replies_read_in_turns_advance_together(backend: TorchBackend) -> None:
    streams = [backend.generate(complete(text, max_tokens=12), lambda: False) for text in ("one", "two", "three")]
    seen = [event for events in zip_longest(*streams) for event in events if event is not None]
    assert sum(isinstance(event, Finished) for event in seen) == 3


def test_a_full_queue_is_an_error_that_says_so(tiny: Path) -> None:
    backend = load(tiny, parallel=1, waiting_limit=1)
    backend.submit(1, complete("one"), lambda: False)
    with pytest.raises(EngineBusy):
        backend.submit(2, complete("two"), lambda: False)
    backend.drop_all()
    assert backend.is_idle
    backend.close()


def test_a_stop_text_ends_the_reply_and_is_not_shown(backend: TorchBackend) -> None:
    whole = text_of(run(backend, complete("once", seed=5, max_tokens=60)))
    stop = whole[20:24]
    events = run(backend, complete("once", seed=5, max_tokens=60, stop=(stop,)))
    assert text_of(events) == whole[: whole.index(stop)]
    assert finish_of(events).reason == "stop"


def test_prompt_progress_grows_to_the_whole(backend: TorchBackend) -> None:
    progress = [e for e in run(backend, complete("a" * 900, max_tokens=1)) if isinstance(e, PromptProgress)]
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert progress[-1].done == progress[-1].total == 901
    assert len(progress) > 2


def test_cancel_ends_a_long_prompt_within_200_ms(slow: Path) -> None:
    backend = load(slow, context_length=8192)
    run(backend, complete("b" * 200, max_tokens=1))  # it learns how fast it is
    cancelled_at = 0.0

    def is_cancelled() -> bool:
        return bool(cancelled_at)

    for event in backend.generate(complete("a" * 8000), is_cancelled):
        if isinstance(event, PromptProgress) and event.done > 300 and not cancelled_at:
            cancelled_at = time.perf_counter()
    took = time.perf_counter() - cancelled_at
    assert finish_of([event]).reason == "cancelled"
    assert cancelled_at and took < 0.4, took  # 200 ms, and as much again for a machine that others use too
    backend.close()


def test_a_load_can_be_cancelled(tiny: Path) -> None:
    with pytest.raises(LoadCancelled):
        TorchBackend().load(str(tiny), LoadOptions(threads=1), lambda fraction: fraction < 0.3)


def test_likelihoods_are_those_of_the_model(backend: TorchBackend) -> None:
    events = run(backend, complete("the bell", temperature=0.0, max_tokens=4, logprobs=3, prompt_logprobs=True))
    chosen = [event for event in events if isinstance(event, TokenChosen)]
    prompt = [event for event in events if isinstance(event, PromptToken)]
    assert len(chosen) == 4 and all(event.token == event.alternatives[0][0] for event in chosen)
    assert [event.token for event in prompt] == backend.tokenize("the bell", add_special=True, parse_special=True)
    assert prompt[0].logprob is None and all(event.logprob is not None and event.logprob < 0 for event in prompt[1:])
    assert math.isclose(math.exp(chosen[0].logprob), math.exp(chosen[0].alternatives[0][2]))


def test_a_schema_decides_what_comes(backend: TorchBackend) -> None:
    schema = json.dumps(
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 7}}, "required": ["n"]}
    )
    for seed in range(3):
        events = run(backend, complete("give me a number", schema=schema, seed=seed, temperature=1.5))
        assert 3 <= json.loads(text_of(events))["n"] <= 7
    with pytest.raises(FormRefused):
        run(backend, complete("x", schema='{"type": "no such type"}'))


@pytest.mark.parametrize(
    "sampling",
    [
        {"repeat_penalty": 1.4, "frequency_penalty": 0.5},
        {"mirostat": 2},
        {"mirostat": 1},
        {"dry_multiplier": 2.0, "dry_allowed_length": 1},
        {"typical_p": 0.5, "xtc_probability": 0.5, "top_n_sigma": 1.0, "temperature_range": 0.3},
    ],
    ids=lambda value: "+".join(value),
)
def test_every_sampling_step_is_known(backend: TorchBackend, sampling: dict[str, float]) -> None:
    plain = text_of(run(backend, complete("once", seed=3, max_tokens=40, temperature=1.2)))
    assert text_of(run(backend, complete("once", seed=3, max_tokens=40, temperature=1.2, **sampling))) != plain


def test_dry_ends_an_endless_repetition(backend: TorchBackend) -> None:
    from backends.options import SamplingOptions
    from backends.torch_transformers.repetition import penalties

    options = SamplingOptions(dry_multiplier=1.0, dry_base=2.0, dry_allowed_length=2)
    assert penalties([1, 2, 3, 9, 1, 2, 3], options, frozenset()) == {9: 2.0}
    assert penalties([1, 2, 3, 9, 1, 2, 3], options, frozenset({3})) == {}
    assert penalties([1, 2, 3, 9, 7, 2, 3], options, frozenset()) == {9: 1.0}


def test_tokens_count_render_and_come_back(backend: TorchBackend) -> None:
    request = ask("hello 研墨")
    assert backend.render(request) == "<|im_start|>user\nhello 研墨<|im_end|>\n<|im_start|>assistant\n"
    assert backend.count_tokens(request) == finish_of(run(backend, ask("hello 研墨", max_tokens=1))).usage.prompt_tokens
    tokens = backend.tokenize("hello 研墨\x00", add_special=False, parse_special=False)
    assert backend.detokenize(tokens) == "hello 研墨\x00".encode()
    assert backend.tokenize("<|im_end|>", add_special=False, parse_special=True) == [264]
    assert len(backend.tokenize("<|im_end|>", add_special=False, parse_special=False)) > 5
    with pytest.raises(InvalidOption):
        backend.detokenize([10_000])
    with pytest.raises(InvalidOption):
        run(backend, complete("x", logit_bias=((10_000, 1.0),)))


def test_texts_become_vectors_beside_a_reply(backend: TorchBackend) -> None:
    stream = backend.generate(complete("once", max_tokens=20), lambda: False)
    next(stream)
    found = backend.embed(EmbeddingRequest(("the bell", "the bells", "研墨研墨研墨")), lambda: False)
    text = "".join(event.text for event in stream if isinstance(event, TextDelta))
    assert text == text_of(run(backend, complete("once", max_tokens=20)))
    vectors = found.vectors
    assert vectors.shape == (3, 64) and numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    every = backend.embed(EmbeddingRequest(("the bell",), pooling="none"), lambda: False)
    assert every.vectors.shape == (every.token_counts[0], 64)
    with pytest.raises(TextTooLong):
        backend.embed(EmbeddingRequest(("a" * 2000,)), lambda: False)


def test_devices_and_types_that_are_not_here_are_named(tiny: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(EngineUnavailable, match="CPU"):
            load(tiny, device="CUDA0")
    with pytest.raises(InvalidOption):
        load(tiny, compute_type="int3")
    with pytest.raises(InvalidOption):
        load(tiny, kv_type="q8_0")
    backend = load(tiny, device="cpu", compute_type="bf16")
    assert "bfloat16" in backend._network.version  # type: ignore[union-attr]
    backend.close()


def test_folders_that_are_no_checkpoint_are_refused_with_the_reason(tmp_path: Path, tiny: Path) -> None:
    import shutil

    with pytest.raises(NotAModelFile):
        load(tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(DamagedModelFile):
        load(broken)
    shutil.copy(tiny / "model.safetensors", weights)
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(DamagedModelFile, match="missing"):
        load(broken)
    (broken / "config.json").write_text(json.dumps({**config, "hidden_size": 32, "head_dim": 16}))
    with pytest.raises(DamagedModelFile, match="shape"):
        load(broken)
    (broken / "config.json").write_text(json.dumps({**config, "model_type": "nobody_knows"}))
    with pytest.raises(UnsupportedArchitecture):
        load(broken)
    own_code = {"model_type": "minicpmv", "auto_map": {"AutoConfig": "configuration_minicpm.MiniCPMVConfig"}}
    (broken / "config.json").write_text(json.dumps({**config, **own_code}))
    with pytest.raises(CannotCompute, match=r"minicpmv.*code comes with the checkpoint"):
        load(broken)
    (broken / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq", "bits": 4}}))
    with pytest.raises(CannotCompute, match="gptq"):
        load(broken)
    (broken / "config.json").write_text(json.dumps(config))
    (broken / "tokenizer.json").write_text("{}")
    with pytest.raises(DamagedModelFile, match="tokenizer"):
        load(broken)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = make_tiny_checkpoint(tmp_path / "sharded")
    weights = json.loads(json.dumps({"weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors", "nothing": "x"}}))
    (folder / "model.safetensors.index.json").write_text(json.dumps(weights))
    with pytest.raises(NotAModelFile, match="shard"):
        load(folder)


def test_weights_that_compute_no_numbers_are_called_damaged(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_tiny_checkpoint(tmp_path / "nan")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    backend = load(folder)
    with pytest.raises(DamagedModelFile):
        run(backend, complete("once"))
    backend.close()


def test_what_cannot_fit_is_refused_before_it_is_read(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=1000))
    with pytest.raises(OutOfMemory):
        load(tiny)


def test_what_cannot_fit_into_its_container_is_refused_too(tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill_container(monkeypatch, tmp_path)
    with pytest.raises(OutOfMemory):
        load(tiny)


def test_using_it_without_a_model_is_an_error_not_a_crash() -> None:
    backend = TorchBackend()
    with pytest.raises(EngineError):
        run(backend, complete("x"))
    backend.close()
    backend.close()


def test_a_base_model_continues_a_transcript(tmp_path: Path) -> None:
    backend = load(make_tiny_checkpoint(tmp_path / "base", template=None))
    assert backend.render(ask("hello")) == "User: hello\nAssistant:"
    backend.close()


def test_thinking_is_told_apart(tmp_path: Path) -> None:
    from tests.tiny_models import CHATML

    backend = load(
        make_tiny_checkpoint(tmp_path / "thinker", template=CHATML.replace("assistant\n{% endif", "assistant\n<think>\n{% endif"))
    )
    events = run(backend, ask("why?", max_tokens=8))
    assert not text_of(events)
    assert any(type(event).__name__ == "ReasoningDelta" for event in events)
    assert isinstance(GenerationOptions(), GenerationOptions)
    backend.close()
