"""A conversation typed in a terminal: one prompt after another, and commands that begin with a slash."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.chat import refuse_if_senseless, report_end, tell_changes
from app.cli.documents import attach_document, split_pages
from app.cli.terminal import Terminal
from app.retrieval.terms import estimate_tokens
from app.services.documents import DocumentChoice
from backends.messages import AudioPart, FilePart, ImagePart, Part, TextPart
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.workstation import Workstation

_HELP = """commands:
  /new                begin a new conversation
  /model [NAME]       answer with another model; without a name, say which one answers
  /system [TEXT]      set the system prompt; without a text, show it
  /image FILE         show a picture with the next message
  /audio FILE         let it hear a sound with the next message
  /file FILE [PAGES]  attach a document, or pages of it such as 2-5, to the next message
  /search FILE        attach a document of which only what fits each question is read
  /knowledge [NAMES]  answer from these collections, by commas; “none” for none; without names, say which
  /regenerate         answer the last question again
  /continue           go on with a reply that was stopped or cut off
  /save FILE          write this conversation to a file (.md, .html or .json)
  /help               this list
  /exit               leave

A line that ends in \\ goes on in the next one; a line of three quotes (\"\"\") begins and ends a longer text.
Ctrl+C stops a reply and keeps it; Ctrl+D leaves."""
_QUOTES = '"""'


class Repl:
    """Reads prompts until there are no more."""

    def __init__(
        self,
        workstation: Workstation,
        conversation_id: str,
        attached: Iterable[Part] = (),
        read_line: Callable[[str], str] = input,
    ) -> None:
        self._workstation = workstation
        self._conversation_id = conversation_id
        self._attached = list(attached)
        self._read_line = read_line
        self._terminal = Terminal(workstation)
        self._is_over = False
        self._commands: dict[str, Callable[[str], None]] = {
            "new": self._new,
            "model": self._model,
            "system": self._system,
            "image": self._image,
            "audio": self._audio,
            "file": self._file,
            "search": self._search,
            "knowledge": self._knowledge,
            "regenerate": self._regenerate,
            "continue": self._continue,
            "save": self._save,
            "help": lambda _: self._terminal.note(_HELP),
            "exit": self._exit,
            "quit": self._exit,
        }

    def run(self) -> int:
        """Until Ctrl+D or /exit; returns the exit status."""
        self._terminal.note("Type a message; /help lists commands, Ctrl+D leaves.")
        try:
            with _line_history(self._workstation.paths.data / "terminal_history"):
                while not self._is_over:
                    self._turn()
        finally:
            self._terminal.close()
        return 0

    def _turn(self) -> None:
        try:
            text = self._read()
        except EOFError:
            print(file=sys.stderr)
            self._is_over = True
            return
        except KeyboardInterrupt:
            self._terminal.note("\n(Ctrl+D leaves)")
            return
        try:
            if text.startswith("/") and not text.startswith("//"):
                self._command(text)
            elif text.strip():
                self._say(text.removeprefix("/") if text.startswith("//") else text)
        except UserFacingError as error:
            self._terminal.note(f"yanmo: {error.english()}")

    def _read(self) -> str:
        line = self._read_line("> ")
        if line.strip() == _QUOTES:
            lines: list[str] = []
            while (line := self._read_line("… ")).strip() != _QUOTES:
                lines.append(line)
            return "\n".join(lines)
        lines = []
        while line.endswith("\\"):
            lines.append(line[:-1])
            line = self._read_line("… ")
        return "\n".join([*lines, line])

    def _command(self, text: str) -> None:
        name, _, rest = text[1:].partition(" ")
        command = self._commands.get(name.lower())
        if command is None:
            self._terminal.note(f"There is no command /{name}; /help lists them. To say it, begin with //.")
            return
        command(rest.strip())

    def _say(self, text: str) -> None:
        self._workstation.chat.send(self._conversation_id, (*self._attached, TextPart(text)))
        self._attached.clear()
        self._follow()

    def _follow(self) -> None:
        report_end(self._terminal, self._terminal.follow(self._conversation_id))

    def _new(self, _: str) -> None:
        old = self._workstation.conversations.get(self._conversation_id)
        new = self._workstation.conversations.create(model=old.model, preset=old.preset, system_prompt=old.system_prompt)
        if old.options:
            self._workstation.conversations.update(new.id, options=old.options)
        self._conversation_id = new.id
        self._terminal.note("A new conversation.")

    def _model(self, name: str) -> None:
        if name:
            model = self._workstation.find_model(name)
            self._workstation.conversations.update(self._conversation_id, model=model)
            self._terminal.note(f"{model} answers from now on.")
            return
        current = self._workstation.conversations.get(self._conversation_id).model
        self._terminal.note(current or self._workstation.engines.default_model())

    def _system(self, text: str) -> None:
        if text:
            self._workstation.conversations.update(self._conversation_id, system_prompt=text)
            self._terminal.note("The system prompt is set.")
            return
        self._terminal.note(
            self._workstation.conversations.get(self._conversation_id).system_prompt or "There is no system prompt."
        )

    def _image(self, name: str) -> None:
        part = self._attach(name)
        self._terminal.note(
            "It goes with the next message." if isinstance(part, ImagePart) else "It is no picture, but goes along."
        )

    def _audio(self, name: str) -> None:
        part = self._attach(name)
        self._terminal.note(
            "It goes with the next message." if isinstance(part, AudioPart) else "It is no sound, but goes along."
        )

    def _file(self, name: str) -> None:
        path, pages = split_pages(name)
        self._attach_document(path, DocumentChoice("pages", pages) if pages else DocumentChoice())

    def _search(self, name: str) -> None:
        self._attach_document(Path(name).expanduser(), DocumentChoice("search"))

    def _attach_document(self, path: Path, choice: DocumentChoice) -> None:
        model = self._workstation.conversations.get(self._conversation_id).model
        used = len(self._attached) and sum(estimate_tokens(part.text) for part in self._attached if isinstance(part, FilePart))
        parts, words = attach_document(self._workstation, path, choice, model, used)
        for part in parts:
            refuse_if_senseless(self._workstation, model, part)
        self._attached += parts
        self._terminal.note(f"{words} It goes with the next message.")

    def _knowledge(self, names: str) -> None:
        collections = self._workstation.knowledge.collections
        if names:
            wanted = (
                []
                if names.lower() == "none"
                else [collections.find(name.strip()).id for name in names.split(",") if name.strip()]
            )
            collections.choose(self._conversation_id, wanted)
        chosen = [one.name for one in collections.all() if one.id in collections.chosen(self._conversation_id)]
        self._terminal.note(f"Answers come from: {', '.join(chosen)}." if chosen else "No collection is asked.")

    def _attach(self, name: str) -> Part:
        part = self._workstation.documents.make_parts(Path(name).expanduser())[0]
        tell_changes(self._workstation, part)
        refuse_if_senseless(self._workstation, self._workstation.conversations.get(self._conversation_id).model, part)
        self._attached.append(part)
        return part

    def _regenerate(self, _: str) -> None:
        path = self._workstation.messages.path(self._conversation_id)
        if not path:
            self._terminal.note("Nothing was said yet.")
            return
        self._workstation.chat.regenerate(path[-1].id)
        self._follow()

    def _continue(self, _: str) -> None:
        path = self._workstation.messages.path(self._conversation_id)
        if not path:
            self._terminal.note("Nothing was said yet.")
            return
        self._workstation.chat.continue_reply(path[-1].id)
        self._follow()

    def _save(self, name: str) -> None:
        from app.text.export import EXPORT_FORMATS

        path = Path(name).expanduser()
        kind = next((kind for kind in EXPORT_FORMATS if path.suffix == f".{kind}"), None)
        if kind is None:
            self._terminal.note("Give a file name that ends in .md, .html or .json.")
            return
        self._workstation.portability.export_to(path, kind, [self._conversation_id])
        self._terminal.note(f"Written to {path}.")

    def _exit(self, _: str) -> None:
        self._is_over = True


@contextlib.contextmanager
def _line_history(file: Path) -> Iterator[None]:
    """Editing and history of lines where the system has readline; kept between sessions."""
    try:
        import readline
    except ImportError:
        yield
        return
    with contextlib.suppress(OSError):
        readline.read_history_file(file)
    readline.set_history_length(1000)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            readline.write_history_file(file)
