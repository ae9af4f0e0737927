"""Converting and quantizing a model of half a billion random weights: wall time and peak memory, against llama.cpp's own tools.

Run with ``python -m tests.benchmarks.quantize_benchmarks``. What belongs to llama.cpp is left out where there is no checkout of it with its
tools built: ``$YANMO_LLAMA_CPP`` names one (see ``packaging/anchors/make_anchors.py``).
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

from quantize.calibration import builtin_text, held_out_text

HIDDEN, FEED_FORWARD, LAYERS, HEADS, KEY_HEADS, ROWS = 1024, 4096, 28, 16, 4, 32000
UPSTREAM = Path(os.environ.get("YANMO_LLAMA_CPP", Path.home() / ".cache" / "yanmo-upstream" / "src" / "vendor" / "llama.cpp"))
_WINDOWS = 2
# A forked process inherits its parent's peak in rusage, so that each tells its own: what the kernel counted since its program began.
_REPORT = (
    "import atexit, sys\n"
    "def tell():\n"
    "    lines = open('/proc/self/status').read().splitlines()\n"
    "    print([line for line in lines if line.startswith('VmHWM')][0], file=sys.stderr)\n"
    "atexit.register(tell)\n"
)


def run_all() -> dict[str, float]:
    """Everything that can be measured here."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        largest = write_checkpoint(folder / "model")
        figures["largest tensor, MB"] = largest / 2**20
        ours = (
            "import sys; from quantize.gguf.convert import convert_here; convert_here(sys.argv[1], sys.argv[2], 'BF16', 0, print)"
        )
        script = (
            "import runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0].rpartition('/')[0]); "
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        theirs = ["-c", script, str(UPSTREAM / "convert_hf_to_gguf.py"), str(folder / "model"), "--outtype", "bf16", "--outfile"]
        # alternate, and take the better of two: the first one of all reads the checkpoint from the disk
        for _ in range(2):
            _keep(figures, "convert to BF16", ["-c", ours, str(folder / "model"), str(folder / "a.gguf")])
            if (UPSTREAM / "convert_hf_to_gguf.py").exists():
                _keep(figures, "llama.cpp's converter", [*theirs, str(folder / "b.gguf")])
        (folder / "b.gguf").unlink(missing_ok=True)
        step = (
            "import sys; from pathlib import Path; from quantize.gguf.quantize import quantize_here; from quantize.recipe import Recipe; "
            "quantize_here(sys.argv[1], sys.argv[2], Recipe('Q4_K_M'), '', False, 1, lambda *_: None)"
        )
        plain = (
            "import sys, ctypes, llama_cpp as c; p = c.llama_model_quantize_default_params(); p.nthread = 1; p.ftype = 15; "
            "c.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), ctypes.byref(p))"
        )
        for _ in range(2):
            _keep(figures, "quantize to Q4_K_M", ["-c", step, str(folder / "a.gguf"), str(folder / "q.gguf")])
            _keep(figures, "llama-cpp-python's quantize", ["-c", plain, str(folder / "a.gguf"), str(folder / "p.gguf")])
        return figures | measure_perplexity(folder)


def measure_perplexity(folder: Path) -> dict[str, float]:
    """CPU seconds a window of 512 tokens, without what loading takes: two windows more against two."""
    tool = UPSTREAM / "build" / "bin" / "llama-perplexity"
    text = folder / "text.txt"
    text.write_text(held_out_text(), encoding="utf-8")
    ours = (
        "import sys; from quantize.quality import measure_here; "
        "print(measure_here(sys.argv[1], '', open(sys.argv[2]).read(), int(sys.argv[3]), 1, lambda *_: None).perplexity)"
    )
    figures: dict[str, float] = {}
    seconds = {}
    for windows in (_WINDOWS, 2 * _WINDOWS):
        command = ["-c", ours, str(folder / "q.gguf"), str(text), str(windows)]
        seconds[windows] = _run([sys.executable, *command])[1]
    figures["perplexity, CPU seconds a window"] = (seconds[2 * _WINDOWS] - seconds[_WINDOWS]) / _WINDOWS
    if tool.exists():
        common = [str(tool), "-m", str(folder / "q.gguf"), "-f", str(text), "-c", "512", "-b", "512", "-t", "1", "--chunks"]
        for windows in (_WINDOWS, 2 * _WINDOWS):
            seconds[windows] = _run([*common, str(windows)])[1]
        upstream = (seconds[2 * _WINDOWS] - seconds[_WINDOWS]) / _WINDOWS
        figures["perplexity, llama.cpp's tool, CPU seconds a window"] = upstream
        figures["perplexity, speed against llama.cpp's tool"] = upstream / figures["perplexity, CPU seconds a window"]
    return figures


def _keep(figures: dict[str, float], name: str, arguments: list[str]) -> None:
    """Run in a process of its own; keep the least of wall time and CPU time, and the most memory."""
    wall, cpu, memory = _run([sys.executable, "-c", _REPORT + arguments[1], *arguments[2:]])
    for key, value in ((f"{name}, ms", wall * 1000), (f"{name}, CPU ms", cpu * 1000)):
        figures[key] = min(figures.get(key, value), value)
    figures[f"{name}, peak MB"] = max(figures.get(f"{name}, peak MB", 0.0), memory / 2**20)


def _run(command: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak bytes of a process."""
    begin = time.perf_counter()
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{command[:3]} failed: {re.sub(rb'[^ -~]+', b' ', said[-1500:]).decode()}")
    told = re.search(rb"VmHWM:\s+(\d+) kB", said)
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, int(told[1]) * 1024 if told else usage.ru_maxrss * 1024


def write_checkpoint(folder: Path) -> int:
    """A random Llama in BF16 with a SentencePiece tokenizer, which both converters read; returns the bytes of its largest tensor."""
    import sentencepiece

    folder.mkdir()
    head = HIDDEN // HEADS
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (ROWS, HIDDEN), "model.norm.weight": (HIDDEN,)}
    shapes["lm_head.weight"] = (ROWS, HIDDEN)
    for layer in range(LAYERS):
        for part, shape in (
            ("self_attn.q_proj", (HIDDEN, HIDDEN)), ("self_attn.k_proj", (KEY_HEADS * head, HIDDEN)),
            ("self_attn.v_proj", (KEY_HEADS * head, HIDDEN)), ("self_attn.o_proj", (HIDDEN, HIDDEN)),
            ("mlp.gate_proj", (FEED_FORWARD, HIDDEN)), ("mlp.up_proj", (FEED_FORWARD, HIDDEN)), ("mlp.down_proj", (HIDDEN, FEED_FORWARD)),
            ("input_layernorm", (HIDDEN,)), ("post_attention_layernorm", (HIDDEN,)),
        ):  # fmt: skip
            shapes[f"model.layers.{layer}.{part}.weight"] = shape
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(numpy.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    draw = numpy.random.default_rng(1)
    with (folder / "model.safetensors").open("wb") as file:
        data = json.dumps(header).encode()
        file.write(struct.pack("<Q", len(data)) + data)
        for shape in shapes.values():
            values = numpy.ones(shape, numpy.float32) if len(shape) == 1 else draw.standard_normal(shape, numpy.float32) * 0.03
            file.write((values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes())
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "vocab_size": ROWS,
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2,
        "torch_dtype": "bfloat16", "tie_word_embeddings": False,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "text.txt").write_text(builtin_text(), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=ROWS, model_type="bpe", byte_fallback=True,
        minloglevel=2, num_threads=1, max_sentence_length=50000,
        user_defined_symbols=[f"word{row}" for row in range(4000, ROWS)],  # what is written with a token without a text is not seen
    )  # fmt: skip
    return 2 * ROWS * HIDDEN


if __name__ == "__main__":
    for title, figure in run_all().items():
        print(f"{title:56} {figure:14,.2f}")
