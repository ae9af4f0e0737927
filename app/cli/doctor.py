"""``yanmo doctor``: says what this machine has, which engines are built, and what to install."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.services.diagnosis import DoctorReport
    from app.workstation import Workstation

    MakeWorkstation = Callable[[], Workstation]

_MARKS = {"good": "✓", "note": "·", "trouble": "✗"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``doctor`` to the main parser."""
    parser = subparsers.add_parser(
        "doctor",
        help="what this machine has, which engines are built, what to install",
        description="Says in plain words what works here and what to install. Exit code 1 if Yanmo cannot work.",
        epilog="example:\n  yanmo doctor --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_doctor)


def run_doctor(arguments: argparse.Namespace, make_workstation: MakeWorkstation) -> int:  # noqa: ARG001
    """Print the report. Opens no data, so that it works when the data is what is broken."""
    import json
    import sys
    from dataclasses import asdict

    from app.services.diagnosis import make_report
    from app.services.torch_pack import use_torch_pack_of

    use_torch_pack_of(arguments.paths)
    report = make_report(arguments.paths)
    if arguments.json:
        json.dump([asdict(finding) for finding in report.findings], sys.stdout, ensure_ascii=False, indent=2)
        print()
    else:
        print(render_report(report))
    return int(report.has_trouble)


def render_report(report: DoctorReport) -> str:
    """The report as text: a mark, the topic, what was found; the remedy below it."""
    width = max(len(finding.topic) for finding in report.findings)
    lines = []
    for finding in report.findings:
        lines.append(f"{_MARKS[finding.state]} {finding.topic.ljust(width)}  {finding.text}")
        if finding.remedy:
            lines.append(f"  {' ' * width}  → {finding.remedy}")
        lines += [f"  {' ' * width}    {command}" for command in finding.commands]
    return "\n".join(lines)
