"""Which Python computes checkpoints, and how one is come by where the packaged app has none."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.paths import Paths
from app.services.diagnosis import make_report
from app.services.torch_pack import list_commands, look_at_torch, read_choice, use_torch_pack, use_torch_pack_of
from app.temporary import make_temporary_workstation
from app.workstation import Workstation, make_workstation
from models import torch_place


@pytest.fixture(autouse=True)
def nothing_is_named_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(torch_place.VARIABLE, "")
    yield


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the packaged app."""
    monkeypatch.setattr(torch_place, "list_lacking", lambda: torch_place.PACKAGES)
    monkeypatch.setattr("sys.frozen", True, raising=False)


def make_answering_python(place: Path, **packages: str) -> Path:
    """A program that answers as a Python with these packages would."""
    from backends.other_python import read_requirements

    versions = dict.fromkeys(read_requirements(), "99") | {"transformers": "5.23.0", "llguidance": "1.9.1"} | packages
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\necho '{json.dumps({'python': [3, 12, 4], 'packages': versions})}'\n", encoding="utf-8")
    place.chmod(0o755)
    return place


def test_a_pack_in_the_data_folder_is_used_as_soon_as_it_is_there(paths: Paths, without_torch: None) -> None:
    use_torch_pack(paths, "")
    assert not torch_place.has_torch()
    finding = look_at_torch(paths)
    assert (finding.state, finding.remedy[:17]) == ("note", "Make a torch pack")
    make, fill = (shlex.split(command) for command in finding.commands)
    assert make == ["python3", "-m", "venv", str(paths.torch_pack)]
    assert fill[:3] == [str(paths.torch_pack / "bin" / "python"), "-m", "pip"] and Path(fill[-1]).is_file()
    python = make_answering_python(paths.torch_pack / "bin" / "python", torch="2.13.0")
    assert torch_place.has_torch() and torch_place.find_torch_python() == python
    finding = look_at_torch(paths)
    assert (finding.state, finding.text) == ("good", f"Version 2.13.0 in {python}: AWQ and safetensors models work.")


def test_a_pack_that_is_too_old_is_named_with_the_command_that_mends_it(
    paths: Paths, tmp_path: Path, without_torch: None
) -> None:
    python = make_answering_python(tmp_path / "mine" / "bin" / "python", transformers="4.57.1")
    use_torch_pack(paths, str(tmp_path / "mine"))
    finding = look_at_torch(paths)
    assert finding.state == "note" and "has transformers 4.57.1, and this Yanmo needs >=5.20,<6" in finding.text
    assert shlex.split(finding.commands[-1])[0] == str(python)
    assert len(list_commands(paths, python)) == 3


def test_where_this_python_has_torch_no_other_is_taken_unless_it_was_chosen(paths: Paths, tmp_path: Path) -> None:
    make_answering_python(paths.torch_pack / "bin" / "python")
    use_torch_pack(paths, "")
    assert torch_place.find_torch_python() is None and torch_place.has_torch()
    chosen = make_answering_python(tmp_path / "chosen")
    use_torch_pack(paths, str(chosen))
    assert torch_place.find_torch_python() == chosen


def test_the_setting_takes_effect_at_once_and_is_read_beside_an_open_window(workstation: Workstation, tmp_path: Path) -> None:
    chosen = make_answering_python(tmp_path / "chosen")
    workstation.settings.set("torch.python", str(chosen))
    assert torch_place.find_torch_python() == chosen
    torch_place.name_torch_python(None)
    use_torch_pack_of(workstation.paths)
    assert torch_place.find_torch_python() == chosen
    workstation.settings.set("torch.python", "")
    assert torch_place.VARIABLE not in os.environ


def test_a_command_that_keeps_nothing_uses_the_same_pack(paths: Paths, tmp_path: Path, without_torch: None) -> None:
    python = make_answering_python(paths.torch_pack / "bin" / "python")
    with make_temporary_workstation(paths):
        assert torch_place.find_torch_python() == python
    chosen = make_answering_python(tmp_path / "chosen")
    with make_workstation(paths) as workstation:
        workstation.settings.set("torch.python", str(chosen))
    with make_temporary_workstation(paths):
        assert torch_place.find_torch_python() == chosen


def test_a_choice_that_is_not_there_is_said(paths: Paths, tmp_path: Path) -> None:
    with make_workstation(paths) as workstation:
        workstation.settings.set("torch.python", str(tmp_path / "gone"))
        finding = look_at_torch(paths)
    assert finding.state == "note" and finding.text.endswith("which the setting “torch.python” names.")


def test_data_that_cannot_be_read_chooses_nothing(paths: Paths) -> None:
    assert read_choice(paths) == ""
    paths.data.mkdir()
    paths.database.write_bytes(b"no database" * 100)
    assert read_choice(paths) == ""
    paths.database.unlink()
    sqlite3.connect(paths.database).close()
    assert read_choice(paths) == ""


def test_nobody_is_told_to_build_the_packaged_app(paths: Paths, without_torch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.devices.list_engine_devices", list)
    report = make_report(paths)
    told = " ".join(finding.remedy for finding in report.findings)
    assert "make run" not in told and "pip install" not in told and "Install Yanmo's package again." in told
    assert not any(finding.topic == "Compiler" for finding in report.findings)
