"""A checkpoint to a 4-bit one, layer by layer: each finished layer is on disk at once, so a run that was killed goes on there."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.torch_transformers.presence import require_torch
from models.errors import DamagedModelFile, DiskFull, NotAModelFile, QuantizationFailed, UnsupportedArchitecture
from quantize.awq.recipe import AwqRecipe
from quantize.fingerprint import fingerprint
from quantize.folder_card import hash_folder, make_folder_card
from quantize.output import explain_write
from quantize.quality import WINDOW, cut_windows
from quantize.quality_card import EMBEDDED_NAME, hash_text
from quantize.runner import Progress, run_step

if TYPE_CHECKING:
    from torch import Tensor

    from quantize.awq.network import Network

_STATE = "state.json"
_MMAP_THRESHOLD = -3
"""``M_MMAP_THRESHOLD`` of glibc's mallopt: larger pieces are mapped by themselves."""
_OUTPUTS = 8
"""A word holds eight numbers of neighbouring outputs."""


def quantize_checkpoint(
    source: Path,
    target: Path,
    recipe: AwqRecipe,
    text: str,
    *,
    threads: int = 0,
    progress: Progress = lambda fraction, words: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the folder ``target``, in a child process; returns it. ``text`` calibrates. What a killed run finished is used.

    Raises:
        UserFacingError: it cannot be quantized, or the disk is full; the target is there whole or not at all.
        WorkCancelled: it was cancelled; finished layers wait beside the target for the next run.
    """
    require_torch()
    values = {"source": str(source), "target": str(target), "recipe": recipe.to_json(), "text": text, "threads": threads}
    work = work_folder(target)
    try:
        run_step(
            "quantize.awq.run:quantize_here",
            values,
            subject=str(source),
            progress=progress,
            is_cancelled=is_cancelled,
            needs_torch=True,
        )
    except (DamagedModelFile, NotAModelFile, UnsupportedArchitecture, QuantizationFailed):
        shutil.rmtree(work, ignore_errors=True)  # it cannot be finished: nothing is left behind
        raise
    return target


def work_folder(target: Path) -> Path:
    """Where finished layers wait until all are."""
    return target.with_name(f".{target.name}.awq")


def quantize_here(source: str, target: str, recipe: dict[str, Any], text: str, threads: int, progress: Progress) -> None:
    """The work itself, in the process that calls it."""
    import torch

    from backends.llamacpp.model import choose_threads
    from quantize.awq.recipe import awq_recipe_from_json

    torch.set_num_threads(choose_threads(threads))
    torch.manual_seed(0)
    _keep_memory_whole()
    work = work_folder(Path(target))
    try:
        _Run(Path(source), Path(target), work, awq_recipe_from_json(recipe), text, progress).run()
    except OSError as error:
        raise explain_write(Path(source).name, Path(target), error) from error
    except RuntimeError as error:
        if "No space left" in str(error):
            raise DiskFull(folder=work.parent, free="nothing") from error
        raise


def _keep_memory_whole() -> None:
    """Give memory of matrices back at once: glibc would keep it in pieces that the next layer does not fit into."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 20)


class _Run:
    """One checkpoint on its way."""

    def __init__(self, source: Path, target: Path, work: Path, recipe: AwqRecipe, text: str, progress: Progress) -> None:
        self._source, self._target, self._work = source, target, work
        self._recipe, self._text, self._progress = recipe, text, progress

    def run(self) -> None:
        """All of it: check, layers, the folder."""
        from quantize.awq.checkpoint_writer import write_checkpoint
        from quantize.awq.network import Network

        if self._target.exists() and (not self._target.is_dir() or any(self._target.iterdir())):
            reason = f"{self._target.name} is there already: move it, or choose another folder."
            raise QuantizationFailed(file=self._source.name, reason=reason)
        network = Network(self._source)
        network.check()
        check_shapes(network, self._recipe)
        self._prepare_work(network)
        windows = cut_calibration(self._source, self._text, self._recipe, network)
        hidden, arguments = network.first_inputs(windows)
        notes = []
        for index in range(len(network)):
            hidden, note = self._layer(network, index, hidden, arguments[index])
            notes.append(note)
        self._progress(0.99, "writing")
        made = self._work / "made"
        write_checkpoint(network, [self._layer_file(i) for i in range(len(network))], made, self._recipe, notes)
        card = make_folder_card(made, self._source, hash_folder(self._source), self._recipe, name=self._target.name)
        (made / EMBEDDED_NAME).write_text(json.dumps(card.to_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        if self._target.is_dir():
            self._target.rmdir()
        made.replace(self._target)
        shutil.rmtree(self._work, ignore_errors=True)

    def _prepare_work(self, network: Network) -> None:
        """The folder of this run's own: what a run of another recipe, text or source left there goes."""
        import torch

        state = {
            "source": fingerprint(self._source),
            "recipe": self._recipe.to_json(),
            "text": hash_text(self._text),
            "threads": torch.get_num_threads(),  # sums of another order are other sums
            "torch": torch.__version__,
        }
        path = self._work / _STATE
        with contextlib.suppress(OSError, ValueError):
            if json.loads(path.read_text(encoding="utf-8")) == state:
                return
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True)
        free, needed = shutil.disk_usage(self._work).free, _predict_bytes(network)
        if free < needed:
            shutil.rmtree(self._work, ignore_errors=True)
            raise DiskFull(folder=self._target.parent, free=f"{free / 2**30:.1f} GB")
        path.write_text(json.dumps(state), encoding="utf-8")

    def _layer_file(self, index: int) -> Path:
        return self._work / f"layer-{index:05d}.safetensors"

    def _layer(
        self, network: Network, index: int, hidden: list[Tensor], arguments: dict[str, Any]
    ) -> tuple[list[Tensor], dict[str, str]]:
        """What leaves the layer in its new form; it is on disk then."""
        import torch
        from safetensors import safe_open
        from safetensors.torch import save_file

        from quantize.awq.layer_work import quantize_layer
        from quantize.awq.network import run_layer
        from quantize.awq.restore import restore_layer

        count = len(network)
        words = f"layer {index + 1}/{count}"
        self._progress(index / count, words)
        path = self._layer_file(index)
        if path.is_file():
            with safe_open(path, "pt") as file:
                notes = dict(file.metadata() or {})
            restore_layer(network, index, path)
        else:
            tensors, notes = quantize_layer(
                network, index, hidden, arguments, self._recipe, lambda part: self._progress((index + part) / count, words)
            )
            partial = path.with_suffix(".part")
            save_file(tensors, partial, metadata={"format": "pt", **notes})
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        with torch.inference_mode():
            outputs = [run_layer(network.layers[index], x, arguments) for x in hidden] if index + 1 < count else []
        network.unload(index)
        return outputs, notes


def cut_calibration(source: Path, text: str, recipe: AwqRecipe, network: Network | None = None) -> list[list[int]]:
    """Windows of tokens of the calibration text, drawn by the recipe's seed. ``network`` is the source where it is open already.

    Raises:
        QuantizationFailed: the text is too short.
    """
    from backends.torch_transformers.tokens import read_tokenizer
    from quantize.awq.network import Network

    network = network or Network(source)
    tokenizer = read_tokenizer(network.folder, int(network.config.vocab_size))
    tokens = tokenizer.encode(text, parse_special=False)
    size = min(WINDOW, int(getattr(network.config, "max_position_embeddings", WINDOW) or WINDOW))
    windows = list(cut_windows(tokens, tokenizer.begin if tokenizer.adds_begin else None, size))
    if not windows:
        reason = f"The calibration text has {len(tokens)} tokens and {size} are needed: take a longer one."
        raise QuantizationFailed(file=source.name, reason=reason)
    random.Random(recipe.seed).shuffle(windows)
    return windows[: recipe.windows]


def check_shapes(network: Network, recipe: AwqRecipe) -> None:
    """See that every Linear of the decoder can be cut into groups.

    Raises:
        QuantizationFailed: one cannot; it names a group size that would fit all, where there is one.
    """
    import torch

    linears = [module for layer in network.layers for module in layer.modules() if isinstance(module, torch.nn.Linear)]
    if not linears:
        raise QuantizationFailed(file=network.folder.name, reason="Its layers hold no linear weights that could be quantized.")
    odd = next((linear for linear in linears if linear.out_features % _OUTPUTS), None)
    if odd is not None:
        reason = f"A weight of it has {odd.out_features} outputs, which is not a multiple of {_OUTPUTS}."
        raise QuantizationFailed(file=network.folder.name, reason=reason)
    wrong = next((linear.in_features for linear in linears if linear.in_features % recipe.group_size), 0)
    if wrong:
        fitting = [size for size in (128, 64, 32) if not any(linear.in_features % size for linear in linears)]
        size = recipe.group_size
        reason = f"A weight of it has {wrong} inputs, which is not a multiple of {size}: quantize it to GGUF instead."
        if fitting:
            reason = f"A weight of it has {wrong} inputs, which is not a multiple of {size}: take --group-size {fitting[0]}."
        raise QuantizationFailed(file=network.folder.name, reason=reason)


def _predict_bytes(network: Network) -> int:
    """Bytes on disk that the run needs at the most: finished layers, and the folder that is made of them."""
    layers = sum(parameter.numel() for layer in network.layers for parameter in layer.parameters())
    places = [network.checkpoint.place(name) for name in network.other_tensors()]
    return int(layers * 0.6 * 2) + sum(place.end - place.begin for place in places) + (64 << 20)
