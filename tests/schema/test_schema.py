"""Declared once: DDL, Arrow schema, validation and the docs page follow from the declaration."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.schema import DATA_TABLES, TABLES, arrow_schema, check, ddl, docs_page, key, polars_schema
from tidegauge.workspace.lake import attach, create

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_the_lake_has_every_table_with_its_columns(tmp_path):
    create(tmp_path / "ws")
    lake = attach(tmp_path / "ws")
    for table in TABLES:
        have = [r[0] for r in lake.con.execute(f"DESCRIBE lake.{table}").fetchall()]
        assert have == [*polars_schema(table), *(["ingest_id"] if table in DATA_TABLES else [])]
    lake.close()


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_a_label_in_both_languages_and_every_table_a_key(table):
    for column in arrow_schema(table):
        if column.name != "ingest_id" or table in ("ingests", "rejects"):
            assert column.metadata[b"zh"]
            assert column.metadata[b"en"]
    assert table == "rejects" or key(table)
    assert "CREATE TABLE" in ddl(table)


def test_the_docs_page_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "tables.md"
    assert page.read_text(encoding="utf-8").strip() == docs_page().strip(), "run: make docs"


def test_every_failed_rule_of_a_row_is_told_and_good_rows_stay():
    frame = pl.DataFrame(
        {
            "post_id": ["a", "b", None, "d"],
            "observed_at": [NOW, NOW, NOW, dt.datetime(1970, 1, 1, tzinfo=dt.UTC)],
            "views": ["7", "many", "3", "-4"],
            "_locator": ["row 2", "row 3", "row 4", "row 5"],
        }
    )
    found = check("post_snapshots", frame)
    assert found.good["post_id"].to_list() == ["a"]
    assert found.good["views"].to_list() == [7]
    told = dict(zip(found.rejects["locator"], found.rejects["reason"], strict=True))
    assert "does not fit" in told["row 3"]
    assert "post_id is missing" in told["row 4"]
    assert "smallest" in told["row 5"]
    assert "plausible time" in told["row 5"]


def test_a_word_outside_the_vocabulary_is_rejected_with_the_words_allowed():
    found = check("posts", pl.DataFrame({"post_id": ["a"], "platform": ["myspace"]}))
    assert found.good.is_empty()
    assert "douyin" in found.rejects["reason"][0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", None]),
            st.one_of(st.none(), st.integers(-5, 10**13), st.sampled_from(["x", "", "12"])),
        ),
        max_size=12,
    )
)
def test_no_row_is_lost_good_keys_and_rejects_account_for_all(pairs):
    frame = pl.DataFrame(
        {"post_id": [p for p, _ in pairs], "views": [None if v is None else str(v) for _, v in pairs]},
        schema={"post_id": pl.String, "views": pl.String},
    ).with_columns(observed_at=pl.lit(NOW), _locator=pl.int_range(pl.len()))
    found = check("post_snapshots", frame)

    def fits(value):
        return value is None or (str(value).lstrip("-").isdigit() and 0 <= int(value) <= 10**12)

    good = {p for p, v in pairs if p is not None and fits(v)}
    bad = sum(1 for p, v in pairs if p is None or not fits(v))
    assert set(found.good["post_id"]) == good
    assert found.good.height == len(good)
    assert found.rejects.height == bad
