"""Work in the background for a page of the window."""

from __future__ import annotations

import logging
import threading

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.gui.models.background import Background
from app.services.jobs import Jobs
from models.errors import ModelNotFound, UserFacingError


def test_results_and_errors_come_back_and_only_the_newest_counts(qtbot: QtBot) -> None:
    parent, jobs = QObject(), Jobs()
    work = Background(jobs, "disk", parent)
    came: list[object] = []

    def fail() -> object:
        raise ModelNotFound(model="x")

    held = threading.Event()
    work.run(lambda: held.wait(5), came.append, came.append)
    work.run(lambda: "newest", came.append, came.append)
    held.set()
    qtbot.waitUntil(lambda: came == ["newest"], timeout=5000)
    work.run(fail, came.append, came.append)
    qtbot.waitUntil(lambda: len(came) == 2, timeout=5000)
    assert isinstance(came[1], UserFacingError)
    jobs.close()


def test_a_page_that_is_gone_before_its_work_is_done_is_no_error(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    parent, jobs = QObject(), Jobs()
    begun, gone = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        gone.wait(5)
        return "late"

    Background(jobs, "disk", parent).run(slow, lambda result: None, lambda error: None)
    assert begun.wait(5)
    shiboken6.delete(parent)
    gone.set()
    with caplog.at_level(logging.ERROR):
        jobs._lanes["disk"].shutdown(wait=True)
    assert not caplog.records
    jobs.close()
