"""The starter's tokenizer (byte-level BPE, qwen2 split) and its ChatML rendering, with a loss weight for every token."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from starter_model.corpus import Corpus, Dialog, Prose
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END_OF_TEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, IM_START, IM_END)
QWEN2_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{%- if message['content'] is string -%}{{ message['content'] }}"
    "{%- else -%}{%- for part in message['content'] or [] -%}"
    "{%- if part['type'] == 'text' -%}{{ part['text'] }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{{ '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)
HEADER_WEIGHT, ANSWER_WEIGHT = 0.1, 1.0
# What is wanted is decided in an answer's first tokens; the rest follows from them.
OPENING_WEIGHT, _OPENING_TOKENS = 4.0, 8
_MAX_TOKEN_BYTES = 12


def render_prompt(messages: Iterable[tuple[str, str]]) -> str:
    """Return the ChatML text of (role, content) pairs, ending where the assistant is to speak."""
    said = "".join(f"{IM_START}{role}\n{content}{IM_END}\n" for role, content in messages)
    return f"{said}{IM_START}assistant\n"


def _segments(dialog: Dialog) -> Iterator[tuple[str, float]]:
    if dialog.system is not None:
        yield f"{IM_START}system\n{dialog.system}{IM_END}\n", HEADER_WEIGHT
    for turn in dialog.turns:
        yield f"{IM_START}user\n{turn.question}{IM_END}\n{IM_START}assistant\n", HEADER_WEIGHT
        yield f"{turn.answer}{IM_END}", ANSWER_WEIGHT
        yield "\n", HEADER_WEIGHT


def train_tokenizer(corpus: Corpus, prose: Prose, vocabulary: int, dialogs: int = 16000) -> Tokenizer:
    """Train a byte-level BPE of exactly ``vocabulary`` tokens, none longer than 12 bytes but the three special ones."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=_MAX_TOKEN_BYTES,
        show_progress=False,
    )
    spoken = (text for number in range(dialogs) for turn in corpus.dialog(number).turns for text in (turn.question, turn.answer))
    # WORKAROUND: a batch of lines; one huge string would be split in one go, which is slow.
    lines = itertools.chain(spoken, *(text.splitlines(keepends=True) for text in prose.train.values()))
    tokenizer.train_from_iterator(lines, trainer=trainer)
    if tokenizer.get_vocab_size() != vocabulary:
        raise ValueError(f"the tokenizer has {tokenizer.get_vocab_size()} tokens, not {vocabulary}")
    return tokenizer


def encode_dialogs(
    tokenizer: Tokenizer, dialogs: list[Dialog], keep: Sequence[int | None] | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (token ids, loss weights) of each dialog, both (length,).

    Where keep has a number, the dialog ends after that many tokens of its last answer, and only answers are learnt.
    """
    encoded = []
    pieces = [list(_segments(dialog)) for dialog in dialogs]
    batch = tokenizer.encode_batch(["".join(text for text, _ in parts) for parts in pieces])
    for parts, encoding, kept in zip(pieces, batch, keep or [None] * len(dialogs), strict=True):
        ends = np.cumsum([len(text) for text, _ in parts])
        starts = np.array([offset for offset, _ in encoding.offsets])
        owners = np.searchsorted(ends, starts, side="right")
        weights = np.array([weight for _, weight in parts], dtype=np.float32)[owners]
        for part in range(len(parts)):
            if parts[part][1] == ANSWER_WEIGHT:
                weights[np.flatnonzero(owners == part)[:_OPENING_TOKENS]] = OPENING_WEIGHT
        if kept is not None:
            weights[weights == np.float32(HEADER_WEIGHT)] = 0.0
        end = None if kept is None else int(np.searchsorted(owners, len(parts) - 2)) + kept
        encoded.append((np.array(encoding.ids, dtype=np.int64)[:end], weights[:end]))
    return encoded


def encode_text(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """Return the token ids (length,) of a long text, encoded in pieces cut at line ends."""
    lines = text.splitlines(keepends=True)
    blocks = ["".join(lines[i : i + 200]) for i in range(0, len(lines), 200)]
    return np.concatenate([np.array(e.ids, dtype=np.int64) for e in tokenizer.encode_batch(blocks)])


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a ``tokenizer.json``."""
    return Tokenizer.from_file(str(path))
