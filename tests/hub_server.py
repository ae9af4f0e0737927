"""Both hubs as they speak on the wire, from the answers that their own client libraries read; with everything a test wants to see."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from tests.file_server import Answer, FileServer, Request, serve

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Published:
    """A repository that a hub has."""

    id: str
    files: dict[str, bytes]
    tags: list[str] = field(default_factory=lambda: ["gguf", "license:apache-2.0"])
    gated: bool = False
    downloads: int = 1234
    task: str = "text-generation"


class HubServer:
    """One hub. ``kind`` is ``huggingface`` or ``modelscope``; ``token`` opens what is gated."""

    def __init__(self, server: FileServer, kind: str, token: str = "") -> None:
        self.server = server
        self.kind = kind
        self.token = token
        self.repositories: dict[str, Published] = {}
        self.is_redirecting = True
        self._hashes: dict[int, tuple[bytes, str]] = {}
        server.route = self._answer

    @property
    def url(self) -> str:
        return self.server.url

    def publish(self, repository_id: str, files: dict[str, bytes], **facts: object) -> None:
        """Add a repository."""
        self.repositories[repository_id] = Published(repository_id, files, **facts)  # type: ignore[arg-type]

    def secrets_heard(self) -> list[str]:
        """Whatever clients sent to say who they are."""
        names = ("authorization", "cookie", "proxy-authorization", "x-api-key")
        return [request.headers[name] for request in self.server.requests for name in names if name in request.headers]

    def _answer(self, request: Request) -> Answer | None:
        return self._huggingface(request) if self.kind == "huggingface" else self._modelscope(request)

    def _is_allowed(self, repository: Published, request: Request) -> bool:
        return not repository.gated or (bool(self.token) and request.headers.get("authorization") == f"Bearer {self.token}")

    def _find(self, query: dict[str, str]) -> list[Published]:
        words = query.get("search", "").lower().split()
        owner = query.get("author") or query.get("owner")
        found = [one for one in self.repositories.values() if all(word in one.id.lower() for word in words)]
        return [one for one in found if not owner or one.id.split("/")[0] == owner]

    # ---- Hugging Face: https://huggingface.co/docs/hub/api

    def _huggingface(self, request: Request) -> Answer | None:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        path = request.path
        if path == "/api/models":
            wanted = parse_qs(request.query).get("filter", [])
            found = [one for one in self._find(query) if all(tag in one.tags for tag in wanted)]
            return _json([self._describe(one) for one in found])
        if path.startswith("/api/models/"):
            name = "/".join(path.removeprefix("/api/models/").split("/")[:2])
            return self._hf_info(name)
        if "/resolve/" in path:
            name, _, rest = path.strip("/").partition("/resolve/")
            return self._hf_file(request, name, rest.partition("/")[2])
        if path.startswith("/cdn/"):
            return Answer(self._blobs()[path.removeprefix("/cdn/")], is_file=True)
        return None

    def _describe(self, one: Published) -> dict[str, object]:
        return {
            "_id": "1",
            "id": one.id,
            "modelId": one.id,
            "downloads": one.downloads,
            "likes": 5,
            "lastModified": "2026-01-02T03:04:05.000Z",
            "gated": "manual" if one.gated else False,
            "tags": one.tags,
            "pipeline_tag": one.task,
            "trendingScore": 3,
            "private": False,
        }

    def _hf_info(self, name: str) -> Answer:
        one = self.repositories.get(name)
        if one is None:
            return Answer(b'{"error":"Repository not found"}', 404, {"X-Error-Code": "RepoNotFound"})
        siblings = []
        for path, data in one.files.items():
            entry: dict[str, object] = {"rfilename": path, "size": len(data), "blobId": git_sha1(data)}
            if is_large(path):
                entry["lfs"] = {"sha256": self._sha256(data), "size": len(data), "pointerSize": 134}
            siblings.append(entry)
        return _json({**self._describe(one), "sha": COMMIT, "siblings": siblings, "gguf": {"total": 4_000_000_000}})

    def _hf_file(self, request: Request, name: str, path: str) -> Answer | None:
        one = self.repositories.get(name)
        if one is None or path not in one.files:
            return Answer(b"Entry not found", 404, {"X-Error-Code": "EntryNotFound"})
        if not self._is_allowed(one, request):
            return Answer(b"Access to this model is restricted", 403, {"X-Error-Code": "GatedRepo"})
        data = one.files[path]
        if not is_large(path):
            return Answer(data, is_file=True, headers={"ETag": f'"{git_sha1(data)}"', "X-Repo-Commit": COMMIT})
        sha256 = self._sha256(data)
        headers = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(len(data)),
            "X-Linked-Etag": f'"{sha256}"',
            "ETag": f'"{sha256}"',
        }
        if self.is_redirecting:
            return Answer(b"", 302, {**headers, "Location": f"{self.url}/cdn/{sha256}"})
        return Answer(data, is_file=True, headers=headers)

    def _sha256(self, data: bytes) -> str:
        """Computed once for each file: some of them are large."""
        if id(data) not in self._hashes:
            self._hashes[id(data)] = (data, hashlib.sha256(data).hexdigest())
        return self._hashes[id(data)][1]

    def _blobs(self) -> dict[str, bytes]:
        return {self._sha256(data): data for one in self.repositories.values() for data in one.files.values()}

    # ---- ModelScope: the OpenAPI and the API that its client calls legacy

    def _modelscope(self, request: Request) -> Answer | None:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        path = request.path
        if path == "/openapi/v1/models":
            found = self._find(query)
            rows = [self._ms_row(one) for one in found]
            return _json({"success": True, "data": {"models": rows, "total_count": len(rows), "page_number": 1, "page_size": 30}})
        if path.startswith("/openapi/v1/models/"):
            one = self.repositories.get(path.removeprefix("/openapi/v1/models/"))
            if one is None:
                return Answer(b'{"success": false, "message": "not found"}', 404)
            return _json({"success": True, "data": self._ms_row(one)})
        if path.startswith("/api/v1/models/"):
            name, _, rest = path.removeprefix("/api/v1/models/").partition("/repo")
            return self._ms_file(request, name, rest, query)
        return None

    def _ms_row(self, one: Published) -> dict[str, object]:
        return {
            "id": one.id,
            "display_name": one.id,
            "downloads": one.downloads,
            "likes": 7,
            "license": "Apache License 2.0",
            "tasks": [one.task],
            "tags": one.tags,
            "last_modified": "2026-02-03T04:05:06Z",
            "file_size": sum(len(data) for data in one.files.values()),
            "private": False,
            "gated": one.gated,
        }

    def _ms_file(self, request: Request, name: str, rest: str, query: dict[str, str]) -> Answer:
        one = self.repositories.get(name)
        if one is None:
            return Answer(b'{"Code": 10010205001, "Message": "record not found", "Success": false}', 404)
        if rest == "/files":
            files = [
                {"Name": path.rpartition("/")[2], "Path": path, "Size": len(data), "Sha256": self._sha256(data),
                 "Type": "blob", "Revision": COMMIT, "IsLFS": is_large(path)}
                for path, data in one.files.items()
            ]  # fmt: skip
            return _json({"Code": 200, "Success": True, "Message": "success", "Data": {"Files": files}})
        path = unquote(query.get("FilePath", ""))
        if not rest and path in one.files:
            if not self._is_allowed(one, request):
                return Answer(b'{"Code": 403, "Success": false}', 403)
            return Answer(one.files[path], is_file=True)
        return Answer(b'{"Code": 404, "Success": false, "Message": "file not found"}', 404)


def git_sha1(data: bytes) -> str:
    """The hash of a git blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(path: str) -> bool:
    """Whether a hub keeps a file outside of git."""
    return path.endswith((".gguf", ".safetensors", ".bin"))


def _json(value: object) -> Answer:
    return Answer(json.dumps(value).encode())


@contextmanager
def serve_hub(kind: str, token: str = "") -> Iterator[HubServer]:
    """A hub that runs until the block ends."""
    with serve() as server:
        yield HubServer(server, kind, token)
