"""The next-week forecast on the real panel: the benchmark's own figures, walked forward over held-out weeks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "forecast.py"
pytestmark = pytest.mark.exam


def test_it_beats_every_rule_by_ten_percent_and_covers_in_every_tier(shared_data):
    panel = shared_data / "creators" / "vtuber_panel.parquet"
    call = [sys.executable, str(SCRIPT), "--panel", str(panel), "--cutoff", "2026-07-10", "--json"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    rows = {r["method"]: r for r in result["rows"]}
    ours = rows.pop("tidegauge")
    assert result["weeks"] == 3
    assert ours["n"] > 8000
    used = min(r["crps"] for name, r in rows.items() if "past errors" not in name)
    assert ours["crps"] < 0.9 * used
    assert ours["crps"] < 0.9 * min(r["crps"] for r in rows.values())
    covered = {t: f["coverage_80"] for t, f in ours["tiers"].items() if f["coverage_80"] is not None}
    assert set(covered) >= {"nano", "micro", "mid"}
    assert all(0.76 <= share <= 0.84 for share in covered.values()), covered
