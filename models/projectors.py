"""Which projector (mmproj) belongs to a model: found beside it, and matched by what both files say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

from models.card import choose_projector
from models.errors import DamagedModelFile, ProjectorRefused, UserFacingError
from models.gguf_header import ArrayPlace, GgufHeader, read_header

_LEGACY = ("mlp", "ldp", "ldpv2", "resampler", "adapter", "mlp_norm")
"""Kinds whose files of 2023 and 2024 put the width of the vision encoder where later ones put that of the text model."""

_SEEING = ("qwen2vl", "qwen3vl", "qwen3vlmoe", "gemma3n", "llama4", "mllama", "cogvlm")
_GEMMA_WITH_EYES = 2560
"""Numbers of an embedding from which on a Gemma 3 was trained with pictures."""
_SEEING_NAME = re.compile(
    r"llava|smolvlm|internvl|minicpm-?[vo]\b|pixtral|idefics|moondream|\bvl\b|vision|ultravox|voxtral", re.IGNORECASE
)

_FAMILIES = {
    "gemma3": ("gemma3",),
    "gemma3nv": ("gemma3n",),
    "gemma3na": ("gemma3n",),
    "qwen2vl_merger": ("qwen2vl",),
    "qwen2.5vl_merger": ("qwen2vl",),
    "qwen3vl_merger": ("qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe"),
    "llama4": ("llama4",),
    "cogvlm": ("cogvlm",),
}
"""Text architectures that kinds of projectors are made for, where only these are."""


def find_projector(model: Path, header: GgufHeader, wanted: str = "") -> Path | None:
    """The projector to load with a model: ``wanted`` is its path, ``none`` for none, empty for the one that lies beside the model.

    What lies beside and was made for another model is passed over; what somebody chose is not.

    Raises:
        ProjectorRefused: the wanted file is no projector, or one for another model.
        UserFacingError: as for :func:`models.gguf_header.read_header`, of the wanted file.
    """
    if wanted == "none":
        return None
    if wanted:
        check_pair(header, Path(wanted))
        return Path(wanted)
    try:
        beside = sorted(path.name for path in model.parent.glob("*.gguf"))
    except OSError:
        return None
    found = choose_projector(model.name, beside)
    ordered = ([found] if found else []) + [name for name in beside if name != found and "mmproj" in name.lower()]
    for name in ordered:
        if fits(header, model.parent / name, is_only=name == found):
            return model.parent / name
    return None


def expects_projector(header: GgufHeader) -> bool:
    """Whether a language model is one half of a model that sees or hears, as far as its file says."""
    architecture = header.architecture
    if architecture in _SEEING or (architecture == "gemma3" and header.of_architecture("embedding_length") >= _GEMMA_WITH_EYES):
        return True
    tags = header.metadata.get("general.tags")
    said = [str(tag) for tag in header.read_array("general.tags", most=100)] if isinstance(tags, ArrayPlace) else []
    if any(tag.endswith("-text-to-text") for tag in said):
        return True
    names = " ".join(header.text(key) for key in ("general.basename", "general.name", "general.base_model.0.name"))
    return bool(_SEEING_NAME.search(names))


class ProjectorPairs:
    """Which projector lies beside which model, asked again only where a file changed."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[object, str]] = {}

    def find(self, model: Path) -> str:
        """The path of the projector to load with a model; empty where none fits."""
        try:
            files = [model, *sorted(path for path in model.parent.glob("*.gguf") if "mmproj" in path.name.lower())]
            stamp = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
        except OSError:
            return ""
        known = self._known.get(model)
        if known is None or known[0] != stamp:
            try:
                found = find_projector(model, read_header(model))
            except UserFacingError:
                found = None
            known = self._known[model] = (stamp, str(found or ""))
        return known[1]


def fits(header: GgufHeader, projector: Path, *, is_only: bool) -> bool:
    """Whether a file beside a model is its projector. Without ``is_only`` their names must say so too."""
    try:
        other = read_header(projector)
        check_headers(header, other)
    except UserFacingError:
        return False
    return is_only or bool(_names(header) & _names(other))


def check_pair(header: GgufHeader, projector: Path) -> None:
    """Refuse a projector that was not made for the model.

    Raises:
        ProjectorRefused: with the reason.
        UserFacingError: as for :func:`models.gguf_header.read_header`.
    """
    check_headers(header, read_header(projector))


def check_headers(model: GgufHeader, projector: GgufHeader) -> None:
    """The same for two headers.

    Raises:
        ProjectorRefused: with the reason.
    """
    name = projector.path.name
    if projector.architecture != "clip" and projector.text("general.type") != "mmproj":
        raise ProjectorRefused(file=name, reason="It is no projector.")
    try:
        projector.validate()
    except DamagedModelFile as error:
        raise ProjectorRefused(file=name, reason="It is damaged.", details=str(error)) from error
    width = model.of_architecture("embedding_length")
    for sense in ("vision", "audio"):
        kind = projector.text(f"clip.{sense}.projector_type") or projector.text("clip.projector_type")
        made_for = projector.whole(f"clip.{sense}.projection_dim")
        if kind in _LEGACY or not made_for or not width:
            continue
        if made_for != width:
            reason = f"It was made for a model whose embeddings have {made_for} numbers, and this model's have {width}."
            raise ProjectorRefused(file=name, reason=reason)
        families = _FAMILIES.get(kind)
        if families and model.architecture not in families:
            reason = f"It was made for models of the kind {families[0]}, and this one is of the kind {model.architecture}."
            raise ProjectorRefused(file=name, reason=reason)


def _names(header: GgufHeader) -> set[str]:
    """What a file says that it is, and is made from: names by which two halves of one model are recognised."""
    keys = ("general.basename", "general.base_model.0.name", "general.base_model.0.repo_url", "general.name")
    found = {header.text(key).strip().lower() for key in keys}
    return found - {""}
