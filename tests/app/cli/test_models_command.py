"""``yanmo models`` and ``yanmo doctor`` as a shell sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.doctor import render_report
from app.cli.main import main
from app.paths import make_paths
from app.services.diagnosis import DoctorReport, Finding, make_report
from tests.models.gguf_bytes import STRING, write_gguf


@pytest.fixture
def yanmo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command on an empty data folder: exit status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--data-folder", str(tmp_path / "data"), *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "Some-Model-Q4_K_M.gguf", {"general.name": (STRING, "Some Model"), "general.file_type": (4, 15)})


def test_the_list_is_a_table_and_json(yanmo: Any, model: Path) -> None:
    assert yanmo("models", "import", str(model))[0] == 0
    status, out, _ = yanmo("models", "list")
    assert status == 0
    assert out.splitlines()[0].split() == ["ID", "SIZE", "TYPE", "PARAMETERS", "CONTEXT", "KIND"]
    assert "some-model-q4_k_m-" in out
    value = json.loads(yanmo("models", "list", "--json")[1])
    assert "Some Model" in [card["name"] for card in value["models"]]
    assert value["unreadable"] == []


def test_show_tells_facts_and_memory(yanmo: Any, model: Path) -> None:
    status, out, _ = yanmo("models", "show", str(model))
    assert status == 0
    for words in ("Some Model", "llama", "Q4_K_M", "2,048 tokens", "not computed yet", "with 2,048 tokens"):
        assert words in out
    value = json.loads(yanmo("models", "show", str(model), "--json")[1])
    assert value["quantization"] == "Q4_K_M"
    assert value["memory"]["2,048"] > 0


def test_import_copy_verify_remove(yanmo: Any, model: Path, tmp_path: Path) -> None:
    status, _, _ = yanmo("models", "import", "--copy", str(model))
    copy = tmp_path / "data" / "models" / model.name
    assert (status, copy.is_file()) == (0, True)
    assert "its hash is recorded now" in yanmo("models", "verify", str(copy))[1]
    assert "unchanged" in yanmo("models", "verify", str(copy))[1]
    assert json.loads(yanmo("models", "verify", str(copy), "--json")[1])["state"] == "same"
    status, _, err = yanmo("models", "remove", str(copy))
    assert (status, copy.is_file()) == (1, True)
    assert "--yes" in err
    assert yanmo("models", "remove", str(copy), "--yes")[0] == 0
    assert not copy.exists()
    assert model.exists()


def test_an_import_in_place_is_forgotten_without_a_question(yanmo: Any, model: Path) -> None:
    yanmo("models", "import", str(model))
    status, out, _ = yanmo("models", "remove", str(model))
    assert status == 0
    assert "stays where it is" in out
    assert model.exists()


def test_mistakes_are_told_in_words_and_exit_with_1(yanmo: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_bytes(b"<html>")
    for arguments, words in {
        ("show", "no such model"): "was not found",
        ("import", str(page)): "web page",
        ("import", str(tmp_path / "none.gguf")): "was not found",
        ("remove", "Yanmo Starter"): "",
    }.items():
        status, _, err = yanmo("models", *arguments)
        assert status == 1
        assert words in err
        assert "Traceback" not in err


def test_models_of_other_programs_are_listed_once_they_are_wanted(
    yanmo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CACHE_HOME", "HF_HOME", "OLLAMA_MODELS"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / ".lmstudio" / "models" / "owner" / "name"
    folder.mkdir(parents=True)
    write_gguf(folder / "theirs-Q4_0.gguf", {"general.name": (STRING, "Theirs")})
    assert "Theirs" not in yanmo("models", "list", "--json")[1]
    assert yanmo("models", "stores", "--use", "nonsense")[0] == 2
    status, out, _ = yanmo("models", "stores", "--use", "lmstudio")
    assert status == 0 and "used" in out
    listed = json.loads(yanmo("models", "list", "--json")[1])["models"]
    assert [card["store"] for card in listed if card["name"] == "Theirs"] == ["LM Studio"]
    yanmo("models", "stores", "--drop", "lmstudio")
    assert "Theirs" not in yanmo("models", "list", "--json")[1]


def test_equal_files_are_kept_once(yanmo: Any, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    for name in ("one.gguf", "two.gguf"):
        (folder / name).write_bytes(model.read_bytes())
    status, out, _ = yanmo("models", "share")
    assert status == 0 and "became free" in out
    assert (folder / "two.gguf").read_bytes() == model.read_bytes()


def test_without_a_command_the_help_is_shown(yanmo: Any) -> None:
    status, out, _ = yanmo("models")
    assert status == 0
    assert "examples:" in out


def test_the_doctor_looks_at_everything(tmp_path: Path) -> None:
    report = make_report(make_paths(tmp_path / "data"))
    topics = {finding.topic for finding in report.findings}
    assert {"Python", "System", "Processor", "Memory", "Display", "GPU", "llama.cpp", "PyTorch", "Compiler", "Data"} <= topics
    assert not report.has_trouble
    assert all(finding.text for finding in report.findings)
    assert str(tmp_path / "data") in render_report(report)


def test_the_doctor_speaks_json_and_says_in_its_exit_status_whether_yanmo_works(yanmo: Any) -> None:
    status, out, _ = yanmo("doctor", "--json")
    assert status == 0
    assert {"topic", "state", "text", "remedy", "commands"} == set(json.loads(out)[0])


def test_a_remedy_stands_below_its_finding() -> None:
    report = DoctorReport(
        (Finding("Python", "good", "3.11"), Finding("llama.cpp", "trouble", "missing", "Build it.", ("make run",)))
    )
    assert render_report(report) == "✓ Python     3.11\n✗ llama.cpp  missing\n             → Build it.\n               make run"
    assert report.has_trouble
