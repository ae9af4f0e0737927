"""The models on this machine: found in folders, imported in place or as a copy, verified, removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from models.card import ModelCard, is_later_part
from models.errors import AmbiguousModel, DamagedModelFile, ModelError, ModelNotFound, UserFacingError
from models.file_work import Progress, copy_file, hash_file, join_digests, stamp_of
from models.formats import is_checkpoint, is_partial, read_any_card, recognise
from models.library_knowledge import Knowledge
from models.other_stores import OtherStore, iter_ollama_models
from models.projectors import ProjectorPairs

_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class UnreadableModel:
    """A file that looks like a model and cannot be read, with the reason."""

    path: str
    error: UserFacingError


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found. ``state``: ``first`` nothing to compare with, ``same`` as recorded, ``new`` if replaced."""

    card: ModelCard
    sha256: str
    state: Literal["first", "same", "new"]


class Library:
    """Lists models and keeps what is known about them in ``library.json`` in the data folder. Thread-safe.

    ``models_folder`` is Yanmo's own: what lies there may be deleted. ``other_folders`` are only looked into. The starter's
    folder is part of the program. Ids depend on the path alone.
    """

    def __init__(
        self,
        models_folder: Path,
        data_folder: Path,
        *,
        starter_folder: Path | None = None,
        other_folders: Sequence[Path] = (),
        stores: Sequence[OtherStore] = (),
        list_distant: Callable[[], Sequence[ModelCard]] = tuple,
    ) -> None:
        """``list_distant`` gives the models that lie on other machines, without asking these."""
        self._models_folder = models_folder
        self._starter_folder = starter_folder
        self._folders = [folder for folder in (starter_folder, models_folder, *other_folders) if folder is not None]
        self._stores = list(stores)
        self._list_distant = list_distant
        self._lock = threading.RLock()
        self._unreadable: dict[str, tuple[tuple[int, int], UserFacingError]] = {}
        self._known = Knowledge(data_folder)
        self._pairs = ProjectorPairs()
        self._names: dict[str, tuple[str, str, str]] = {}

    def list_models(self) -> list[ModelCard]:
        """Every readable model: the starter first, then by name. Files that did not change are not read again."""
        with self._lock:
            found = {str(path): path for path in self._iter_places()}
            self._unreadable = {path: entry for path, entry in self._unreadable.items() if path in found}
            cards = self._pair([card for path in found.values() if (card := self._read(path)) is not None])
            self._known.keep_cards(cards)
        return sorted([*cards, *self._list_distant()], key=_order)

    def list_known(self) -> list[ModelCard]:
        """What the last :meth:`list_models` of any session found, without looking at the disk: for a window that must open now."""
        with self._lock:
            cards = [self._mark(card) for _, card in self._known.cards.values()]
        return sorted([*cards, *self._list_distant()], key=_order)

    def list_unreadable(self) -> list[UnreadableModel]:
        """Files seen by the last :meth:`list_models` that look like models and are not, or not whole."""
        with self._lock:
            return [UnreadableModel(path, error) for path, (_, error) in sorted(self._unreadable.items())]

    def find(self, reference: str, *, is_exact: bool = False) -> ModelCard:
        """The model of this id, path, file name, or name; unless ``is_exact``, a part of a name that only one model has will do.

        Raises:
            ModelNotFound: none.
            AmbiguousModel: several; the error names them.
            UserFacingError: a path that holds something else, or a damaged model.
        """
        reference = reference.strip()
        if not reference:
            raise ModelNotFound(model="“”")
        path = Path(reference).expanduser()
        cards = self.list_models()
        for card in cards:
            if reference in (card.id, card.path):
                return card
        is_there = path.exists() and (path.is_file() or recognise(path))
        if is_there and _is_path_like(reference):
            return self._mark(read_any_card(path.absolute()))
        named = [card for card in cards if reference in (card.name, Path(card.path).name, Path(card.path).stem)]
        if named:
            return _the_only(reference, _models_first(named))
        if is_there:
            return self._mark(read_any_card(path.absolute()))
        wanted = reference.lower()
        if not is_exact and not _is_path_like(reference):
            texts = {card.path: (card.id, card.name, Path(card.path).stem) for card in cards}
            partial = [card for card in cards if any(wanted in text.lower() for text in texts[card.path])]
            if partial:
                return _the_only(reference, _models_first(partial))
        raise ModelNotFound(model=reference)

    def import_model(self, path: Path, *, copy: bool = False, on_progress: Progress | None = None) -> ModelCard:
        """Add a model: where it lies, or as a copy in Yanmo's own folder (all parts of a split model).

        Raises:
            UserFacingError: it is no model, is damaged, a file of that name is already there, or the disk refuses.
        """
        path = path.expanduser().absolute()
        card = read_any_card(path)
        with self._lock:
            if copy:
                place = self._copy(card, on_progress)
            else:
                place = path
                references = [text for text in self._known.references if text != str(path)]
                self._known.references = [*references, str(path)]
                self._known.save()
        return self._mark(read_any_card(place))

    def remove(self, reference: str, *, delete: bool = False) -> ModelCard:
        """Forget an imported model, or delete one that lies in Yanmo's own folder. ``delete`` also deletes what is elsewhere.

        Raises:
            ModelNotFound: none of that name; a part of a name is not enough here.
            AmbiguousModel: several of that name.
            ModelError: it is the starter, lies in a folder that is only looked into, or cannot be deleted.
        """
        card = self.find(reference, is_exact=True)
        if card.is_starter:
            raise ModelError(model=card.name, reason="It is a part of Yanmo and stays.")
        _refuse_distant(card)
        with self._lock:
            is_reference = card.path in self._known.references
            if not (card.is_copy or is_reference or delete):
                raise ModelError(model=card.name, reason="It lies in a folder that Yanmo only looks into; delete the file there.")
            if card.is_copy or delete:
                _delete(card)
            self._known.references = [text for text in self._known.references if text != card.path]
            self._known.hashes = {path: entry for path, entry in self._known.hashes.items() if path not in card.files}
            self._known.cards.pop(card.path, None)
            self._known.save()
        return card

    def verify(self, reference: str, on_progress: Progress | None = None) -> Verification:
        """Read every byte: check the structure, and the SHA-256 against the one recorded before.

        For a split model the hash is that of the parts' hashes in order.

        Raises:
            DamagedModelFile: cut off, inconsistent, or changed although its date and size did not.
        """
        found = self.find(reference)
        _refuse_distant(found)
        card = self._mark(read_any_card(Path(found.path)))
        done, state = 0, "same"
        digests = []
        for name in card.files:
            path = Path(name)
            stamp = stamp_of(path)
            digest = hash_file(path, done, card.size_bytes, on_progress)
            done += stamp[0]
            with self._lock:
                entry = self._known.hashes.get(name)
                if entry is None:
                    state = "first"
                elif entry["sha256"] != digest and (entry["size"], entry["mtime"]) == stamp:
                    reason = "Its content changed although its size and date did not: the disk may be failing."
                    raise DamagedModelFile(file=path.name, reason=reason)
                elif entry["sha256"] != digest:
                    state = "new"
                self._known.hashes[name] = {"size": stamp[0], "mtime": stamp[1], "sha256": digest}
                self._known.save()
            digests.append(digest)
        return Verification(card, join_digests(digests), state)  # type: ignore[arg-type]

    def known_sha256(self, card: ModelCard) -> str:
        """The recorded SHA-256 of a file that has not changed since; empty where none was computed yet."""
        digests = []
        with self._lock:
            for name in card.files:
                entry = self._known.hashes.get(name)
                if entry is None or (entry["size"], entry["mtime"]) != stamp_of(Path(name)):
                    return ""
                digests.append(str(entry["sha256"]))
        return join_digests(digests) if digests else ""

    def known_file_sha256(self, name: str) -> str:
        """The recorded SHA-256 of one file as it is now; empty where none was computed."""
        with self._lock:
            entry = self._known.hashes.get(name)
        return str(entry["sha256"]) if entry and (entry["size"], entry["mtime"]) == stamp_of(Path(name)) else ""

    def _iter_places(self) -> Iterator[Path]:
        for folder in self._folders:
            yield from iter_models(folder)
        for text in self._known.references:
            yield Path(text)
        seen: set[tuple[int, int]] = set()
        self._names.clear()
        for store in self._stores:
            yield from self._iter_store(store, seen)

    def _iter_store(self, store: OtherStore, seen: set[tuple[int, int]]) -> Iterator[Path]:
        """Models of another program; a file that several names lead to is told once."""
        if store.kind == "ollama":
            for model in iter_ollama_models(store.folder):
                if str(model.path) in self._names:
                    continue
                self._names[str(model.path)] = (model.name, store.name, str(model.projector or ""))
                stamp = stamp_of(model.path)
                # The name of the file is its hash; whoever doubts it can verify.
                entry = {"size": stamp[0], "mtime": stamp[1], "sha256": model.sha256}
                self._known.hashes.setdefault(str(model.path), entry)
                yield model.path
            return
        for path in iter_models(store.folder):
            with contextlib.suppress(OSError):
                status = path.stat()
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    self._names[str(path)] = ("", store.name, "")
                    yield path

    def _pair(self, cards: list[ModelCard]) -> list[ModelCard]:
        """Give models the projector that lies beside them."""
        beside: dict[Path, list[str]] = {}
        for card in cards:
            beside.setdefault(Path(card.path).parent, []).append(Path(card.path).name)
        paired = []
        senses = {card.path: card.modalities for card in cards if card.kind == "projector"}
        for card in cards:
            place = Path(card.path)
            found = card.projector
            if not found and card.kind in ("chat", "base") and any("mmproj" in name.lower() for name in beside[place.parent]):
                found = self._pairs.find(place)
            if found:
                added = tuple(sense for sense in senses.get(found, ("image",)) if sense not in card.modalities)
                card = replace(card, projector=found, modalities=(*card.modalities, *added))
            paired.append(card)
        return paired

    def _read(self, path: Path) -> ModelCard | None:
        """The card, from memory where the file is unchanged; None where it cannot be read."""
        key, stamp = str(path), stamp_of(path)
        if stamp == (0, 0):
            return None
        if (entry := self._known.cards.get(key)) is not None and entry[0] == stamp:
            return self._mark(entry[1])
        if (failed := self._unreadable.get(key)) is not None and failed[0] == stamp:
            return None
        try:
            card = self._mark(read_any_card(path))
        except UserFacingError as error:
            self._unreadable[key] = (stamp, error)
            return None
        self._unreadable.pop(key, None)
        self._known.cards[key] = (stamp, card)
        return card

    def _mark(self, card: ModelCard) -> ModelCard:
        """Add what depends on the place."""
        path = Path(card.path)
        name, store, projector = self._names.get(card.path, ("", "", ""))
        if store:
            card = replace(card, name=name or card.name, store=store, projector=projector or card.projector)
        is_starter = self._starter_folder is not None and path.is_relative_to(self._starter_folder)
        return replace(card, is_starter=is_starter, is_copy=path.is_relative_to(self._models_folder) and not is_starter)

    def _copy(self, card: ModelCard, on_progress: Progress | None) -> Path:
        sources = [Path(card.path)] if card.format == "safetensors" else [Path(name) for name in card.files]
        files = [(source, self._models_folder / source.name) for source in sources]
        for source, target in files:
            if source == target:
                return target
            if target.exists():
                raise ModelError(model=card.name, reason=f"A model named {target.name} is already there.")
        done = 0
        try:
            self._models_folder.mkdir(parents=True, exist_ok=True)
            for source, target in files:
                if source.is_dir():
                    shutil.copytree(source, target)
                else:
                    done += copy_file(source, target, done, card.size_bytes, on_progress)
        except OSError as error:
            raise ModelError(model=card.name, reason=f"It could not be copied: {error.strerror or error}.") from error
        return files[0][1]


