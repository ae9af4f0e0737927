"""``yanmo index``, and documents in ``yanmo chat``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.made_documents import make_pdf

ROOT = Path(__file__).resolve().parents[3]
PAGES = ["Nothing here.", "The warranty lasts 36 months from the day of purchase.", "保修不包括电池。"]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a command in a process of its own on a data folder of its own; the status, what it said and what it noted."""

    def run_yanmo(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "app", "--data-folder", str(tmp_path / "data"), *arguments],
            input="",
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
        assert "inside Yanmo" not in done.stderr and "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return run_yanmo


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "contract.pdf"
    path.write_bytes(make_pdf(PAGES))
    return path


def test_a_collection_is_made_searched_and_removed(run: Any, contract: Path) -> None:
    status, out, _ = run("index", "add", "contracts", str(contract))
    assert status == 0 and "1 documents, 3 passages" in out
    status, out, _ = run("index", "search", "How long is the guarantee?", "--json")
    assert status == 0 and json.loads(out)[0]["place"] == "page 2"
    status, out, _ = run("index", "search", "电池有保修吗？", "--collection", "Contracts")
    assert "[1] contract.pdf, page 3" in out
    assert run("index", "search", "xylophone")[0] == 1
    contract.write_bytes(b"%PDF-1.7 broken")
    assert "contract.pdf cannot be read" in run("index", "update")[1]
    assert json.loads(run("index", "list", "--json")[1])[0]["name"] == "contracts"
    assert "untouched" in run("index", "remove", "contracts")[1]
    assert "no collections yet" in run("index", "list")[1]
    status, _, err = run("index", "search", "x", "--collection", "contracts")
    assert status == 1 and "There is no collection “contracts”" in err


def test_pages_of_a_document_are_read_and_what_does_not_fit_is_refused_with_a_way_out(run: Any, contract: Path) -> None:
    ask = ("chat", "echo:?context=30", "-p", "How long?", "--file", str(contract))
    status, out, err = run(*ask, "--pages", "2")
    assert status == 0 and "36 months" in out and "Nothing here" not in out
    assert "contract.pdf: 3 pages, of which 2," in err and "tokens" in err
    assert run(*ask, "--pages", "9")[0] == 1
    (one := contract.with_name("one.pdf")).write_bytes(make_pdf(["One page."]))
    assert "one.pdf: 1 page, " in run("chat", "echo:?context=80", "-p", "What?", "--file", str(one))[2]
    long = contract.with_name("long.pdf")
    long.write_bytes(make_pdf(["\n".join(["Some words to read."] * 45), *PAGES]))
    status, _, err = run("chat", "echo:?context=80", "-p", "How long is the guarantee?", "--file", str(long))
    assert status == 1 and "long.pdf is longer than what the model can read" in err and "its beginning only" in err
    status, out, err = run(
        "chat", "echo:?context=400", "-p", "How long is the guarantee?", "--file", str(long), "--too-long", "search"
    )
    assert status == 0, err


def test_a_chat_is_answered_from_a_collection_and_names_its_sources(run: Any, contract: Path) -> None:
    run("index", "add", "contracts", str(contract))
    status, out, err = run("chat", "echo:?text=36+months+[1].", "-p", "How long is the guarantee?", "--knowledge", "contracts")
    assert status == 0 and out.strip() == "36 months [1]."
    assert "[1] contract.pdf, page 2" in err
    assert run("chat", "echo:?text=x", "-p", "Hm?", "--knowledge", "nothing")[0] == 1
