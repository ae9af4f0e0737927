"""Tokenizers for GGUF: whatever kind a checkpoint has, as the table of tokens and the settings that llama.cpp takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from models.errors import QuantizationFailed
from quantize.gguf.checkpoint import Checkpoint

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_ROLES = ("bos", "eos", "pad", "unk", "sep", "mask")


@dataclass(slots=True)
class TokenTable:
    """Tokens by id. ``kinds`` are llama.cpp's token types; ``scores`` are empty where the kind of tokenizer has none."""

    tokens: list[str]
    kinds: list[int]
    scores: list[float] = field(default_factory=list)

    @classmethod
    def empty(cls, size: int, *, has_scores: bool = False) -> TokenTable:
        """``size`` unused tokens."""
        return cls([f"[PAD{number}]" for number in range(size)], [UNUSED] * size, [-10000.0] * size if has_scores else [])

    def put(self, number: int, token: str, kind: int, score: float = 0.0) -> None:
        """Set a token; one that the embeddings have no row for is left out."""
        if 0 <= number < len(self.tokens):
            self.tokens[number], self.kinds[number] = token, kind
            if self.scores:
                self.scores[number] = score

    def make_unique(self) -> None:
        """Rename what is there twice: llama.cpp ends the process at the second. What was added keeps its name before what was trained."""
        seen: dict[str, int] = {}
        for number in sorted(range(len(self.tokens)), key=lambda index: self.kinds[index] not in (CONTROL, USER_DEFINED)):
            if self.tokens[number] in seen:
                self.tokens[number], self.kinds[number] = f"[DUPLICATE{number}]", UNUSED
            seen[self.tokens[number]] = number


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a GGUF says of a tokenizer. ``special`` maps roles such as ``eos`` to ids; ``settings`` are further keys with their values.

    ``model`` is llama.cpp's name of the algorithm: gpt2 (byte-level BPE), llama (SentencePiece BPE), t5 (Unigram), bert (WordPiece).
    """

    model: str
    pre: str
    table: TokenTable
    merges: list[str]
    special: dict[str, int]
    settings: dict[str, bool | bytes]
    chat_template: str


def read_vocabulary(checkpoint: Checkpoint, size: int) -> Vocabulary:
    """The vocabulary of a checkpoint with ``size`` rows of embeddings; rows without a token become unused ones.

    Raises:
        QuantizationFailed: its tokenizer is of no known kind: a wrong guess would change every token.
    """
    from quantize.gguf.byte_pairs import read_byte_pairs
    from quantize.gguf.sentence_pieces import read_piece_merges, read_sentencepiece_file, read_unigram
    from quantize.gguf.word_pieces import read_word_pieces

    tokenizer = checkpoint.read_json("tokenizer.json")
    config = checkpoint.read_json("tokenizer_config.json")
    model = tokenizer.get("model") or {}
    kind = str(model.get("type", ""))
    if kind == "BPE" and not model.get("byte_fallback"):
        found = read_byte_pairs(checkpoint.folder.name, tokenizer, size)
    elif kind == "BPE":
        found = read_piece_merges(checkpoint.folder.name, tokenizer, size)
    elif kind == "Unigram":
        found = read_unigram(checkpoint.folder.name, tokenizer, size)
    elif kind == "WordPiece":
        found = read_word_pieces(checkpoint.folder.name, tokenizer, size)
    elif not tokenizer and (file := _sentencepiece_file(checkpoint)):
        found = read_sentencepiece_file(checkpoint, file, config, size)
    else:
        reason = (
            f"Its tokenizer is a {kind}, which llama.cpp does not have."
            if kind
            else "It has neither a tokenizer.json nor a SentencePiece model; a tokenizer of Python code cannot be converted."
        )
        raise QuantizationFailed(file=checkpoint.folder.name, reason=reason)
    found.table.make_unique()
    ids = {token: number for number, token in reversed(list(enumerate(found.table.tokens)))}
    special = {**found.special, **_special_ids(checkpoint, config, ids, found.model)}
    settings = {**found.settings, **_ends(tokenizer, config, special)}
    if found.model == "bert":
        settings["tokenizer.ggml.add_sep_token"] = settings.pop("tokenizer.ggml.add_eos_token", True)
    template = checkpoint.read_text("chat_template.jinja") or _template(config)
    return Vocabulary(found.model, found.pre, found.table, found.merges, special, settings, template)


def put_added_tokens(table: TokenTable, added: list[dict[str, Any]], *, spaces: bool = False) -> None:
    """Put tokens that were added to a trained vocabulary; ``spaces`` writes SentencePiece's mark for a space as a space."""
    for token in added:
        text = str(token["content"])
        kind = CONTROL if token.get("special") else USER_DEFINED
        if spaces and kind == USER_DEFINED:
            text = text.replace("▁", " ")
        if 0 <= int(token["id"]) < len(table.kinds) and table.kinds[int(token["id"])] in (UNKNOWN, BYTE):
            continue  # <unk> is listed as special too, but llama.cpp must know what it is for
        table.put(int(token["id"]), text, kind, -1000.0)


