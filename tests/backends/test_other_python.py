"""Checkpoints computed by another Python: it is looked at before it is started, and its child lives and dies like every other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from packaging.requirements import Requirement

from backends.options import LoadOptions
from backends.other_python import look_at_pack, read_requirements, suits
from backends.outer_environment import make_outer_environment
from backends.torch_transformers.presence import require_torch
from backends.worker_link import WorkerLink
from models import torch_place
from models.card import ModelCard
from models.errors import EngineUnavailable
from quantize.awq.dequantize_checkpoint import dequantize_checkpoint
from quantize.awq.order_steps import AwqSteps
from quantize.awq.recipe import AwqRecipe
from quantize.calibration import builtin_text, held_out_text
from quantize.order import Order
from tests.backends.requests import complete, finish_of, text_of
from tests.tiny_checkpoints import make_tiny_checkpoint

ROOT = Path(__file__).resolve().parents[2]
Name = Callable[[Path], None]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a real environment that has the tests' packages, but not Yanmo."""
    folder = tmp_path_factory.mktemp("packs") / "火炬 pack"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    theirs = next(folder.glob("[Ll]ib/**/site-packages"))
    tests_own = [path for path in sys.path if Path(path).name == "site-packages"]
    (theirs / "packages.pth").write_text(
        "\n".join(tests_own), encoding="utf-8"
    )  # what .pth files in there name is not taken over
    return torch_place.interpreter_in(folder)


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Name:
    """Name another Python, until the test ends."""
    monkeypatch.setenv(torch_place.VARIABLE, "")
    return torch_place.name_torch_python


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("检查点") / "tiny", width=128, layers=2, stored="BF16")


def make_false_pack(folder: Path, told: object) -> Path:
    """A program that answers like a Python that has something else."""
    folder.mkdir()
    program = folder / "python"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(told)}'\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_the_pack_has_torch_and_does_not_know_yanmo(pack: Path) -> None:
    found = look_at_pack(pack)
    assert found.python == pack and set(found.packages) == set(read_requirements())
    done = subprocess.run([str(pack), "-c", "import backends"], capture_output=True, cwd=pack.parent, check=False)
    assert b"ModuleNotFoundError" in done.stderr


