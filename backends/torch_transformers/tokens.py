"""A checkpoint's tokenizer as the engine wants it: the same promise as llama.cpp's, kept by the tokenizers library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from models.errors import DamagedModelFile, NotACheckpoint
from models.formats import read_json

PIECES, SENTENCEPIECE = 2, 1
"""Kinds of vocabularies, by llama.cpp's numbers: whether a piece carries the space before a word."""
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<|end_of_text|>",
    "<|return|>",
    "<|call|>",
)
"""What ends a turn in some family: a model that writes it is done, whatever its settings forgot to say."""


class HubTokenizer:
    """One checkpoint's vocabulary; ``size`` is how many logits the model gives. Reads only, so any thread may use it.

    ``begin`` and ``end`` are -1 where there is no such token.
    """

    def __init__(self, tokenizer: Any, size: int, ends: Iterable[int]) -> None:
        from tokenizers import Tokenizer as Fast

        source = tokenizer.backend_tokenizer.to_str()
        self._marked, self._plain = Fast.from_str(source), Fast.from_str(source)
        for one in (self._marked, self._plain):
            one.no_padding()
            one.no_truncation()
        self._plain.encode_special_tokens = True
        self.size = size
        self.begin = _or_none(tokenizer.bos_token_id)
        self.end = _or_none(tokenizer.eos_token_id)
        self._added = {
            int(number): (token.content, bool(token.special)) for number, token in self._marked.get_added_tokens_decoder().items()
        }
        framed = self._marked.encode("a", add_special_tokens=True).ids
        self.adds_begin = self.begin >= 0 and framed[:1] == [self.begin]
        decoder = str(self._marked.decoder.__getstate__()) if self._marked.decoder is not None else ""
        self._is_byte_level = "ByteLevel" in decoder
        self._word_begin = "" if self._is_byte_level else "▁"
        self.kind = SENTENCEPIECE if "Strip" in decoder or ("Metaspace" in decoder) else PIECES
        known = {number for number, (text, _) in self._added.items() if text in _ENDS}
        self._ends = frozenset({*ends, *known, *([self.end] if self.end >= 0 else [])})
        self._visible: frozenset[int] = frozenset()
        self._bytes: dict[int, bytes] = {}

    def encode(self, text: str, *, parse_special: bool = True, add_special: bool = False) -> list[int]:
        """Tokens of ``text``; with ``add_special`` in the frame that the model was trained with."""
        sound = text.encode("utf-8", "replace").decode("utf-8")
        fast = self._marked if parse_special else self._plain
        return [int(token) for token in fast.encode(sound, add_special_tokens=add_special).ids]

    def encode_prompt(self, text: str) -> list[int]:
        """Tokens of a whole prompt: with the begin token where the model wants one, and never with two of them."""
        tokens = self.encode(text)
        if self.adds_begin and (not tokens or tokens[0] != self.begin):
            tokens.insert(0, self.begin)
        return tokens

    def text_of(self, token: int) -> str:
        """How a token, special ones too, is written in a template; empty for a token the model does not have."""
        return self.bytes_of(token).decode("utf-8", "replace") if 0 <= token < self.size else ""

    def bytes_of(self, token: int) -> bytes:
        """The bytes that a token stands for; special ones as they are written in a template."""
        found = self._bytes.get(token)
        if found is None:
            found = self._bytes[token] = self._read(token)
        return found

    def show(self, markers: Iterable[str]) -> None:
        """Render these markers in replies although they are control tokens, because somebody reads them."""
        single = (self.encode(marker) for marker in markers)
        self._visible = self._visible | {tokens[0] for tokens in single if len(tokens) == 1}

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for in a reply: control tokens give none."""
        _, is_control = self._added.get(token, ("", False))
        return b"" if is_control and token not in self._visible else self.bytes_of(token)

    def is_special(self, token: int) -> bool:
        """Whether it is a mark rather than text: a control token, or one that a template writes between ``<`` and ``>``."""
        text, is_control = self._added.get(token, ("", False))
        return is_control or (text.startswith("<") and text.endswith(">"))

    def is_end(self, token: int) -> bool:
        """Whether the model says with this token that it is done."""
        return token in self._ends

    @property
    def ends(self) -> tuple[int, ...]:
        """All tokens of :meth:`is_end`."""
        return tuple(sorted(self._ends))

    def _read(self, token: int) -> bytes:
        if token in self._added:
            return self._added[token][0].encode("utf-8", "replace")
        text = self._marked.id_to_token(token)
        if text is None:
            return b""
        if self._is_byte_level:
            table = _byte_table()
            return bytes(table[letter] for letter in text) if all(letter in table for letter in text) else text.encode()
        if match := _BYTE.fullmatch(text):
            return bytes([int(match[1], 16)])
        return text.replace(self._word_begin, " ").encode("utf-8", "replace")


def read_tokenizer(folder: Path, size: int) -> HubTokenizer:
    """The tokenizer of a checkpoint; code that comes with it is never run.

    Raises:
        NotAModelFile: there is none in the folder.
        DamagedModelFile: it cannot be read.
    """
    from transformers import AutoTokenizer

    if not any(
        (folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
    ):
        raise NotACheckpoint(file=folder.name, reason="The folder holds no tokenizer.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        return HubTokenizer(tokenizer, size, _read_ends(folder))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RecursionError) as error:
        raise DamagedModelFile(file=folder.name, reason=f"Its tokenizer cannot be read: {error}.", details=repr(error)) from error
    except Exception as error:
        raise DamagedModelFile(file=folder.name, reason=f"Its tokenizer cannot be read: {error}.", details=repr(error)) from error


def read_template(folder: Path) -> str:
    """The chat template of a checkpoint, empty where it has none; of several the usual one."""
    own = folder / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8", errors="replace")
    for name in ("tokenizer_config.json", "chat_template.json"):
        value = read_json(folder / name).get("chat_template") if (folder / name).is_file() else None
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            named = {str(entry.get("name")): str(entry.get("template")) for entry in value if isinstance(entry, dict)}
            return named.get("default") or next(iter(named.values()), "")
    return ""


def _read_ends(folder: Path) -> set[int]:
    """The ids of tokens that end a reply, as the checkpoint's settings name them."""
    ends: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        value = read_json(folder / name).get("eos_token_id") if (folder / name).is_file() else None
        ends |= {int(token) for token in (value if isinstance(value, list) else [value]) if isinstance(token, int)}
    return ends


def _or_none(token: int | None) -> int:
    return -1 if token is None else int(token)


def _byte_table() -> dict[str, int]:
    """GPT-2's printable stand-ins for the 256 bytes, and the bytes they stand for."""
    if not _TABLE:
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        _TABLE.update({chr(byte): byte for byte in printable})
        _TABLE.update({chr(256 + place): byte for place, byte in enumerate(others)})
    return _TABLE


_TABLE: dict[str, int] = {}
