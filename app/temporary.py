"""A workstation that keeps nothing, for commands that only need an engine."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.paths import Paths
from app.services.engines import MakeLink
from app.store.folder_lock import FolderLock
from app.workstation import Workstation, make_workstation
from models.errors import UserFacingError


def make_temporary_workstation(paths: Paths, *, make_link: MakeLink | None = None) -> Workstation:
    """A workstation that keeps nothing: this machine's models and settings over an empty store, deleted on close."""
    import tempfile

    settings: dict[str, Any] = {}
    with contextlib.suppress(UserFacingError), make_workstation(paths, exclusive=False) as real:
        settings = real.settings.all()
    folder = tempfile.TemporaryDirectory(prefix="yanmo-", ignore_cleanup_errors=True)
    try:
        workstation = Workstation(replace(paths, data=Path(folder.name)), FolderLock(Path(folder.name) / "lock"), make_link)
    except BaseException:
        folder.cleanup()
        raise
    workstation.on_close(folder.cleanup)
    for key, value in settings.items():
        with contextlib.suppress(UserFacingError, KeyError):
            workstation.settings.set(key, value)
    return workstation
