"""Which model is in memory: loads, replaces and unloads it, and starts it again after a crash."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.services.events import EventBus, ModelFailed, ModelLoaded, ModelLoading, ModelUnloaded
from app.services.model_defaults import ModelDefaults
from app.settings import Settings
from backends.backend import GenerationRequest
from backends.embeddings import EmbeddingRequest, EmbeddingResult, RerankRequest, RerankResult
from backends.events import GenerationEvent, LoadedModel
from backends.options import LoadOptions
from backends.questions import Question
from models.errors import EngineCrashed, EngineUnavailable, LoadCancelled, ModelNotFound, UserFacingError

EngineState = Literal["empty", "loading", "ready", "failed"]
_log = logging.getLogger(__name__)


class Stream(Protocol):
    """Events of one reply; see ``backends.worker_link.GenerationStream``."""

    def __iter__(self) -> Iterator[GenerationEvent]: ...
    def cancel(self) -> None: ...


class Link(Protocol):
    """A model in its own process; see ``backends.worker_link.WorkerLink``."""

    def load(self, on_progress: Callable[[float], None] | None = None) -> LoadedModel: ...
    def cancel_load(self) -> None: ...
    def generate(
        self, request: GenerationRequest, listener: Callable[[Sequence[GenerationEvent]], None] | None = None
    ) -> Stream: ...
    def count_tokens(self, request: GenerationRequest, timeout: float = 10.0) -> int: ...
    def ask(self, question: Question, timeout: float = 10.0) -> Any: ...
    def embed(self, request: EmbeddingRequest, timeout: float = 600.0) -> EmbeddingResult: ...
    def rerank(self, request: RerankRequest, timeout: float = 600.0) -> RerankResult: ...
    def close(self, timeout: float = 2.0) -> None: ...


OnExit = Callable[[UserFacingError | None], None]
MakeLink = Callable[[str, LoadOptions, OnExit], Link]
"""Starts a process for a model's reference; raises a user error where there is no such model."""


@dataclass(eq=False)
class Engine:
    """One model that is, was or will be in memory."""

    reference: str
    options: LoadOptions
    state: EngineState = "loading"
    link: Link | None = None
    facts: LoadedModel | None = None
    error: UserFacingError | None = None
    leases: int = 0
    progress: float = 0.0
    is_cancelled: bool = False
    settled: threading.Event = field(default_factory=threading.Event)


