"""Where a worker answers questions for vectors and scores: one after another, in a thread of their own, beside generation."""

from __future__ import annotations

import queue
import threading
import traceback

from backends.backend import Backend
from backends.embeddings import EmbeddingBackend, EmbeddingRequest
from backends.outbox import Outbox
from backends.worker_protocol import Embed, Embedded
from models.errors import EngineError, EngineUnavailable, UserFacingError, WorkCancelled


class EmbeddingDesk:
    """Takes questions from the thread that reads commands; answers from its own, once the model is there."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._questions: queue.SimpleQueue[Embed] = queue.SimpleQueue()
        self._flags: dict[int, threading.Event] = {}
        self._is_closing = threading.Event()

    def open(self, backend: Backend) -> None:
        """Begin to answer."""
        threading.Thread(target=self._answer_all, args=(backend,), name="embedder", daemon=True).start()

    def put(self, question: Embed) -> None:
        """Queue a question."""
        self._flags[question.id] = threading.Event()
        self._questions.put(question)

    def cancel(self, question_id: int) -> None:
        """Give a question up, wherever it stands; nothing happens where there is no such question."""
        if (flag := self._flags.get(question_id)) is not None:
            flag.set()

    def cancel_all(self) -> None:
        """Give everything up, for the model is about to go."""
        self._is_closing.set()

    def _answer_all(self, backend: Backend) -> None:
        while True:
            question = self._questions.get()
            flag = self._flags[question.id]
            self._outbox.put_report(self._answer(backend, question, flag))
            self._flags.pop(question.id, None)

    def _answer(self, backend: Backend, question: Embed, flag: threading.Event) -> Embedded:
        def is_cancelled() -> bool:
            return flag.is_set() or self._is_closing.is_set()

        try:
            if is_cancelled():
                raise WorkCancelled()
            if not isinstance(backend, EmbeddingBackend):
                raise EngineUnavailable(engine=backend.name, reason="This engine makes no embeddings.")
            if isinstance(question.request, EmbeddingRequest):
                return Embedded(question.id, backend.embed(question.request, is_cancelled))
            return Embedded(question.id, backend.rerank(question.request, is_cancelled))
        except UserFacingError as error:
            return Embedded(question.id, None, error)
        except Exception as error:  # noqa: BLE001 - as in the worker loop: a bug fails the question, and the model stays
            return Embedded(question.id, None, EngineError(details="".join(traceback.format_exception(error))))
