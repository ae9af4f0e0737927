"""An importance matrix in memory: what it says of each weight, what it never saw, and several as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from models.errors import QuantizationFailed
from quantize.quality import WINDOW

if TYPE_CHECKING:
    import numpy


@dataclass(slots=True)
class Channel:
    """Sums of squares (matrices, inputs) of one weight, and how many rows each matrix saw; more than one matrix for experts."""

    sums: numpy.ndarray
    counts: numpy.ndarray


@dataclass(frozen=True, slots=True)
class Untouched:
    """A weight of which ``count`` of ``total`` experts or input channels saw nothing but zeros."""

    name: str
    kind: Literal["experts", "channels"]
    count: int
    total: int


@dataclass(slots=True)
class ImportanceMatrix:
    """Channels by the name of their weight; ``windows`` of ``window`` tokens were read.

    ``dataset`` is the hash of the text, ``model`` the fingerprint of what read it; both are empty where nobody said.
    """

    channels: dict[str, Channel]
    windows: int
    window: int = WINDOW
    dataset: str = ""
    model: str = ""

    def means(self) -> dict[str, numpy.ndarray]:
        """Mean squares by weight, flat, as the quantizer takes them; matrices that saw nothing count as ones."""
        import numpy

        found = {}
        for name, channel in self.channels.items():
            counts = channel.counts.astype(numpy.float32)[:, None]
            found[name] = numpy.where(counts > 0, channel.sums / numpy.maximum(counts, 1), 1.0).astype(numpy.float32).ravel()
        return found

    def untouched(self) -> list[str]:
        """What the text never used: “name: 3 of 8 experts”, “name: 12 of 4,096 channels”."""
        return [f"{one.name}: {one.count:,} of {one.total:,} {one.kind}" for one in self.iter_untouched()]

    def iter_untouched(self) -> Iterator[Untouched]:
        """The same as values, by the name of the weight."""
        for name, channel in sorted(self.channels.items()):
            idle = int((channel.counts == 0).sum())
            if idle:
                yield Untouched(name, "experts", idle, len(channel.counts))
            silent = int((channel.sums[channel.counts > 0] == 0).sum())
            if silent:
                yield Untouched(name, "channels", silent, channel.sums.size)

    def coverage(self) -> tuple[int, int]:
        """How many matrices (experts count singly) were touched, of how many."""
        touched = sum(int((channel.counts > 0).sum()) for channel in self.channels.values())
        return touched, sum(len(channel.counts) for channel in self.channels.values())


def merge_importance_matrices(matrices: list[ImportanceMatrix]) -> ImportanceMatrix:
    """The matrix of all texts together, each counting by its tokens.

    Raises:
        QuantizationFailed: they are of different models.
    """
    merged = ImportanceMatrix({}, 0, matrices[0].window, "+".join(matrix.dataset for matrix in matrices), matrices[0].model)
    for matrix in matrices:
        merged.windows += matrix.windows
        for name, channel in matrix.channels.items():
            old = merged.channels.get(name)
            if old is None:
                merged.channels[name] = Channel(channel.sums.copy(), channel.counts.copy())
            elif old.sums.shape != channel.sums.shape:
                raise QuantizationFailed(file=name, reason="The importance matrices are of different models.")
            else:
                old.sums += channel.sums
                old.counts += channel.counts
    return merged
