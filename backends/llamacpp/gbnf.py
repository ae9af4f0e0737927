"""Grammars in llama.cpp's notation (GBNF) as grammars in Lark's, so that they are checked outside of C++, where one can end the process.

Source: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

import re

from models.errors import FormRefused

_RULE = re.compile(r"^[ \t]*[\w-]+[ \t]*::=", re.MULTILINE)
_CODE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_DEEPEST = 200


def is_gbnf(grammar: str) -> bool:
    """Whether a grammar is written in GBNF: its rules say ``::=``, which none of Lark's do."""
    return _RULE.search(grammar) is not None


def convert_gbnf(grammar: str) -> str:
    """The same grammar in llguidance's dialect of Lark.

    Raises:
        FormRefused: it is not well-formed, or uses what has no counterpart.
    """
    from llguidance.gbnf_to_lark import gbnf_to_lark

    spelled = _spell_out(grammar)
    try:
        return str(gbnf_to_lark(spelled))
    except RecursionError:
        raise FormRefused(reason="The grammar is nested too deeply.") from None
    except Exception as error:
        raise FormRefused(reason=f"The grammar cannot be read: {error}.", details=str(error)) from error


def _spell_out(grammar: str) -> str:
    """Write what the converter misreads in another way: ``.`` without line ends, and characters given by their number."""
    pieces: list[str] = []
    place, closing, depth = 0, "", 0
    while place < len(grammar):
        character = grammar[place]
        if closing:
            if character == "\\":
                code = _CODE.match(grammar, place)
                pieces.append(_spell(int(code.group(1) or code.group(2), 16)) if code else grammar[place : place + 2])
                place = code.end() if code else place + 2
                continue
            closing = "" if character == closing else closing
        elif character in '"[':
            closing = '"' if character == '"' else "]"
        elif character == "#":
            end = grammar.find("\n", place)
            place = len(grammar) if end < 0 else end
            continue
        elif character == ".":
            character = r'(. | "\n")'
        depth += (character == "(") - (character == ")") if not closing else 0
        if depth > _DEEPEST:
            raise FormRefused(reason="The grammar is nested too deeply.")
        pieces.append(character)
        place += 1
    return "".join(pieces)


def _spell(code: int) -> str:
    if code < 128:
        return f"\\x{code:02x}"
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise FormRefused(reason=f"The grammar names a character that does not exist: {code:X}.")
    return chr(code)