class Engines:
    """Thread-safe. One model at a time; a model that is answering is replaced only after its answer."""

    def __init__(
        self,
        bus: EventBus,
        settings: Settings,
        make_link: MakeLink,
        default_model: Callable[[], str],
        canonical: Callable[[str], str] = lambda reference: reference,
        *,
        remembers: bool = True,
    ) -> None:
        """``default_model`` gives the reference to use where nobody chose one, ``canonical`` a model's one name of several.

        Without ``remembers`` the model loaded last is not what a window opens next time.
        """
        self._remembers = remembers
        self._bus = bus
        self._settings = settings
        self._defaults = ModelDefaults(settings)
        self._make_link = make_link
        self._default_model = default_model
        self._canonical = canonical
        self._condition = threading.Condition()
        self._engine: Engine | None = None
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def load(self, model_reference: str, options: LoadOptions | None = None) -> None:
        """Begin to put a model in memory, in the place of the one that is there. Events tell how it goes.

        Options given here are remembered for this model. Nothing happens where the same model is there with the same options.
        """
        try:
            reference = self._find_reference(model_reference)
        except UserFacingError as error:
            self._bus.publish(ModelFailed(model_reference, error))
            return
        wanted = options or self.options_for(reference)
        with self._condition:
            if self._is_closed:
                return
            before = self._engine
            is_there = before is not None and before.state in ("loading", "ready") and not before.is_cancelled
            if before and is_there and (before.reference, before.options) == (reference, wanted):
                return
            if before and before.state == "loading":
                self._cancel(before)
            engine = Engine(reference, wanted)
            self._engine = engine
            self._start_thread(self._load, engine, before)
        if options is not None and self._remembers:
            self._defaults.set_load_options(reference, options)

    def cancel_load(self) -> None:
        """Stop loading; ModelFailed with LoadCancelled follows."""
        with self._condition:
            if self._engine and self._engine.state == "loading":
                self._cancel(self._engine)

    def unload(self) -> None:
        """Free the memory, after the answer that is being written."""
        with self._condition:
            engine, self._engine = self._engine, None
            if engine is None:
                return
            if engine.state == "loading":
                self._cancel(engine)
            self._start_thread(self._dispose, engine)
            self._condition.notify_all()

    def current(self) -> LoadedModel | None:
        """What is known of the model that is ready."""
        with self._condition:
            return self._engine.facts if self._engine and self._engine.state == "ready" else None

    @property
    def current_model(self) -> str:
        """The reference of the model that is ready or being loaded; empty where there is none."""
        with self._condition:
            return self._engine.reference if self._engine and self._engine.state in ("ready", "loading") else ""

    def state(self) -> EngineState:
        """How it stands with the model in memory."""
        with self._condition:
            return self._engine.state if self._engine else "empty"

    def error(self) -> UserFacingError | None:
        """Why the state is ``failed``."""
        with self._condition:
            return self._engine.error if self._engine else None

    def default_model(self) -> str:
        """The reference to use where nobody chose one."""
        return self._default_model()

    def options_for(self, model_reference: str) -> LoadOptions:
        """The load options last chosen for a model."""
        return self._defaults.load_options(model_reference)

    def ensure(self, model_reference: str = "", is_cancelled: Callable[[], bool] = lambda: False) -> Link:
        """Wait until a model is ready, loading it where it is not; a crashed one is started again.

        Raises:
            UserFacingError: it could not be loaded; LoadCancelled where that was wished.
        """
        link = self._wait_until_ready(model_reference, is_cancelled).link
        assert link is not None
        return link

    @contextlib.contextmanager
    def lease(self, model_reference: str = "", is_cancelled: Callable[[], bool] = lambda: False) -> Iterator[Engine]:
        """A ready engine that is not replaced or unloaded before the block ends. Raises as :meth:`ensure` does."""
        engine = self.acquire(model_reference, is_cancelled)
        try:
            yield engine
        finally:
            self.release(engine)

    def acquire(self, model_reference: str = "", is_cancelled: Callable[[], bool] = lambda: False) -> Engine:
        """As :meth:`lease`, for those who give it back themselves with :meth:`release`."""
        while True:
            engine = self._wait_until_ready(model_reference, is_cancelled)
            if self._hold(engine):
                return engine

    def acquire_now(self, reference: str) -> Engine | None:
        """The engine of this very reference if it is ready; without waiting, and without loading anything."""
        with self._condition:
            engine = self._engine
        return engine if engine is not None and engine.reference == reference and self._hold(engine) else None

    def release(self, engine: Engine) -> None:
        """Give back what was acquired."""
        with self._condition:
            engine.leases -= 1
            self._condition.notify_all()

    @property
    def progress(self) -> float:
        """How far the model is loaded, from 0 to 1; 0 where none is."""
        with self._condition:
            engine = self._engine
            return 0.0 if engine is None else 1.0 if engine.state == "ready" else engine.progress

    @property
    def leases(self) -> int:
        """How many answers the model in memory is giving."""
        with self._condition:
            return self._engine.leases if self._engine else 0

    def _hold(self, engine: Engine) -> bool:
        with self._condition:
            if self._engine is not engine or engine.state != "ready":
                return False
            engine.leases += 1
            return True

    def generate(self, request: GenerationRequest) -> Stream:
        """Answer with the model in memory, loading the default where there is none."""
        return self.ensure(self.current_model).generate(request)

    def count_tokens(self, request: GenerationRequest) -> int:
        """Prompt tokens of a request for the model in memory; nothing is loaded for that.

        Raises:
            UserFacingError: no model is in memory, or it could not count.
        """
        with self._condition:
            link = self._engine.link if self._engine and self._engine.state == "ready" else None
        if link is None:
            raise EngineUnavailable(engine="", reason="No model is in memory.")
        return link.count_tokens(request, timeout=10.0)

    def close(self) -> None:
        """Unload without waiting for answers, and wait for every thread."""
        with self._condition:
            self._is_closed = True
            engine, self._engine = self._engine, None
            if engine and engine.state == "loading":
                self._cancel(engine)
            self._condition.notify_all()
            threads = list(self._threads)
        if engine and engine.link:
            engine.link.close()
        for thread in threads:
            thread.join()

    def _find_reference(self, model_reference: str) -> str:
        """Raises ModelNotFound where none was chosen and there is no default."""
        if not model_reference:
            return self._default_model()
        return model_reference if model_reference == self.current_model else self._canonical(model_reference)

    def _wait_until_ready(self, model_reference: str, is_cancelled: Callable[[], bool]) -> Engine:
        reference = self._find_reference(model_reference)
        self.load(reference)
        while True:
            with self._condition:
                engine = self._engine
                if self._is_closed or engine is None or engine.is_cancelled or is_cancelled():
                    raise LoadCancelled()
                if engine.reference == reference and engine.state == "ready":
                    return engine
                if engine.reference == reference and engine.state == "failed":
                    raise engine.error or EngineCrashed(reason="It ended without a word.")
                if engine.state == "loading":
                    self._condition.wait(0.05)
                    continue
            self.load(reference)

    def _load(self, engine: Engine, before: Engine | None) -> None:
        """The body of a loading thread."""
        try:
            if before is not None:
                self._dispose(before)
            self._bus.publish(ModelLoading(engine.reference, 0.0))
            facts = self._start(engine)
            self._succeed(engine, facts)
        except UserFacingError as error:
            self._fail(engine, error)
        except Exception as error:  # noqa: BLE001 - a bug must not leave the model loading for ever
            _log.exception("loading failed unexpectedly")
            self._fail(engine, EngineCrashed(reason="An unexpected error; the log has it.", details=repr(error)))
        finally:
            engine.settled.set()

    def _start(self, engine: Engine) -> LoadedModel:
        link = self._make_link(engine.reference, engine.options, lambda error: self._on_exit(engine, error))
        with self._condition:
            engine.link = link
            if engine.is_cancelled or self._is_closed:
                raise LoadCancelled()

        def report(fraction: float) -> None:
            engine.progress = fraction
            self._bus.publish(ModelLoading(engine.reference, fraction))

        return link.load(report)

    def _succeed(self, engine: Engine, facts: LoadedModel) -> None:
        if self._remembers:
            with contextlib.suppress(UserFacingError):  # a full disk is no reason to do without the model
                self._settings.set("model.last", engine.reference)
        with self._condition:
            engine.facts = facts
            if engine.is_cancelled or self._is_closed:
                is_wanted = False
            else:
                is_wanted, engine.state = True, "ready"
            self._condition.notify_all()
        if not is_wanted:
            self._fail(engine, LoadCancelled())
            return
        self._bus.publish(ModelLoaded(engine.reference, facts))

    def _fail(self, engine: Engine, error: UserFacingError) -> None:
        if engine.link is not None:
            engine.link.close()
        with self._condition:
            engine.state, engine.error = "failed", error
            if self._engine is engine and isinstance(error, LoadCancelled):
                self._engine = None
            self._condition.notify_all()
        self._bus.publish(ModelFailed(engine.reference, error))

    def _on_exit(self, engine: Engine, error: UserFacingError | None) -> None:
        """The process ended; called by the link's thread, also after a close that was wished."""
        with self._condition:
            if self._engine is not engine or engine.state != "ready":
                return
            engine.state = "failed"
            engine.error = error or EngineCrashed(reason="Its process ended.")
            self._condition.notify_all()
        self._bus.publish(ModelFailed(engine.reference, engine.error))

    def _dispose(self, engine: Engine) -> None:
        """Wait for its load and its answers to end, then free it."""
        engine.settled.wait()
        with self._condition:
            while engine.leases and not self._is_closed:
                self._condition.wait(0.5)
            was_ready, engine.state = engine.state == "ready", "empty"
        if engine.link is not None:
            engine.link.close()
        if was_ready:
            self._bus.publish(ModelUnloaded(engine.reference))

    def _cancel(self, engine: Engine) -> None:
        engine.is_cancelled = True
        if engine.link is not None:
            engine.link.cancel_load()

    def _start_thread(self, target: Callable[..., None], *arguments: Any) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, args=arguments, name="engine", daemon=True)
        self._threads.append(thread)
        thread.start()


def choose_default_model(settings: Settings, find_starter: Callable[[], str], is_there: Callable[[str], bool]) -> str:
    """The model set as default, else the one used last, else the starter; those that are gone are passed over."""
    for reference in (settings.get("model.default"), settings.get("model.last")):
        if reference and is_there(reference):
            return str(reference)
    starter = find_starter()
    if not starter:
        raise ModelNotFound(model="starter")
    return starter
