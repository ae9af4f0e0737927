"""Names that clients use for models, and the models behind them."""

from __future__ import annotations

import asyncio
import fnmatch
import time
from pathlib import Path

from app.api.errors import ApiError, describe
from app.services.engine_pool import EnginePool, Lease, PooledModel
from app.services.made_models import MadeModels
from app.workstation import Workstation
from models.card import ModelCard
from models.errors import AmbiguousModel, ModelNotFound, UserFacingError

_FRESH_SECONDS = 5.0


class Models:
    """Names to models, and models to processes."""

    def __init__(self, workstation: Workstation, pool: EnginePool) -> None:
        self._workstation = workstation
        self._pool = pool
        self.made = MadeModels(workstation.settings)
        self._cards: tuple[float, object, list[ModelCard]] = (0.0, None, [])
        self._elsewhere: dict[str, ModelCard | None] = {}
        """Models that were given by their paths: those that lie in none of the library's folders."""

    def list_cards(self) -> list[ModelCard]:
        """Every model that an engine of this program can load, as the disk has it now: the library's, and those given by path."""
        library = self._workstation.library
        cards = library.list_models()
        found = [card for card in cards if card.can_be_loaded and card.kind not in ("projector", "adapter")]
        known = {card.id for card in cards}
        found += [card for card in self._list_elsewhere() if card.id not in known]
        self._cards = (time.monotonic(), library, found)
        return found

    def _list_elsewhere(self) -> list[ModelCard]:
        given = (self._workstation.server.main_model, *(model.reference for model in self._pool.list_loaded()))
        for reference in given:
            if reference not in self._elsewhere and Path(reference).is_absolute():
                try:
                    self._elsewhere[reference] = self._workstation.library.find(reference)
                except UserFacingError:
                    self._elsewhere[reference] = None
        return [card for reference in dict.fromkeys(given) if (card := self._elsewhere.get(reference)) is not None]

    def id_of(self, reference: str) -> str:
        """What clients are told that a model is called: as the lists have it, and never where it lies."""
        if reference not in self._elsewhere:
            if not Path(reference).is_absolute():
                return reference
            self._list_elsewhere()
        card = self._elsewhere.get(reference)
        return card.id if card is not None else Path(reference).stem

    def list_loaded(self) -> dict[str, PooledModel]:
        """The models in memory or on their way there, by what clients are told they are called."""
        return {self.id_of(model.reference): model for model in self._pool.list_loaded()}

    def forget_cards(self) -> None:
        """The library was changed: look again before the next answer."""
        self._cards = (0.0, None, [])

    def _known_cards(self) -> list[ModelCard]:
        """As :meth:`list_cards`, but some seconds old at most: looking at every folder is too much for every request."""
        seen_at, library, cards = self._cards
        is_fresh = library is self._workstation.library and time.monotonic() - seen_at < _FRESH_SECONDS
        return cards if is_fresh else self.list_cards()

    def aliases(self) -> dict[str, str]:
        """Patterns of names that clients ask for, and the models that answer to them."""
        table = self._workstation.settings.get("server.aliases")
        kept = {str(pattern): str(model) for pattern, model in table.items() if model}
        return {**kept, **self._workstation.server.extra_aliases}

    def resolve(self, name: object) -> str:
        """The reference of the model that a client calls ``name``; without a name, the one in memory or the default.

        Raises:
            UserFacingError: there is none.
        """
        if not isinstance(name, str) or not name:
            if self._workstation.server.main_model:
                return self._workstation.server.main_model
            loaded = self._pool.list_loaded()
            return loaded[0].reference if loaded else self._workstation.engines.default_model()
        name = name.removesuffix(":latest")
        for pattern, model in self.aliases().items():
            if fnmatch.fnmatchcase(name.lower(), pattern.lower()):
                name = model
                break
        if (made := self.made.find(name)) is not None:
            name = made.base
        if self._is_loaded(name):
            return name
        # Only what the library lists is found: no path from a request ever opens a file.
        found = _find_named(self._known_cards(), name) or _find_named(self.list_cards(), name)
        if not found:
            raise ModelNotFound(model=name)
        if len(found) > 1:
            raise AmbiguousModel(model=name, candidates=", ".join(card.id for card in found))
        return self._reference_of(found[0])

    def find_reference(self, name: object) -> str:
        """As :meth:`resolve`, with errors for clients. Raises ApiError."""
        try:
            return self.resolve(name)
        except UserFacingError as error:
            raise describe(error) from error

    def find_card(self, name: object) -> ModelCard:
        """The library's card of a model. Raises ApiError."""
        number = self.id_of(self.find_reference(name))
        for card in self._known_cards():
            if card.id == number:
                return card
        raise ApiError(404, f"The model {name} is not in the library.", "model_not_found")

    def _reference_of(self, card: ModelCard) -> str:
        elsewhere = (reference for reference, other in self._elsewhere.items() if other is not None and other.id == card.id)
        return next(elsewhere, card.id)

    def _is_loaded(self, reference: str) -> bool:
        return any(model.reference == reference for model in self._pool.list_loaded())

    async def acquire(self, name: object) -> Lease:
        """The model, ready. Who waits and goes away does not keep it from being loaded.

        Raises:
            ApiError: it could not be found or loaded.
        """
        try:
            reference = self.resolve(name)
            lease = self._pool.acquire_now(reference)
            if lease is None:
                task = asyncio.ensure_future(asyncio.to_thread(self._pool.acquire, reference))
                try:
                    lease = await asyncio.shield(task)
                except asyncio.CancelledError:
                    task.add_done_callback(_give_back)
                    raise
        except UserFacingError as error:
            raise describe(error) from error
        return lease


def _give_back(task: asyncio.Future[Lease]) -> None:
    """The model came when nobody waited for it any more."""
    if not task.cancelled() and task.exception() is None:
        task.result().give_back()


def _find_named(cards: list[ModelCard], name: str) -> list[ModelCard]:
    """Cards of this id or path, else of this name or file name."""
    exact = [card for card in cards if name in (card.id, card.path)]
    wanted = name.casefold()
    return exact or [card for card in cards if wanted in _names_of(card)]


def _names_of(card: ModelCard) -> set[str]:
    path = Path(card.path)
    return {name.casefold() for name in (card.id, card.name, path.name, path.stem)}
