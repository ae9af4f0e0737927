"""The llama.cpp backend, in this process, with a tiny model."""

from __future__ import annotations

import time
from itertools import zip_longest
from pathlib import Path

import pytest

from backends.backend import GenerationRequest
from backends.events import PromptProgress, TextDelta
from backends.llamacpp.backend import LlamaCppBackend
from backends.messages import make_text_message
from backends.options import LoadOptions
from models.errors import (
    ContextOverflow,
    DamagedModelFile,
    EngineError,
    InvalidOption,
    LoadCancelled,
    OutOfMemory,
    TemplateFailed,
    WrongModelKind,
)
from tests.backends.requests import ask, complete, finish_of, run, text_of
from tests.tiny_models import make_tiny_model


def load(path: Path, **options: object) -> LlamaCppBackend:
    backend = LlamaCppBackend()
    backend.load(str(path), LoadOptions(threads=1, **options), lambda fraction: True)  # type: ignore[arg-type]
    return backend


def test_says_what_it_loaded(tiny_model: Path) -> None:
    fractions: list[float] = []
    backend = LlamaCppBackend()
    facts = backend.load(str(tiny_model), LoadOptions(threads=1), lambda fraction: not fractions.append(fraction))  # type: ignore[func-returns-value]
    backend.close()
    assert (facts.name, facts.architecture, facts.quantization, facts.backend) == ("Tiny", "llama", "F32", "llamacpp")
    assert facts.context_length == facts.trained_context == 4096
    assert facts.parameter_count > 100_000
    assert facts.memory_bytes > 4 * facts.parameter_count
    assert facts.engine_version.startswith("llama.cpp ")
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_the_same_seed_gives_the_same_text_and_another_seed_another(backend: LlamaCppBackend) -> None:
    first, again, other = (text_of(run(backend, complete("once", seed=seed, max_tokens=40))) for seed in (1, 1, 2))
    assert first == again != other


def test_a_seed_that_was_drawn_is_reported_and_reproduces_the_text(backend: LlamaCppBackend) -> None:
    events = run(backend, complete("once", seed=None, max_tokens=40))
    seed = finish_of(events).seed
    assert text_of(run(backend, complete("once", seed=seed, max_tokens=40))) == text_of(events)


def test_max_tokens_ends_with_length(backend: LlamaCppBackend) -> None:
    finish = finish_of(run(backend, complete("once", max_tokens=5)))
    assert (finish.reason, finish.usage.output_tokens) == ("length", 5)


def test_the_end_token_ends_with_stop_and_is_not_shown(backend: LlamaCppBackend) -> None:
    events = run(backend, complete("once", temperature=0.0))
    assert finish_of(events).reason == "stop"
    assert 0 < finish_of(events).usage.output_tokens < 500
    assert "im_end" not in text_of(events)


def test_a_full_context_ends_with_length(backend: LlamaCppBackend) -> None:
    events = run(backend, complete("a" * 1000, seed=3, temperature=2.0, min_p=0.0, top_k=0))
    finish = finish_of(events)
    assert finish.usage.prompt_tokens + finish.usage.output_tokens <= 1024 + 1
    assert finish.reason in ("length", "stop")


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(backend: LlamaCppBackend) -> None:
    with pytest.raises(ContextOverflow) as caught:
        run(backend, complete("a" * 2000))
    assert caught.value.facts == {"needed": "2002", "available": "1024"}


def test_the_second_turn_reads_only_what_is_new_and_says_the_same_as_a_cold_run(backend: LlamaCppBackend) -> None:
    question = make_text_message("user", "tell me the story of the bell")
    first = run(backend, GenerationRequest(messages=(question,), options=ask("", temperature=0.0, max_tokens=30).options))
    answer = make_text_message("assistant", text_of(first))
    turns = (question, answer, make_text_message("user", "and then?"))
    request = GenerationRequest(messages=turns, options=ask("", temperature=0.0, max_tokens=30).options)
    warm = run(backend, request)
    backend._scheduler.cache.clear_all()  # type: ignore[union-attr]
    cold = run(backend, request)
    assert finish_of(cold).usage.cached_tokens == 0
    assert finish_of(warm).usage.cached_tokens >= finish_of(first).usage.prompt_tokens
    assert text_of(warm) == text_of(cold)


def test_an_edited_branch_reuses_the_common_beginning(backend: LlamaCppBackend) -> None:
    run(backend, complete("the same beginning, then one thing", max_tokens=3))
    finish = finish_of(run(backend, complete("the same beginning, then another", max_tokens=3)))
    shared = len("the same beginning, then ")
    assert shared - 8 <= finish.usage.cached_tokens <= shared + 1  # merges and the begin token


