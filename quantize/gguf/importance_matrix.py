"""The importance matrix: how strongly each input channel of each weight is used on a text, in llama.cpp's own file format.

Collected as llama-imatrix does (https://github.com/ggml-org/llama.cpp/tree/master/tools/imatrix): the squares of what flows into every
matrix product are summed over all tokens of windows of 512.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.llamacpp.library import NativeLibrary
from models.errors import DamagedModelFile, QuantizationFailed, UserFacingError
from quantize.fingerprint import fingerprint
from quantize.gguf.eval_tensor import EvalTensors
from quantize.gguf.legacy_imatrix import is_legacy, read_legacy
from quantize.gguf.matrix import Channel, ImportanceMatrix
from quantize.output import explain_write
from quantize.quality import WINDOW, cut_windows
from quantize.runner import Progress, run_step

if TYPE_CHECKING:
    import numpy

_SUMS, _COUNTS = ".in_sum2", ".counts"
KEEP_SECONDS = 20
"""How much work a killed run may lose."""


def compute_importance_matrix(
    model: Path,
    text: str,
    target: Path,
    *,
    most_windows: int = 0,
    threads: int = 0,
    progress: Progress = lambda fraction, words: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> ImportanceMatrix:
    """Read a text with a model and write its importance matrix; in a child process.

    Raises:
        QuantizationFailed: the text is too short, or nothing could be observed.
        WorkCancelled: it was cancelled; nothing is left behind.
    """
    arguments = {"model": str(model), "text": text, "target": str(target), "most_windows": most_windows, "threads": threads}
    run_step(
        "quantize.gguf.importance_matrix:compute_here",
        arguments,
        subject=str(model),
        progress=progress,
        is_cancelled=is_cancelled,
    )
    return read_importance_matrix(target)


def compute_here(model: str, text: str, target: str, most_windows: int, threads: int, progress: Progress) -> None:
    """The work itself, in the process that calls it. It goes on where a run that was killed had kept what it knew."""
    from quantize.logit_reader import LogitReader

    library = NativeLibrary()
    collector = _Collector(library)
    reader = LogitReader(library, model, WINDOW, threads, callback=collector.callback)
    kept = Path(target).with_name(f".{Path(target).name}.progress")
    matrix = ImportanceMatrix({}, 0, dataset=hashlib.sha256(text.encode()).hexdigest(), model=fingerprint(Path(model)))
    try:
        windows = list(cut_windows(reader.tokenize(text), reader.begin_token, WINDOW))
        if not windows:
            raise QuantizationFailed(file=Path(model).name, reason=f"The text has fewer than {WINDOW} tokens: take a longer one.")
        if most_windows:
            windows = windows[:: max(1, len(windows) // most_windows)][:most_windows]
        matrix.channels = collector.channels
        matrix.windows = _resume(kept, matrix)
        saved = time.monotonic()
        for window in windows[matrix.windows :]:
            reader.decode(window, first=0, with_last=True)
            matrix.windows += 1
            if collector.problem:
                raise QuantizationFailed(file=Path(model).name, reason=collector.problem)
            if time.monotonic() - saved > KEEP_SECONDS and collector.channels:
                write_importance_matrix(matrix, kept)
                saved = time.monotonic()
            progress(matrix.windows / len(windows), f"{matrix.windows}/{len(windows)}")
    finally:
        reader.close()
    if not collector.channels:
        raise QuantizationFailed(file=Path(model).name, reason="No matrix product was seen.")
    write_importance_matrix(matrix, Path(target))
    kept.unlink(missing_ok=True)


def _resume(kept: Path, matrix: ImportanceMatrix) -> int:
    """Take over what an interrupted run of the same text and model kept; returns how many windows it had read."""
    try:
        found = read_importance_matrix(kept) if kept.exists() else None
    except UserFacingError:
        found = None
    if found is None or (found.dataset, found.model) != (matrix.dataset, matrix.model):
        return 0
    matrix.channels.update(found.channels)
    return found.windows


class _Collector:
    """Called by llama.cpp for every tensor of the graph: says which it wants, and adds up what it then gets."""

    def __init__(self, library: NativeLibrary) -> None:
        self.channels: dict[str, Channel] = {}
        self.problem = ""
        self._tensors = EvalTensors()
        self.callback = library.api.ggml_backend_sched_eval_callback(self._hear)

    def _hear(self, address: int, is_question: bool, _user_data: object) -> bool:
        tensor = self._tensors.at(address)
        operation = self._tensors.operation(tensor)
        if operation not in ("MUL_MAT", "MUL_MAT_ID"):
            return not is_question
        weight, inputs = self._tensors.at(tensor.src[0]), self._tensors.at(tensor.src[1])
        name = self._tensors.name(weight)
        if not name.startswith("blk.") or inputs.ne[1] * inputs.ne[2] < 16:
            return not is_question
        if is_question:
            return True
        try:
            self._add(name, weight, inputs, tensor, operation)
        except ValueError as error:  # raising through C would end the process
            self.problem = str(error)
        return True

    def _add(self, name: str, weight: Any, inputs: Any, tensor: Any, operation: str) -> None:
        import numpy

        values = self._tensors.floats(inputs)
        matrices = int(weight.ne[2]) if operation == "MUL_MAT_ID" else 1
        channel = self.channels.get(name)
        if channel is None:
            channel = Channel(numpy.zeros((matrices, int(weight.ne[0])), numpy.float32), numpy.zeros(matrices, numpy.int64))
            self.channels[name] = channel
        if operation == "MUL_MAT":
            rows = values.reshape(-1, values.shape[-1])
            channel.sums[0] += numpy.square(rows, dtype=numpy.float32).sum(axis=0)
            channel.counts[0] += len(rows)
            return
        chosen = self._tensors.integers(self._tensors.at(tensor.src[2]))
        squares = numpy.square(values[0] if values.ndim == 4 else values, dtype=numpy.float32)
        chosen = chosen.reshape(-1, chosen.shape[-1])
        for expert in numpy.unique(chosen).tolist():
            tokens, slots = numpy.nonzero(chosen == expert)
            channel.sums[expert] += squares[tokens, slots % squares.shape[1]].sum(axis=0)
            channel.counts[expert] += len(tokens)


def write_importance_matrix(matrix: ImportanceMatrix, target: Path) -> None:
    """Write the GGUF that llama.cpp's tools read; under its final name only when whole."""
    import numpy
    from gguf import GGUFWriter

    partial = target.with_name(f".{target.name}.part")
    writer = GGUFWriter(str(partial), arch="")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", [matrix.dataset or "text"])
    if matrix.model:
        writer.add_string("yanmo.imatrix.model", matrix.model)
    writer.add_uint32("imatrix.chunk_count", matrix.windows)
    writer.add_uint32("imatrix.chunk_size", matrix.window)
    for name, channel in sorted(matrix.channels.items()):
        writer.add_tensor(name + _SUMS, channel.sums.astype(numpy.float32))
        writer.add_tensor(name + _COUNTS, channel.counts.astype(numpy.float32)[:, None])
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        partial.replace(target)
    except OSError as error:
        for file in writer.fout or []:
            with contextlib.suppress(OSError):
                file.close()
        partial.unlink(missing_ok=True)
        raise explain_write(target.name, target, error) from error


