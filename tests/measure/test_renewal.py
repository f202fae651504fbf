"""Renewal: growth is found with its rate, noise is not taken for growth, changes and bursts are where they were put."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tidegauge.errors import MeasureError
from tidegauge.measure.bursts import bursts
from tidegauge.measure.changepoints import LEAST_SEGMENT, _partition, changes
from tidegauge.measure.growthcurves import curves
from tidegauge.measure.growthshape import growth, started_log
from tidegauge.measure.registry import run


def noise(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    out = np.empty(n + 40)
    out[0] = rng.normal()
    for t in range(1, out.size):
        out[t] = rho * out[t - 1] + rng.normal() * np.sqrt(1 - rho**2)
    return out[40:]


@pytest.mark.parametrize(("n", "rho"), [(12, 0.0), (20, 0.4), (52, 0.6), (104, 0.6)])
def test_false_alarms_stay_under_the_stated_five_percent(n, rho):
    rng = np.random.default_rng(n)
    alarms = changed = 0
    for _ in range(200):
        y = rng.poisson(np.exp(3 + 0.3 * noise(rng, n, rho))).astype(float)
        found = growth(y, rng)
        alarms += found.p < 0.05
        changed += len(changes(started_log(y)[0], found.noise, found.rho)) > 0
    assert alarms <= 17  # 5 % of 200 is 10; 17 is exceeded in one case of 100
    assert changed <= 17


def test_heavy_tails_do_not_raise_false_alarms():
    rng = np.random.default_rng(6)
    alarms = sum(growth(np.exp(8 + 0.5 * rng.standard_t(3, 40)), rng).p < 0.05 for _ in range(150))
    assert alarms <= 14


def test_growth_is_found_and_its_rate_covered():
    rng = np.random.default_rng(1)
    t = np.linspace(0, 1, 52)
    z = 1.0 / (1 + np.exp(-8 * (t - 0.7)))
    true = np.exp((z[-1] - z[-6]) / 5) - 1
    hits = seen = 0
    for _ in range(60):
        found = growth(rng.poisson(50 * np.exp(z + 0.15 * noise(rng, 52, 0.3))).astype(float), rng)
        seen += found.p < 0.05
        hits += np.quantile(found.draws, 0.05) <= true <= np.quantile(found.draws, 0.95)
    assert seen >= 54
    assert hits >= 46


def test_logistic_ceiling_and_bass_total_are_recovered():
    rng = np.random.default_rng(2)
    t = np.arange(60.0)
    p, q, total = 0.005, 0.15, 8000.0

    def adopted(at):
        return (1 - np.exp(-(p + q) * at)) / (1 + q / p * np.exp(-(p + q) * at))

    truths = {
        "logistic": (400 / (1 + np.exp(-0.2 * (t - 30))), {"ceiling": 400.0, "midpoint": 30.0}),
        "bass": (total * (adopted(t + 1) - adopted(t)), {"total": total, "peak": np.log(q / p) / (p + q)}),
    }
    for name, (level, truth) in truths.items():
        hits, best = dict.fromkeys(truth, 0), 0
        for _ in range(25):
            y = rng.poisson(level * np.exp(0.1 * noise(rng, 60, 0.3))).astype(float)
            found = curves(y, growth(y, rng).rho)
            best += found[0].name == name
            for k, true in truth.items():
                value, low, high = next(c for c in found if c.name == name).parameters[k]
                hits[k] += low <= true <= high
                assert abs(value / true - 1) < 0.3
        assert best >= 22
        assert min(hits.values()) >= 20


def test_segmentation_is_the_best_there_is():
    rng = np.random.default_rng(4)
    z = np.concatenate((rng.normal(0, 1, 7), rng.normal(3, 1, 6)))

    def cost(part):
        t = np.arange(part.size)
        return float(((part - np.polyval(np.polyfit(t, part, 1), t)) ** 2).sum())

    penalty = 2.5
    options = [((), cost(z))]
    options += [((a,), cost(z[:a]) + cost(z[a:]) + penalty) for a in range(LEAST_SEGMENT, 13 - LEAST_SEGMENT + 1)]
    options += [
        ((a, b), cost(z[:a]) + cost(z[a:b]) + cost(z[b:]) + 2 * penalty)
        for a in range(LEAST_SEGMENT, 6)
        for b in range(a + LEAST_SEGMENT, 13 - LEAST_SEGMENT + 1)
    ]
    expected = min(options, key=lambda o: o[1])[0]
    assert tuple(_partition(z, penalty, LEAST_SEGMENT)) == expected


def test_a_jump_is_found_where_it_is():
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(50):
        z = 4 + 0.2 * noise(rng, 52, 0.3)
        z[30:] += 1
        y = rng.poisson(np.exp(z)).astype(float)
        found = growth(y, rng)
        at = changes(started_log(y)[0], found.noise, found.rho)
        hits += any(abs(c.at - 30) <= 1 and abs(c.jump - 1) < 2 * c.se for c in at)
    assert hits >= 35


def test_bursts_are_found_and_noise_is_none():
    rng = np.random.default_rng(6)
    everything = np.full(60, 2000.0)
    false = sum(bool(bursts(rng.binomial(2000, 0.01, 60).astype(float), everything, rng)) for _ in range(100))
    assert false <= 11
    share = np.full(60, 0.01)
    share[40:46] = 0.035
    hits = 0
    for _ in range(40):
        found = bursts(rng.binomial(2000, share).astype(float), everything, rng)
        hits += len(found) == 1 and abs(found[0].first - 40) <= 1 and found[0].low <= 3.5 <= found[0].high
    assert hits >= 32


def test_nothing_at_all_has_no_burst():
    assert bursts(np.zeros(20), np.full(20, 9.0), np.random.default_rng(1)) == ()
    assert bursts(np.full(20, 9.0), np.full(20, 9.0), np.random.default_rng(1)) == ()


def ecosystem() -> dict[str, pl.DataFrame]:
    """A year of posts: short dramas break out, articles fade, image-and-text stays; topics with one burst."""
    rng = np.random.default_rng(9)
    weeks = np.arange(52)
    level = {
        "short_drama": 2 + 60 / (1 + np.exp(-0.2 * (weeks - 42))),
        "article": 60 * np.exp(-0.06 * weeks),
        "image_text": np.full(52, 60.0),
    }
    start = dt.datetime(2024, 1, 1, 4, tzinfo=dt.UTC)
    posts = [
        {"post_id": f"{f}-{w}-{i}", "creator_id": f"x:{i % 20}", "platform": "xiaohongshu", "format": f}
        | {"published_at": start + dt.timedelta(days=7 * int(w), hours=int(rng.integers(0, 160)))}
        for f, mean in level.items()
        for w in weeks
        for i in range(rng.poisson(mean[w]))
    ]
    topics = []
    for w in weeks:
        for name, mean in (("春运", 3.0 if 20 <= w < 24 else 0.5), ("高考", 3.0), ("天气", 3.0), ("股市", 5.0)):
            for i in range(rng.poisson(mean * 4)):
                at = start + dt.timedelta(days=7 * int(w), hours=i)
                topics.append({"platform": "weibo", "topic": name, "observed_at": at})
    accounts = pl.DataFrame(
        {
            "creator_id": [f"x:{i}" for i in range(20)],
            "platform": "xiaohongshu",
            "native_id": [str(i) for i in range(20)],
        }
    ).with_columns(pl.lit(start).alias("first_seen_at"))
    return {"creators": accounts, "posts": pl.DataFrame(posts), "topics": pl.DataFrame(topics)}


def test_verdicts_through_a_workspace(make_tables):
    tables = make_tables(ecosystem())
    result = run("renewal", tables, by=("format",), period="week")
    rows = result.rows
    says = dict(rows.filter(pl.col("quantity") == "verdict").select("format", "says").iter_rows())
    assert says["short_drama"] == "growing"
    assert says["article"] == "fading"
    assert says["image_text"] in ("mature", "unclear")
    growth_of = {r["format"]: r for r in rows.filter(pl.col("quantity") == "growth").iter_rows(named=True)}
    true_fading = np.exp(-0.06 * 365.25 / 7) - 1
    assert growth_of["article"]["low"] - 0.02 <= true_fading <= growth_of["article"]["high"] + 0.02
    assert rows.select(pl.col("low") <= pl.col("value"), pl.col("value") <= pl.col("high")).to_numpy().all()
    assert rows.select(pl.col("value", "low", "high").is_finite()).to_numpy().all()
    assert rows.equals(run("renewal", tables, by=("format",), period="week").rows)
    result.plot().to_dict()

    creators = run("renewal", tables, by=("platform",), period="week", of="creators").rows
    assert creators.filter(pl.col("quantity") == "verdict").get_column("says").item() in ("mature", "unclear")

    burst = run("renewal", tables, by=("topic",), period="week").rows.filter(pl.col("quantity") == "burst")
    assert burst.get_column("topic").to_list() == ["春运"]
    assert burst.get_column("period").item() == "2024-05-20/2024-06-10"
    assert burst.get_column("says").item() == "over"


def test_followers_stand_in_where_there_are_no_posts(make_tables):
    days = [dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=d) for d in range(40)]
    accounts = [{"creator_id": f"twitch:{i}", "platform": "twitch", "native_id": str(i)} for i in range(15)]
    snapshots = [
        {"creator_id": f"twitch:{i}", "observed_at": d, "followers": int(1000 * (i + 1) * 1.01**k)}
        for i in range(15)
        for k, d in enumerate(days)
    ]
    frames = {
        "creators": pl.DataFrame(accounts).with_columns(first_seen_at=pl.lit(days[0])),
        "creator_snapshots": pl.DataFrame(snapshots),
    }
    rows = run("renewal", make_tables(frames), period="day").rows
    assert rows.filter(pl.col("quantity") == "verdict").get_column("says").item() == "growing"
    value = rows.filter(pl.col("quantity") == "growth").get_column("value").item()
    assert np.log1p(value) == pytest.approx(365.25 * np.log(1.01), rel=0.15)


def test_too_few_periods_are_refused(make_tables):
    frames = ecosystem()
    tables = make_tables({"creators": frames["creators"], "posts": frames["posts"].head(200)})
    with pytest.raises(MeasureError, match="12 are needed"):
        run("renewal", tables, by=("format",), period="quarter")
    with pytest.raises(MeasureError, match="there are no topics"):
        run("renewal", tables, by=("topic",))
