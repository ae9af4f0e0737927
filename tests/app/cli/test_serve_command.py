"""``yanmo serve`` as a service runs it: started from a file, asked, ended by a signal."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.main import main
from tests.tiny_models import make_tiny_model


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """A server in a process of its own: its address, what it said before that, and the process."""
    command = [sys.executable, "-m", "app", "--data-folder", str(folder), "serve", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    said = ""
    try:
        while (found := re.search(r"serves at (http://\S+)", said)) is None:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield found[1], said, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()


def test_a_file_says_all_that_options_say_and_a_signal_ends_it(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny.gguf", context=2048)
    config = tmp_path / "server.toml"
    config.write_text(
        f'port = 0\nmodel = "{model}"\nctx = 512\nparallel = 2\napi-key = "secret"\nalias = ["claude-*={model}"]\n'
        'allow_origin = ["http://localhost:3000"]\nidle = 5\n'
    )
    with serving(tmp_path / "data", "--config", str(config)) as (address, said, process):
        assert "is in memory, with 512 tokens of context" in said
        assert httpx.get(f"{address}/v1/models").status_code == 401
        with httpx.Client(base_url=address, headers={"Authorization": "Bearer secret"}, timeout=60) as client:
            assert len(client.get("/slots").json()) == 2
            body: dict[str, Any] = {"model": "claude-x", "messages": [{"role": "user", "content": "ink"}], "max_tokens": 4}
            assert client.post("/v1/messages", json=body).json()["usage"]["output_tokens"] <= 4
            page = client.options(
                "/v1/models", headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
            )
            assert page.headers["access-control-allow-origin"] == "http://localhost:3000"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_key_of_the_environment_opens_it_to_other_machines_and_none_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path / "one", "--host", "0.0.0.0", "--port", "0", YANMO_API_KEY="secret") as (address, _, _process):
        assert httpx.get(f"{address}/api/tags").status_code == 401
        assert httpx.get(f"{address}/api/tags", headers={"x-api-key": "secret"}).status_code == 200
    assert main(["--data-folder", str(tmp_path / "two"), "serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    assert "there is no key" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["port = 'eighty'", "nonsense = 1", "port = [", "parallel = true"])
def test_a_file_with_a_mistake_is_refused_with_the_line_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "server.toml").write_text(text)
    assert main(["--data-folder", str(tmp_path / "data"), "serve", "--config", str(tmp_path / "server.toml")]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said and (text.split(" ")[0] in said or "server.toml" in said)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ctx", "-5"),
        ("ctx", "99999999"),
        ("parallel", "0"),
        ("parallel", "1000"),
        ("parallel", "-1"),
        ("models", "0"),
        ("models", "-3"),
        ("idle", "-5"),
        ("idle", "nan"),
        ("port", "70000"),
        ("port", "-1"),
    ],
)
@pytest.mark.parametrize("is_file", [False, True], ids=["option", "file"])
def test_a_number_that_makes_no_sense_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, is_file: bool
) -> None:
    (tmp_path / "server.toml").write_text(f"{option} = {value}\n")
    given = ("--config", str(tmp_path / "server.toml")) if is_file else (f"--{option}={value}",)
    assert main(["--data-folder", str(tmp_path / "data"), "serve", *given]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"yanmo: “{option}” cannot be {value}")
    assert said.err.count("\n") == 1


def test_a_context_smaller_than_its_requests_is_made_large_enough(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny.gguf", context=2048)
    with serving(tmp_path / "data", "--model", str(model), "--ctx", "4", "--port", "0") as (address, said, _):
        assert "is in memory, with 256 tokens of context" in said
        body = {"model": str(model), "prompt": "ink", "max_tokens": 2}
        assert httpx.post(f"{address}/v1/completions", json=body, timeout=60).status_code == 200


def test_keys_are_made_listed_and_removed_in_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ["--data-folder", str(tmp_path), "serve", "keys"]
    assert main([*start, "create", "laptop", "--use-only"]) == 0
    secret = capsys.readouterr().out.strip()
    assert main(start) == 0
    listed = capsys.readouterr().out
    assert "laptop" in listed and secret[-4:] in listed and secret not in listed
    assert (main([*start, "remove", "laptop"]), main([*start, "remove", "laptop"])) == (0, 1)
    assert not any(secret.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
