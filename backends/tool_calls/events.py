"""What a reply that may call tools says, piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.events import CallArguments as CallArguments
from backends.events import CallBegun as CallBegun
from backends.events import CallEnded as CallEnded
from backends.events import TextDelta


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask to be called; ``parameters`` is the JSON schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})

    def to_json(self) -> dict[str, Any]:
        """As chat templates want it: OpenAI's shape."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


ToolEvent = TextDelta | CallBegun | CallArguments | CallEnded


class BadCall(Exception):
    """What the model wrote is no call of this format; it is told as text."""