def read_importance_matrix(path: Path) -> ImportanceMatrix:
    """Read a matrix that was computed here or by llama.cpp.

    Raises:
        UserFacingError: it is not a GGUF, is damaged, or holds no importance matrix.
    """
    import numpy

    from models.gguf_header import read_header

    if is_legacy(path):
        return read_legacy(path)
    header = read_header(path)
    tensors = {tensor.name: tensor for tensor in header.tensors}
    data = numpy.memmap(path, dtype=numpy.uint8, mode="r")

    def floats(name: str) -> numpy.ndarray:
        tensor = tensors[name]
        start = header.data_offset + tensor.offset
        shape = tuple(reversed(tensor.shape))
        return data[start : start + tensor.byte_count].view(numpy.float32).reshape(shape).copy()

    channels: dict[str, Channel] = {}
    for name in tensors:
        if not name.endswith(_SUMS):
            continue
        weight = name.removesuffix(_SUMS)
        if weight + _COUNTS not in tensors or {tensors[name].type.name, tensors[weight + _COUNTS].type.name} != {"F32"}:
            raise DamagedModelFile(file=path.name, reason=f"The importance matrix of “{weight}” is not whole.")
        sums = floats(name)
        channels[weight] = Channel(sums.reshape(-1, sums.shape[-1]), floats(weight + _COUNTS).ravel().astype(numpy.int64))
    if not channels:
        raise DamagedModelFile(file=path.name, reason="It holds no importance matrix.")
    datasets = header.read_array("imatrix.datasets", 1)
    return ImportanceMatrix(
        channels,
        header.whole("imatrix.chunk_count"),
        header.whole("imatrix.chunk_size", WINDOW),
        str(datasets[0]) if datasets else "",
        header.text("yanmo.imatrix.model"),
    )


def as_quantizer_data(api: Any, matrix: ImportanceMatrix) -> tuple[Any, list[Any]]:
    """The C array that the quantizer takes, and what must stay alive as long as it is used."""
    means = matrix.means()
    entries = (api.llama_model_imatrix_data * (len(means) + 1))()
    kept: list[Any] = [entries]
    for index, (name, values) in enumerate(means.items()):
        label = name.encode()
        kept += [label, values]
        entries[index].name = label
        entries[index].data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entries[index].size = len(values)
    return entries, kept
