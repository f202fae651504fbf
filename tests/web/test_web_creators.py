"""The list against a plain Python reading of the same request."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.web.estimates import SORTS, TRIPLES, Wanted, chosen, facets, listed, searchable

PLATFORMS, TIERS = ["douyin", "bilibili"], ["nano", "mid"]
NUMBERS = st.none() | st.floats(0, 1e6) | st.just(float("nan")) | st.just(float("inf"))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | st.sampled_from(["猫猫 cat", "Dog.*", "a+b(c", "ÄPFEL", ""]),
            "platform": st.sampled_from(PLATFORMS),
            "tier": st.none() | st.sampled_from(TIERS),
            "category": st.none() | st.sampled_from(["美妆", "game"]),
            "followers": NUMBERS,
            "price": NUMBERS,
            "value": NUMBERS,
        }
    ),
    max_size=40,
)

BARE = {
    "name": "a",
    "platform": "douyin",
    "tier": None,
    "category": None,
    "followers": 1.0,
    "price": None,
    "value": None,
}


def frame_of(rows: list[dict]) -> pl.DataFrame:
    triple = pl.Struct({k: pl.Float64 for k in ("value", "low", "high")})  # noqa: C420
    plain = pl.DataFrame(
        [
            {"creator_id": f"{r['platform']}:{i:03}", "name": r["name"], "platform": r["platform"], "tier": r["tier"],
             "category": r["category"], "role": None, "followers": r["followers"], "price": r["price"],
             "over": r["value"], "cpm": r["value"]}
            | {t: dict.fromkeys(("value", "low", "high"), r["value"]) for t in TRIPLES}
            for i, r in enumerate(rows)
        ],
        schema={"creator_id": pl.String, "name": pl.String, "platform": pl.String, "tier": pl.String,
                "category": pl.String, "role": pl.String, "followers": pl.Float64, "price": pl.Float64,
                "over": pl.Float64, "cpm": pl.Float64} | dict.fromkeys(TRIPLES, triple),
    )  # fmt: skip
    return searchable(plain)


def finite(x):
    return x if x is not None and math.isfinite(x) else None


@given(ROWS, st.sampled_from(["", "cat", ".*", "b(c", "äpfel", "bili game"]), st.sampled_from(["", *PLATFORMS]),
       st.none() | st.floats(0, 1e6), st.sampled_from(SORTS), st.booleans())  # fmt: skip
def test_filter_and_order_are_what_a_plain_loop_gives(rows, q, platform, price_max, sort, down):
    wanted = Wanted(q=q, platform=platform, price_max=price_max, sort=sort, down=down)
    got = [r["creator_id"] for r in chosen(frame_of(rows), wanted).to_dicts()]
    want = []
    for i, r in enumerate(rows):
        me = f"{r['platform']}:{i:03}"
        text = f"{r['name'] or ''} {me} {r['category'] or ''}".lower()
        price = finite(r["price"])
        fits = all(w in text for w in q.split()) and platform in ("", r["platform"])
        if fits and (price_max is None or (price is not None and price <= price_max)):
            key = (
                r["name"]
                if sort == "name"
                else finite(r["followers" if sort == "followers" else "price" if sort == "price" else "value"])
            )
            want.append((key, me))
    known = sorted((w for w in want if w[0] is not None), key=lambda w: w[1])
    known.sort(key=lambda w: w[0], reverse=down)
    missing = sorted(w[1] for w in want if w[0] is None)
    assert got == [w[1] for w in known] + missing


@given(ROWS, st.integers(-3, 9), st.integers(1, 20))
def test_pages_hold_every_row_once(rows, page, size):
    frame = frame_of(rows)
    wanted = Wanted(rows=size)
    first = listed(frame, wanted, complete=True)
    seen = []
    for p in range(1, first.pages + 1):
        seen += [r["creator_id"] for r in listed(frame, Wanted(rows=size, page=p), complete=True).rows]
    assert sorted(seen) == sorted(frame["creator_id"])
    odd = listed(frame, Wanted(rows=size, page=page), complete=True)
    assert 1 <= odd.page <= odd.pages
    assert odd.total == frame.height


def test_only_prices_below_the_whole_fair_interval_are_bargains():
    rows = [BARE | {"price": p, "value": 100.0} for p in (99.0, 100.0, None)]
    assert chosen(frame_of(rows), Wanted(bargain=True))["price"].to_list() == [99.0]


def test_before_the_estimates_the_list_is_sorted_by_followers():
    rows = [BARE | {"followers": f} for f in (1.0, 3.0, 2.0)]
    shown = listed(frame_of(rows), Wanted(sort="views_next"), complete=False)
    assert [r["followers"] for r in shown.rows] == [3.0, 2.0, 1.0]
    assert facets(frame_of(rows))["platform"] == [("douyin", 3)]


def test_odd_requests_give_a_list_and_no_error(client):
    for query in ("page=-1", "page=99999999999", "page=x", "sort=drop", "followers_min=abc", "price_max=1e999",
                  "price_max=nan", "q=%00%ff", "q=" + "x" * 5000, "platform=%27", "down=", "sort=name",
                  "followers_max=-5"):  # fmt: skip
        answer = client.get(f"/creators?{query}")
        assert answer.status_code == 200, query
        assert "<table" in answer.text or 'class="empty"' in answer.text


def test_amounts_are_read_as_people_write_them(client, site):
    total = client.get("/creators?followers_min=5万&lang=en", headers={"x-part": "1"}).text
    plain = client.get("/creators?followers_min=50000&lang=en", headers={"x-part": "1"}).text
    assert total.split("found")[0].split("<strong>")[1] == plain.split("found")[0].split("<strong>")[1]
    everyone = client.get("/creators?lang=en", headers={"x-part": "1"}).text
    assert everyone.split("found")[0].split("<strong>")[1] != plain.split("found")[0].split("<strong>")[1]


def test_the_shortlist_is_kept_filtered_by_and_planned_with(client, site):
    ids = [
        r["creator_id"] for r in site.rows(site.snapshot(), "SELECT creator_id FROM lake.creators ORDER BY 1 LIMIT 3")
    ]
    client.post("/creators/shortlist", data={"csrf": site.csrf, "do": "add", "id": ids})
    only = client.get("/creators?only=shortlist&lang=en", headers={"x-part": "1"}).text
    assert "3 found" in only
    assert all(i in client.get("/plans/new?shortlist=1").text for i in ids)
    client.post("/creators/shortlist", data={"csrf": site.csrf, "do": "remove", "id": ids[0]})
    assert "2 found" in client.get("/creators?only=shortlist&lang=en", headers={"x-part": "1"}).text
    client.post("/creators/shortlist", data={"csrf": site.csrf, "do": "clear"})
    assert "No creator fits" in client.get("/creators?only=shortlist&lang=en", headers={"x-part": "1"}).text


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_export_holds_what_the_filter_shows(client, form):
    answer = client.get(f"/creators/export.{form}?platform=bilibili")
    read = pl.read_csv(answer.content) if form == "csv" else pl.read_excel(answer.content, engine="openpyxl")
    assert set(read["platform"]) == {"bilibili"}
    assert "attachment" in answer.headers["content-disposition"]
    assert "creator_id" in read.columns
