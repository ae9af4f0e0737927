"""The library finds, keeps, verifies and removes models, whatever lies in the folders."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from models.errors import AmbiguousModel, DamagedModelFile, ModelError, ModelNotFound, NotAModelFile
from models.library import Library, iter_models
from tests.models.gguf_bytes import write_gguf


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Folders: starter, models, elsewhere, data."""
    for name in ("starter", "models", "elsewhere", "data"):
        (tmp_path / name).mkdir()
    write_gguf(tmp_path / "starter" / "yanmo-starter-Q8_0.gguf", {"general.name": (8, "Yanmo Starter")})
    return tmp_path


def open_library(place: Path, *others: Path) -> Library:
    return Library(place / "models", place / "data", starter_folder=place / "starter", other_folders=others)


def names(library: Library) -> list[str]:
    return [Path(card.path).name for card in library.list_models()]


def test_the_starter_is_there_and_comes_first(place: Path) -> None:
    write_gguf(place / "models" / "a.gguf", {"general.name": (8, "A")})
    cards = open_library(place).list_models()
    assert [card.name for card in cards] == ["Yanmo Starter", "A"]
    assert [card.is_starter for card in cards] == [True, False]
    assert [card.is_copy for card in cards] == [False, True]


def test_folders_are_searched_deeply_and_other_files_passed_over(place: Path) -> None:
    deep = place / "elsewhere" / "一" / "二"
    deep.mkdir(parents=True)
    write_gguf(deep / "模型.gguf")
    write_gguf(deep / "half.gguf.part")
    write_gguf(deep / ".hidden.gguf")
    write_gguf(deep / "模型.imatrix.gguf")
    (deep / "notes.txt").write_text("x", encoding="utf-8")
    assert sorted(names(open_library(place, place / "elsewhere"))) == ["yanmo-starter-Q8_0.gguf", "模型.gguf"]


def test_loops_of_links_end(place: Path) -> None:
    write_gguf(place / "elsewhere" / "a.gguf")
    (place / "elsewhere" / "loop").symlink_to(place / "elsewhere", target_is_directory=True)
    (place / "elsewhere" / "broken.gguf").symlink_to(place / "nowhere.gguf")
    assert [path.name for path in iter_models(place / "elsewhere")] == ["a.gguf", "broken.gguf"]
    assert len(open_library(place, place / "elsewhere").list_models()) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX names")
def test_names_that_are_no_utf8_are_listed_and_saved(place: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(place / "elsewhere") + b"/\xff\xfe.gguf"))
    write_gguf(path)
    library = open_library(place)
    library.import_model(path)
    assert str(path) in [card.path for card in open_library(place).list_models()]


def test_folders_that_are_not_there_are_no_error(place: Path) -> None:
    assert len(open_library(place, place / "none").list_models()) == 1


def test_damaged_files_are_listed_apart_with_the_reason(place: Path) -> None:
    bad = place / "models" / "bad.gguf"
    bad.write_bytes(b"<html>")
    library = open_library(place)
    assert names(library) == ["yanmo-starter-Q8_0.gguf"]
    (entry,) = library.list_unreadable()
    assert entry.path == str(bad)
    assert isinstance(entry.error, NotAModelFile)
    bad.unlink()
    library.list_models()
    assert library.list_unreadable() == []


def test_a_file_that_changed_is_read_again(place: Path) -> None:
    library = open_library(place)
    path = write_gguf(place / "models" / "a.gguf", {"general.name": (8, "First")})
    assert library.list_models()[1].name == "First"
    write_gguf(path, {"general.name": (8, "Second name")})
    assert library.list_models()[1].name == "Second name"


def test_models_are_found_by_id_name_file_path_and_part_of_a_name(place: Path) -> None:
    path = write_gguf(place / "models" / "Qwen3-4B-Q4_K_M.gguf", {"general.name": (8, "Qwen3 4B")})
    library = open_library(place)
    card = library.find("Qwen3 4B")
    for reference in (card.id, str(path), "Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B-Q4_K_M", "qwen3-4b", f"  {card.id} "):
        assert library.find(reference).path == str(path)
    elsewhere = write_gguf(place / "elsewhere" / "x.gguf")
    assert library.find(str(elsewhere)).path == str(elsewhere)


@pytest.mark.parametrize("reference", ["nothing", "", "/no/such.gguf", "gguf", "\0"])
def test_what_is_not_there_is_not_found(place: Path, reference: str) -> None:
    write_gguf(place / "models" / "b.gguf")
    with pytest.raises(ModelNotFound):
        open_library(place).find(reference)


def test_an_import_in_place_is_remembered_and_forgotten_without_deleting(place: Path) -> None:
    path = write_gguf(place / "elsewhere" / "a.gguf")
    card = open_library(place).import_model(path)
    library = open_library(place)
    assert library.find(card.id).path == str(path)
    library.remove(card.id)
    assert path.exists()
    assert len(open_library(place).list_models()) == 1


