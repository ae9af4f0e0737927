"""Several models at once: which of them go, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.services.engine_pool import EnginePool, PoolOptions
from app.services.engines import Engines, Link, OnExit
from app.workstation import Workstation
from backends.events import LoadedModel
from backends.options import LoadOptions
from models.errors import LoadCancelled, ModelNotFound, UserFacingError

ONE, TWO, THREE = (f"echo:?text={name}" for name in ("one", "two", "three"))


@pytest.fixture
def pool(workstation: Workstation) -> Iterator[EnginePool]:
    pool = workstation.server.pool
    pool.options = PoolOptions(most=2)
    yield pool
    pool.unload_all()


def loaded(pool: EnginePool) -> set[str]:
    return {model.reference for model in pool.list_loaded()}


def use(pool: EnginePool, reference: str) -> None:
    pool.acquire(reference).give_back()
    time.sleep(0.01)  # so that one was used before the other by the clock


def test_the_model_used_least_recently_makes_room(pool: EnginePool) -> None:
    for reference in (ONE, TWO, ONE, THREE):
        use(pool, reference)
    assert loaded(pool) == {ONE, THREE}


def test_a_model_that_answers_is_not_pushed_out(pool: EnginePool) -> None:
    pool.options = PoolOptions(most=1)
    lease = pool.acquire(ONE)
    use(pool, TWO)
    assert loaded(pool) == {ONE, TWO}
    lease.give_back()
    use(pool, THREE)
    assert loaded(pool) == {THREE}


def test_a_model_that_nobody_uses_goes_after_its_time_and_no_sooner(pool: EnginePool) -> None:
    pool.options = PoolOptions(most=4, idle_seconds=4)
    use(pool, ONE)
    use(pool, TWO)
    pool.set_idle_seconds(TWO, -1)  # this one stays
    lease = pool.acquire(THREE)
    pool.unload_idle()
    assert loaded(pool) == {ONE, TWO, THREE}
    pool.options = PoolOptions(most=4, idle_seconds=0.01)
    pool.unload_idle()
    assert loaded(pool) == {TWO, THREE}
    lease.give_back()
    pool.set_idle_seconds(TWO, 0)
    pool.unload_idle()
    assert loaded(pool) == {THREE}


def test_many_who_ask_at_once_load_a_model_once(pool: EnginePool) -> None:
    reference = "echo:?load=0.3&text=slow"
    pids: list[int | None] = []

    def ask() -> None:
        lease = pool.acquire(reference)
        pids.append(lease.link.pid)  # type: ignore[attr-defined]
        lease.give_back()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 8 and len(set(pids)) == 1


def test_a_model_that_cannot_be_loaded_leaves_no_place_behind(pool: EnginePool) -> None:
    for reference, error in (("nothing", ModelNotFound), ("echo:?load_fail=out_of_memory", UserFacingError)):
        with pytest.raises(error):
            pool.acquire(reference)
    with pytest.raises(LoadCancelled):
        pool.acquire("echo:?load=5", lambda: True)
    assert loaded(pool) == set()


def test_memory_that_is_short_pushes_out_more_than_the_number_does(workstation: Workstation) -> None:
    free = [100]
    pool = EnginePool(workstation.engines, workstation.settings, workstation._make_link, lambda reference: 60, lambda: free[0])
    pool.options = PoolOptions(most=9)
    use(pool, ONE)
    free[0] = 40
    use(pool, TWO)
    assert loaded(pool) == {TWO}
    pool.close()


class Held:
    """A link of which something waits until it may go on."""

    def __init__(self, link: Link, may_go_on: threading.Event) -> None:
        self._link = link
        self._may_go_on = may_go_on

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)


class SlowToLeave(Held):
    """Its process ends only when it may."""

    def close(self, timeout: float = 2.0) -> None:
        self._may_go_on.wait(60)
        self._link.close(timeout)


@pytest.fixture
def may_end() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def full(workstation: Workstation, may_end: threading.Event) -> Iterator[tuple[EnginePool, list[int]]]:
    """A pool of four idle models of 20, with 10 free; the free memory can be set."""
    free = [1000]

    def make_link(reference: str, options: LoadOptions, on_exit: OnExit) -> Link:
        return SlowToLeave(workstation._make_link(reference, options, on_exit), may_end)

    pool = EnginePool(workstation.engines, workstation.settings, make_link, lambda reference: 20, lambda: free[0])
    pool.options = PoolOptions(most=9)
    for name in "abcd":
        use(pool, f"echo:?text={name}")
    free[0] = 10
    yield pool, free
    may_end.set()
    pool.close()


def test_a_little_memory_that_is_short_pushes_out_one_model_and_not_all(full: tuple[EnginePool, list[int]]) -> None:
    pool, _ = full
    use(pool, "echo:?text=e")
    assert loaded(pool) == {f"echo:?text={name}" for name in "bcde"}


def test_what_is_on_its_way_out_counts_as_free_until_it_is_gone(
    full: tuple[EnginePool, list[int]], may_end: threading.Event
) -> None:
    pool, free = full
    may_end.clear()  # as a large model, which gives its memory back late
    pool.unload("echo:?text=d")
    use(pool, "echo:?text=e")
    assert loaded(pool) == {f"echo:?text={name}" for name in "abce"}
    may_end.set()
    deadline = time.monotonic() + 60
    while pool._leaving_bytes() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pool._leaving_bytes() == 0
    free[0] = 0  # another program took it
    use(pool, "echo:?text=f")
    assert loaded(pool) == {f"echo:?text={name}" for name in "cef"}


class SlowToLoad(Held):
    """Its model comes only when it may."""

    def load(self, on_progress: Callable[[float], None] | None = None) -> LoadedModel:
        self._may_go_on.wait(60)
        return self._link.load(on_progress)


@pytest.mark.parametrize("in_window", [False, True])
def test_what_a_model_that_is_being_loaded_will_take_is_no_room_for_the_next(workstation: Workstation, in_window: bool) -> None:
    may_load = threading.Event()
    begun = threading.Event()

    def make_link(reference: str, options: LoadOptions, on_exit: OnExit) -> Link:
        link = workstation._make_link(reference, options, on_exit)
        if reference != TWO:
            return link
        begun.set()
        return SlowToLoad(link, may_load)

    window = Engines(workstation.events, workstation.settings, make_link, lambda: TWO, remembers=False)
    pool = EnginePool(window, workstation.settings, make_link, lambda reference: 20, lambda: 25)
    pool.options = PoolOptions(most=9)
    use(pool, ONE)
    other = threading.Thread(target=window.load if in_window else use, args=(TWO,) if in_window else (pool, TWO))
    other.start()
    assert begun.wait(60)
    use(pool, THREE)
    assert loaded(pool) == {TWO, THREE}
    may_load.set()
    other.join(60)
    assert loaded(pool) == {TWO, THREE}
    pool.close()
    window.close()


def test_a_model_that_shall_stay_goes_only_where_no_other_can(full: tuple[EnginePool, list[int]]) -> None:
    pool, _ = full
    pool.set_idle_seconds("echo:?text=a", -1)
    use(pool, "echo:?text=e")
    assert loaded(pool) == {f"echo:?text={name}" for name in "acde"}
