"""MediaCrawler's tables of seven platforms in five containers: recognised, read, and silent about commenters."""

from __future__ import annotations

import datetime as dt
import json

import polars as pl
import pytest
from collected_rows import (
    BORN,
    BORN_AT,
    COMMENTS,
    CONTENTS,
    CREATORS,
    EXPECTED,
    FOLDERS,
    FORMATS,
    NAMES,
    SEEN,
    SEEN_AT,
    TABLES,
)
from file_writers import read_all, write_csv, write_json, write_jsonl, write_sqlite, write_xlsx
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import SourceError
from tidegauge.schema import check
from tidegauge.sources import mediacrawler, sniff
from tidegauge.sources import mediacrawler_layouts as layouts
from tidegauge.sources.mediacrawler import recognise
from tidegauge.workspace.batch import ReadContext, pseudonymiser
from tidegauge.workspace.settings import Settings


def write(path, container, folder, kind, row):
    part = ("contents", "comments", "creators").index(kind)
    target = path / f"search_{kind}_2026-06-12.{ {'sqlite': 'db'}.get(container, container) }"
    if container == "json":
        write_json(target, [row])
    elif container == "jsonl":
        write_jsonl(target, [row])
    elif container == "csv":
        write_csv(target, [row])
    elif container == "xlsx":
        write_xlsx(target, {kind.capitalize(): [row]})
    else:
        write_sqlite(target, {TABLES[folder][part]: [row]})
    return target


