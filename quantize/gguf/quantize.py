"""Makes a smaller GGUF out of a larger one with llama.cpp's own quantizer; the file has its final name only when it is whole."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import choose_threads
from models.card import split_stem
from models.errors import DiskFull, QuantizationFailed, UserFacingError
from models.gguf_header import read_header
from models.gguf_parts import read_parts
from quantize.gguf.importance_matrix import as_quantizer_data, read_importance_matrix
from quantize.gguf.types import find_file_type, find_tensor_type
from quantize.output import Output
from quantize.recipe import Recipe
from quantize.runner import Progress, run_step

_TENSOR_LINE = re.compile(r"\[\s*(\d+)/\s*(\d+)\]\s+(\S+)")
_UNQUANTIZED = ("F32", "F16", "BF16")
_REASONS = (
    (
        re.compile(r"requantizing from type (\S+) is disabled"),
        "It is quantized already: quantizing it again would add to the loss.",
    ),
    (re.compile(r"imatrix|importance matrix", re.IGNORECASE), "This type needs an importance matrix."),
    (re.compile(r"No space left", re.IGNORECASE), "The disk is full."),
)


def quantize_file(
    source: Path,
    target: Path,
    recipe: Recipe,
    *,
    imatrix: Path | None = None,
    may_requantize: bool = False,
    keeps_split: bool = False,
    threads: int = 0,
    progress: Progress = lambda fraction, text: None,
    is_cancelled: Callable[[], bool] = lambda: False,
    on_whole: Callable[[Path], object] = lambda made: None,
) -> Path:
    """Quantize ``source`` into ``target`` as the recipe says; returns ``target``. Runs in a child process.

    A source in parts becomes one file; with ``keeps_split`` as many parts, of which ``target`` is the first one's name.

    ``on_whole`` is given the file before it has its final name; what it writes beside the file gets its name first.

    Raises:
        QuantizationFailed: the source cannot be made into that type; says why.
        DiskFull: there is less room than the file will take.
        WorkCancelled: nothing is left behind.
        UserFacingError: the source is damaged, or the process died.
    """
    refuse(source, target, recipe, may_requantize=may_requantize)
    with Output(target, source=source.name) as output:
        arguments = {
            "source": str(source),
            "target": str(output.path if not keeps_split else output.path.with_name(split_prefix(target.name))),
            "recipe": recipe,
            "imatrix": str(imatrix) if imatrix else "",
            "may_requantize": may_requantize,
            "keeps_split": keeps_split,
            "threads": threads,
        }
        run_step(
            "quantize.gguf.quantize:quantize_here", arguments, subject=str(source), progress=progress, is_cancelled=is_cancelled
        )
        _check(source, output.path)
        on_whole(output.path)
        return output.keep()


def refuse(source: Path, target: Path, recipe: Recipe, *, may_requantize: bool) -> None:
    """Check what can be known before any work.

    Raises:
        UserFacingError: the work would fail or do harm.
    """
    headers = read_parts(source)
    kind = find_file_type(recipe.file_type)
    if target.resolve() == source.resolve():
        raise QuantizationFailed(file=source.name, reason="The new file would replace the one it is made from.")
    if kind.needs_imatrix and not recipe.imatrix_sha256:
        raise QuantizationFailed(file=source.name, reason="This type needs an importance matrix.")
    names = {tensor.type.name for header in headers for tensor in header.tensors}
    if not may_requantize and not names <= set(_UNQUANTIZED) and recipe.file_type.upper() not in _UNQUANTIZED:
        raise QuantizationFailed(file=source.name, reason="It is quantized already: quantizing it again would add to the loss.")
    room, needed = _free_bytes(target.parent), predict_bytes(source, recipe)
    if room < needed:
        raise DiskFull(folder=target.parent, free=f"{room / 2**30:.1f} GB")


def predict_bytes(source: Path, recipe: Recipe) -> int:
    """How large the file will be, roughly: weights at the type's bits, the small tensors as they are."""
    tensors = [tensor for header in read_parts(source) for tensor in header.tensors]
    bits = find_file_type(recipe.file_type).bits_per_weight
    weights = sum(tensor.element_count for tensor in tensors if len(tensor.shape) > 1)
    return int(weights * bits / 8 + 4 * sum(tensor.element_count for tensor in tensors if len(tensor.shape) <= 1) + 2**20)


def quantize_here(
    source: str,
    target: str,
    recipe: Recipe,
    imatrix: str,
    may_requantize: bool,
    threads: int,
    progress: Progress,
    keeps_split: bool = False,
) -> str:
    """The step itself, in the process that calls it: returns the engine's version. With ``keeps_split`` target is what parts begin with.

    Raises:
        QuantizationFailed: llama.cpp refused.
    """
    library = _Listening(progress)
    kept: list[Any] = []
    parameters = _make_parameters(library.api, recipe, source, kept)
    parameters.nthread = choose_threads(threads)
    parameters.allow_requantize = may_requantize
    parameters.keep_split = keeps_split
    if imatrix:
        entries, values = as_quantizer_data(library.api, read_importance_matrix(Path(imatrix)))
        kept.append(values)
        parameters.imatrix = ctypes.cast(entries, type(parameters.imatrix))
    result = library.api.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(parameters))
    kept.clear()  # C read them until now
    if result:
        raise _explain(Path(source).name, library.log_text())
    return library.version


