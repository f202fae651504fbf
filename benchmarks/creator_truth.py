"""Do the creators' figures hold the truth as often as they say? On artificial ecosystems whose truth is known.

    python benchmarks/creator_truth.py [--worlds 6] [--creators 1500] [--days 120] [--only dependence,quality]

Every world is grown anew (`tidegauge.twin`), read into a workspace as canonical tables, and asked: views of the next 7
and 30 days and of the next post (made 30 days before the window's end), half-life, evergreen share, dependence, fair
price, overlap of audiences and their union (per share of comments collected), inflated followers (per planted rate). A
row per figure and platform: nominal coverage, coverage with its standard error over worlds, n. The same with --json.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from tidegauge import creators as room
from tidegauge.creators.recovery import recovery
from tidegauge.twin import World, canonical, grow, truth
from tidegauge.twin.ecosystem import Ecosystem
from tidegauge.twin.observe import epoch_s
from tidegauge.twin.posts import grown_share
from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.tables import Tables, duckdb_tables

PARTS = ("views", "next", "halflife", "dependence", "price", "overlap", "quality")
Hit = tuple[str, str, float, float, int]  # figure, where, nominal (or NaN), value, n


@contextmanager
def workspace(eco: Ecosystem) -> Iterator[Tables]:
    with tempfile.TemporaryDirectory() as scratch:
        create(Path(scratch) / "ws")
        done = load_frames(Path(scratch) / "ws", canonical(eco))
        if done.error is not None:
            raise SystemExit(str(done.error))
        lake = attach(Path(scratch) / "ws")
        try:
            yield duckdb_tables(lake)
        finally:
            lake.close()


def _inside(frame: pl.DataFrame, true: str, low: str, high: str) -> pl.Series:
    return frame.select((pl.col(true) >= pl.col(low) - 1e-9) & (pl.col(true) <= pl.col(high) + 1e-9)).to_series()


def _by_platform(
    name: str, frame: pl.DataFrame, nominal: float, true: str, low: str = "low", high: str = "high"
) -> list[Hit]:
    hit = frame.select(pl.col("creator_id").str.split(":").list.first().alias("platform")).with_columns(
        _inside(frame, true, low, high).alias("hit")
    )
    rows = hit.group_by("platform").agg(pl.col("hit").mean(), pl.len().alias("n")).sort("platform")
    parts = [(name, p, nominal, share, n) for p, share, n in rows.iter_rows()]
    return [(name, "all", nominal, float(hit["hit"].mean()), hit.height), *parts]


def views(eco: Ecosystem, tables: Tables, facts: dict[str, pl.DataFrame], day: int) -> list[Hit]:
    p = facts["posts"]
    born, fast, slow, final = (p[c].to_numpy() for c in ("published_day", "half_life_days", "evergreen", "views30"))
    now = dt.datetime.fromtimestamp(epoch_s(eco.world.start) + day * 86_400, dt.UTC)
    found: list[Hit] = []
    for horizon in (7, 30):
        there = [final * grown_share(d - born, fast, slow) * (born <= d) for d in (float(day), float(day + horizon))]
        added = p.select("creator_id", pl.Series("added", there[1] - there[0]))
        added = added.group_by("creator_id").agg(pl.col("added").sum())
        forecast = room.forecast_views(tables, horizon_days=horizon, as_of=now)
        # A whole view less or more is rounding: counts are whole, the truth is not.
        both = forecast.join(added, on="creator_id").with_columns(pl.col("low") - 1, pl.col("high") + 1)
        found += _by_platform(f"views {horizon} days", both, 0.8, "added")
    return found


def next_post(eco: Ecosystem, tables: Tables, facts: dict[str, pl.DataFrame], day: int) -> list[Hit]:
    now = dt.datetime.fromtimestamp(epoch_s(eco.world.start) + day * 86_400, dt.UTC)
    forecast = room.forecast_next_post(tables, as_of=now)
    later = facts["posts"].filter((pl.col("published_day") > day) & ~pl.col("sponsored"))
    first = later.sort("published_day").unique(["creator_id", "format"], keep="first", maintain_order=True)
    both = first.join(forecast, on=["creator_id", "format"])
    found = _by_platform("next post", both, 0.8, "views30")
    for basis in both["basis"].unique().sort():
        mine = both.filter(basis=basis)
        found.append(
            ("next post", f"basis {basis}", 0.8, float(_inside(mine, "views30", "low", "high").mean()), mine.height)
        )
    return found


def growth(tables: Tables, facts: dict[str, pl.DataFrame]) -> list[Hit]:
    true = facts["posts"].rename({"half_life_days": "fast_days"}).drop("format", "creator_id")
    both = room.half_life(tables, by="post").join(true, on="post_id")
    found = _by_platform("half-life of a post", both, 0.9, "half_time_days", "half_life_low", "half_life_high")
    found += _by_platform("evergreen share of a post", both, 0.9, "share_after_day7", "evergreen_low", "evergreen_high")
    width = float((both["half_life_high"] / both["half_life_low"]).median())
    return [*found, ("half-life of a post", "width: high / low", float("nan"), width, both.height)]


def dependence(tables: Tables, facts: dict[str, pl.DataFrame]) -> list[Hit]:
    true = facts["creators"].select(
        "creator_id", pl.col("dependence").alias("true"), "recovery_half_life_days", "sensitivity"
    )
    both = room.dependence(tables).join(true, on="creator_id")
    found = _by_platform("dependence", both, 0.9, "true")
    found.append(("dependence", "correlation", float("nan"), both.select(pl.corr("value", "true")).item(), both.height))
    found.append(("dependence", "bias", float("nan"), float((both["value"] - both["true"]).mean()), both.height))
    found.append(("dependence", "width", float("nan"), float((both["high"] - both["low"]).mean()), both.height))
    own = recovery(tables).join(true.drop("true"), on="creator_id")
    found += _by_platform("days of recovery", own, 0.9, "recovery_half_life_days")
    logs = own.select(pl.col("value").log(), pl.col("recovery_half_life_days").log().alias("true"), "told")
    bias = float((logs["value"] - logs["true"]).mean()) if own.height else float("nan")
    found.append(("days of recovery", "log bias", float("nan"), bias, own.height))
    clear = logs.filter(pl.col("told") > 0.1)
    if clear.height > 20:
        related = float(clear.select(pl.corr("value", "true")).item())
        found.append(("days of recovery", "correlation where told > 0.1", float("nan"), related, clear.height))
    return found


def price(tables: Tables, facts: dict[str, pl.DataFrame]) -> list[Hit]:
    honest = facts["creators"].filter(~pl.col("inflated")).select("creator_id")
    true = facts["offers"].join(honest, on="creator_id").select("creator_id", "format", "terms", "fair_price")
    both = room.fair_prices(tables).join(true, on=["creator_id", "format", "terms"])
    return _by_platform("fair price", both, 0.9, "fair_price", "fair_low", "fair_high")


def overlap(tables: Tables, facts: dict[str, pl.DataFrame], collected: float) -> list[Hit]:
    sizes = tables.frame(tables["audience_samples"].group_by("creator_id").agg(n=lambda t: t.audience_key.nunique()))  # type: ignore[attr-defined]
    seen = sizes.filter(pl.col("n") >= 15).get_column("creator_id")
    true = facts["overlaps"].filter(
        pl.col("creator_a").is_in(seen.implode()) & pl.col("creator_b").is_in(seen.implode())
    )
    true = true.filter(pl.min_horizontal("core_a", "core_b") > 0)
    swapped = pl.col("creator_a") > pl.col("creator_b")
    true = true.select(
        pl.when(swapped).then("creator_b").otherwise("creator_a").alias("creator_a"),
        pl.when(swapped).then("creator_a").otherwise("creator_b").alias("creator_b"),
        (pl.col("core_both") / pl.min_horizontal("core_a", "core_b")).alias("true"),
    ).unique(["creator_a", "creator_b"])
    names = pl.concat([true["creator_a"], true["creator_b"]]).unique().sort().head(600).to_list()
    both = room.audience_overlap(tables, names).join(true, on=["creator_a", "creator_b"])
    where = f"comments of {collected:.0%} of posts"
    some = both.filter(pl.col("true") > 0)
    found: list[Hit] = [("overlap", where, 0.9, float(_inside(both, "true", "low", "high").mean()), both.height)]
    if some.height:
        inside = float(_inside(some, "true", "low", "high").mean())
        found.append(("overlap, where there is one", where, 0.9, inside, some.height))
    return found


def union(eco: Ecosystem, tables: Tables, facts: dict[str, pl.DataFrame], collected: float) -> list[Hit]:
    """Sets of honest creators (machines that comment for others are nobody's audience) of one platform, and mixed."""
    sizes = tables.frame(tables["audience_samples"].group_by("creator_id").agg(n=lambda t: t.audience_key.nunique()))  # type: ignore[attr-defined]
    honest = facts["creators"].filter(~pl.col("inflated")).select("creator_id")
    pool = sizes.filter(pl.col("n") >= 15).join(honest, on="creator_id").sort("creator_id")["creator_id"]
    core = dict(zip(facts["memberships"]["creator_id"], facts["memberships"]["core"], strict=True))
    rng = np.random.default_rng(eco.seed)
    found: list[Hit] = []
    for k in (2, 5, 10, 30):
        hits, off = [], []
        for name in (*sorted(set(pool.str.split(":").list.first())), "", ""):
            there = pool.filter(pool.str.starts_with(name)).to_list()
            if len(there) < k:
                continue
            chosen = [there[i] for i in rng.choice(len(there), k, replace=False)]
            true = len({(c.split(":")[0], p) for c in chosen for p in core[c]})
            whole = room.audience_union(tables, chosen)
            hits.append(whole.low <= true <= whole.high)
            off.append(np.log(whole.persons / true))
        where = f"{k} creators, {collected:.0%} of posts"
        if hits:
            found.append(("union of audiences", where, 0.9, float(np.mean(hits)), len(hits)))
            found.append(("union, log bias", where, float("nan"), float(np.mean(off)), len(hits)))
    return found


def quality(tables: Tables, facts: dict[str, pl.DataFrame], planted: float) -> list[Hit]:
    score = room.quality(tables).rename({"inflated": "chance"})
    both = score.join(facts["creators"].select("creator_id", "inflated"), on="creator_id")
    both = both.sort("chance", "creator_id", descending=[True, False])
    hit, chance = both["inflated"].to_numpy(), both["chance"].to_numpy()
    where, nan = f"planted {planted:.0%}", float("nan")
    found: list[Hit] = []
    for bar in (0.3, 0.5, 0.8):
        marked = chance >= bar
        precision = float(hit[marked].mean()) if marked.any() else nan
        found.append((f"inflation, precision at {bar}", where, nan, precision, int(marked.sum())))
        found.append((f"inflation, recall at {bar}", where, nan, float(marked[hit].mean()), int(hit.sum())))
    rank = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    found.append(("inflation, average precision", where, nan, float(rank[hit].mean()), int(hit.sum())))
    found.append(("inflation, mean probability", where, nan, float(chance.mean()), len(hit)))
    return found


def world_hits(seed: int, creators: int, days: int, parts: tuple[str, ...]) -> list[Hit]:
    found: list[Hit] = []
    usual = set(parts) - {"overlap", "quality"}
    if usual or "overlap" in parts or "quality" in parts:
        eco = grow(creators, days, seed=seed)
        facts = truth(eco)
        with workspace(eco) as tables:
            if "views" in parts:
                found += views(eco, tables, facts, days - 30)
            if "next" in parts:
                found += next_post(eco, tables, facts, days - 30)
            if "halflife" in parts:
                found += growth(tables, facts)
            if "dependence" in parts:
                found += dependence(tables, facts)
            if "price" in parts:
                found += price(tables, facts)
    for collected in (0.2, 0.5, 1.0) if "overlap" in parts else ():
        eco = grow(min(creators, 400), days, seed=seed, world=World(comments_post_share=collected, commenters=20_000))
        with workspace(eco) as tables:
            facts = truth(eco)
            found += overlap(tables, facts, collected) + union(eco, tables, facts, collected)
    for planted in (0.02, 0.05, 0.10, 0.20) if "quality" in parts else ():
        eco = grow(creators, days, seed=seed, world=World(inflated_share=planted))
        with workspace(eco) as tables:
            found += quality(tables, truth(eco), planted)
    return found


def summary(hits: list[Hit]) -> list[dict[str, object]]:
    frame = pl.DataFrame(hits, schema=["figure", "where", "nominal", "value", "n"], orient="row").fill_nan(None)
    weight = pl.col("n").cast(pl.Float64)
    rows = frame.group_by("figure", "where", maintain_order=True).agg(
        pl.col("nominal").first(),
        ((pl.col("value") * weight).sum() / weight.filter(pl.col("value").is_not_null()).sum()).alias("value"),
        (pl.col("value").std() / pl.len().sqrt()).alias("standard_error"),
        pl.col("n").sum(),
    )
    return rows.to_dicts()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--creators", type=int, default=1500)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas: " + ", ".join(PARTS))
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    args = parser.parse_args()
    parts = tuple(args.only.split(","))
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    hits = [h for k in range(args.worlds) for h in world_hits(args.seed + k, args.creators, args.days, parts)]
    rows = summary(hits)
    if args.json:
        print(json.dumps({"rows": rows, "machine": {"python": platform.python_version(), "numpy": np.__version__}}))
        return
    print(f"{'figure':32}{'where':28}{'nominal':>8}{'value':>8}{'± s.e.':>8}{'n':>9}")
    for r in rows:
        nominal = "" if r["nominal"] is None else f"{r['nominal']:.2f}"
        error = "" if r["standard_error"] is None else f"{r['standard_error']:.3f}"
        value = "–" if r["value"] is None else f"{r['value']:.3f}"
        print(f"{r['figure']:32}{r['where']:28}{nominal:>8}{value:>8}{error:>8}{r['n']:9d}")


if __name__ == "__main__":
    main()
