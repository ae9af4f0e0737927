"""Quantizing as jobs: orders that are kept until they are done, carried out one after another, and taken up again after a crash."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from app.services.events import EventBus, LibraryChanged, QuantizingChanged, SizesPredicted
from app.services.jobs import Jobs
from app.store.conversations import Conversations
from app.store.messages import Messages
from backends.messages import TextPart
from models.errors import InvalidOption, UserFacingError, WorkCancelled
from quantize.awq.recipe import FILE_TYPE as AWQ
from quantize.awq.recipe import AwqRecipe
from quantize.calibration import builtin_text, held_out_text, read_texts
from quantize.order import BUILTIN, CONVERSATIONS, Order, order_from_json
from quantize.pipeline import Pipeline, Step
from quantize.quality_card import SUFFIX, QualityCard, card_from_json, read_card

State = Literal["waiting", "running", "finished", "failed", "cancelled", "interrupted"]
_SHORTEST_CONVERSATIONS = 4_000


@dataclass(frozen=True, slots=True)
class QuantizeJob:
    """An order and how it stands. ``cards`` are of the files that are finished, with their paths."""

    id: str
    order: Order
    state: State
    step: Step | None = None
    cards: tuple[tuple[Path, QualityCard], ...] = ()
    error: UserFacingError | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


@dataclass(slots=True)
class _Running:
    job: QuantizeJob
    cancelled: threading.Event = field(default_factory=threading.Event)


class Quantizing:
    """Thread-safe. ``folder`` keeps one small file for each order that is not done."""

    def __init__(self, events: EventBus, jobs: Jobs, folder: Path, conversations: Conversations, messages: Messages) -> None:
        self._events = events
        self._jobs = jobs
        self._folder = folder
        self._conversations = conversations
        self._messages = messages
        self._lock = threading.Lock()
        self._known: dict[str, _Running] = {}
        self._has_read = False

    def jobs(self) -> list[QuantizeJob]:
        """All of this run and those that an earlier run left unfinished, oldest first."""
        self._read_kept()
        with self._lock:
            return [running.job for running in self._known.values()]

    def start(self, order: Order) -> str:
        """Queue an order; returns the job's id.

        Raises:
            InvalidOption: its texts cannot be read.
        """
        reads_text = order.imatrix == "auto" or any(isinstance(recipe, AwqRecipe) for recipe in order.recipes)
        for source in {order.calibration if reads_text else BUILTIN, order.measure or BUILTIN}:
            self.read_text(source)
        self._read_kept()
        job = QuantizeJob(uuid.uuid4().hex[:12], order, "waiting")
        self._keep(job)
        self._queue(job)
        return job.id

    def resume(self, job_id: str) -> None:
        """Queue an order again that was interrupted, cancelled or failed: what is finished is not done again."""
        with self._lock:
            job = self._known[job_id].job
        if not job.is_open:
            job = replace(job, state="waiting", error=None, step=None)
            self._keep(job)
            self._queue(job)

    def cancel(self, job_id: str) -> None:
        """Stop an order; what was finished stays."""
        with self._lock:
            running = self._known.get(job_id)
        if running is not None:
            running.cancelled.set()
            if running.job.state == "waiting":
                self._change(job_id, state="cancelled")

    def forget(self, job_id: str) -> None:
        """Take an order off the list; its files stay."""
        self.cancel(job_id)
        with self._lock:
            self._known.pop(job_id, None)
        (self._folder / f"{job_id}.json").unlink(missing_ok=True)
        self._events.publish(QuantizingChanged(job_id))

    def read_text(self, source: str) -> str:
        """The text that an order names: builtin, conversations, held-out, or a file or folder.

        Raises:
            InvalidOption: it cannot be read, or there is too little of it.
        """
        if source == BUILTIN:
            return builtin_text()
        if source == CONVERSATIONS:
            return self._read_conversations()
        return read_texts(Path(source))

    def read_measured(self, source: str) -> str:
        """As :meth:`read_text`, but the built-in text is the held-out one."""
        return held_out_text() if source == BUILTIN else self.read_text(source)

    def find_cards(self, folder: Path) -> list[tuple[Path, QualityCard]]:
        """Every card beside a GGUF or a 4-bit checkpoint of a folder, largest first."""
        found = []
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            made = path.with_name(path.name.removesuffix(SUFFIX))
            card = card_from_json(read_card(made) or {}) if made.exists() else None
            if card is not None:
                found.append((made, card))
        return sorted(found, key=lambda pair: -pair[1].size_bytes)

    def predict_sizes(self, source: str) -> None:
        """Ask in the background how large each type would be; the answer is a :class:`SizesPredicted`, none where it cannot be read."""
        self._jobs.submit("disk", lambda _is_closing: self._predict(Path(source)), "predict sizes")

    # ---- inside

    def _predict(self, source: Path) -> None:
        from models.gguf_parts import read_parts
        from quantize.awq.size_prediction import predict_bytes
        from quantize.gguf.size_prediction import count_values, estimate_bytes, predict_files
        from quantize.gguf.types import FILE_TYPES
        from quantize.recipe import Recipe

        try:
            if source.is_dir():
                count = count_values(source)
                sizes = [(name, estimate_bytes(count, name)) for name in FILE_TYPES]
                sizes.append((AWQ, predict_bytes(source, AwqRecipe())))
                is_quantized = False
            else:
                recipes = [Recipe(name) for name in FILE_TYPES]
                sizes = [(r.file_type, p.size_bytes) for r, p in zip(recipes, predict_files(source, recipes), strict=True)]
                is_quantized = any(
                    tensor.type.name not in ("F32", "F16", "BF16") for header in read_parts(source) for tensor in header.tensors
                )
        except UserFacingError:
            return
        self._events.publish(SizesPredicted(str(source), tuple(sizes), not source.is_dir(), is_quantized))

    def _read_conversations(self) -> str:
        said = []
        for conversation in self._conversations.list():
            for message in self._messages.path(conversation.id):
                said += [part.text for part in message.parts if isinstance(part, TextPart)]
        text = "\n\n".join(said)
        if len(text) < _SHORTEST_CONVERSATIONS:
            raise InvalidOption(
                option="--calibration",
                value=CONVERSATIONS,
                allowed=f"used with at least {_SHORTEST_CONVERSATIONS:,} letters of conversations; there are {len(text):,}",
            )
        return text

    def _queue(self, job: QuantizeJob) -> None:
        with self._lock:
            self._known[job.id] = _Running(job)
        self._events.publish(QuantizingChanged(job.id))
        self._jobs.submit("gpu", lambda is_closing: self._run(job.id, is_closing), f"quantize {job.id}")

    def _run(self, job_id: str, is_closing: Callable[[], bool]) -> None:
        with self._lock:
            running = self._known.get(job_id)
        if running is None or running.cancelled.is_set():
            return
        self._change(job_id, state="running")
        try:
            _Carrier(self, running, running.job.order, is_closing).run()
        except WorkCancelled:
            # closing is no cancelling: the order stays and is offered again
            self._change(job_id, state="cancelled" if running.cancelled.is_set() else "interrupted")
            if running.cancelled.is_set():
                (self._folder / f"{job_id}.json").unlink(missing_ok=True)
        except UserFacingError as error:
            self._change(job_id, state="failed", error=error)
        else:
            (self._folder / f"{job_id}.json").unlink(missing_ok=True)
            self._change(job_id, state="finished")
            self._events.publish(LibraryChanged())

    def _change(self, job_id: str, **changes: object) -> None:
        with self._lock:
            running = self._known.get(job_id)
            if running is None:
                return
            running.job = replace(running.job, **changes)  # type: ignore[arg-type]
        self._events.publish(QuantizingChanged(job_id))

    def _keep(self, job: QuantizeJob) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{job.id}.json"
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(job.order.to_json(), ensure_ascii=False), encoding="utf-8")
        partial.replace(path)

    def _read_kept(self) -> None:
        with self._lock:
            if self._has_read:
                return
            self._has_read = True
            for path in sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime):
                try:
                    order = order_from_json(json.loads(path.read_text(encoding="utf-8")))
                except (OSError, ValueError, TypeError, KeyError, UserFacingError):
                    continue  # of another version: it stays, and is not offered
                self._known.setdefault(path.stem, _Running(QuantizeJob(path.stem, order, "interrupted")))


class _Carrier:
    """Carries out one order and passes on what happens."""

    def __init__(self, service: Quantizing, running: _Running, order: Order, is_closing: Callable[[], bool]) -> None:
        self._service, self._running, self._order, self._is_closing = service, running, order, is_closing
        self._last = -1.0

    def run(self) -> None:
        """Do it all.

        Raises:
            UserFacingError: as the pipeline does.
        """
        order, service = self._order, self._service
        Pipeline(
            order,
            service.read_text,
            read_measured=service.read_measured,
            tell=self._tell,
            is_cancelled=lambda: self._is_closing() or self._running.cancelled.is_set(),
            on_card=self._keep_card,
        ).run()

    def _tell(self, step: Step) -> None:
        # a step tells hundreds of times a second; eyes see a percent
        moment = step.number + step.fraction
        if abs(moment - self._last) >= 0.01 or step.fraction in (0.0, 1.0):
            self._last = moment
            self._service._change(self._running.job.id, step=step)

    def _keep_card(self, path: Path, card: QualityCard) -> None:
        self._service._change(self._running.job.id, cards=(*self._running.job.cards, (path, card)))
