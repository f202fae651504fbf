"""The data behind a workspace report: rows per table, what was rejected and why, every file read."""

from __future__ import annotations

import polars as pl

from tidegauge.report.blocks import Block, Column, Section, Table
from tidegauge.report.content import WorkspaceReport
from tidegauge.report.figures import compact
from tidegauge.report.registry import section
from tidegauge.report.words import TABLES, column_word
from tidegauge.result import Text


def _named(tables: dict[str, int]) -> pl.DataFrame:
    """Tables with their words and their rows."""
    words = [TABLES.get(t, Text(t, t)) for t in tables]
    columns = {"zh": [w.zh for w in words], "en": [w.en for w in words], "table": list(tables)}
    return pl.DataFrame(
        {**columns, "rows": list(tables.values())},
        schema={"zh": pl.String, "en": pl.String, "table": pl.String, "rows": pl.Int64},
    )


@section("ledger", order=95, title=Text("数据", "Data"), needs="workspace")
def ledger(content: WorkspaceReport) -> Section:
    status = content.status
    tables = {k: v for k, v in status.get("tables", {}).items() if v}
    rejects = status.get("rejects", {})
    ingests = list(status.get("ingests", []))
    rows = Column("rows", Text("行数", "Rows"), "number", total=True)
    blocks: list[Block] = [
        Table(
            "tables",
            Text("数据表", "Tables"),
            _named(tables),
            (
                Column("zh", Text("内容", "What"), key_en="en"),
                rows,
                Column("table", Text("表", "Table"), depth=2),
            ),
            Text("工作区还是空的。", "The workspace is still empty."),
        )
    ]
    if content.skipped:
        named = [column_word(m) for m in content.skipped]
        frame = pl.DataFrame(
            {
                "measure": [w.zh for w in named],
                "measure_en": [w.en for w in named],
                "reason": list(content.skipped.values()),
            }
        )
        blocks.append(
            Table(
                "skipped",
                Text("没有数据的度量", "Measures without data"),
                frame,
                (
                    Column("measure", Text("度量", "Measure"), key_en="measure_en"),
                    Column("reason", Text("原因", "Reason"), wide=True),
                ),
                Text("所有度量都有数据。", "Every measure had data."),
            )
        )
    by_reason = rejects.get("by_reason", {})
    if by_reason:
        frame = pl.DataFrame({"reason": list(by_reason), "rows": list(by_reason.values())})
        blocks.append(
            Table(
                "rejects",
                Text("拒收原因", "Rejected rows by reason"),
                frame,
                (Column("reason", Text("原因", "Reason"), wide=True), rows),
                Text("没有拒收的行。", "No row was rejected."),
            )
        )
    if ingests:
        fields = ("ingest_id", "path", "reader", "rows", "rejected", "finished_at")
        frame = pl.DataFrame([{f: i.get(f) for f in fields} for i in ingests], infer_schema_length=None)
        blocks.append(
            Table(
                "ingests",
                Text("导入的文件", "Files read"),
                frame,
                (
                    Column("path", Text("文件", "File"), wide=True),
                    Column("reader", Text("读取器", "Reader"), facet=True),
                    rows,
                    Column("rejected", Text("拒收", "Rejected"), "number", total=True),
                    Column("finished_at", Text("完成于", "Finished"), depth=2),
                    Column("ingest_id", Text("导入编号", "Ingest id"), depth=3),
                ),
                Text("还没有导入。", "Nothing was read yet."),
            )
        )
    total, n = sum(tables.values()), rejects.get("total", 0)
    return Section(
        Text(
            f"共 {compact(total, 'zh')} 行，来自 {len(ingests)} 个文件；拒收 {n:,} 行。",
            f"{compact(total, 'en')} rows from {len(ingests)} files; {n:,} were rejected.",
        ),
        tuple(blocks),
        (
            Text(
                "每个文件在一个事务里导入；拒收的行连同原因与原文保存在 rejects 表。",
                "Each file is read in one transaction; rejected rows stay in the table rejects with their reason.",
            ),
        ),
    )
