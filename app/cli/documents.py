"""Documents on the command line of ``yanmo chat``: which pages, how many tokens, and what to do where that is too many."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.services.documents import DocumentChoice
    from app.workstation import Workstation
    from backends.messages import Part

_PAGES = re.compile(r"(.+?)\s+(\d[\d,\-–\s]*)")


def add_document_options(parser: argparse.ArgumentParser) -> None:
    """``--pages``, ``--too-long`` and ``--knowledge``."""
    parser.add_argument(
        "--pages", metavar="N-M", default="", help="only these pages of the --file before it, such as 2-5 or 1,4-6"
    )
    parser.add_argument(
        "--too-long",
        choices=("refuse", "trim", "search"),
        default="refuse",
        help="where a document does not fit the context: say so (the usual), take its beginning, or what fits each question",
    )
    parser.add_argument(
        "--as-pictures", action="store_true", help="show the pages of a PDF to a model that sees, instead of their text"
    )
    parser.add_argument(
        "--knowledge", metavar="NAME", action="append", default=[], help="answer from this collection (repeatable)"
    )


def attach_documents(workstation: Workstation, arguments: argparse.Namespace, model: str) -> list[Part]:
    """The documents of the command line; what each takes is told on the error stream.

    Raises:
        UserFacingError: one cannot be read, does not have these pages, or does not fit.
    """
    from app.services.documents import DocumentChoice
    from models.document_errors import DocumentTooLong

    parts: list[Part] = []
    used = 0
    for path in arguments.file:
        if not workstation.documents.is_document(path.expanduser()):  # a picture or a sound, or an error
            parts += workstation.documents.make_parts(path.expanduser())
            continue
        choice = DocumentChoice("pictures" if arguments.as_pictures else "pages" if arguments.pages else "whole", arguments.pages)
        try:
            made, words = attach_document(workstation, path, choice, model, used)
        except DocumentTooLong as error:
            if arguments.too_long == "refuse":
                raise
            room = int(error.facts["available"].replace(",", ""))
            choice = DocumentChoice("search") if arguments.too_long == "search" else DocumentChoice("trim", tokens=room)
            made, words = attach_document(workstation, path, choice, model, used)
        print(f"({words})", file=sys.stderr)
        used += workstation.documents.weigh(path, choice).tokens
        parts += made
    return parts


def attach_document(
    workstation: Workstation, path: Path, choice: DocumentChoice, model: str, used: int = 0
) -> tuple[list[Part], str]:
    """One document as parts, and what it takes in words. ``used`` tokens are taken by others before it.

    Raises:
        UserFacingError: as for :meth:`app.services.documents.Documents.make_parts`, and DocumentTooLong.
    """
    documents = workstation.documents
    path = path.expanduser()
    if not documents.is_document(path):
        return list(documents.make_parts(path)), f"{path.name}."
    documents.read(path)  # before a model is loaded for a file that cannot be read
    with workstation.engines.lease(model) as engine:
        length = engine.facts.context_length if engine.facts else 0
        weighed = documents.refuse_if_too_long(path, choice, length, used)
        parts = list(documents.make_parts(path, choice))
    count, unit = weighed.document.count, weighed.document.unit
    pages = f"{count:,} {unit}{'' if count == 1 else 's'}, " if unit else ""
    if choice.mode == "search":
        return parts, f"{path.name}: {pages}what fits each question is read."
    if choice.mode == "pictures":
        return parts, f"{path.name}: {len(parts)} pages as pictures."
    about = "" if weighed.is_exact else "about "
    share = {"pages": f"of which {choice.pages}, ", "trim": "the beginning, "}.get(choice.mode, "")
    return parts, f"{path.name}: {pages}{share}{about}{weighed.tokens:,} tokens."


def choose_collections(workstation: Workstation, arguments: argparse.Namespace, conversation_id: str) -> None:
    """Let a conversation ask the collections that were named; what changed in them is indexed first.

    Raises:
        CollectionNotFound: there is none of such a name.
    """
    if not arguments.knowledge:
        return
    knowledge = workstation.knowledge
    chosen = [knowledge.collections.find(name).id for name in arguments.knowledge]
    knowledge.update(knowledge.collections.roots(chosen))
    knowledge.wait()
    knowledge.collections.choose(conversation_id, chosen)


def split_pages(text: str) -> tuple[Path, str]:
    """``report.pdf 2-5`` as path and pages; a file whose own name ends so is taken as it is."""
    whole = Path(text).expanduser()
    found = _PAGES.fullmatch(text)
    if found is None or whole.exists():
        return whole, ""
    return Path(found[1]).expanduser(), found[2].strip()
