"""The worker's loops, in this process, with engines that break."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from backends.backend import CancelCheck, GenerationRequest
from backends.echo import EchoBackend
from backends.events import Failed, Finished, GenerationEvent, TextDelta, Usage
from backends.options import LoadOptions
from backends.worker import _REST_AFTER, _Worker
from backends.worker_protocol import Cancel, Close, Events, Generate, WorkerStart
from models.errors import EngineError
from tests.backends.requests import ask


class BrittleEngine(EchoBackend):
    """Answers everything at once; a request that says so breaks it, at once or later."""

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[int, GenerationRequest] = {}
        self.settled = self.rested = self.looked = 0

    @property
    def is_idle(self) -> bool:
        return not self._open

    @property
    def computes_long(self) -> bool:
        return False

    def submit(self, request_id: int, request: GenerationRequest, is_cancelled: CancelCheck) -> None:
        if "refuse" in request.messages[-1].text:
            raise ValueError("a bug")
        self._open[request_id] = request

    def step(self) -> Sequence[tuple[int, GenerationEvent]]:
        if any("break" in request.messages[-1].text for request in self._open.values()):
            raise ValueError("another bug")
        pairs: list[tuple[int, GenerationEvent]] = []
        for request_id in self._open:
            pairs += [(request_id, TextDelta("yes")), (request_id, Finished("stop", Usage()))]
        self._open.clear()
        return pairs

    def look_for_cancels(self) -> None:
        self.looked += 1

    def settle(self) -> bool:
        self.settled += 1
        if self.settled == 3:
            raise ValueError("a fourth bug")
        return self.settled < 3

    def rest(self) -> bool:
        self.rested += 1
        raise ValueError("a third bug")

    def forget(self, owner: str) -> None:
        pass

    def drop_all(self) -> None:
        self._open.clear()


@pytest.fixture
def ends(request: pytest.FixtureRequest) -> Iterator[dict[int, GenerationEvent]]:
    """The last event of each of the requests that the parameter lists."""
    ours, theirs = multiprocessing.Pipe()
    worker = _Worker(WorkerStart("brittle", "", LoadOptions(), "", 0), theirs)
    engine = BrittleEngine()
    for number, text in enumerate(request.param):
        worker._obey(Generate(number, ask(text)))
    thread = threading.Thread(target=worker._serve, args=(engine,))
    thread.start()
    found: dict[int, GenerationEvent] = {}
    while len(found) < len(request.param):
        report = ours.recv()
        assert isinstance(report, Events)
        found.update({number: event for number, event in report.pairs if isinstance(event, Finished | Failed)})
    time.sleep(_REST_AFTER + 0.1)  # a quiet moment, in which something breaks too
    assert engine.settled >= 3 and engine.rested == 1, "one that breaks does not keep the other from its turn"
    worker._obey(Generate(99, ask("and after it")))
    while 99 not in found:
        found.update({number: event for number, event in ours.recv().pairs if isinstance(event, Finished | Failed)})
    worker._obey(Close())
    thread.join()
    assert not worker._flags
    yield found


@pytest.mark.parametrize("ends", [["one", "refuse", "three"]], indirect=True)
def test_a_bug_while_a_request_is_taken_fails_only_that_one(ends: dict[int, GenerationEvent]) -> None:
    assert [type(ends[number]) for number in (0, 1, 2, 99)] == [Finished, Failed, Finished, Finished]


@pytest.mark.parametrize("ends", [["one", "break", "three"]], indirect=True)
def test_a_bug_in_a_step_fails_what_runs_and_the_model_stays(ends: dict[int, GenerationEvent]) -> None:
    failed = ends[1]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, EngineError)
    assert "another bug" in failed.error.details
    assert isinstance(ends[99], Finished)


def test_a_cancel_of_what_runs_is_told_to_the_engine_and_of_what_waits_is_not() -> None:
    ours, theirs = multiprocessing.Pipe()
    worker = _Worker(WorkerStart("brittle", "", LoadOptions(), "", 0), theirs)
    engine = worker._backend = BrittleEngine()
    for number in (1, 2):
        worker._obey(Generate(number, ask("one")))
    worker._next_waiting()
    worker._obey(Cancel(2))
    assert engine.looked == 0
    worker._obey(Cancel(1))
    worker._obey(Cancel(7))
    assert engine.looked == 1
    assert worker._flags[1].is_set()
    worker.outbox.flush(5.0)
    assert ours.recv().pairs[0][0] == 2
