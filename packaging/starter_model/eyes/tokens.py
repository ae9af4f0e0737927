"""The tokenizer with Gemma's marks, the chat template, and how exchanges become rows to learn from."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from starter_model.eyes.dialogs import LANGUAGES, Exchange, Questions
from starter_model.eyes.scenes import draw_scene
from starter_model.tokens import QWEN2_SPLIT
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
)
PAD, EOS, BOS, TURN, END, IMAGE, END_IMAGE, SOFT = range(8)
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- for message in messages -%}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\\n' }}"
    "{%- if message['content'] is string -%}{{ message['content'] | trim }}"
    "{%- else -%}{%- for part in message['content'] or [] -%}"
    "{%- if part['type'] == 'image' -%}{{ '<start_of_image>' }}"
    "{%- elif part['type'] == 'text' -%}{{ part['text'] | trim }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<end_of_turn>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}"
)
_MAX_TOKEN_BYTES = 12


def train_tokenizer(vocabulary: int, seed: int = 0, exchanges: int = 12000) -> Tokenizer:
    """Train a byte-level BPE of exactly ``vocabulary`` tokens on exchanges, Gemma's marks first."""
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
        vocab_size=vocabulary, special_tokens=list(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=_MAX_TOKEN_BYTES, show_progress=False,
    )  # fmt: skip
    questions = Questions()
    lines: list[str] = []
    for number in range(exchanges):
        rng = random.Random(f"tokens {seed} {number}")
        language = rng.choice(LANGUAGES)
        if number % 5 == 0:
            found: Exchange | None = questions.talk(language, rng, has_picture=number % 2 == 0)
        else:
            found = questions.ask(draw_scene(rng), language, rng)
        if found:
            lines += [found.question, found.answer, "user\n", "model\n", "\n\n"]
    tokenizer.train_from_iterator(lines, trainer=trainer)
    if tokenizer.get_vocab_size() != vocabulary:
        raise ValueError(f"the tokenizer has {tokenizer.get_vocab_size()} tokens, not {vocabulary}")
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a ``tokenizer.json``."""
    return Tokenizer.from_file(str(path))


@dataclass(slots=True)
class Row:
    """A row to learn from, arrays of (length,): ids, loss weight of each as a target, soft token (or -1), position, who may see whom.

    A token sees those before it that belong to its own ``owner`` or to owner 0, which all share.
    """

    ids: np.ndarray
    weights: np.ndarray
    soft: np.ndarray
    positions: np.ndarray
    owners: np.ndarray


class Writer:
    """Writes rows as the chat template and both engines do: libmtmd puts nothing around a picture, transformers two line ends each."""

    def __init__(self, tokenizer: Tokenizer, tokens: int) -> None:
        self.tokenizer, self.tokens = tokenizer, tokens
        self._encode = functools.lru_cache(20000)(lambda text: tuple(tokenizer.encode(text, add_special_tokens=False).ids))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, marks included."""
        return list(self._encode(text))

    def picture(self, rng: random.Random) -> str:
        """A picture as text, in one of the ways that programs write it."""
        marks = SPECIAL[IMAGE] + SPECIAL[SOFT] * self.tokens + SPECIAL[END_IMAGE]
        return rng.choices((marks, f"\n\n{marks}\n\n", f"{marks}\n", f"\n{marks}\n"), (45, 30, 17, 8))[0]

    def side_by_side(self, exchanges: list[Exchange], length: int, rng: random.Random, *, has_picture: bool) -> Row:
        """One picture (or none), and as many single questions about it as have room, none of which sees another."""
        start = SPECIAL[BOS] + "<start_of_turn>user\n" + (self.picture(rng) if has_picture else "")
        ids = self.encode(start)
        weights, owners, positions = [0.0] * len(ids), [0] * len(ids), list(range(len(ids)))
        for owner, exchange in enumerate(exchanges, 1):
            asked, said = self._turn(exchange)
            if len(ids) + len(asked) + len(said) > length:
                break
            first = positions[len(self.encode(start)) - 1] + 1
            ids += asked + said
            weights += [0.0] * len(asked) + [1.0] * len(said)
            owners += [owner] * (len(asked) + len(said))
            positions += range(first, first + len(asked) + len(said))
        return self._row(ids, weights, owners, positions, length)

    def conversation(self, exchanges: list[Exchange], length: int, rng: random.Random) -> Row:
        """A conversation about one picture, which comes before or after the words of the first question."""
        ids, weights = [BOS], [0.0]
        for number, exchange in enumerate(exchanges):
            start = self.encode("<start_of_turn>user\n")
            asked, said = self._turn(exchange)
            if number == 0 and rng.random() < 0.6:
                start = self.encode("<start_of_turn>user\n" + self.picture(rng))
            elif number == 0:
                split = len(asked) - len(self.encode("<end_of_turn>\n<start_of_turn>model\n"))
                asked = asked[:split] + self.encode(self.picture(rng)) + asked[split:]
            end = self.encode("\n")
            if len(ids) + len(start) + len(asked) + len(said) + len(end) > length:
                break
            ids += start + asked + said + end
            weights += [0.0] * (len(start) + len(asked)) + [1.0] * len(said) + [0.0] * len(end)
        return self._row(ids, weights, [0] * len(ids), list(range(len(ids))), length)

    def _turn(self, exchange: Exchange) -> tuple[list[int], list[int]]:
        asked = self.encode(exchange.question.strip()) + self.encode("<end_of_turn>\n<start_of_turn>model\n")
        return asked, [*self.encode(exchange.answer), END]

    def _row(self, ids: list[int], weights: list[float], owners: list[int], positions: list[int], length: int) -> Row:
        room = length - len(ids)
        array = np.array([*ids, *[PAD] * room], dtype=np.int64)
        is_soft = array == SOFT
        soft = np.where(is_soft, np.cumsum(is_soft) - 1, -1)
        return Row(
            array, np.array([*weights, *[0.0] * room], dtype=np.float32), soft, np.array([*positions, *[0] * room], dtype=np.int64),
            np.array([*owners, *[-1] * room], dtype=np.int64),
        )  # fmt: skip


def make_mask(owners: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """Who sees whom (rows, length, length): what comes before, of the same owner or shared; a picture's tokens see each other."""
    length = owners.shape[1]
    seen = np.tril(np.ones((length, length), dtype=bool))[None]
    own = (owners[:, :, None] == owners[:, None, :]) | (owners[:, None, :] == 0)
    both = (soft[:, :, None] >= 0) & (soft[:, None, :] >= 0)
    found: np.ndarray = ((seen & own) | both) | np.eye(length, dtype=bool)[None]
    return found
