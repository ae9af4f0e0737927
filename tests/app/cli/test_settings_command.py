"""``yanmo settings``: every setting in a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.main import main
from app.paths import make_paths
from app.settings import SETTINGS
from app.workstation import make_workstation


@pytest.fixture(autouse=True)
def own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("YANMO_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_all_are_listed_and_those_that_were_changed_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "theme=dark", "trash.days=7", 'model.folders=["a"]']) == 0
    assert capsys.readouterr().out == '* theme          "dark"\n* model.folders  ["a"]\n* trash.days     7\n'
    assert main(["settings", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert list(values) == list(SETTINGS)
    assert (values["theme"], values["trash.days"], values["hubs.offline"]) == ("dark", 7, False)


def test_nothing_after_the_sign_is_the_usual_value_and_a_beginning_shows_several(capsys: pytest.CaptureFixture[str]) -> None:
    main(["settings", "hubs.preferred=modelscope", "server.port=9000"])
    assert main(["settings", "hubs.preferred=", "server.port="]) == 0
    main(["settings", "hubs.huggingface"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[-4:]] == [
        ["server.port", "8040"],
        ["hubs.preferred", '"huggingface"'],
        ["hubs.huggingface.endpoint", '""'],
        ["hubs.huggingface.proxy", '"system"'],
    ]


def test_of_several_changes_none_is_made_where_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "theme=dark", "language=klingon"]) == 1
    assert "system, en, zh_CN" in capsys.readouterr().err
    assert main(["settings", "them=dark"]) == 2
    assert "Did you mean theme?" in capsys.readouterr().err
    main(["settings", "theme", "language"])
    assert "*" not in capsys.readouterr().out


def test_beside_an_open_yanmo_they_can_be_read_but_a_change_is_refused(
    own_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with make_workstation(make_paths(own_data)):
        assert main(["settings", "theme"]) == 0
        assert main(["settings", "theme=dark"]) == 1
        assert main(["serve", "keys", "create", "laptop"]) == 1
    assert capsys.readouterr().err.count("Yanmo is already open with this data.") == 2
    assert main(["data", "check"]) == 0


def test_a_backup_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "backup"]) == 1
    assert "There is nothing in" in capsys.readouterr().err
