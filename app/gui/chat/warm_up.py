"""What the first reply needs and the first window does not: imported once the window is there."""

from __future__ import annotations


def import_drawing_libraries() -> None:
    """Import the formula painter and the commonest lexers; a tenth of a second each."""
    import ziamath  # noqa: F401

    from app.gui.chat.code_colours import find_lexer

    for language in ("python", "bash", "json", "javascript", "c++"):
        find_lexer(language)