def test_the_same_prompt_again_reads_one_token(backend: LlamaCppBackend) -> None:
    run(backend, complete("again", max_tokens=2))
    usage = finish_of(run(backend, complete("again", max_tokens=2))).usage
    assert usage.cached_tokens == usage.prompt_tokens - 1


def test_a_stop_text_ends_the_reply_and_is_not_shown(backend: LlamaCppBackend) -> None:
    request = complete("once", seed=5, max_tokens=60)
    whole = text_of(run(backend, request))
    stop = whole[20:24]
    events = run(backend, complete("once", seed=5, max_tokens=60, stop=(stop,)))
    assert text_of(events) == whole[: whole.index(stop)]
    assert finish_of(events).reason == "stop"


def test_bytes_that_are_no_utf8_become_replacement_characters_and_never_stall(backend: LlamaCppBackend) -> None:
    events = run(backend, complete("x", seed=11, max_tokens=300, temperature=3.0, top_k=0, top_p=1.0, min_p=0.0))
    text = text_of(events)
    assert "\ufffd" in text
    deltas = [event for event in events if isinstance(event, TextDelta)]
    assert sum(delta.pieces for delta in deltas) > 0.5 * finish_of(events).usage.output_tokens
    text.encode("utf-8")


def test_prompt_progress_grows_to_the_whole(backend: LlamaCppBackend) -> None:
    steps = [event for event in run(backend, complete("z" * 700, max_tokens=1)) if isinstance(event, PromptProgress)]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == 701


def test_cancel_ends_a_long_prompt_within_200_ms_and_keeps_what_was_read(slow_model: Path) -> None:
    backend = load(slow_model, context_length=16384)
    cancelled_at: list[float] = []
    started = time.perf_counter()

    def is_cancelled() -> bool:
        if not cancelled_at and time.perf_counter() - started > 0.5:
            cancelled_at.append(time.perf_counter())
        return bool(cancelled_at)

    finish = finish_of(backend.generate(complete("a" * 12000), is_cancelled))
    latency = time.perf_counter() - cancelled_at[0]
    held = max(len(slot.tokens) for slot in backend._scheduler.cache.slots)  # type: ignore[union-attr]
    again = finish_of(run(backend, complete("a" * max(held - 5, 3), max_tokens=1)))
    backend.close()
    assert finish.reason == "cancelled"
    assert latency < 0.2
    assert 0 < held < 12000
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1


