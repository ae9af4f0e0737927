"""Source code cut into coloured runs by Pygments."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, Operator, _TokenType
from pygments.util import ClassNotFound

from app.gui.theme import Tokens

LONGEST_COLOURED = 40_000
_PLAIN = ("", "text", "plain", "plaintext", "txt", "output", "console-output")


@lru_cache(maxsize=64)
def find_lexer(language: str) -> Lexer | None:
    """The lexer for the info string of a fence, or None for plain text and unknown names."""
    if language.lower() in _PLAIN:
        return None
    try:
        return get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def colour_code(code: str, language: str, tokens: Tokens) -> Iterator[tuple[str, str, bool]]:
    """Runs of ``(text, colour, is_italic)``; together they are the code itself."""
    lexer = find_lexer(language)
    if lexer is None or len(code) > LONGEST_COLOURED:
        yield code, tokens.text, False
        return
    pending, pending_style = "", (tokens.text, False)
    for kind, text in lexer.get_tokens(code):
        style = _style(kind, tokens)
        if style != pending_style and pending:
            yield pending, *pending_style
            pending = ""
        pending, pending_style = pending + text, style
    if pending:
        yield pending, *pending_style


def _style(kind: _TokenType, tokens: Tokens) -> tuple[str, bool]:
    """Colour and slant of a token kind; a kind begins with the kinds above it."""

    def is_any(*parents: _TokenType) -> bool:
        return any(kind[: len(parent)] == parent for parent in parents)

    if is_any(Comment):
        return tokens.comment, True
    if is_any(Literal.Number, Name.Builtin, Keyword.Constant):
        return tokens.number, False
    if is_any(Keyword, Operator.Word, Name.Tag):
        return tokens.keyword, False
    if is_any(Literal.String):
        return tokens.string, False
    if is_any(Name.Function, Name.Class, Name.Decorator, Name.Attribute):
        return tokens.function, False
    return tokens.text, False
