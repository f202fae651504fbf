"""Hot lists as collectors write them: a JSON a day, or one table for all."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from file_writers import read_all, write_csv, write_json, write_jsonl

from tidegauge.errors import SourceError

DAY = [
    {"title": "话题一", "url": "/weibo?q=1&band_rank=3&Refer=top"},
    {"title": "#话题二#", "url": "https://s.weibo.com/weibo?q=2", "hot": "123万"},
    {"title": "话题一", "url": "/weibo?q=1&band_rank=9"},
    {"title": "", "url": "/weibo?q=4"},
]
NOON = dt.datetime(2026, 1, 2, 4, tzinfo=dt.UTC)


def test_a_days_list_named_by_folder_and_date(tmp_path, ingest_file):
    (tmp_path / "weibo").mkdir()
    write_json(tmp_path / "weibo" / "2026-01-02.json", DAY)
    done = ingest_file(tmp_path / "weibo" / "2026-01-02.json")
    assert (done.reader, done.records) == ("hotlists", 4)
    rows = done.tables["topics"].select("platform", "topic", "observed_at", "rank", "heat", "url").rows()
    assert rows == [
        ("weibo", "话题一", NOON, 3, None, "https://s.weibo.com/weibo?q=1&band_rank=3&Refer=top"),
        ("weibo", "话题二", NOON, None, 1_230_000.0, "https://s.weibo.com/weibo?q=2"),
    ]
    assert done.rejects.select("locator", "reason").rows() == [("4", "the title is missing")]


def test_the_platform_from_the_links_where_no_folder_names_it(tmp_path, ingest_file):
    write_jsonl(tmp_path / "2026-01-02.jsonl", [{"title": "动画", "url": "https://b23.tv/BV1"}])
    assert ingest_file(tmp_path / "2026-01-02.jsonl").tables["topics"]["platform"].to_list() == ["bilibili"]


def test_an_unknown_platform_is_an_error_with_a_mend(tmp_path, context):
    write_json(tmp_path / "2026-01-02.json", [{"title": "x", "url": "https://example.org/1"}])
    with pytest.raises(SourceError, match="not known which platform") as caught:
        read_all([tmp_path / "2026-01-02.json"], context)
    assert "folder" in caught.value.mend


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_tables_of_topics(tmp_path, ingest_file, form):
    rows = [
        {"platform": "微博", "day": "2026-01-02", "title": "话题一", "first_seen": "2026-01-02 08:00:00"},
        {"platform": "douyin", "day": "2026-01-02", "title": "话题一", "first_seen": "2026-01-02 10:00:00"},
        {"platform": "douyin", "day": "2026-01-02", "title": "话题二", "first_seen": "昨晚"},
    ]
    target = tmp_path / f"list.{form}"
    {"csv": write_csv, "jsonl": write_jsonl, "parquet": lambda p, r: pl.DataFrame(r).write_parquet(p)}[form](
        target, rows
    )
    done = ingest_file(target)
    assert done.reader == "hotlists"
    found = done.tables["topics"].select("platform", "topic", "observed_at").rows()
    midnight = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert found[:2] == [("weibo", "话题一", midnight), ("douyin", "话题一", midnight + dt.timedelta(hours=2))]
    # the second time column (day) stands in where the first cannot be read
    assert found[2] == ("douyin", "话题二", dt.datetime(2026, 1, 1, 16, tzinfo=dt.UTC))


def test_an_unknown_platform_name_in_a_table_is_rejected_by_the_schema(tmp_path, ingest_file):
    write_csv(
        tmp_path / "t.csv",
        [{"platform": "myspace", "topic": "x", "observed_at": "2026-01-02", "rank": "1", "heat": "2"}],
    )
    done = ingest_file(tmp_path / "t.csv")
    assert done.tables["topics"].height == 0
    assert "vocabulary" in done.rejects["reason"][0]


def test_links_say_more_than_folders_far_above(tmp_path, ingest_file):
    far = tmp_path / "weibo" / "lists"
    far.mkdir(parents=True)
    write_json(far / "2026-01-02.json", [{"title": "动画", "url": "https://www.bilibili.com/video/BV1"}])
    assert ingest_file(far / "2026-01-02.json").tables["topics"]["platform"].to_list() == ["bilibili"]
    write_json(far / "2026-01-03.json", [{"title": "动画", "url": ""}])
    assert ingest_file(far / "2026-01-03.json").tables["topics"]["platform"].to_list() == ["weibo"]
