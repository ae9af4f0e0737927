"""Work that takes seconds, done by the workstation's jobs; its result comes back on the window's thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.services.jobs import Jobs, Lane
from models.errors import UserFacingError


class Background(QObject):
    """Runs one kind of work; a newer request makes the results of older ones count for nothing.

    Thread contract: ``_do`` runs in a lane of the jobs, everything else on the window's thread.
    """

    _came = Signal(int, object)

    def __init__(self, jobs: Jobs, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._lane: Lane = lane
        self._number = 0
        self._then: Callable[[Any], None] = lambda result: None
        self._failed: Callable[[UserFacingError], None] = lambda error: None
        self._came.connect(self._hear)

    def run(self, work: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[UserFacingError], None]) -> None:
        """Do ``work`` elsewhere, then one of the other two here."""
        self._number += 1
        self._then, self._failed = then, failed
        number = self._number
        self._jobs.submit(self._lane, lambda is_cancelled: self._do(number, work, is_cancelled), "models page")

    def forget(self) -> None:
        """Whatever is under way is not wanted any more."""
        self._number += 1

    def _do(self, number: int, work: Callable[[], Any], is_cancelled: Callable[[], bool]) -> None:
        if is_cancelled() or number != self._number:
            return
        try:
            result: object = work()
        except UserFacingError as error:
            result = error
        if not is_cancelled():
            with contextlib.suppress(RuntimeError):  # the window is gone, and with it who would hear
                self._came.emit(number, result)

    @Slot(int, object)
    def _hear(self, number: int, result: object) -> None:
        if number != self._number:
            return
        if isinstance(result, UserFacingError):
            self._failed(result)
        else:
            self._then(result)
