"""The files: exact forms, the same bytes for the same seed, and read back they are the ecosystem that was grown."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from tidegauge.errors import UsageError
from tidegauge.schema import check
from tidegauge.sources import open_readings
from tidegauge.twin import World, canonical, grow, write_twin
from tidegauge.twin.observe import epoch_s
from tidegauge.twin.write import TwinSummary
from tidegauge.workspace.batch import ReadContext, Reading
from tidegauge.workspace.settings import Settings

SIZE = {"creators": 120, "days": 21, "seed": 7}
WORLD = World(offers_share=0.9, campaign_weeks=30)
CONTENTS = {
    "xhs": "note_id type title desc video_url time last_update_time liked_count collected_count comment_count "
    "share_count image_list tag_list note_url",
    "dy": "aweme_id aweme_type title desc create_time liked_count comment_count share_count collected_count aweme_url",
    "ks": "video_id video_type title desc create_time liked_count viewd_count video_url",
    "bili": "video_id video_type title desc create_time liked_count disliked_count video_play_count "
    "video_favorite_count video_share_count video_coin_count video_danmaku video_comment video_url",
    "wb": "note_id content create_time create_date_time liked_count comments_count shared_count note_url",
    "zhihu": "content_id content_type title desc content_text content_url created_time voteup_count comment_count "
    "question_id",
}
COMMON = {"user_id", "nickname", "add_ts", "last_modify_ts", "source_keyword"}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, TwinSummary]:
    out = tmp_path_factory.mktemp("twin") / "t"
    return out, write_twin(out, **SIZE, world=WORLD)


@pytest.fixture(scope="module")
def eco():
    return grow(**SIZE, world=WORLD)


def lines(folder: Path, kind: str) -> list[dict]:
    return [json.loads(t) for f in sorted(folder.glob(f"*_{kind}_*.jsonl")) for t in f.read_text("utf-8").splitlines()]


def digest(out: Path) -> dict[str, str]:
    return {
        str(f.relative_to(out)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(out.rglob("*"))
        if f.is_file()
    }


@pytest.mark.parametrize("code", CONTENTS)
def test_contents_have_the_exporters_columns_and_types(written, code):
    rows = lines(written[0] / "data" / code / "jsonl", "contents")
    assert rows
    assert all(set(r) == COMMON | set(CONTENTS[code].split()) for r in rows)
    counts = [c for c in rows[0] if c.endswith("_count") or c in {"video_danmaku", "video_comment"}]
    kind = int if code == "zhihu" else str
    assert all(isinstance(r[c], kind) for r in rows for c in counts)
    unit = 1000 if code in {"xhs", "ks"} else 1
    key = {"xhs": "time", "zhihu": "created_time"}.get(code, "create_time")
    first = epoch_s(WORLD.start)
    assert all(first <= r[key] // unit < first + SIZE["days"] * 86_400 for r in rows)
    assert all(r["last_modify_ts"] // 1000 > r[key] // unit for r in rows)
    assert all("仿真" in (r.get("title") or r["content"]) and r["nickname"].startswith("仿真") for r in rows)


def test_the_same_posts_are_crawled_on_several_dates(written):
    rows = lines(written[0] / "data" / "dy" / "jsonl", "contents")
    times: dict[str, list[tuple[int, int]]] = {}
    for r in rows:
        times.setdefault(r["aweme_id"], []).append((r["last_modify_ts"], int(r["liked_count"])))
    assert max(len(t) for t in times.values()) >= 3
    for seen in times.values():
        likes = [n for _, n in sorted(seen)]
        assert likes == sorted(likes)


def test_followers_in_the_files_are_the_truth_as_shown(written, eco):
    rows = lines(written[0] / "data" / "dy" / "jsonl", "creators")
    number = dict(zip(eco.native_ids.to_list(), range(eco.accounts.count), strict=True))
    assert len(rows) > 20
    for r in rows:
        day = (r["last_modify_ts"] // 1000 - epoch_s(WORLD.start)) // 86_400
        assert int(r["fans"]) == eco.accounts.followers[number[r["user_id"]], day]


def test_views_in_the_files_follow_the_documented_growth_of_the_true_views(written):
    """By the formula of docs/methods/twin.md, written out here, from the columns of the truth file."""
    truth = {r["post_id"]: r for r in pl.read_parquet(written[0] / "truth" / "posts.parquet").iter_rows(named=True)}
    rows = lines(written[0] / "data" / "bili" / "jsonl", "contents")
    assert len(rows) > 20
    for r in rows:
        t = truth[f"bilibili:{r['video_id']}"]
        age = (r["last_modify_ts"] // 1000 - epoch_s(WORLD.start)) / 86_400 - t["published_day"]
        fast = (1 - 2 ** (-age / t["half_life_days"])) / (1 - 2 ** (-30 / t["half_life_days"]))
        grown = (1 - t["evergreen"]) * fast + t["evergreen"] * np.log1p(age) / np.log(31)
        assert int(r["video_play_count"]) == pytest.approx(t["views30"] * grown, abs=1 + 1e-4 * t["views30"])


def test_hidden_views_are_nowhere(written):
    for code in ("xhs", "dy", "wb", "zhihu"):
        text = (written[0] / "data" / code / "jsonl").glob("*contents*")
        assert not any("play_count" in f.read_text("utf-8") or "viewd" in f.read_text("utf-8") for f in text)


def test_comments_come_from_the_creators_core_or_from_machines(written, eco):
    rows = lines(written[0] / "data" / "wb" / "jsonl", "comments")
    assert rows
    commenters = pl.read_parquet(written[0] / "truth" / "commenters.parquet")
    number = dict(zip(commenters["weibo"].to_list(), commenters["commenter"].to_list(), strict=True))
    members = pl.read_parquet(written[0] / "truth" / "memberships.parquet")
    core = dict(zip(members["creator_id"].to_list(), (set(c) for c in members["core"].to_list()), strict=True))
    author = dict(zip(eco.post_ids.to_list(), eco.posts.creator.tolist(), strict=True))
    foreign = 0
    for r in rows:
        j = author[f"weibo:{r['note_id']}"]
        who = number.get(r["user_id"])
        if who is None:
            foreign += 1
            assert eco.accounts.inflated[j]
        else:
            assert who in core[eco.creator_ids[j]]
    assert foreign < len(rows) / 2


def test_hot_lists_are_daily_json_of_title_url_and_heat(written):
    files = sorted((written[0] / "hotlists" / "weibo").glob("*.json"))
    assert len(files) == SIZE["days"]
    items = json.loads(files[0].read_text("utf-8"))
    assert len(items) > 50
    assert all(set(i) == {"title", "url", "hot"} for i in items)
    assert files[0].stem == WORLD.start.isoformat()


def test_hot_lists_in_table_form_keep_the_hour(tmp_path):
    out = tmp_path / "t"
    write_twin(out, creators=5, days=3, seed=1, world=World(hotlist_form="table", campaign_weeks=4))
    table = pl.read_csv(out / "hotlists" / "hotlists.csv")
    assert table.columns == ["platform", "topic", "observed_at", "rank", "heat"]
    assert table["observed_at"].str.slice(11, 2).n_unique() > 20


def test_rate_cards_have_the_exporters_headers(written):
    folder = written[0] / "ratecards"
    heads = {
        "xingtu": "达人昵称 达人ID 粉丝数 内容类型 1-20s视频报价 21-60s视频报价 60s以上视频报价 图文报价 预期CPM "
        "预期播放量 完播率 互动率 星图指数 所属机构",
        "pugongying": "博主昵称 小红书号 粉丝数 图文报价 视频报价 阅读中位数 互动中位数 内容类目 地域",
        "huahuo": "UP主 UID 粉丝数 定制视频报价 植入视频报价 直发动态报价 平均播放",
    }
    for stem, head in heads.items():
        rows = CalamineWorkbook.from_path(next(folder.glob(f"{stem}_*.xlsx"))).get_sheet_by_index(0).to_python()
        assert rows[0] == head.split()
        assert len(rows) > 1
    assert {f.name.split("_")[0] for f in folder.glob("*.csv")} == {"weibo", "kuaishou"}


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tidegauge.twin import write_twin, World; "
        "write_twin(Path(sys.argv[1]), creators=40, days=9, seed=3, world=World(campaign_weeks=10))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "4242", "POLARS_MAX_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], check=True, env=env)
    write_twin(tmp_path / "b", creators=40, days=9, seed=3, world=World(campaign_weeks=10))
    a, b = digest(tmp_path / "a"), digest(tmp_path / "b")
    assert len(a) > 50
    assert a == b


def test_another_seed_gives_other_posts(written, tmp_path):
    write_twin(tmp_path / "o", **(SIZE | {"seed": 8}), world=WORLD)
    mine, other = digest(written[0]), digest(tmp_path / "o")
    same = [f for f in mine if other.get(f) == mine[f] and "contents" in f]
    assert not same


def test_everything_read_back_is_the_ecosystem(written, eco):
    """All files through the readers: no reject but open prices, and row for row the canonical tables."""
    context = ReadContext(Settings(), pseudonym=lambda s: s, keep_text=False)
    parts: dict[str, list[pl.DataFrame]] = {}
    reasons: list[str] = []
    for reading in open_readings([written[0]], context):
        if not isinstance(reading, Reading):
            assert reading.path.name == "README.txt"
            continue
        assert "truth" not in reading.path.parts
        for batch in reading.batches:
            reasons += batch.rejects["reason"].to_list()
            for name, frame in batch.tables.items():
                done = check(name, frame)
                assert done.rejects.is_empty(), (reading.path, done.rejects.row(0))
                parts.setdefault(name, []).append(done.good.drop("_locator", "_seen_at", strict=False))
    assert all("面议" in r for r in reasons)
    expected = canonical(eco)
    keys = {
        "post_snapshots": ["post_id", "observed_at"],
        "audience_profiles": ["creator_id", "dimension", "bucket"],
        "placements": ["post_id"],
        "spend": ["stream", "period_start"],
        "outcomes": ["metric", "period_start"],
        "market": ["platform", "segment", "period"],
    }
    for name, key in keys.items():
        mine = expected[name].sort(key)
        read = pl.concat(parts[name]).unique(key).sort(key)
        assert read.height == mine.height, name
        for column in mine.columns:
            if column != "source_url":  # the empty text of a CSV comes back as nothing
                assert read[column].cast(mine.schema[column]).equals(mine[column]), (name, column)
    fans = pl.concat(parts["creator_snapshots"]).join(
        expected["creator_snapshots"], on=["creator_id", "observed_at"], how="inner", suffix="_true"
    )
    assert fans.height == expected["creator_snapshots"].height
    assert fans["followers"].equals(fans["followers_true"].alias("followers"))
    seen = pl.concat(parts["posts"]).select("post_id", "creator_id").unique()
    assert set(seen.iter_rows()) == set(expected["posts"].select("post_id", "creator_id").iter_rows())
    samples = pl.concat(parts["audience_samples"])
    assert samples.height == expected["audience_samples"].height
    told = expected["offers"].select("creator_id", "format", "price")
    read_offers = pl.concat(parts["offers"]).select("creator_id", "format", "price")
    missing = told.join(read_offers, on=["creator_id", "format", "price"], how="anti")
    assert missing.height == len(reasons)


def test_rate_cards_and_register_name_a_category_alike(written):
    register = pl.read_csv(written[0] / "register" / "creators.csv")
    rows = (
        CalamineWorkbook.from_path(next((written[0] / "ratecards").glob("xingtu_*.xlsx")))
        .get_sheet_by_index(0)
        .to_python()
    )
    card = {str(r[1]): r[3] for r in rows[1:]}
    both = [(card[str(n)], c) for n, c in register.select("native_id", "category").iter_rows() if str(n) in card]
    assert both
    assert all(a == b for a, b in both)


def test_registered_posts_carry_duration_work_and_sponsor(written):
    posts = pl.read_csv(written[0] / "register" / "posts.csv")
    video = posts.filter(pl.col("format").str.ends_with("video"))
    assert video["duration_s"].null_count() == 0
    assert posts["work_id"].null_count() == 0
    assert 0 < posts.filter(pl.col("sponsored"))["brand"].n_unique() <= 8


def test_the_truth_is_marked_so_that_it_is_not_ingested(written):
    assert (written[0] / "truth" / ".tidegauge-skip").exists()
    meta = json.loads((written[0] / "truth" / "meta.json").read_text("utf-8"))
    assert (meta["seed"], meta["creators"], meta["artificial"]) == (7, 120, True)
    readme = (written[0] / "README.txt").read_text("utf-8")
    assert "人工生成" in readme
    assert "artificial" in readme


def test_summary_counts_what_is_there(written):
    out, summary = written
    files = [f for f in out.rglob("*") if f.is_file() and f.name != ".tidegauge-skip"]
    assert summary.files == len(files)
    assert summary.bytes == sum(f.stat().st_size for f in files)
    total = sum(len(lines(out / "data" / code / "jsonl", "contents")) for code in CONTENTS)
    assert summary.as_dict()["rows"]["contents"] == total
    json.dumps(summary.as_dict(), allow_nan=False)


@pytest.mark.parametrize(("creators", "days"), [(1, 1), (10, 3)])
def test_small_sizes_are_written(tmp_path, creators, days):
    told: list[float] = []
    summary = write_twin(
        tmp_path / "t", creators=creators, days=days, seed=1, world=World(campaign_weeks=2),
        progress=lambda done, what: told.append(done),
    )  # fmt: skip
    assert summary.files > 20
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert np.all((np.array(told) >= 0) & (np.array(told) <= 1))


def test_a_directory_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not empty"):
        write_twin(tmp_path, creators=1, days=1)
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]
