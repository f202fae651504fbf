"""Response, split and verification as pages, on a kept posterior of a known market."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tidegauge.report.figures import compact, percent
from tidegauge.report.words import reads
from tidegauge.response.posterior import save_posterior
from tidegauge.response.run import posterior_path
from tidegauge.web.response_pages import HORIZONS, series

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))
from split_posterior import market, posterior_of

BRAND = "海屿 <b>"


@pytest.fixture(scope="module")
def world(workspace):
    """Weekly spend and sales of a known market in the workspace."""
    made = market(streams=4)
    weeks = [dt.date(2024, 1, 1) + dt.timedelta(days=7 * i) for i in range(len(made.weeks))]
    ends = [w + dt.timedelta(days=6) for w in weeks]
    spend = [
        pl.DataFrame({"brand": BRAND, "stream": s, "period_start": weeks, "period_end": ends, "geo": "",
                      "cost": made.spend[:, i].astype(float)})
        for i, s in enumerate(made.streams)
    ]  # fmt: skip
    sales = pl.DataFrame({"brand": BRAND, "metric": "sales", "period_start": weeks, "period_end": ends, "geo": "",
                          "value": [float(v) for v in made.outcomes["sales"]]})  # fmt: skip
    searched = sales.with_columns(metric=pl.lit("search_index"))
    loaded = workspace.load({"spend": pl.concat(spend), "outcomes": pl.concat([sales, searched])}, name="market")
    assert loaded.error is None
    return made


def settled(client, path, seconds=180):
    """The part of a page once it waits no more."""
    for _ in range(seconds * 5):
        text = client.get(path, headers={"x-part": "1"}).text
        if "data-poll" not in text:
            return text
        time.sleep(0.2)
    raise AssertionError(f"still waiting: {text[:300]}")


def test_without_a_fit_the_page_offers_one_and_fits_nothing_by_itself(client, site, world):
    # A series that shows the brand is part of the model, not an outcome to choose.
    (mine,) = [s for s in series(site, site.snapshot()) if s["brand"] == BRAND]
    assert not mine["fitted"]
    assert mine["periods"] == len(world.weeks)
    assert mine["streams"] == 4
    page = client.get(mine["page"] + "&lang=en").text
    assert "Fit the response" in page
    assert "海屿 &lt;b&gt;" in page
    assert "<b>" not in page
    assert not [j for j in site.jobs.recent() if j.kind == "response"]


def test_a_kept_response_is_read_and_a_budget_split_by_how_far_one_looks(client, site, world):
    posterior = posterior_of(world)
    save_posterior(posterior, posterior_path(site.path, BRAND, "sales"))
    (mine,) = [s for s in series(site, site.snapshot()) if s["brand"] == BRAND]
    split = mine["page"].replace("/response?", "/response/split?") + "&budget=600万&weeks=13&lang=en"
    told = settled(client, split)
    assert 'type="range"' in told
    assert all(reads(s, "en") in told for s in world.streams)
    (place,) = list(site.cache.root.glob("s*/split-*/about.json"))
    about = json.loads(place.read_text(encoding="utf-8"))
    shares = [h["brand_share"] for h in about["horizons"]]
    assert shares[-1] > shares[0], "the farther one looks, the more the brand gets in this market"
    assert {h["horizon_weeks"] for h in about["horizons"]} >= set(HORIZONS)
    assert len(re.findall(r'class="panel"', told)) == len(shares)
    for h in about["horizons"]:
        assert percent(h["brand_share"]) in told
        assert compact(h["gain_high"], "en") in told
        streams = [r for r in about["by_horizon"] if r["horizon_weeks"] == h["horizon_weeks"]]
        assert sum(r["money"] for r in streams) <= 6_000_000 * (1 + 1e-6)
    assert next(s for s in series(site, site.snapshot()) if s["brand"] == BRAND)["fitted"]
    settled(client, mine["page"])
    unasked = client.get("/response?budget=600万&weeks=13&lang=en").text
    assert "data-slider" in unasked, "the fit at hand is chosen, and its split with it"
    whole = client.get(mine["page"] + "&budget=600万&weeks=13&lang=en").text
    assert "data-slider" in whole
    answer = client.get(mine["page"] + "&budget=-3&weeks=x&margin=abc")
    assert answer.status_code == 200


def test_a_fit_of_an_unknown_brand_is_refused(client, site, world):
    answer = client.post("/response/fit", data={"csrf": site.csrf, "brand": "nobody", "metric": "sales"})
    assert answer.status_code == 403
    assert not [j for j in site.jobs.recent() if j.kind == "response" and not j.over]


def test_a_plan_is_verified_against_the_newest_data(client, site, world):
    assert "Make a plan" in client.get("/verify?lang=en").text
    data = {"csrf": site.csrf, "do": "run", "budget": "5万", "max_creators": "4", "brand": "海屿",
            "rest": "panel_persons = 10000\n[prices]\nallow_assumed = true"}  # fmt: skip
    answer = client.post("/plans/new", data=data)
    assert answer.status_code == 303, answer.text
    for _ in range(900):
        state = client.get(answer.headers["location"], headers={"accept": "application/json"}).json()
        if state["state"] in ("done", "failed"):
            break
        time.sleep(0.2)
    assert state["state"] == "done", state
    plan_id = state["page"].rsplit("/", 1)[1]
    assert plan_id in client.get("/verify?lang=en").text
    told = settled(client, f"/verify/{plan_id}?lang=en")
    assert "<section" in told or "What to do" in told
    plan = json.loads((site.path / "plans" / plan_id / "plan.json").read_text(encoding="utf-8"))
    if "<section" in told:
        assert all((p["name"] or p["creator_id"])[:8] in told for p in plan["picks"][:3])
