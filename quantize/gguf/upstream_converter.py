"""A converter that the user has: llama.cpp's own script from a checkout, run in its own process and its own Python."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from backends.outer_environment import make_outer_environment
from models.errors import QuantizationFailed, WorkCancelled
from models.gguf_header import read_header
from quantize.output import Output
from quantize.runner import Progress

_POLL_SECONDS = 0.2
_LAST_WORDS = 4000


def convert_with_script(
    script: Path,
    python: str,
    folder: Path,
    target: Path,
    file_type: str = "F16",
    *,
    more: tuple[str, ...] = (),
    progress: Progress = lambda fraction, text: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Run ``convert_hf_to_gguf.py`` on a checkpoint; returns ``target``, which exists only when the script ended well.

    ``more`` are further arguments, as ``--mmproj`` for the projector. A file without tensors is a failure, whatever the script says.

    Raises:
        QuantizationFailed: there is no such script or Python, or it failed: its last words are in the details.
        WorkCancelled: it was ended; nothing is left behind.
    """
    if not script.is_file():
        raise QuantizationFailed(file=folder.name, reason=f"There is no converter at {script}.")
    # its own environment: nothing of this program's Python may leak into it
    environment = {
        name: value for name, value in make_outer_environment().items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    with Output(target, source=folder.name) as output, tempfile.TemporaryFile() as log:
        command = [python, str(script), str(folder), "--outfile", str(output.path), "--outtype", file_type.lower(), *more]
        try:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=script.parent)
        except OSError as error:
            raise QuantizationFailed(
                file=folder.name, reason=f"{python} cannot be started: {error.strerror or error}."
            ) from error
        try:
            while process.poll() is None:
                if is_cancelled():
                    raise WorkCancelled()
                progress(0.0, script.name)
                time.sleep(_POLL_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        log.seek(0)
        words = log.read().decode("utf-8", "replace")[-_LAST_WORDS:]
        if process.returncode or not output.path.is_file():
            lines = [line.strip() for line in words.splitlines() if line.strip()]
            said = lines[-1][:300] if lines else "nothing"
            raise QuantizationFailed(file=folder.name, reason=f"{script.name} failed and said: {said}.", details=words)
        if not read_header(output.path).tensors:
            reason = f"{script.name} wrote a file without tensors: it does not know this checkpoint."
            raise QuantizationFailed(file=folder.name, reason=reason, details=words)
        return output.keep()
