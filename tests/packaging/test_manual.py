"""The manual: every command on its pages works, every command and setting of the program is on its pages, both languages say the same."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from manual import commands as command_page
from manual import errors, write_pages

from app.cli.main import main, make_parser
from app.settings import SETTINGS
from backends.options import LoadOptions, SamplingOptions
from tests.made_documents import make_pdf
from tests.packaging.manual_pages import DOCS, ROOT, Block, list_pages, outline, read_blocks, yanmo_arguments
from tests.tiny_eyes import draw
from tests.tiny_models import make_tiny_model

PAGES = {language: list_pages(language) for language in ("en", "zh")}
PORT = "8040"
GUIDE = "The warranty is two years.\n\nThe ink stick is ground on the stone with water."


class Reader:
    """A person at a desk of their own, who types what a page says from its beginning on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._done = 0
        self._server: subprocess.Popen[str] | None = None
        self._environment = {
            **os.environ,
            "YANMO_DATA": str(folder / "data"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
        }
        (folder / "resources").symlink_to(ROOT / "resources")
        make_tiny_model(folder / "model.gguf")
        make_tiny_model(folder / "another.gguf", seed=3)
        draw(folder / "photo.png")
        (folder / "report.pdf").write_bytes(make_pdf([GUIDE, "Page two tells of ink.", "Page three", "Page four", "Page five"]))
        for name in ("papers", "Contracts"):
            (folder / name).mkdir()
            (folder / name / "warranty.txt").write_text(GUIDE, encoding="utf-8")
        self._in_process(["chat", "echo:?text=Hello", "-p", "Hello"])

    def run_until(self, blocks: list[Block], wanted: Block) -> None:
        """Everything above a block that was not run yet, and the block."""
        end = blocks.index(wanted) + 1
        for block in blocks[self._done : end]:
            self._done += 1
            if not block.reason:
                self.run(block)

    def run(self, block: Block) -> None:
        """One block, which must end well."""
        if block.kind == "python":
            self._shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(block.text.replace(PORT, str(self.port)))}")
            return
        for command in block.commands:
            arguments = yanmo_arguments(command)
            if arguments and arguments[:2] == ["serve", "keys"]:
                self.close()  # the page says: with the server ended
            if arguments and arguments[0] == "serve" and "keys" not in arguments:
                self._serve(arguments)
            elif arguments is None or re.search(r"[|>$~]", command):
                self._shell(command.replace(PORT, str(self.port)))
            else:
                self._in_process(arguments)

    def _in_process(self, arguments: list[str]) -> None:
        said = io.StringIO()
        before = Path.cwd()
        old = {name: os.environ.get(name) for name in ("YANMO_DATA", "HOME")}
        os.chdir(self.folder)
        os.environ.update({name: self._environment[name] for name in old})
        try:
            with (
                Path(os.devnull).open() as nothing,
                _standard_input(nothing),
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
            ):
                status = main(arguments)
        finally:
            os.chdir(before)
            for name, value in old.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        assert status == 0, f"yanmo {shlex.join(arguments)}\n{said.getvalue()}"

    def _shell(self, command: str) -> None:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if command.startswith("curl"):
            assert '"error"' not in done.stdout, f"{command}\n{done.stdout}"

    def _serve(self, arguments: list[str]) -> None:
        """Start the server beside what follows; the port is the only thing that is not as on the page."""
        self.close()
        command = [sys.executable, "-m", "app", *arguments, "--port", str(self.port)]
        self._server = subprocess.Popen(
            command, cwd=self.folder, env={**self._environment, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdout is not None
        while "serves at" not in (line := self._server.stdout.readline()):
            assert line, "the server did not start"
        assert httpx.get(f"http://127.0.0.1:{self.port}/v1/models").status_code == 200

    def close(self) -> None:
        """End the server, where one was started."""
        if self._server is not None:
            self._server.terminate()
            self._server.communicate(timeout=20)
            self._server = None


@contextlib.contextmanager
def _standard_input(stream: io.TextIOBase) -> Iterator[None]:
    old, sys.stdin = sys.stdin, stream  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdin = old


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Reader]]:
    """One reader a page, made when the page is first read."""

    class Readers(dict[Path, Reader]):
        def __missing__(self, page: Path) -> Reader:
            self[page] = Reader(tmp_path_factory.mktemp(page.stem))
            return self[page]

    made = Readers()
    yield made
    for reader in made.values():
        reader.close()


