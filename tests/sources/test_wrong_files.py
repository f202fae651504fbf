"""Files that are broken, odd or no data: a clear error or rejects with reasons, never a traceback."""

from __future__ import annotations

import gzip
import json
import zipfile

import numpy as np
import polars as pl
import pytest
from file_writers import read_all, write_csv, write_json, write_jsonl
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import SourceError
from tidegauge.sources import Skipped, Unreadable, json_records, open_readings, sniff
from tidegauge.sources.records import read_records
from tidegauge.workspace.batch import Reading

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
NOTE = {
    "note_id": "65f0c1a2000000001203a4b5",
    "type": "normal",
    "title": "标题，含逗号",
    "desc": "一行\n两行",
    "time": 1_781_000_000_000,
    "user_id": "5ff0e6410000000001008400",
    "nickname": "作者甲",
    "liked_count": "1.2万",
    "collected_count": "3",
    "comment_count": "4",
    "share_count": "5",
    "tag_list": "穿搭",
    "note_url": "https://www.xiaohongshu.com/explore/1",
    "last_modify_ts": 1_781_222_400_000,
}


def notes(n):
    return [NOTE | {"note_id": f"65f0c1a20000000012{i:06x}"} for i in range(n)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jsonl", b"", "empty"),
        ("blank.csv", b" \n\n", "empty"),
        ("picture.json", PNG, "PNG image"),
        ("paper.csv", b"%PDF-1.7 ...", "PDF"),
        ("junk.json", bytes(np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8)), "no text"),
        ("cut.json", b'{"data": [{"a": 1', "broken JSON"),
        ("none.json", b"[]", "no records"),
        ("broken.xlsx", b"PK\x03\x04 not really", "damaged"),
        ("broken.parquet", b"PAR1 not really", "damaged"),
        ("broken.db", b"SQLite format 3\0" + b"x" * 200, "damaged"),
        ("broken.jsonl.gz", b"\x1f\x8b\x08\x00 not really", "damaged"),
        ("other.csv", b"colour,shape\nred,round\n", "no reader recognises"),
    ],
)
def test_what_is_no_data_is_said_so_with_file_and_mend(tmp_path, context, name, content, words):
    target = tmp_path / name
    target.write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        read_all([target], context)
    assert str(target) in str(caught.value)
    assert caught.value.mend


def test_an_unknown_layout_lists_its_columns_and_both_ways_out(tmp_path, context):
    write_csv(tmp_path / "x.csv", [{"colour": "red", "shape": "round"}])
    with pytest.raises(SourceError, match="colour, shape") as caught:
        read_all([tmp_path / "x.csv"], context)
    assert "--as" in caught.value.mend
    assert "--map" in caught.value.mend


def test_zip_and_missing_file(tmp_path, context):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("a.txt", "x")
    with pytest.raises(SourceError, match="zip archive"):
        read_all([tmp_path / "a.zip"], context)
    with pytest.raises(SourceError, match="no such file"):
        read_all([tmp_path / "absent.jsonl"], context)


def test_in_a_directory_the_readable_files_are_read_and_the_others_reported(tmp_path, context):
    write_jsonl(tmp_path / "b.jsonl", notes(2))
    (tmp_path / "a.json").write_bytes(PNG)
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "cover.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("remember to collect again")
    (tmp_path / ".hidden.jsonl").write_text("{}")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / ".tidegauge-skip").touch()
    (tmp_path / "truth" / "c.jsonl").write_text("{}")
    found = list(open_readings([tmp_path], context))
    kinds = [(type(f), f.path.name) for f in found]
    assert kinds == [
        (Skipped, "README.md"),
        (Unreadable, "a.json"),
        (Reading, "b.jsonl"),
        (Skipped, "cover.png"),
        (Skipped, "notes.txt"),
    ]
    assert "PNG" in str(found[1].error)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert [type(f) for f in open_readings([empty], context)] == [Unreadable]


def test_one_bad_file_among_several_named_ones_does_not_stop_the_others(tmp_path, context):
    write_jsonl(tmp_path / "b.jsonl", notes(1))
    (tmp_path / "a.json").write_bytes(PNG)
    found = list(open_readings([tmp_path / "a.json", tmp_path / "b.jsonl"], context))
    assert [type(f) for f in found] == [Unreadable, Reading]


def test_a_cut_off_last_line_is_a_reject_with_its_line_number(tmp_path, ingest_file):
    target = tmp_path / "a.jsonl"
    write_jsonl(target, notes(3))
    target.write_bytes(target.read_bytes()[:-40])
    done = ingest_file(target)
    assert (done.records, done.tables["posts"].height) == (3, 2)
    ((locator, reason, raw),) = done.rejects.rows()
    assert locator == "3"
    assert reason.startswith("broken JSON")
    assert raw.startswith('{"note_id"')


