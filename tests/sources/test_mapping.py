"""Any layout through a mapping file; a wrong mapping file is told what is wrong and where."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from file_writers import read_all, write_csv, write_jsonl, write_xlsx

from tidegauge.errors import MappingError, SourceError
from tidegauge.sources import open_readings
from tidegauge.sources.mapping import read_mapping

MAPS = Path(__file__).parents[2] / "examples" / "maps"
TABLE = """
[[map]]
name = "counts"
match = { columns = ["acct", "fans"] }
zone = "Asia/Tokyo"
[[map.table]]
name = "creator_snapshots"
[map.table.columns]
creator_id = { template = "weibo:{acct}" }
observed_at = "when"
followers = { column = "fans", multiply = 10000 }
posts = "works"
"""


def mapping_file(tmp_path, text):
    target = tmp_path / "m.toml"
    target.write_text(text, encoding="utf-8")
    return target


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx", "parquet"])
def test_unit_zone_template_in_every_container(tmp_path, ingest_file, form):
    rows = [
        {"acct": "1", "fans": "12.5", "when": "2026-01-02 09:00", "works": "100+"},
        {"acct": "2", "fans": "", "when": "昨日", "works": "5"},
    ]
    target = tmp_path / f"x.{form}"
    if form == "parquet":
        pl.DataFrame(rows).write_parquet(target)
    elif form == "xlsx":
        write_xlsx(target, {"s": rows})
    else:
        (write_csv if form == "csv" else write_jsonl)(target, rows)
    done = ingest_file(target, mapping=mapping_file(tmp_path, TABLE.replace("昨日", "")))
    assert done.reader == "map:counts"
    first = done.tables["creator_snapshots"].row(0, named=True)
    assert (first["creator_id"], first["followers"], first["posts"], first["censored"]) == (
        "weibo:1",
        125_000,
        100,
        True,
    )
    assert first["observed_at"] == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def test_unreadable_values_are_rejected_with_column_and_value(tmp_path, ingest_file):
    rows = [
        {"acct": "1", "fans": "lots", "when": "2026-01-02", "works": "1"},
        {"acct": "2", "fans": "1", "when": "sometime", "works": "1"},
        {"acct": "3", "fans": "1", "when": "2026-01-02", "works": "1"},
    ]
    write_csv(tmp_path / "x.csv", rows)
    done = ingest_file(tmp_path / "x.csv", mapping=mapping_file(tmp_path, TABLE))
    assert done.tables["creator_snapshots"]["creator_id"].to_list() == ["weibo:3"]
    assert done.rejects.select("locator", "reason").rows() == [
        ("2", "fans: 'lots' cannot be read as followers"),
        ("3", "when: 'sometime' cannot be read as observed_at"),
    ]


def test_translate_default_flags_lists_dates_and_constants(tmp_path, ingest_file):
    text = """
[[map]]
name = "posts"
[[map.table]]
name = "posts"
[map.table.columns]
post_id = { template = "bilibili:{id}" }
platform = { value = "bilibili" }
format = { column = "kind", translate = { "竖屏" = "short_video", "横屏" = "mid_video" }, default = "status" }
sponsored = "ad"
tags = { column = "words", split = "|" }
published_at = { column = "day", format = "%d/%m/%Y", zone = "UTC" }
duration_s = { column = "minutes", multiply = 60 }
"""
    rows = [
        {"id": "1", "kind": "竖屏", "ad": "是", "words": "a| b||", "day": "02/01/2026", "minutes": "1.5"},
        {"id": "2", "kind": "别的", "ad": "0", "words": "", "day": "", "minutes": ""},
        {"id": "3", "kind": "横屏", "ad": "perhaps", "words": "", "day": "", "minutes": ""},
    ]
    write_csv(tmp_path / "x.csv", rows)
    done = ingest_file(tmp_path / "x.csv", mapping=mapping_file(tmp_path, text))
    found = done.tables["posts"].select("format", "sponsored", "tags", "published_at", "duration_s").rows()
    assert found == [
        ("short_video", True, ["a", "b"], dt.datetime(2026, 1, 2, tzinfo=dt.UTC), 90.0),
        ("status", False, None, None, None),
    ]
    assert done.rejects["reason"].to_list() == ["ad: 'perhaps' cannot be read as sponsored"]


def test_wide_tables_are_made_long(tmp_path, ingest_file):
    text = """
[[map]]
name = "mmm"
[[map.table]]
name = "spend"
[map.table.columns]
brand = { value = "b" }
period_start = "week"
period_end = { column = "week", days = 6 }
[map.table.unpivot]
into = "stream"
values.cost = { tv = "tv_spend", search = "search_spend" }
values.impressions = { tv = "tv_imp" }
[[map.table]]
name = "outcomes"
[map.table.columns]
brand = { value = "b" }
period_start = "week"
period_end = { column = "week", end_of = "month" }
metric = { value = "sales" }
value = "revenue"
"""
    write_csv(
        tmp_path / "w.csv",
        [{"week": "2026-02-02", "tv_spend": "1,000", "search_spend": "5", "tv_imp": "2万", "revenue": "9.5"}],
    )
    done = ingest_file(tmp_path / "w.csv", mapping=mapping_file(tmp_path, text))
    start = dt.date(2026, 2, 2)
    assert done.tables["spend"].select("stream", "period_start", "period_end", "cost", "impressions").rows() == [
        ("tv", start, dt.date(2026, 2, 8), 1000.0, 20_000.0),
        ("search", start, dt.date(2026, 2, 8), 5.0, None),
    ]
    assert done.tables["outcomes"].select("metric", "period_end", "value").rows() == [
        ("sales", dt.date(2026, 2, 28), 9.5)
    ]


def test_one_row_can_be_two_accounts_of_one_person_and_lookup_finds_the_account(tmp_path, ingest_file):
    text = """
