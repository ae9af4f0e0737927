"""Where other programs keep their models, so that these can be used in place: LM Studio, Ollama, and the hubs' own caches."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

StoreKind = Literal["folder", "ollama"]

_LARGEST_MANIFEST = 1 << 20
_MODEL_LAYER = "application/vnd.ollama.image.model"
_PROJECTOR_LAYER = "application/vnd.ollama.image.projector"


@dataclass(frozen=True, slots=True)
class OtherStore:
    """A place of another program. ``key`` is what settings remember."""

    key: str
    name: str
    folder: Path
    kind: StoreKind = "folder"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model of Ollama: its name with tag, the file, its projector's file if any, and the SHA-256 that is its file's name."""

    name: str
    path: Path
    sha256: str
    projector: Path | None = None


def find_stores(home: Path, environment: Mapping[str, str] = os.environ) -> list[OtherStore]:
    """The stores that are on this machine. Nothing in them is ever changed."""
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    hf_home = Path(environment.get("HF_HOME") or cache / "huggingface")
    places = [
        OtherStore("lmstudio", "LM Studio", home / ".lmstudio" / "models"),
        OtherStore("lmstudio", "LM Studio", cache / "lm-studio" / "models"),
        OtherStore("ollama", "Ollama", Path(environment.get("OLLAMA_MODELS") or home / ".ollama" / "models"), "ollama"),
        OtherStore("ollama", "Ollama", Path("/usr/share/ollama/.ollama/models"), "ollama"),
        OtherStore("huggingface", "Hugging Face", Path(environment.get("HF_HUB_CACHE") or hf_home / "hub")),
        OtherStore("modelscope", "ModelScope", Path(environment.get("MODELSCOPE_CACHE") or cache / "modelscope" / "hub")),
        OtherStore("jan", "Jan", home / ".local" / "share" / "Jan" / "data" / "llamacpp" / "models"),
        OtherStore("gpt4all", "GPT4All", home / ".local" / "share" / "nomic.ai" / "GPT4All"),
        OtherStore("llamacpp", "llama.cpp", Path(environment.get("LLAMA_CACHE") or cache / "llama.cpp")),
    ]
    found = []
    for store in places:
        with contextlib.suppress(OSError):
            if store.folder.is_dir():
                found.append(store)
    return found


def iter_ollama_models(folder: Path) -> Iterator[StoredModel]:
    """Every model that a manifest names and whose file is there. What makes no sense is passed over."""
    manifests = folder / "manifests"
    for place, folders, files in os.walk(manifests):
        folders.sort()
        for name in sorted(files):
            with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
                path = Path(place) / name
                if path.stat().st_size > _LARGEST_MANIFEST:
                    continue
                model = _read_manifest(folder, json.loads(path.read_text(encoding="utf-8")), path.relative_to(manifests))
                if model is not None:
                    yield model


def _read_manifest(folder: Path, manifest: dict[str, Any], place: Path) -> StoredModel | None:
    """``registry.ollama.ai/library/qwen3/4b`` is called ``qwen3:4b``."""
    layers = {str(layer["mediaType"]): str(layer["digest"]) for layer in manifest["layers"]}
    blob = _find_blob(folder, layers.get(_MODEL_LAYER, ""))
    if blob is None:
        return None
    *owner, name, tag = place.parts[1:]
    label = "/".join([*(part for part in owner if part != "library"), name])
    projector = _find_blob(folder, layers.get(_PROJECTOR_LAYER, ""))
    return StoredModel(f"{label}:{tag}", blob, layers[_MODEL_LAYER].removeprefix("sha256:"), projector)


def _find_blob(folder: Path, digest: str) -> Path | None:
    kind, _, hexadecimal = digest.partition(":")
    if kind != "sha256" or len(hexadecimal) != 64 or not all(sign in "0123456789abcdef" for sign in hexadecimal):
        return None
    blob = folder / "blobs" / f"sha256-{hexadecimal}"
    return blob if blob.is_file() else None
