"""A thread that works beside the engine's: in order, one piece at a time, and what goes wrong is not lost."""

from __future__ import annotations

import threading

import pytest

from backends.llamacpp.companion import Companion


def test_work_is_done_beside_and_in_order() -> None:
    companion, done = Companion(), []
    may_go = threading.Event()
    companion.begin(lambda: done.append(may_go.wait(10)))
    assert not done, "nobody waits for it"
    may_go.set()
    companion.begin(lambda: done.append(threading.current_thread().name))
    companion.wait()
    assert done == [True, "companion"]
    companion.wait()
    companion.close()


def test_what_goes_wrong_is_raised_once_in_the_thread_that_waits() -> None:
    companion = Companion()
    companion.begin(lambda: {}["nothing"])
    with pytest.raises(KeyError, match="nothing"):
        companion.wait()
    done: list[int] = []
    companion.begin(lambda: done.append(1))
    companion.wait()
    assert done == [1]
    companion.close()


def test_closing_ends_the_thread_and_may_be_done_twice_and_before_anything_was_begun() -> None:
    before = threading.active_count()
    companion = Companion()
    companion.close()
    companion.begin(lambda: None)
    companion.wait()
    assert threading.active_count() == before + 1
    companion.close()
    companion.close()
    assert threading.active_count() == before
