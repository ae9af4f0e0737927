"""Turns a Hugging Face checkpoint into a GGUF, tensor by tensor through memory maps, without torch."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import InvalidOption, QuantizationFailed
from quantize.gguf.architectures import find_architecture
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.vocabulary import Vocabulary, read_vocabulary
from quantize.runner import Progress, run_step

if TYPE_CHECKING:
    import numpy

CONVERTED_TYPES = ("F32", "F16", "BF16", "Q8_0")


def convert_checkpoint(
    folder: Path,
    target: Path,
    file_type: str = "F16",
    *,
    progress: Progress = lambda fraction, text: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Convert a checkpoint; returns ``target``, which exists only when it is whole. Runs in a child process.

    Raises:
        UnsupportedArchitecture: its architecture is not known here.
        QuantizationFailed: its tokenizer or a tensor cannot be converted.
        UserFacingError: the checkpoint is damaged, or the process died.
    """
    if file_type.upper() not in CONVERTED_TYPES:
        raise InvalidOption(option="--to", value=file_type, allowed="one of " + ", ".join(CONVERTED_TYPES))
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    arguments = {"folder": str(folder), "target": str(partial), "file_type": file_type.upper()}
    try:
        run_step(
            "quantize.gguf.convert:convert_here", arguments, subject=str(folder), progress=progress, is_cancelled=is_cancelled
        )
        partial.replace(target)
        return target
    except OSError as error:
        raise QuantizationFailed(
            file=folder.name, reason=f"{target.name} could not be written: {error.strerror or error}."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def convert_here(folder: str, target: str, file_type: str, progress: Progress) -> int:
    """The conversion itself, in the process that calls it; returns how many tensors were written."""
    import gguf

    checkpoint = Checkpoint(Path(folder))
    architecture = find_architecture(checkpoint.config, checkpoint.folder.name)
    rows = checkpoint.tensors["model.embed_tokens.weight"].shape[0]
    vocabulary = read_vocabulary(checkpoint, rows)
    config = {**checkpoint.config, "vocab_size": rows}
    writer = gguf.GGUFWriter(target, architecture.NAME)
    write_general(writer, checkpoint, file_type)
    architecture.write_settings(writer, config)
    write_vocabulary(writer, vocabulary)
    kind = gguf.GGMLQuantizationType[file_type]
    # First every name and shape, then every tensor: no more than one is in memory at a time.
    import numpy

    plans: list[str] = []
    for name, shape in iter_shapes(checkpoint, architecture, config):
        own = kind if len(shape) > 1 and shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else gguf.GGMLQuantizationType.F32
        if len(shape) > 1 and own != kind:
            own = gguf.GGMLQuantizationType.F16
        stored = gguf.quants.quant_shape_to_byte_shape(shape, own) if own.name in ("Q8_0", "BF16") else shape
        size = _byte_count(shape, own, gguf)
        dtype = {"F32": "float32", "F16": "float16"}.get(own.name, "uint8")
        writer.add_tensor_info(name, stored, numpy.dtype(dtype), size, raw_dtype=own)
        plans.append(own.name)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    written = 0
    for name, values in iter_tensors(checkpoint, architecture, config):
        writer.write_tensor_data(encode(values, plans[written], gguf))
        written += 1
        progress(written / len(plans), name)
    writer.close()
    return written


def iter_tensors(checkpoint: Checkpoint, architecture: Any, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """Every tensor of the GGUF, read when it is asked for. A tied output is left out: llama.cpp takes the embeddings."""
    for name in sorted(checkpoint.tensors):
        if name == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        yield from architecture.convert(name, checkpoint.read(name), config)
    yield from architecture.extra_tensors(config)


def iter_shapes(checkpoint: Checkpoint, architecture: Any, config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of what :func:`iter_tensors` will give, from zeros that take no memory."""
    import numpy

    for name in sorted(checkpoint.tensors):
        if name == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        empty = numpy.broadcast_to(numpy.float32(0), checkpoint.tensors[name].shape)
        for target, values in architecture.convert(name, empty, config):
            yield target, values.shape
    for target, values in architecture.extra_tensors(config):
        yield target, values.shape


def encode(values: numpy.ndarray, kind: str, gguf: Any) -> numpy.ndarray:
    """The bytes of a tensor in a type."""
    import numpy

    if kind == "F32":
        return numpy.ascontiguousarray(values, dtype=numpy.float32)
    if kind == "F16":
        return numpy.ascontiguousarray(values.astype(numpy.float16))
    encoded: numpy.ndarray = gguf.quants.quantize(numpy.ascontiguousarray(values), gguf.GGMLQuantizationType[kind])
    return encoded


def _byte_count(shape: tuple[int, ...], kind: Any, gguf: Any) -> int:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    count = 1
    for length in shape:
        count *= length
    return int(count // block * size)


def write_general(writer: Any, checkpoint: Checkpoint, file_type: str) -> None:
    """Name, type and what the model card says."""
    import gguf

    names = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "BF16": "MOSTLY_BF16", "Q8_0": "MOSTLY_Q8_0"}
    writer.add_type("model")
    writer.add_name(checkpoint.config.get("_name_or_path") or checkpoint.folder.name)
    card = read_model_card(checkpoint.read_text("README.md"))
    if card.get("license"):
        writer.add_license(card["license"][0])
    if card.get("language"):
        writer.add_languages(card["language"])
    if card.get("base_model"):
        writer.add_string("general.base_model.0.name", card["base_model"][0])
    writer.add_file_type(int(gguf.LlamaFileType[names[file_type]]))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def read_model_card(text: str) -> dict[str, list[str]]:
    """The plain values and lists in the front matter of a model card (https://huggingface.co/docs/hub/model-cards)."""
    found: dict[str, list[str]] = {}
    if not text.startswith("---"):
        return found
    key = ""
    for line in text.split("\n")[1:200]:
        if line.strip() == "---":
            break
        name, separator, value = line.partition(":")
        if separator and not line.startswith((" ", "-")):
            key = name.strip()
            inside = value.strip().strip("[]")
            found[key] = [part.strip().strip("'\"") for part in inside.split(",") if part.strip()]
        elif line.strip().startswith("- ") and key:
            found[key].append(line.strip()[2:].strip("'\""))
    return found


def write_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:
    """The tokenizer's part of the metadata."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.kinds)
    writer.add_token_merges(vocabulary.merges)
    for role, number in vocabulary.special.items():
        getattr(writer, f"add_{role}_token_id")(number)
    writer.add_add_bos_token(vocabulary.adds_begin)
    if vocabulary.chat_template:
        writer.add_chat_template(vocabulary.chat_template)