BLOCKS = [block for page in PAGES["en"] for block in read_blocks(page)]


@pytest.mark.parametrize("block", [block for block in BLOCKS if not block.reason], ids=lambda block: block.name)
def test_commands_of_the_manual_run_as_they_stand(block: Block, readers: dict[Path, Reader]) -> None:
    if "curl" in block.text and not shutil.which("curl"):
        pytest.skip("curl is not installed here")
    if block.kind == "sh":
        assert block.commands, "a block without a command is no block of commands"
    readers[block.page].run_until(read_blocks(block.page), block)


ALL_BLOCKS = [block for language in PAGES for page in PAGES[language] for block in read_blocks(page) if block.kind == "sh"]


def test_the_readme_alone_leads_from_a_clone_to_a_served_model(tmp_path: Path) -> None:
    """Its steps after ``make run``, which set this environment up."""
    path, ask = read_blocks(ROOT / "README.md")[2:4]
    steps = [line for line in path.commands if not line.startswith(("make", "export"))]
    assert [line.split()[1] for line in steps] == ["chat", "quantize", "chat", "serve"] and ask.commands[0].startswith("curl")
    if not shutil.which("curl"):
        pytest.skip("curl is not installed here")
    reader = Reader(tmp_path)
    try:
        for line in [*steps, *ask.commands]:
            reader.run(Block(path.page, path.line, "sh", line, ""))
    finally:
        reader.close()


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=lambda block: block.name)
def test_the_command_line_knows_every_command_of_the_manual(block: Block) -> None:
    for command in block.commands:
        arguments = yanmo_arguments(command)
        if arguments is not None:
            _parse(arguments)


