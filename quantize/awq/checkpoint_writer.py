"""The folder of a 4-bit checkpoint: weights in as few files as sense makes, settings, tokenizer, template and model card."""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quantize.awq.recipe import AUTOAWQ, AwqRecipe, write_awq_recipe
from quantize.gguf.checkpoint import Checkpoint, TensorPlace, read_tensor_places
from quantize.gguf.model_card import read_model_card

if TYPE_CHECKING:
    from quantize.awq.network import Network

_VOICE = ("talker", "token2wav")
_LARGEST_FILE = 4 << 30
_PIECE = 8 << 20
_COPIED = (
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *(
        "merges.txt",
        "vocab.txt",
        "generation_config.json",
        "chat_template.jinja",
        "chat_template.json",
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
    ),
)
_ALSO_COPIED = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*", "additional_chat_templates/*")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor's name and where its bytes lie now."""

    name: str
    place: TensorPlace

    @property
    def size(self) -> int:
        """Bytes."""
        return self.place.end - self.place.begin

    @property
    def dtype(self) -> str:
        """The type by its name in safetensors."""
        return self.place.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents."""
        return self.place.shape

    def pieces(self) -> Iterator[bytes]:
        """Its bytes."""
        return _iter_bytes(self.place)


@dataclass(frozen=True, slots=True)
class MadeTensor:
    """A tensor whose bytes are made when they are written."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    make: Callable[[], bytes]

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * (4 if self.dtype == "F32" else 2)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes."""
        yield self.make()


def write_checkpoint(
    network: Network, layer_files: list[Path], folder: Path, recipe: AwqRecipe, notes: list[dict[str, str]]
) -> None:
    """Make ``folder`` of the finished layers and of what else the source holds; every file is on the disk when it returns.

    Raises:
        OSError: it could not be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    checkpoint = network.checkpoint
    tensors: list[StoredTensor | MadeTensor] = [StoredTensor(name, checkpoint.place(name)) for name in network.other_tensors()]
    for file in layer_files:
        tensors += [StoredTensor(name, place) for name, place in read_tensor_places(file).items()]
    write_weights(tensors, folder)
    copy_side_files(network.folder, folder)
    config = checkpoint.read_json("config.json")
    spared = network.eyes
    if "thinker_config" in config:  # it speaks too, by networks of their own
        spared = (*(f"thinker.{part}" for part in spared), *spared, *_VOICE)
    config["quantization_config"] = describe_layout(recipe, spared)
    write_json(folder / "config.json", config)
    (folder / "README.md").write_text(_write_readme(checkpoint, recipe, notes), encoding="utf-8")
    for path in folder.iterdir():
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())


def describe_layout(recipe: AwqRecipe, eyes: tuple[str, ...] = ()) -> dict[str, Any]:
    """The ``quantization_config`` by which loaders recognise the layout; ``eyes`` are parts of the model that stay in float.

    They are named with and without the model around them: transformers compares beginnings, vLLM parts of names.
    """
    if recipe.layout == AUTOAWQ:
        return {
            "quant_method": "awq",
            "bits": 4,
            "group_size": recipe.group_size,
            "zero_point": True,  # a symmetric one has its zero at 8, which every loader of this layout reads
            "version": "gemm",
            "modules_to_not_convert": [name for part in eyes for name in (f"model.{part}", part)] or None,
        }
    weights = {
        "num_bits": 4,
        "type": "int",
        "symmetric": recipe.is_symmetric,
        "strategy": "group",
        "group_size": recipe.group_size,
        "dynamic": False,
        "observer": "minmax",
    }
    group = {"targets": ["Linear"], "weights": weights, "input_activations": None, "output_activations": None}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": {**group, "format": "pack-quantized"}},
        "ignore": ["lm_head", *(f"re:.*{part}.*" for part in eyes)],
        "kv_cache_scheme": None,
    }


def write_weights(tensors: list[StoredTensor | MadeTensor], folder: Path) -> None:
    """Copy tensors, byte for byte, into one safetensors file or several of 4 GB, with an index where there are several."""
    parts: list[list[StoredTensor | MadeTensor]] = [[]]
    size = 0
    for tensor in sorted(tensors, key=lambda tensor: tensor.name):
        if parts[-1] and size + tensor.size > _LARGEST_FILE:
            parts.append([])
            size = 0
        parts[-1].append(tensor)
        size += tensor.size
    if len(parts) == 1:
        _write_file(parts[0], folder / "model.safetensors")
        return
    places: dict[str, str] = {}
    for number, part in enumerate(parts, 1):
        name = f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        _write_file(part, folder / name)
        places |= {tensor.name: name for tensor in part}
    total = sum(tensor.size for tensor in tensors)
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": places})


def _write_file(tensors: list[StoredTensor | MadeTensor], path: Path) -> None:
    """https://github.com/huggingface/safetensors#format."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.size],
        }
        offset += tensor.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors:
            for piece in tensor.pieces():
                file.write(piece)


def _iter_bytes(place: TensorPlace) -> Iterator[bytes]:
    with place.file.open("rb") as file:
        file.seek(place.begin)
        left = place.end - place.begin
        while left:
            piece = file.read(min(_PIECE, left))
            if not piece:
                raise OSError(f"{place.file.name} ended early")
            left -= len(piece)
            yield piece


def copy_side_files(source: Path, folder: Path) -> None:
    """Everything of a checkpoint that is neither weights nor settings nor card."""
    for name in _COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    for pattern in _ALSO_COPIED:
        for path in source.glob(pattern):
            if path.is_file():
                (folder / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / path.relative_to(source))


def write_json(path: Path, value: dict[str, Any]) -> None:
    """A table as a JSON file for people to read."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _write_readme(checkpoint: Checkpoint, recipe: AwqRecipe, notes: list[dict[str, str]]) -> str:
    """A model card: https://huggingface.co/docs/hub/model-cards."""
    said = read_model_card(checkpoint.read_text("README.md"))
    name = checkpoint.folder.resolve().name
    front: list[str] = []
    for key in ("license", "license_name", "license_link", "language", "pipeline_tag", "base_model"):
        if said.get(key):
            values = said[key]
            front += [f"{key}: {values[0]}"] if len(values) == 1 else [f"{key}:", *(f"- {value}" for value in values)]
    front += ["library_name: transformers", "tags:", "- awq", "- 4-bit"]
    ways: dict[str, int] = {}
    for note in notes:
        ways[note.get("way", "")] = ways.get(note.get("way", ""), 0) + 1
    told = ", ".join(f"{way} in {count} layers" for way, count in sorted(ways.items()))
    layout = "AutoAWQ's “gemm” layout" if recipe.layout == AUTOAWQ else "compressed-tensors' “pack-quantized” layout"
    text = [
        f"# {name}, AWQ 4-bit",
        "",
        f"{name} in four bits, groups of {recipe.group_size}, {'symmetric' if recipe.is_symmetric else 'asymmetric'}, "
        f"in {layout}. Embeddings and output head are as they were.",
        "",
        f"Made by Yanmo with scales and ranges searched on {recipe.windows} windows of text. Rounding: {told}.",
        "",
        "```toml",
        write_awq_recipe(recipe).rstrip(),
        "```",
    ]
    return "\n".join(["---", *front, "---", "", *text, ""])
