"""Where a model of another server is: the server's address and the model's name there, together in one text."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from models.errors import InvalidOption, NotAModelFile

PREFIX = "remote:"
_ENDPOINTS = ("/chat/completions", "/completions", "/models", "/responses")


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """``url`` is the base that OpenAI's clients are given, such as ``http://box:8000/v1``; ``model`` is the server's name for it."""

    url: str
    model: str

    @property
    def path(self) -> str:
        """What stands for the model where others have a file: ``remote:http://box:8000/v1#Qwen/Qwen3-8B``."""
        return f"{PREFIX}{self.url}#{self.model}"

    @property
    def server(self) -> str:
        """The server's name and port, for people."""
        return urlsplit(self.url).netloc

    @property
    def root(self) -> str:
        """The address without ``/v1``: where servers have endpoints of their own."""
        return self.url.removesuffix("/v1")


def read_address(path: str) -> RemoteAddress:
    """The inverse of :attr:`RemoteAddress.path`.

    Raises:
        NotAModelFile: it is none.
    """
    url, mark, model = path.removeprefix(PREFIX).partition("#")
    if not path.startswith(PREFIX) or not mark or not model:
        raise NotAModelFile(file=path, reason="It is no address of a model on another server.")
    return RemoteAddress(url, model)


def clean_url(text: str) -> str:
    """An address as people write it (``box:8000``, ``http://box:8000/v1/chat/completions``) as the base of the API.

    Raises:
        InvalidOption: it is no address, or holds a password, which would be shown.
    """
    text = text.strip()
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_right = False
    if not is_right or any(sign.isspace() for sign in text):
        raise InvalidOption(option="url", value=text or "empty", allowed="an address such as http://192.168.1.20:8000/v1")
    if parts.username or parts.password:
        raise InvalidOption(
            option="url", value=parts.netloc.rpartition("@")[2], allowed="without a name and password; give the key apart"
        )
    if parts.query or parts.fragment:
        raise InvalidOption(option="url", value=text, allowed="an address without “?” and “#”")
    place = parts.path.rstrip("/")
    for endpoint in _ENDPOINTS:
        place = place.removesuffix(endpoint)
    return f"{parts.scheme}://{parts.netloc}{place or '/v1'}"