def dry_run(source: str, recipe: Recipe) -> str:
    """What llama.cpp logs of a run that writes nothing: the type of every tensor. In the process that calls it.

    Raises:
        QuantizationFailed: llama.cpp refused.
    """
    library = _Keeping()
    kept: list[Any] = []
    parameters = _make_parameters(library.api, recipe, source, kept)
    parameters.dry_run = parameters.allow_requantize = True
    result = library.api.llama_model_quantize(os.fsencode(source), b"", ctypes.byref(parameters))
    kept.clear()
    log = "".join(library.said)
    if result:
        raise _explain(Path(source).name, log)
    return log


def _make_parameters(api: Any, recipe: Recipe, source: str, kept: list[Any]) -> Any:
    """The recipe as C takes it for a file; ``kept`` gets what must stay alive until C is done."""
    parameters = api.llama_model_quantize_default_params()
    parameters.ftype = find_file_type(recipe.file_type).number
    parameters.quantize_output_tensor = not recipe.keeps_output
    parameters.pure = recipe.is_pure
    if recipe.output_type:
        parameters.output_tensor_type = find_tensor_type(recipe.output_type)
    if recipe.embedding_type:
        parameters.token_embedding_type = find_tensor_type(recipe.embedding_type)
    wanted = [*recipe.overrides, *_spare_guessing_layers(recipe, Path(source))]
    overrides = (api.llama_model_tensor_override * (len(wanted) + 1))()
    for index, (pattern, tensor_type) in enumerate(wanted):
        overrides[index].pattern = pattern.encode()
        overrides[index].type = find_tensor_type(tensor_type)
    if wanted:
        parameters.tt_overrides = ctypes.cast(overrides, type(parameters.tt_overrides))
        kept.append(overrides)
    return parameters


def _spare_guessing_layers(recipe: Recipe, source: Path) -> list[tuple[str, str]]:
    """Overrides for layers that guess ahead (MTP) in types below four bits: no text runs through them, so no matrix knows them.

    llama.cpp refuses its smallest types for a tensor that the importance matrix leaves out.
    """
    header = read_header(source)
    guessing, layers = header.of_architecture("nextn_predict_layers"), header.of_architecture("block_count")
    if not guessing or find_file_type(recipe.file_type).bits_per_weight >= 4:
        return []
    numbers = "|".join(str(number) for number in range(layers - guessing, layers))
    return [(rf"blk\.({numbers})\.(attn|ffn|nextn).*weight", "Q4_K")]


class _Listening(NativeLibrary):
    """Hears “[ 3/ 47] blk.0.attn_q.weight” in the log: llama.cpp's quantizer has no progress callback."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        super().__init__()

    def _receive(self, level: int, text: bytes | None, user_data: object) -> None:
        super()._receive(level, text, user_data)
        match = _TENSOR_LINE.search((text or b"").decode("utf-8", "replace"))
        if match:
            self._progress(int(match.group(1)) / max(1, int(match.group(2))), match.group(3))


class _Keeping(NativeLibrary):
    """Keeps every line of the log, of which the engine's own ring keeps only the last."""

    def __init__(self) -> None:
        self.said: list[str] = []
        super().__init__()

    def _receive(self, level: int, text: bytes | None, user_data: object) -> None:
        super()._receive(level, text, user_data)
        self.said.append((text or b"").decode("utf-8", "replace"))


def _explain(name: str, log: str) -> QuantizationFailed:
    for pattern, reason in _REASONS:
        if pattern.search(log):
            return QuantizationFailed(file=name, reason=reason, details=log)
    lines = [line.strip() for line in log.splitlines() if "fail" in line.lower() or "error" in line.lower()]
    return QuantizationFailed(file=name, reason=f"llama.cpp says: {lines[-1] if lines else 'nothing'}.", details=log)


def _check(source: Path, made: Path) -> None:
    """Never trust an exit code: the file must be readable and hold every tensor of its source."""
    try:
        found = {tensor.name for header in read_parts(made) for tensor in header.tensors}
    except UserFacingError as error:
        raise QuantizationFailed(
            file=source.name, reason="The file that was made cannot be read.", details=error.english()
        ) from error
    missing = {tensor.name for header in read_parts(source) for tensor in header.tensors} - found
    if missing:
        raise QuantizationFailed(
            file=source.name, reason=f"The file that was made lacks {len(missing)} tensors.", details="\n".join(sorted(missing))
        )


def split_prefix(name: str) -> str:
    """What the parts of a model begin with, from the first one's name.

    Raises:
        QuantizationFailed: it is no name of a part.
    """
    found = split_stem(name)
    if found is None:
        raise QuantizationFailed(file=name, reason="Its source is one file, so there are no parts to keep.")
    return found[0]


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise QuantizationFailed(file=folder.name, reason=f"{folder} cannot be written: {error.strerror or error}.") from error
