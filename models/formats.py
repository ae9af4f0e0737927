"""Recognises what a file or folder is, without trusting its name."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.card import ModelCard, ModelFormat, ModelKind, make_id, read_card
from models.errors import DamagedModelFile, ModelNotFound, NotACheckpoint
from models.gguf_header import is_gguf

_LARGEST_JSON = 32 << 20
_CARD_HEAD = 8192
_ENCODERS = frozenset({"bert", "roberta", "xlm-roberta", "nomic_bert", "modernbert", "new", "jina_bert"})
_PARTIAL = (".part", ".partial", ".incomplete", ".tmp", ".download", ".crdownload")
ADAPTER_CONFIGURATION = "adapter_config.json"
_BITS = {"BF16": "BF16", "F16": "F16", "F32": "F32", "F8_E4M3": "F8", "F8_E5M2": "F8"}


@dataclass(frozen=True, slots=True)
class SafetensorsInfo:
    """What the header of one safetensors file says: values by type name, and the bytes of the file."""

    values: dict[str, int]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SafetensorsTensor:
    """One tensor: the name of its type as the format writes it, its number of values, and its bytes in the file."""

    name: str
    type: str
    element_count: int
    byte_count: int


def recognise(path: Path) -> ModelFormat | None:
    """``gguf`` for a GGUF file, ``safetensors`` for a folder of the transformers layout, None for anything else."""
    try:
        if path.is_file():
            return "gguf" if is_gguf(path) else None
        if is_checkpoint(entry.name for entry in path.iterdir()):
            return "safetensors"
    except OSError:
        return None
    return None


def is_checkpoint(names: Iterable[str]) -> bool:
    """Whether a folder with files of these names is a model of the transformers layout, or a LoRA adapter of PEFT's."""
    found = set(names)
    has_configuration = "config.json" in found or ADAPTER_CONFIGURATION in found
    return has_configuration and any(name.endswith(".safetensors") for name in found)


def is_partial(name: str) -> bool:
    """Whether a file's name says that it is still being written."""
    return name.startswith(".") or name.lower().endswith(_PARTIAL)


def read_any_card(path: Path) -> ModelCard:
    """The card of a model of either format.

    Raises:
        ModelNotFound: nothing is there.
        NotAModelFile, DamagedModelFile, UnsupportedArchitecture: as for :func:`models.card.read_card`.
    """
    if not path.exists():
        raise ModelNotFound(model=str(path))
    if path.is_dir():
        if recognise(path) != "safetensors":
            raise NotACheckpoint(file=path.name, reason="The folder holds no config.json with safetensors files.")
        return read_safetensors_card(path)
    return read_card(path)


def read_safetensors_card(folder: Path) -> ModelCard:
    """The card of a folder with safetensors files and ``config.json``, or ``adapter_config.json`` for a LoRA adapter.

    Raises:
        DamagedModelFile: the configuration or a header cannot be read.
    """
    is_adapter = not (folder / "config.json").is_file()
    config = read_json(folder / (ADAPTER_CONFIGURATION if is_adapter else "config.json"))
    files = sorted(folder.glob("*.safetensors"))
    infos = [read_safetensors_info(file) for file in files]
    values: dict[str, int] = {}
    for info in infos:
        for name, count in info.values.items():
            values[name] = values.get(name, 0) + count
    tokenizer = folder / "tokenizer_config.json"
    has_template = (folder / "chat_template.jinja").is_file()
    has_template = has_template or (tokenizer.is_file() and "chat_template" in read_json(tokenizer))
    method = config.get("quantization_config")
    quantization = str(method.get("quant_method", "")).upper() if isinstance(method, dict) else ""
    main_type = max(values, key=lambda name: values[name]) if values else ""
    thinker = config.get("thinker_config")  # of a model that speaks too: the part that writes
    config = {**config, **thinker, "model_type": config.get("model_type", "")} if isinstance(thinker, dict) else config
    inside = config.get("text_config")  # of a model that sees: its text model's settings are nested
    context = config.get("max_position_embeddings", inside.get("max_position_embeddings") if isinstance(inside, dict) else None)
    return ModelCard(
        id=make_id(folder),
        path=str(folder),
        name=folder.name,
        format="safetensors",
        kind="adapter" if is_adapter else _find_kind(config, has_template),
        architecture="" if is_adapter else str(config.get("model_type", "")),
        quantization=quantization or _BITS.get(main_type, main_type),
        parameter_count=_count_parameters(values, is_packed=bool(quantization) and quantization != "FP8"),
        size_bytes=sum(info.size_bytes for info in infos),
        context_length=context if isinstance(context, int) else 0,
        has_chat_template=has_template and not is_adapter,
        modalities=_find_modalities(config),
        licence=_find_licence(folder),
        files=tuple(str(file) for file in files),
    )