@pytest.mark.parametrize("container", ["json", "jsonl", "csv", "xlsx", "sqlite"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_contents(tmp_path, ingest_file, folder, container):
    done = ingest_file(write(tmp_path, container, folder, "contents", CONTENTS[folder]))
    assert (done.reader, done.records, done.rejects.height) == ("mediacrawler", 1, 0)
    post, snapshot, creator = (done.tables[t].row(0, named=True) for t in ("posts", "post_snapshots", "creators"))
    assert post["platform"] == NAMES[folder]
    assert post["post_id"].startswith(f"{NAMES[folder]}:")
    assert post["format"] == FORMATS[folder]
    assert post["text"].startswith("正文")
    assert post["creator_id"] == creator["creator_id"]
    assert creator["name"] == "作者甲"
    assert creator["first_seen_at"] == SEEN_AT
    born = BORN_AT.replace(second=0) if folder == "tieba" else BORN_AT
    assert post["published_at"] == born
    assert snapshot["observed_at"] == SEEN_AT
    names = ("views", "likes", "comments", "shares", "saves", "censored")
    assert tuple(snapshot[n] for n in names) == EXPECTED[folder]
    if folder not in ("tieba", "zhihu"):
        assert post["tags"] == ["穿搭", "秋冬"]
    if folder == "bili":
        assert (snapshot["coins"], snapshot["danmaku"]) == (4, 6)


@pytest.mark.parametrize("container", ["json", "jsonl", "csv", "xlsx", "sqlite"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_creators(tmp_path, ingest_file, folder, container):
    where = tmp_path / folder  # tables of creators are alike: the folder breaks ties, as in MediaCrawler's own tree
    where.mkdir()
    done = ingest_file(write(where, container, folder, "creators", CREATORS[folder]))
    assert (done.reader, done.records, done.rejects.height) == ("mediacrawler", 1, 0)
    creator, snapshot = (done.tables[t].row(0, named=True) for t in ("creators", "creator_snapshots"))
    assert creator["creator_id"] == f"{NAMES[folder]}:{CREATORS[folder]['user_id']}"
    assert (snapshot["followers"], snapshot["censored"]) == (100_000, True)
    assert snapshot["posts"] == {"dy": 55, "ks": 55, "zhihu": 55}.get(folder)
    assert snapshot["likes_received"] == (12_000 if folder in ("xhs", "dy", "bili", "zhihu") else None)
    assert creator["region"] == (None if folder == "bili" else "上海")
    assert creator["category"] == ("美妆博主" if folder == "xhs" else None)
    assert creator["verified"] == (True if folder == "bili" else None)


def test_works_of_no_told_kind_are_no_count(tmp_path, ingest_file):
    kinds = dict.fromkeys(("anwser_count", "video_count", "article_count"), "")
    other = CREATORS["zhihu"] | {"user_id": "b" * 32, "video_count": "", "article_count": ""}
    rows = [CREATORS["zhihu"] | kinds, other]
    (tmp_path / "zhihu").mkdir()
    path = tmp_path / "zhihu" / "creators.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in rows), encoding="utf-8")
    posts = ingest_file(path).tables["creator_snapshots"].sort("creator_id")["posts"].to_list()
    assert posts == [None, 50]


@pytest.mark.parametrize("container", ["json", "jsonl", "csv", "xlsx", "sqlite"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_comments_become_audience_samples_and_nothing_of_the_commenter_is_left(
    tmp_path, ingest_file, folder, container
):
    row = COMMENTS[folder]
    done = ingest_file(write(tmp_path, container, folder, "comments", row))
    assert (done.reader, done.records, done.rejects.height, set(done.tables)) == (
        "mediacrawler",
        1,
        0,
        {"audience_samples"},
    )
    sample = done.tables["audience_samples"].row(0, named=True)
    item = next(row[k] for k in ("note_id", "aweme_id", "video_id", "content_id") if k in row)
    assert sample["post_id"] == f"{NAMES[folder]}:{item}"
    assert sample["observed_at"] == BORN_AT
    assert len(sample["audience_key"]) == 24
    assert sample["text"] is None
    everything = repr(done.tables["audience_samples"].rows())
    for secret in (row.get("user_id"), "路人乙", "私密", "reader", "签名"):
        assert secret is None or secret not in everything


@pytest.mark.parametrize("kind", ["contents", "comments", "creators"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_newer_versions_write_creator_hash(tmp_path, ingest_file, folder, kind):
    source = {"contents": CONTENTS, "comments": COMMENTS, "creators": CREATORS}[kind][folder]
    row = {k: v for k, v in source.items() if k not in ("user_id", "user_link", "sec_uid", "avatar", "user_avatar")}
    (tmp_path / folder).mkdir()
    done = ingest_file(write(tmp_path / folder, "jsonl", folder, kind, {"creator_hash": "9f86d081884c7d65", **row}))
    assert done.rejects.height == 0
    if kind == "comments":
        assert "9f86d081884c7d65" not in repr(done.tables["audience_samples"].rows())
    else:
        assert done.tables["creators"]["creator_id"].to_list() == [f"{NAMES[folder]}:9f86d081884c7d65"]


def test_a_workbook_with_all_sheets_and_a_database_with_all_tables(tmp_path, ingest_file):
    write_xlsx(
        tmp_path / "xhs_search.xlsx",
        {"Contents": [CONTENTS["xhs"]], "Comments": [COMMENTS["xhs"]], "Creators": [CREATORS["xhs"]]},
    )
    done = ingest_file(tmp_path / "xhs_search.xlsx")
    assert (done.records, done.rejects.height) == (3, 0)
    assert set(done.tables) == {"creators", "creator_snapshots", "posts", "post_snapshots", "audience_samples"}
    tables = {}
    for folder in FOLDERS:
        for name, row in zip(TABLES[folder], (CONTENTS[folder], COMMENTS[folder], CREATORS[folder]), strict=True):
            tables[name] = [row]
    tables["bilibili_contact_info"] = [{"up_id": 1, "fan_id": 2, "up_name": "a", "fan_name": "b"}]
    tables["bilibili_up_dynamic"] = [
        {
            "dynamic_id": "812345678901234567",
            "user_id": "4321",
            "user_name": "作者甲",
            "text": "动态",
            "type": "DRAW",
            "pub_ts": BORN,
            "total_comments": 1,
            "total_forwards": 2,
            "total_liked": 3,
            "last_modify_ts": SEEN,
        }
    ]
    write_sqlite(tmp_path / "sqlite_tables.db", tables)
    done = ingest_file(tmp_path / "sqlite_tables.db")
    assert (done.records, done.rejects.height) == (22, 0)
    assert done.tables["posts"]["platform"].value_counts().height == 7
    dynamic = done.tables["posts"].filter(pl.col("post_id") == "bilibili:812345678901234567").row(0, named=True)
    assert (dynamic["format"], dynamic["text"], dynamic["published_at"]) == ("image_text", "动态", BORN_AT)
    assert done.tables["audience_samples"].height == 7


def test_the_same_note_crawled_again_is_a_second_snapshot(tmp_path, ingest_file):
    later = CONTENTS["xhs"] | {"last_modify_ts": SEEN + 86_400_000, "liked_count": "2万", "nickname": "作者甲改名"}
    write_jsonl(tmp_path / "c.jsonl", [later, CONTENTS["xhs"]])
    done = ingest_file(tmp_path / "c.jsonl")
    assert sorted(done.tables["post_snapshots"]["likes"].to_list()) == [12_000, 20_000]
    creator = done.tables["creators"].row(0, named=True)
    assert (creator["name"], creator["first_seen_at"]) == ("作者甲改名", SEEN_AT)


def test_without_its_own_time_a_record_has_the_date_of_its_file(tmp_path, ingest_file):
    row = {k: v for k, v in CONTENTS["xhs"].items() if k != "last_modify_ts"}
    write_jsonl(tmp_path / "search_contents_2026-06-12.jsonl", [row])
    done = ingest_file(tmp_path / "search_contents_2026-06-12.jsonl")
    assert done.tables["post_snapshots"]["observed_at"].to_list() == [
        dt.datetime(2026, 6, 12, 15, 59, 59, tzinfo=dt.UTC)
    ]


def test_a_missing_optional_column_is_null_a_missing_key_is_an_error(tmp_path, ingest_file, context):
    write_jsonl(
        tmp_path / "a.jsonl", [{k: v for k, v in CONTENTS["xhs"].items() if k not in ("share_count", "tag_list")}]
    )
    done = ingest_file(tmp_path / "a.jsonl")
    assert done.tables["post_snapshots"]["shares"].to_list() == [None]
    for folder in FOLDERS:
        key = next(iter(CONTENTS[folder]))
        target = tmp_path / f"{folder}.jsonl"
        row = {k: v for k, v in CONTENTS[folder].items() if k not in ("note_id", "aweme_id", "video_id", "content_id")}
        write_jsonl(target, [row])
        with pytest.raises(SourceError, match="no column '" + key) as caught:
            read_all([target], context)
        assert str(target) in str(caught.value)
        assert "--map" in caught.value.mend


def test_unreadable_values_reject_the_record_and_name_column_and_value(tmp_path, ingest_file):
    rows = [
        CONTENTS["xhs"],
        CONTENTS["xhs"] | {"note_id": "65f0c1a2000000001203a4b6", "liked_count": "很多"},
        CONTENTS["xhs"] | {"note_id": "65f0c1a2000000001203a4b7", "time": "某天"},
        CONTENTS["xhs"] | {"note_id": ""},
    ]
    write_jsonl(tmp_path / "a.jsonl", rows)
    done = ingest_file(tmp_path / "a.jsonl")
    assert done.tables["posts"].height == 1
    assert done.rejects.select("locator", "reason").rows() == [
        ("2", "liked_count: '很多' is no count"),
        ("3", "time: '某天' is no time"),
        ("4", "note_id is missing"),
    ]


def test_rejects_of_comments_show_nothing_of_the_commenter(tmp_path, ingest_file):
    row = COMMENTS["xhs"]
    whole = [row | {"note_id": ""}, row | {"create_time": "路人乙的某天"}, row]
    write_jsonl(tmp_path / "search_comments_2026-06-12.jsonl", whole)
    with (tmp_path / "search_comments_2026-06-12.jsonl").open("a", encoding="utf-8") as out:
        out.write('{"comment_id": "c9", "nickname": "路人乙", "user_id": "5ff0e64100000000010084aa", "content": "私密')
    done = ingest_file(tmp_path / "search_comments_2026-06-12.jsonl")
    assert done.rejects["locator"].to_list() == ["4", "1", "2"]
    assert done.tables["audience_samples"].height == 1
    shown = repr(done.rejects.rows())
    for secret in ("路人乙", "5ff0e64100000000010084aa", "私密"):
        assert secret not in shown


def test_comment_text_is_kept_only_where_it_is_asked_for(tmp_path, ingest_file):
    write_jsonl(tmp_path / "c.jsonl", [COMMENTS["wb"]])
    done = ingest_file(tmp_path / "c.jsonl", keep_text=True)
    assert done.tables["audience_samples"]["text"].to_list() == ["私密的评论内容"]


def test_the_same_number_is_another_person_on_another_platform(tmp_path, ingest_file):
    keys = []
    for folder in ("wb", "bili"):
        write_jsonl(tmp_path / f"{folder}.jsonl", [COMMENTS[folder] | {"user_id": "42"}])
        keys.append(ingest_file(tmp_path / f"{folder}.jsonl").tables["audience_samples"]["audience_key"][0])
    assert keys[0] != keys[1]


@pytest.mark.parametrize("kind", ["contents", "comments"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_platform_is_told_without_any_help_from_the_path(tmp_path, folder, kind):
    row = {"contents": CONTENTS, "comments": COMMENTS}[kind][folder]
    target = tmp_path / "export.jsonl"
    write_jsonl(target, [row])
    sample = sniff(target)
    layout, sure = recognise("", *sample.parts[""], target)
    assert (layout.platform.value, layout.kind) == (NAMES[folder], kind)
    assert sure > 0.5


def test_the_folder_breaks_the_tie_between_creators_of_like_columns(tmp_path):
    common = {
        "user_id": "1234567890",
        "nickname": "甲",
        "gender": "女",
        "follows": 1,
        "fans": 2,
        "last_modify_ts": SEEN,
    }
    for folder, platform in (("wb", "weibo"), ("dy", "douyin")):
        (tmp_path / folder).mkdir()
        target = tmp_path / folder / "creator_creators_2026-06-12.jsonl"
        write_jsonl(target, [common])
        sample = sniff(target)
        layout, _ = recognise("", *sample.parts[""], target)
        assert layout.platform.value == platform


@given(
    layout=st.sampled_from(layouts.CONTENTS),
    filled=st.sets(st.sampled_from(mediacrawler._OPTIONAL)),
    values=st.lists(st.sampled_from([None, "", "3", "x"]), min_size=1, max_size=3),
)
def test_columns_that_nothing_fills_change_no_row_and_no_reject(layout, filled, values):
    columns = [c for c in mediacrawler._OPTIONAL if c != layout.key]
    frame = pl.DataFrame(
        {c: values if c in filled else [None] * len(values) for c in columns}, dict.fromkeys(columns, pl.String)
    )
    frame = frame.with_columns(pl.lit("7").alias(layout.key), pl.lit("1.2万").alias("liked_count"), _locator=pl.lit(1))
    context = ReadContext(Settings(), pseudonymiser(b"test"))
    with pytest.MonkeyPatch.context() as patch:
        quick, refused = mediacrawler._posts(frame, layout, context, SEEN_AT)
        patch.setattr(mediacrawler, "_OPTIONAL", ())
        slow, refused_slowly = mediacrawler._posts(frame, layout, context, SEEN_AT)
    assert refused.equals(refused_slowly)
    assert quick.keys() == slow.keys()
    for table in quick:
        assert check(table, quick[table]).good.equals(check(table, slow[table]).good)
