"""Data: what was read, what was refused and why, and the rows behind every figure."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tidegauge.report.figures import clean
from tidegauge.schema import TABLES
from tidegauge.sources.registry import sources
from tidegauge.web.guard import UPLOAD_LIMIT
from tidegauge.web.pages import NotFoundError, language_of, render
from tidegauge.web.site import Site

PAGE_ROWS = 50
#: Columns by which the rows of a table can be narrowed, where the table has them.
_NARROW = ("ingest_id", "creator_id", "post_id", "platform", "brand", "reason")
_MOST_TEXT = 160


@dataclasses.dataclass(frozen=True)
class Slice:
    """One page of rows of a table."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    total: int
    page: int
    pages: int


def page(site: Site, request: Request) -> Response:
    """Tables, ingests, rejects by reason, and the upload form."""
    snapshot, lang = site.snapshot(), language_of(site, request)
    sizes = ", ".join(f"(SELECT count(*) FROM lake.{t}) AS {t}" for t in TABLES)
    held = site.kept(("sizes", snapshot), lambda: site.rows(snapshot, f"SELECT {sizes}")[0])
    titles = {name: _title(table.__doc__ or name, lang) for name, table in TABLES.items()}
    ingests = site.rows(
        snapshot,
        "SELECT ingest_id, path, reader, rows, rejected, strftime(finished_at, '%Y-%m-%d %H:%M') AS finished "
        "FROM lake.ingests ORDER BY finished_at DESC, ingest_id LIMIT 200",
    )
    reasons = site.rows(
        snapshot, "SELECT reason, count(*) AS n FROM lake.rejects GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 30"
    )
    readers = {name: (s.title_zh if lang == "zh" else s.title_en) for name, s in sources().items()}
    jobs = [j for j in site.jobs.recent() if j.kind in ("ingest", "demo")][:5]
    return render(
        site, request, "data.html", view="data", snapshot=snapshot, held=held, titles=titles, ingests=ingests,
        reasons=reasons, readers=readers, jobs=jobs, limit_mb=UPLOAD_LIMIT >> 20,
    )  # fmt: skip


def rows(site: Site, request: Request) -> Response:
    """The rows of a table, narrowed to an ingest, a creator, a post; the newest snapshot's."""
    table = request.path_params["table"]
    if table not in TABLES:
        raise NotFoundError(table, mend="tables: " + ", ".join(TABLES))
    snapshot = site.snapshot()
    asked = {c: clean(request.query_params[c])[:300] for c in _NARROW if request.query_params.get(c)}
    at = request.query_params.get("page", "1")
    found = slice_of(site, snapshot, table, asked, int(at) if at.isdigit() and len(at) < 8 else 1)
    return render(
        site, request, "rows.html", view="data", snapshot=snapshot, table=table, found=found, asked=asked,
        base={"path": f"/data/rows/{table}", "asked": asked}, most=_MOST_TEXT,
    )  # fmt: skip


def ingest(site: Site, request: Request) -> Response:
    """One ingest: its file, fingerprint, what it added to each table, what was refused."""
    ingest_id, snapshot = clean(request.path_params["ingest"]), site.snapshot()
    found = site.rows(
        snapshot,
        "SELECT *, strftime(finished_at, '%Y-%m-%d %H:%M:%S') AS finished FROM lake.ingests WHERE ingest_id = ?",
        [ingest_id],
    )
    if not found:
        raise NotFoundError("ingest", mend="see the list under Data")
    names = [t for t in TABLES if t != "ingests"]
    parts = ", ".join(f"(SELECT count(*) FROM lake.{t} WHERE ingest_id = ?) AS {t}" for t in names)
    added = site.rows(snapshot, f"SELECT {parts}", [ingest_id] * len(names))[0]
    refused = site.rows(
        snapshot, "SELECT locator, reason, raw FROM lake.rejects WHERE ingest_id = ? ORDER BY locator LIMIT 100",
        [ingest_id],
    )  # fmt: skip
    return render(
        site, request, "ingest.html", view="data", snapshot=snapshot, ingest=found[0], added=added, refused=refused,
        most=_MOST_TEXT,
    )  # fmt: skip


def slice_of(site: Site, snapshot: int, table: str, asked: dict[str, str], page_number: int) -> Slice:
    """One page of a table's rows; `table` and the keys of `asked` come from the schema, values are bound."""
    have = {r["column_name"] for r in site.rows(snapshot, f"DESCRIBE lake.{table}")}
    narrow = {c: v for c, v in asked.items() if c in have}
    where = (" WHERE " + " AND ".join(f"{c} = ?" for c in narrow)) if narrow else ""
    values: list[object] = list(narrow.values())
    total = int(site.rows(snapshot, f"SELECT count(*) AS n FROM lake.{table}{where}", values)[0]["n"])
    pages = max(1, -(-total // PAGE_ROWS))
    at = max(1, min(page_number, pages))
    keys = ", ".join(c for c in TABLES[table].primary_key() if c in have) or "ALL"
    found = site.rows(
        snapshot, f"SELECT * FROM lake.{table}{where} ORDER BY {keys} LIMIT {PAGE_ROWS} OFFSET {(at - 1) * PAGE_ROWS}",
        values,
    )  # fmt: skip
    return Slice(tuple(found[0]) if found else (), found, total, at, pages)


def _title(doc: str, lang: str) -> str:
    """The table's name from its declaration: "达人：… | Creators: …"."""
    zh, _, en = doc.strip().splitlines()[0].partition(" | ")
    return zh.split("：")[0] if lang == "zh" else en.split(":")[0].rstrip(".")
