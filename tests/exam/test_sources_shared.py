"""The example mapping reads all of the real data, and the rows are those that the files hold."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tidegauge.schema import check
from tidegauge.sources import Skipped, open_readings
from tidegauge.workspace.batch import ReadContext, Reading, pseudonymiser
from tidegauge.workspace.settings import Settings

pytestmark = pytest.mark.exam
MAP = Path(__file__).parents[2] / "examples" / "maps" / "shared.toml"


@pytest.fixture(scope="module")
def shared(shared_data):
    """Good rows per table over all files, rejects, and the readers that were used."""
    context = ReadContext(Settings(), pseudonymiser(b"exam" * 8))
    tables: dict[str, list[pl.DataFrame]] = {}
    rejects, readers, skipped = [], {}, []
    for entry in open_readings([shared_data], context, mapping=MAP):
        if isinstance(entry, Skipped):
            skipped.append(entry.path.name)
            continue
        assert isinstance(entry, Reading), f"{entry.path}: {entry.error}"
        readers[entry.path.relative_to(shared_data).as_posix()] = entry.reader
        for batch in entry.batches:
            rejects.append(batch.rejects)
            for table, frame in batch.tables.items():
                checked = check(table, frame)
                tables.setdefault(table, []).append(checked.good)
                rejects.append(checked.rejects)
    whole = {t: pl.concat(f, how="diagonal").drop("_locator", "_seen_at", strict=False) for t, f in tables.items()}
    return whole, pl.concat(rejects), readers, skipped


def test_every_file_is_read_and_no_row_is_rejected(shared):
    _, rejects, readers, skipped = shared
    assert rejects.height == 0
    assert skipped == ["README.md"]
    assert readers["creators/vtuber_panel.parquet"] == "map:vtuber panel"
    assert readers["mmm/robyn_simulated_weekly.csv"] == "map:robyn weekly"
    assert {r for f, r in readers.items() if f.startswith(("hotlists", "raw"))} == {"hotlists"}


def test_the_panel_is_two_accounts_of_one_person(shared, shared_data):
    tables, *_ = shared
    panel = pl.read_parquet(shared_data / "creators" / "vtuber_panel.parquet")
    for platform, id_, followers in (
        ("youtube", "youtube_id", "youtube_subscribers"),
        ("twitch", "twitch_id", "twitch_followers"),
    ):
        own = tables["creators"].filter(pl.col("platform") == platform)
        has = panel.filter(pl.col(id_).str.strip_chars().fill_null("") != "")
        assert own["creator_id"].n_unique() == has[id_].n_unique()
        counted = tables["creator_snapshots"].filter(pl.col("creator_id").str.starts_with(platform))
        keys = has.unique([id_, "observed_at"], keep="last")
        assert counted.unique(["creator_id", "observed_at"]).height == keys.height
        assert counted.unique(["creator_id", "observed_at"], keep="last")["followers"].sum() == keys[followers].sum()
    people = tables["creators"].group_by("person_id").agg(pl.col("platform").n_unique())
    assert people.filter(pl.col("platform") == 2).height > 1_000


def test_video_views_keep_their_repeats_and_know_their_creator(shared, shared_data):
    tables, *_ = shared
    raw = pl.read_parquet(shared_data / "videos" / "vtuber_video_views.parquet")
    snapshots = tables["post_snapshots"]
    assert snapshots.height == raw.unique(["video_id", "observed_at"]).height
    assert snapshots["views"].sum() == raw["views"].sum()
    posts = tables["posts"].unique("post_id")
    assert posts.height == raw["video_id"].n_unique()
    assert posts["creator_id"].null_count() < posts.height // 10
    known = set(tables["creators"]["creator_id"])
    assert set(posts["creator_id"].drop_nulls()) <= known


def test_hot_lists_keep_every_topic(shared, shared_data):
    tables, *_ = shared
    raw = pl.concat([pl.read_parquet(f) for f in sorted((shared_data / "hotlists").glob("*.parquet"))])
    cleaned = raw.with_columns(pl.col("title").str.strip_chars().str.strip_chars("#").str.strip_chars())
    expected = cleaned.filter(pl.col("title") != "").select("platform", "title", "first_seen").unique().height
    daily = tables["topics"].filter((pl.col("observed_at").dt.hour() == 4) & (pl.col("observed_at").dt.minute() == 0))
    table = tables["topics"].join(
        daily.filter(pl.col("url").is_not_null()), on=["platform", "topic", "observed_at"], how="anti"
    )
    assert table.unique(["platform", "topic", "observed_at"]).height == expected


def test_the_weekly_table_is_long(shared, shared_data):
    tables, *_ = shared
    weekly = pl.read_csv(shared_data / "mmm" / "robyn_simulated_weekly.csv")
    spend, outcomes = tables["spend"], tables["outcomes"]
    assert spend.group_by("stream").len().sort("stream").rows() == [
        (s, weekly.height) for s in ("facebook", "ooh", "print", "search", "tv")
    ]
    assert spend.filter(pl.col("stream") == "tv")["cost"].sum() == pytest.approx(weekly["tv_S"].sum())
    assert spend["impressions"].drop_nulls().len() == weekly.height
    sales = outcomes.filter(pl.col("metric") == "sales")
    assert sales["value"].sum() == pytest.approx(weekly["revenue"].sum())
    assert (sales["period_end"] - sales["period_start"]).dt.total_days().unique().to_list() == [6]
    assert outcomes["metric"].n_unique() == 4
