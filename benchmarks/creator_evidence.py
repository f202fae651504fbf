"""Roles, income, resonance, audiences, discounts: is the planted truth found, and do intervals hold it?

    python benchmarks/creator_evidence.py [--worlds 3] [--creators 3000] [--days 100] [--json]

Every world is grown anew (`tidegauge.twin`) and read into a workspace. Rows: roles of creators nobody declared
(accuracy, log loss, mean chance of the likeliest role), income of a year drawn at the true rate and prices (coverage
of 90 % intervals), the effect of emotional titles (coverage over worlds and platforms; the truth is exp(0.15) − 1),
works on several platforms (correlation with the work's true strength), audience profiles of a third of the declared
creators, hidden (coverage of 90 %), the discount where a creator has one offer (the truth is 1 − 1/1.15).
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from tidegauge import creators as room
from tidegauge.creators.shared import shared_reads
from tidegauge.twin import canonical, grow, truth
from tidegauge.workspace.ingest import load_frames
from tidegauge.workspace.lake import attach, create
from tidegauge.workspace.tables import Tables, duckdb_tables

Row = tuple[str, float, int]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--worlds", type=int, default=3)
    options.add_argument("--creators", type=int, default=3000)
    options.add_argument("--days", type=int, default=100)
    options.add_argument("--seed", type=int, default=11)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    found: dict[str, list[tuple[float, int]]] = {}
    for k in range(asked.worlds):
        for name, value, n in world(asked.creators, asked.days, asked.seed + k):
            found.setdefault(name, []).append((value, n))
    rows = []
    for name, values in found.items():
        v, n = np.array([x for x, _ in values]), sum(x for _, x in values)
        rows.append(
            {"figure": name, "mean": float(v.mean()), "lowest": float(v.min()), "highest": float(v.max()), "n": n}
        )
    if asked.json:
        print(
            json.dumps(
                {"rows": rows, "machine": {"processor": platform.machine(), "python": platform.python_version()}}
            )
        )
        return
    print(f"{'figure':44}{'mean':>9}{'lowest':>9}{'highest':>9}{'n':>9}")
    for r in rows:
        print(f"{r['figure']:44}{r['mean']:9.3f}{r['lowest']:9.3f}{r['highest']:9.3f}{r['n']:9,}")


def world(creators: int, days: int, seed: int) -> list[Row]:
    eco = grow(creators, days, seed=seed)
    frames, true = canonical(eco), truth(eco)
    profiles = frames["audience_profiles"]
    hidden = profiles["creator_id"].unique().sort().gather_every(3)
    shown = frames | {"audience_profiles": profiles.filter(~pl.col("creator_id").is_in(hidden.implode()))}
    with tempfile.TemporaryDirectory() as scratch:
        create(Path(scratch) / "ws")
        done = load_frames(Path(scratch) / "ws", shown)
        if done.error is not None:
            raise SystemExit(str(done.error))
        lake = attach(Path(scratch) / "ws")
        try:
            tables = duckdb_tables(lake)
            with shared_reads():
                return [
                    *_roles(tables, true), *_income(tables, true, days, seed), *_resonance(tables, true),
                    *_audience(tables, profiles, hidden), *_discount(tables, true),
                ]  # fmt: skip
        finally:
            lake.close()


def _roles(tables: Tables, true: dict[str, pl.DataFrame]) -> list[Row]:
    found = room.roles(tables).filter(pl.col("declared").is_null())
    both = found.join(true["creators"].select("creator_id", pl.col("role").alias("true")), on="creator_id")
    right = both.filter(pl.col("role") == pl.col("true"))
    top = both.sort("creator_id", "value", descending=[False, True]).unique("creator_id", keep="first")
    n = top.height
    inside = ((top["role"] == top["true"]).mean(), -right["value"].log().mean(), top["value"].mean())
    names = ("roles: accuracy of the likeliest", "roles: log loss", "roles: mean chance of the likeliest")
    return [(name, float(v), n) for name, v in zip(names, inside, strict=True)]  # type: ignore[arg-type]


def _income(tables: Tables, true: dict[str, pl.DataFrame], days: int, seed: int) -> list[Row]:
    dearest = true["offers"].group_by("creator_id").agg(pl.col("list_price").max())
    going = true["creators"].filter(pl.col("stop_day") >= days)
    both = room.income(tables, seed=seed).join(going.select("creator_id", "posts_week"), on="creator_id")
    both = both.join(dearest, on="creator_id")
    rate, price = (both["posts_week"] * 365.25 / 7 * 0.08).to_numpy(), both["list_price"].to_numpy() / 1.15
    year = np.random.default_rng(seed).poisson(rate) * price
    inside = (year >= both["low"].to_numpy()) & (year <= both["high"].to_numpy())
    bias = np.median(np.log(both["expected"].to_numpy() / (rate * price)))
    return [
        ("income: coverage of 90 %", float(inside.mean()), both.height),
        ("income: median log(expected / true)", float(bias), both.height),
    ]


def _resonance(tables: Tables, true: dict[str, pl.DataFrame]) -> list[Row]:
    found = room.resonance(tables)
    effects = found.emotions.filter(feature="emotional")
    size = float(np.expm1(0.15))
    whole, each = effects.filter(platform="all"), effects.filter(pl.col("platform") != "all")
    inside = [float(((e["low"] <= size) & (e["high"] >= size)).mean()) for e in (whole, each)]  # type: ignore[arg-type]
    posts = true["posts"].with_columns(pl.col("work_log") + 0.15 * pl.col("emotional").cast(pl.Float64))
    strength = posts.group_by(work="work_id").agg(pl.col("work_log").mean())
    both = found.works.filter(how="work_id").join(strength, on="work")
    return [
        ("emotional titles: effect (true 0.162)", float(whole["value"][0]), int(whole["n"][0])),
        ("emotional titles: truth in 90 %, all", inside[0], 1),
        ("emotional titles: truth in 90 %, platforms", inside[1], each.height),
        ("works: correlation with true strength", float(both.select(pl.corr("value", "work_log")).item()), both.height),
        ("works: shared part of a score", float(found.shared["value"] or 0.0), int(found.shared["n"] or 0)),
    ]


def _audience(tables: Tables, profiles: pl.DataFrame, hidden: pl.Series) -> list[Row]:
    found = room.audience_profile(tables, hidden.to_list())
    both = found.join(profiles, on=["creator_id", "dimension", "bucket"])
    inside = ((both["share"] >= both["low"]) & (both["share"] <= both["high"])).mean()
    error = (both["share"] - both["value"]).abs().mean()
    return [
        ("audience: coverage of 90 %", float(inside), both.height),  # type: ignore[arg-type]
        ("audience: mean error of a share", float(error), both.height),  # type: ignore[arg-type]
    ]


def _discount(tables: Tables, true: dict[str, pl.DataFrame]) -> list[Row]:
    single = true["offers"].group_by("creator_id").len().filter(pl.col("len") == 1)
    found = room.discounts(tables).filter(level="platform", platform="kuaishou")
    return [] if found.is_empty() or single.is_empty() else [
        ("discount: Kuaishou (true 0.130)", float(found["value"][0]), int(found["n"][0]))
    ]  # fmt: skip


if __name__ == "__main__":
    main()
