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


def count_companions() -> int:
    return sum(thread.name == "companion" for thread in threading.enumerate())


def test_closing_ends_the_thread_and_may_be_done_twice_and_before_anything_was_begun() -> None:
    before = count_companions()
    companion = Companion()
    companion.close()
    companion.begin(lambda: None)
    companion.wait()
    assert count_companions() == before + 1
    companion.close()
    companion.close()
    assert count_companions() == before


def test_where_no_thread_can_be_had_it_is_said_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    companion, done = Companion(), []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="thread"):
            companion.begin(lambda: done.append(1))
    companion.wait()
    companion.begin(lambda: done.append(2))
    companion.wait()
    assert done == [2]
    companion.close()
