"""What can go wrong with a document: a branch of the error tree in ``models/errors.py``.

::

    UserFacingError
    ├── DocumentUnreadable          damaged, locked, hostile, or of a kind that is not read
    ├── DocumentsUnavailable        the process that reads documents could not be started
    ├── PagesNotFound               a range of pages that is none, or that the document does not have
    ├── DocumentTooLong             it does not fit the model's context
    └── KnowledgeError              what was indexed cannot be used
        ├── CollectionNotFound
        └── CollectionExists
"""

from __future__ import annotations

from models.errors import UserFacingError


class DocumentUnreadable(UserFacingError):
    """``file`` and ``reason``."""

    code = "document_unreadable"
    what = "{file} cannot be read."
    why = "{reason}"
    remedy = "Choose another file, or save it anew in the program that made it."


class DocumentsUnavailable(UserFacingError):
    """``reason`` is what the system says."""

    code = "documents_unavailable"
    what = "The process that reads documents could not be started."
    why = "{reason}"
    remedy = "Close other programs and try again."


class PagesNotFound(UserFacingError):
    """``pages`` as they were written, ``file``, and ``count`` pages that it has."""

    code = "pages_not_found"
    what = "“{pages}” are no pages of {file}."
    why = "It has {count}."
    remedy = "Write pages as 3, 2-5 or 1,4-6."


class DocumentTooLong(UserFacingError):
    """``file``, ``needed`` tokens and ``available`` ones."""

    code = "document_too_long"
    what = "{file} is longer than what the model can read."
    why = "It has {needed} tokens, and {available} are left in the context."
    remedy = "Take some of its pages, its beginning only, or let the passages that fit each question be found in it."


class KnowledgeError(UserFacingError):
    """Something about the index; ``reason``."""

    code = "knowledge_error"
    what = "The index of documents could not be used."
    why = "{reason}"
    remedy = "Try again. The documents themselves are untouched, and the index can always be made anew."


class CollectionNotFound(KnowledgeError):
    """``name``."""

    code = "collection_not_found"
    what = "There is no collection “{name}”."
    why = ""
    remedy = "List what is there with “yanmo index list”."


class CollectionExists(KnowledgeError):
    """``name``."""

    code = "collection_exists"
    what = "There is a collection “{name}” already."
    why = ""
    remedy = "Choose another name."
