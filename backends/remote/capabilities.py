"""What a model of another server can do, as it was found by trying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One entry of a server's list. ``context_length`` in tokens, 0 where the server does not say; ``kind`` as a card's."""

    id: str
    server: str = ""
    context_length: int = 0
    parameter_count: int = 0
    kind: str = "chat"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Found with one small request each. ``server`` is what runs there (vllm, sglang, llamacpp, yanmo), empty where unknown.

    ``takes_extensions``: settings that OpenAI does not know, such as ``top_k``. ``limit_name`` is the field that limits the answer.
    ``embedding_width`` is the length of its vectors where it is a model for those; it writes nothing then (``can_write`` false).
    """

    server: str = ""
    context_length: int = 0
    parameter_count: int = 0
    can_write: bool = True
    can_call_tools: bool = False
    can_see: bool = False
    has_logprobs: bool = False
    takes_extensions: bool = False
    limit_name: str = "max_tokens"
    embedding_width: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be kept."""
        return asdict(self)


def capabilities_from_json(value: Any) -> Capabilities | None:
    """What :meth:`Capabilities.to_json` gave; None where it is something else."""
    if not isinstance(value, dict) or not value:
        return None
    kinds = {field.name: type(field.default) for field in fields(Capabilities)}
    known = {name: item for name, item in value.items() if name in kinds}
    if any(type(item) is not kinds[name] for name, item in known.items()):
        return None
    return Capabilities(**known)


def read_listed(entry: Any) -> ListedModel | None:
    """A model out of ``/v1/models``, by whichever names this server uses for what it says of it; None for something else.

    What another Yanmo only passes on is left out: two that know each other would list each other's lists for ever.
    """
    if not isinstance(entry, dict) or entry.get("is_distant") is True or not isinstance(entry.get("id"), str) or not entry["id"]:
        return None
    meta = entry["meta"] if isinstance(entry.get("meta"), dict) else {}
    names = ("max_model_len", "context_length", "max_context_length", "context_window", "n_ctx")
    context = _first_number(entry, names) or _first_number(meta, ("n_ctx", "n_ctx_train"))
    server = str(entry.get("owned_by") or "").lower()
    can = entry.get("capabilities")
    abilities = [name for name in can if isinstance(name, str)] if isinstance(can, list) else []
    kind = "chat"
    if abilities and not {"completion", "chat"} & set(abilities):
        kind = "reranker" if "rerank" in abilities else "embedding" if {"embedding", "embeddings"} & set(abilities) else "chat"
    return ListedModel(entry["id"], server, context, _first_number(meta, ("n_params",)), kind)


def _first_number(table: Mapping[str, Any], names: tuple[str, ...]) -> int:
    values = (table.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool) and value > 0), 0)
