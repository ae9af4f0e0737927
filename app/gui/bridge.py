"""The one crossing from the services' threads into Qt: events are queued and handed over on the GUI thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.services.events import (
    ConversationChanged,
    ConversationsChanged,
    DownloadsChanged,
    Event,
    EventBus,
    LibraryChanged,
    QuantizingChanged,
    SettingChanged,
)

_READ_AGAIN = (
    ConversationsChanged,
    ConversationChanged,
    DownloadsChanged,
    LibraryChanged,
    QuantizingChanged,
    SettingChanged,
)


class Bridge(QObject):
    """Emits ``happened`` on the GUI thread for every event of the bus, in order.

    However many events arrive, at most one wake-up is in Qt's queue, so a fast engine cannot flood it.
    Thread contract: ``_collect`` runs on any thread, everything else on the GUI thread.
    """

    happened = Signal(object)
    _wake = Signal()

    def __init__(self, bus: EventBus, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._is_woken = False
        self._is_closed = False
        self._wake.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe: Callable[[], None] = bus.subscribe(self._collect)

    def close(self) -> None:
        """Hear nothing more."""
        self._unsubscribe()
        with self._lock:
            self._is_closed = True
            self._waiting.clear()

    def _collect(self, event: Event) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._waiting.append(event)
            if self._is_woken:
                return
            self._is_woken = True
        self._wake.emit()

    @Slot()
    def _hand_over(self) -> None:
        with self._lock:
            events = list(self._waiting)
            self._waiting.clear()
            self._is_woken = False
        for event in without_repeats(events):
            self.happened.emit(event)


def without_repeats(events: Sequence[Event]) -> list[Event]:
    """The events in order, of equal ones that only say "read it again" the last: an import tells of thousands of changes at once."""
    seen: set[Event] = set()
    kept: list[Event] = []
    for event in reversed(events):
        if isinstance(event, _READ_AGAIN):
            if event in seen:
                continue
            seen.add(event)
        kept.append(event)
    return kept[::-1]
