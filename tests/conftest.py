"""What holds for every test: the name of the one that runs is kept for ``packaging/run_tests.py``, should the process die of it."""

from __future__ import annotations

import os
from pathlib import Path


def pytest_runtest_logstart(nodeid: str) -> None:
    """Write down which test begins, where the runner asked for it."""
    path = os.environ.get("YANMO_RUNNING_TEST")
    if path:
        Path(path).write_text(nodeid, encoding="utf-8")