def test_a_checkpoint_is_computed_by_the_other_python_and_its_process_ends_with_the_link(
    pack: Path, name: Name, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = WorkerLink("torch_transformers", str(tiny), LoadOptions(threads=1, context_length=256, compute_type="f32"))
    try:
        link.load()
        expected = text_of(link.generate(complete("abc", max_tokens=12, temperature=0.0)))
    finally:
        link.close()
    name(pack.parents[1])
    (tmp_path / "torch.py").write_text("raise SystemExit('this is not torch')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    link = WorkerLink("torch_transformers", str(tiny), LoadOptions(threads=1, context_length=256, compute_type="f32"))
    try:
        facts = link.load()
        assert link.pid is not None and facts.engine_version.startswith("torch ")
        process = psutil.Process(link.pid)
        assert process.cmdline()[0] == str(pack)
        events = list(link.generate(complete("abc", max_tokens=12, temperature=0.0)))
        assert finish_of(events).usage.output_tokens == 12
        assert text_of(events) == expected
        assert torch_place.VARIABLE not in process.environ()
    finally:
        link.close()
    assert not process.is_running()


def test_a_crash_of_the_other_python_is_told_as_that_of_every_engine(pack: Path, name: Name, tiny: Path) -> None:
    name(pack)
    reasons: list[object] = []
    link = WorkerLink("torch_transformers", str(tiny), LoadOptions(threads=1), on_exit=reasons.append)
    try:
        link.load()
        assert link.pid is not None
        os.kill(link.pid, signal.SIGABRT)
        deadline = time.monotonic() + 20
        while not reasons and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "SIGABRT" in str(reasons[0])
    finally:
        link.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_no_other_python_outlives_a_parent_that_was_killed(pack: Path, tiny: Path) -> None:
    program = (
        "import sys, time\nfrom backends.options import LoadOptions\nfrom backends.worker_link import WorkerLink\n"
        f"link = WorkerLink('torch_transformers', {str(tiny)!r}, LoadOptions(threads=1))\n"
        "link.load()\nprint(link.pid, flush=True)\ntime.sleep(60)\n"
    )
    environment = {**os.environ, torch_place.VARIABLE: str(pack)}
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.cmdline()[0] == str(pack)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(10)


@pytest.mark.slow
def test_awq_is_made_measured_and_undone_by_the_other_python_alone(
    pack: Path, name: Name, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name(pack)
    monkeypatch.setattr(torch_place, "list_lacking", lambda: torch_place.PACKAGES)

    def no_version(package: str) -> str:
        raise AssertionError(f"{package} is not in the packaged app")

    monkeypatch.setattr("quantize.folder_card.version", no_version)
    recipe = AwqRecipe(group_size=32, windows=2)
    order = Order(source=str(tiny), recipes=(recipe,), out=str(tmp_path), windows=1, threads=1)
    steps = AwqSteps(order, lambda kind, path: lambda fraction, words: None, lambda: False)
    made, card = steps.run(recipe, builtin_text(), held_out_text())
    assert card.engine.startswith("(torch ") and card.quality is not None and card.probe is not None
    assert dequantize_checkpoint(made, tmp_path / "back").is_dir()


def test_checkpoints_can_be_loaded_where_another_python_is_there_and_not_where_it_went(
    pack: Path, name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = ModelCard(id="a", path="/a", name="a", format="safetensors", kind="chat")
    monkeypatch.setattr(torch_place, "list_lacking", lambda: ("torch",))
    monkeypatch.delenv(torch_place.VARIABLE, raising=False)
    assert not card.can_be_loaded
    name(pack)
    assert card.can_be_loaded
    require_torch()
    name(tmp_path / "gone")
    assert not card.can_be_loaded
    with pytest.raises(EngineUnavailable, match="torch is not installed"):
        require_torch()


def test_a_named_python_that_is_not_there_is_said_also_where_this_one_has_torch(name: Name, tmp_path: Path) -> None:
    name(tmp_path / "gone" / "python")
    with pytest.raises(EngineUnavailable, match=r"gone.*is not there: the setting “torch.python” names it"):
        require_torch()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
def test_what_is_wrong_with_a_pack_is_said_before_anything_is_loaded(name: Name, tmp_path: Path, tiny: Path) -> None:
    good = dict.fromkeys(read_requirements(), "99") | {"transformers": "5.23.0", "llguidance": "1.9.1"}
    old = make_false_pack(tmp_path / "old", {"python": [3, 9, 2], "packages": good})
    with pytest.raises(EngineUnavailable, match=r"is 3\.9\.2, and 3\.11 or newer is needed"):
        look_at_pack(old)
    lacking = make_false_pack(tmp_path / "lacking", {"python": [3, 12, 1], "packages": {"torch": "2.13.0", "numpy": "2.4.6"}})
    with pytest.raises(EngineUnavailable, match="lacks transformers, safetensors"):
        look_at_pack(lacking)
    aged = make_false_pack(tmp_path / "aged", {"python": [3, 12, 1], "packages": good | {"transformers": "4.57.1"}})
    name(aged)
    with pytest.raises(EngineUnavailable, match=r"has transformers 4\.57\.1, and this Yanmo needs >=5\.20,<6"):
        WorkerLink("torch_transformers", str(tiny), LoadOptions()).load()
    mute = tmp_path / "mute"
    mute.write_text("no program", encoding="utf-8")
    with pytest.raises(EngineUnavailable, match="is no Python that can be started"):
        look_at_pack(mute)


def test_the_packs_requirements_are_those_of_yanmo_itself() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {
        Requirement(text).name.lower(): Requirement(text).specifier
        for text in (*project["dependencies"], *project["optional-dependencies"]["torch"])
    }
    wanted = read_requirements()
    assert set(torch_place.PACKAGES) < set(wanted)
    for package, limits in wanted.items():
        assert Requirement(f"{package}{limits}").specifier == known[package], package


@pytest.mark.parametrize(
    ("version", "limits", "expected"),
    [("5.20.0", ">=5.20,<6", True), ("5.20.0+cpu", ">=5.20", True), ("5.9", ">=5.20", False), ("6.0rc1", ">=5.20,<6", False),
     ("1.9", "==1.9.0", True), ("2", "", True)],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(version: str, limits: str, expected: bool) -> None:
    assert suits(version, limits) is expected


def test_programs_outside_get_the_libraries_path_that_was_there_before_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/yanmo/_internal")
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "/opt/yanmo/yanmo")
    assert make_outer_environment()["LD_LIBRARY_PATH"] == "/opt/yanmo/_internal"
    monkeypatch.setattr("sys.frozen", True, raising=False)
    assert "LD_LIBRARY_PATH" not in make_outer_environment()
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/usr/local/lib")
    found = make_outer_environment()
    assert found["LD_LIBRARY_PATH"] == "/usr/local/lib" and "_PYI_ARCHIVE_FILE" not in found
