"""The command line as a shell sees it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main


@pytest.fixture
def yanmo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on an empty data folder: exit status, standard output, standard error."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--data-folder", str(tmp_path / "data"), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
