"""How full the context is: measured by the engine itself, in the background, for the newest question only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from app.services.engines import Engines
from app.services.events import ContextMeasured, Event, EventBus, ModelLoaded
from backends.backend import GenerationRequest
from backends.messages import Part
from models.errors import UserFacingError

DEBOUNCE_SECONDS = 0.15
"""How long to wait for a newer question before the engine is asked."""

_log = logging.getLogger(__name__)
MakeRequest = Callable[[str, tuple[Part, ...]], tuple[str, GenerationRequest]]


class ContextMeter:
    """Thread-safe. Answers nothing while no model, or another one, is in memory; asks again when a model is ready."""

    def __init__(self, bus: EventBus, engines: Engines, make_request: MakeRequest) -> None:
        self._bus = bus
        self._engines = engines
        self._make_request = make_request
        self._condition = threading.Condition()
        self._question: tuple[str, tuple[Part, ...]] | None = None
        self._last: tuple[str, tuple[Part, ...]] | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._unsubscribe = bus.subscribe(self._on_event)

    def measure(self, conversation_id: str, draft: tuple[Part, ...]) -> None:
        """Ask; the answer comes as ContextMeasured."""
        with self._condition:
            if self._is_closed:
                return
            self._question = self._last = (conversation_id, draft)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="context meter", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def close(self) -> None:
        """Wait for the thread."""
        self._unsubscribe()
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ModelLoaded) and self._last is not None:
            self.measure(*self._last)

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._question is None and not self._is_closed:
                    self._condition.wait()
                question = self._question
                while not self._is_closed and self._condition.wait(DEBOUNCE_SECONDS):
                    question = self._question
                if self._is_closed or question is None:
                    return
                self._question = None
            self._answer(*question)

    def _answer(self, conversation_id: str, draft: tuple[Part, ...]) -> None:
        try:
            reference, request = self._make_request(conversation_id, draft)
            facts = self._engines.current()
            is_other = bool(reference) and reference != self._engines.current_model
            if facts is None or is_other:
                return
            used = self._engines.count_tokens(request) if request.messages else 0
        except UserFacingError as error:
            _log.info("the context was not measured: %s", error)
            return
        self._bus.publish(ContextMeasured(conversation_id, used, facts.context_length))
