"""One step of an order: the projector (mmproj) of a model that sees, made beside the files of its text model, or brought there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from models.card import choose_projector
from models.errors import UserFacingError
from quantize.conversion_step import convert_once
from quantize.order import Order
from quantize.output import Output
from quantize.runner import Progress


def can_see(source: Path) -> bool:
    """Whether a checkpoint folder holds a part that sees, or a projector lies beside a GGUF file."""
    if not source.is_dir():
        return find_projector_beside(source) is not None
    from quantize.gguf.checkpoint import Checkpoint
    from quantize.gguf.text_part import has_eyes

    try:
        return has_eyes(Checkpoint(source).config)
    except UserFacingError:
        return False  # what is wrong with it is told by the first step


def find_projector_beside(model: Path) -> Path | None:
    """The projector that lies in a model's folder and belongs to it by its name."""
    try:
        beside = [path.name for path in model.parent.glob("*.gguf")]
    except OSError:
        return None
    found = choose_projector(model.name, beside)
    return model.with_name(found) if found else None


class ProjectorStep:
    """Makes the projector of ``source`` in ``folder``; what was made before from the same checkpoint stays as it is."""

    def __init__(
        self,
        order: Order,
        source: Path,
        folder: Path,
        begin: Callable[[str, Path], Progress],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._order, self._source, self._folder = order, source, folder
        self._begin, self._is_cancelled = begin, is_cancelled

    def run(self) -> Path:
        """Do it; returns where the projector lies.

        Raises:
            WorkCancelled: nothing is left behind.
            UserFacingError: it could not be made; a file of its name that somebody else made stays.
        """
        return self._convert() if self._source.is_dir() else self._bring()

    def _convert(self) -> Path:
        from quantize.gguf.convert_projector import convert_projector, projector_name

        kind = self._order.projector
        target = self._folder / projector_name(self._source.resolve().name, kind)
        progress = self._begin("projector", target)
        return convert_once(
            self._order,
            self._source,
            target,
            kind,
            convert_projector,
            progress=progress,
            is_cancelled=self._is_cancelled,
            more=("--mmproj",),
        )

    def _bring(self) -> Path:
        """The projector that lies beside the model, beside the new files too: without it they would be blind."""
        found = find_projector_beside(self._source)
        assert found is not None
        target = self._folder / found.name
        progress = self._begin("projector", target)
        if not target.exists():
            with Output(target, source=found.name) as output:
                shutil.copyfile(found, output.path)
                output.keep()
        progress(1.0, found.name)
        return target
