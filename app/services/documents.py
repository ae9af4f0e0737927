"""Documents in conversations: what is attached, how many tokens it takes, and what to do where that is too many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.documents.document import parse_pages, write_pages
from app.documents.png import encode_png
from app.services.prompts import SEARCHED, write_out_files
from app.store.attachments import Attachments, guess_mime
from backends.backend import GenerationRequest
from backends.messages import FilePart, ImagePart, Message, Part
from models.document_errors import DocumentTooLong, DocumentUnreadable
from models.errors import AttachmentRefused, UserFacingError

if TYPE_CHECKING:
    from app.documents.document import Document
    from app.documents.reading import DocumentReader, PagePicture

Mode = Literal["whole", "pages", "trim", "search", "pictures"]
MODES: tuple[Mode, ...] = ("whole", "pages", "trim", "search", "pictures")

PICTURE_SIDE = 1_280
"""Pixels of the longer side of a page that a model looks at."""

MOST_PICTURES = 20
_HELD_CHARACTERS = 30_000_000
_REPLY_SHARE = 4
"""A quarter of the context, 1,024 tokens at most, is left for the answer."""

_MOST_REPLY = 1_024
_HEADS = {"image": "image/", "audio": "audio/"}


@dataclass(frozen=True, slots=True)
class DocumentChoice:
    """How much of a document a model reads: all, some ``pages``, its beginning of ``tokens``, what is found for each question, or
    its pages as pictures."""

    mode: Mode = "whole"
    pages: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A document with a choice: ``tokens`` that it takes, counted by the model in memory where ``is_exact``, else estimated."""

    document: Document
    tokens: int
    is_exact: bool


