"""The header of a model on a hub is read by range, and only the header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.downloads.remote_file import NO_PROXY, Source
from models.errors import DamagedModelFile, NotAModelFile
from models.gguf_header import read_header
from models.hubs.remote_header import open_remote_headers
from models.memory_shape import read_shape
from tests.file_server import FileServer, serve
from tests.models.sparse_models import SHAPES


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as running:
        yield running


def source(server: FileServer) -> Source:
    return Source(f"{server.url}/m.gguf", "Hub", proxy=NO_PROXY)


def test_a_plan_needs_only_the_first_megabytes_of_a_model(server: FileServer, tmp_path: Path) -> None:
    path = SHAPES["mamba"](tmp_path / "mamba.gguf")
    data = path.read_bytes()
    server.files["/m.gguf"] = data
    with open_remote_headers([(source(server), len(data))], hub="Hub") as headers:
        assert read_shape(headers) == read_shape([read_header(path)])
    assert server.sent() < 8 << 20 < len(data) // 50


def test_what_is_no_model_is_told_after_the_first_bytes(server: FileServer) -> None:
    server.files["/m.gguf"] = b"PK" + bytes(3 << 20)
    with pytest.raises(NotAModelFile), open_remote_headers([(source(server), (3 << 20) + 2)], hub="Hub"):
        raise AssertionError


def test_a_header_that_claims_too_much_ends(server: FileServer) -> None:
    data = b"GGUF" + (3).to_bytes(4, "little") + (1).to_bytes(8, "little") + (1).to_bytes(8, "little") + b"\xff" * (2 << 20)
    server.files["/m.gguf"] = data
    with pytest.raises(DamagedModelFile), open_remote_headers([(source(server), len(data))], hub="Hub"):
        raise AssertionError
