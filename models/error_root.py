"""What all errors have in common: templates that a face translates, facts that fill them, and a way through a pipe."""

from __future__ import annotations

from typing import Any, ClassVar

_REGISTRY: dict[str, type[UserFacingError]] = {}


class YanmoError(Exception):
    """Root of everything that Yanmo raises on purpose."""


class UserFacingError(YanmoError):
    """An error that says what happened, why, and what to try.

    ``facts`` fill the placeholders of the three templates; ``details`` is a log excerpt for the details fold, never shown first.
    ``fixes`` are names of actions a window may offer as buttons (``reload_smaller_context``, ``verify_file`` …).
    """

    code: ClassVar[str] = "error"
    what: ClassVar[str] = "Something went wrong."
    why: ClassVar[str] = "{reason}"
    remedy: ClassVar[str] = ""
    fixes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, details: str = "", **facts: object) -> None:
        self.facts: dict[str, str] = {key: str(value) for key, value in facts.items()}
        self.details = details
        super().__init__(self.english())

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _REGISTRY[cls.code] = cls

    def english(self) -> str:
        """What, why and remedy as one English paragraph."""
        sentences = [fill(template, self.facts) for template in (self.what, self.why, self.remedy)]
        return " ".join(sentence for sentence in sentences if sentence)

    def to_json(self) -> dict[str, Any]:
        """A plain value that survives a pipe; see :func:`error_from_json`."""
        return {"code": self.code, "facts": dict(self.facts), "details": self.details}

    def __reduce__(self) -> tuple[Any, ...]:
        return (error_from_json, (self.to_json(),))


def fill(template: str, facts: dict[str, str]) -> str:
    """Fill ``{placeholders}``; a missing fact becomes empty rather than a second error."""

    class _Facts(dict[str, str]):
        def __missing__(self, key: str) -> str:
            return ""

    return template.format_map(_Facts(facts)).strip()


def error_from_json(value: dict[str, Any]) -> UserFacingError:
    """Rebuild an error sent by another process; an unknown code becomes a plain :class:`UserFacingError`."""
    kind = _REGISTRY.get(str(value.get("code")), UserFacingError)
    facts = {str(k): str(v) for k, v in dict(value.get("facts") or {}).items()}
    return kind(details=str(value.get("details") or ""), **facts)


def iter_error_kinds() -> list[type[UserFacingError]]:
    """Every registered kind, for documentation and translation checks."""
    return [UserFacingError, *_REGISTRY.values()]
