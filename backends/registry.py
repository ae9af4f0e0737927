"""The engines by name: each is imported only when a worker makes it; installed packages may add their own."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from backends.backend import Backend
from backends.child_process import import_apart
from backends.torch_transformers.presence import require_torch
from models.errors import EngineUnavailable

ENTRY_POINT_GROUP = "yanmo.backends"

BUILT_IN = {
    "llamacpp": "backends.llamacpp.backend:LlamaCppBackend",
    "remote": "backends.remote.backend:RemoteBackend",
    "torch_transformers": "backends.torch_transformers.backend:TorchBackend",
    "echo": "backends.echo:EchoBackend",
}


def list_backends() -> dict[str, str]:
    """Name to ``module:Class``; an entry point of group ``yanmo.backends`` adds a name but replaces none of ours."""
    from importlib.metadata import entry_points  # 12 ms, which a worker need not spend

    added = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    return {**added, **BUILT_IN}


def make_backend(name: str) -> Backend:
    """A fresh engine of this name, with nothing loaded.

    Raises:
        EngineUnavailable: no such engine, or its module cannot be imported.
    """
    place = BUILT_IN.get(name) or list_backends().get(name)
    if place is None:
        raise EngineUnavailable(engine=name, reason="No engine of that name is installed.")
    if name == "torch_transformers":
        require_torch()
    module, _, kind = place.partition(":")
    import_engine = (
        import_apart if name in BUILT_IN else importlib.import_module
    )  # another's may set signals, as only this thread can
    try:
        return cast(Backend, getattr(import_engine(module), kind)())
    except (ImportError, AttributeError) as error:
        raise EngineUnavailable(engine=name, reason=f"It could not be imported: {error}.") from error


def choose_backend(path: str) -> str:
    """The name of the engine for this model: its path says which."""
    scheme = path.partition(":")[0]
    if scheme in ("echo", "remote"):
        return scheme
    return "torch_transformers" if Path(path).is_dir() else "llamacpp"
