"""The models that other programs use: several at once beside the window's own, loaded when they are asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.services.engines import Engine, Engines, Link, MakeLink
from app.services.events import Event, EventBus, ModelFailed, ModelUnloaded
from app.settings import Settings
from backends.events import LoadedModel
from backends.options import LoadOptions
from models.errors import EngineUnavailable, UserFacingError

_LONGEST_LEAVE = 30.0
"""Seconds after which memory that a model should have given back no longer counts as coming."""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How models are loaded for other programs.

    ``most`` models lie in memory at once, beside the window's own; one that nobody used for ``idle_seconds`` is unloaded (0: never).
    ``context_length`` and ``parallel`` are as in :class:`backends.options.LoadOptions`; 0 leaves what was chosen for the model.
    """

    most: int = 3
    idle_seconds: float = 0.0
    context_length: int = 0
    parallel: int = 0


@dataclass(frozen=True, slots=True)
class PooledModel:
    """One model in memory: how many answers it is giving, and when it was used last (seconds since the epoch).

    ``unload_at`` is when it will go if nobody uses it, None for never; ``is_window`` where it is the window's.
    """

    reference: str
    state: str
    facts: LoadedModel | None
    answers: int
    used_at: float
    unload_at: float | None
    is_window: bool


class _Place:
    """One model of the pool, with everything that loads it and starts it again."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.users = 0
        self.used_at = time.time()
        self.idle_seconds: float | None = None

    def held_bytes(self, size: int) -> int:
        """Memory that comes back when it goes: what its engine reports, else ``size``; nothing where it holds none."""
        facts, state = self.engines.current(), self.engines.state()
        return (facts.memory_bytes if facts else 0) or (size if state in ("ready", "loading") else 0)


@dataclass(eq=False)
class Lease:
    """A ready engine, not unloaded before it is given back."""

    engine: Engine
    give_back: Callable[[], None]

    @property
    def facts(self) -> LoadedModel:
        """What is known of the model."""
        assert self.engine.facts is not None
        return self.engine.facts

    @property
    def link(self) -> Link:
        """The process that holds it."""
        assert self.engine.link is not None
        return self.engine.link


class EnginePool:
    """Thread-safe. The window's model is used where it is the one that is wanted; all others are the pool's own."""

    def __init__(
        self,
        window: Engines,
        settings: Settings,
        make_link: MakeLink,
        size_of: Callable[[str], int] = lambda reference: 0,
        free_memory: Callable[[], int] = lambda: 2**62,
        is_distant: Callable[[str], bool] = lambda reference: False,
    ) -> None:
        """``size_of`` gives a model's size in bytes, ``free_memory`` the bytes that are free now.

        A model that ``is_distant`` takes no memory here: it pushes none out and none pushes it out.
        """
        self._window = window
        self._settings = settings
        self._make_link = make_link
        self._size_of = size_of
        self._free_memory = free_memory
        self._is_distant = is_distant
        self._lock = threading.RLock()
        self._places: dict[str, _Place] = {}
        self._leaving: dict[_Place, tuple[float, int]] = {}
        self._is_closed = False
        self.options = PoolOptions()

    def acquire_now(self, reference: str) -> Lease | None:
        """The model if it is ready, without waiting."""
        if (own := self._window.acquire_now(reference)) is not None:
            return self._lend_from_window(own)
        with self._lock:
            place = self._places.get(reference)
            if place is None:
                return None
            place.users += 1
        engine = place.engines.acquire_now(reference)
        if engine is None:
            self._leave(place)
            return None
        return self._lend(place, engine)

    def acquire(self, reference: str, is_cancelled: Callable[[], bool] = lambda: False) -> Lease:
        """The model, loaded where it is not in memory; what was used least recently makes room.

        Raises:
            UserFacingError: it could not be loaded.
        """
        if (lease := self.acquire_now(reference)) is not None:
            return lease
        if self._window.current_model == reference:
            return self._lend_from_window(self._window.acquire(reference, is_cancelled))
        place = self._enter(reference)
        try:
            return self._lend(place, place.engines.acquire(reference, is_cancelled))
        except BaseException:  # raised again below
            self._leave(place)
            with self._lock:
                if not place.users and place.engines.state() != "ready" and self._places.get(reference) is place:
                    del self._places[reference]
                    place.engines.unload()  # a load that nobody waits for any more must not go on unseen
            raise

    def progress_of(self, reference: str) -> float:
        """How far a model is loaded, from 0 to 1; 0 where nobody has asked for it."""
        if self._window.current_model == reference:
            return self._window.progress
        with self._lock:
            place = self._places.get(reference)
        return 0.0 if place is None else place.engines.progress

    def set_idle_seconds(self, reference: str, seconds: float | None) -> None:
        """How long this model stays unused (0 unloads it at once, negative never, None as all the others)."""
        with self._lock:
            if (place := self._places.get(reference)) is not None:
                place.idle_seconds = seconds

    def unload(self, reference: str) -> bool:
        """Free a model of the pool after its answers; false where it is not there. The window's model is the window's."""
        with self._lock:
            place = self._places.pop(reference, None)
            if place is None:
                return False
            if (size := self._bytes_of(reference, place)) and place.engines.state() == "ready":
                self._leaving[place] = (time.monotonic(), size)
        place.engines.unload()
        return True

    def unload_all(self) -> None:
        """Free every model of the pool."""
        with self._lock:
            references = list(self._places)
        for reference in references:
            self.unload(reference)

    def unload_idle(self) -> None:
        """Free what nobody used for long enough, and what the window has loaded for itself. To be called now and then."""
        now = time.time()
        with self._lock:
            over = [
                reference
                for reference, place in self._places.items()
                if not place.users and (self._is_over(place, now) or reference == self._window.current_model)
            ]
        for reference in over:
            self.unload(reference)

    def list_loaded(self) -> list[PooledModel]:
        """Every model in memory or on its way there, the window's first."""
        found = []
        if reference := self._window.current_model:
            facts, state = self._window.current(), self._window.state()
            found.append(PooledModel(reference, state, facts, self._window.leases, time.time(), None, True))
        with self._lock:
            places = list(self._places.items())
        for reference, place in places:
            seconds = self._idle_seconds(place)
            unload_at = place.used_at + seconds if seconds > 0 else None
            engines = place.engines
            found.append(PooledModel(reference, engines.state(), engines.current(), place.users, place.used_at, unload_at, False))
        return found

    def close(self) -> None:
        """Unload everything of the pool without waiting for answers."""
        with self._lock:
            self._is_closed = True
            places, self._places = self._places, {}
        for place in places.values():
            place.engines.close()

    def _enter(self, reference: str) -> _Place:
        with self._lock:
            if self._is_closed:
                raise EngineUnavailable(engine="", reason="The server is being stopped.")
            place = self._places.get(reference)
            if place is None:
                if not self._is_distant(reference):
                    self._make_room(self._size_of(reference))
                bus = EventBus()
                engines = Engines(bus, self._settings, self._start, lambda: reference, remembers=False)
                place = self._places[reference] = _Place(engines)
                bus.subscribe(lambda event, gone=place: self._note_gone(gone, event))  # type: ignore[misc]
            place.users += 1
            return place

    def _lend_from_window(self, engine: Engine) -> Lease:
        return Lease(engine, lambda: self._window.release(engine))

    def _lend(self, place: _Place, engine: Engine) -> Lease:
        def give_back() -> None:
            place.engines.release(engine)
            self._leave(place)

        return Lease(engine, give_back)

    def _leave(self, place: _Place) -> None:
        with self._lock:
            place.users -= 1
            place.used_at = time.time()

    def _start(self, reference: str, options: LoadOptions, on_exit: Callable[[UserFacingError | None], None]) -> Link:
        wanted = self.options
        options = replace(
            options,
            context_length=wanted.context_length or options.context_length,
            parallel=wanted.parallel or options.parallel,
        )
        return self._make_link(reference, options, on_exit)

    def _make_room(self, size: int) -> None:
        """Let idle models go until number and memory allow one more: those used least recently, but last who shall stay for ever.

        Unloading and loading take their time: what a model holds counts as free from when it is told to go, and what one that is being
        loaded has yet to take does not.
        """
        here = {reference: place for reference, place in self._places.items() if not self._is_distant(reference)}
        idle = sorted(
            ((place.idle_seconds or 0) < 0, place.used_at, reference) for reference, place in here.items() if not place.users
        )
        held, free = len(here), self._free_memory() + self._leaving_bytes() - self._coming_bytes()
        for _, _, reference in idle:
            if held < self.options.most and free > size:
                return
            free += self._bytes_of(reference, here[reference])
            held -= 1
            self.unload(reference)

    def _bytes_of(self, reference: str, place: _Place) -> int:
        return 0 if self._is_distant(reference) else place.held_bytes(self._size_of(reference))

    def _leaving_bytes(self) -> int:
        """What models hold that are on their way out."""
        since = time.monotonic() - _LONGEST_LEAVE
        self._leaving = {place: (told, size) for place, (told, size) in self._leaving.items() if told > since}
        return sum(size for _, size in self._leaving.values())

    def _coming_bytes(self) -> int:
        """What the models that are being loaded, the window's too, have yet to take, by how far each of them is."""
        loading = [(reference, place.engines) for reference, place in self._places.items() if place.users]
        loading.append((self._window.current_model, self._window))
        return sum(
            int(self._size_of(reference) * (1 - engines.progress))
            for reference, engines in loading
            if reference and engines.state() in ("loading", "empty") and not self._is_distant(reference)
        )

    def _note_gone(self, place: _Place, event: Event) -> None:
        if isinstance(event, ModelUnloaded | ModelFailed):
            with self._lock:
                self._leaving.pop(place, None)

    def _idle_seconds(self, place: _Place) -> float:
        return self.options.idle_seconds if place.idle_seconds is None else place.idle_seconds

    def _is_over(self, place: _Place, now: float) -> bool:
        seconds = self._idle_seconds(place)
        if place.idle_seconds == 0:
            return True
        return seconds > 0 and now - place.used_at > seconds
