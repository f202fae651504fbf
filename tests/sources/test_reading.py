"""Detection by content, forcing a reader, and the register of sources."""

from __future__ import annotations

import datetime as dt
import sys
import threading

import pytest
from file_writers import read_all, write_csv, write_jsonl

from tidegauge.errors import SourceError, UsageError
from tidegauge.schema import DATA_TABLES
from tidegauge.sources import choose, open_readings, reading, sniff, sources
from tidegauge.sources import registry as register

SPEND = {"brand": "b", "stream": "douyin", "period_start": "2026-01-05", "period_end": "2026-01-11", "cost": "1000"}


def test_the_sources_of_this_room():
    known = sources()
    assert {
        "mediacrawler",
        "hotlists",
        "canonical",
        "ratecard",
        "xingtu",
        "pugongying",
        "huahuo",
        "weibo_rates",
        "channels_rates",
    } <= set(known)
    assert all(s.title_zh and s.title_en for s in known.values())


def test_an_unknown_reader_is_a_usage_error_that_lists_the_known_ones(tmp_path, context):
    write_csv(tmp_path / "x.csv", [SPEND])
    with pytest.raises(UsageError, match="no reader 'nope'") as caught:
        list(open_readings([tmp_path / "x.csv"], context, reader="nope"))
    assert "mediacrawler" in caught.value.mend


def test_files_with_canonical_columns_need_no_mapping(tmp_path, ingest_file):
    write_csv(tmp_path / "spend.csv", [SPEND, SPEND | {"stream": "weibo", "cost": "none at all"}])
    done = ingest_file(tmp_path / "spend.csv")
    assert done.reader == "canonical"
    row = done.tables["spend"].row(0, named=True)
    assert (row["period_end"], row["cost"], row["geo"]) == (dt.date(2026, 1, 11), 1000.0, "")
    assert done.rejects["reason"].to_list() == ["cost: 'none at all' cannot be read as cost"]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (
            "outcomes",
            {
                "brand": "b",
                "metric": "sales",
                "period_start": "2026-01-05",
                "period_end": "2026-01-11",
                "geo": "",
                "value": "5",
            },
        ),
        (
            "placements",
            {
                "campaign_id": "c",
                "brand": "b",
                "creator_id": "weibo:1",
                "post_id": "",
                "format": "status",
                "role": "KOL",
                "cost": "9",
            },
        ),
        (
            "market",
            {
                "platform": "weibo",
                "segment": "all",
                "metric": "mau",
                "period": "2026",
                "value": "1e8",
                "unit": "persons",
                "source_title": "t",
                "source_url": "",
                "confidence": "own",
            },
        ),
        (
            "audience_profiles",
            {"creator_id": "weibo:1", "platform": "weibo", "dimension": "gender", "bucket": "f", "share": "0.6"},
        ),
        (
            "creator_snapshots",
            {"creator_id": "weibo:1", "observed_at": "2026-01-05T00:00:00Z", "followers": "10万+", "posts": "3"},
        ),
    ],
)
def test_each_canonical_table_is_told_by_its_columns(tmp_path, ingest_file, table, row):
    assert table in DATA_TABLES
    write_jsonl(tmp_path / "x.jsonl", [row])
    done = ingest_file(tmp_path / "x.jsonl")
    assert (done.reader, set(done.tables), done.rejects.height) == ("canonical", {table}, 0)
    assert done.tables[table].height == 1


def test_readings_are_lazy(tmp_path, context):
    for i in range(3):
        write_csv(tmp_path / f"{i}.csv", [SPEND])
    found = open_readings([tmp_path], context)
    assert next(found).path.name == "0.csv"
    (tmp_path / "1.csv").unlink()  # a file that vanishes in between is reported, the rest go on
    assert [(type(f).__name__, f.path.name) for f in found] == [("Unreadable", "1.csv"), ("Reading", "2.csv")]


def test_a_source_added_as_one_file_shows_up(tmp_path, monkeypatch):
    package = tmp_path / "more_sources"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "diary.py").write_text(
        "from tidegauge.sources.registry import source\n"
        "@source('diary', title_zh='日记', title_en='Diary', detect=lambda s: 1.0 if 'mood' in s.columns else 0.0)\n"
        "def read(path, sample, context):\n    yield from ()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(register, "_SOURCES", dict(sources()))
    assert "diary" in sources("more_sources")
    write_csv(tmp_path / "d.csv", [{"mood": "good", "day": "2026-01-01"}])
    assert choose(sniff(tmp_path / "d.csv")).name == "diary"
    sys.modules.pop("more_sources.diary")


def test_large_files_are_read_ahead_and_nothing_changes(tmp_path, context, monkeypatch):
    write_csv(tmp_path / "s.csv", [SPEND | {"stream": str(i)} for i in range(500)])
    alone = read_all([tmp_path / "s.csv"], context)
    monkeypatch.setattr(reading, "_LARGE", 0)
    ahead = read_all([tmp_path / "s.csv"], context)
    assert [b.tables["spend"].rows() for b in ahead] == [b.tables["spend"].rows() for b in alone]


def test_an_error_in_the_reading_thread_reaches_the_caller_and_an_early_end_stops_the_thread():
    def failing():
        yield 1
        raise SourceError("broke off")

    found = reading._ahead(failing())
    assert next(found) == 1
    with pytest.raises(SourceError, match="broke off"):
        next(found)

    made = []

    def endless():
        while True:
            made.append(1)
            yield len(made)

    found = reading._ahead(endless())
    assert [next(found), next(found)] == [1, 2]
    found.close()
    after = len(made)
    assert after <= 5
    assert not [t for t in threading.enumerate() if t.name == "tidegauge-reader"]
    assert len(made) == after
