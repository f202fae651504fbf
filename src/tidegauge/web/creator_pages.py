"""Creators: search, filter, sort and page through all of them; compare up to five; one creator's page."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from typing import Any

import polars as pl
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.creators import audience_overlap, audience_union
from tidegauge.creators.table import standing
from tidegauge.report.blocks import BarChart, Column, LineChart
from tidegauge.report.charts import svg
from tidegauge.report.figures import clean
from tidegauge.report.tables import neutralised, write_csv
from tidegauge.result import Text
from tidegauge.vocab import Lang
from tidegauge.web.estimates import (
    SORTS,
    TRIPLES,
    Wanted,
    chosen,
    estimated,
    facets,
    listed,
    parts,
    roster_frame,
)
from tidegauge.web.pages import NotFoundError, language_of, number, part_asked, render
from tidegauge.web.shortlist import shortlisted
from tidegauge.web.site import Site
from tidegauge.web.words import said, text

MOST_COMPARED = 5
#: Rows of an export, and how many partners the audience of one creator is compared with.
_MOST_EXPORTED, _PARTNERS = 100_000, 30
_UNITS = {"dependence": "index", "quality": "index"}
#: Columns of the list that a click sorts by.
COLUMNS = (
    "followers", "views_next", "post_next", "price", "price_fair", "over", "cpm", "dependence", "quality",
)  # fmt: skip


def page(site: Site, request: Request) -> Response:
    """The list; with the script's header only its changing part."""
    snapshot = site.snapshot()
    wanted, only = wanted_of(request), request.query_params.get("only") == "shortlist"
    held = shortlisted(site)
    frame, complete = roster_frame(site, snapshot)
    found = listed(frame, replace(wanted, ids=held) if only else wanted, complete=complete)
    counted = site.kept(("facets", snapshot, complete), lambda: facets(frame))
    values = {
        k: v for k, v in asdict(wanted).items() if v not in ("", None, False) and k not in ("ids", "page", "rows")
    }
    values |= {"down": "1" if wanted.down else "0"} | ({"only": "shortlist"} if only else {})
    template = "creators_rows.html" if part_asked(request) else "creators.html"
    return render(
        site, request, template, view="creators", snapshot=snapshot, found=found, wanted=wanted, only=only,
        facets=counted, sorts=SORTS, columns=COLUMNS, held=held, base={"path": "/creators", "asked": values},
        job=None if complete else estimated(site, snapshot).job,
    )  # fmt: skip


def wanted_of(request: Request) -> Wanted:
    """The list's filters from the address; what is no number is left out."""
    q = request.query_params
    sort, at = q.get("sort", SORTS[0]), q.get("page", "1")

    def word(key: str) -> str:
        return q.get(key, "")[:200]

    return Wanted(
        q=word("q"),
        platform=word("platform"),
        tier=word("tier"),
        category=word("category"),
        role=word("role"),
        followers_min=number(q.get("followers_min")),
        followers_max=number(q.get("followers_max")),
        price_max=number(q.get("price_max")),
        quality_min=number(q.get("quality_min")),
        bargain=q.get("bargain") in ("1", "on"),
        sort=sort if sort in SORTS else SORTS[0],
        down=q.get("down", "0" if sort == "name" else "1") != "0",
        page=int(at) if at.isdigit() and len(at) < 8 else 1,
    )


def export(site: Site, request: Request) -> Response:
    """All rows that fit, as CSV (with BOM) or XLSX; texts stay texts."""
    form = request.path_params["form"]
    if form not in ("csv", "xlsx"):
        raise NotFoundError(f"export.{form}")
    wanted = wanted_of(request)
    if request.query_params.get("only") == "shortlist":
        wanted = replace(wanted, ids=shortlisted(site))
    frame, _ = roster_frame(site, site.snapshot())
    rows = chosen(frame, wanted).head(_MOST_EXPORTED).drop("_text")
    return attached(rows.with_columns(pl.col("reasons").list.join(", ")), "creators", form)