class Documents:
    """Thread-safe. What was read is kept in memory while the file stays as it was, so that sending reads nothing again."""

    def __init__(self, attachments: Attachments, count: Callable[[GenerationRequest], int]) -> None:
        """``count`` gives the tokens of a prompt for the model in memory, and raises UserFacingError where there is none."""
        self._attachments = attachments
        self._count = count
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, int, int], Document] = OrderedDict()
        self._reader: DocumentReader | None = None

    def is_document(self, path: str | Path) -> bool:
        """Whether a file is attached as text: neither a picture nor a sound."""
        source = Path(path)
        try:
            with source.open("rb") as file:
                mime = guess_mime(source.name, file.read(16))
        except OSError:
            return True
        return mime == "image/svg+xml" or not mime.startswith(tuple(_HEADS.values()))

    def read(self, path: str | Path, is_cancelled: Callable[[], bool] = lambda: False, *, is_kept: bool = True) -> Document:
        """The whole document, ``is_kept`` in memory where it may be asked for again. Raises DocumentUnreadable and WorkCancelled."""
        source = Path(path)
        try:
            status = source.stat()
        except OSError as error:
            raise DocumentUnreadable(file=source.name, reason=f"{error.strerror or error}.") from error
        key = (str(source), status.st_size, status.st_mtime_ns)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        document = self._opened().read(source, is_cancelled=is_cancelled)
        if not is_kept:
            return document
        with self._lock:
            self._held[key] = document
            while len(self._held) > 1 and sum(map(_size_of, self._held.values())) > _HELD_CHARACTERS:
                self._held.popitem(last=False)
        return document

    def draw(self, path: str | Path, page: int, side: int = PICTURE_SIDE, marked: str = "") -> PagePicture:
        """A page of a PDF as a picture, the lines of a passage tinted. Raises DocumentUnreadable."""
        return self._opened().render(path, page, side, marked)

    def weigh(
        self, path: str | Path, choice: DocumentChoice = DocumentChoice(), is_cancelled: Callable[[], bool] = lambda: False
    ) -> Weighed:
        """How many tokens a document takes. Raises DocumentUnreadable, PagesNotFound and WorkCancelled."""
        document = self.read(path, is_cancelled)
        tokens, is_exact = self._tokens_of(self._as_file(Path(path), document, choice))
        return Weighed(document, tokens, is_exact)

    def make_parts(self, path: str | Path, choice: DocumentChoice = DocumentChoice()) -> tuple[Part, ...]:
        """Attach a file as what it is; of a document as much as was chosen. The original is kept.

        Raises:
            AttachmentRefused: a picture or sound that cannot be attached.
            DocumentUnreadable: a document that cannot be read.
            PagesNotFound: pages that it does not have.
        """
        source = Path(path)
        if source.is_file() and not self.is_document(source):
            return (self._attachments.make_part(source),)
        document = self.read(source)
        if choice.mode == "pictures":
            return self._draw_pages(source, document, choice)
        made = self._as_file(source, document, choice)
        kept = self._attachments.add(source)
        return (FilePart(kept.path, made.name, made.text, kept.mime, made.extent),)

    def refuse_if_too_long(self, path: str | Path, choice: DocumentChoice, context_length: int, used: int = 0) -> Weighed:
        """Weigh a document against what is left of a context.

        Raises:
            DocumentTooLong: it does not fit.
        """
        weighed = self.weigh(path, choice)
        available = room_in(context_length, used)
        if choice.mode not in ("search", "pictures") and context_length and weighed.tokens > available:
            raise DocumentTooLong(file=Path(path).name, needed=f"{weighed.tokens:,}", available=f"{available:,}")
        return weighed

    def close(self) -> None:
        """End the process that reads."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _opened(self) -> DocumentReader:
        with self._lock:
            if self._reader is None:
                from app.documents.reading import DocumentReader

                self._reader = DocumentReader()
            return self._reader

    def _as_file(self, path: Path, document: Document, choice: DocumentChoice) -> FilePart:
        """What would be attached, without the original."""
        extent = ""
        if choice.mode == "search":
            return FilePart("", path.name, "", extent=SEARCHED)
        if choice.mode == "pages" and document.unit:
            pages = parse_pages(choice.pages, document.count, path.name)
            extent = f"Pages {write_pages(pages)} of {document.count:,}."
            document = document.only(pages)
        text = document.text
        if choice.mode == "trim" and choice.tokens:
            text, total = self._trim(path.name, text, choice.tokens)
            extent = f"The first {choice.tokens:,} of {total:,} tokens." if total > choice.tokens else extent
        return FilePart("", path.name, text, extent=extent)

    def _trim(self, name: str, text: str, tokens: int) -> tuple[str, int]:
        """The beginning of a text that takes no more than so many tokens, ending with a line; and the tokens of all of it."""
        total, _ = self._tokens_of(FilePart("", name, text))
        needed, kept = total, text
        extent = f"The first {tokens:,} of {total:,} tokens."
        while needed > tokens and kept:
            shorter = kept[: max(0, int(len(kept) * tokens / needed * 0.98) - 1)]
            kept = shorter[: shorter.rfind("\n")] if shorter.rfind("\n") > len(shorter) * 0.8 else shorter
            needed, _ = self._tokens_of(FilePart("", name, kept, extent=extent))
        return kept, total

    def _tokens_of(self, part: FilePart) -> tuple[int, bool]:
        if not part.text:
            return 0, True
        written = write_out_files((part,))
        try:
            with_it = self._count(GenerationRequest(messages=(Message("user", written),)))
            return max(1, with_it - self._count(_NOTHING)), True
        except UserFacingError:
            from app.retrieval.terms import estimate_tokens

            return estimate_tokens(part.text), False

    def _draw_pages(self, path: Path, document: Document, choice: DocumentChoice) -> tuple[Part, ...]:
        if document.kind != "pdf":
            raise AttachmentRefused(file=path.name, reason="Only the pages of a PDF can be shown as pictures.")
        pages = parse_pages(choice.pages or f"1-{min(document.count, MOST_PICTURES)}", document.count, path.name)
        if len(pages) > MOST_PICTURES:
            raise AttachmentRefused(file=path.name, reason=f"At most {MOST_PICTURES} pages can be shown as pictures at once.")
        made: list[Part] = []
        for page in sorted(pages):
            drawn = self.draw(path, page)
            name = f"{path.stem}, p. {page}.png"
            kept = self._attachments.add_bytes(encode_png(drawn.width, drawn.height, drawn.pixels), name, "image/png")
            made.append(ImagePart(kept.path, kept.mime, name))
        return tuple(made)


_NOTHING = GenerationRequest(messages=(Message("user", write_out_files((FilePart("", "x", ""),))),))


def room_in(context_length: int, used: int) -> int:
    """Tokens that documents may take of a context of which ``used`` are taken, with room left for an answer."""
    return max(0, context_length - used - min(_MOST_REPLY, context_length // _REPLY_SHARE))


def _size_of(document: Document) -> int:
    return sum(len(section.text) for section in document.sections)
