"""The memory planner with this machine's numbers: what is free now, what real loads taught, and the shape of every model."""

from __future__ import annotations

import contextlib
import json
import statistics
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.paths import make_private_folder
from app.services.hardware import Hardware
from backends.events import LoadedModel
from backends.options import DEFAULT_CONTEXT_LIMIT, OWN_LAYERS, LoadOptions
from models.card import ModelCard
from models.checkpoint_shape import read_checkpoint_shape
from models.errors import ModelError, UserFacingError
from models.file_work import stamp_of
from models.gguf_header import read_header
from models.hubs.variants import Variant
from models.memory_fit import LoadShape, compute_bytes, kv_bytes
from models.memory_plan import Correction, DeviceRoom, MemoryPlan, PlanRequest, plan_memory
from models.memory_shape import MemoryShape, read_shape, state_copies
from models.projector_memory import measure_projector

_MOST_REMEMBERED = 20
_FEWEST, _MOST = 0.5, 2.0
"""What a load taught counts only within these bounds: beyond them it was another model than was predicted."""


class Planner:
    """Thread-safe. ``engine_memory`` tells what Yanmo's own engine holds now, which a new load would free."""

    def __init__(
        self,
        hardware: Callable[[], Hardware],
        knowledge: Path,
        engine_memory: Callable[[], int] = lambda: 0,
        find_card: Callable[[str], ModelCard | None] = lambda reference: None,
    ) -> None:
        """``find_card`` gives the card of a draft model or an adapter by its reference; None where there is none."""
        self._find_card = find_card
        self._hardware = hardware
        self._file = knowledge / "memory-learnt.json"
        self._engine_memory = engine_memory
        self._lock = threading.Lock()
        self._shapes: dict[tuple[str, ...], MemoryShape] = {}
        self._learnt: dict[str, list[list[float]]] | None = None
        self._gpu_names: list[str] | None = None

    def rooms(self) -> list[DeviceRoom]:
        """The main memory and the GPUs that the engine can use, with what is used now."""
        now = self._hardware().snapshot()
        own = min(self._engine_memory(), now.ram_used)
        rooms = [DeviceRoom("RAM", now.ram_total, now.ram_used - own)]
        if now.gpus and self._engine_uses_gpus():
            rooms += [DeviceRoom(gpu.name, gpu.memory_total, gpu.memory_used) for gpu in now.gpus]
        return rooms

    def shape_of(self, card: ModelCard) -> MemoryShape:
        """The shape of a model on disk; remembered.

        Raises:
            UserFacingError: it cannot be read, or does not lie here.
        """
        if card.format == "remote" or not card.files:
            raise ModelError(model=card.name, reason="It runs on another server, so it takes no memory here.")
        with self._lock:
            known = self._shapes.get(card.files)
        if known is None:
            if card.format == "safetensors":
                known = read_checkpoint_shape(Path(card.path), card.files)
            else:
                known = read_shape([read_header(path) for path in card.files])
            with self._lock:
                self._shapes[card.files] = known
        return known

    def plan_card(self, card: ModelCard, options: LoadOptions) -> MemoryPlan:
        """A plan for a model on disk with all that would be loaded beside it: projector, draft model, adapters.

        Raises:
            UserFacingError: it cannot be read.
        """
        sizes = [stamp_of(Path(self._path_of(adapter.path)))[0] for adapter in options.adapters]
        chosen = options.projector or card.projector
        projector = measure_projector(read_header(chosen)).total if chosen and chosen != "none" else 0
        draft = self._find_card(options.draft_model) if options.draft_model not in ("", OWN_LAYERS) else None
        shape = self.shape_of(draft) if draft is not None else None
        return self.plan(self.shape_of(card), options, projector_bytes=projector, adapter_bytes=sum(sizes), draft=shape)

    def plan_variants(self, shape: MemoryShape, of: Variant, variants: Sequence[Variant]) -> dict[str, MemoryPlan]:
        """Plans by name for every whole variant of ``of``'s repository that one header tells of.

        The other GGUFs have the same layers with smaller or larger weights; a checkpoint tells only of itself.
        """
        own, plans = max(sum(file.size for file in of.files), 1), {}
        for other in variants:
            if other == of or (of.format == other.format == "gguf" and other.is_whole):
                scaled = shape if other == of else shape.scaled(sum(file.size for file in other.files) / own)
                projector = other.projector.size if other.projector else 0
                plans[other.name] = self.plan(scaled, projector_bytes=projector)
        return plans

    def _path_of(self, reference: str) -> str:
        card = self._find_card(reference)
        return card.path if card is not None else reference

    def plan(
        self,
        shape: MemoryShape,
        options: LoadOptions | None = None,
        *,
        projector_bytes: int = 0,
        adapter_bytes: int = 0,
        draft: MemoryShape | None = None,
    ) -> MemoryPlan:
        """A plan with this machine's numbers, for the options a load would have."""
        options = options or LoadOptions()
        request = PlanRequest(
            context=options.context_length * (1 if options.kv_unified else options.parallel),
            kv_type=options.kv_type,
            gpu_layers=options.gpu_layers,
            sequences=_sequences(shape, options),
            states=state_copies(shape.architecture, options.guessed_tokens),
            micro_batch=options.micro_batch,
            has_flash_attention=options.flash_attention is not False,
            projector_bytes=projector_bytes,
            adapter_bytes=adapter_bytes,
            draft=draft,
            correction=self.correction(shape.architecture),
        )
        return plan_memory(shape, self.rooms(), request, DEFAULT_CONTEXT_LIMIT)

    def correction(self, architecture: str) -> Correction:
        """The middle of what loads of this architecture taught; nothing where there was none."""
        with self._lock:
            entries = self._read_learnt().get(architecture, [])
        if not entries:
            return Correction()
        return Correction(*(statistics.median(entry[place] for entry in entries) for place in range(3)))

    def learn(self, card: ModelCard, options: LoadOptions, facts: LoadedModel) -> None:
        """Compare a real load with what was predicted for it, and remember the difference.

        What torch tells of are its weights; the sum of a model and its draft, or its projector, tells nothing of either.
        """
        if not facts.memory or options.draft_model or facts.can_see or facts.can_hear:
            return
        try:
            shape = self.shape_of(card)
        except UserFacingError:
            return
        held = facts.context_length if options.kv_unified else facts.context_length * options.parallel
        load = LoadShape(
            held,
            options.kv_type,
            options.micro_batch,
            _sequences(shape, options),
            state_copies(shape.architecture, options.guessed_tokens),
            has_flash_attention=options.flash_attention is not False,
        )
        predicted = (shape.weights, kv_bytes(shape.layers, load), compute_bytes(shape, load))
        measured = [sum(getattr(part, name) for part in facts.memory) for name in ("weights", "kv_cache", "compute")]
        if len(facts.memory) > 1:
            measured[2] = max(part.compute for part in facts.memory)
        ratios = [real / guess if guess and real else 1.0 for real, guess in zip(measured, predicted, strict=True)]
        if all(_FEWEST <= ratio <= _MOST for ratio in ratios):
            with self._lock:
                learnt = self._read_learnt()
                learnt[shape.architecture] = [*learnt.get(shape.architecture, []), ratios][-_MOST_REMEMBERED:]
                self._write_learnt(learnt)

    def _engine_uses_gpus(self) -> bool:
        """Whether the installed engine was built for GPUs; asked once, in a child process."""
        with self._lock:
            if self._gpu_names is None:
                from backends.devices import list_engine_devices

                self._gpu_names = [device.name for device in list_engine_devices() if device.kind == "gpu"]
            return bool(self._gpu_names)

    def _read_learnt(self) -> dict[str, list[list[float]]]:
        if self._learnt is None:
            self._learnt = {}
            with contextlib.suppress(OSError, ValueError, RecursionError):
                value: Any = json.loads(self._file.read_text(encoding="utf-8"))
                for name, entries in value.items() if isinstance(value, dict) else ():
                    self._learnt[str(name)] = (
                        [entry for entry in entries if _is_entry(entry)] if isinstance(entries, list) else []
                    )
        return self._learnt

    def _write_learnt(self, learnt: dict[str, list[list[float]]]) -> None:
        temporary = self._file.with_suffix(".tmp")
        with contextlib.suppress(OSError):
            make_private_folder(self._file.parent)
            temporary.write_text(json.dumps(learnt), encoding="utf-8")
            temporary.replace(self._file)


def _is_entry(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(item, int | float) and _FEWEST <= item <= _MOST for item in value)
    )


def _sequences(shape: MemoryShape, options: LoadOptions) -> int:
    """As many as the engine makes: twice the requests where the end of a sequence can be forgotten."""
    can_rewind = not any(layer.state for layer in shape.layers)
    return options.parallel * (2 if options.kv_unified and can_rewind else 1)
