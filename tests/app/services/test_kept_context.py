"""What the engine keeps of a conversation goes with it: with the real store and the real engine."""

from __future__ import annotations

import shutil
import time
from array import array
from collections.abc import Callable
from pathlib import Path

from app.paths import make_paths
from app.workstation import Workstation, make_workstation
from backends.messages import TextPart
from tests.tiny_models import byte_characters, make_tiny_model

SECRETS = {"one": "QXZ", "two": "VKJ", "three": "WYG"}


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def holds(folder: Path, words: str) -> bool:
    pattern = array("i", [byte_characters().index(character) for character in words * 2]).tobytes()
    return folder.is_dir() and any(pattern in path.read_bytes() for path in folder.iterdir())


def talk(workstation: Workstation, model: str, secret: str) -> str:
    conversation = workstation.conversations.create(model=model)
    workstation.conversations.update(conversation.id, options={"max_tokens": 4})
    workstation.chat.send(conversation.id, [TextPart(f"{secret * 2} " * 60)])
    wait_for(lambda: not workstation.chat.is_busy(conversation.id))
    return conversation.id


def test_after_a_purge_no_file_holds_the_conversations_tokens(tmp_path: Path) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf", context=4096))
    paths = make_paths(tmp_path / "data")
    with make_workstation(paths) as workstation:
        ids = {name: talk(workstation, model, secret) for name, secret in SECRETS.items()}
        wait_for(lambda: all(holds(paths.engine_cache, secret) for secret in SECRETS.values()))
        workstation.conversations.delete(ids["one"])
        assert holds(paths.engine_cache, SECRETS["one"])  # in the trash it may be wanted again
        workstation.conversations.purge(ids["one"])
        wait_for(lambda: not holds(paths.engine_cache, SECRETS["one"]))
        assert holds(paths.engine_cache, SECRETS["two"])
        workstation.conversations.delete(ids["two"])
        workstation.conversations.purge_trash(time.time() + 1)
        # Closed at once: what the process writes at its end must not bring it back.
    assert not holds(paths.engine_cache, SECRETS["one"])
    assert not holds(paths.engine_cache, SECRETS["two"])
    assert holds(paths.engine_cache, SECRETS["three"])
    copies = tmp_path / "copies"
    shutil.copytree(paths.engine_cache, copies)
    with make_workstation(paths) as workstation:
        workstation.conversations.purge(ids["three"])
    assert not holds(paths.engine_cache, SECRETS["three"])
    for path in copies.iterdir():  # as a crash would leave it: the next start finds orphans
        shutil.copy(path, paths.engine_cache)
    with make_workstation(paths) as workstation:
        wait_for(lambda: not holds(paths.engine_cache, SECRETS["three"]))


def test_a_conversation_goes_on_at_once_after_a_restart(tmp_path: Path) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf", context=4096))
    paths = make_paths(tmp_path / "data")
    with make_workstation(paths) as workstation:
        conversation = talk(workstation, model, "QXZ")
    with make_workstation(paths) as workstation:
        workstation.chat.send(conversation, [TextPart("and then?")])
        wait_for(lambda: not workstation.chat.is_busy(conversation))
        run = workstation.messages.path(conversation)[-1].run
        assert run is not None
        assert run.cached_tokens > 300
