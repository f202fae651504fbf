"""CPM, CPE and CPV at the forecast: exact on simple data, covered by the next post, never NaN."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW, all_finite, creator, frames, posted

from tidegauge.creators import fair_prices, forecast_next_post
from tidegauge.creators.unit_costs import COLUMNS, unit_costs

OFFER = {"format": "short_video", "role": "KOL", "currency": "CNY", "valid_from": NOW.date()}


def costs(tables) -> pl.DataFrame:
    ahead = forecast_next_post(tables)
    return unit_costs(tables, fair_prices(tables, forecasts=ahead), ahead)


def test_costs_are_price_over_what_steady_creators_bring(make_tables):
    people, posts, snapshots, offers = [], [], [], []
    for i in range(40):
        made = posted(f"kuaishou:{i}", np.full(12, np.log(20_000.0)) + 0.02 * np.sin(np.arange(12) + i))
        people.append(creator(f"kuaishou:{i}"))
        posts += made[0]
        snapshots += made[1]
        offers.append({"creator_id": f"kuaishou:{i}", "price": 1_000.0, **OFFER})
    found = costs(make_tables(frames(creators=people, posts=posts, post_snapshots=snapshots, offers=offers)))
    assert found.columns == list(COLUMNS)
    assert found["cpm"].to_numpy() == pytest.approx(50.0, rel=0.03)
    assert found["cpv"].to_numpy() == pytest.approx(0.05, rel=0.03)
    # likes are a 25th of the views and comments a 300th
    assert found["cpe"].to_numpy() == pytest.approx(1_000.0 / (20_000 / 25 + 20_000 / 300), rel=0.05)
    assert found["price_basis"].unique().to_list() == ["offer"]


def test_the_next_post_costs_what_the_range_says_four_times_in_five(make_tables):
    rng = np.random.default_rng(5)
    people, posts, snapshots, offers, truth = [], [], [], [], []
    for i in range(150):
        level = rng.normal(9, 1.2)
        y = level + rng.standard_t(5, 15) * 0.5
        truth.append({"creator_id": f"kuaishou:{i}", "next": float(np.exp(y[-1]))})
        made = posted(f"kuaishou:{i}", y[:-1])
        people.append(creator(f"kuaishou:{i}"))
        posts += made[0]
        snapshots += made[1]
        offers.append({"creator_id": f"kuaishou:{i}", "price": float(np.exp(level - 3)), **OFFER})
    tables = make_tables(frames(creators=people, posts=posts, post_snapshots=snapshots, offers=offers))
    both = costs(tables).join(pl.DataFrame(truth), on="creator_id")
    true_cpm = 1000 * both["price"] / both["next"]
    true_cpe = both["price"] / (both["next"] * (1 / 25 + 1 / 300))
    for true, name in ((true_cpm, "cpm"), (true_cpe, "cpe")):
        assert 0.72 < ((true >= both[f"{name}_low"]) & (true <= both[f"{name}_high"])).mean() < 0.9


def test_no_posts_no_likes_no_offers_and_zero_views_are_priced_honestly(make_tables):
    people = [creator(c) for c in ("kuaishou:none", "kuaishou:zero", "xiaoyuzhou:1", "kuaishou:fair")]
    zero = posted("kuaishou:zero", np.full(3, -5.0))
    blind = posted("xiaoyuzhou:1", np.full(3, 8.0), form="podcast", likes=False)
    offers = [{"creator_id": c, "price": 500.0, **OFFER} for c in ("kuaishou:none", "kuaishou:zero")]
    tables = make_tables(
        frames(creators=people, posts=zero[0] + blind[0], post_snapshots=zero[1] + blind[1], offers=offers)
    )
    found = costs(tables)
    assert all_finite(found)
    assert set(found["creator_id"]) == {p["creator_id"] for p in people}
    rows = {r["creator_id"]: r for r in found.iter_rows(named=True)}
    assert {rows["xiaoyuzhou:1"][f"cpe{b}"] for b in ("", "_low", "_high")} == {None}
    assert rows["xiaoyuzhou:1"]["price_basis"] == "fair"
    assert rows["kuaishou:zero"]["cpv_high"] <= 500.0
    for r in rows.values():
        assert r["cpm_low"] <= r["cpm"] <= r["cpm_high"]
    assert rows["kuaishou:fair"]["cpm_high"] / rows["kuaishou:fair"]["cpm_low"] > 10
