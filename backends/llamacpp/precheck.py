"""What is checked in Python before C sees a model: its files, its kind, and whether this machine could ever hold it."""

from __future__ import annotations

from pathlib import Path

from backends.options import DEFAULT_CONTEXT_LIMIT, LoadOptions
from models.card import read_card
from models.errors import OutOfMemory, WrongModelKind
from models.gguf_header import GgufHeader, read_header
from models.gguf_parts import read_parts
from models.memory_fit import MemoryEstimate, estimate_memory
from models.projector_memory import ProjectorMemory, measure_projector

_KINDS = {"adapter": "an adapter (LoRA)", "projector": "a projector for pictures or sound"}


def check_files(path: str) -> list[GgufHeader]:
    """The checked headers of all parts, the first one's first.

    Raises:
        WrongModelKind: an adapter or projector.
        DamagedModelFile: a part is missing, cut off, or holds impossible values.
        UserFacingError: as for :func:`models.gguf_header.read_header`.
    """
    headers = read_parts(Path(path))
    headers[0].validate()
    kind = read_card(path, headers[0]).kind
    if kind in _KINDS:
        raise WrongModelKind(file=Path(path).name, kind=_KINDS[kind])
    return headers


def check_memory(
    headers: list[GgufHeader], options: LoadOptions, *, on_processor: bool, projector: Path | None = None
) -> MemoryEstimate:
    """What the load will take, its projector included.

    On the processor it is refused if all memory and swap of the machine could not hold it.

    Weights that are or may be mapped are not counted: the system pages them in and out.

    Raises:
        OutOfMemory: it can never fit.
    """
    import psutil

    trained = headers[0].of_architecture("context_length")
    context = options.context_length or min(trained or DEFAULT_CONTEXT_LIMIT, DEFAULT_CONTEXT_LIMIT)
    held = context if options.kv_unified else context * options.parallel
    first = estimate_memory(headers[0], held, options.kv_type, options.micro_batch)
    rest = sum(tensor.byte_count for header in headers[1:] for tensor in header.tensors)
    beside = measure_projector(read_header(projector)) if projector is not None else ProjectorMemory(0, 0)
    estimate = MemoryEstimate(first.weights + rest + beside.weights, first.kv_cache, first.compute + beside.compute)
    needed = estimate.kv_cache + estimate.compute + (estimate.weights if options.use_mmap is False else 0)
    available = psutil.virtual_memory().total + psutil.swap_memory().total
    if on_processor and needed > available:
        reason = f"A context of {held:,} tokens needs {needed / 1e9:.1f} GB, and this machine has {available / 1e9:.1f} GB."
        raise OutOfMemory(model=headers[0].path.name, reason=reason)
    return estimate
