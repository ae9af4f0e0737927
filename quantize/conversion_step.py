"""One file of a checkpoint: converted here, or by a script of the user's where this program does not know it, and never twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from models.errors import QuantizationFailed, UnsupportedArchitecture
from models.gguf_header import read_header
from quantize.fingerprint import fingerprint
from quantize.order import Order
from quantize.runner import Progress


def convert_once(
    order: Order,
    source: Path,
    target: Path,
    kind: str,
    convert: Callable[..., Path],
    *,
    progress: Progress,
    is_cancelled: Callable[[], bool],
    more: Sequence[str] = (),
) -> Path:
    """``target``, made by ``convert(source, target, kind, progress=…, is_cancelled=…)`` unless it is there from the same checkpoint.

    ``more`` are arguments for the script of the order, which has its turn where the architecture is not known here.

    Raises:
        WorkCancelled: nothing is left behind.
        UserFacingError: it could not be made; a file of its name that somebody else made stays.
    """
    from quantize.gguf.convert import SOURCE_KEY
    from quantize.gguf.upstream_converter import convert_with_script

    if target.exists():
        made_from = read_header(target).text(SOURCE_KEY)
        if made_from == fingerprint(source):
            return target
        if not made_from:
            reason = f"{target.name} is there already and was made by something else: move it, or choose another folder."
            raise QuantizationFailed(file=source.name, reason=reason)
    try:
        return convert(source, target, kind, progress=progress, is_cancelled=is_cancelled)
    except UnsupportedArchitecture:
        if not order.converter:
            raise
        script, python = Path(order.converter), order.converter_python
        return convert_with_script(
            script, python, source, target, kind, more=tuple(more), progress=progress, is_cancelled=is_cancelled
        )
