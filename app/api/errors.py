"""Errors in the words and shapes that each dialect's clients understand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.document_errors import DocumentsUnavailable, DocumentUnreadable
from models.download_errors import DownloadError, GatedModel, HubError, RepositoryNotFound, VariantNotFound
from models.errors import (
    AmbiguousModel,
    AttachmentRefused,
    CannotHear,
    CannotInfill,
    CannotSee,
    CannotWrite,
    ContextOverflow,
    EngineBusy,
    EngineUnavailable,
    FormRefused,
    InvalidOption,
    LoadCancelled,
    ModelError,
    ModelNotFound,
    OutOfMemory,
    TemplateFailed,
    TextTooLong,
    UserFacingError,
    WrongModelKind,
)
from models.remote_errors import (
    RemoteBusy,
    RemoteError,
    RemoteKeyRefused,
    RemoteModelMissing,
    RemoteRefused,
    RemoteUnreachable,
)

_REMOTE: tuple[tuple[type[UserFacingError], int, str], ...] = (
    (RemoteModelMissing, 404, "model_not_found"),
    (RemoteBusy, 503, "queue_full"),
    (RemoteRefused, 400, "refused_by_server"),
    (RemoteKeyRefused, 503, "server_refused_key"),
    (RemoteUnreachable, 503, "server_unreachable"),
    (RemoteError, 503, "server_failed"),
)
_STATUS: tuple[tuple[type[UserFacingError], int, str], ...] = (
    *_REMOTE,
    (ContextOverflow, 400, "context_length_exceeded"),
    (TextTooLong, 400, "text_too_long"),
    (ModelNotFound, 404, "model_not_found"),
    (AmbiguousModel, 400, "model_ambiguous"),
    (EngineBusy, 503, "queue_full"),
    (FormRefused, 400, "invalid_schema"),
    (InvalidOption, 400, "invalid_value"),
    (TemplateFailed, 400, "template_failed"),
    (CannotSee, 400, "model_cannot_see"),
    (CannotHear, 400, "model_cannot_hear"),
    (CannotInfill, 400, "model_cannot_infill"),
    (CannotWrite, 400, "model_cannot_write"),
    (WrongModelKind, 400, "wrong_model_kind"),
    (OutOfMemory, 503, "out_of_memory"),
    (AttachmentRefused, 400, "attachment_refused"),
    (DocumentUnreadable, 400, "document_unreadable"),
    (DocumentsUnavailable, 503, "documents_unavailable"),
    (LoadCancelled, 503, "load_cancelled"),
    (EngineUnavailable, 501, "engine_unavailable"),
    (RepositoryNotFound, 404, "model_not_found"),
    (VariantNotFound, 404, "model_not_found"),
    (GatedModel, 403, "model_is_gated"),
    (HubError, 503, "hub_unreachable"),
    (DownloadError, 503, "download_failed"),
)
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    501: "api_error",
    503: "overloaded_error",
}
_LM_STUDIO_TYPES = {404: "model_not_found", 501: "not_implemented"}


@dataclass(eq=False)
class ApiError(Exception):
    """What went wrong with a request: HTTP status, a sentence, a machine-readable code, the parameter it is about."""

    status: int
    message: str
    code: str = ""
    param: str | None = None
    overflow: tuple[str, str] | None = None
    """Tokens of a conversation that is too long, and those that the context holds."""

    def words(self, dialect: str) -> str:
        """The sentence; that a conversation is too long begins as each dialect's own server says it, because clients look for that."""
        if self.overflow is None:
            return self.message
        needed, available = self.overflow
        known = {
            "openai": f"This model's maximum context length is {available} tokens. However, your messages resulted in {needed} tokens.",
            "anthropic": f"prompt is too long: {needed} tokens > {available} maximum.",
            "ollama": "the input length exceeds the context length.",
        }
        return f"{known[dialect]} {self.message}" if dialect in known else self.message

    @property
    def kind(self) -> str:
        """The class of error, as OpenAI and Anthropic name it."""
        return _TYPES.get(self.status, "api_error")


def bad_request(message: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    """A request that cannot be answered as it is."""
    return ApiError(400, message, code, param)


def describe(error: UserFacingError) -> ApiError:
    """An engine's or the library's error, for a client."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            facts = error.facts
            overflow = (facts.get("needed", ""), facts.get("available", "")) if kind is ContextOverflow else None
            return ApiError(status, error.english(), code, facts.get("option"), overflow)
    # Whatever else is wrong with the model that was named, or with what was asked of it, another request may be answered.
    return ApiError(400 if isinstance(error, ModelError) else 500, error.english(), error.code)


def dialect_of(path: str) -> str:
    """Whose shape an error on this path takes: ``anthropic``, ``ollama``, ``lmstudio`` or ``openai``."""
    if path.startswith("/api/v1"):
        return "lmstudio"
    if path.startswith("/v1/messages"):
        return "anthropic"
    if path.startswith("/api/") and not path.startswith(("/api/v0", "/api/yanmo")):
        return "ollama"
    return "openai"


def error_body(error: ApiError, dialect: str) -> dict[str, Any]:
    """The JSON body of an error."""
    message = error.words(dialect)
    if dialect == "anthropic":
        return {"type": "error", "error": {"type": error.kind, "message": message}, "request_id": None}
    if dialect == "ollama":
        return {"error": message}
    if dialect == "lmstudio":
        kind = (
            error.code
            if error.code in ("not_implemented", "not_found")
            else _LM_STUDIO_TYPES.get(error.status, "invalid_request" if error.status < 500 else "internal_error")
        )
        more = {"param": error.param} if error.param else {}
        return {"error": {"type": kind, "message": message, "code": error.code or kind, **more}}
    return {"error": {"message": message, "type": error.kind, "param": error.param, "code": error.code or None}}
