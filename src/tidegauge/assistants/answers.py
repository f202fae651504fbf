"""What an assistant is told: for each question a plain document with figures, intervals, sample sizes and sources.

Nothing here knows the protocol. Every document has `told` (one sentence in the asked language), rows that were cut to
the asked number with the number that there are, and `source` (snapshot, ingests, engine, seed, what was assumed).
Texts from data are cleaned and cut: a creator's name is a name, and must not read like a page of instructions.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from tidegauge.api import Workspace
from tidegauge.creators.table import SORTS
from tidegauge.errors import MeasureError, UsageError
from tidegauge.manual import method_page, method_pages
from tidegauge.measure.registry import find, measures
from tidegauge.plan.result import Plan
from tidegauge.report.figures import clean, compact
from tidegauge.report.findings import sentence
from tidegauge.report.sections.headline import headline, headline_facts
from tidegauge.report.words import reads
from tidegauge.result import Provenance, Result, Text
from tidegauge.vocab import LABELS, Lang, platform

#: Rows of one answer: what is told where nothing is asked, and what no answer exceeds.
ROWS, MOST_ROWS = 40, 500
_MOST_CHARACTERS, _DIGITS, _MOST_IDS = 160, 6, 5
#: Rows of a plan's lesser tables.
_PLAN_ROWS = 12
Document = dict[str, Any]


def plain(value: Any, most: int = _MOST_CHARACTERS) -> Any:
    """A value as JSON has it: no NaN or infinity, figures in six significant digits, dates in ISO, texts clean.

    >>> plain({"a": (0.123456789, float("nan")), "b": "x\\u202ey"})
    {'a': [0.123457, None], 'b': 'xy'}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v, most) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, most) for v in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    text = clean(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def rows_of(frame: pl.DataFrame, limit: int) -> Document:
    """The first rows with the number that there are."""
    if not 0 < limit <= MOST_ROWS:
        raise UsageError(f"limit {limit} is out of range", mend=f"ask for 1 to {MOST_ROWS} rows, and filter")
    shown = [plain(r) for r in frame.head(limit).to_dicts()]
    return {"rows": shown, "rows_shown": len(shown), "rows_total": frame.height}


def source_of(p: Provenance, lang: Lang) -> Document:
    """Where figures come from, short enough for a conversation: the snapshot names the ingests one by one."""
    return {
        "snapshot": p.snapshot,
        "ingests": len(p.ingests),
        "ingest_ids": list(p.ingests[:_MOST_IDS]),
        "engine": p.engine,
        "seed": p.seed,
        "computed_at": p.computed_at.isoformat(timespec="seconds"),
        "assumed": [plain(a[lang], 400) for a in p.assumptions()],
    }


def status_answer(ws: Workspace, lang: Lang) -> Document:
    """What the workspace holds: rows per table, creators per platform, files read, rejects, measures on offer."""
    found = ws.status().as_dict()
    tables = found["tables"]
    with ws.tables() as t:
        counted = t["creators"].group_by("platform").agg(n=t["creators"].count()).to_polars().sort("n", descending=True)
    ingests = found["ingests"]
    held, posts, snapshot = compact(tables["creators"], lang), compact(tables["posts"], lang), found["snapshot"]
    return {
        "told": Text(
            f"工作区有 {held}位达人、{posts}件作品，快照 {snapshot}。",
            f"The workspace holds {held} creators and {posts} posts at snapshot {snapshot}.",
        )[lang],
        "tables": tables,
        "creators_by_platform": {str(p): int(n) for p, n in counted.iter_rows()},
        "rejects": plain(found["rejects"]),
        "files_read": len(ingests),
        "last_files": [plain(i) for i in ingests[-_MOST_IDS:]],
        "currency": found["currency"],
        "timezone": found["timezone"],
        "measures": {n: m.explanation.question[lang] for n, m in measures().items()},
        "source": {"snapshot": found["snapshot"], "ingests": len(ingests)},
    }


def measured(ws: Workspace, name: str, options: Mapping[str, str], **span: Any) -> Result:
    """Run a measure with its own options only: `ws.measure` has others (engine, directory) that guests must not set."""
    own = find(name).options
    strange = [k for k in options if k not in own]
    if strange:
        raise MeasureError(f"'{name}' has no option {', '.join(map(clean, strange))}",
                           mend="possible: " + (", ".join(own) or "none"))  # fmt: skip
    return ws.measure(name, **span, **dict[str, Any](options))


def result_answer(result: Result, where: Mapping[str, str], limit: int, lang: Lang) -> Document:
    """A measured table: its finding, the rows that `where` chooses, method and limits, source."""
    rows = _chosen(result, where)
    words = sorted({str(w) for c in result.segments for w in rows.get_column(c).unique().to_list() if w is not None})
    told = {w: reads(w, lang) for w in words[:MOST_ROWS] if reads(w, lang) != w}
    e = result.explanation
    return {
        "told": sentence(result)[lang],
        "measure": result.measure,
        "by": list(result.by),
        "level": result.level,
        **rows_of(rows, limit),
        "words": told,
        "method": {
            "question": e.question[lang],
            "formula": e.formula,
            "assumptions": e.assumptions[lang],
            "limits": e.limits[lang],
            "reference": e.reference,
            "page": f"tidegauge://methods/{result.measure}",
        },
        "notes": [plain(n[lang], 400) for n in result.notes],
        "source": source_of(result.provenance, lang),
    }


def meant(column: str, word: str) -> str:
    """The data's own word for what a person calls a platform, tier, role or format; else the word itself.

    >>> meant("platform", "小红书"), meant("tier", "腰部"), meant("tier", "Mid"), meant("category", "美妆")
    ('xiaohongshu', 'mid', 'mid', '美妆')
    """
    if column in ("platform", "other"):
        found = platform(word)
        return word if found is None else found.value
    if column not in ("tier", "to", "role", "format", "stage"):
        return word
    told = word.strip().lower()
    return next((key for key, labels in LABELS.items() if told in (key.lower(), *(x.lower() for x in labels))), word)


def _chosen(result: Result, where: Mapping[str, str]) -> pl.DataFrame:
    rows = result.rows
    for column, word in where.items():
        if column not in result.segments:
            raise MeasureError(f"the rows have no column '{column}'", mend="columns: " + ", ".join(result.segments))
        known = rows.get_column(column).cast(pl.String)
        rows = rows.filter(known == meant(column, word))
        if rows.is_empty():
            there = [str(w) for w in known.drop_nulls().unique().sort().to_list()[:30]]
            raise MeasureError(f"no row has {column} = '{clean(word)}'", mend="there are: " + ", ".join(there))
    return rows


def narrowed(frame: pl.DataFrame, wanted: Mapping[str, str | None], price_max: float | None, sort: str) -> pl.DataFrame:
    """The creators that fit, largest first, out of the whole table: estimates rest on all, filters only choose."""
    for asked, given in wanted.items():
        if given is None:
            continue
        # The role that somebody declared, else the likeliest one.
        column = "role_likely" if asked == "role" and "role_likely" in frame.columns else asked
        known = frame.get_column(column).drop_nulls().unique().sort().to_list()
        word = meant(asked, given)
        if word not in known:
            mend = "there are: " + ", ".join(plain(known[:30], 30))
            raise MeasureError(f"no creator has the {asked} '{clean(word)}'", mend=mend)
        frame = frame.filter(pl.col(column) == word)
    if price_max is not None:
        frame = frame.filter(pl.col("price") <= price_max)
    if sort not in SORTS:
        raise MeasureError(f"creators cannot be sorted by {clean(sort)}", mend="possible: " + ", ".join(SORTS))
    nested = isinstance(frame.schema[sort], pl.Struct)
    key = pl.col(sort).struct.field("value") if nested else pl.col(sort)
    return frame.sort(key, "creator_id", descending=[True, False], nulls_last=True)


def creators_answer(frame: pl.DataFrame, *, search: str, limit: int, lang: Lang, source: Provenance) -> Document:
    """The ranking: creators whose name or id holds `search`, each figure as {value, low, high}."""
    if search:
        wanted = search.strip().lower()
        named = pl.col("name").fill_null("").str.to_lowercase().str.contains(wanted, literal=True)
        frame = frame.filter(named | pl.col("creator_id").str.to_lowercase().str.contains(wanted, literal=True))
    told = Text(f"符合条件的达人 {frame.height:,} 位。", f"{frame.height:,} creators fit.")[lang]
    return {
        "told": told,
        **rows_of(frame, limit),
        "levels": {"views_next": 0.8, "post_next": 0.8, "all others": 0.9},
        "columns": {
            "views_next": "views in the next 7 days",
            "post_next": "views of the next post in the creator's usual format",
            "over": "price / fair price - 1",
            "dependence": "0 to 1: share of reach that hangs on the algorithm",
            "quality": "0 to 1; low with reasons where engagement looks bought",
            "role_likely": "declared, else the likeliest role; role_chance is its probability",
            "cpm_post, cpe, cpv": "price per thousand views, per engagement, per view of the next post",
            "income": "estimated yearly income from brands",
        },
        "source": source_of(source, lang),
    }


def creator_answer(page: Document, source: Provenance, lang: Lang) -> Document:
    """One creator: summary, next post by format, prices, half-life, standing among peers."""
    s = page["summary"]
    views = s.get("views_next") or {}
    name = plain(s.get("name") or page["creator_id"], 40)
    reach = (
        f"{compact(views.get('value'), lang)} [{compact(views.get('low'), lang)}, {compact(views.get('high'), lang)}]"
    )
    told = Text(
        f"{name}：未来 7 天播放 {reach}，80 % 区间。", f"{name}: {reach} views in the next 7 days, 80 % interval."
    )
    rest = {k: v for k, v in page.items() if k != "provenance"}
    return {"told": told[lang], **plain(rest), "source": source_of(source, lang)}


def plan_answer(plan: Plan, limit: int, lang: Lang) -> Document:
    """A plan: its headline, certificate, roster, what was left out and why, budget curve, rules, source."""
    document = plan.as_dict()
    rows = rows_of(plan.picks, limit)
    lesser = {k: plain(document[k][:_PLAN_ROWS]) for k in ("near_misses", "curve", "split", "constraints", "what_if")}
    figures = ("reach", "upper_bound", "gap", "population_gap", "cost", "budget", "currency", "goal", "level")
    return {
        "told": headline(plan).message[lang],
        "facts": [
            {"what": f.label[lang], "figure": f.figure[lang], "detail": f.detail[lang]} for f in headline_facts(plan)
        ],
        **plain({k: document[k] for k in figures}),
        "candidates": plan.candidates,
        "picks": rows["rows"],
        "picks_shown": rows["rows_shown"],
        "picks_total": rows["rows_total"],
        **lesser,
        "shadow_prices": plain(document["shadow_prices"]),
        "notes": [plain(n[lang], 400) for n in plan.notes],
        "source": source_of(plan.provenance, lang),
    }


def explain_answer(topic: str, lang: Lang) -> Document:
    """How a figure is made: question, formula, assumptions, limits, reference; and the whole method page."""
    if topic in measures():
        m = find(topic)
        e = m.explanation
        return {
            "told": e.question[lang],
            "topic": topic,
            "formula": e.formula,
            "assumptions": e.assumptions[lang],
            "limits": e.limits[lang],
            "reference": e.reference,
            "split_by": list(m.by),
            "options": m.options,
            "page": method_page(topic) if topic in method_pages() else "",
        }
    if topic not in method_pages():
        raise MeasureError(f"there is no topic '{clean(topic)}'", mend="topics: " + ", ".join(topics()))
    return {"told": method_pages()[topic], "topic": topic, "page": method_page(topic)}


def topics() -> list[str]:
    """All that `explain` can tell: every measure and every method page."""
    return sorted({*measures(), *method_pages()})
