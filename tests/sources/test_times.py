"""Every way of writing a time; local ones in the workspace's zone, relative ones from the moment of reading."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.sources.times import date_in_name, file_time, parse_times

BEIJING = ZoneInfo("Asia/Shanghai")
READ_AT = dt.datetime(2026, 1, 3, 4, 0, tzinfo=dt.UTC)  # noon in Beijing


def local(*parts):
    return dt.datetime(*parts, tzinfo=BEIJING).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("1760000000", dt.datetime(2025, 10, 9, 8, 53, 20, tzinfo=dt.UTC)),
        ("1760000000000", dt.datetime(2025, 10, 9, 8, 53, 20, tzinfo=dt.UTC)),
        ("1760000000.5", dt.datetime(2025, 10, 9, 8, 53, 20, 500_000, tzinfo=dt.UTC)),
        ("2024-06-12 08:00:00", local(2024, 6, 12, 8)),
        ("2024-06-12T08:00:00Z", dt.datetime(2024, 6, 12, 8, tzinfo=dt.UTC)),
        ("2024-06-12T08:00:00+02:00", dt.datetime(2024, 6, 12, 6, tzinfo=dt.UTC)),
        ("2024-06-12T08:00:00.25+0800", local(2024, 6, 12, 8, 0, 0, 250_000)),
        ("2024-06-12", local(2024, 6, 12)),
        ("2024/6/2", local(2024, 6, 2)),
        ("2024.06.12 08:05", local(2024, 6, 12, 8, 5)),
        ("20240612", local(2024, 6, 12)),
        ("2024年6月12日", local(2024, 6, 12)),
        ("Wed Jun 12 08:00:00 +0800 2024", local(2024, 6, 12, 8)),
        ("Wed, 12 Jun 2024 08:00:00 GMT", dt.datetime(2024, 6, 12, 8, tzinfo=dt.UTC)),
        ("06-12", local(2025, 6, 12)),
        ("01-03", local(2026, 1, 3)),
        ("编辑于 06-12 北京", local(2025, 6, 12)),
        ("6月12日 12:30", local(2025, 6, 12, 12, 30)),
        ("02-29", local(2024, 2, 29)),
        ("3天前", READ_AT - dt.timedelta(days=3)),
        ("3天前 上海", READ_AT - dt.timedelta(days=3)),
        ("5分钟前", READ_AT - dt.timedelta(minutes=5)),
        ("2 days ago", READ_AT - dt.timedelta(days=2)),
        ("2个月前", dt.datetime(2025, 11, 3, 4, tzinfo=dt.UTC)),
        ("刚刚", READ_AT),
        ("昨天 12:30", local(2026, 1, 2, 12, 30)),
        ("前天 00:05", local(2026, 1, 1, 0, 5)),
        ("今天 08:00", local(2026, 1, 3, 8)),
    ],
)
def test_forms(written, moment):
    # a second form beside it takes the column off the fast path, alone it may stay on it
    for column in ([written], [written, "x", None, ""]):
        found = parse_times(pl.Series(column), BEIJING, READ_AT)
        assert found.value[0] == moment
        assert found.unreadable.to_list() == [c == "x" for c in column]


def test_typed_columns():
    numbers = parse_times(pl.Series([1760000000, 1760000000000, 20240612, 0, 5, None]), BEIJING)
    assert numbers.value[0] == numbers.value[1] == dt.datetime(2025, 10, 9, 8, 53, 20, tzinfo=dt.UTC)
    assert numbers.value[2] == local(2024, 6, 12)
    assert numbers.unreadable.to_list() == [False, False, False, False, True, False]
    assert parse_times(pl.Series([dt.date(2024, 6, 12)]), BEIJING).value[0] == local(2024, 6, 12)
    assert parse_times(pl.Series([dt.datetime(2024, 6, 12, 8)]), BEIJING).value[0] == local(2024, 6, 12, 8)
    aware = pl.Series([dt.datetime(2024, 6, 12, 8, tzinfo=dt.UTC)]).dt.cast_time_unit("ms")
    assert parse_times(aware, BEIJING).value[0] == dt.datetime(2024, 6, 12, 8, tzinfo=dt.UTC)
    assert parse_times(pl.Series([True]), BEIJING).unreadable.to_list() == [True]


def test_hours_that_daylight_saving_skips_or_repeats():
    berlin = ZoneInfo("Europe/Berlin")
    found = parse_times(pl.Series(["2024-03-31 02:30:00", "2024-10-27 02:30:00"]), berlin)
    assert found.value.to_list() == [
        dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.UTC),  # 03:30 summer time
        dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC),  # the first of the two
    ]
    assert not found.unreadable.any()


def test_relative_times_need_a_reference():
    assert parse_times(pl.Series(["3天前", "06-12"]), BEIJING).unreadable.to_list() == [True, True]


def test_every_row_has_its_own_reference():
    since = pl.Series([READ_AT, READ_AT + dt.timedelta(days=10)])
    found = parse_times(pl.Series(["1天前", "1天前"]), BEIJING, since)
    assert found.value[1] - found.value[0] == dt.timedelta(days=10)


@given(
    st.datetimes(dt.datetime(1995, 1, 1), dt.datetime(2099, 12, 31)),
    st.sampled_from(["Asia/Shanghai", "UTC", "America/New_York"]),
)
def test_round_trip_of_written_times(moment, zone):
    moment = moment.replace(microsecond=0, tzinfo=dt.UTC)
    here = ZoneInfo(zone)
    seconds = int(moment.timestamp())
    column = pl.Series(
        [str(seconds), str(seconds * 1000), moment.isoformat(), moment.isoformat().replace("+00:00", "Z")]
    )
    assert parse_times(column, here).value.to_list() == [moment] * 4
    written = moment.astimezone(here).strftime("%Y-%m-%d %H:%M:%S")
    back = parse_times(pl.Series([written]), here).value[0]
    assert back == moment or abs(back - moment) == dt.timedelta(hours=1)  # the repeated hour has two moments


@given(st.lists(st.text(max_size=20), min_size=1))
def test_no_text_makes_it_fail(texts):
    found = parse_times(pl.Series(texts, dtype=pl.String), BEIJING, READ_AT)
    assert len(found.value) == len(found.unreadable) == len(texts)
    assert not (found.value.is_not_null() & found.unreadable).any()


def test_the_date_of_a_file(tmp_path):
    assert date_in_name(Path("data/xhs/search_contents_2026-06-12.jsonl")) == dt.date(2026, 6, 12)
    assert date_in_name(Path("xhs_search_20260612_101500.xlsx")) == dt.date(2026, 6, 12)
    assert date_in_name(Path("2026-06-12/weibo.json")) == dt.date(2026, 6, 12)
    assert date_in_name(Path("v1234567890.csv")) is None
    dated = tmp_path / "contents_2026-06-12.jsonl"
    assert file_time(dated, BEIJING) == local(2026, 6, 12, 23, 59, 59)
