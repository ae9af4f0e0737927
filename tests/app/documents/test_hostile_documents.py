"""Damaged and hostile documents: no crash, little memory, each named in its error, nothing outside of it touched."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.documents.reading import DocumentReader, ReadingLimits
from models.document_errors import DocumentUnreadable
from tests.hostile_documents import iter_hostile

SECRET = "the-canary-sings-4711"


@pytest.fixture
def visitors() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and everybody who came."""
    came: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", came
    server.shutdown()
    server.server_close()
    thread.join()


def peak_memory(reader: DocumentReader) -> int:
    """The most that the child held so far, in bytes (VmHWM); 0 where it died, which its limit of 384 MB made it do.

    What the system counts for dead children would include what this process held when it forked them.
    """
    if reader._process is None or not reader._process.is_alive():
        return 0
    status = Path(f"/proc/{reader._process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.slow
def test_hundreds_of_damaged_and_hostile_documents_do_no_harm(tmp_path: Path, visitors: tuple[str, list[str]]) -> None:
    address, came = visitors
    canary = tmp_path / "canary" / "secret.txt"
    canary.parent.mkdir()
    canary.write_text(SECRET, encoding="utf-8")
    folder = tmp_path / "hostile"
    folder.mkdir()
    own = psutil.Process().memory_info().rss
    reader = DocumentReader(ReadingLimits(seconds=25))
    kinds: dict[str, int] = {}
    unexpected: list[str] = []
    largest = slowest = 0.0
    try:
        for hostile in iter_hostile(canary, address):
            path = folder / hostile.name
            assert not path.exists(), f"two are called {hostile.name}"
            path.write_bytes(hostile.data)
            kinds[path.suffix] = kinds.get(path.suffix, 0) + 1
            begun = time.monotonic()
            try:
                found = reader.read(path)
                assert SECRET not in found.text, hostile.name
                if hostile.must_fail:
                    unexpected.append(f"{hostile.name} was read: {found.text[:60]!r}")
            except DocumentUnreadable as error:
                assert hostile.name in error.english(), "the error names the file"
            slowest = max(slowest, time.monotonic() - begun)
            largest = max(largest, peak_memory(reader))
            path.unlink()
    finally:
        reader.close()
    assert unexpected == []
    assert sum(kinds.values()) >= 180, kinds
    assert largest < 500e6, f"{largest / 1e6:.0f} MB"
    assert slowest < 27
    assert came == [], "nobody was visited"
    assert canary.read_text(encoding="utf-8") == SECRET
    assert [item.name for item in canary.parent.iterdir()] == ["secret.txt"]
    assert psutil.Process().memory_info().rss - own < 500e6
    print(f"{sum(kinds.values())} files, {kinds}, peak {largest / 1e6:.0f} MB, slowest {slowest:.1f} s")


def test_a_reader_that_takes_too_long_is_ended_and_the_next_document_is_read(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_bytes(b"word " * 2_000_000)
    (tmp_path / "short.txt").write_bytes(b"words")
    reader = DocumentReader(ReadingLimits(seconds=0.0))
    try:
        with pytest.raises(DocumentUnreadable, match=r"long\.txt cannot be read\. Reading it took longer than 0 seconds"):
            reader.read(tmp_path / "long.txt")
        reader._limits = ReadingLimits()
        assert reader.read(tmp_path / "short.txt").text == "words"
    finally:
        reader.close()


def test_a_document_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text("汉字" * 5_000_000, encoding="utf-8")
    reader = DocumentReader(ReadingLimits(memory=16 * 1024**2))
    try:
        with pytest.raises(
            DocumentUnreadable, match=r"big\.txt cannot be read\. Reading it takes more memory than a document may"
        ):
            reader.read(tmp_path / "big.txt")
    finally:
        reader.close()
