"""A plan on real creators: the two-platform panel has no rate card, so every price is assumed and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegauge.api import init
from tidegauge.errors import BriefError

pytestmark = pytest.mark.exam
MAP = Path(__file__).parents[2] / "examples" / "maps" / "shared.toml"
BRIEF = """
budget = "50万"
panel_persons = 20_000
[prices]
allow_assumed = {allowed}
[limits]
max_creators = 25
[[rule]]
platform = "twitch"
count_min = 3
"""


def test_the_real_panel_is_planned_with_assumed_prices_and_a_certificate(shared_data, tmp_path):
    ws = init(tmp_path / "ws")
    done = ws.ingest([shared_data / "creators", shared_data / "videos"], mapping=MAP)
    assert not done.failed
    brief = tmp_path / "brief.toml"
    brief.write_text(BRIEF.format(allowed="false"), encoding="utf-8")
    with pytest.raises(BriefError, match="no offer"):
        ws.plan(brief)
    brief.write_text(BRIEF.format(allowed="true"), encoding="utf-8")
    plan = ws.plan(brief)
    assert plan.panel_gap <= 0.05
    assert plan.picks["price_assumed"].all()
    assert plan.picks.filter(platform="twitch").height >= 3
    assert plan.constraints["kept"].all()
    assert plan.cost <= 500_000
    assert any("borrowed" in a for a in plan.provenance.assumed)
    json.dumps(plan.as_dict(), allow_nan=False)
