"""Where the plan comes from: data snapshot, ingests, seed, brief; enough to make it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Block, Column, Paragraphs, Section, Table
from tidegauge.report.figures import bound_percent, clean, known, money, percent, plain
from tidegauge.report.registry import section
from tidegauge.report.words import LANGUAGES
from tidegauge.result import Provenance, Text

_MOST_IDS = 6
_KEY = Column("key_zh", Text("项目", "Item"), key_en="key_en")
_VALUE = Column("value", Text("内容", "Value"), key_en="value_en", wide=True)


def pairs_table(name: str, title: Text, rows: list[tuple[Text, str | Text]]) -> Table:
    """Two columns: what it is, and what it says."""
    told = [(k, v if isinstance(v, Text) else Text(v, v)) for k, v in rows]
    columns = {
        "key_zh": [k.zh for k, _ in told],
        "key_en": [k.en for k, _ in told],
        "value": [v.zh for _, v in told],
        "value_en": [v.en for _, v in told],
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return Table(name, title, frame, (_KEY, _VALUE), Text("无", "none"), deck_rows=14)


def provenance_rows(p: Provenance) -> list[tuple[Text, str | Text]]:
    """A result's provenance as people read it; the ingests by number and id."""
    return [
        (Text("数据快照", "Data snapshot"), "–" if p.snapshot is None else str(p.snapshot)),
        (Text("导入次数", "Ingests"), str(len(p.ingests))),
        (Text("导入编号", "Ingest ids"), _few([clean(i) for i in p.ingests])),
        (Text("引擎", "Engine"), clean(p.engine)),
        (Text("随机种子", "Seed"), "–" if p.seed is None else str(p.seed)),
        (Text("计算时间", "Computed at"), p.computed_at.isoformat(timespec="seconds")),
    ]


def _few(ids: list[str]) -> str:
    """The first ids; the snapshot names them all, and a list of hundreds hides the rest of the table."""
    rest = f" … (+{len(ids) - _MOST_IDS:,})" if len(ids) > _MOST_IDS else ""
    return ", ".join(ids[:_MOST_IDS]) + rest if ids else "–"


@section("evidence", order=90, title=Text("依据", "Evidence"), needs="plan")
def evidence(plan: Plan) -> Section:
    c = plan.currency
    rows = [
        *provenance_rows(plan.provenance),
        (Text("候选达人", "Candidates"), f"{plan.candidates:,}"),
        (Text("区间水平", "Interval level"), percent(plan.level, 0)),
        (Text("上限", "Proven bound"), plain(round(known(plan.upper_bound) or 0.0))),
        (Text("面板差距", "Gap on the panel"), bound_percent(plan.panel_gap)),
        (Text("总体差距", "Gap with sampling error"), bound_percent(plan.population_gap)),
        (Text("预算", "Budget"), Text(*(money(plan.budget, c, lang, full=True) for lang in LANGUAGES))),
    ]
    blocks: list[Block] = [pairs_table("provenance", Text("来源", "Provenance"), rows)]
    if plan.notes:
        blocks.append(Paragraphs("plan-notes", plan.notes))
    brief: list[tuple[Text, str | Text]] = [(Text(k, k), v) for k, v in _flat(plan.brief)]
    if brief:
        blocks.append(pairs_table("brief", Text("需求单", "Brief"), brief))
    p = plan.provenance
    where = "–" if p.snapshot is None else str(p.snapshot)
    return Section(
        Text(
            f"依据数据快照 {where}（{len(p.ingests)} 次导入）算出，可原样重算。",
            f"Made from data snapshot {where} ({len(p.ingests)} ingests); it can be made again as it is.",
        ),
        tuple(blocks),
        (
            Text(
                "重算：同一份需求单、同一快照（--at）、同一随机种子（--seed）。",
                "To make it again: the same brief, the same snapshot (--at), the same seed (--seed).",
            ),
        ),
    )


def _flat(brief: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """The brief's lines as dotted keys; what is not set is left out."""
    for key, value in brief.items():
        name = f"{path}{clean(key)}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list | tuple) and value and all(isinstance(v, dict) for v in value):
            for i, item in enumerate(value, 1):
                yield from _flat(item, f"{name}[{i}].")
        elif value not in (None, "", [], ()):
            text = ", ".join(str(v) for v in value) if isinstance(value, list | tuple) else str(value)
            yield name, clean(text)