def attached(rows: pl.DataFrame, name: str, form: str) -> Response:
    """Rows as a file to download."""
    out = io.BytesIO()
    if form == "csv":
        write_csv(rows, out)
        kind = "text/csv; charset=utf-8"
    else:
        neutralised(rows).write_excel(out, worksheet=name[:31], freeze_panes=(1, 1), autofit=True)
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    head = {"content-disposition": f'attachment; filename="tidegauge-{name}.{form}"'}
    return Response(out.getvalue(), media_type=kind, headers=head)


def compare(site: Site, request: Request) -> Response:
    """Two to five creators side by side, with their shared audience."""
    ids = tuple(dict.fromkeys(request.query_params.getlist("id")))[:MOST_COMPARED]
    snapshot, lang = site.snapshot(), language_of(site, request)
    frame, complete = roster_frame(site, snapshot)
    rows = {r["creator_id"]: r for r in frame.filter(pl.col("creator_id").is_in(list(ids))).drop("_text").to_dicts()}
    shown = [rows[i] for i in ids if i in rows]
    charts, shared, together = [], [], None
    if len(shown) >= 2:
        charts = [c for c in (_dots(shown, k, lang) for k in ("views_next", "post_next", "price_fair")) if c]
        with site.tables(snapshot) as tables:
            pairs: pl.DataFrame = audience_overlap(tables, [r["creator_id"] for r in shown])
            together = audience_union(tables, [r["creator_id"] for r in shown])
        names = {r["creator_id"]: r["name"] or r["creator_id"] for r in shown}
        shared = [p | {"a": names[p["creator_a"]], "b": names[p["creator_b"]]} for p in pairs.to_dicts()]
    return render(
        site, request, "compare.html", view="creators", snapshot=snapshot, rows=shown, charts=charts, shared=shared,
        together=together,
        figures=COLUMNS, units=_UNITS, job=None if complete else estimated(site, snapshot).job,
    )  # fmt: skip


def one(site: Site, request: Request) -> Response:
    """One creator: estimates, offers, half-life, standing, history, posts, and where the rows come from."""
    creator_id = request.query_params.get("id", "")
    snapshot, lang = site.snapshot(), language_of(site, request)
    frame, complete = roster_frame(site, snapshot)
    mine = frame.filter(creator_id=creator_id)
    if mine.is_empty():
        raise NotFoundError(said("unknown_creator", lang, id=creator_id[:80]))
    row = mine.drop("_text").row(0, named=True)
    peers = frame.filter((pl.col("platform") == row["platform"]) & (pl.col("tier") == row["tier"]))
    among = standing(_nested(peers), _nested(mine).row(0, named=True)).to_dicts() if complete else []
    found: dict[str, Any] = {n: parts(site, snapshot, n, creator_id) for n in ("formats", "prices", "half_life")}
    return render(
        site, request, "creator.html", view="creators", snapshot=snapshot, row=row, complete=complete, among=among,
        **found, history=_history(site, snapshot, creator_id, lang), posts=_posts(site, snapshot, creator_id),
        held=row["creator_id"] in shortlisted(site), ingests=_ingests(site, snapshot, creator_id),
        job=None if complete else estimated(site, snapshot).job,
    )  # fmt: skip


def audience_part(site: Site, request: Request) -> Response:
    """With whom a creator shares its commenting audience most; computed for those with most commenters in common."""
    # DuckLake writes a filter's text into its own SQL, where a NUL would end it.
    creator_id = clean(request.query_params.get("id", ""))
    snapshot = site.snapshot()
    pairs = site.kept(("audience", snapshot, creator_id), lambda: _partners(site, snapshot, creator_id))
    return render(site, request, "audience.html", view="creators", snapshot=snapshot, pairs=pairs)


