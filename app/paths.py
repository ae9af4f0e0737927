"""Where Yanmo keeps things: one data folder, its parts, and the resources that ship with the program."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

DATA_VARIABLE = "YANMO_DATA"
"""Environment variable that names another data folder."""

LOCK_NAME = "yanmo.lock"
"""The file beside the database whose lock says that it is in use."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation. ``data`` holds everything that a person would miss; ``models`` may lie elsewhere.

    ``knowledge`` is where the library notes what it knows of models; as a rule, ``data``.
    """

    data: Path
    models: Path
    logs: Path
    resources: Path
    knowledge: Path

    @property
    def database(self) -> Path:
        """The SQLite file with every conversation."""
        return self.data / "yanmo.sqlite"

    @property
    def lock_file(self) -> Path:
        """Held by the one Yanmo that may write here."""
        return self.data / LOCK_NAME

    @property
    def attachments(self) -> Path:
        """Files that were attached, each kept once under its SHA-256."""
        return self.data / "attachments"

    @property
    def snapshots(self) -> Path:
        """Copies of the database."""
        return self.data / "snapshots"

    @property
    def engine_cache(self) -> Path:
        """What engines read before, kept so that a conversation goes on at once after a restart; may be deleted at any time."""
        return self.data / "engine-cache"

    @property
    def thumbnails(self) -> Path:
        """Small pictures of attached ones; may be deleted at any time."""
        return self.data / "thumbnails"

    @property
    def quantizing(self) -> Path:
        """Orders of smaller models that are not done yet."""
        return self.data / "quantizing"

    @property
    def torch_pack(self) -> Path:
        """A Python environment with torch, where this Python has none: a person makes it, and it is used where it lies here."""
        return self.knowledge / "torch-pack"  # a command that keeps nothing has other data, and uses it too

    @property
    def knowledge_index(self) -> Path:
        """What was read of documents, so that passages are found in them; may be deleted at any time and is made anew."""
        return self.data / "documents.sqlite"

    @property
    def embedder(self) -> Path:
        """The table of the embedder that ships with Yanmo."""
        return self.resources / "embedder" / "bilingual.npz"

    @property
    def log_file(self) -> Path:
        """What went wrong and when."""
        return self.logs / "yanmo.log"

    @property
    def starter(self) -> Path:
        """The folder with the model that ships with Yanmo."""
        return self.resources / "starter"

    @property
    def prompts(self) -> Path:
        """Texts that models and first conversations start from."""
        return self.resources / "prompts"


def make_paths(data: Path | str | None = None) -> Paths:
    """The folders for ``data``, else for ``$YANMO_DATA``, else for this user as the system prescribes. Creates nothing."""
    chosen = data or os.environ.get(DATA_VARIABLE)
    folder = Path(chosen).expanduser().resolve() if chosen else _user_data_folder()
    return Paths(data=folder, models=folder / "models", logs=folder / "logs", resources=_resources_folder(), knowledge=folder)


def make_private_folder(folder: Path) -> None:
    """Make a folder, and the folders above it that are missing, for this user alone; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _user_data_folder() -> Path:
    from platformdirs import user_data_dir

    return Path(user_data_dir("Yanmo", appauthor=False))


def _resources_folder() -> Path:
    """Beside the packages in a checkout and in an installation, in the bundle's folder when frozen."""
    frozen = getattr(sys, "_MEIPASS", None)
    return (Path(frozen) if frozen else Path(__file__).resolve().parent.parent) / "resources"