def test_a_cut_off_array_keeps_its_whole_elements(tmp_path, ingest_file):
    target = tmp_path / "a.json"
    write_json(target, notes(3))
    target.write_bytes(target.read_bytes()[:-300])
    done = ingest_file(target)
    assert (done.tables["posts"].height, done.rejects.height) == (2, 1)
    assert done.rejects["locator"].to_list() == ["3"]


def test_broken_lines_among_good_ones(tmp_path, ingest_file):
    good = [json.dumps(n, ensure_ascii=False) for n in notes(4)]
    lines = [
        good[0],
        "",
        "not json",
        good[1],
        "[1, 2]",
        "5",
        good[2],
        '{"note_id": NaN}',
        '{"a": ' + "[" * 5000,
        good[3],
    ]
    (tmp_path / "a.jsonl").write_text("\r\n".join(lines), encoding="utf-8")
    done = ingest_file(tmp_path / "a.jsonl")
    assert done.tables["posts"].height == 4
    assert sorted(done.rejects["locator"].to_list(), key=int) == ["3", "5", "6", "8", "9"]
    assert done.records == 9


def test_types_may_change_from_record_to_record(tmp_path, ingest_file):
    first, second, third, fourth = notes(4)
    rows = [
        first,
        second | {"liked_count": 12000, "time": 1_781_000_000},
        third | {"liked_count": 12.0, "title": None, "tag_list": ["穿搭", "秋冬"]},
        fourth | {"liked_count": None, "title": {"a": 1}},
    ]
    write_jsonl(tmp_path / "a.jsonl", rows)
    done = ingest_file(tmp_path / "a.jsonl")
    assert done.rejects.height == 0
    assert done.tables["post_snapshots"]["likes"].to_list() == [12_000, 12_000, 12, None]
    assert done.tables["posts"]["published_at"].n_unique() == 1
    assert done.tables["posts"]["tags"].to_list()[2] == ["穿搭", "秋冬"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_every_encoding_and_delimiter_with_quoted_line_ends(tmp_path, ingest_file, encoding, delimiter):
    rows = notes(40)
    write_csv(tmp_path / "a.csv", rows, encoding, delimiter)
    done = ingest_file(tmp_path / "a.csv")
    assert (done.records, done.rejects.height) == (40, 0)
    assert done.tables["posts"]["title"].unique().to_list() == ["标题，含逗号"]
    assert done.tables["posts"]["text"].unique().to_list() == ["一行\n两行"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_json_lines_in_other_encodings_and_gzip(tmp_path, ingest_file, encoding):
    text = "".join(json.dumps(n, ensure_ascii=False) + "\n" for n in notes(40)).encode(encoding)
    (tmp_path / "a.jsonl").write_bytes(text)
    with gzip.open(tmp_path / "b.jsonl.gz", "wb") as out:
        out.write(text)
    for name in ("a.jsonl", "b.jsonl.gz"):
        done = ingest_file(tmp_path / name)
        assert (done.records, done.rejects.height) == (40, 0)
        assert done.tables["creators"]["name"].to_list() == ["作者甲"]


def test_csv_rows_of_wrong_width_and_damaged_bytes_are_named_by_their_row(tmp_path, ingest_file):
    rows = [
        {"platform": "weibo", "topic": f"话题{i}", "observed_at": "2026-01-01 08:00:00", "heat": "5"} for i in range(40)
    ]
    write_csv(tmp_path / "weibo.csv", rows, "utf-8")
    lines = (tmp_path / "weibo.csv").read_bytes().splitlines()
    lines[3] = b"weibo,too,many,fields,here"
    lines[5] = b"weibo,\xff\xfe\xff,2026-01-01 08:00:00,5"
    lines[6] = b""
    lines.append(b"weibo,cut off")
    (tmp_path / "weibo.csv").write_bytes(b"\n".join(lines))
    done = ingest_file(tmp_path / "weibo.csv")
    assert sorted(done.rejects["locator"].to_list(), key=int) == ["4", "6", "42"]
    assert done.tables["topics"].height == 37
    reasons = " ".join(done.rejects["reason"])
    assert "5 fields where the header has 4" in reasons
    assert "2 fields where the header has 4" in reasons
    assert "no UTF-8 text" in reasons


def test_zero_bytes_are_survived(tmp_path, ingest_file):
    write_csv(
        tmp_path / "weibo.csv",
        [{"platform": "weibo", "topic": f"a\0b{i}", "observed_at": "2026-01-01", "heat": "5\0"} for i in range(9)],
        "utf-8",
    )
    done = ingest_file(tmp_path / "weibo.csv")
    assert done.records == 9
    write_jsonl(tmp_path / "a.jsonl", [NOTE | {"title": "a\0b"}])
    assert ingest_file(tmp_path / "a.jsonl").rejects.height == 0


def test_a_giant_line_is_passed_over_not_held(tmp_path, context, monkeypatch):
    monkeypatch.setattr(json_records, "CHUNK_BYTES", 1 << 16)
    monkeypatch.setattr(json_records, "MAX_RECORD_BYTES", 1 << 18)
    first, second = (json.dumps(n, ensure_ascii=False) for n in notes(2))
    giant = '{"note_id": "x", "desc": "' + "好" * 12_000_000 + '"}'
    (tmp_path / "a.jsonl").write_text("\n".join([first, giant, second]) + "\n", encoding="utf-8")
    batches = read_all([tmp_path / "a.jsonl"], context)
    rejects = pl.concat([b.rejects for b in batches])
    assert rejects["locator"].to_list() == ["2"]
    assert "a record of more than" in rejects["reason"][0]
    assert sum(b.tables["posts"].height for b in batches) == 2
    last = batches[-1].tables["posts"]["_locator"].to_list()
    assert last == [3]


def test_identical_rows_collapse_per_chunk(tmp_path, context, monkeypatch):
    monkeypatch.setattr(json_records, "CHUNK_BYTES", 1 << 16)
    line = json.dumps(NOTE, ensure_ascii=False) + "\n"
    (tmp_path / "a.jsonl").write_text(line * 60_000, encoding="utf-8")
    batches = read_all([tmp_path / "a.jsonl"], context)
    assert sum(b.records for b in batches) == 60_000
    assert len(batches) > 2
    assert max(b.tables["creators"].height for b in batches) == 1


def test_locators_run_on_over_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(json_records, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr("tidegauge.sources.json_records.utf8_blocks", _small_blocks(700))
    rows = notes(50)
    write_jsonl(tmp_path / "a.jsonl", rows)
    write_json(tmp_path / "b.json", rows)
    for name in ("a.jsonl", "b.json"):
        pieces = list(read_records(tmp_path / name, ["note_id", "desc"]))
        assert len(pieces) > 5
        whole = pl.concat([p.frame for p in pieces])
        assert whole["_locator"].to_list() == list(range(1, 51))
        assert whole["note_id"].to_list() == [r["note_id"] for r in rows]
        assert whole["desc"].unique().to_list() == ["一行\n两行"]


def _small_blocks(size):
    def blocks(path, container, _size=0):
        data = path.read_bytes()
        yield from ((data[i : i + size], i + size) for i in range(0, len(data), size))

    return blocks


scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3), max_leaves=6
)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), values, max_size=4), min_size=1, max_size=6),
    st.integers(1, 40),
    st.sampled_from([None, 2]),
)
def test_the_array_kernel_cuts_every_array_at_its_elements(rows, block, indent):
    """The twin of the kernel is json itself: whatever the text, the lines hold the same values."""
    text = json.dumps(rows, ensure_ascii=False, indent=indent).encode("utf-8", "surrogatepass")
    state, out = np.zeros(5, np.int64), b""
    for i in range(0, len(text), block):
        piece = np.frombuffer(text[i : i + block], np.uint8).copy()
        json_records.array_to_lines(piece, state)
        out += piece.tobytes()
    lines = [line for line in out.split(b"\n") if line.strip()]
    assert [json.loads(line) for line in lines] == rows
    assert state[3] == 1


def test_the_sample_of_a_large_file_reads_only_its_head(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", notes(500))
    sample = sniff(tmp_path / "a.jsonl")
    assert sample.kind == "jsonl"
    assert len(sample.parts[""][1]) == 50


@pytest.mark.parametrize("indent", [None, 2])
def test_an_answer_that_wraps_its_records(tmp_path, ingest_file, indent):
    wrapped = {"code": 0, "message": "ok", "items": notes(3)}
    (tmp_path / "a.json").write_text(json.dumps(wrapped, ensure_ascii=False, indent=indent), encoding="utf-8")
    done = ingest_file(tmp_path / "a.json")
    assert (done.records, done.tables["posts"].height, done.rejects.height) == (3, 3, 0)


@pytest.mark.parametrize("indent", [None, 2])
def test_one_record_alone_in_its_file(tmp_path, ingest_file, indent):
    (tmp_path / "a.json").write_text(json.dumps(NOTE | {"images": [{"u": 1}], "more": [{"v": 2}]}, indent=indent))
    assert ingest_file(tmp_path / "a.json").tables["posts"].height == 1
