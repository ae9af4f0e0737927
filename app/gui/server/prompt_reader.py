"""What the model read for a call, and why it was not in the cache: asked of the engine in the background."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.gui.models.background import Background
from app.gui.translation import tr
from app.services.cache_reasons import CacheReason, explain_cache
from app.services.engine_pool import Lease
from app.services.request_log import RequestRecord
from app.workstation import Workstation
from backends.questions import Detokenize, Render
from models.errors import UserFacingError

_MOST_COMPARED = 12
"""Earlier calls of the same model with which a prompt is compared: the engine has few more sequences than that."""


class PromptReader(QObject):
    """``came`` says that a call's prompt is known now. One call at a time: the one that a person looks at."""

    came = Signal()

    def __init__(self, workstation: Workstation, parent: QObject) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._work = Background(workstation.jobs, "network", self)
        self._found: dict[int, tuple[str, CacheReason | None]] = {}
        self._asked = 0

    def prompt(self, record: RequestRecord) -> str:
        """The prompt as the template made it; … until it is known."""
        self._ask(record)
        return self._found.get(record.id, ("…", None))[0]

    def reason(self, record: RequestRecord) -> str:
        """Why so much or so little of it was in the cache; empty until it is known, or where nobody can say."""
        self._ask(record)
        reason = self._found.get(record.id, ("", None))[1]
        return reason_in_words(reason) if reason is not None else ""

    def _ask(self, record: RequestRecord) -> None:
        is_known = record.id in self._found and (self._found[record.id][1] is not None or not record.usage.prompt_tokens)
        if is_known or self._asked == record.id or record.request is None:
            return
        self._asked = record.id
        log = self._workstation.server.log.list()
        earlier = [other for other in log if other.id < record.id and other.reference == record.reference and other.request]
        self._work.run(
            lambda: self._read(record, earlier[-_MOST_COMPARED:]), lambda found: self._take(record.id, found), self._fail
        )

    def _read(self, record: RequestRecord, earlier: list[RequestRecord]) -> tuple[str, CacheReason | None]:
        """Runs in a lane of the jobs."""
        lease = self._workstation.server.pool.acquire_now(record.reference)
        if lease is None:
            assert record.request is not None
            return record.request.prompt or "\n".join(message.text for message in record.request.messages), None
        try:
            prompt = _render(lease, record)
            if not record.usage.prompt_tokens:
                return prompt, None
            texts = [_render(lease, other) + other.text for other in earlier]
            return prompt, explain_cache(prompt, texts, record.usage.cached_tokens, record.usage.prompt_tokens)
        finally:
            lease.give_back()

    def _take(self, record_id: int, found: tuple[str, CacheReason | None]) -> None:
        self._found[record_id] = found
        self._asked = 0
        self.came.emit()

    def _fail(self, error: UserFacingError) -> None:
        self._take(self._asked, (error.english(), CacheReason("first")))


def _render(lease: Lease, record: RequestRecord) -> str:
    request = record.request
    if request is None:
        return ""
    if request.prompt is not None:
        return request.prompt
    if request.prompt_tokens:
        return bytes(lease.link.ask(Detokenize(request.prompt_tokens))).decode("utf-8", "replace")
    return str(lease.link.ask(Render(request)))


def reason_in_words(reason: CacheReason) -> str:
    """One or a few lines for a person."""
    if reason.state == "first":
        return tr("Nothing that begins like this had been read by this model.")
    if reason.state == "gone":
        return tr(
            "Its first {count} characters had been read before and were forgotten: room was needed, or the model was loaded anew."
        ).format(count=f"{reason.place:,}")
    if reason.state == "differs":
        said = tr("After {count} characters it differs from what was read before. Now: “{now}”. Before: “{then}”.")
        return said.format(count=f"{reason.place:,}", now=_one_line(reason.now), then=_one_line(reason.then))
    return tr("It goes on from what was read before.")


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "–"
