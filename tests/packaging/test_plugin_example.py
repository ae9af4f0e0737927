"""The example of a plug-in, installed as a person would, and used through ``yanmo``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.manual_pages import ROOT, read_blocks, yanmo_arguments

EXAMPLE = ROOT / "packaging" / "plugin_example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package, as ``pip install`` leaves it; built without a network."""
    folder = tmp_path_factory.mktemp("plug-in")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(folder / "packages"), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "packages"


def test_the_commands_of_the_page_work_with_the_example(installed: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)]),
        "YANMO_DATA": str(tmp_path / "data"),
    }
    blocks = [block for block in read_blocks(ROOT / "docs" / "en" / "plugin.md") if block.kind == "sh"]
    commands = [command for block in blocks for command in block.commands if yanmo_arguments(command)]
    assert len(commands) == 3
    said = []
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "app", *(yanmo_arguments(command) or [])],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert "engine" in said[0] and '"header_reader"   (chosen)' in said[0]
    assert "llama.context_length: 2048" in said[1]
    assert "header_reader" not in said[2]