def _partners(site: Site, snapshot: int, creator_id: str) -> list[dict[str, Any]]:
    near = site.rows(
        snapshot,
        "WITH mine AS (SELECT DISTINCT audience_key FROM lake.audience_samples WHERE creator_id = ?) "
        "SELECT s.creator_id, count(DISTINCT s.audience_key) AS shared FROM lake.audience_samples s "
        "JOIN mine USING (audience_key) WHERE s.creator_id IS NOT NULL AND s.creator_id <> ? "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        [creator_id, creator_id, _PARTNERS],
    )
    if not near:
        return []
    others = [r["creator_id"] for r in near]
    with site.tables(snapshot) as tables:
        pairs: pl.DataFrame = audience_overlap(tables, [creator_id, *others])
    mine = pairs.filter((pl.col("creator_a") == creator_id) | (pl.col("creator_b") == creator_id))
    other = pl.when(pl.col("creator_a") == creator_id).then("creator_b").otherwise("creator_a").alias("other")
    frame, _ = roster_frame(site, snapshot)
    named = frame.select(pl.col("creator_id").alias("other"), "name", "platform")
    top = (
        mine.with_columns(other).join(named, on="other", how="left").sort("persons", "other", descending=[True, False])
    )
    return top.head(10).to_dicts()


def _nested(frame: pl.DataFrame) -> pl.DataFrame:
    """Intervals as structs again, as the creators' room takes them."""
    return frame.with_columns(
        pl.struct(value=pl.col(c), low=pl.col(f"{c}_low"), high=pl.col(f"{c}_high")).alias(c) for c in TRIPLES
    )


def _dots(rows: list[dict[str, Any]], key: str, lang: Lang) -> tuple[Text, Markup] | None:
    keys = {"name": "name", "value": key, "low": f"{key}_low", "high": f"{key}_high"}
    frame = pl.DataFrame(
        [{k: r[c] if k != "name" else r["name"] or r["creator_id"] for k, c in keys.items()} for r in rows],
        schema={"name": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    )
    value = Column("value", text(key), "count", low="low", high="high")
    block = BarChart(f"compare-{key}", text(key), frame, Column("name", text("name")), (value,), style="dot")
    drawn = svg(block, lang, width=380)
    return (block.title, Markup(drawn)) if drawn else None


def _history(site: Site, snapshot: int, creator_id: str, lang: Lang) -> Markup:
    rows = site.rows(
        snapshot,
        "SELECT strftime(observed_at, '%Y-%m-%d') AS at, strftime(max(observed_at), '%m-%d') AS day, "
        "arg_max(followers, observed_at) AS followers FROM lake.creator_snapshots "
        "WHERE creator_id = ? AND followers IS NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT 120",
        [creator_id],
    )
    if len(rows) < 3:
        return Markup("")
    frame = pl.DataFrame(rows).sort("at").with_columns(pl.col("followers").cast(pl.Float64))
    block = LineChart(
        "history", text("history"), frame, Column("day", text("day_word"), "date"),
        (Column("followers", text("followers"), "count"),),
    )  # fmt: skip
    return Markup(svg(block, lang, width=620))


def _posts(site: Site, snapshot: int, creator_id: str) -> list[dict[str, Any]]:
    return site.rows(
        snapshot,
        "WITH mine AS (SELECT post_id, published_at, format, title, sponsored, brand FROM lake.posts "
        "WHERE creator_id = ? ORDER BY published_at DESC NULLS LAST, post_id LIMIT 12) "
        "SELECT strftime(m.published_at, '%Y-%m-%d') AS published, m.format, m.title, m.sponsored, m.brand, "
        "max(s.views) AS views, max(s.likes) AS likes FROM mine m LEFT JOIN lake.post_snapshots s USING (post_id) "
        "GROUP BY m.post_id, 1, 2, 3, 4, 5 ORDER BY 1 DESC NULLS LAST, m.post_id",
        [creator_id],
    )


def _ingests(site: Site, snapshot: int, creator_id: str) -> list[dict[str, Any]]:
    parts_of = " UNION ALL ".join(
        f"SELECT '{t}' AS tab, ingest_id, count(*) AS n FROM lake.{t} WHERE creator_id = ? GROUP BY ALL"
        for t in ("creators", "creator_snapshots", "posts", "offers", "placements")
    )
    return site.rows(
        snapshot,
        f"SELECT p.tab, p.ingest_id, p.n, i.path, i.reader FROM ({parts_of}) p "
        "LEFT JOIN lake.ingests i USING (ingest_id) ORDER BY p.tab, p.n DESC, p.ingest_id LIMIT 20",
        [creator_id] * 5,
    )
