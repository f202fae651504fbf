"""Next week's views per creator: Tidegauge against the rules that practitioners use, on any daily or sparser panel.

    python benchmarks/forecast.py --panel vtuber_panel.parquet --cutoff 2026-07-04 --json

The panel (Parquet or CSV) has `creator`, `date`, `total_views` and, if known, `youtube_subscribers` or
`twitch_followers`. From the cutoff on, week after week: every method sees observations before the week's first day only
and forecasts the views that the week adds (the difference of `total_views`); then the week is scored. CRPS on the scale
log1p(views), coverage of the central 80 % interval, over all creators whose week can be measured and per follower tier.

A rule such as "last week again" is scored twice: as the point that practitioners use (its CRPS is the absolute error),
and dressed with the spread of its own errors in earlier weeks of the panel (per tier), which is a harder opponent.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from tidegauge.creators.cumulative import Counter, daily_counter, gap_limit, views_between
from tidegauge.creators.level_features import followers_at, recent_days, weekly_views
from tidegauge.creators.scoring import LEVELS, covered, crps
from tidegauge.creators.view_model import forecast_added
from tidegauge.vocab import DEFAULT_THRESHOLDS

HORIZON_DAYS = 7
TIERS = [t.value for t, _ in DEFAULT_THRESHOLDS.bounds()] + ["unknown"]
OURS = "tidegauge"
#: Days before the cutoff that are read; the forecast looks back 105 days at most.
HISTORY_DAYS = 200
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d")
#: A share of fewer cases says nothing about coverage: the tier is listed with its n and without a figure.
MIN_COVERAGE_CASES = 20


def read_panel(file: Path) -> pl.DataFrame:
    """The panel with a date and integer counts, whatever types they had; in the order of observation."""
    if not file.exists():
        sys.exit(f"{file}: there is no such file")
    frame = pl.read_csv(file, infer_schema=False) if file.suffix == ".csv" else pl.read_parquet(file)
    missing = [c for c in ("creator", "date", "total_views") if c not in frame.columns]
    if missing:
        sys.exit(f"{file}: no column {', '.join(missing)}")
    told = pl.col("date").cast(pl.String).str.strip_chars().str.extract(r"^(\d{8}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2})")
    day = pl.coalesce(told.str.to_date(form, strict=False) for form in DATES)
    sizes = [c for c in ("youtube_subscribers", "twitch_followers") if c in frame.columns]
    counts = [pl.col(c).cast(pl.Float64, strict=False) for c in ("total_views", *sizes)]
    frame = frame.with_columns(pl.col("creator").cast(pl.String), day.alias("date"), *counts)
    followers = pl.coalesce(sizes) if sizes else pl.lit(None, pl.Float64)
    order = ["date"] + (["observed_at"] if "observed_at" in frame.columns else [])
    # What is dated after today was not observed; one such row would stretch the grid of days over centuries.
    seen = frame.filter(pl.col("creator").is_not_null() & (pl.col("date") <= dt.date.today()))
    return seen.sort(order).with_columns(followers.alias("followers"))


def tiers(followers: Counter, views: Counter, origin: int) -> np.ndarray:
    count = followers_at(followers, views, origin)
    bounds = [low for _, low in DEFAULT_THRESHOLDS.bounds()][1:]
    return np.where(np.isnan(count), len(TIERS) - 1, np.digitize(np.nan_to_num(count), bounds))


def interval_medians(views: Counter, origin: int, intervals: int) -> np.ndarray:
    """The median daily rate over the last observation-to-observation intervals, times 7 (n)."""
    cut = views.until(origin)
    row, column = np.nonzero(cut.seen == np.arange(cut.days))
    count = cut.count[row, column]
    steps = pl.DataFrame(
        {
            "row": row[1:],
            "rate": 7 * np.maximum(np.diff(count), 0) / np.maximum(np.diff(column), 1),
            "same": np.diff(row) == 0,
        }
    )
    found = steps.filter("same").group_by("row").agg(pl.col("rate").tail(intervals).median())
    out = np.full(len(views.keys), np.nan)
    out[found.get_column("row").to_numpy()] = found.get_column("rate").to_numpy()
    return out


def rules(views: Counter, origin: int) -> dict[str, np.ndarray]:
    """log1p point forecasts of the rules; a creator without a whole week gets its known days scaled up."""
    daily, _ = recent_days(views, origin)
    known = ~np.isnan(daily)
    days = known.sum(axis=1)
    scaled = np.where(days > 0, 7 * np.nansum(daily, axis=1) / np.maximum(days, 1), np.nan)
    weeks = weekly_views(daily)
    some = (~np.isnan(weeks)).any(axis=1)
    median = np.full(len(weeks), np.nan)
    median[some] = np.nanmedian(weeks[some], axis=1)
    points = {
        "last week again": np.where(np.isnan(weeks[:, 0]), scaled, weeks[:, 0]),
        "median of six weeks": np.where(some, median, scaled),
        "median of last 10": interval_medians(views, origin, 10),
        "median of last 30": interval_medians(views, origin, 30),
    }
    return {name: _filled(np.log1p(p)) for name, p in points.items()}


def _filled(point: np.ndarray) -> np.ndarray:
    known = ~np.isnan(point)
    return np.where(known, point, np.median(point[known]) if known.any() else 0.0)


def dressed(views: Counter, tier: np.ndarray, origin: int) -> dict[str, np.ndarray]:
    """Each rule with the errors it made in up to six earlier weeks, of the tier where it has 50 of them."""
    limit = gap_limit(views)
    past = list(range(origin - HORIZON_DAYS, 0, -HORIZON_DAYS))[:6]
    errors: dict[str, list[np.ndarray]] = {}
    tier_of: list[np.ndarray] = []
    for o in past:
        truth = np.log1p(views_between(views.until(origin), o, o + HORIZON_DAYS, limit))
        ok = ~np.isnan(truth)
        tier_of.append(tier[ok])
        for name, point in rules(views, o).items():
            errors.setdefault(name, []).append((truth - point)[ok])
    out = {}
    for name, point in rules(views, origin).items():
        pooled = np.concatenate(errors[name]) if name in errors else np.zeros(1)
        owner = np.concatenate(tier_of) if tier_of else np.zeros(1)
        spread = np.zeros((len(point), len(LEVELS)))
        for t in np.unique(tier):
            own = pooled[owner == t]
            spread[tier == t] = np.quantile(own if len(own) >= 50 else pooled, LEVELS) if pooled.size else 0.0
        out[name] = np.maximum(point[:, None] + spread, 0.0)
    return out


def score_week(views: Counter, followers: Counter, origin: int) -> pl.DataFrame:
    """One row per method and creator: crps, covered, tier. `origin` is the last day that may be seen."""
    known = views.until(origin)
    tier = tiers(followers, views, origin)
    truth = np.log1p(views_between(views, origin, origin + HORIZON_DAYS, gap_limit(views)))
    ok = ~np.isnan(truth)
    forecasts = {OURS: forecast_added(known, followers, tier, origin=origin, horizon_days=HORIZON_DAYS).quantiles}
    for name, point in rules(known, origin).items():
        forecasts[name] = np.repeat(point[:, None], len(LEVELS), axis=1)
    forecasts |= {f"{name}, with its past errors": q for name, q in dressed(known, tier, origin).items()}
    frames = [
        pl.DataFrame(
            {
                "tier": [TIERS[t] for t in tier[ok]],
                "crps": crps(q[ok], truth[ok]),
                "covered": covered(q[ok], truth[ok]),
            }
        ).with_columns(pl.lit(name).alias("method"))
        for name, q in forecasts.items()
    ]
    return pl.concat(frames)


def run(frame: pl.DataFrame, cutoff: dt.date, weeks: int | None) -> dict[str, object]:
    frame = frame.filter(pl.col("date") >= cutoff - dt.timedelta(days=HISTORY_DAYS))
    views = daily_counter(frame, key="creator", day="date", count="total_views")
    followers = daily_counter(frame, key="creator", day="date", count="followers", keys=views.keys)
    first = (cutoff - dt.date(1970, 1, 1)).days - 1 - views.first_day
    origins = list(range(first, views.days - HORIZON_DAYS, HORIZON_DAYS))[:weeks]
    if first < 1 or not origins:
        sys.exit(
            f"--cutoff {cutoff}: needs at least two days before it and {HORIZON_DAYS} days from it on in the panel"
        )
    start = time.perf_counter()
    cases = [score_week(views, followers, o).with_columns(pl.lit(o).alias("origin")) for o in origins]
    seconds = time.perf_counter() - start
    scores = pl.concat(cases)
    if scores.is_empty():
        sys.exit(f"--cutoff {cutoff}: no creator is observed at both ends of a held-out week")
    figures = [pl.col("crps").mean(), pl.col("covered").mean().alias("coverage_80"), pl.len().alias("n")]
    whole = scores.group_by("method").agg(figures).sort("crps")
    enough = pl.when(pl.col("n") >= MIN_COVERAGE_CASES).then(pl.col("coverage_80"))
    by_tier = scores.group_by("method", "tier").agg(figures).with_columns(enough.alias("coverage_80"))
    by_week = scores.group_by("method", "origin").agg(figures).sort("origin")
    rows = []
    for row in whole.iter_rows(named=True):
        own_tiers = {r["tier"]: r for r in by_tier.filter(method=row["method"]).drop("method").iter_rows(named=True)}
        own_weeks = [
            {
                "week_from": _date(views, r["origin"] + 1),
                "crps": r["crps"],
                "coverage_80": r["coverage_80"],
                "n": r["n"],
            }
            for r in by_week.filter(method=row["method"]).iter_rows(named=True)
        ]
        ordered = {t: {k: own_tiers[t][k] for k in ("crps", "coverage_80", "n")} for t in TIERS if t in own_tiers}
        rows.append({**row, "tiers": ordered, "weeks": own_weeks})
    ours = whole.filter(method=OURS).item(0, "crps")
    others = whole.filter(pl.col("method") != OURS)
    points = others.filter(~pl.col("method").str.contains("past errors"))
    return {
        "rows": rows,
        "gain_over_best_point": _gain(ours, points.item(0, "crps")),
        "gain_over_best_of_all": _gain(ours, others.item(0, "crps")),
        "weeks": len(origins),
        "seconds": round(seconds, 2),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
    }


def _gain(ours: float, best: float) -> float | None:
    """How far below the best rule; None where a rule is never wrong (a panel that stands still)."""
    return 1 - ours / best if best > 1e-9 else None


def _date(views: Counter, column: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=views.first_day + column)).isoformat()


def table(result: dict[str, object]) -> str:
    rows: list[dict] = result["rows"]  # type: ignore[assignment]
    names = [t for t in TIERS if any(t in r["tiers"] for r in rows)]
    head = f"{'method':42s} {'CRPS':>7s} {'cover80':>8s} {'n':>7s} | coverage (n) per tier: " + ", ".join(names)
    lines = [head]
    for r in rows:
        per = "  ".join(_cell(r["tiers"][t]) for t in names if t in r["tiers"])
        lines.append(f"{r['method']:42s} {r['crps']:7.4f} {r['coverage_80']:8.3f} {r['n']:7d} | {per}")
    gains = [result[k] for k in ("gain_over_best_point", "gain_over_best_of_all")]
    used, dressed = ("–" if g is None else f"{100 * float(g):.1f} %" for g in gains)  # type: ignore[arg-type]
    lines.append(
        f"weeks {result['weeks']}, {result['seconds']} s; CRPS below the best rule as used by {used}, "
        f"below the best rule dressed with its errors by {dressed}"
    )
    return "\n".join(lines)


def _cell(figures: dict) -> str:
    share = figures["coverage_80"]
    return f"{'  –  ' if share is None else format(share, '.3f')} ({figures['n']})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--panel", type=Path, required=True, help="Parquet or CSV file")
    parser.add_argument(
        "--cutoff",
        type=dt.date.fromisoformat,
        help="first day of the first held-out week (default: the last whole week)",
    )
    parser.add_argument("--weeks", type=int, help="how many weeks to walk forward (default: all that the panel holds)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    args = parser.parse_args()
    frame = read_panel(args.panel)
    last = frame.filter(pl.col("total_views").is_not_null()).get_column("date").max()
    if not isinstance(last, dt.date):
        sys.exit(f"{args.panel}: no row has a date and total_views")
    result = run(frame, args.cutoff or last - dt.timedelta(days=HORIZON_DAYS - 1), args.weeks)
    print(json.dumps(result, ensure_ascii=False) if args.json else table(result))


if __name__ == "__main__":
    main()
