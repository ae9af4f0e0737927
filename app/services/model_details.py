"""What a person noted of models: another name, tags and notes, by the model's id; and who uses a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.settings import Settings
from app.store.conversations import Conversations
from models.card import ModelCard

_KEY = "models.details"


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """Empty where nothing was noted."""

    name: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Who would miss a model. ``models`` counts those that are used with it as their draft model or adapter."""

    conversations: int = 0
    is_default: bool = False
    models: int = 0


class Details:
    """Thread-safe."""

    def __init__(self, settings: Settings, conversations: Conversations, default_model: Callable[[], str]) -> None:
        self._settings = settings
        self._conversations = conversations
        self._default_model = default_model

    def get(self, model_id: str) -> ModelDetails:
        """What was noted of a model."""
        value = self._settings.entry(_KEY, model_id)
        return _from_json(value) if isinstance(value, dict) else ModelDetails()

    def all(self) -> dict[str, ModelDetails]:
        """What was noted of every model."""
        table = self._settings.get(_KEY)
        return {str(key): _from_json(value) for key, value in table.items() if isinstance(value, dict)}

    def note(self, model_id: str, *, name: str | None = None, tags: str | None = None, notes: str | None = None) -> None:
        """Keep what is given; ``tags`` are separated by commas or spaces."""
        details = self.get(model_id)
        if name is not None:
            details = replace(details, name=name.strip())
        if tags is not None:
            words = tags.replace("，", ",").replace(",", " ").split()
            details = replace(details, tags=tuple(dict.fromkeys(words)))
        if notes is not None:
            details = replace(details, notes=notes.strip())
        table = dict(self._settings.get(_KEY))
        if details == ModelDetails():
            table.pop(model_id, None)
        else:
            table[model_id] = {**asdict(details), "tags": list(details.tags)}
        self._settings.set(_KEY, table)

    def use_of(self, card: ModelCard) -> ModelUse:
        """Conversations that were held with a model, and whether it is the default."""
        names = {card.id, card.path}
        count = sum(1 for conversation in self._conversations.list() if conversation.model in names)
        others = 0
        for options in self._settings.get("model.load_options").values():
            if isinstance(options, dict):
                adapters = options.get("adapters")
                paths = (
                    [item.get("path") for item in adapters if isinstance(item, dict)]
                    if isinstance(adapters, list | tuple)
                    else []
                )
                others += any(used in names for used in (options.get("draft_model"), *paths))
        return ModelUse(count, self._default_model() in names, others)


def _from_json(value: dict[str, Any]) -> ModelDetails:
    tags = value.get("tags")
    words = tuple(str(tag) for tag in tags) if isinstance(tags, list) else ()
    return ModelDetails(str(value.get("name") or ""), words, str(value.get("notes") or ""))
