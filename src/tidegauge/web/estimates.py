"""All creators' estimates, computed once per snapshot in another process, held as columns to search, filter and sort.

Before they are there, the list stands on what the lake knows at once (names, platforms, followers).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from tidegauge.api import Workspace
from tidegauge.creators import creators_table, fair_prices, forecast_next_post, half_life, price_rationality
from tidegauge.creators.post_frame import creator_facts
from tidegauge.creators.shared import shared_reads
from tidegauge.errors import TidegaugeError
from tidegauge.web.cache import write_about, write_whole
from tidegauge.web.figures import Answer, Say, answer
from tidegauge.web.site import Site

#: Estimates that come as value, low, high.
TRIPLES = (
    "views_next", "post_next", "price_fair", "dependence", "holds", "quality", "role_chance", "cpm_post", "cpe",
    "cpv", "discount", "income",
)  # fmt: skip
#: By what the list can be sorted; the first is the order where nothing is said.
SORTS = (
    "views_next", "followers", "post_next", "price", "price_fair", "over", "cpm", "dependence", "quality", "name",
)  # fmt: skip
PAGE_ROWS = 50
_MOST_ROWS = 200
_FACETS = ("platform", "tier", "category", "role")


@dataclass(frozen=True)
class Wanted:
    """What a person asked the list for. Empty texts and None mean: everything."""

    q: str = ""
    platform: str = ""
    tier: str = ""
    category: str = ""
    role: str = ""
    followers_min: float | None = None
    followers_max: float | None = None
    price_max: float | None = None
    quality_min: float | None = None
    bargain: bool = False
    ids: tuple[str, ...] | None = None
    sort: str = SORTS[0]
    down: bool = True
    page: int = 1
    rows: int = PAGE_ROWS


@dataclass(frozen=True)
class Listed:
    """One page of the list: `rows` of `total` that fit; `complete` says whether the estimates are there."""

    rows: list[dict[str, Any]]
    total: int
    page: int
    pages: int
    complete: bool


def estimated(site: Site, snapshot: int, *, again: bool = False) -> Answer:
    """The estimates of all creators: `creators.parquet` and its companions in the answer's folder."""
    return answer(site, snapshot, "creators", "", _estimate, again=again)


def roster_frame(site: Site, snapshot: int) -> tuple[pl.DataFrame, bool]:
    """All creators as columns, and whether the estimates are among them."""
    found = estimated(site, snapshot)
    if found.ready:
        place = found.place
        return site.kept(("creators", snapshot), lambda: searchable(pl.read_parquet(place / "creators.parquet"))), True
    return site.kept(("facts", snapshot), lambda: _facts(site, snapshot)), False


def parts(site: Site, snapshot: int, name: str, creator_id: str) -> list[dict[str, Any]]:
    """One creator's rows of `formats`, `prices` or `half_life`; empty before the estimates are there."""
    found = estimated(site, snapshot)
    if not found.ready:
        return []
    rows: pl.DataFrame = pl.scan_parquet(found.place / f"{name}.parquet").filter(creator_id=creator_id).collect()
    return rows.to_dicts()