[[map]]
name = "people"
match = { path = "people.csv" }
[[map.table]]
name = "creators"
require = ["yt"]
[map.table.columns]
creator_id = { template = "youtube:{yt}" }
platform = { value = "youtube" }
native_id = "yt"
person_id = "who"
[[map.table]]
name = "creators"
require = ["tw"]
[map.table.columns]
creator_id = { template = "twitch:{tw}" }
platform = { value = "twitch" }
native_id = "tw"
person_id = "who"
[[map]]
name = "videos"
match = { path = "sub/*.csv" }
[[map.table]]
name = "posts"
[map.table.columns]
post_id = { template = "youtube:{id}" }
platform = { value = "youtube" }
creator_id = { column = "who", lookup = { file = "people.csv", key = "who", value = "yt" }, prefix = "youtube:" }
"""
    used = mapping_file(tmp_path, text)
    write_csv(tmp_path / "people.csv", [{"who": "p1", "yt": "UC1", "tw": "t1"}, {"who": "p2", "yt": "", "tw": "t2"}])
    done = ingest_file(tmp_path / "people.csv", mapping=used)
    assert sorted(done.tables["creators"].select("creator_id", "person_id").rows()) == [
        ("twitch:t1", "p1"),
        ("twitch:t2", "p2"),
        ("youtube:UC1", "p1"),
    ]
    (tmp_path / "sub").mkdir()
    write_csv(tmp_path / "sub" / "v.csv", [{"id": "a", "who": "p1"}, {"id": "b", "who": "p9"}])
    done = ingest_file(tmp_path / "sub" / "v.csv", mapping=used)
    assert done.tables["posts"]["creator_id"].to_list() == ["youtube:UC1", None]


def test_another_mapping_and_another_lookup_file_make_another_fingerprint(tmp_path, context):
    write_csv(tmp_path / "x.csv", [{"acct": "1", "fans": "1", "when": "2026-01-02", "works": "1"}])
    prints = []
    for factor in ("10000", "1000"):
        used = mapping_file(tmp_path, TABLE.replace("10000", factor))
        (reading,) = open_readings([tmp_path / "x.csv"], context, mapping=used)
        prints.append(reading.fingerprint_extra)
    assert prints[0] != prints[1]


def test_files_without_an_entry_fall_back_to_detection(tmp_path, context):
    write_csv(tmp_path / "a.csv", [{"acct": "1", "fans": "1", "when": "2026-01-02", "works": "1"}])
    write_csv(tmp_path / "b.csv", [{"platform": "weibo", "topic": "x", "observed_at": "2026-01-02", "rank": "1"}])
    found = list(open_readings([tmp_path], context, mapping=mapping_file(tmp_path, TABLE)))
    assert [(f.path.name, f.reader) for f in found] == [("a.csv", "map:counts"), ("b.csv", "canonical")]


def test_a_column_that_the_file_lacks_is_named_with_the_nearest(tmp_path, context):
    write_csv(tmp_path / "x.csv", [{"acct": "1", "fans": "1", "whem": "2026-01-02", "works": "1"}])
    with pytest.raises(SourceError, match="no column 'when'") as caught:
        read_all([tmp_path / "x.csv"], context, mapping=mapping_file(tmp_path, TABLE))
    assert "did you mean 'whem'?" in caught.value.mend


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("creator_snapshots", "creator_snapshot"),
            r"map\[counts\].*no table 'creator_snapshot'; did you mean 'creator_snapshots'",
        ),
        (("followers =", "folowers ="), r"no column 'folowers'; did you mean 'followers'"),
        (('zone = "Asia/Tokyo"', 'zone = "Asia/Tokio"'), "no time zone; did you mean 'Asia/Tokyo'"),
        (('observed_at = "when"', "observed_at = { }"), "exactly one of column, template, value"),
        (('observed_at = "when"', 'observed_at = { colum = "when" }'), "exactly one of|unknown key"),
        (("[[map.table]]", "[[map.tables]]"), "table|unknown key"),
        (("[[map]]", "[[map"), "not valid TOML"),
        (('name = "counts"', ""), "name"),
    ],
)
def test_wrong_mapping_files(tmp_path, change, words):
    target = mapping_file(tmp_path, TABLE.replace(*change, 1))
    with pytest.raises(MappingError, match=words) as caught:
        read_mapping(target)
    assert caught.value.where == str(target)
    assert caught.value.mend


def test_a_mapping_file_that_is_not_there(tmp_path):
    with pytest.raises(MappingError, match="no such mapping file"):
        read_mapping(tmp_path / "none.toml")


def test_the_example_mappings_are_right():
    files = sorted(MAPS.glob("*.toml"))
    assert len(files) >= 3
    for file in files:
        assert read_mapping(file).content.map
