"""A short run of a model alone: how fast it reads and writes, what memory it takes, and whether it still says anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quantize.runner import Progress, run_step

_PROMPT = 192
_WRITTEN = 64
_LOOP = 4
_CONTEXT = 512


@dataclass(frozen=True, slots=True)
class Probe:
    """Tokens a second, bytes of memory at the most, and what it wrote greedily. ``fault`` is empty, nan, empty or repeats."""

    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    memory_bytes: int
    sample: str
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def probe_model(
    model: Path,
    text: str,
    *,
    threads: int = 0,
    progress: Progress = lambda fraction, words: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Probe:
    """Read the beginning of a text and go on with it; in a child process of its own, so that the memory is its own.

    Raises:
        UserFacingError: the model cannot be loaded, or the process died.
        WorkCancelled: it was cancelled.
    """
    arguments = {"model": str(model), "text": text, "threads": threads}
    found = run_step(
        "quantize.probe:probe_here",
        arguments,
        subject=str(model),
        progress=progress,
        is_cancelled=is_cancelled,
        needs_torch=model.is_dir(),
    )
    assert isinstance(found, Probe)
    return found


def probe_here(model: str, text: str, threads: int, progress: Progress) -> Probe:
    """The run itself, in the process that calls it."""
    import numpy

    from quantize.readers import open_reader

    reader = open_reader(model, _CONTEXT, threads, is_probe=True)
    try:
        prompt = reader.tokenize(text)[:_PROMPT] or [0]
        reader.append(prompt, 0)  # what is read for the first time comes from the disk
        begin = time.perf_counter()
        logits = reader.append(prompt, 0)
        prefill = len(prompt) / (time.perf_counter() - begin)
        written: list[int] = []
        fault = ""
        begin = time.perf_counter()
        while len(written) < _WRITTEN:
            if not numpy.isfinite(logits).all():
                fault = "nan"
                break
            # an end would end the measuring: what the model would say next instead is as good
            token = next(int(number) for number in numpy.argsort(logits)[::-1] if not reader.is_end(int(number)))
            written.append(token)
            logits = reader.append([token], len(prompt) + len(written) - 1)
            progress(len(written) / _WRITTEN, f"{len(written)}/{_WRITTEN}")
        seconds = time.perf_counter() - begin
        sample = reader.text_of(written)
        if not fault and written and not sample.strip():
            fault = "empty"
        if not fault and is_looping(written):
            fault = "repeats"
        return Probe(prefill, len(written) / seconds if written else 0.0, _peak_memory(), sample, fault)
    finally:
        reader.close()


def is_looping(tokens: list[int]) -> bool:
    """Whether the last three quarters of what was written repeat the same few tokens."""
    tail = tokens[len(tokens) // 4 :]
    if len(tail) < 6 * _LOOP:
        return False
    return any(all(tail[index] == tail[index - step] for index in range(step, len(tail))) for step in range(1, _LOOP + 1))


def _peak_memory() -> int:
    """Bytes of this process at the most."""
    import psutil

    peak = getattr(psutil.Process().memory_info(), "peak_wset", 0)  # Windows only
    if peak:
        return int(peak)
    import contextlib
    import resource
    import sys

    with contextlib.suppress(OSError, ValueError, StopIteration):
        # what getrusage tells is at least what the parent took when it started this process
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * 1024)
