"""The GGUF reader believes nothing."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import DamagedModelFile, ModelNotFound, NotAModelFile, UnsupportedArchitecture, UserFacingError
from models.gguf_header import ArrayPlace, read_header
from tests.models.gguf_bytes import ARRAY, LLAMA, STRING, TENSORS, header_bytes, text, write_gguf


@pytest.mark.parametrize("version", [2, 3])
def test_reads_both_versions(tmp_path: Path, version: int) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf", version=version))
    header.validate()
    assert (header.version, header.architecture, header.text("general.name")) == (version, "llama", "Hand made")
    assert header.of_architecture("embedding_length") == 32
    assert header.parameter_count == 32 * 3 + 32 * 32
    assert [tensor.type.name for tensor in header.tensors] == ["F32", "Q8_0"]
    assert header.tensors[1].byte_count == 32 * 34
    assert header.data_offset % 32 == 0


def test_arrays_are_read_only_when_asked_for(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf"))
    assert isinstance(header.metadata["tokenizer.ggml.tokens"], ArrayPlace)
    assert header.read_array("tokenizer.ggml.tokens") == ["a", "b", "c"]
    assert header.read_array("tokenizer.ggml.tokens", most=1) == ["a"]
    assert header.read_array("tokenizer.ggml.token_type") == [1, 1, 3]
    assert header.read_array("not there") == []


def test_one_number_or_one_for_each_layer(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "a.gguf", {"llama.attention.head_count_kv": (ARRAY, (4, [2, 1]))}))
    assert header.per_layer("attention.head_count", 3) == [4, 4, 4]
    assert header.per_layer("attention.head_count_kv", 3) == [2, 1]
    assert header.per_layer("no such key", 3) == []


def test_a_vocabulary_of_150_000_is_read_in_a_third_of_a_second(tmp_path: Path) -> None:
    words = [f"token{number}" for number in range(150_000)]
    changes = {"tokenizer.ggml.tokens": (ARRAY, (STRING, words)), "tokenizer.ggml.token_type": (ARRAY, (5, [1] * 150_000))}
    merges = {"tokenizer.ggml.merges": (ARRAY, (STRING, [f"{word} {word}" for word in words]))}
    path = write_gguf(tmp_path / "large.gguf", {**changes, **merges})
    started = time.process_time()
    header = read_header(path)
    header.validate()
    assert time.process_time() - started < 0.3
    assert header.read_array("tokenizer.ggml.tokens")[149_999] == "token149999"


def test_texts_longer_than_the_window_are_read(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    header = read_header(write_gguf(tmp_path / "a.gguf", {"tokenizer.chat_template": (STRING, long)}))
    assert header.text("tokenizer.chat_template") == long


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        read_header(tmp_path / "none.gguf")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"GG", "begin"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n<html>", "web page"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"lmgg" + b"\0" * 20, "2023"),
        (struct.pack("<Q", 20) + b'{"a": 1}', "safetensors"),
        (b"\0" * 100, "interrupted"),
        (b"GGUF" + struct.pack(">I", 3) + b"\0" * 30, "big-endian"),
        (b"GGUF" + struct.pack("<I", 1) + b"\0" * 30, "version 1"),
        (b"GGUF" + struct.pack("<I", 99) + b"\0" * 30, "version 99"),
        (b"GGUF" + struct.pack("<I", 0) + b"\0" * 30, "version 0"),
    ],
)
def test_other_files_are_called_by_their_name(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(NotAModelFile) as caught:
        read_header(path)
    assert word in caught.value.english()


def test_a_folder_is_called_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NotAModelFile, match="folder"):
        read_header(tmp_path)


@pytest.mark.parametrize("count", [2**63 - 1, 2**63, 2**64 - 1, 2**40, 1000])
@pytest.mark.parametrize("place", [8, 16])
def test_hostile_counts_are_refused_without_allocating(tmp_path: Path, count: int, place: int) -> None:
    data = bytearray(write_gguf(tmp_path / "a.gguf", data=0).read_bytes())
    data[place : place + 8] = struct.pack("<Q", count)
    (tmp_path / "b.gguf").write_bytes(data)
    with pytest.raises(DamagedModelFile):
        read_header(tmp_path / "b.gguf")


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 10**9, 70_000])
def test_hostile_text_lengths_are_refused(tmp_path: Path, length: int) -> None:
    data = header_bytes(LLAMA, TENSORS)
    place = data.index(text("Hand made"))
    (tmp_path / "b.gguf").write_bytes(data[:place] + struct.pack("<Q", length) + data[place + 8 :] + b"\0" * 9000)
    with pytest.raises(DamagedModelFile):
        read_header(tmp_path / "b.gguf")


@pytest.mark.parametrize("count", [2**64 - 1, 2**61, 10**12, 10**6])
@pytest.mark.parametrize("element", [4, 8, 10])
def test_hostile_array_counts_are_refused(tmp_path: Path, count: int, element: int) -> None:
    data = header_bytes({**LLAMA, "z": (ARRAY, (element, []))}, TENSORS)
    place = data.index(text("z") + struct.pack("<I", ARRAY)) + len(text("z")) + 8
    (tmp_path / "b.gguf").write_bytes(data[:place] + struct.pack("<Q", count) + data[place + 8 :] + b"\0" * 9000)
    with pytest.raises(DamagedModelFile):
        read_header(tmp_path / "b.gguf")


@pytest.mark.parametrize(
    "tensor",
    [
        ("t", (), 0, 0),
        ("t", (1, 1, 1, 1, 1), 0, 0),
        ("t", (0,), 0, 0),
        ("t", (-4,), 0, 0),
        ("t", (2**62, 2**62), 0, 0),
        ("t", (33,), 8, 0),
        ("t", (32,), 0, 7),
        ("t", (32,), 0, 2**63),
        ("t", (10**9,), 0, 0),
        ("token_embd.weight", (32,), 0, 0),
        ("n" * 64, (32,), 0, 0),
    ],
)
def test_impossible_tensors_are_refused(tmp_path: Path, tensor: tuple[str, tuple[int, ...], int, int]) -> None:
    with pytest.raises(DamagedModelFile):
        read_header(write_gguf(tmp_path / "a.gguf", tensors=[*TENSORS, tensor]))


@pytest.mark.parametrize("kind", [4, 5, 31, 99, 2**32 - 1])
def test_an_unknown_tensor_type_means_a_newer_engine(tmp_path: Path, kind: int) -> None:
    with pytest.raises(UnsupportedArchitecture):
        read_header(write_gguf(tmp_path / "a.gguf", tensors=[("t", (32,), kind, 0)]))


def test_a_file_that_is_cut_off_anywhere_is_damaged(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "a.gguf", data=384 + 32 * 34).read_bytes()
    for length in range(4, len(whole) - 1, 7):
        (tmp_path / "b.gguf").write_bytes(whole[:length])
        with pytest.raises(DamagedModelFile):
            read_header(tmp_path / "b.gguf")


@pytest.mark.parametrize(
    "changes",
    [
        {"general.alignment": (4, 0)},
        {"general.alignment": (4, 3)},
        {"general.alignment": (4, 2**31)},
        {"general.alignment": (STRING, "32")},
        {"general.alignment": (5, 32)},
        {"": (4, 1)},
    ],
    ids=str,
)
def test_structure_that_kills_the_engine_is_refused(tmp_path: Path, changes: dict[str, tuple[int, object]]) -> None:
    with pytest.raises(DamagedModelFile):
        read_header(write_gguf(tmp_path / "a.gguf", changes))


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    data = header_bytes({**LLAMA, "generaX.name": (STRING, "again")}, TENSORS).replace(b"generaX.name", b"general.name")
    (tmp_path / "b.gguf").write_bytes(data + b"\0" * 9000)
    with pytest.raises(DamagedModelFile, match="twice"):
        read_header(tmp_path / "b.gguf")


@pytest.mark.parametrize("kind", [13, 200, 2**32 - 1])
def test_unknown_value_types_are_refused(tmp_path: Path, kind: int) -> None:
    data = header_bytes({**LLAMA, "z": (4, 1)}, TENSORS)
    place = data.index(text("z") + struct.pack("<I", 4)) + len(text("z"))
    (tmp_path / "b.gguf").write_bytes(data[:place] + struct.pack("<I", kind) + data[place + 4 :] + b"\0" * 9000)
    with pytest.raises(DamagedModelFile):
        read_header(tmp_path / "b.gguf")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(4, 900), st.integers(0, 255)), min_size=1, max_size=12))
def test_any_change_gives_a_header_or_a_user_error(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(write_gguf(tmp_path / "a.gguf").read_bytes())
    for place, value in changes:
        data[place] = value
    (tmp_path / "b.gguf").write_bytes(data)
    try:
        read_header(tmp_path / "b.gguf").validate()
    except UserFacingError as error:
        assert error.english()
