"""Makes ``tests/quantize/anchors/``: what llama.cpp's own tools make of a fixed model, for the suite to compare with.

    python packaging/anchors/make_anchors.py BIN

BIN is the folder with llama-quantize, llama-imatrix and llama-perplexity, built from the source distribution of the llama-cpp-python that
``packaging/constraints.txt`` names:

    pip download --no-binary :all: --no-deps llama-cpp-python==VERSION && tar xf llama_cpp_python-VERSION.tar.gz
    cmake -S llama_cpp_python-VERSION/vendor/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF
    cmake --build build --target llama-quantize llama-imatrix llama-perplexity
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
TARGET = ROOT / "tests" / "quantize" / "anchors"
PLAIN = ("Q8_0", "Q5_0", "Q4_1", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_S", "Q2_K", "IQ4_NL", "TQ2_0", "BF16")
WITH_MATRIX = ("Q4_K_M", "IQ4_XS", "IQ3_XXS", "IQ2_XS", "IQ2_M", "IQ1_S", "Q2_K_S")
_FIGURES = {
    "kl_mean": r"Mean\s+KLD:\s+([\d.]+)", "kl_max": r"Maximum KLD:\s+([\d.]+)", "kl_99": r"99\.0%\s+KLD:\s+([\d.]+)",
    "kl_median": r"Median\s+KLD:\s+([\d.]+)", "same_top_1": r"Same top p:\s+([\d.]+)",
}  # fmt: skip


def main(tools: Path) -> None:
    """Write everything."""
    from tests.quantize.anchors.model import make_model, make_text

    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, text = make_model(folder / "anchor.gguf"), folder / "text.txt"
        text.write_text(make_text(), encoding="utf-8")
        # one window at a time (-b 512): in larger batches the tool leaves out a rest of fewer than 16 tokens
        matrix_settings = ("-c", "512", "-b", "512", "-t", "1", "--no-ppl")
        run(tools / "llama-imatrix", "-m", source, "-f", text, "-o", folder / "imatrix.gguf", *matrix_settings)
        shutil.copy(folder / "imatrix.gguf", TARGET / "imatrix.gguf")
        hashes = {}
        for kind in (*PLAIN, *(f"{kind}+imatrix" for kind in WITH_MATRIX)):
            made = folder / f"{kind}.gguf"
            matrix = ("--imatrix", folder / "imatrix.gguf") if "+" in kind else ()
            run(tools / "llama-quantize", *matrix, source, made, kind.split("+")[0], "1")
            hashes[kind] = hash_tensors(made)
        common = ("-t", "1", "-c", "512", "-b", "512")
        words = run(tools / "llama-perplexity", "-m", source, "-f", text, *common, "--save-all-logits", folder / "base.kld")
        figures: dict[str, object] = {"base_perplexity": find_perplexity(words)}
        for kind in ("Q8_0", "Q4_K_M", "Q2_K"):
            kld = ("--kl-divergence-base", folder / "base.kld", "--kl-divergence")
            words = run(tools / "llama-perplexity", "-m", folder / f"{kind}.gguf", *common, *kld)
            figures[kind] = {name: find(pattern, words) for name, pattern in _FIGURES.items()}
            words = run(tools / "llama-perplexity", "-m", folder / f"{kind}.gguf", "-f", text, *common)
            figures[kind]["perplexity"] = find_perplexity(words)  # type: ignore[index]
        versions = [
            line for line in (ROOT / "packaging" / "constraints.txt").read_text().splitlines() if line.startswith("llama-cpp")
        ]
        value = {"engine": versions[0], "model_sha256": hash_file(source), "tensors": hashes, "figures": figures}
        (TARGET / "anchors.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def run(*command: object) -> str:
    """Run a tool; returns all it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def find_perplexity(words: str) -> float:
    """The running figure after the last window; the sentence with the final one is sometimes lost when the tool ends."""
    return float(re.findall(r"\[\d+\]([\d.]+),", words)[-1])


def find(pattern: str, text: str) -> float:
    """A figure in what a tool said."""
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"no {pattern} in:\n{text[-2000:]}")
    return float(match[1])


def hash_tensors(path: Path) -> dict[str, str]:
    """Type and the beginning of the SHA-256 of every tensor's bytes."""
    from gguf import GGUFReader

    return {
        tensor.name: f"{tensor.tensor_type.name} {hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16]}"
        for tensor in GGUFReader(str(path)).tensors
    }


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
