"""What a checkpoint says of itself beside its numbers: name, licence, languages, and what it was made from."""

from __future__ import annotations

from typing import Any

from quantize.gguf.checkpoint import Checkpoint

_LARGE_STEPS = ((1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K"))


def write_general(writer: Any, checkpoint: Checkpoint, file_type: str, parameters: int, kind: str = "model") -> None:
    """Name, type and what the model card says. Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md."""
    import gguf

    names = {"F32": "ALL_F32", "F16": "MOSTLY_F16", "BF16": "MOSTLY_BF16", "Q8_0": "MOSTLY_Q8_0"}
    card = read_model_card(checkpoint.read_text("README.md"))
    writer.add_type(kind)
    writer.add_name(
        str(checkpoint.config.get("_name_or_path") or "").strip("/").split("/")[-1] or checkpoint.folder.resolve().name
    )
    writer.add_size_label(size_label(parameters))
    for key, method in (("license", writer.add_license), ("license_name", writer.add_license_name)):
        if card.get(key):
            method(card[key][0])
    if card.get("license_link"):
        writer.add_license_link(card["license_link"][0])
    if card.get("language"):
        writer.add_languages(card["language"])
    if card.get("tags"):
        writer.add_tags(card["tags"])
    bases = card.get("base_model") or []
    if bases:
        writer.add_base_model_count(len(bases))
    for number, base in enumerate(bases):
        owner, _, name = base.rpartition("/")
        writer.add_base_model_name(number, name.replace("-", " "))
        if owner:
            writer.add_base_model_organization(number, owner)
            writer.add_base_model_repo_url(number, f"https://huggingface.co/{base}")
    writer.add_file_type(int(gguf.LlamaFileType[names[file_type]]))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def size_label(parameters: int) -> str:
    """“7B”, “1.5B”, “360M”: the number of parameters as people write it."""
    for step, letter in _LARGE_STEPS:
        if parameters >= step:
            value = parameters / step
            return f"{value:.1f}".removesuffix(".0") + letter if value < 10 else f"{value:.0f}{letter}"
    return str(parameters)


def read_pooling(checkpoint: Checkpoint) -> str:
    """How sentence-transformers makes one vector of a text's many: MEAN, CLS, LAST, or nothing where it does not say."""
    modules: Any = checkpoint.read_list("modules.json")
    for module in modules:
        if str(module.get("type", "")).endswith("Pooling"):
            rules = checkpoint.read_json(f"{module.get('path', '1_Pooling')}/config.json")
            for key, name in (("mean_tokens", "MEAN"), ("cls_token", "CLS"), ("lasttoken", "LAST")):
                if rules.get(f"pooling_mode_{key}"):
                    return name
            return {"mean": "MEAN", "cls": "CLS", "lasttoken": "LAST"}.get(str(rules.get("pooling_mode")), "")
    return ""


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
