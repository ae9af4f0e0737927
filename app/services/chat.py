"""Conversations with a model: sends, answers, branches, and keeps every word."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace

from app.services.citing import FindPassages, find_none
from app.services.context_fit import ContextFit, Fitted
from app.services.context_meter import ContextMeter
from app.services.engines import Engines
from app.services.events import (
    ConversationsChanged,
    EventBus,
    ReplyEnded,
    ReplyStarted,
    StoreTrouble,
)
from app.services.live_replies import JournalWriter, LiveReply
from app.services.model_defaults import ModelDefaults
from app.services.prompts import make_prompt, refuse_unfit_parts
from app.services.reply_reader import Outcome, Reply, ReplyReader
from app.services.titles import make_title
from app.store.attachments import Attachments
from app.store.conversations import Conversations
from app.store.messages import Messages
from app.store.presets import Presets
from app.store.records import Conversation, MessageState, StoredMessage
from backends.backend import GenerationRequest
from backends.messages import AudioPart, FilePart, ImagePart, Part, PassagePart, TextPart
from backends.options import GenerationOptions
from models.errors import (
    GenerationFailed,
    LoadCancelled,
    ReplyInProgress,
    StoreError,
    UserFacingError,
)

_SAVE_RETRY_SECONDS = 1.0
_STOP_SECONDS = 5.0
"""How long to wait for replies that are to end: on a full disk they could not be kept for ever."""

_CONTINUABLE: tuple[MessageState, ...] = ("stopped", "length", "interrupted", "failed")
_log = logging.getLogger(__name__)


class Chat:
    """Thread-safe; every method returns at once. One reply at a time in each conversation."""

    def __init__(
        self,
        bus: EventBus,
        conversations: Conversations,
        messages: Messages,
        attachments: Attachments,
        presets: Presets,
        engines: Engines,
        defaults: ModelDefaults,
        find_hash: Callable[[str], str] = lambda model: "",
        find_policy: Callable[[], str] = lambda: "refuse",
        find_passages: FindPassages = find_none,
        on_reply: Callable[[str, str], None] = lambda message_id, model: None,
    ) -> None:
        """``find_hash`` gives the SHA-256 of a model's file where that is quick, else nothing.

        ``find_policy`` gives what happens to a conversation that no longer fits the context where nobody chose for it.
        ``find_passages`` gives what documents say about a question (:mod:`app.services.citing`).
        ``on_reply`` is told each kept reply without a hash: its id and its model's reference.
        """
        self._bus = bus
        self._conversations = conversations
        self._messages = messages
        self._attachments = attachments
        self._presets = presets
        self._engines = engines
        self._defaults = defaults
        self._reader = ReplyReader(bus, find_hash)
        self._find_policy = find_policy
        self._find_passages = find_passages
        self._on_reply = on_reply
        self._lock = threading.Lock()
        self._replies: dict[str, Reply | None] = {}
        self._is_closing = threading.Event()
        self._journal = JournalWriter(messages, lambda error: bus.publish(StoreTrouble(error)))
        self._meter = ContextMeter(bus, engines, self._prompt_with_draft)

    def send(self, conversation_id: str, parts: Iterable[Part]) -> StoredMessage:
        """Say something at the end of the active branch, and have it answered.

        Raises:
            ReplyInProgress: the last answer has not ended.
            StoreError: it could not be kept; nothing was sent.
            AttachmentRefused: an attached file cannot be read.
        """
        return self._say(conversation_id, lambda: self._messages.active_leaf(conversation_id), parts)

    def edit_and_send(self, message_id: str, parts: Iterable[Part]) -> StoredMessage:
        """Say something else in the place of a user message, on a branch of its own. Raises as :meth:`send` does."""
        message = self._messages.get(message_id)
        return self._say(message.conversation_id, lambda: message.parent_id, parts)

    def regenerate(self, message_id: str) -> StoredMessage:
        """Answer again, on a branch of its own; given a user message, answer that. Returns the new, empty reply."""
        message = self._messages.get(message_id)
        parent_id = message.id if message.role == "user" else message.parent_id
        if parent_id is None:
            raise GenerationFailed(reason="There is no question before it.")
        self._reserve(message.conversation_id)
        with self._releasing_on_error(message.conversation_id):
            reply = self._messages.append(message.conversation_id, parent_id, "assistant", (), "streaming")
        self._begin(reply, Reply(LiveReply(reply.conversation_id, reply.id)))
        return reply

    def edit_reply(self, message_id: str, text: str) -> StoredMessage:
        """Put a text of one's own beside a reply, on a branch of its own. Nothing is generated."""
        message = self._messages.get(message_id)
        self._refuse_if_busy(message.conversation_id)
        kept = tuple(part for part in message.parts if not isinstance(part, TextPart))
        return self._messages.append(message.conversation_id, message.parent_id, message.role, (*kept, TextPart(text)))

    def continue_reply(self, message_id: str) -> None:
        """Go on with a reply that was stopped, cut off or failed, in the same message.

        Raises:
            GenerationFailed: it is complete, or not a reply.
        """
        message = self._messages.get(message_id)
        if message.role != "assistant" or message.state not in _CONTINUABLE:
            raise GenerationFailed(reason="This message is complete.")
        self._reserve(message.conversation_id)
        with self._releasing_on_error(message.conversation_id), self._messages.together():
            self._messages.select(message.id)
            message = self._messages.reopen(message.id)
        base = message.parts if message.text else ()
        self._begin(message, Reply(LiveReply(message.conversation_id, message.id, base), is_continued=bool(base)))

    def stop(self, conversation_id: str) -> None:
        """End the reply that is being written; its words stay."""
        with self._lock:
            reply = self._replies.get(conversation_id)
        if reply is not None:
            reply.cancel()

    def stop_all(self) -> None:
        """End every reply, those that are about to begin too, and wait until all are kept.

        Raises:
            StoreError: a reply could not be kept within seconds; it is still tried.
        """
        deadline = time.monotonic() + _STOP_SECONDS
        while True:
            with self._lock:
                replies = list(self._replies.values())
            if not replies:
                return
            for reply in replies:
                if reply is not None:
                    reply.cancel()
                    reply.ended.wait(max(0.0, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                troubles = [reply.trouble for reply in replies if reply is not None and reply.trouble is not None]
                raise troubles[0] if troubles else StoreError(reason="A reply did not end in time.")
            time.sleep(0.005)

    def is_busy(self, conversation_id: str) -> bool:
        """Whether a reply is being written."""
        with self._lock:
            return conversation_id in self._replies

    def busy_conversations(self) -> list[str]:
        """Where replies are being written."""
        with self._lock:
            return list(self._replies)

    def live_text(self, message_id: str) -> tuple[str, str]:
        """(reasoning, text) of a reply so far; what is kept of it where it does not grow."""
        with self._lock:
            for reply in self._replies.values():
                if reply is not None and reply.live.message_id == message_id:
                    return reply.live.snapshot()
        live = LiveReply("", message_id, self._messages.get(message_id).parts)
        return live.snapshot()

    def options_of(self, conversation: Conversation) -> GenerationOptions:
        """How it would be answered now: by its own settings, its preset, or those of its model.

        Raises:
            InvalidOption: what is stored is out of range.
        """
        reference = conversation.model or self._engines.current_model
        if not reference:
            with contextlib.suppress(UserFacingError):
                reference = self._engines.default_model()
        return self._options(conversation, reference)

    def measure_context(self, conversation_id: str, draft_parts: Iterable[Part] = ()) -> None:
        """Ask how full the context is; ContextMeasured follows. A newer question replaces one that waits."""
        self._meter.measure(conversation_id, tuple(draft_parts))

    def close(self) -> None:
        """Stop everything; returns when every word is kept, or cannot be."""
        self._is_closing.set()
        with contextlib.suppress(StoreError):
            self.stop_all()
        self._journal.close()
        self._meter.close()

    def _say(self, conversation_id: str, find_parent: Callable[[], str | None], parts: Iterable[Part]) -> StoredMessage:
        self._reserve(conversation_id)
        with self._releasing_on_error(conversation_id):
            conversation = self._conversations.get(conversation_id)
            kept = tuple(self._attachments.adopt(part) for part in parts)
            with self._messages.together():
                said = self._messages.append(conversation_id, find_parent(), "user", kept)
                if conversation.title_is_automatic and not conversation.title:
                    self._conversations.set_automatic_title(conversation_id, make_title(said.text) or _first_name(kept))
                reply = self._messages.append(conversation_id, said.id, "assistant", (), "streaming")
        self._begin(reply, Reply(LiveReply(conversation_id, reply.id)))
        return said

    def _reserve(self, conversation_id: str) -> None:
        with self._lock:
            if self._is_closing.is_set():
                raise LoadCancelled()
            if conversation_id in self._replies:
                raise ReplyInProgress()
            self._replies[conversation_id] = None

    def _refuse_if_busy(self, conversation_id: str) -> None:
        if self.is_busy(conversation_id):
            raise ReplyInProgress()

    @contextlib.contextmanager
    def _releasing_on_error(self, conversation_id: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._release(conversation_id)
            raise

    def _release(self, conversation_id: str) -> None:
        with self._lock:
            self._replies.pop(conversation_id, None)

    def _begin(self, message: StoredMessage, reply: Reply) -> None:
        thread = threading.Thread(target=self._run, args=(message, reply), name="reply", daemon=True)
        with self._lock:
            self._replies[message.conversation_id] = reply
        self._bus.publish(ConversationsChanged())
        self._bus.publish(ReplyStarted(message.conversation_id, message.id))
        thread.start()

    def _run(self, message: StoredMessage, reply: Reply) -> None:
        """The body of a reply's thread."""
        try:
            self._answer(message, reply)
        finally:
            reply.ended.set()

    def _answer(self, message: StoredMessage, reply: Reply) -> None:
        self._journal.watch(reply.live)
        try:
            outcome = self._generate(message, reply)
        except UserFacingError as error:
            is_stopped = isinstance(error, LoadCancelled) and reply.cancelled.is_set()
            outcome = Outcome("stopped") if is_stopped else Outcome("failed", error=error)
        except Exception as error:  # noqa: BLE001 - a bug must neither lose the words nor leave the reply growing for ever
            _log.exception("a reply failed unexpectedly")
            reason = "An unexpected error; the log has it."
            outcome = Outcome("failed", error=GenerationFailed(reason=reason, details=repr(error)))
        try:
            reply.live.end()
            self._journal.release(reply.live)
            self._save(message.id, reply, outcome)
        finally:
            self._release(message.conversation_id)
        self._bus.publish(ReplyEnded(message.conversation_id, message.id, outcome.state, outcome.error))
        self._bus.publish(ConversationsChanged())

    def _generate(self, message: StoredMessage, reply: Reply) -> Outcome:
        conversation = self._conversations.get(message.conversation_id)
        last_id = message.id if reply.is_continued else message.parent_id
        branch = self._messages.path_to(last_id) if last_id else []
        branch = self._with_passages(conversation, branch, reply)
        system_prompt = self._system_prompt(conversation)
        self._options(conversation, conversation.model)  # what cannot be is refused before a model is loaded
        with self._engines.lease(conversation.model, reply.cancelled.is_set) as engine:
            assert engine.link is not None
            options = self._options(conversation, engine.reference)
            if options.seed is None:
                options = replace(options, seed=secrets.randbits(32))  # so that the reply can be made again
            request = GenerationRequest(
                messages=make_prompt(system_prompt, branch),
                options=options,
                continue_last=reply.is_continued,
                owner=conversation.id,
            )
            reply.model = engine.reference
            refuse_unfit_parts(request.messages, engine.facts)
            length = engine.facts.context_length if engine.facts else 0
            fit = ContextFit(
                system_prompt, length, engine.link.count_tokens, lambda asked: self._reader.ask(asked, reply, engine)
            )
            # Where nobody told how long the context is, the other server says when it is too short.
            fitted = fit.fit(request, branch) if length else Fitted(request, {})
            reply.stream = engine.link.generate(fitted.request)
            if reply.cancelled.is_set():
                reply.stream.cancel()
            return self._reader.follow(reply, engine, options, message.run if reply.is_continued else None, fitted.unseen)

    def _with_passages(self, conversation: Conversation, branch: list[StoredMessage], reply: Reply) -> list[StoredMessage]:
        """The branch with what its last question was given of documents, found now where it was not yet."""
        asked = next((place for place in reversed(range(len(branch))) if branch[place].role == "user"), None)
        if asked is None:
            return branch
        question = branch[asked]
        if not any(isinstance(part, PassagePart) for part in question.parts):
            found = self._find_passages(conversation.id, branch[: asked + 1], reply.cancelled.is_set)
            if found:
                question = self._messages.set_parts(question.id, (*found, *question.parts))
        reply.sources = [asdict(part) for part in question.parts if isinstance(part, PassagePart)]
        return [*branch[:asked], question, *branch[asked + 1 :]]

    def _save(self, message_id: str, reply: Reply, outcome: Outcome) -> None:
        """Write the end of a reply; while the disk is full or the database locked, keep it in memory and try again."""
        has_told = False
        while True:
            try:
                self._messages.finish(message_id, reply.live.parts(), outcome.state, outcome.run, outcome.error)
                break
            except StoreError as error:
                reply.trouble = error
                if not has_told:
                    _log.warning("a reply cannot be saved: %s", error)
                    self._bus.publish(StoreTrouble(error))
                    has_told = True
                if self._is_closing.wait(_SAVE_RETRY_SECONDS):
                    _log.error("a reply was not saved before the end")
                    return
        if outcome.run is not None and not outcome.run.model_sha256:
            self._on_reply(message_id, reply.model)

    def _prompt_with_draft(self, conversation_id: str, draft: tuple[Part, ...]) -> tuple[str, GenerationRequest]:
        """The model's reference, and the request that sending the draft now would make."""
        conversation = self._conversations.get(conversation_id)
        branch = self._messages.path(conversation_id)
        messages = make_prompt(self._system_prompt(conversation), branch)
        if draft:
            said = StoredMessage("", conversation_id, None, "user", draft, "complete", 0.0)
            messages = (*messages, *make_prompt("", [said]))
        return conversation.model, GenerationRequest(messages=messages)

    def _system_prompt(self, conversation: Conversation) -> str:
        if conversation.system_prompt or not conversation.preset:
            return conversation.system_prompt
        preset = self._presets.get(conversation.preset)
        return preset.system_prompt if preset else ""

    def _options(self, conversation: Conversation, reference: str) -> GenerationOptions:
        preset = self._presets.get(conversation.preset) if conversation.preset else None
        return self._defaults.options_of(conversation, preset, reference, self._find_policy())


def _first_name(parts: Iterable[Part]) -> str:
    """The name of the first attachment, for a message without words."""
    return next((part.name for part in parts if isinstance(part, ImagePart | AudioPart | FilePart)), "")