def _models_first(cards: list[ModelCard]) -> list[ModelCard]:
    """Those that can be talked to, where there are any: a projector bears the name of its model."""
    return [card for card in cards if card.kind != "projector"] or cards


def _order(card: ModelCard) -> tuple[bool, str, str]:
    return (not card.is_starter, card.name.lower(), card.path)


_MATRICES = (".imatrix.gguf",)
"""Importance matrices lie beside models in the same format."""


def iter_models(folder: Path) -> Iterator[Path]:
    """Paths of models under ``folder``: GGUF files (the first part of a split one) and safetensors folders.

    Links are followed, each folder is visited once, what cannot be read is passed over.
    """
    seen: set[tuple[int, int]] = set()
    root_depth = len(folder.parts)
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        try:
            status = here.stat()
        except OSError:
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in seen or len(here.parts) - root_depth > _DEEPEST:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if is_checkpoint(files):
            yield here
        for name in sorted(files):
            is_gguf = name.lower().endswith(".gguf") and not name.lower().endswith(_MATRICES)
            if is_gguf and not is_partial(name) and not is_later_part(here / name):
                yield here / name


def _is_path_like(reference: str) -> bool:
    """Whether a text can only be meant as a path or a file's name."""
    return reference in (".", "..") or any(sign in reference for sign in "/\\") or reference.lower().endswith(".gguf")


def _the_only(reference: str, cards: Sequence[ModelCard]) -> ModelCard:
    """The one card; links to one and the same file count once.

    Raises:
        AmbiguousModel: there are several.
    """
    if len({card.path if card.format == "remote" else str(Path(card.path).resolve()) for card in cards}) > 1:
        raise AmbiguousModel(model=reference, candidates=", ".join(card.id for card in cards))
    return cards[0]


def _refuse_distant(card: ModelCard) -> None:
    if card.format == "remote":
        raise ModelError(model=card.name, reason="It lies on another machine; “yanmo remote” keeps the connection to that.")


def _delete(card: ModelCard) -> None:
    try:
        if card.format == "safetensors":
            shutil.rmtree(card.path)
        else:
            for name in card.files:
                Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(model=card.name, reason=f"It could not be deleted: {error.strerror or error}.") from error
