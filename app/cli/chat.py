"""``yanmo chat``: one question, or a conversation in the terminal."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.documents import add_document_options, attach_documents, choose_collections
from app.cli.generating import add_generation_options, read_generation_options
from app.cli.printable import read_piped
from models.errors import AttachmentRefused, DatabaseInUse, UserFacingError, error_from_json

if TYPE_CHECKING:
    from app.cli.terminal import Terminal
    from app.services.events import ReplyEnded
    from app.store.records import Conversation
    from app.workstation import Workstation
    from backends.messages import Part

_EXAMPLES = """examples:
  yanmo chat                                          talk to the default model
  yanmo chat Qwen3-4B-Q4_K_M --temperature 0.3
  yanmo chat -p "What is quantization?" --seed 7
  yanmo chat -p "What is in this picture?" --image photo.png
  yanmo chat -p "Sum this up." --file report.pdf --pages 2-5
  yanmo chat -p "How long is the warranty?" --knowledge contracts
  yanmo chat -p "What is said here?" --audio note.mp3
  yanmo chat -p "A pet, please." --schema @pet.json
  yanmo chat -p "Tell me a story." --samplers top_k,min_p,temperature --logit-bias 42=-100
  git diff | yanmo chat -p "Write a commit message."
  yanmo chat --conversation last -p "And in one sentence?" --json

Conversations are kept and appear in the window; --no-save keeps nothing.
"""
_FIRST_QUESTIONS = {"en": "What is quantization?", "zh": "什么是量化？"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``chat`` to the main parser."""
    parser = subparsers.add_parser(
        "chat",
        help="ask one question, or talk in the terminal",
        description="Talk to a model. A MODEL is an id, a name, a file name or a path; without one the default answers.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", default="")
    parser.add_argument(
        "-p",
        "--prompt",
        metavar="TEXT",
        help="ask this and leave; input that is piped in within two seconds, or a file, is added below it",
    )
    parser.add_argument("--image", metavar="FILE", action="append", default=[], type=Path, help="show a picture (repeatable)")
    parser.add_argument(
        "--audio", metavar="FILE", action="append", default=[], type=Path, help="let it hear a sound (repeatable)"
    )
    parser.add_argument("--file", metavar="FILE", action="append", default=[], type=Path, help="attach a document (repeatable)")
    add_document_options(parser)
    parser.add_argument("--system", metavar="TEXT", help="the system prompt")
    parser.add_argument("--conversation", metavar="ID", default="", help="go on with this one; “last” is the newest")
    parser.add_argument("--no-save", action="store_true", help="keep nothing")
    parser.add_argument("--json", action="store_true", help="print the answer with its run card as JSON")
    add_generation_options(parser)
    parser.set_defaults(run=run_chat)


