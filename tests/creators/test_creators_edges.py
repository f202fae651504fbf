"""Creators with one post, none, all zeros, falling counts, missing platforms, 10万+ everywhere: honest, never NaN."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from creator_cases import NOW, all_finite, creator, frames, posted

from tidegauge.creators import (
    audience_profile,
    creator_page,
    creators_table,
    discounts,
    fair_prices,
    income_distribution,
    resonance,
    role_fit,
    roles,
)
from tidegauge.creators.advise import advise
from tidegauge.creators.price import FREE
from tidegauge.errors import MeasureError


def odd_ones() -> dict[str, pl.DataFrame]:
    rows: dict[str, list] = {"creators": [], "creator_snapshots": [], "posts": [], "post_snapshots": [], "offers": []}
    cases = {
        "one": np.array([8.0]), "zeros": np.full(4, -9.0), "floors": np.full(6, np.log(100_000.0)),
        "usual": np.linspace(7, 9, 12), "free": np.linspace(7, 9, 5),
    }  # fmt: skip
    for name, y in cases.items():
        made = posted(
            f"xiaohongshu:{name}", y, columns=[{"title": f"{name} 第{k}条", "tags": ["日常"]} for k in range(len(y))]
        )
        rows["posts"] += made[0]
        rows["post_snapshots"] += [s | {"censored": name == "floors"} for s in made[1]]
    for name in (*cases, "none", "falls"):
        rows["creators"].append(creator(f"xiaohongshu:{name}", name=None if name == "none" else name))
    # Counts that fall from one reading to the next, and followers that vanish.
    born = NOW - dt.timedelta(days=20)
    post = {"post_id": "xiaohongshu:falls_0", "creator_id": "xiaohongshu:falls", "platform": "xiaohongshu"}
    rows["posts"].append(post | {"published_at": born, "format": None})
    for k, views in enumerate((900, 700, 0)):
        seen = born + dt.timedelta(days=2 * k + 1)
        rows["post_snapshots"].append({"post_id": post["post_id"], "observed_at": seen, "views": views})
        rows["creator_snapshots"].append({"creator_id": "xiaohongshu:falls", "observed_at": seen, "followers": views})
    rows["creators"].append(creator("tieba:lonely"))
    offer = {"format": "image_text", "role": "KOL", "currency": "USD", "valid_from": NOW.date()}
    rows["offers"] += [
        {"creator_id": "xiaohongshu:free", "price": 0.0, **offer},
        {"creator_id": "xiaohongshu:one", "price": 300.0, **offer},
    ]
    return frames(**rows)


def test_every_figure_of_odd_creators_is_finite_and_wide(make_tables):
    tables = make_tables(odd_ones())
    table = creators_table(tables)
    assert table.height == 8
    assert all_finite(table)
    json.dumps(table.to_dicts(), allow_nan=False)
    for column, kind in table.schema.items():
        if isinstance(kind, pl.Struct):
            inner = table.get_column(column).drop_nulls().struct.unnest().drop_nulls()
            assert (inner["low"] <= inner["value"] + 1e-9).all(), column
            assert (inner["value"] <= inner["high"] + 1e-9).all(), column
    for frame in (roles(tables), audience_profile(tables), discounts(tables), role_fit(tables)):
        assert all_finite(frame)
    found = resonance(tables)
    assert all(all_finite(f) for f in (found.works, found.topics, found.emotions))
    rows = {r["creator_id"]: r for r in table.iter_rows(named=True)}
    none, usual = (rows[f"xiaohongshu:{n}"]["cpm_post"] for n in ("none", "usual"))
    assert none["high"] / none["low"] > usual["high"] / usual["low"]
    with pytest.raises(MeasureError):
        income_distribution(tables)


@pytest.mark.parametrize("name", ["xiaohongshu:free", "tieba:lonely"])
def test_pages_and_advice_of_odd_creators_are_json(make_tables, name):
    tables = make_tables(odd_ones())
    page = creator_page(tables, name)
    told = json.dumps(page.as_dict(), allow_nan=False, default=str)
    assert json.loads(told)["roles"][0]["role"] in ("KOL", "KOC", "KOS", "KOE", "KOB")
    assert page.income.height == 1
    assert sum(r["value"] for r in page.as_dict()["roles"]) == pytest.approx(1.0)
    advice = advise(tables, name)
    json.dumps(advice.as_dict(), allow_nan=False, default=str)
    assert advice.lines


def test_an_offer_at_no_cost_keeps_its_creator_with_a_fair_price_and_a_reason(make_tables):
    tables = make_tables(odd_ones())
    rows = {r["creator_id"]: r for r in fair_prices(tables).iter_rows(named=True)}
    assert set(rows) == set(creators_table(tables)["creator_id"])
    free = rows["xiaohongshu:free"]
    assert (free["format"], free["price"], free["over"]) == ("image_text", None, None)
    assert 0 < free["fair_low"] < free["fair"] < free["fair_high"]
    assert FREE in free["assumed"]
    assert FREE not in rows["xiaohongshu:one"]["assumed"]


def test_the_role_filter_takes_declared_and_likely_roles(make_tables):
    people = [
        creator("weibo:1", name="某某官方旗舰店", verified=True),
        creator("weibo:2", name="小李", role="KOS"),
        creator("weibo:3", name="小王"),
    ]
    tables = make_tables(frames(creators=people))
    assert creators_table(tables, role="KOB")["creator_id"].to_list() == ["weibo:1"]
    assert creators_table(tables, role="KOS")["creator_id"].to_list() == ["weibo:2"]
    with pytest.raises(MeasureError, match="no role"):
        creators_table(tables, role="KOX")