def test_an_import_as_a_copy_lies_in_the_own_folder_and_is_deleted_on_removal(place: Path) -> None:
    steps: list[tuple[int, int]] = []
    path = write_gguf(place / "elsewhere" / "a.gguf")
    library = open_library(place)
    card = library.import_model(path, copy=True, on_progress=lambda done, total: not steps.append((done, total)))  # type: ignore[func-returns-value]
    assert Path(card.path) == place / "models" / "a.gguf"
    assert card.is_copy
    assert steps[-1] == (card.size_bytes, card.size_bytes)
    with pytest.raises(ModelError, match="already there"):
        library.import_model(path, copy=True)
    library.remove(card.id)
    assert not (place / "models" / "a.gguf").exists()
    assert path.exists()


def test_a_cancelled_copy_leaves_nothing(place: Path) -> None:
    path = write_gguf(place / "elsewhere" / "a.gguf")
    with pytest.raises(ModelError, match="cancelled"):
        open_library(place).import_model(path, copy=True, on_progress=lambda done, total: False)
    assert list((place / "models").iterdir()) == []


def test_what_is_no_model_is_not_imported(place: Path) -> None:
    (place / "elsewhere" / "x.gguf").write_bytes(b"hello there")
    for path in (place / "elsewhere" / "x.gguf", place / "elsewhere"):
        with pytest.raises(NotAModelFile):
            open_library(place).import_model(path)
    with pytest.raises(ModelNotFound):
        open_library(place).import_model(place / "none.gguf")


def test_the_starter_and_looked_into_folders_are_not_touched(place: Path) -> None:
    path = write_gguf(place / "elsewhere" / "a.gguf")
    library = open_library(place, place / "elsewhere")
    with pytest.raises(ModelError, match="part of Yanmo"):
        library.remove("Yanmo Starter", delete=True)
    with pytest.raises(ModelError, match="only looks into"):
        library.remove(str(path))
    library.remove(str(path), delete=True)
    assert not path.exists()


def test_verification_records_compares_and_notices_a_failing_disk(place: Path) -> None:
    path = write_gguf(place / "models" / "a.gguf", {"general.name": (8, "A")})
    library = open_library(place)
    card = library.find("A")
    assert library.known_sha256(card) == ""
    assert library.verify("A").state == "first"
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert open_library(place).known_sha256(card) == expected
    assert open_library(place).verify("A").state == "same"

    stamp = path.stat().st_mtime_ns
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stamp, stamp))
    with pytest.raises(DamagedModelFile, match="disk"):
        open_library(place).verify("A")
    os.utime(path, ns=(stamp + 10**9, stamp + 10**9))
    assert open_library(place).known_sha256(card) == ""
    assert open_library(place).verify("A").state == "new"


def test_a_truncated_file_fails_verification(place: Path) -> None:
    path = write_gguf(place / "models" / "a.gguf", {"general.name": (8, "A")})
    library = open_library(place)
    library.find("A")
    os.truncate(path, 900)
    with pytest.raises((DamagedModelFile, ModelNotFound)):
        library.verify(str(path))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"references": 3, "hashes": []}', '{"hashes": {"a": 1}}', "\0"])
def test_a_damaged_memory_is_as_good_as_none(place: Path, content: str) -> None:
    (place / "data" / "library.json").write_text(content, encoding="utf-8")
    library = open_library(place)
    assert len(library.list_models()) == 1
    library.verify("Yanmo Starter")
    assert json.loads((place / "data" / "library.json").read_text(encoding="utf-8"))["hashes"]


def test_a_name_of_several_models_is_refused_with_all_of_them(place: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        write_gguf(place / "models" / name, {"general.name": (8, "Twin")})
    library = open_library(place)
    ids = [card.id for card in library.list_models() if card.name == "Twin"]
    for reference in ("Twin", "twi"):
        with pytest.raises(AmbiguousModel) as caught:
            library.find(reference)
        assert all(one in caught.value.english() for one in ids)
    for reference, name in ((ids[0], "a.gguf"), ("b.gguf", "b.gguf"), (str(place / "models" / "b.gguf"), "b.gguf")):
        assert Path(library.find(reference).path).name == name


def test_two_names_of_one_file_are_one_model(place: Path) -> None:
    path = write_gguf(place / "models" / "a.gguf", {"general.name": (8, "Twin")})
    (place / "models" / "b.gguf").symlink_to(path)
    assert open_library(place).find("Twin").path == str(path)


@pytest.mark.parametrize("reference", [".", "..", "./", "models/a", "models\\a", "-model.gguf", ".gguf"])
def test_what_looks_like_a_path_is_no_part_of_a_name(place: Path, monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    write_gguf(place / "models" / "a..models-model.gguf", {"general.name": (8, "models/a models\\a ./ Some")})
    monkeypatch.chdir(place / "data")
    with pytest.raises(ModelNotFound):
        open_library(place).find(reference)


def test_a_part_of_a_name_removes_nothing(place: Path) -> None:
    path = write_gguf(place / "models" / "Qwen3-4B.gguf")
    with pytest.raises(ModelNotFound):
        open_library(place).remove("Qwen3", delete=True)
    assert path.exists()
    open_library(place).remove("Qwen3-4B")
    assert not path.exists()


def test_a_file_here_is_meant_rather_than_one_of_that_name_elsewhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gguf(place / "models" / "model.gguf")
    here = write_gguf(place / "elsewhere" / "model.gguf")
    monkeypatch.chdir(here.parent)
    assert open_library(place).find("model.gguf").path == str(here)
