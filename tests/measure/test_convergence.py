"""Convergence: divergence without its small-sample bias, a trend that autocorrelation does not feign, capabilities."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from tidegauge.errors import MeasureError
from tidegauge.measure.bootstrap import resampled_sums
from tidegauge.measure.convergence import debiased, dispersion
from tidegauge.measure.registry import run
from tidegauge.measure.trend import trend

FORMATS = ["short_video", "mid_video", "image_text", "live"]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8))
def test_divergence_of_two_mixes_is_scipys(cells):
    p, q = np.array(cells, dtype=float).T
    if p.sum() == 0 or q.sum() == 0:
        return
    expected = jensenshannon(p, q, base=2) ** 2
    assert dispersion(np.stack([p, q])) == pytest.approx(np.nan_to_num(expected), abs=1e-9)


def clustered(rng, mixes, creators):
    """Posts of creators whose own mix differs from their platform's: (2 · creators, 8) counts."""
    rows = []
    for k, mix in enumerate(mixes):
        own = rng.dirichlet(mix * 8, size=creators)
        posts = rng.poisson(rng.lognormal(1.5, 0.8, creators)) + 1
        block = np.zeros((creators, 8))
        block[:, 4 * k : 4 * k + 4] = [rng.multinomial(n, p) for n, p in zip(posts, own, strict=True)]
        rows.append(block)
    return np.concatenate(rows)


@pytest.mark.parametrize("other", [[0.5, 0.3, 0.15, 0.05], [0.4, 0.35, 0.15, 0.1], [0.1, 0.2, 0.3, 0.4]])
def test_divergence_is_nearly_unbiased_and_its_interval_covers(other):
    rng = np.random.default_rng(7)
    mixes = np.array([[0.5, 0.3, 0.15, 0.05], other])
    truth = float(dispersion(mixes))
    plain, found, hits, worlds = [], [], 0, 80
    for _ in range(worlds):
        counts = clustered(rng, mixes, 40)
        draws = dispersion(resampled_sums(counts, rng, 300).reshape(-1, 2, 4))
        plain.append(float(dispersion(counts.sum(axis=0).reshape(2, 4))))
        value, low, high = debiased(plain[-1], draws)
        found.append(value)
        hits += low <= truth <= high
    assert abs(np.mean(found) - truth) < max(0.6 * abs(np.mean(plain) - truth), 0.01)
    assert hits >= 65  # 0.9 of 80 less two and a half standard errors


@pytest.mark.parametrize(("n", "rho"), [(12, 0.0), (24, 0.4), (52, 0.7)])
def test_false_trends_stay_near_the_stated_rate(n, rho):
    rng = np.random.default_rng(n)
    noise = rng.normal(size=(300, n + 50))
    series = np.zeros_like(noise)
    for t in range(1, n + 50):
        series[:, t] = rho * series[:, t - 1] + noise[:, t]
    false = np.mean([trend(y[50:]).p < 0.1 for y in series])
    assert false < 0.16
    if rho == 0.7:  # what ignoring the autocorrelation would do
        assert np.mean([abs(np.corrcoef(np.arange(n), y[50:])[0, 1]) > 1.645 / np.sqrt(n) for y in series]) > 0.3


def test_a_trend_is_found_with_its_slope():
    rng = np.random.default_rng(3)
    hits, seen = 0, 0
    for _ in range(100):
        found = trend(-0.05 * np.arange(30) + rng.normal(0, 0.3, 30))
        hits += found.low <= -0.05 <= found.high
        seen += found.p < 0.05
    assert hits >= 83
    assert seen >= 90


def test_few_points_have_no_trend():
    assert trend(np.arange(7.0)) is None
    flat = trend(np.zeros(9))
    assert (flat.slope, flat.p) == (0.0, 1.0)


