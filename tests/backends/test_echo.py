"""The scripted engine keeps the same promise as the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.echo import EchoBackend, parse_script
from backends.options import LoadOptions
from models.errors import ContextOverflow, GenerationFailed, LoadCancelled, NotAModelFile, OutOfMemory
from tests.backends.requests import ask, complete, finish_of, reasoning_of, run, text_of


def load(url: str) -> EchoBackend:
    backend = EchoBackend()
    backend.load(url, LoadOptions(), lambda fraction: True)
    return backend


def test_it_repeats_the_last_user_message() -> None:
    assert text_of(run(load("echo:"), ask("say this"))) == "say this"
    assert text_of(run(load("echo:"), complete("raw  text\n"))) == "raw  text\n"


def test_queued_replies_come_first() -> None:
    backend = EchoBackend(("one",))
    backend.load("echo:?text=other", LoadOptions(), lambda fraction: True)
    backend.queue("two")
    assert [text_of(run(backend, ask("x"))) for _ in range(3)] == ["one", "two", "other"]


def test_the_script_can_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.txt"
    path.write_text("echo:?text=from a file\n", encoding="utf-8")
    assert text_of(run(load(str(path)), ask("x"))) == "from a file"


@pytest.mark.parametrize("content", [b"GGUF", b"\xff\xfe\x00"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(NotAModelFile):
        load(str(path))


def test_the_message_can_change_the_script() -> None:
    events = run(load("echo:?words=5"), ask("echo:?words=2&reasoning=hm%20so and more"))
    assert (reasoning_of(events), text_of(events)) == ("hm so", "word1 word2")


def test_limits_are_kept() -> None:
    finish = finish_of(run(load("echo:?words=50"), ask("x", max_tokens=3)))
    assert (finish.reason, finish.usage.output_tokens, finish.seed) == ("length", 3, 7)
    with pytest.raises(ContextOverflow):
        run(load("echo:?context=8"), ask("far too many words for so small a context"))


def test_failures_are_raised_on_demand() -> None:
    with pytest.raises(OutOfMemory):
        load("echo:?load_fail=out_of_memory")
    with pytest.raises(GenerationFailed):
        run(load("echo:?words=5&fail=generation_failed&after=2"), ask("x"))
    with pytest.raises(LoadCancelled):
        EchoBackend().load("echo:?load=5", LoadOptions(), lambda fraction: False)


def test_a_setting_that_is_no_number_is_refused_and_an_unknown_one_ignored() -> None:
    assert parse_script("echo:?colour=red&words=3").words == 3
    with pytest.raises(NotAModelFile):
        parse_script("echo:?words=many")


def test_chinese_characters_count_one_by_one() -> None:
    assert load("echo:").count_tokens(ask("你好 world")) == 4 + 3
