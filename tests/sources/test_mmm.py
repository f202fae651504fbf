"""The tables of Robyn, Meridian and PyMC-Marketing, read as they are; what cannot be told is said, not guessed."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from file_writers import read_all, write_csv, write_xlsx

from tidegauge.errors import SourceError

MONDAYS = [dt.date(2025, 1, 6) + dt.timedelta(weeks=k) for k in range(20)]


def robyn_rows(n: int = 20) -> list[dict]:
    return [
        {
            "DATE": d.isoformat(), "revenue": 1000 + k, "tv_S": 10 * k, "facebook_S": 5, "facebook_I": 500 + k,
            "search_S": 3, "search_clicks_P": 7, "competitor_sales_B": 900, "newsletter": 12,
            "events": "promo" if k == 3 else "na",
        }
        for k, d in enumerate(MONDAYS[:n])
    ]  # fmt: skip


def meridian_rows() -> list[dict]:
    return [
        {
            "geo": geo, "time": d.isoformat(), "Channel0_impression": 100, "Channel1_reach": 50.0,
            "Channel1_frequency": 2.0, "Channel0_spend": 4.5, "Channel1_spend": 3.5,
            "Organic_channel0_impression": 9, "competitor_sales_control": 0.5, "Promo": 1.0, "conversions": 20,
            "revenue_per_conversion": 2.5, "population": 1_000_000,
        }
        for geo in ("Geo0", "Geo1")
        for d in MONDAYS
    ]  # fmt: skip


def pymc_rows() -> list[dict]:
    return [
        {"date_week": d.isoformat(), "y": 3984.66 + k, "x1": 0.32, "x2": 0.0, "event_1": 0, "dayofyear": 92, "t": k}
        for k, d in enumerate(MONDAYS)
    ]


def totals(frame: pl.DataFrame, name: str, value: str) -> dict[str, float]:
    return dict(frame.group_by(name).agg(pl.col(value).sum()).sort(name).rows())


def test_robyns_table(tmp_path, ingest_file):
    write_csv(tmp_path / "brand_2025-06.csv", robyn_rows())
    done = ingest_file(tmp_path / "brand_2025-06.csv")
    assert (done.reader, done.records, done.rejects.height) == ("robyn", 20, 0)
    spend, outcomes = done.tables["spend"], done.tables["outcomes"]
    assert totals(spend, "stream", "cost") == {"facebook": 100.0, "search": 60.0, "tv": 1900.0}
    assert spend.filter(pl.col("stream") == "facebook")["impressions"].sum() == sum(500 + k for k in range(20))
    assert spend.filter(pl.col("stream") == "tv")["impressions"].null_count() == 20
    assert totals(outcomes, "metric", "value") == {
        "sales": sum(1000.0 + k for k in range(20)),
        "control:competitor_sales": 18000.0,
        "control:newsletter": 240.0,
        "control:events=promo": 1.0,
        "exposure:search_clicks_P": 140.0,  # clicks lie between spend and sales: no control
    }
    assert set(spend["brand"]) == {"brand"}
    assert (spend["period_end"] - spend["period_start"]).dt.total_days().unique().to_list() == [6]


def test_meridians_table_by_region(tmp_path, ingest_file):
    write_csv(tmp_path / "geo_media.csv", meridian_rows())
    done = ingest_file(tmp_path / "geo_media.csv")
    assert (done.reader, done.rejects.height) == ("meridian", 0)
    spend, outcomes = done.tables["spend"], done.tables["outcomes"]
    assert spend.height == 2 * 2 * 20
    assert set(spend["geo"]) == {"Geo0", "Geo1"}
    assert totals(spend, "stream", "impressions") == {"Channel0": 4000.0, "Channel1": 4000.0}
    found = totals(outcomes, "metric", "value")
    assert found["orders"] == 800.0
    assert found["sales"] == 2000.0  # conversions times revenue per conversion
    assert found["control:competitor_sales"] == 20.0
    assert {"control:Promo", "control:population", "control:Organic_channel0_impression"} <= set(found)


def test_pymc_marketings_table_without_its_calendar(tmp_path, ingest_file):
    write_csv(tmp_path / "mmm_example.csv", pymc_rows())
    done = ingest_file(tmp_path / "mmm_example.csv")
    assert done.reader == "pymc_marketing"
    assert totals(done.tables["spend"], "stream", "cost") == pytest.approx({"x1": 6.4, "x2": 0.0})
    assert set(done.tables["outcomes"]["metric"]) == {"sales", "control:event_1"}


@pytest.mark.parametrize("container", ["parquet", "xlsx"])
def test_other_containers(tmp_path, ingest_file, container):
    if container == "xlsx":
        write_xlsx(tmp_path / "m.xlsx", {"data": robyn_rows(), "notes": [{"a": 1, "b": 2}]})
    else:
        pl.DataFrame(robyn_rows()).with_columns(pl.col("DATE").str.to_date()).write_parquet(tmp_path / "m.parquet")
    done = ingest_file(tmp_path / f"m.{container}")
    assert done.reader == "robyn"
    assert done.tables["spend"]["cost"].sum() == 2060.0


def test_gaps_are_no_rows_and_no_numbers_are_rejects(tmp_path, ingest_file):
    rows = robyn_rows()
    rows[2]["tv_S"] = ""
    rows[5]["revenue"] = "NA"
    rows[6]["tv_S"] = "a lot"
    rows[7]["DATE"] = "some day"
    rows[8]["revenue"] = 0
    rows[9]["tv_S"] = "1.2万"
    del rows[12:14]
    write_csv(tmp_path / "gaps.csv", rows)
    done = ingest_file(tmp_path / "gaps.csv")
    assert sorted(done.rejects["reason"]) == ["DATE: 'some day' is no date", "tv_S: 'a lot' is no number"]
    tv = done.tables["spend"].filter(pl.col("stream") == "tv")
    assert tv.height == 18 - 3
    assert tv.filter(pl.col("period_start") == MONDAYS[9])["cost"].item() == 12_000.0
    sales = done.tables["outcomes"].filter(pl.col("metric") == "sales")
    assert sales.height == 18 - 2
    assert sales.filter(pl.col("period_start") == MONDAYS[8])["value"].item() == 0.0
    assert (sales["period_end"] - sales["period_start"]).dt.total_days().unique().to_list() == [6]


@pytest.mark.parametrize(("step", "last"), [(1, "2025-01-06"), (7, "2025-01-12")])
def test_periods_are_as_long_as_the_steps_between_dates(tmp_path, ingest_file, step, last):
    days = [dt.date(2025, 1, 6) + dt.timedelta(days=step * k) for k in range(10)]
    write_csv(tmp_path / "s.csv", [{"date": d.isoformat(), "kol_spend": 1, "revenue": 5} for d in days])
    spend = ingest_file(tmp_path / "s.csv").tables["spend"]
    assert spend["period_end"].min() == dt.date.fromisoformat(last)


def test_months_end_where_months_end(tmp_path, ingest_file):
    days = [dt.date(2025, m, 1) for m in range(1, 13)]
    write_csv(tmp_path / "m.csv", [{"date": d.isoformat(), "kol_spend": 1, "revenue": 5} for d in days])
    ends = ingest_file(tmp_path / "m.csv").tables["spend"]["period_end"]
    assert ends.to_list()[:2] == [dt.date(2025, 1, 31), dt.date(2025, 2, 28)]


def test_one_row_and_one_stream_are_read(tmp_path, ingest_file):
    write_csv(tmp_path / "one.csv", [{"week": "2025-01-06", "kol_spend": 0, "sales": 0}])
    done = ingest_file(tmp_path / "one.csv")
    assert (done.tables["spend"].height, done.tables["outcomes"].height) == (1, 1)


def failing(tmp_path, context, rows) -> SourceError:
    write_csv(tmp_path / "bad.csv", rows)
    with pytest.raises(SourceError) as caught:
        read_all([tmp_path / "bad.csv"], context)
    return caught.value


def test_a_channel_without_a_suffix_is_not_guessed(tmp_path, context):
    rows = [{"time": d.isoformat(), "search_spend": 1, "tv": 2, "revenue": 5} for d in MONDAYS]
    error = failing(tmp_path, context, rows)
    assert "'tv' may be a channel's spend or a control" in str(error)
    assert "values.cost" in error.mend
    assert "bad.csv" in error.where


def test_no_outcome_and_two_outcomes_name_the_key(tmp_path, context):
    none = failing(tmp_path, context, [{"time": d.isoformat(), "a_spend": 1, "b_spend": 2} for d in MONDAYS])
    assert "outcome" in str(none)
    assert "values.value" in none.mend
    two = [{"DATE": d.isoformat(), "a_S": 1, "revenue": 2, "sales": 3} for d in MONDAYS]
    both = failing(tmp_path, context, two)
    assert "both 'revenue' and 'sales' may be sales" in str(both)


def test_two_rows_for_one_week_are_an_error_not_a_loss(tmp_path, context):
    error = failing(tmp_path, context, [*robyn_rows(), robyn_rows()[3]])
    assert "two rows for 2025-01-27" in str(error)
