"""What was read survives a restart, whatever happened to the files; and nothing wrong ever does."""

from __future__ import annotations

import os
import threading
import time
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.backend import GenerationRequest
from backends.events import Finished
from backends.kept_sequences import remove_kept, remove_orphans
from backends.llamacpp.archive import Archive, fingerprint
from backends.llamacpp.backend import LlamaCppBackend
from backends.options import LoadOptions
from backends.worker_link import WorkerLink
from tests.backends import requests
from tests.backends.requests import finish_of, run, text_of
from tests.tiny_models import byte_characters, make_tiny_model

STORY = "once upon a time a very long story began and nobody knew how it would end " * 6


def complete(prompt: str, owner: str = "somebody", **options: Any) -> GenerationRequest:
    """Only what has an owner is kept."""
    return replace(requests.complete(prompt, **options), owner=owner)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def open_backend(model: Path, folder: Path, **options: object) -> LlamaCppBackend:
    backend = LlamaCppBackend()
    settings = LoadOptions(threads=1, context_length=2048, cache_folder=str(folder), **options)  # type: ignore[arg-type]
    backend.load(str(model), settings, lambda fraction: True)
    return backend


def live_once(model: Path, folder: Path, prompt: str = STORY, length: int = 20, **options: object) -> tuple[str, Finished]:
    """One life of the engine: load, answer, close."""
    backend = open_backend(model, folder, **options)
    events = run(backend, complete(prompt, max_tokens=length, temperature=0.0))
    backend.close()
    return text_of(events), finish_of(events)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.kv"))


def test_a_restart_reads_only_what_is_new_and_says_the_same(tiny_model: Path, folder: Path) -> None:
    first, cold = live_once(tiny_model, folder)
    again, warm = live_once(tiny_model, folder)
    assert cold.usage.cached_tokens == 0
    assert warm.usage.cached_tokens == warm.usage.prompt_tokens - 1
    assert again == first


def test_the_next_turn_and_an_edited_branch_go_on_from_the_disk(tiny_model: Path, folder: Path) -> None:
    live_once(tiny_model, folder)
    _, longer = live_once(tiny_model, folder, STORY + "and then?")
    _, edited = live_once(tiny_model, folder, STORY[:300] + "something else")
    assert longer.usage.cached_tokens > len(STORY) * 0.7  # some letters are one token together
    assert edited.usage.cached_tokens > 200


@pytest.mark.parametrize("place", [0, 20, 60, 90, 700, -1])
def test_a_damaged_file_is_noticed_removed_and_does_no_harm(tiny_model: Path, folder: Path, place: int) -> None:
    first, _ = live_once(tiny_model, folder)
    (path,) = files(folder)
    data = bytearray(path.read_bytes())
    data[place] ^= 0x40
    path.write_bytes(data)
    again, finish = live_once(tiny_model, folder)
    assert again == first
    assert finish.usage.cached_tokens == 0


@pytest.mark.parametrize("change", ["cut", "empty", "gone", "longer"])
def test_a_file_that_changed_while_the_engine_ran_is_passed_over(tiny_model: Path, folder: Path, change: str) -> None:
    first, _ = live_once(tiny_model, folder)
    backend = open_backend(tiny_model, folder)
    (path,) = files(folder)
    data = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": data[:-100], "empty": b"", "longer": data + b"x"}[change])
    events = run(backend, complete(STORY, max_tokens=20, temperature=0.0))
    backend.close()
    assert finish_of(events).usage.cached_tokens == 0
    assert text_of(events) == first


def test_another_model_or_another_cache_type_reads_for_itself(tmp_path: Path, folder: Path) -> None:
    one, other = (make_tiny_model(tmp_path / f"{seed}.gguf", seed=seed, context=4096, width=128, heads=2) for seed in (1, 2))
    live_once(one, folder)
    assert live_once(other, folder)[1].usage.cached_tokens == 0
    assert live_once(one, folder, kv_type="q8_0")[1].usage.cached_tokens == 0
    assert live_once(one, folder)[1].usage.cached_tokens > 0
    assert len(files(folder)) == 3


