"""The parent's side of a worker process, with the scripted engine and with a real tiny model."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from backends.backend import GenerationRequest
from backends.events import Failed, Finished, GenerationEvent, PromptProgress, TextDelta
from backends.options import LoadOptions
from backends.worker_link import WorkerLink
from models.errors import (
    ContextOverflow,
    DamagedModelFile,
    EngineBusy,
    EngineCrashed,
    EngineUnavailable,
    LoadCancelled,
    ModelNotFound,
    OutOfMemory,
    UserFacingError,
)
from tests.backends.requests import ask, complete, failure_of, finish_of, reasoning_of, text_of

MakeLink = Callable[..., WorkerLink]


@pytest.fixture
def open_link() -> Iterator[MakeLink]:
    """Makes links, and proves afterwards that none of their processes is left."""
    before = set(threading.enumerate())
    links: list[WorkerLink] = []
    pids: list[int] = []

    def make(path: str, backend: str = "echo", *, load: bool = True, **options: object) -> WorkerLink:
        on_exit = options.pop("on_exit", None)
        link = WorkerLink(backend, path, LoadOptions(threads=1, **options), on_exit=on_exit)  # type: ignore[arg-type]
        links.append(link)
        if load:
            link.load()
            assert link.pid is not None
            pids.append(link.pid)
        return link

    yield make
    for link in links:
        link.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not any(thread.name.startswith("engine ") for thread in set(threading.enumerate()) - before)


def test_a_reply_comes_in_order_and_ends(open_link: MakeLink) -> None:
    link = open_link("echo:?words=300")
    events = list(link.generate(ask("hi")))
    assert text_of(events) == " ".join(f"word{number}" for number in range(1, 301))
    assert isinstance(events[0], PromptProgress)
    assert finish_of(events).usage.output_tokens == 300


def test_fast_words_travel_together_and_slow_ones_at_once(open_link: MakeLink) -> None:
    link = open_link("echo:?words=500")
    fast = [event for event in link.generate(ask("hi")) if isinstance(event, TextDelta)]
    arrivals = [time.perf_counter() for event in link.generate(ask("echo:?words=5&delay=0.05")) if isinstance(event, TextDelta)]
    assert len(fast) < 50
    assert len(arrivals) == 5


def test_facts_pid_and_life_are_told(open_link: MakeLink) -> None:
    link = open_link("echo:", load=False)
    assert (link.facts, link.pid, link.is_alive) == (None, None, False)
    link.load()
    assert link.facts is not None
    assert link.is_alive
    pid = link.pid
    assert pid is not None
    link.close()
    assert (link.pid, link.is_alive) == (None, False)
    assert not psutil.pid_exists(pid)


def test_progress_is_told_while_loading(open_link: MakeLink) -> None:
    fractions: list[float] = []
    open_link("echo:?load=0.2", load=False).load(fractions.append)
    assert fractions[-1] == 1.0
    assert len(fractions) > 5
    assert fractions == sorted(fractions)


def test_a_load_is_cancelled(open_link: MakeLink) -> None:
    link = open_link("echo:?load=30", load=False)
    threading.Timer(0.4, link.cancel_load).start()
    started = time.monotonic()
    with pytest.raises(LoadCancelled):
        link.load()
    assert time.monotonic() - started < 3
    assert not link.is_alive


def test_a_load_that_does_not_listen_is_killed(open_link: MakeLink) -> None:
    link = open_link("echo:?load_crash=hang", load=False)
    threading.Timer(0.5, link.cancel_load).start()
    started = time.monotonic()
    with pytest.raises(LoadCancelled):
        link.load()
    assert time.monotonic() - started < 5


def test_a_load_cancelled_before_it_began_never_starts(open_link: MakeLink) -> None:
    link = open_link("echo:", load=False)
    link.cancel_load()
    with pytest.raises(LoadCancelled):
        link.load()


def test_cancel_ends_a_reply_and_keeps_what_came(open_link: MakeLink) -> None:
    link = open_link("echo:?words=10000&delay=0.005")
    stream, events = link.generate(ask("hi")), []
    cancelled_at = 0.0
    for event in stream:
        events.append(event)
        if isinstance(event, TextDelta) and not cancelled_at:
            cancelled_at = time.perf_counter()
            stream.cancel()
    assert finish_of(events).reason == "cancelled"
    assert time.perf_counter() - cancelled_at < 0.2
    assert text_of(events).startswith("word1 ")


def test_a_waiting_request_is_cancelled_at_once(open_link: MakeLink) -> None:
    link = open_link("echo:?words=10000&delay=0.005")
    first, second = link.generate(ask("hi")), link.generate(ask("hi"))
    second.cancel()
    assert [type(event) for event in second] == [Finished]
    first.cancel()
    assert finish_of(first).reason == "cancelled"


def test_requests_are_answered_one_after_another(open_link: MakeLink) -> None:
    link = open_link("echo:")
    streams = [link.generate(ask(f"number {number}")) for number in range(5)]
    assert [text_of(stream) for stream in streams] == [f"number {number}" for number in range(5)]


def test_tokens_are_counted_beside_a_running_reply(open_link: MakeLink) -> None:
    link = open_link("echo:?words=1000&delay=0.01")
    stream = link.generate(ask("hi"))
    started = time.perf_counter()
    assert link.count_tokens(ask("one two three")) == 7
    assert time.perf_counter() - started < 1
    stream.cancel()
    list(stream)


def test_reasoning_and_errors_cross_the_pipe(open_link: MakeLink) -> None:
    link = open_link("echo:?reasoning=let me see&text=done")
    assert reasoning_of(link.generate(ask("hi"))) == "let me see"
    error = failure_of(link.generate(ask("echo:?fail=context_overflow"))).error
    assert isinstance(error, ContextOverflow)
    assert error.facts["needed"] == "2"


@pytest.mark.parametrize(
    ("crash", "kind"), [("segv", EngineCrashed), ("abort", EngineCrashed), ("exit", EngineCrashed), ("kill", OutOfMemory)]
)
def test_a_crash_in_the_middle_keeps_the_text_and_says_why(open_link: MakeLink, crash: str, kind: type[Exception]) -> None:
    exits: list[UserFacingError | None] = []
    link = open_link("echo:?words=50&delay=0.002", on_exit=exits.append)
    events = list(link.generate(ask(f"echo:?crash={crash}&after=20")))
    assert text_of(events).split() == [f"word{number}" for number in range(1, 21)]
    assert type(failure_of(events).error) is kind
    link.close()
    assert [type(error) for error in exits] == [kind]


def test_after_a_crash_everything_fails_politely(open_link: MakeLink) -> None:
    link = open_link("echo:")
    list(link.generate(ask("echo:?text=x&crash=segv")))
    assert isinstance(failure_of(link.generate(ask("again"))).error, EngineCrashed)
    with pytest.raises(EngineCrashed):
        link.count_tokens(ask("again"))
    link.close()
    link.close()


def test_a_crash_fails_every_waiting_stream(open_link: MakeLink) -> None:
    link = open_link("echo:?words=100&delay=0.01")
    streams = [link.generate(ask("hi")), link.generate(ask("echo:?text=x&crash=segv")), link.generate(ask("third"))]
    streams[0].cancel()
    assert finish_of(streams[0]).reason == "cancelled"
    for stream in streams[1:]:
        assert isinstance(failure_of(stream).error, EngineCrashed)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("echo:?load_crash=abort", DamagedModelFile),
        ("echo:?load_crash=kill", OutOfMemory),
        ("echo:?load_fail=out_of_memory", OutOfMemory),
    ],
)
def test_a_crash_while_loading_is_classified_and_on_exit_stays_silent(
    open_link: MakeLink, path: str, kind: type[Exception]
) -> None:
    exits: list[UserFacingError | None] = []
    link = open_link(path, load=False, on_exit=exits.append)
    with pytest.raises(kind):
        link.load()
    assert exits == []
    assert not link.is_alive


def test_closing_while_a_reply_runs_ends_it_as_cancelled(open_link: MakeLink) -> None:
    link = open_link("echo:?words=10000&delay=0.01")
    stream = link.generate(ask("hi"))
    threading.Timer(0.3, link.close).start()
    assert finish_of(stream).reason == "cancelled"


def test_an_engine_that_hangs_is_killed_on_close(open_link: MakeLink) -> None:
    link = open_link("echo:")
    stream = link.generate(ask("echo:?text=x&crash=hang"))
    time.sleep(0.2)
    started = time.monotonic()
    link.close(timeout=0.5)
    assert time.monotonic() - started < 4
    assert finish_of(stream).reason == "cancelled"


def test_an_unknown_engine_is_an_error_that_names_it(open_link: MakeLink) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        open_link("x", backend="nonsense", load=False).load()
    assert "nonsense" in caught.value.english()


def test_a_missing_file_is_said_by_the_real_engine(open_link: MakeLink, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        open_link(str(tmp_path / "none.gguf"), backend="llamacpp", load=False).load()


def test_a_real_model_answers_counts_and_logs(open_link: MakeLink, tiny_model: Path) -> None:
    link = open_link(str(tiny_model), backend="llamacpp", context_length=512)
    events = list(link.generate(complete("hello", max_tokens=20)))
    assert finish_of(events).usage.output_tokens == 20
    assert link.count_tokens(complete("hello")) == finish_of(events).usage.prompt_tokens
    with pytest.raises(ContextOverflow):
        raise failure_of(link.generate(complete("x" * 600))).error


def test_cancel_reaches_a_real_prompt_within_200_ms(open_link: MakeLink, slow_model: Path) -> None:
    link = open_link(str(slow_model), backend="llamacpp", context_length=16384)
    stream = link.generate(complete("a" * 14000))
    events: list[GenerationEvent] = []
    reader = threading.Thread(target=lambda: events.extend(stream))
    reader.start()
    time.sleep(0.5)
    cancelled_at = time.perf_counter()
    stream.cancel()
    reader.join()
    assert time.perf_counter() - cancelled_at < 0.2
    assert finish_of(events).reason == "cancelled"


def test_a_real_model_answers_several_at_once(open_link: MakeLink, tiny_model: Path) -> None:
    link = open_link(str(tiny_model), backend="llamacpp", context_length=2048, parallel=3)
    requests = [complete(f"number {number} " * (number + 1), max_tokens=150, seed=number, min_p=0.0) for number in range(5)]
    streams = [link.generate(request) for request in requests]
    order: list[int] = []
    texts: dict[int, str] = {}

    def read(number: int) -> None:
        parts = []
        for event in streams[number]:
            if isinstance(event, TextDelta):
                parts.append(event.text)
                order.append(number)
        texts[number] = "".join(parts)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert [len(texts[number]) > 20 for number in range(5)] == [True] * 5
    switches = sum(1 for before, after in itertools.pairwise(order) if before != after)
    assert switches > 5


def test_cancel_of_one_real_reply_leaves_the_others(open_link: MakeLink, slow_model: Path) -> None:
    link = open_link(str(slow_model), backend="llamacpp", context_length=4096)
    stays, goes, waits = link.generate(complete("a", max_tokens=30)), link.generate(complete("b" * 3000)), None
    time.sleep(0.3)
    waits = link.generate(complete("c", max_tokens=3))
    cancelled_at = time.perf_counter()
    goes.cancel()
    assert finish_of(goes).reason == "cancelled"
    assert time.perf_counter() - cancelled_at < 0.2
    assert finish_of(stays).reason in ("length", "stop")
    assert finish_of(waits).reason in ("length", "stop")


def test_a_reply_of_long_steps_is_told_while_it_is_written_and_others_join_it(open_link: MakeLink, slow_model: Path) -> None:
    link = open_link(str(slow_model), backend="llamacpp", context_length=2048)
    first = link.generate(complete("a", max_tokens=400, ignore_eos=True))
    heard: list[float] = []
    has_begun = threading.Event()

    def read() -> None:
        for event in first:
            if isinstance(event, TextDelta):
                heard.append(time.perf_counter())
                has_begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert has_begun.wait(30)
    second = finish_of(list(link.generate(complete("b", max_tokens=2, ignore_eos=True))))
    answered = time.perf_counter()
    reader.join()
    assert second.usage.output_tokens == 2
    assert answered < heard[-1], "it did not wait for the end of the other one, which writes on by itself"
    assert len(heard) >= 5, "whose words came while it was written"


def test_a_full_queue_is_told_and_ends_when_others_end(open_link: MakeLink, slow_model: Path) -> None:
    link = open_link(str(slow_model), backend="llamacpp", context_length=2048, parallel=1, waiting_limit=2)
    first = link.generate(complete("a" * 1500, max_tokens=1))
    while not isinstance(next(iter(first)), PromptProgress):
        pass
    rest = [link.generate(complete("b", max_tokens=1)) for _ in range(6)]
    errors = [last for stream in rest if isinstance(last := list(stream)[-1], Failed)]
    assert len(errors) == 4
    assert all(isinstance(failure.error, EngineBusy) for failure in errors)
    assert finish_of(link.generate(complete("b", max_tokens=1))).usage.output_tokens == 1
    assert finish_of(first).reason in ("length", "stop")


def test_a_file_cut_off_while_it_is_used_is_called_damaged(open_link: MakeLink, slow_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(slow_model.read_bytes())
    link = open_link(str(path), backend="llamacpp", context_length=1024, use_mmap=True)
    with path.open("r+b") as file:
        file.truncate(200_000)
    error = failure_of(link.generate(complete("a" * 500, max_tokens=5))).error
    assert isinstance(error, DamagedModelFile)
    assert "SIGBUS" in error.details


def test_a_request_survives_the_pipe_unchanged(open_link: MakeLink) -> None:
    link = open_link("echo:")
    request = GenerationRequest(prompt="line\n你好 🎉 \x00")
    assert text_of(link.generate(request)) == "line\n你好 🎉 \x00"


def test_a_process_that_cannot_be_started_for_any_reason_ends_the_load(
    open_link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: WorkerLink) -> None:
        raise RuntimeError("no more threads")

    monkeypatch.setattr(WorkerLink, "_start_process", refuse)
    with pytest.raises(EngineCrashed, match="could not be started: no more threads"):
        open_link("echo:", load=False).load()


def test_a_listener_is_told_together_what_came_together(tiny_model: Path) -> None:
    link = WorkerLink("llamacpp", str(tiny_model), LoadOptions(threads=1))
    try:
        link.load()
        heard: list[list[GenerationEvent]] = []
        is_over = threading.Event()

        def listen(events: Sequence[GenerationEvent]) -> None:
            heard.append(list(events))
            if isinstance(events[-1], Finished | Failed):
                is_over.set()

        link.generate(complete("hello", max_tokens=1), listen)
        assert is_over.wait(20)
        said = list(link.generate(complete("hello", max_tokens=1)))
    finally:
        link.close()
    kinds = [type(event) for events in heard for event in events]
    assert kinds == [type(event) for event in said], "in the same order"
    assert len(heard) < len(kinds), "the last word and the end come in one message"