def run_chat(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:  # noqa: ARG001
    """The command. With ``-p`` or piped input it asks once; in a terminal it goes on."""
    prompt = _read_prompt(arguments)
    if prompt == "" and not (arguments.image or arguments.audio or arguments.file):
        print("yanmo chat: there is no prompt: give -p TEXT, or pipe it in.", file=sys.stderr)
        return 2
    if prompt is None and arguments.json:
        print("yanmo chat: --json needs a prompt: give -p TEXT, or pipe it in.", file=sys.stderr)
        return 2
    with _open_for_chat(arguments) as workstation:
        arguments.model = workstation.find_model(arguments.model) if arguments.model else ""
        read_generation_options(arguments, {})  # whatever is refused is refused before there is a conversation
        known = _find_conversation(workstation, arguments)
        attached = _attach(workstation, arguments, arguments.model or (known.model if known else ""))
        conversation_id = _choose_conversation(workstation, arguments, known)
        choose_collections(workstation, arguments, conversation_id)
        if prompt is None:
            from app.cli.repl import Repl

            status = Repl(workstation, conversation_id, attached).run()
            if known is None and not workstation.messages.path(conversation_id):
                workstation.conversations.purge(conversation_id)
            return status
        return _ask_once(workstation, conversation_id, (*attached, *_text_parts(prompt)), is_json=arguments.json)


def run_without_window(arguments: argparse.Namespace) -> int:
    """What ``yanmo`` does where no window can be shown: a first answer from the starter model, then a chat if someone types."""
    import locale

    from app.cli.repl import Repl

    arguments.no_save = False
    code = "zh" if (locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"
    with _open_for_chat(arguments) as workstation:
        conversation = workstation.start_conversation(workstation.starter_model())
        question = _FIRST_QUESTIONS[code]
        print(f"> {question}\n", flush=True)
        status = _ask_once(workstation, conversation.id, _text_parts(question), is_json=False)
        if status == 0 and sys.stdin.isatty():
            return Repl(workstation, conversation.id).run()
        return status


def _open_for_chat(arguments: argparse.Namespace) -> Workstation:
    """The person's own data; where a window has it open, or nothing is to be kept, a folder that is deleted afterwards."""
    from app.temporary import make_temporary_workstation
    from app.workstation import make_workstation

    if arguments.no_save:
        return make_temporary_workstation(arguments.paths)
    try:
        return make_workstation(arguments.paths)
    except DatabaseInUse:
        if getattr(arguments, "conversation", ""):
            raise
        print("(Yanmo is open in another window, so this chat is not kept.)", file=sys.stderr)
        return make_temporary_workstation(arguments.paths)


def _find_conversation(workstation: Workstation, arguments: argparse.Namespace) -> Conversation | None:
    """The one to go on with; none where a new one is to be made."""
    if arguments.conversation == "last" and (found := workstation.conversations.list()):
        return max(found, key=lambda one: one.updated_at)
    return workstation.conversations.get(arguments.conversation) if arguments.conversation else None


def _choose_conversation(workstation: Workstation, arguments: argparse.Namespace, known: Conversation | None) -> str:
    conversation = known or workstation.start_conversation(arguments.model)
    asked = replace(conversation, model=arguments.model or conversation.model)
    base = workstation.chat.options_of(asked).to_json()
    changes: dict[str, Any] = {}
    if (options := read_generation_options(arguments, base)) != base:
        changes["options"] = options
    if arguments.model:
        changes["model"] = arguments.model
    if arguments.system is not None:
        changes["system_prompt"] = arguments.system
    if changes:
        workstation.conversations.update(conversation.id, **changes)
    return conversation.id


def _attach(workstation: Workstation, arguments: argparse.Namespace, model: str) -> tuple[Part, ...]:
    """The pictures and documents of the command line, for a model.

    Raises:
        AttachmentRefused: a file is not what it should be, or the model can neither see nor hear it.
    """
    from backends.messages import AudioPart, ImagePart

    parts: list[Part] = []
    for path in arguments.image:
        part = workstation.attachments.make_part(path)
        if not isinstance(part, ImagePart):
            raise AttachmentRefused(file=path.name, reason="It is not a picture.")
        parts.append(part)
    for path in arguments.audio:
        part = workstation.attachments.make_part(path)
        if not isinstance(part, AudioPart):
            raise AttachmentRefused(file=path.name, reason="It is not a sound.")
        parts.append(part)
    parts += attach_documents(workstation, arguments, model)
    for part in parts:
        tell_changes(workstation, part)
        refuse_if_senseless(workstation, model, part)
    return tuple(parts)


def tell_changes(workstation: Workstation, part: Part) -> None:
    """Say what of a picture had to be changed so that a model can see it."""
    for note in workstation.attachments.notes_on(part):
        print(f"({note})", file=sys.stderr)


def refuse_if_senseless(workstation: Workstation, model: str, part: Part) -> None:
    """For a picture or a sound, load the model and look whether it can see or hear.

    Raises:
        AttachmentRefused: it cannot.
    """
    from backends.messages import AudioPart, ImagePart

    if not isinstance(part, ImagePart | AudioPart):
        return
    with workstation.engines.lease(model) as engine:
        facts = engine.facts
    if facts is not None and isinstance(part, ImagePart) and not facts.can_see:
        raise AttachmentRefused(file=part.name, reason=f"The model {facts.name} cannot see pictures; choose a vision model.")
    if facts is not None and isinstance(part, AudioPart) and not facts.can_hear:
        raise AttachmentRefused(file=part.name, reason=f"The model {facts.name} cannot hear sounds; choose one that can.")


def _ask_once(workstation: Workstation, conversation_id: str, parts: tuple[Part, ...], *, is_json: bool) -> int:
    from app.cli.terminal import Terminal

    terminal = Terminal(workstation)
    try:
        workstation.chat.send(conversation_id, parts)
        ended = terminal.follow(conversation_id, is_silent=is_json)
    finally:
        terminal.close()
    if is_json:
        print(json.dumps(_describe(workstation, ended), ensure_ascii=False, indent=1))
    return report_end(terminal, ended) if not is_json or ended.error is None else 1


def report_end(terminal: Terminal, ended: ReplyEnded) -> int:
    """Say how a reply ended where that is not simply its end; the exit status."""
    if ended.error is not None:
        terminal.note(f"yanmo: {ended.error.english()}")
        return 1
    if ended.state == "stopped":
        terminal.note("(stopped)")
        return 130
    for line in terminal.sources(ended.message_id):
        terminal.note(line)
    if unseen := terminal.unseen(ended.message_id):
        terminal.note(f"({describe_unseen(unseen)})")
    if ended.state == "length":
        terminal.note("(cut off at the limit of tokens or context)")
    return 0


def describe_unseen(unseen: dict[str, Any]) -> str:
    """What of the conversation the model did not see, in one sentence."""
    if unseen.get("policy") == "shift":
        return f"the model did not see {unseen.get('tokens', 0)} tokens any more, up to “…{unseen.get('end', '')}”"
    text = f"the model did not see the first {unseen.get('messages', 0)} messages; it began with “{unseen.get('first_seen', '')}”"
    return f"{text}, and read this summary: {unseen['summary']}" if unseen.get("summary") else text


def _describe(workstation: Workstation, ended: ReplyEnded) -> dict[str, Any]:
    message = workstation.messages.get(ended.message_id)
    reasoning, text = workstation.chat.live_text(message.id)
    return {
        "conversation": message.conversation_id,
        "message": message.id,
        "state": message.state,
        "text": text,
        "reasoning": reasoning,
        "run": asdict(message.run) if message.run else None,
        "error": _error_text(error_from_json(message.error)) if message.error else None,
    }


def _error_text(error: UserFacingError) -> dict[str, str]:
    return {"code": error.code, "message": error.english()}


def _read_prompt(arguments: argparse.Namespace) -> str | None:
    """The prompt with what was piped in below it; none where a person sits at a terminal and gave none."""
    piped = read_piped(is_needed=arguments.prompt is None)
    if arguments.prompt is None and (sys.stdin is None or sys.stdin.isatty()):
        return None
    return "\n\n".join(text for text in (arguments.prompt or "", piped.strip("\n")) if text.strip())


def _text_parts(text: str) -> tuple[Part, ...]:
    from backends.messages import TextPart

    return (TextPart(text),) if text else ()
