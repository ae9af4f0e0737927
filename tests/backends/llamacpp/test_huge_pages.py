"""Weights in huge pages: asked for where they help, before anything is written; read or mapped as was wished."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import pytest

from backends.llamacpp import huge_pages
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import NativeModel
from backends.options import LoadOptions
from models.errors import UserFacingError
from tests.backends.llamacpp.batched import open_model

MAPS = """\
55a336854000-55a337aad000 rw-p 00000000 00:00 0                          [heap]
7ff6f5d47000-7ff6f6547000 rw-p 00000000 00:00 0
7ff700f17000-7ff70d200000 rw-p 00000000 00:00 0
7ff80d2c2000-7ff81efa9000 r--s 000c2000 fe:00 16056464                   /home/研墨/a model.gguf
7ff820000000-7ff824000000 ---p 00000000 00:00 0
7ff900000000-7ff904000000 rw-p 00000000 fe:00 77                         /home/copy on write.bin
7ffa00000000-7ffa04000000 rw-s 00000000 00:00 0
7fff00000000-7fff02000000 rw-p 00000000 00:00 0                          [stack]
"""


def test_only_large_private_memory_without_a_file_is_asked_for() -> None:
    assert list(huge_pages.find_anonymous(MAPS)) == [(0x7FF700F17000, 0x7FF70D200000)]


@pytest.mark.skipif(not huge_pages.are_given(), reason="this system gives no huge pages")
def test_the_kernel_hears_of_it() -> None:
    with mmap.mmap(-1, 64 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        huge_pages.ask_for_huge_pages()
        memory.write(b"\1" * (32 * 2**20))
        entries = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(encoding="utf-8"), flags=re.MULTILINE)
        asked = [entry for entry in entries if re.search(r"^VmFlags:.* hg\b", entry, re.MULTILINE)]
        assert sum(int(found[1]) for entry in asked if (found := re.search(r"^Rss:\s+(\d+)", entry, re.MULTILINE))) >= 32 * 1024


def state(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, free: int = 64 * 2**30) -> None:
    (folder / "enabled").write_text(text, encoding="ascii")
    monkeypatch.setattr(huge_pages, "_STATE", folder / "enabled")
    monkeypatch.setattr(huge_pages.sys, "platform", "linux")
    monkeypatch.setattr(huge_pages, "free_memory", lambda: free)


def test_a_model_is_read_where_there_are_huge_pages_and_memory_and_it_is_no_dwarf(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gigabyte = 2**30
    state(monkeypatch, tmp_path, "always [madvise] never\n", free=8 * gigabyte)
    assert huge_pages.is_worth_reading(4 * gigabyte)
    assert not huge_pages.is_worth_reading(4 * gigabyte + 1), "too little memory is left for others"
    assert huge_pages.is_worth_reading(3 * gigabyte, 2 * gigabyte)
    assert not huge_pages.is_worth_reading(3 * gigabyte, 2 * gigabyte + 1), "the context needs some as well"
    assert not huge_pages.is_worth_reading(2**20), "a dwarf lies in the caches"
    state(monkeypatch, tmp_path, "[always] madvise never\n")
    assert huge_pages.is_worth_reading(gigabyte)
    state(monkeypatch, tmp_path, "always madvise [never]\n")
    assert not huge_pages.is_worth_reading(gigabyte)
    monkeypatch.setattr(huge_pages, "_STATE", tmp_path / "a kernel without them")
    assert not huge_pages.is_worth_reading(gigabyte)


def test_what_is_no_linux_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huge_pages.sys, "platform", "darwin")
    assert not huge_pages.is_worth_reading(2**30)
    huge_pages.ask_for_huge_pages()


@pytest.mark.parametrize(
    ("wish", "is_worth", "maps"), [(None, True, False), (None, False, True), (True, True, True), (False, False, False)]
)
def test_a_wish_comes_before_what_is_worth_it(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, wish: bool | None, is_worth: bool, maps: bool
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(huge_pages, "is_worth_reading", lambda size, beside: sizes.append(size) or is_worth)
    model = open_model(tiny_model, use_mmap=wish, context_length=256, parallel=1)
    lines = " ".join(model._library.buffer_lines())
    is_mapped = "Mapped" in lines
    model.close()
    assert is_mapped == maps, lines
    assert sizes == ([tiny_model.stat().st_size] if wish is None else [])


def test_what_a_graphics_card_computes_or_is_locked_in_memory_is_mapped(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huge_pages, "is_worth_reading", lambda size, beside: True)
    path = str(tiny_model)
    assert huge_pages.is_better_mapped(path, LoadOptions(), is_offloaded=True)
    assert huge_pages.is_better_mapped(path, LoadOptions(use_mlock=True), is_offloaded=False), "it is touched too soon"
    assert not huge_pages.is_better_mapped(path, LoadOptions(), is_offloaded=False)


@pytest.mark.parametrize("wish", [None, False])
def test_where_reading_fails_for_want_of_memory_it_is_mapped_unless_reading_was_wished(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, wish: bool | None
) -> None:
    monkeypatch.setattr(huge_pages, "is_worth_reading", lambda size, beside: True)
    library = NativeLibrary()
    real, modes = library.api, []

    class Tight:
        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def llama_model_load_from_file(self, path: bytes, parameters: object) -> object:
            modes.append(parameters.load_mode)  # type: ignore[attr-defined]
            return real.llama_model_load_from_file(path, parameters) if modes[-1] == 1 else None

    library.api = Tight()
    options = LoadOptions(threads=1, context_length=256, parallel=1, use_mmap=wish)
    if wish is None:
        NativeModel(library, str(tiny_model), options, lambda _: True).close()
        assert modes == [0, 1]
    else:
        with pytest.raises(UserFacingError):
            NativeModel(library, str(tiny_model), options, lambda _: True)
        assert modes == [0]
