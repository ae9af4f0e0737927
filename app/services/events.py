"""Facts that flow up: typed events, and the small bus that carries them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.store.records import MessageState
from backends.events import LoadedModel
from models.errors import UserFacingError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConversationsChanged:
    """The list changed: one was made, renamed, pinned, moved, deleted or restored."""


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """The messages of one conversation changed otherwise than by growth: read its path again."""

    conversation_id: str


@dataclass(frozen=True, slots=True)
class ServerChanged:
    """The server started, stopped or failed: ask for its state."""


@dataclass(frozen=True, slots=True)
class RequestChanged:
    """A call of another program began, moved on or ended."""

    record_id: int


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """An empty reply was stored and will grow."""

    conversation_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class ReplyProgress:
    """The prompt is being read: ``done`` of ``total`` tokens."""

    conversation_id: str
    message_id: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ReplyGrew:
    """More text. Exactly one of ``text`` and ``reasoning`` is not empty."""

    conversation_id: str
    message_id: str
    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The reply reached its final state, which is in the store. ``error`` where it failed."""

    conversation_id: str
    message_id: str
    state: MessageState
    error: UserFacingError | None = None


@dataclass(frozen=True, slots=True)
class ContextMeasured:
    """How full the context is, in tokens, with the draft that was asked about."""

    conversation_id: str
    used: int
    available: int


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """A model is being loaded; ``fraction`` from 0 to 1."""

    model: str
    fraction: float


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """A model is ready."""

    model: str
    facts: LoadedModel


@dataclass(frozen=True, slots=True)
class ModelUnloaded:
    """A model was taken out of memory on purpose."""

    model: str


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A model could not be loaded, or its process died."""

    model: str
    error: UserFacingError


@dataclass(frozen=True, slots=True)
class LibraryChanged:
    """Models were added, removed or found."""


@dataclass(frozen=True, slots=True)
class QuantizingChanged:
    """A job of quantizing was queued, went on, or ended: read it again."""

    job_id: str


@dataclass(frozen=True, slots=True)
class SizesPredicted:
    """How large each type of a model would be: ``(type, bytes)``; ``is_exact`` where the quantizer itself was asked."""

    source: str
    sizes: tuple[tuple[str, int], ...]
    is_exact: bool
    is_quantized: bool


@dataclass(frozen=True, slots=True)
class DownloadsChanged:
    """The queue of downloads changed: one was added, moved, paused, ended or removed."""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """A download goes on; bytes, bytes a second, and seconds left, None where unknown."""

    download_id: str
    done: int
    total: int
    speed: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class DownloadEnded:
    """A download is whole and verified, or failed with ``error``."""

    download_id: str
    title: str
    path: str
    error: UserFacingError | None = None


@dataclass(frozen=True, slots=True)
class KnowledgeChanged:
    """A collection of documents changed, or its index did: read it again."""


@dataclass(frozen=True, slots=True)
class KnowledgeProgress:
    """A file or folder is being indexed: ``done`` of ``total`` documents, ``name`` is read now."""

    root: str
    done: int
    total: int
    name: str


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """A setting has a new value."""

    key: str


@dataclass(frozen=True, slots=True)
class DataRestored:
    """A snapshot took the place of all conversations and settings."""


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """Something could not be saved; it is kept in memory and tried again."""

    error: UserFacingError


Event = (
    ConversationsChanged
    | ConversationChanged
    | ReplyStarted
    | ReplyProgress
    | ReplyGrew
    | ReplyEnded
    | ContextMeasured
    | ModelLoading
    | ModelLoaded
    | ModelUnloaded
    | ModelFailed
    | LibraryChanged
    | QuantizingChanged
    | SizesPredicted
    | DownloadsChanged
    | DownloadProgress
    | DownloadEnded
    | KnowledgeChanged
    | KnowledgeProgress
    | SettingChanged
    | DataRestored
    | StoreTrouble
    | ServerChanged
    | RequestChanged
)
Subscriber = Callable[[Event], None]


class EventBus:
    """Hands each event to every subscriber, in the publishing thread; a subscriber must only pass it on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the answer removes it."""
        with self._lock:
            self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            with self._lock:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Tell everyone. One subscriber's bug is logged and does not keep the others from hearing."""
        with self._lock:
            subscribers = tuple(self._subscribers)
        for subscriber in subscribers:
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - one face's bug must not stop a generation that another face reads
                _log.exception("an event subscriber failed on %r", type(event).__name__)