def _find_kind(config: dict[str, Any], has_template: bool) -> ModelKind:
    """What the configuration says that it was made for."""
    classes = config.get("architectures")
    name = str(classes[0]) if isinstance(classes, list) and classes else ""
    if name.endswith("ForSequenceClassification"):
        return "reranker"
    if str(config.get("model_type", "")) in _ENCODERS or name.endswith("ForMaskedLM"):
        return "embedding"
    return "chat" if has_template else "base"


def _find_modalities(config: dict[str, Any]) -> tuple[str, ...]:
    others = [name for name, key in (("image", "vision_config"), ("audio", "audio_config")) if isinstance(config.get(key), dict)]
    return ("text", *others)


def _find_licence(folder: Path) -> str:
    """What the head of the model card says."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            text = file.read(_CARD_HEAD)
    except OSError:
        return ""
    found = re.search(r"^license:\s*[\"']?([\w.+-]+)", text, re.MULTILINE) if text.startswith("---") else None
    return found[1] if found else ""


def _count_parameters(values: dict[str, int], *, is_packed: bool) -> int:
    """Weights: where they are packed, eight of four bits lie in a word."""
    return sum(count * (8 if is_packed and kind == "I32" else 1) for kind, count in values.items())


def read_safetensors_info(path: Path) -> SafetensorsInfo:
    """Count the values of a safetensors file by type.

    Raises:
        DamagedModelFile: the header does not fit the file.
    """
    values: dict[str, int] = {}
    for tensor in read_safetensors_tensors(path):
        values[tensor.type] = values.get(tensor.type, 0) + tensor.element_count
    return SafetensorsInfo(values, path.stat().st_size)


def read_safetensors_tensors(path: Path) -> list[SafetensorsTensor]:
    """Every tensor of a safetensors file, from its header. Format: https://github.com/huggingface/safetensors#format.

    Raises:
        DamagedModelFile: the header does not fit the file.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(size - 8, _LARGEST_JSON * 4):
                raise DamagedModelFile(file=path.name, reason="Its header does not fit into the file.")
            header = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedModelFile(file=path.name, reason=f"Its header cannot be read: {error}.") from error
    tensors = []
    for name, entry in header.items() if isinstance(header, dict) else ():
        if name == "__metadata__":
            continue
        try:
            begin, end = entry["data_offsets"]
            count = 1
            for extent in entry["shape"]:
                count *= int(extent)
            if not 0 <= begin <= end <= size - 8 - length:
                raise DamagedModelFile(file=path.name, reason=f"It is cut off: “{name}” lies beyond its end.")
            tensors.append(SafetensorsTensor(name, str(entry["dtype"]), count, end - begin))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedModelFile(file=path.name, reason=f"The entry “{name}” of its header makes no sense.") from error
    return tensors


def read_json(path: Path, most: int = _LARGEST_JSON) -> dict[str, Any]:
    """The table in a JSON file of a checkpoint, of at most ``most`` bytes.

    Raises:
        DamagedModelFile: it cannot be read, is far too large, or holds no table.
    """
    try:
        if path.stat().st_size > most:
            raise DamagedModelFile(file=path.name, reason="It is far too large for a configuration.")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedModelFile(file=path.name, reason=f"It cannot be read: {error}.") from error
    if not isinstance(value, dict):
        raise DamagedModelFile(file=path.name, reason="It is not a table of settings.")
    return value