def iter_steps(part: dict[str, Any] | None, inside: str) -> list[dict[str, Any]]:
    """The steps of a normalizer, pre-tokenizer or post-processor, a sequence of one or many."""
    if not part:
        return []
    return list(part.get(inside) or []) if part.get("type") == "Sequence" else [part]


def write_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:
    """The tokenizer's part of the metadata."""
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list([token.encode("utf-8", "surrogatepass") for token in vocabulary.table.tokens])
    writer.add_token_types(vocabulary.table.kinds)
    if vocabulary.table.scores:
        writer.add_token_scores(vocabulary.table.scores)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    for role, number in vocabulary.special.items():
        getattr(writer, f"add_{role}_token_id")(number)
    for key, value in vocabulary.settings.items():
        if isinstance(value, bytes):
            writer.add_precompiled_charsmap(value)
        else:
            writer.add_bool(key, value)
    if vocabulary.chat_template:
        writer.add_chat_template(vocabulary.chat_template)


def _sentencepiece_file(checkpoint: Checkpoint) -> str:
    names = ("tokenizer.model", "sentencepiece.bpe.model", "spiece.model")
    return next((name for name in names if (checkpoint.folder / name).is_file()), "")


def _template(settings: dict[str, Any]) -> str:
    template = settings.get("chat_template") or ""
    if isinstance(template, list):
        named = {str(entry.get("name")): str(entry.get("template")) for entry in template}
        return named.get("default", "")
    return str(template)


def _ends(tokenizer: dict[str, Any], config: dict[str, Any], special: dict[str, int]) -> dict[str, bool | bytes]:
    """Whether a text gets a token before and one after it: as the settings say, else as the post-processor does."""
    begins = ends = False
    for step in iter_steps(tokenizer.get("post_processor"), "processors"):
        kind = step.get("type")
        if kind == "TemplateProcessing" and step.get("single"):
            begins |= "SpecialToken" in step["single"][0]
            ends |= "SpecialToken" in step["single"][-1]
        elif kind in ("BertProcessing", "RobertaProcessing"):
            begins = ends = True
    if not tokenizer:
        begins = True  # SentencePiece files say nothing of it; their tokenizer classes begin with BOS
    if isinstance(config.get("add_bos_token"), bool):
        begins = bool(config["add_bos_token"])
    if isinstance(config.get("add_eos_token"), bool):
        ends = bool(config["add_eos_token"])
    return {
        "tokenizer.ggml.add_bos_token": begins and "bos" in special,
        "tokenizer.ggml.add_eos_token": ends and "eos" in special,
    }


def _special_ids(checkpoint: Checkpoint, settings: dict[str, Any], ids: dict[str, int], model: str) -> dict[str, int]:
    found: dict[str, int] = {}
    generation = checkpoint.read_json("generation_config.json")
    for role in _ROLES:
        token = settings.get(f"{role}_token")
        content = token.get("content") if isinstance(token, dict) else token
        if isinstance(content, str) and content in ids:
            found[role] = ids[content]
            continue
        for table in (generation, checkpoint.config):
            number = table.get(f"{role}_token_id")
            number = number[0] if isinstance(number, list) and number else number
            if isinstance(number, int) and 0 <= number < len(ids) and role not in found:
                found[role] = number
    if model == "bert":
        for role, token in (("bos", "[CLS]"), ("sep", "[SEP]"), ("unk", "[UNK]"), ("pad", "[PAD]"), ("mask", "[MASK]")):
            named = settings.get({"bos": "cls_token"}.get(role, f"{role}_token"))
            content = named.get("content") if isinstance(named, dict) else named
            if (content or token) in ids:
                found[role] = ids[content or token]
        found["eos"] = found.get("sep", found.get("eos", 0))
    elif model == "t5":
        for role, token in (("bos", "<s>"), ("eos", "</s>"), ("unk", "<unk>"), ("pad", "<pad>"), ("mask", "<mask>")):
            if token in ids:
                found.setdefault(role, ids[token])
    return found
