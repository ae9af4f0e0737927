"""Replies that are growing: their words in memory, and the thread that journals them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from app.store.messages import Messages
from backends.messages import Part, ReasoningPart, TextPart
from models.errors import UserFacingError

JOURNAL_INTERVAL = 0.25
"""Seconds between two flushes: less than the half second that is promised."""

_RETRY_INTERVAL = 1.0
_log = logging.getLogger(__name__)


class LiveReply:
    """The words of one growing reply. Thread-safe: one thread adds, others read."""

    def __init__(self, conversation_id: str, message_id: str, base: Iterable[Part] = ()) -> None:
        self.conversation_id = conversation_id
        self.message_id = message_id
        self._lock = threading.Lock()
        parts = tuple(base)
        self._others = tuple(part for part in parts if not isinstance(part, ReasoningPart | TextPart))
        self._reasoning = [part.text for part in parts if isinstance(part, ReasoningPart)]
        self._text = [part.text for part in parts if isinstance(part, TextPart)]
        self._seconds = sum(part.seconds for part in parts if isinstance(part, ReasoningPart))
        self._thinking_since: float | None = None
        self._is_changed = False

    def add_reasoning(self, text: str) -> None:
        """More of what the model thinks."""
        with self._lock:
            if self._thinking_since is None:
                self._thinking_since = time.monotonic()
            self._reasoning.append(text)
            self._is_changed = True

    def add_text(self, text: str) -> None:
        """More of the answer; the thinking has ended."""
        with self._lock:
            self._stop_thinking()
            self._text.append(text)
            self._is_changed = True

    def snapshot(self) -> tuple[str, str]:
        """(reasoning, text) so far."""
        with self._lock:
            return self._joined(self._reasoning), self._joined(self._text)

    def parts(self) -> tuple[Part, ...]:
        """What the store is to hold of it."""
        with self._lock:
            seconds = self._seconds
            if self._thinking_since is not None:
                seconds += time.monotonic() - self._thinking_since
            reasoning, text = self._joined(self._reasoning), self._joined(self._text)
        found: list[Part] = [ReasoningPart(reasoning, round(seconds, 2))] if reasoning else []
        if text:
            found.append(TextPart(text))
        return (*found, *self._others)

    def end(self) -> None:
        """Nothing more comes."""
        with self._lock:
            self._stop_thinking()

    def take_change(self) -> bool:
        """Whether words came since the last call."""
        with self._lock:
            changed, self._is_changed = self._is_changed, False
            return changed

    def put_change_back(self) -> None:
        """The words could not be journalled: they are still to be."""
        with self._lock:
            self._is_changed = True

    def _stop_thinking(self) -> None:
        if self._thinking_since is not None:
            self._seconds += time.monotonic() - self._thinking_since
            self._thinking_since = None

    @staticmethod
    def _joined(pieces: list[str]) -> str:
        if len(pieces) > 1:
            pieces[:] = ["".join(pieces)]
        return pieces[0] if pieces else ""


class JournalWriter:
    """One background thread that journals every watched reply; it lives while there are any."""

    def __init__(self, messages: Messages, on_trouble: Callable[[UserFacingError], None]) -> None:
        self._messages = messages
        self._on_trouble = on_trouble
        self._condition = threading.Condition()
        self._watched: dict[str, LiveReply] = {}
        self._thread: threading.Thread | None = None
        self._is_in_trouble = False

    def watch(self, reply: LiveReply) -> None:
        """Journal a reply from now on."""
        with self._condition:
            self._watched[reply.message_id] = reply
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()

    def release(self, reply: LiveReply) -> None:
        """Journal it no more; returns when no flush of it is under way."""
        with self._condition:
            self._watched.pop(reply.message_id, None)
            self._condition.notify_all()

    def close(self) -> None:
        """Wait for the thread."""
        with self._condition:
            self._watched.clear()
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait(_RETRY_INTERVAL if self._is_in_trouble else JOURNAL_INTERVAL)
                if not self._watched:
                    self._thread = None
                    return
                for reply in self._watched.values():
                    self._flush(reply)

    def _flush(self, reply: LiveReply) -> None:
        if not reply.take_change():
            return
        try:
            self._messages.journal(reply.message_id, reply.parts())
        except UserFacingError as error:
            reply.put_change_back()
            if not self._is_in_trouble:
                _log.warning("the journal cannot be written: %s", error)
                self._is_in_trouble = True
                self._on_trouble(error)
        else:
            self._is_in_trouble = False
