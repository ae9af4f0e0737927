"""A workstation on a fresh folder, and a recorder that waits for facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from app.paths import Paths, make_paths
from app.services.events import Event, EventBus, ReplyEnded
from app.store.attachments import Attachments
from app.store.connections import Connections
from app.store.conversations import Conversations
from app.store.database import open_database
from app.store.messages import Messages
from app.store.search import Search
from app.store.snapshots import Snapshots
from app.workstation import Workstation, make_workstation

E = TypeVar("E")


class Recorder:
    """Keeps every event and waits for the one that is wanted."""

    def __init__(self, bus: EventBus) -> None:
        self.events: list[Event] = []
        self._condition = threading.Condition()
        bus.subscribe(self._note)

    def _note(self, event: Event) -> None:
        with self._condition:
            self.events.append(event)
            self._condition.notify_all()

    def of(self, kind: type[E]) -> list[E]:
        """Every event of a kind so far."""
        with self._condition:
            return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type[E], *, count: int = 1, seconds: float = 20.0, where: Callable[[E], bool] = lambda _: True) -> E:
        """The ``count``-th event of a kind, as soon as it is there."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while True:
                found = [event for event in self.events if isinstance(event, kind) and where(event)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                assert left > 0, f"no {kind.__name__} came; there were {[type(event).__name__ for event in self.events][-20:]}"
                self._condition.wait(left)

    def wait_for_reply(self, count: int = 1) -> ReplyEnded:
        """The end of a reply."""
        return self.wait_for(ReplyEnded, count=count)


class Store:
    """The parts of the store over one database, without any service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "yanmo.sqlite"
        self.snapshots = Snapshots(self.path, folder / "snapshots")
        self.connections: Connections = open_database(self.path, self.snapshots)
        self.conversations = Conversations(self.connections)
        self.attachments = Attachments(self.connections, folder / "attachments")
        self.messages = Messages(self.connections, self.attachments)
        self.search = Search(self.connections)

    def close(self) -> None:
        self.connections.close()


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same store anew at every call."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(Store(tmp_path))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return make_paths(tmp_path / "研墨 data")


@pytest.fixture
def workstation(paths: Paths) -> Iterator[Workstation]:
    with make_workstation(paths) as workstation:
        yield workstation


@pytest.fixture
def recorder(workstation: Workstation) -> Recorder:
    return Recorder(workstation.events)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while left := [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]:
        assert time.monotonic() < deadline, f"threads were left behind: {left}"
        time.sleep(0.01)