def listed(frame: pl.DataFrame, wanted: Wanted, *, complete: bool) -> Listed:
    """Filter, sort and page. Ties are broken by id; rows without the sorted figure come last."""
    if not complete and wanted.sort not in ("name", "followers"):
        wanted = replace(wanted, sort="followers", down=True)
    fit = chosen(frame, wanted)
    rows = max(1, min(wanted.rows, _MOST_ROWS))
    pages = max(1, -(-fit.height // rows))
    page = max(1, min(wanted.page, pages))
    shown = fit.slice((page - 1) * rows, rows).drop("_text")
    return Listed(shown.to_dicts(), fit.height, page, pages, complete)


def chosen(frame: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """All rows that fit, in their order."""
    tests = [pl.col("_text").str.contains(word, literal=True) for word in wanted.q.lower().split()[:8]]
    tests += [pl.col(c) == v for c in _FACETS if (v := getattr(wanted, c))]
    bounds = (("followers", wanted.followers_min, None), ("followers", None, wanted.followers_max),
              ("price", None, wanted.price_max))  # fmt: skip
    for column, low, high in bounds:
        if low is not None:
            tests.append(pl.col(column) >= low)
        if high is not None:
            tests.append(pl.col(column) <= high)
    if wanted.quality_min is not None:
        tests.append(pl.col("quality") >= wanted.quality_min)
    if wanted.bargain:
        # Cheaper than the whole interval of the fair price, not just than its middle.
        tests.append(pl.col("price") < pl.col("price_fair_low"))
    if wanted.ids is not None:
        tests.append(pl.col("creator_id").is_in(list(wanted.ids)))
    fit = frame.filter(*tests) if tests else frame
    sort = wanted.sort if wanted.sort in SORTS else SORTS[0]
    return fit.sort(sort, "creator_id", descending=[wanted.down, False], nulls_last=True)


def facets(frame: pl.DataFrame) -> dict[str, list[tuple[str, int]]]:
    """Platforms, tiers, categories and roles with their number of creators, the largest first."""
    found = {}
    for c in _FACETS:
        counted = frame.get_column(c).drop_nulls().value_counts(sort=True).head(100)
        found[c] = [(str(v), int(n)) for v, n in counted.iter_rows()]
    return found


def searchable(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with intervals as columns of their own, and a text to search in."""
    flat = []
    for c in TRIPLES:
        flat += [pl.col(c).struct.field(f).alias(c if f == "value" else f"{c}_{f}") for f in ("value", "low", "high")]
    text = pl.concat_str([pl.col("name").fill_null(""), pl.col("creator_id"), pl.col("category").fill_null("")],
                         separator=" ")  # fmt: skip
    found = frame.with_columns(*flat, text.str.to_lowercase().alias("_text"))
    floats = [c for c, t in found.schema.items() if t.is_float()]
    return found.with_columns(pl.when(pl.col(c).is_finite()).then(pl.col(c)).alias(c) for c in floats)


def _facts(site: Site, snapshot: int) -> pl.DataFrame:
    with site.tables(snapshot) as tables:
        facts: pl.DataFrame = creator_facts(tables)
    bare = facts.select("creator_id", "name", "platform", "tier", "category", "role", "followers")
    none = pl.lit(None, pl.Struct(dict.fromkeys(("value", "low", "high"), pl.Float64)))
    blank = [none.alias(c) for c in TRIPLES]
    blank += [pl.lit(None, pl.Float64).alias(c) for c in ("price", "over", "cpm")]
    blank += [pl.lit(None, pl.String).alias(c) for c in ("currency", "format", "basis")]
    return searchable(bare.with_columns(*blank, pl.lit(None, pl.List(pl.String)).alias("reasons")))


def _estimate(say: Say, workspace: str, snapshot: int, place: str) -> dict[str, Any]:
    say(0.05, "creators 达人")

    def fill(folder: Path) -> None:
        try:
            with Workspace(Path(workspace), snapshot).tables() as tables, shared_reads():
                table = creators_table(tables)
                say(0.6, "creators 达人")
                posts = forecast_next_post(tables, seed=0)
                say(0.7, "prices 报价")
                prices = fair_prices(tables, forecasts=posts, seed=0)
                say(0.85, "half-life 半衰期")
                lives = half_life(tables, by="creator")
                rational = price_rationality(tables, forecasts=posts)
                provenance = tables.provenance(seed=0).as_dict()
        except TidegaugeError as e:
            write_about(folder, e.as_dict())
            return
        frames = {"creators": table, "formats": posts, "prices": prices, "half_life": lives, "rationality": rational}
        for name, frame in frames.items():
            # Sorted by id, so that a page of one creator reads one row group.
            keyed = frame.sort("creator_id", maintain_order=True) if "creator_id" in frame.columns else frame
            keyed.write_parquet(folder / f"{name}.parquet", row_group_size=20_000)
        write_about(folder, {"provenance": provenance, "creators": table.height})

    write_whole(Path(place), fill)
    return {}
