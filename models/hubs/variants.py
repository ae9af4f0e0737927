"""The files of a repository as a person chooses among them: one row for each quantization, with everything that belongs to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.card import QUANTIZATION_IN_NAME
from models.hubs.hub import HubFile

_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)
_SIDE_FILES = (".json", ".txt", ".model", ".jinja", ".py", ".tiktoken")


@dataclass(frozen=True, slots=True)
class Variant:
    """What is loaded together. ``name`` tells it from the others of its repository; ``projector`` is the mmproj that goes with it.

    ``is_whole`` is false where parts of a split file are not in the repository.
    """

    name: str
    format: str
    quantization: str
    files: tuple[HubFile, ...]
    projector: HubFile | None = None
    is_whole: bool = True

    @property
    def size(self) -> int:
        """Bytes to download, the projector included."""
        return sum(file.size for file in self.all_files)

    @property
    def all_files(self) -> tuple[HubFile, ...]:
        """Everything to download."""
        return (*self.files, self.projector) if self.projector else self.files


def group_files(files: tuple[HubFile, ...]) -> list[Variant]:
    """Variants, the smallest first. Files that are no part of a model (pictures, cards, importance matrices) are left out."""
    ggufs = [file for file in files if file.name.lower().endswith(".gguf") and "imatrix" not in file.name.lower()]
    projectors = [file for file in ggufs if "mmproj" in file.name.lower()]
    models = [file for file in ggufs if file not in projectors]
    variants = _group_gguf(models or projectors, _choose_projector(projectors) if models else None)
    variants += _group_safetensors(files)
    return sorted(variants, key=lambda variant: (variant.format != "gguf", variant.size, variant.name))


def _group_gguf(models: list[HubFile], projector: HubFile | None) -> list[Variant]:
    groups: dict[str, list[HubFile]] = {}
    for file in models:
        groups.setdefault(_SPLIT.sub("", file.path), []).append(file)
    found = [(path, sorted(parts, key=lambda part: part.path)) for path, parts in groups.items()]
    quantizations = [_quantization_of(path) for path, _ in found]
    variants = []
    for (path, parts), quantization in zip(found, quantizations, strict=True):
        stem = path.rpartition("/")[2].removesuffix(".gguf").removesuffix(".GGUF")
        name = quantization if quantization and quantizations.count(quantization) == 1 else stem
        match = _SPLIT.search(parts[0].path)
        is_whole = match is None or len(parts) == int(match[2])
        variants.append(Variant(name, "gguf", quantization, tuple(parts), projector, is_whole))
    return variants


def _group_safetensors(files: tuple[HubFile, ...]) -> list[Variant]:
    """Every folder with safetensors files is one model, with the small files that lie beside them."""
    folders = sorted({file.path.rpartition("/")[0] for file in files if file.name.endswith(".safetensors")})
    variants = []
    for folder in folders:
        here = [file for file in files if file.path.rpartition("/")[0] == folder]
        weights = [file for file in here if file.name.endswith(".safetensors")]
        consolidated = [file for file in weights if file.name.startswith("consolidated")]
        if consolidated and len(consolidated) < len(weights):
            weights = [file for file in weights if file not in consolidated]  # the same weights a second time
        is_adapter = any(file.name == "adapter_config.json" for file in here)
        if not is_adapter and not any(file.name == "config.json" for file in here):
            continue
        sides = [file for file in here if file.name.endswith(_SIDE_FILES) and file.size < 64 << 20]
        quantization = "LoRA" if is_adapter else next((kind for kind in ("AWQ", "GPTQ") if kind in folder.upper()), "")
        variants.append(Variant(folder or "safetensors", "safetensors", quantization, (*sides, *weights)))
    return variants


def _quantization_of(path: str) -> str:
    """What the file's name says, else its folder's."""
    for part in reversed(path.removesuffix(".gguf").split("/")):
        if found := QUANTIZATION_IN_NAME.findall(part):
            return str(found[-1]).upper()
    return ""


def _choose_projector(projectors: list[HubFile]) -> HubFile | None:
    """F16 works on every device and loses nothing; else the smallest."""
    exact = [file for file in projectors if re.search(r"(?<!B)F16", file.name, re.IGNORECASE)]
    return min(exact or projectors, key=lambda file: file.size, default=None)


def choose_variant(variants: list[Variant], wish: str = "") -> Variant | None:
    """The one named by its quantization, name or file; without a wish Q4_K_M, the usual balance, or what is nearest to it in size."""
    wanted = wish.lower()
    if wanted:
        for variant in variants:
            names = {
                variant.name,
                variant.quantization,
                *(file.path for file in variant.files),
                *(file.name for file in variant.files),
            }
            if wanted in {name.lower() for name in names}:
                return variant
        partial = [variant for variant in variants if wanted in variant.name.lower()]
        return partial[0] if len(partial) == 1 else None
    whole = [variant for variant in variants if variant.is_whole] or variants
    for usual in ("Q4_K_M", "Q4_K_S", "Q4_0", "IQ4_XS", "Q5_K_M", "Q4_K_XL", "MXFP4"):
        for variant in whole:
            if variant.quantization == usual:
                return variant
    return whole[len(whole) // 2] if whole else None
