"""One step of an order: what a file or folder lost, and how fast it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quantize.order import Order
from quantize.probe import Probe, probe_model
from quantize.quality import Quality, measure_quality

_QUALITY_SHARE = 0.9


def measure_target(
    target: Path,
    base: Path,
    text: str,
    order: Order,
    progress: Callable[[float, str], None],
    is_cancelled: Callable[[], bool],
) -> tuple[Quality, Probe]:
    """Compare ``target`` with ``base`` on ``text``, then time it. ``progress`` is told shares of both and words.

    Raises:
        WorkCancelled, UserFacingError: as :func:`quantize.quality.measure_quality` and :func:`quantize.probe.probe_model` do.
    """
    quality = measure_quality(
        target,
        text,
        base=base,
        most_windows=order.windows,
        threads=order.threads,
        progress=lambda fraction, words: progress(_QUALITY_SHARE * fraction, words),
        is_cancelled=is_cancelled,
    )
    probe = probe_model(
        target,
        text,
        threads=order.threads,
        progress=lambda fraction, words: progress(_QUALITY_SHARE + (1 - _QUALITY_SHARE) * fraction, words),
        is_cancelled=is_cancelled,
    )
    return quality, probe
