"""Write rows into the containers that collectors use, and read files to their end."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import xlsxwriter

from tidegauge.sources import open_readings
from tidegauge.workspace.batch import Batch, ReadContext, Reading


def read_all(paths: Sequence[Path], context: ReadContext, **options) -> list[Batch]:
    """Every batch of every file; each file must be readable."""
    batches: list[Batch] = []
    for reading in open_readings(paths, context, **options):
        assert isinstance(reading, Reading)
        batches += list(reading.batches)
    return batches


def write_json(path: Path, rows: list[dict]) -> None:
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=4), encoding="utf-8")


def write_jsonl(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")


def write_csv(path: Path, rows: list[dict], encoding: str = "utf-8-sig", delimiter: str = ",") -> None:
    with path.open("w", encoding=encoding, newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def write_xlsx(path: Path, sheets: dict[str, list[dict]]) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, list(rows[0]))
            for i, row in enumerate(rows, 1):
                for j, value in enumerate(row.values()):
                    sheet.write(i, j, value)


def write_sqlite(path: Path, tables: dict[str, list[dict]]) -> None:
    with sqlite3.connect(path) as con:
        for name, rows in tables.items():
            columns = ", ".join(f'"{c}"' for c in rows[0])
            con.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {columns})")
            marks = ", ".join("?" for _ in rows[0])
            con.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", [tuple(r.values()) for r in rows])
    con.close()
