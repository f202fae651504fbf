"""The union of audiences: consistent with pairs, brought up to the whole, true on people who are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW

from tidegauge.creators import audience_overlap, audience_union
from tidegauge.errors import MeasureError


def commented(audiences: dict[str, np.ndarray], *, posts: int, each: int, seed: int) -> dict[str, pl.DataFrame]:
    """Creators whose every post is commented by some of their audience."""
    rng = np.random.default_rng(seed)
    rows = [
        {"creator_id": f"bilibili:{name}", "post_id": f"bilibili:{name}_{k}", "audience_key": f"k{person}"}
        for name, people in audiences.items()
        for k in range(posts)
        for person in rng.choice(people, min(each, len(people)), replace=False)
    ]
    samples = pl.DataFrame(rows).with_columns(observed_at=pl.lit(NOW))
    works = samples.select("post_id", "creator_id").unique().with_columns(platform=pl.lit("bilibili"))
    return {"posts": works, "audience_samples": samples}


def test_two_creators_have_their_sizes_less_the_persons_in_both(make_tables):
    tables = make_tables(commented({"a": np.arange(2000), "b": np.arange(1200, 3000)}, posts=6, each=150, seed=4))
    names = ["bilibili:a", "bilibili:b"]
    union, pair = audience_union(tables, names), audience_overlap(tables, names).row(0, named=True)
    assert union.persons == pytest.approx(union.summed - pair["persons"], rel=1e-6)
    assert union.rows["alone"].sum() == pytest.approx(union.summed - 2 * pair["persons"], rel=1e-6)
    assert union.low <= 3000 <= union.high
    assert union.seen < 0.8 * union.persons
    assert audience_union(tables, [*names, "bilibili:nobody"]).unsampled == ("bilibili:nobody",)


def test_publics_that_share_people_are_counted_once(make_tables):
    """Three creators of one public and three of none: simple addition counts the public three times."""
    public = {f"p{k}": np.arange(k * 100, 1500 + k * 100) for k in range(3)}
    others = {f"o{k}": np.arange(10_000 + 2_000 * k, 10_800 + 2_000 * k) for k in range(3)}
    tables = make_tables(commented(public | others, posts=8, each=120, seed=2))
    union = audience_union(tables, [f"bilibili:{n}" for n in (*public, *others)])
    true = 1_700 + 3 * 800
    assert union.low <= true <= union.high
    assert union.persons == pytest.approx(true, rel=0.12)
    assert union.summed > 1.5 * true
    alone = {r["creator_id"]: r for r in union.rows.iter_rows(named=True)}
    assert alone["bilibili:o1"]["alone"] == pytest.approx(800, rel=0.2)
    assert alone["bilibili:p1"]["alone"] < 0.3 * alone["bilibili:p1"]["persons"]


def test_90_percent_intervals_hold_the_commenters_of_an_ecosystem(twin):
    core = {r["creator_id"]: set(r["core"]) for r in twin.truth["memberships"].iter_rows(named=True)}
    honest = twin.truth["creators"].filter(~pl.col("inflated")).get_column("creator_id")
    seen = twin.frames["audience_samples"].group_by("creator_id").agg(pl.col("audience_key").n_unique().alias("n"))
    seen = seen.filter((pl.col("n") >= 10) & pl.col("creator_id").is_in(honest.implode())).sort("creator_id")
    rng, hits = np.random.default_rng(1), []
    for platform in ("bilibili", "douyin", "xiaohongshu", "kuaishou"):
        pool = seen.filter(pl.col("creator_id").str.starts_with(platform))["creator_id"].to_list()
        for k in (3, 8, 20):
            if len(pool) < k:
                continue
            chosen = [pool[i] for i in rng.choice(len(pool), k, replace=False)]
            union = audience_union(twin.tables, chosen)
            hits.append(union.low <= len(set().union(*(core[c] for c in chosen))) <= union.high)
    assert len(hits) >= 8
    assert np.mean(hits) >= 0.7


def test_no_sample_no_people_and_too_many_creators_are_turned_back(make_tables):
    tables = make_tables(commented({"a": np.arange(3)}, posts=1, each=3, seed=1))
    nobody = audience_union(tables, ["bilibili:x"])
    assert (nobody.persons, nobody.high, nobody.unsampled) == (0.0, 0.0, ("bilibili:x",))
    assert nobody.rows.is_empty()
    assert audience_union(tables, []).as_dict()["rows"] == []
    few = audience_union(tables, ["bilibili:a"])
    assert 3 <= few.low <= few.persons <= few.high < 1e3
    with pytest.raises(MeasureError, match="61 creators"):
        audience_union(tables, [f"x:{k}" for k in range(61)])