def test_cancel_between_tokens_keeps_the_text(backend: LlamaCppBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backend._scheduler is not None
    monkeypatch.setattr(backend._scheduler.burst, "_seconds", 0.0005)  # in its usual time this model writes all it has to say
    shown: list[str] = []
    events = []
    for event in backend.generate(complete("once", max_tokens=500, seed=3), lambda: len(shown) > 3):
        events.append(event)
        if isinstance(event, TextDelta):
            shown.append(event.text)
    assert finish_of(events).reason == "cancelled"
    assert len(shown) > 3


def test_a_load_can_be_cancelled(tiny_model: Path) -> None:
    with pytest.raises(LoadCancelled):
        LlamaCppBackend().load(str(tiny_model), LoadOptions(threads=1), lambda fraction: False)


def test_count_tokens_equals_the_prompt_tokens_of_the_reply(backend: LlamaCppBackend) -> None:
    request = ask("你好 there 🎉", max_tokens=1)
    assert backend.count_tokens(request) == finish_of(run(backend, request)).usage.prompt_tokens


def test_the_begin_token_is_there_once_even_if_the_template_writes_it(tmp_path: Path) -> None:
    template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    doubled = load(make_tiny_model(tmp_path / "bos.gguf", template=template))
    plain = load(make_tiny_model(tmp_path / "no.gguf", template="{% for m in messages %}{{ m.content }}{% endfor %}"))
    counts = [one.count_tokens(ask("xyz")) for one in (doubled, plain)]
    doubled.close()
    plain.close()
    assert counts == [4, 4]


def test_a_base_model_continues_a_transcript(tmp_path: Path) -> None:
    backend = LlamaCppBackend()
    facts = backend.load(
        str(make_tiny_model(tmp_path / "base.gguf", template=None)), LoadOptions(threads=1), lambda fraction: True
    )
    count = backend.count_tokens(ask("hi"))
    backend.close()
    assert not facts.has_chat_template
    assert count == 1 + len("User: hi\nAssistant:")


def test_continue_last_ends_the_prompt_with_the_partial_answer(backend: LlamaCppBackend) -> None:
    turns = (make_text_message("user", "hi"), make_text_message("assistant", "I was"))
    continued = backend.count_tokens(GenerationRequest(messages=turns, continue_last=True))
    answered = backend.count_tokens(GenerationRequest(messages=turns[:1]))
    assert continued == answered + len("I was")


def test_a_broken_template_leaves_raw_prompts_usable(tmp_path: Path) -> None:
    backend = load(make_tiny_model(tmp_path / "broken.gguf", template="{% for %}"))
    finish = finish_of(run(backend, complete("x", max_tokens=2)))
    with pytest.raises(TemplateFailed):
        run(backend, ask("x"))
    backend.close()
    assert finish.usage.output_tokens == 2


def test_weights_that_compute_no_numbers_are_called_damaged(tmp_path: Path) -> None:
    path = make_tiny_model(tmp_path / "nan.gguf")
    data = bytearray(path.read_bytes())
    data[-40000:] = b"\xff" * 40000
    path.write_bytes(data)
    backend = load(path)
    with pytest.raises(DamagedModelFile):
        run(backend, complete("x", max_tokens=2))
    backend.close()


def test_a_context_that_no_memory_could_hold_is_refused_before_it_is_tried(slow_model: Path) -> None:
    with pytest.raises(OutOfMemory) as caught:
        load(slow_model, context_length=16_000_000, kv_type="f32")
    assert "16,000,000 tokens" in caught.value.english()


def test_projectors_are_refused_by_name(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "mmproj.gguf", "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(WrongModelKind):
        load(tmp_path / "mmproj.gguf")


def test_using_it_without_a_model_is_an_error_not_a_crash() -> None:
    with pytest.raises(EngineError):
        run(LlamaCppBackend(), complete("x"))


def test_quantized_cache_types_work(tiny_model: Path) -> None:
    backend = load(make_tiny_model(tiny_model.parent / "wide.gguf", width=128, heads=2), kv_type="q8_0")
    finish = finish_of(run(backend, complete("abc", max_tokens=4)))
    backend.close()
    assert finish.usage.output_tokens == 4


def test_loading_twice_frees_the_first_model(tiny_model: Path, backend: LlamaCppBackend) -> None:
    backend.load(str(tiny_model), LoadOptions(threads=1, context_length=512), lambda fraction: True)
    assert finish_of(run(backend, complete("x", max_tokens=2))).usage.output_tokens == 2


def test_quantized_values_need_flash_attention(tiny_model: Path) -> None:
    with pytest.raises(InvalidOption):
        load(tiny_model, kv_type="q8_0", flash_attention=False)


def test_a_model_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    path = make_tiny_model(tmp_path / "none.gguf")
    path.write_bytes(path.read_bytes().replace(b"gpt2", b"none"))
    with pytest.raises(DamagedModelFile, match="vocabulary"):
        load(path)


def test_several_replies_read_in_turns_advance_together(backend: LlamaCppBackend) -> None:
    requests = [complete(text, max_tokens=20, temperature=0.0) for text in ("once", "twice", "thrice")]
    alone = [text_of(run(backend, request)) for request in requests]
    running = [backend.generate(request, lambda: False) for request in requests]
    turns = [list(events) for events in zip_longest(*running)]
    together = [text_of(event for event in events if event) for events in zip(*turns, strict=True)]
    assert [text[:4] for text in together] == [text[:4] for text in alone]


def test_a_reply_that_nobody_reads_on_gives_its_place_back(backend: LlamaCppBackend) -> None:
    for _ in range(10):
        abandoned = backend.generate(complete("once", max_tokens=50), lambda: False)
        next(abandoned)
        abandoned.close()  # type: ignore[attr-defined]
    finish = finish_of(run(backend, complete("twice", max_tokens=2)))
    assert finish.usage.output_tokens == 2
    assert backend.is_idle


def test_a_context_for_each_request_holds_what_was_asked_for(tiny_model: Path) -> None:
    backend = LlamaCppBackend()
    options = LoadOptions(threads=1, context_length=512, kv_unified=False, parallel=3)
    facts = backend.load(str(tiny_model), options, lambda fraction: True)
    one = backend.load(str(tiny_model), LoadOptions(threads=1, context_length=512), lambda fraction: True)
    backend.close()
    assert facts.context_length == one.context_length == 512
    assert facts.memory_bytes > one.memory_bytes
