"""What a model is, read from its own file: the facts that a list, a picker or a run card shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from models.gguf_header import ArrayPlace, GgufHeader, read_header
from models.gguf_types import FILE_TYPES
from models.torch_place import has_torch

ModelKind = Literal["chat", "base", "embedding", "reranker", "projector", "adapter"]
ModelFormat = Literal["gguf", "safetensors", "remote"]

_ENCODERS = frozenset(
    (
        *("bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3"),
        *("neo-bert", "modern-bert", "eurobert", "gemma-embedding"),
    )
)
_NORMS = ("_norm.weight", ".bias")
_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
QUANTIZATION_IN_NAME = re.compile(r"(?:^|[-_.])((?:I?Q\d(?:_[0-9A-Z]+)*)|BF16|F16|F32|MXFP4)(?=$|[-_.])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model. ``files`` are all its parts, the first of them at ``path``; sizes in bytes, context in tokens.

    ``id`` depends on the place alone, so that it is the same in every session; ``is_copy`` says that the file lies in Yanmo's
    own folder. ``projector`` is the file that lets it see or hear; ``store`` names the program whose folder it lies in, where
    that is not Yanmo. A model of another server (``remote``) has no files; ``store`` names the connection.
    """

    id: str
    path: str
    name: str
    format: ModelFormat
    kind: ModelKind
    architecture: str = ""
    quantization: str = ""
    parameter_count: int = 0
    size_bytes: int = 0
    context_length: int = 0
    has_chat_template: bool = False
    modalities: tuple[str, ...] = ("text",)
    licence: str = ""
    languages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    is_copy: bool = False
    is_starter: bool = False
    projector: str = ""
    store: str = ""

    @property
    def can_be_loaded(self) -> bool:
        """Whether an engine of this program takes it: checkpoint folders need torch, here or in another Python."""
        return self.format in ("gguf", "remote") or (self.format == "safetensors" and has_torch())

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json`` and caches."""
        return asdict(self)


def make_id(path: Path) -> str:
    """A short id from the place of the file: the stem for reading, six hex digits against collisions."""
    stem = re.sub(r"[^\w.-]+", "-", path.stem if path.suffix == ".gguf" else path.name).strip("-").lower()
    return f"{stem or 'model'}-{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:6]}"


def card_from_json(value: dict[str, Any]) -> ModelCard:
    """What :meth:`ModelCard.to_json` gave.

    Raises:
        TypeError, KeyError, ValueError: something else.
    """
    facts: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
    return ModelCard(**facts)


def read_card(path: str | Path, header: GgufHeader | None = None) -> ModelCard:
    """The card of a GGUF file, all parts of a split model included.

    Raises:
        UserFacingError: the file is not a readable GGUF; see :func:`models.gguf_header.read_header`.
    """
    path = Path(path)
    header = header or read_header(path)
    parts = find_split_parts(path)
    headers = [header, *(read_header(part) for part in parts[1:])]
    kind = _find_kind(header)
    return ModelCard(
        id=make_id(path),
        path=str(path),
        name=_find_name(header, path),
        format="gguf",
        kind=kind,
        architecture=header.architecture,
        quantization=_find_quantization(header, headers, path),
        parameter_count=sum(one.parameter_count for one in headers),
        size_bytes=sum(one.file_size for one in headers),
        context_length=header.of_architecture("context_length"),
        has_chat_template=bool(header.text("tokenizer.chat_template")),
        modalities=_find_modalities(header),
        licence=header.text("general.license"),
        languages=_read_texts(header, "general.languages"),
        files=tuple(str(part) for part in parts),
    )


def find_split_parts(path: Path) -> list[Path]:
    """All parts of a split model that lie beside this one, in order; the file alone where it is not split."""
    found = split_stem(path.name)
    if found is None:
        return [path]
    stem, total = found
    parts = [path.with_name(f"{stem}-{number:05d}-of-{total:05d}.gguf") for number in range(1, min(total, 1000) + 1)]
    present = [part for part in parts if part.is_file()]
    return [path, *(part for part in present if part != path)]


def split_stem(name: str) -> tuple[str, int] | None:
    """What all parts of a split model begin with, and how many there are; None for a name of another kind."""
    match = _SPLIT.search(name)
    return (name[: match.start()], int(match.group(2))) if match else None


def choose_projector(name: str, beside: Sequence[str]) -> str:
    """The projector among the files of the model's folder whose name begins most like the model's; empty where there is none.

    In a folder with several models it must begin as the model does: nothing else says that they belong together.
    """
    projectors = [file for file in beside if "mmproj" in file.lower()]
    if not projectors or name in projectors:
        return ""
    models = [file for file in beside if file not in projectors]
    stems = {re.split(r"[-_.](?:i?q\d|bf16|f16|f32|mxfp4)", _SPLIT.sub("", file).lower())[0] for file in models}

    def likeness(file: str) -> int:
        rest = file.lower().replace("mmproj", "").strip("-_.")
        same = (first == second for first, second in zip(rest, name.lower(), strict=False))
        return sum(1 for _ in takewhile(bool, same))

    best = max(projectors, key=lambda file: (likeness(file), "bf16" not in file.lower(), file))
    return best if len(stems) == 1 or likeness(best) >= 4 else ""


def is_later_part(path: Path) -> bool:
    """Whether this is a part of a split model other than the first, which stands for all."""
    match = _SPLIT.search(path.name)
    return match is not None and int(match.group(1)) != 1


def _find_name(header: GgufHeader, path: Path) -> str:
    stem = _SPLIT.sub("", path.name)
    return header.text("general.name").strip() or stem.removesuffix(".gguf")


def _find_kind(header: GgufHeader) -> ModelKind:
    kind = header.text("general.type", "model")
    if kind == "adapter":
        return "adapter"
    if kind == "mmproj" or header.architecture == "clip":
        return "projector"
    pooling = header.of_architecture("pooling_type", -1)
    if pooling == 4:
        return "reranker"
    if header.architecture in _ENCODERS or pooling in (1, 2, 3):
        return "embedding"
    return "chat" if header.text("tokenizer.chat_template") else "base"


def _find_quantization(header: GgufHeader, headers: list[GgufHeader], path: Path) -> str:
    """What the file says; where it says nothing, its name; else the type of most of its weights."""
    if "general.file_type" in header.metadata:
        known = FILE_TYPES.get(header.whole("general.file_type", -1))
        if known:
            return known
    match = QUANTIZATION_IN_NAME.search(path.stem)
    if match:
        return match.group(1).upper()
    weights: dict[str, int] = {}
    for one in headers:
        for tensor in one.tensors:
            if not tensor.name.endswith(_NORMS):
                weights[tensor.type.name] = weights.get(tensor.type.name, 0) + tensor.element_count
    return max(weights, key=lambda name: weights[name]) if weights else ""


def _find_modalities(header: GgufHeader) -> tuple[str, ...]:
    if header.architecture != "clip":
        return ("text",)
    encoders = (("image", "clip.has_vision_encoder"), ("audio", "clip.has_audio_encoder"))
    return tuple(name for name, key in encoders if header.metadata.get(key)) or ("image",)


def _read_texts(header: GgufHeader, key: str) -> tuple[str, ...]:
    value = header.metadata.get(key)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, ArrayPlace):
        return tuple(item for item in header.read_array(key, most=200) if isinstance(item, str))
    return ()
