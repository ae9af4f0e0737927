"""Both hubs, four files, faults of every kind and ``kill -9`` of the whole program: every byte right, little fetched again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.download_disasters import run_disaster


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a thing of Unix")
def test_ten_faults_and_three_kills_cost_at_most_a_part_each_and_no_secret(tmp_path: Path) -> None:
    outcome = run_disaster(tmp_path, 96 << 20, faults=10, kills=3, pace=0.002)
    assert outcome.is_whole
    assert (outcome.faults, outcome.kills, outcome.secrets) == (10, 3, 0)
    assert outcome.parts_again_for_each_fault <= 1.0
