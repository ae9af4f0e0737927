"""The composition root: builds every service once; the only object a face is given."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.paths import Paths
from app.services.chat import Chat
from app.services.citing import Citing
from app.services.documents import Documents
from app.services.downloads import Downloads
from app.services.engine_pool import EnginePool
from app.services.engines import Engines, Link, MakeLink, OnExit, choose_default_model
from app.services.events import (
    ConversationChanged,
    ConversationsChanged,
    DataRestored,
    Event,
    EventBus,
    LibraryChanged,
    ModelLoaded,
    SettingChanged,
    StoreTrouble,
)
from app.services.first_run import ensure_first_conversation
from app.services.hubs import Hubs
from app.services.jobs import Jobs
from app.services.kept_context import KeptContext
from app.services.knowledge_models import make_knowledge
from app.services.media import Media
from app.services.model_defaults import ModelDefaults
from app.services.model_details import Details
from app.services.model_hashes import ModelHashes
from app.services.planner import Planner
from app.services.portability import Portability
from app.services.remotes import Remotes
from app.services.server import ServerSwitch
from app.services.snapshots import SnapshotService
from app.services.tokens import Tokens
from app.services.torch_pack import follow_torch_setting
from app.services.updates import Updates
from app.settings import Settings
from app.store.attachments import Attachments
from app.store.conversations import Conversations
from app.store.database import CHECKED_AT_START_BYTES, check_quickly, open_database
from app.store.folder_lock import FolderLock
from app.store.messages import Messages
from app.store.presets import Presets
from app.store.records import Conversation, Snapshot
from app.store.responses import Responses
from app.store.search import Search
from app.store.snapshots import Snapshots
from app.store.values import Values
from backends.free_memory import free_memory
from backends.media_desk import MediaDesk
from backends.options import OWN_LAYERS, LoadOptions
from models.card import ModelCard
from models.errors import UserFacingError
from models.library import Library
from models.other_stores import find_stores

if TYPE_CHECKING:
    from app.services.hardware import Hardware
    from app.services.quantizing import Quantizing

_ECHO, _REMOTE = "echo:", "remote:"
_HOUR_SECONDS = 60 * 60
_DAY_SECONDS = 24 * _HOUR_SECONDS


class Workstation:
    """Everything a face may use. Every part is thread-safe; nothing here knows Qt."""

    def __init__(self, paths: Paths, lock: FolderLock | None, make_link: MakeLink | None = None) -> None:
        """Use :func:`make_workstation`."""
        self.paths = paths
        self.is_exclusive = lock is not None
        self._lock = lock
        self._closing_actions: list[Callable[[], None]] = []
        self.events = EventBus()
        self.jobs = Jobs()
        snapshots = Snapshots(paths.database, paths.snapshots)
        self._connections = open_database(paths.database, snapshots, may_write=self.is_exclusive)
        publish = self.events.publish
        self.settings = Settings(Values(self._connections), lambda key: publish(SettingChanged(key)))
        follow_torch_setting(paths, self.settings, self.events)
        self.defaults = ModelDefaults(self.settings)
        self.conversations = Conversations(self._connections, lambda: publish(ConversationsChanged()), self._forget)
        self._kept_context = KeptContext(paths.engine_cache, self.conversations.list_ids)
        self._media_desk = MediaDesk()
        self.attachments = Attachments(self._connections, paths.attachments, self._media_desk)
        self.media = Media(self._media_desk, paths.thumbnails)
        self.messages = Messages(self._connections, self.attachments, lambda changed: publish(ConversationChanged(changed)))
        self.search = Search(self._connections)
        self.presets = Presets(self._connections)
        self.responses = Responses(self._connections, may_write=self.is_exclusive)
        self.tokens = Tokens(paths.data)
        self.remotes = Remotes(self.settings, self.tokens, lambda: publish(LibraryChanged()))
        self.library = self._make_library()
        make = make_link or self._make_link
        self.engines = Engines(self.events, self.settings, make, self._default_model, self._canonical_reference)
        pool = EnginePool(self.engines, self.settings, make, self._size_of, free_memory, self.remotes.offers)
        self.server = ServerSwitch(self.events, self.settings, pool)
        self.knowledge = make_knowledge(self.events, self.settings, paths, pool, lambda: self.library.list_models())
        self.documents = Documents(self.attachments, self.engines.count_tokens)
        hashes = ModelHashes(lambda: self.library, self.messages, self.jobs)
        self.chat = Chat(
            self.events,
            self.conversations,
            self.messages,
            self.attachments,
            self.presets,
            self.engines,
            find_hash=hashes.find,
            defaults=self.defaults,
            find_policy=lambda: str(self.settings.get("chat.context_policy")),
            find_passages=Citing(self.knowledge, self.settings).find_passages,
            on_reply=hashes.fill_in,
        )
        self.portability = Portability(self._connections, self.conversations, self.messages, self.attachments)
        self.snapshots = SnapshotService(self._connections, snapshots, self.chat.stop_all, self._after_restore)
        self._quantizing: Quantizing | None = None
        self._hardware: Hardware | None = None
        self.hubs = Hubs(self.settings, self.tokens)
        self.downloads = Downloads(
            self.events, self.settings, self.hubs, paths.models, paths.knowledge, keeps_queue=self.is_exclusive
        )
        self.details = Details(self.settings, self.conversations, lambda: str(self.settings.get("model.default")))
        self.updates = Updates(self.hubs, self.downloads)
        self.planner = Planner(lambda: self.hardware, paths.knowledge, self._engine_memory, self._find_card)
        self.events.subscribe(self._on_event)

    @property
    def hardware(self) -> Hardware:
        """What this machine has, and how much of it is free."""
        if self._hardware is None:
            from app.services.hardware import Hardware

            self._hardware = Hardware()
        return self._hardware

    @property
    def quantizing(self) -> Quantizing:
        """Smaller models, as jobs that survive."""
        if self._quantizing is None:
            from app.services.quantizing import Quantizing

            self._quantizing = Quantizing(self.events, self.jobs, self.paths.quantizing, self.conversations, self.messages)
        return self._quantizing

    def ensure_first_conversation(self, language: str) -> str | None:
        """Only in a brand-new store: make the welcome conversation and return its id."""
        return ensure_first_conversation(self.conversations, self.messages, self.paths.prompts, language)

    def start_housekeeping(self) -> None:
        """Today's snapshot, old trash, unused attachments and the check of a large database: in the background.

        Whether a snapshot is due is asked again every hour: some people never close a window.
        """
        self.jobs.submit("disk", self._keep_house, "housekeeping")
        self.jobs.repeat(_HOUR_SECONDS, "disk", self._make_daily_snapshot, "daily snapshot")

    def find_model(self, name: str) -> str:
        """The one reference of a model that may be named by id, path, file name or name: its id, or its path where no list has it.

        Raises:
            ModelNotFound: nothing is named so.
            AmbiguousModel: several are.
        """
        if name.startswith(_ECHO):
            return name
        card = self.library.find(name)
        return card.id if any(card.id == listed.id for listed in self.library.list_models()) else card.path

    def plan_conversation(self, model: str = "") -> Conversation:
        """What :meth:`start_conversation` would make, not stored: a new conversation's settings before its first word.

        With a starter model, where nobody chose a preset or sampling, it is Deterministic: a model that small is best at its surest.
        """
        preset = str(self.settings.get("chat.preset"))
        if "chat.preset" not in self.settings.all():
            with contextlib.suppress(UserFacingError):
                reference = self._canonical_reference(model or self.engines.default_model())
                if reference in (self.starter_model(), self.starter_with_eyes()) and not self.defaults.sampling(reference):
                    preset = "Deterministic"
        now, words = time.time(), str(self.settings.get("chat.system_prompt"))
        return Conversation("", "", now, now, model=model, preset=preset, system_prompt=words)

    def start_conversation(self, model: str = "") -> Conversation:
        """A new conversation with the settings that a person chose for new ones."""
        plan = self.plan_conversation(model)
        return self.conversations.create(model=plan.model, preset=plan.preset, system_prompt=plan.system_prompt)

    def is_as_brought(self, card: ModelCard) -> bool:
        """Whether files that Yanmo downloaded still have the hash they came with; true for files that it did not download."""
        for name in card.files:
            receipt, known = self.downloads.receipts.find(Path(name)), self.library.known_file_sha256(name)
            if receipt is not None and known and receipt.get("sha256") != known:
                return False
        return True

    def share_equal_files(self) -> int:
        """Let models in Yanmo's own folder that are there twice share their room; the bytes that became free."""
        from models.duplicates import share_equal_files

        return share_equal_files(self.library.list_models(), self.paths.models)

    def starter_model(self) -> str:
        """The reference of the model that ships with Yanmo; empty where it does not lie in its place."""
        return self._starter_in(self.paths.starter)

    def starter_with_eyes(self) -> str:
        """The reference of the model that sees and ships with Yanmo; empty where it does not lie in its place."""
        return self._starter_in(self.paths.starter / "eyes")

    def _starter_in(self, folder: Path) -> str:
        cards = (card for card in self.library.list_models() if card.is_starter and card.format == "gguf" and card.kind == "chat")
        return next((card.id for card in cards if Path(card.path).parent == folder), "")

    def on_close(self, action: Callable[[], None]) -> None:
        """Do this at the end of :meth:`close`."""
        self._closing_actions.append(action)

    def close(self) -> None:
        """Stop replies, keep their words, end the engine's process, and let go of the data. Safe to call twice."""
        first = (self.server, self.chat, self.downloads, self.knowledge, self.documents)
        for part in (*first, self.engines, self.jobs, self._media_desk):
            part.close()
        if self.is_exclusive:
            with contextlib.suppress(UserFacingError):
                self._kept_context.sweep()
        self._connections.close()
        if self._lock is not None:
            self._lock.release()
        while self._closing_actions:
            self._closing_actions.pop()()

    def __enter__(self) -> Workstation:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _default_model(self) -> str:
        def is_there(reference: str) -> bool:
            with contextlib.suppress(UserFacingError):
                self._resolve(reference)
                return True
            return False

        return choose_default_model(self.settings, self.starter_model, is_there)

    def _make_library(self) -> Library:
        folders = [Path(folder).expanduser() for folder in self.settings.get("model.folders")]
        wanted = self.settings.get("models.scanned_programs")
        stores = [store for store in find_stores(Path.home()) if store.key in wanted]
        return Library(
            self.paths.models,
            self.paths.knowledge,
            starter_folder=self.paths.starter,
            other_folders=folders,
            stores=stores,
            list_distant=self.remotes.list_cards,
        )

    def _engine_memory(self) -> int:
        """Bytes of main memory that a new load would free: the caches and buffers of the model that is loaded."""
        facts = self.engines.current()
        return sum(part.kv_cache + part.compute for part in facts.memory if part.device == "CPU") if facts else 0

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SettingChanged):
            self.downloads.setting_changed(event.key)
            if event.key in ("model.folders", "models.scanned_programs"):
                self.library = self._make_library()
                self.events.publish(LibraryChanged())
        if isinstance(event, ModelLoaded):
            loaded = event
            self.jobs.submit("disk", lambda _is_cancelled: self._learn(loaded), "memory learnt")

    def _learn(self, loaded: ModelLoaded) -> None:
        with contextlib.suppress(UserFacingError):
            self.planner.learn(self.library.find(loaded.model), self.engines.options_for(loaded.model), loaded.facts)

    def _resolve(self, reference: str) -> str:
        """The path of a model, for an engine."""
        if reference.startswith(_ECHO):
            return reference
        return self.library.find(reference).path

    def _canonical_reference(self, reference: str) -> str:
        """As :meth:`find_model`, but what names nothing stays as it is."""
        with contextlib.suppress(UserFacingError):
            return self.find_model(reference)
        return reference

    def _make_link(self, reference: str, options: LoadOptions, on_exit: OnExit) -> Link:
        from backends.registry import choose_backend
        from backends.worker_link import WorkerLink

        path = self._resolve(reference)
        if path.startswith(_REMOTE):
            return self.remotes.make_link(path, options, on_exit)
        draft = options.draft_model if options.draft_model in ("", OWN_LAYERS) else self._resolve(options.draft_model)
        options = replace(
            options,
            draft_model=draft,
            projector=options.projector or (card.projector if (card := self._find_card(reference)) else ""),
            adapters=tuple(replace(adapter, path=self._resolve(adapter.path)) for adapter in options.adapters),
            cache_folder=str(self.paths.engine_cache),
            cache_megabytes=int(self.settings.get("model.cache_megabytes")),
        )
        link = WorkerLink(options.engine or choose_backend(path), path, options, on_exit=on_exit)
        self._kept_context.watch(link)
        return link

    def _forget(self, conversation_ids: list[str]) -> None:
        """Conversations are gone for good: so is what engines keep of them, soon."""
        self.knowledge.collections.forget_conversations(conversation_ids)
        self.jobs.submit("disk", lambda is_cancelled: self._kept_context.forget(conversation_ids), "forgetting")

    def _size_of(self, reference: str) -> int:
        card = None if reference.startswith(_ECHO) else self._find_card(reference)
        return card.size_bytes if card else 0

    def _find_card(self, reference: str) -> ModelCard | None:
        with contextlib.suppress(UserFacingError):
            return self.library.find(reference)
        return None

    def _keep_house(self, is_cancelled: Callable[[], bool]) -> None:
        try:
            if self.paths.database.stat().st_size > CHECKED_AT_START_BYTES:
                check_quickly(self.paths.database, is_cancelled)
            self._make_daily_snapshot(is_cancelled)
            if not is_cancelled():
                self.conversations.purge_trash(time.time() - float(self.settings.get("trash.days")) * _DAY_SECONDS)
                self.attachments.collect()
                self._kept_context.sweep()
        except UserFacingError as error:
            if not is_cancelled():
                self.events.publish(StoreTrouble(error))

    def _make_daily_snapshot(self, is_cancelled: Callable[[], bool]) -> None:
        try:
            if self.settings.get("snapshots.daily"):
                self.snapshots.make_daily(is_cancelled)
        except UserFacingError as error:
            if not is_cancelled():
                self.events.publish(StoreTrouble(error))

    def _after_restore(self) -> None:
        self.messages.recover()
        self.settings.reload()
        self._kept_context.sweep()
        self.events.publish(ConversationsChanged())
        self.events.publish(DataRestored())


def make_workstation(paths: Paths, *, exclusive: bool = True, make_link: MakeLink | None = None) -> Workstation:
    """Open the data folder, creating it where there is none. Without ``exclusive`` the data is only read.

    ``make_link`` starts engines in another way than in a process of their own; tests use it.

    Raises:
        DatabaseInUse: another Yanmo has it open, and ``exclusive`` was asked for.
        DatabaseDamaged: restore a snapshot with :func:`restore_snapshot` and try again.
        DatabaseTooNew: a later Yanmo wrote it.
        StoreError: the folder cannot be read or written.
    """
    lock = FolderLock(paths.lock_file) if exclusive else None
    try:
        workstation = Workstation(paths, lock, make_link)
        if exclusive:
            workstation.messages.recover()
            workstation.start_housekeeping()
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return workstation


def list_snapshots(paths: Paths) -> list[Snapshot]:
    """The snapshots of a database that cannot be opened, newest first."""
    return Snapshots(paths.database, paths.snapshots).list()


def restore_snapshot(paths: Paths, name: str) -> Path | None:
    """Put a snapshot in the place of a database that cannot be opened; see ``app.services.backups.restore_backup``."""
    from app.services.backups import restore_backup

    return restore_backup(paths, name)
