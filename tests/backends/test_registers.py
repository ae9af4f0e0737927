"""The thread that computes is not slowed down by a unit of the processor that nobody needs."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="reads the registers of another process as Linux on x86-64 has them",
)

_ATTACH, _DETACH, _GET_REGISTERS = 16, 17, 0x4204
_NT_X86_XSTATE = 0x202
_XSTATE_HEADER = 512
_X87 = 1

_ENGINE = """
import sys
from backends.options import LoadOptions
from backends.registry import make_backend

engine = make_backend("llamacpp")
engine.load(sys.argv[1], LoadOptions(threads=1, context_length=512), lambda fraction: True)

from tests.backends.requests import complete, run
penalized = complete("1.5 and 2.5 and", max_tokens=9, repeat_penalty=1.2, dry_multiplier=0.5, mirostat=2)
formed = complete("A number:", max_tokens=9, schema='{"type": "number"}', logprobs=3)
for request in (penalized, formed):
    assert run(engine, request)[-1].usage.output_tokens
"""


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@contextmanager
def _waiting_process(code: str, *arguments: str) -> Iterator[int]:
    """A Python that has run this and waits."""
    code = f"{code}\nprint('done', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert any(line == "done\n" for line in process.stdout)
            yield process.pid
        finally:
            process.kill()


def _uses_x87(pid: int) -> bool:
    """Whether the main thread of a child of ours has the x87 unit's registers in use."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    ptrace.restype = ctypes.c_long
    if ptrace(_ATTACH, pid, None, None) != 0:
        pytest.skip(f"no look into another process is allowed here: {os.strerror(ctypes.get_errno())}")
    os.waitpid(pid, 0)
    area = ctypes.create_string_buffer(16384)
    vector = _Vector(ctypes.addressof(area), len(area))
    try:
        if ptrace(_GET_REGISTERS, pid, _NT_X86_XSTATE, ctypes.addressof(vector)) != 0:
            pytest.skip("this processor has no XSAVE")
    finally:
        ptrace(_DETACH, pid, None, None)
    return bool(int.from_bytes(area.raw[_XSTATE_HEADER : _XSTATE_HEADER + 8], "little") & _X87)


@pytest.fixture(autouse=True, scope="module")
def plain_python_leaves_them_alone() -> None:
    """Intel's processors count it as use when a number becomes text, because Python looks at the unit's rounding then; AMD's do not."""
    with _waiting_process("str(1.5)") as pid:
        if _uses_x87(pid):
            pytest.skip("on this processor every Python uses them")


def test_an_engine_that_has_written_does_not_hold_the_registers_of_the_x87_unit(tiny_model: Path) -> None:
    with _waiting_process("import numpy") as pid:
        if not _uses_x87(pid):
            pytest.skip("this numpy does not use them")
    with _waiting_process(_ENGINE, str(tiny_model)) as pid:
        assert not _uses_x87(pid)


def test_a_module_that_is_imported_apart_leaves_them_alone_and_its_failure_is_told() -> None:
    code = "from backends.child_process import import_apart\n"
    with _waiting_process(f"{code}assert import_apart('numpy') is __import__('numpy')") as pid:
        assert not _uses_x87(pid)
    with _waiting_process(
        f"{code}try:\n    import_apart('no_such_module')\nexcept ImportError as error:\n    assert error.name"
    ) as pid:
        assert pid