@pytest.mark.parametrize("page", [*PAGES["en"], *PAGES["zh"], ROOT / "README.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_sentences_and_in_the_readme_are_known_too(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for command in re.findall(r"`(yanmo [^`]+)`", text):
        _find(shlex.split(command)[1:])
    if page.name == "README.md":
        for line in re.findall(r"^(yanmo .+)$", text, re.MULTILINE):
            arguments = yanmo_arguments(re.sub(r"\s+# .*$", "", line))
            assert arguments is not None
            _parse(arguments)


def _find(words: list[str]) -> None:
    """Whether a command that is only named, perhaps without all that it needs, and its options are known."""
    parser = make_parser()
    for word in words:
        if word.startswith("-"):
            assert word in parser._option_string_actions, f"{word} in {words}"
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                parser = action.choices[word]
                break
        else:
            assert parser.prog != "yanmo" or word.startswith("-") or not re.fullmatch("[a-z]+", word), words


def _parse(arguments: list[str]) -> None:
    if (arguments and arguments[-1] in ("--help", "--version")) or any(
        word.isupper() and word == "COMMAND" for word in arguments
    ):
        return
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            make_parser().parse_args(arguments)
    except SystemExit:
        pytest.fail(f"yanmo {shlex.join(arguments)}\n{said.getvalue()}")


@pytest.mark.parametrize("page", PAGES["zh"], ids=lambda page: page.name)
def test_a_page_in_chinese_has_the_commands_of_the_english_one(page: Path) -> None:
    """Those that are run on the English page: they differ in quoted words only."""
    english = DOCS / "en" / page.name
    english = english if english.exists() else DOCS / page.name.removeprefix("about-")
    ours, theirs = read_blocks(page), read_blocks(english)
    for kind, pick in (("sh", lambda block: [outline(line) for line in block.commands]), ("python", lambda block: [block.kind])):
        assert [pick(block) for block in ours if block.kind == kind] == [pick(block) for block in theirs if block.kind == kind]
    assert [bool(block.reason) for block in ours] == [bool(block.reason) for block in theirs]
    for name in re.findall(r"images/([\w-]+)-zh\.png", page.read_text(encoding="utf-8")):
        assert f"images/{name}-en.png" in english.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["benchmarks", "conversion"])
def test_figures_and_tables_in_chinese_are_those_of_the_english_page(page: str) -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in (DOCS / f"{page}.md", DOCS / "zh" / f"about-{page}.md"))
    if page == "conversion":
        names = [re.findall(r"\b\w+(?:For\w+|Model|MiniCPMV)\b", text) for text in (english, chinese)]
        assert names[0] == names[1]
    figure = re.compile(r"\d(?:[\d,.]*\d)?")
    rows = re.findall(r"^\|.*\|$", chinese, re.MULTILINE)
    assert rows and set(figure.findall("\n".join(rows))) - set(figure.findall(english)) == set()


def test_what_fetches_something_from_another_machine_is_not_run() -> None:
    fetching = re.compile(r"\b(?:pip|pipx|uv|apt|git|npm) |curl .*https?://(?!127\.0\.0\.1|localhost)")
    assert [block.name for block in BLOCKS if not block.reason and fetching.search(" ".join(block.commands))] == []


def test_every_command_and_option_is_on_the_page_of_commands() -> None:
    for language in PAGES:
        text = (DOCS / language / "commands.md").read_text(encoding="utf-8")
        for parser in command_page.iter_parsers():
            name = command_page._name(parser)
            section = re.search(rf"^#+ {re.escape(name)}$(.*?)(?=^#+ yanmo|\Z)", text, re.MULTILINE | re.DOTALL)
            assert section, f"{name} is not told in {language}"
            for action in parser._actions:
                if not isinstance(action, argparse._HelpAction):
                    place = text if "how to generate" in str(_group_of(parser, action)) else section[1]
                    assert all(option in place for option in action.option_strings), f"{name} {action.option_strings}"


def _group_of(parser: argparse.ArgumentParser, action: argparse.Action) -> str | None:
    return next((group.title for group in parser._action_groups if action in group._group_actions), None)


def test_every_setting_is_told() -> None:
    for language in PAGES:
        text = (DOCS / language / "settings.md").read_text(encoding="utf-8")
        names = [*SETTINGS, *SamplingOptions.__dataclass_fields__, *LoadOptions.__dataclass_fields__]
        told = [name for name in names if f"| `{name}` |" in text]
        assert set(names) - set(told) == {"cache_folder", "cache_megabytes"}


def test_every_error_is_told() -> None:
    for language in PAGES:
        text = (DOCS / language / "errors.md").read_text(encoding="utf-8")
        assert [kind.code for kind in errors.list_kinds() if f"`{kind.code}`" not in text] == []


def test_pages_that_the_program_writes_are_what_it_would_write_now() -> None:
    pages = write_pages.make_pages(DOCS)
    old = [path.name for path, text in pages.items() if path.read_text(encoding="utf-8") != text]
    assert old == [], "run packaging/manual/write_pages.py"


def test_both_languages_have_the_same_pages() -> None:
    wanted = {page.name for page in (DOCS / "en").glob("*.md")} | {f"about-{page.name}" for page in DOCS.glob("*.md")}
    assert wanted == {page.name for page in (DOCS / "zh").glob("*.md")}


def test_what_is_not_run_says_why() -> None:
    for block in ALL_BLOCKS:
        assert not block.reason or len(block.reason) > 4


def test_the_manual_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--config-file", str(ROOT / "mkdocs.yml")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    for page in ("index.html", "zh/index.html", "commands/index.html", "zh/commands/index.html", "architecture/index.html"):
        assert (tmp_path / "site" / page).stat().st_size > 5000
    text = (tmp_path / "site" / "zh" / "first-chat" / "index.html").read_text(encoding="utf-8")
    assert "第一次对话" in text and "fonts.googleapis.com" not in text
