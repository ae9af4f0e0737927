"""Run every benchmark and print the figures; ``--write`` also puts them into docs/benchmarks.md."""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

from tests.benchmarks import download_benchmarks, engine_benchmarks, quantize_benchmarks, store_benchmarks, window_benchmarks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def main() -> int:
    """Measure, print, and where asked write."""
    tables = []
    rooms = (
        ("The window", window_benchmarks.run_all),
        ("The store", store_benchmarks.run_all),
        ("The engine", engine_benchmarks.run_all),
        ("Grinding", quantize_benchmarks.run_all),
        ("Downloads", download_benchmarks.run_all),
    )
    for title, run in rooms:
        print(f"\n{title}", flush=True)
        lines = ["", f"### {title}", "", "| what | milliseconds unless it says otherwise |", "|:--|--:|"]
        for name, value in run().items():
            print(f"  {name:64} {value:12.2f}", flush=True)
            lines.append(f"| {name} | {value:,.2f} |")
        tables += lines
    if "--write" in sys.argv:
        text = PAGE.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        machine = (
            f"Measured {time.strftime('%Y-%m-%d')}, {platform.system()} {platform.machine()}, Python {platform.python_version()}."
        )
        PAGE.write_text("\n".join([head + BEGIN, "", machine, *tables, "", END]) + rest.split(END)[1], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
