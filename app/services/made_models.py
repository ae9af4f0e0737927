"""Models that other programs made of one that is here: a name, with a system prompt, first messages and settings of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from app.settings import Settings

_KEY = "server.made_models"
_NAMES = {"num_predict": "max_tokens", "repeat_last_n": "repeat_last_n"}


@dataclass(frozen=True, slots=True)
class MadeModel:
    """``base`` is the reference of the model that answers; ``parameters`` have Ollama's names; ``messages`` Ollama's shape.

    ``adapters`` are paths of LoRA adapters that it answers with, at full strength.
    """

    name: str
    base: str
    system: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Mapping[str, Any], ...] = ()
    licence: str = ""
    made_at: float = 0.0
    adapters: tuple[str, ...] = ()

    def complete(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request's body with what this model brings and the request does not say, in the words of the endpoint."""
        found = dict(body)
        if path in ("/api/chat", "/api/generate"):
            options = body.get("options")
            found["options"] = {**self.parameters, **(options if isinstance(options, dict) else {})}
        else:
            named = {_NAMES.get(name, name): value for name, value in self.parameters.items() if name != "num_ctx"}
            has_limit = {"max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict"} & set(body)
            if has_limit or path == "/v1/responses":
                named.pop("max_tokens", None)
            found = {**named, **found}
        return self._with_words(path, found)

    def _with_words(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith(("/chat/completions", "/api/chat")):
            messages = body.get("messages")
            if isinstance(messages, list) and messages and isinstance(messages[0], dict):
                said = [*(dict(message) for message in self.messages), *messages]
                if self.system and messages[0].get("role") not in ("system", "developer"):
                    said.insert(0, {"role": "system", "content": self.system})
                body["messages"] = said
        elif (self.system and path == "/api/generate" and not body.get("raw")) or (
            self.system and path.startswith("/v1/messages")
        ):
            body.setdefault("system", self.system)
        elif self.system and path == "/v1/responses":
            body.setdefault("instructions", self.system)
        return body


class MadeModels:
    """Thread-safe, as the settings are. Names are compared without ``:latest``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def list(self) -> list[MadeModel]:
        """All of them, by name."""
        table = self._settings.get(_KEY)
        return [_read(name, value) for name, value in sorted(table.items()) if isinstance(value, dict) and value.get("base")]

    def find(self, name: object) -> MadeModel | None:
        """The one of this name."""
        if not isinstance(name, str) or not name:
            return None
        value = self._settings.entry(_KEY, name.removesuffix(":latest"))
        return _read(name.removesuffix(":latest"), value) if isinstance(value, dict) and value.get("base") else None

    def keep(self, model: MadeModel) -> None:
        """Add a model, or replace the one of its name. Raises StoreError."""
        value = {**asdict(model), "messages": [dict(message) for message in model.messages], "parameters": dict(model.parameters)}
        self._settings.set(_KEY, {**self._settings.get(_KEY), model.name: value})

    def remove(self, name: str) -> bool:
        """Forget one; false where there is none. What it was made of stays."""
        table = dict(self._settings.get(_KEY))
        was_there = table.pop(name.removesuffix(":latest"), None) is not None
        if was_there:
            self._settings.set(_KEY, table)
        return was_there

    def copy(self, source: str, target: str) -> bool:
        """Another one like it; false where there is no such source."""
        found = self.find(source)
        if found is not None:
            self.keep(replace(found, name=target.removesuffix(":latest")))
        return found is not None


def _read(name: str, value: Mapping[str, Any]) -> MadeModel:
    parameters, messages, adapters = value.get("parameters"), value.get("messages"), value.get("adapters")
    return MadeModel(
        name,
        str(value["base"]),
        str(value.get("system") or ""),
        parameters if isinstance(parameters, dict) else {},
        tuple(message for message in messages if isinstance(message, dict)) if isinstance(messages, list) else (),
        str(value.get("licence") or ""),
        float(value.get("made_at") or 0.0),
        tuple(map(str, adapters)) if isinstance(adapters, list | tuple) else (),
    )


def modelfile(made: MadeModel) -> str:
    """The model as Ollama's own file describes such a one."""
    lines = [f"FROM {made.base}", *(f"ADAPTER {path}" for path in made.adapters)]
    if made.system:
        lines.append(f"SYSTEM {json.dumps(made.system, ensure_ascii=False)}")
    lines += [f"PARAMETER {line}" for line in parameter_lines(made)]
    lines += [f"MESSAGE {message['role']} {json.dumps(message['content'], ensure_ascii=False)}" for message in made.messages]
    return "\n".join(lines) + "\n"


def parameter_lines(made: MadeModel) -> list[str]:
    """Name and value of each parameter, lists as several lines."""
    found = []
    for name, value in made.parameters.items():
        for one in value if isinstance(value, list) else [value]:
            found.append(f"{name} {json.dumps(one, ensure_ascii=False)}")
    return found