def ecosystem(alike: bool, *, months: int = 10, creators: int = 25) -> dict[str, pl.DataFrame]:
    """Two platforms whose format mixes meet over the months (or stay as they are)."""
    rng = np.random.default_rng(1)
    start, end = np.array([[0.8, 0.1, 0.05, 0.05], [0.1, 0.1, 0.7, 0.1]]), np.array([0.45, 0.1, 0.35, 0.1])
    posts, accounts = [], []
    for k, platform in enumerate(("douyin", "xiaohongshu")):
        for c in range(creators):
            cid = f"{platform}:{c}"
            category = ["beauty", "tech", "food"][rng.integers(3)]
            accounts.append({"creator_id": cid, "platform": platform, "native_id": str(c), "category": category})
            for m in range(months):
                mix = start[k] + (end - start[k]) * (m / (months - 1) if alike else 0.0)
                for i, f in enumerate(rng.choice(FORMATS, size=6, p=mix / mix.sum())):
                    at = dt.datetime(2024 + m // 12, m % 12 + 1, 3 + i, 6, tzinfo=dt.UTC)
                    posts.append(
                        {
                            "post_id": f"{cid}-{m}-{i}",
                            "creator_id": cid,
                            "platform": platform,
                            "published_at": at,
                            "format": f if rng.random() < 0.9 else None,
                            "duration_s": {"short_video": 20.0, "mid_video": 400.0}.get(f),
                        }
                    )
    first = pl.lit(dt.datetime(2024, 1, 1, tzinfo=dt.UTC)).alias("first_seen_at")
    return {"creators": pl.DataFrame(accounts).with_columns(first), "posts": pl.DataFrame(posts)}


def test_platforms_that_meet_are_seen_to_converge(make_tables):
    result = run("convergence", make_tables(ecosystem(alike=True)), period="month")
    rows = result.rows
    jsd = rows.filter(pl.col("quantity") == "jsd").sort("period")
    assert jsd.height == 10
    assert jsd.get_column("value")[0] > 0.35
    assert jsd.get_column("value")[-1] < 0.05
    slope = rows.filter(pl.col("quantity") == "trend").row(0, named=True)
    assert slope["high"] < 0
    assert rows.filter(pl.col("quantity") == "trend_p").get_column("value").item() < 0.01
    assert any("10." in n.en or "9." in n.en for n in result.notes)  # a tenth of the posts has no format
    assert rows.select(pl.col("low") <= pl.col("value"), pl.col("value") <= pl.col("high")).to_numpy().all()
    result.plot().to_dict()


def test_platforms_that_stay_apart_are_not(make_tables):
    rows = run("convergence", make_tables(ecosystem(alike=False)), period="month").rows
    assert rows.filter(pl.col("quantity") == "trend_p").get_column("value").item() > 0.05


@pytest.mark.parametrize("of", ["category", "duration"])
def test_other_dimensions(make_tables, of):
    rows = run("convergence", make_tables(ecosystem(alike=True, months=3)), of=of, period="month").rows
    jsd = rows.filter(pl.col("quantity") == "jsd")
    assert jsd.height == 3
    assert jsd.get_column("value").is_between(0, 1).all()
    assert rows.filter(pl.col("quantity") == "trend").is_empty()  # three months are no series


def test_capability_distance_counts_what_differs(make_tables):
    facts = {
        "douyin": {"shop": 1, "live": 1, "long video": 0, "article": 0},
        "xiaohongshu": {"shop": 1, "live": 1, "long video": 0, "article": 1},
        "zhihu": {"shop": 0, "live": 1, "long video": 0, "article": 1},
    }
    market = pl.DataFrame(
        [
            {"platform": p, "segment": s, "metric": "capability", "period": "2024", "value": float(v), "unit": "flag"}
            | {"source_title": "own count", "confidence": "own"}
            for p, has in facts.items()
            for s, v in has.items()
        ]
    )
    rows = run("convergence", make_tables({"market": market}), of="capability").rows
    found = {(r["platform"], r["other"]): r["value"] for r in rows.iter_rows(named=True)}
    assert found == {("douyin", "xiaohongshu"): 0.25, ("douyin", "zhihu"): 0.5, ("xiaohongshu", "zhihu"): 0.25}


def test_too_little_is_refused_with_the_mend(make_tables):
    few = make_tables(ecosystem(alike=True, months=2, creators=2))
    with pytest.raises(MeasureError, match="longer period"):
        run("convergence", few, period="month")
    with pytest.raises(MeasureError, match="capability"):
        run("convergence", few, of="capability")
    with pytest.raises(MeasureError, match="published_at"):
        run("convergence", few, start=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
