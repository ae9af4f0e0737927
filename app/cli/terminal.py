"""Shows a reply as it grows in a terminal, and stops it on Ctrl+C."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from app.cli.notices import make_notice
from app.cli.printable import make_printable
from app.services.events import Event, ModelLoaded, ModelLoading, ReplyEnded, ReplyGrew, ReplyProgress, StoreTrouble

if TYPE_CHECKING:
    from app.workstation import Workstation
    from backends.events import LoadedModel

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class Terminal:
    """Prints answers to ``out`` and everything else to ``notes``. One conversation at a time."""

    def __init__(self, workstation: Workstation, out: TextIO | None = None, notes: TextIO | None = None) -> None:
        self._workstation = workstation
        self._out = out or sys.stdout
        self._notes = notes or sys.stderr
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._unsubscribe = workstation.events.subscribe(self._events.put)
        self._has_status = False
        self._notices: set[str] = set()

    def close(self) -> None:
        """Listen no more."""
        self._unsubscribe()

    def note(self, text: str) -> None:
        """One line that is not part of an answer."""
        self._clear_status()
        print(text, file=self._notes, flush=True)

    def sources(self, message_id: str) -> list[str]:
        """A line for each passage that a reply cites; where it cites none, one line says what it was given."""
        from app.services.citing import sort_sources

        message = self._workstation.messages.get(message_id)
        sources = sort_sources(message.text, message.run.sources if message.run else [])
        cited = [f"[{one['number']}] {one['name']}, {one['place']}  {one['path']}" for one, is_cited in sources if is_cited]
        if sources and not cited:
            cited = ["it cites none of: " + "; ".join(f"[{one['number']}] {one['name']}, {one['place']}" for one, _ in sources)]
        return cited

    def unseen(self, message_id: str) -> dict[str, Any]:
        """What of the conversation a reply's model did not see; empty where it saw everything."""
        run = self._workstation.messages.get(message_id).run
        return run.unseen if run is not None else {}

    def follow(self, conversation_id: str, *, is_silent: bool = False) -> ReplyEnded:
        """Print the reply of a conversation until it ends. The first Ctrl+C stops it and keeps its words, the second leaves."""
        writer = _Writer(self._out if not is_silent else None)
        self._tell_notice(self._workstation.engines.current())  # it may have been loaded before anyone listened here
        with self._catching_interrupts():
            while True:
                event = self._next_event()
                if event is None:
                    self._workstation.chat.stop(conversation_id)
                elif (ended := self._show(event, conversation_id, writer)) is not None:
                    return ended

    def _show(self, event: Event, conversation_id: str, writer: _Writer) -> ReplyEnded | None:
        """Print what an event says; the event itself where it is the reply's end."""
        match event:
            case ModelLoading(model, fraction):
                self._show_status(f"Loading {_short(model)} … {fraction:.0%}")
            case ModelLoaded(_, facts):
                self._tell_notice(facts)
            case ReplyProgress(conversation, _, done, total) if conversation == conversation_id and total > 2000:
                self._show_status(f"Reading the prompt … {done}/{total}")
            case ReplyGrew(conversation, _, text, reasoning) if conversation == conversation_id:
                self._clear_status()
                writer.write(text, reasoning)
            case StoreTrouble(error):
                self.note(f"({error.english()})")
            case ReplyEnded(conversation, _, _, _) if conversation == conversation_id:
                self._clear_status()
                writer.end()
                return event
        return None

    def _tell_notice(self, facts: LoadedModel | None) -> None:
        """Say once of each model that it was not loaded as wished."""
        if (line := make_notice(facts)) and line not in self._notices:
            self._notices.add(line)
            self.note(line)

    def _next_event(self) -> Event | None:
        """The next event; none for Ctrl+C."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self._events.get(timeout=0.5)  # on Windows, a wait without an end would not hear Ctrl+C

    @contextlib.contextmanager
    def _catching_interrupts(self) -> Iterator[None]:
        """The first Ctrl+C becomes a None among the events (putting one is safe in a signal handler), the second is raised."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        count = 0

        def interrupt(*_: object) -> None:
            nonlocal count
            count += 1
            if count > 1:
                raise KeyboardInterrupt
            self._events.put(None)

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _show_status(self, text: str) -> None:
        if self._notes.isatty():
            self._notes.write(f"\r\x1b[K{_DIM}{text}{_PLAIN}")
            self._notes.flush()
        elif not self._has_status:
            print(text.partition(" … ")[0] + " …", file=self._notes, flush=True)
        self._has_status = True

    def _clear_status(self) -> None:
        if self._has_status and self._notes.isatty():
            self._notes.write("\r\x1b[K")
            self._notes.flush()
            self._has_status = False


class _Writer:
    """Writes the answer; the reasoning dimmed before it, and only to a terminal."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self._is_dim = False
        self._last = "\n"

    def write(self, text: str, reasoning: str) -> None:
        if self._out is None:
            return
        text, reasoning = make_printable(text, self._out), make_printable(reasoning, self._out)
        if reasoning and self._out.isatty():
            self._out.write(("" if self._is_dim else _DIM) + reasoning)
            self._is_dim = True
        if text:
            self._out.write((f"{_PLAIN}\n\n" if self._is_dim else "") + text)
            self._is_dim = False
            self._last = text[-1]
        self._out.flush()

    def end(self) -> None:
        if self._out is None:
            return
        if self._is_dim:
            self._out.write(f"{_PLAIN}\n")
        elif self._last != "\n":
            self._out.write("\n")
        self._out.flush()


def _short(reference: str) -> str:
    """The name of a model's file rather than its path."""
    return reference.replace("\\", "/").rstrip("/").rpartition("/")[2] if not reference.startswith("echo:") else "echo"