def test_without_flash_attention_sequences_are_kept_apart_and_found_again(tiny_model: Path, folder: Path) -> None:
    live_once(tiny_model, folder)
    assert live_once(tiny_model, folder, flash_attention=False)[1].usage.cached_tokens == 0
    assert live_once(tiny_model, folder, flash_attention=False)[1].usage.cached_tokens > 0
    assert live_once(tiny_model, folder)[1].usage.cached_tokens > 0


def test_what_goes_on_replaces_what_it_goes_on_from(tiny_model: Path, folder: Path) -> None:
    for end in ("", "and so", "and so on"):
        live_once(tiny_model, folder, STORY + end, length=1)
    assert len(files(folder)) == 1


def test_short_ones_are_not_kept_and_without_a_folder_nothing_is(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    live_once(tiny_model, folder, "short")
    assert files(folder) == []
    backend = LlamaCppBackend()
    backend.load(str(tiny_model), LoadOptions(threads=1), lambda fraction: True)
    run(backend, complete(STORY, max_tokens=1))
    backend.close()
    assert list(tmp_path.iterdir()) == [folder]


def test_the_budget_is_kept_and_what_was_used_least_recently_goes(folder: Path) -> None:
    archive = Archive(folder, 3_500, b"key")
    for number in range(5):
        archive.save([number] * 10, bytes(900), "me")
        archive.wait()
        now = time.time() - 100 + number
        for path in files(folder)[-1:]:
            os.utime(path, (now, now))
    kept = [saved.tokens[0] for saved in Archive(folder, 3_500, b"key")._saved.values()]
    assert len(kept) == 3
    assert 4 in kept
    archive.save([9] * 10, bytes(9_000), "me")
    archive.wait()
    assert not archive.holds([9] * 10)


def test_a_sequence_larger_than_half_the_budget_is_not_written(tiny_model: Path, folder: Path) -> None:
    backend = open_backend(tiny_model, folder)
    assert backend._archive is not None
    backend._archive._budget = 10
    run(backend, complete(STORY, max_tokens=1))
    assert [backend.rest(), backend.rest()] == [False, False]
    assert files(folder) == []
    backend.close()
    assert files(folder) == []


def test_files_are_for_their_owner_only_and_abandoned_ones_go(folder: Path) -> None:
    archive = Archive(folder, 10**6, b"key")
    archive.save(list(range(50)), b"state", "me")
    archive.wait()
    (path,) = files(folder)
    assert path.stat().st_mode & 0o077 == 0
    old = folder / "old.1.partial"
    old.write_bytes(b"x")
    os.utime(old, (1, 1))
    Archive(folder, 10**6, b"key")
    assert not old.exists()


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    archive = Archive(tmp_path / "file" / "inside", 10**6, b"key")
    archive.save(list(range(50)), b"state", "me")
    archive.wait()
    assert archive.match(list(range(50))) == (None, 0)


def test_a_fingerprint_notices_a_changed_block_a_changed_size_and_changed_facts(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(10_000_000))
    before = fingerprint(path, {"a": 1})
    assert fingerprint(path, {"a": 1}) == before != fingerprint(path, {"a": 2})
    path.write_bytes(bytes(10_000_001))
    assert fingerprint(path, {"a": 1}) != before
    path.write_bytes(bytes(9_999_999) + b"x")
    assert fingerprint(path, {"a": 1}) != before


@pytest.fixture
def links() -> Iterator[list[WorkerLink]]:
    before = set(threading.enumerate())
    opened: list[WorkerLink] = []
    yield opened
    for link in opened:
        link.close()
    assert not any(thread.name.startswith("engine ") for thread in set(threading.enumerate()) - before)


def test_a_quiet_moment_is_enough_even_if_the_process_is_killed_then(
    tiny_model: Path, folder: Path, links: list[WorkerLink]
) -> None:
    import psutil

    options = LoadOptions(threads=1, context_length=2048, cache_folder=str(folder))
    for expected in (False, True):
        link = WorkerLink("llamacpp", str(tiny_model), options)
        links.append(link)
        link.load()
        usage = finish_of(link.generate(complete(STORY, max_tokens=3))).usage
        assert (usage.cached_tokens > 0) == expected
        deadline = time.monotonic() + 10
        while not files(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        psutil.Process(link.pid).kill()


def holds(folder: Path, words: str) -> bool:
    """Whether any file of the folder holds the tokens of these words, which are a byte each."""
    pattern = array("i", [byte_characters().index(character) for character in words]).tobytes()
    return any(pattern in path.read_bytes() for path in folder.iterdir())


def test_what_has_no_owner_is_not_kept(tiny_model: Path, folder: Path) -> None:
    backend = open_backend(tiny_model, folder)
    run(backend, complete(STORY, owner="", max_tokens=5))
    backend.close()
    assert files(folder) == []


def test_what_is_forgotten_is_neither_on_the_disk_nor_written_later(tiny_model: Path, folder: Path) -> None:
    backend = open_backend(tiny_model, folder, parallel=4)
    secrets = {name: f"{name * 3} " * 60 for name in ("QXZ", "VKJ", "WYG")}
    for name in ("QXZ", "VKJ"):
        run(backend, complete(secrets[name], owner=name, max_tokens=3))
    while backend.rest():
        backend._archive.wait()  # type: ignore[union-attr]
    running = backend.generate(complete(secrets["WYG"], owner="WYG", max_tokens=50, temperature=0.0), lambda: False)
    next(running)
    assert holds(folder, "QXZ")
    backend.forget("QXZ")
    backend.forget("WYG")  # its reply goes on
    assert not holds(folder, "QXZ")
    assert finish_of(list(running)).usage.output_tokens > 0
    assert run(backend, complete(secrets["QXZ"], owner="", max_tokens=3))[-1].usage.cached_tokens <= 1  # type: ignore[union-attr]
    backend.close()
    assert holds(folder, "VKJ")
    assert not holds(folder, "QXZ")
    assert not holds(folder, "WYG")


def test_orphans_and_files_of_earlier_versions_are_swept_away(tiny_model: Path, folder: Path) -> None:
    for owner in ("one", "two"):
        backend = open_backend(tiny_model, folder)
        run(backend, complete(f"{owner} " * 80, owner=owner, max_tokens=3))
        backend.close()
    (folder / "old.kv").write_bytes(b"YANMOKV1" + bytes(200))
    assert remove_orphans(folder, ["two", "three"]) == 2
    assert len(files(folder)) == 1
    assert remove_kept(folder, "one") == 0
    assert remove_kept(folder, "two") == 1


def test_a_worker_forgets_while_it_answers(tiny_model: Path, folder: Path) -> None:
    link = WorkerLink("llamacpp", str(tiny_model), LoadOptions(threads=1, context_length=2048, cache_folder=str(folder)))
    try:
        link.load()
        list(link.generate(complete("QXZ" * 80, owner="QXZ", max_tokens=3)))
        stream = link.generate(complete("Once", owner="", max_tokens=500, temperature=0.0))
        link.forget("QXZ")
        assert finish_of(list(stream)).usage.output_tokens > 0
    finally:
        link.close()
    assert files(folder) == []


def test_what_is_mostly_saved_is_written_again_only_at_the_end(tiny_model: Path, folder: Path) -> None:
    backend = open_backend(tiny_model, folder)

    def tidy() -> list[tuple[str, int]]:
        while backend.rest():
            backend._archive.wait()  # type: ignore[union-attr]
        backend._archive.wait()  # type: ignore[union-attr]
        return [(path.name, path.stat().st_size) for path in files(folder)]

    run(backend, complete("abcdef " * 80, max_tokens=1))
    first = tidy()
    assert len(first) == 1
    run(backend, complete("abcdef " * 80 + "and a few words", max_tokens=1))
    assert tidy() == first
    run(backend, complete("abcdef " * 80 + "and a great many words more " * 20, max_tokens=1))
    assert tidy() != first
    run(backend, complete("abcdef " * 80 + "and a great many words more " * 20 + "end", max_tokens=1))
    before = tidy()
    backend.close()
    assert [(path.name, path.stat().st_size) for path in files(folder)] != before
