"""Archives and names as attackers would send them; and honest files, which must get in."""

from __future__ import annotations

import gzip
import io
import json
import stat
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import SourceError
from tidegauge.web import uploads
from tidegauge.web.uploads import check_archive, check_gzip, safe_words, unpack

ROWS = b"nickname,followers\nA,10\n"


def zipped(path: Path, members: dict[str, bytes], *, link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, body in members.items():
            out.writestr(name, body)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            out.writestr(info, "/etc/passwd")
    return path


def test_members_leave_the_folder_by_no_name(tmp_path):
    names = ["../../evil.csv", "/etc/evil.csv", "..\\..\\evil.csv", "C:\\evil.csv", "a/../../../evil.csv", "~/x.csv"]
    archive = zipped(tmp_path / "a.zip", dict.fromkeys([*names, "0evil.csv"], ROWS))
    archive.write_bytes(archive.read_bytes().replace(b"0evil.csv", b"\x00evil.csv"))
    assert unpack(archive, tmp_path / "out") == len(names)
    found = list(tmp_path.rglob("*.csv"))
    assert len(found) == len(names)
    assert all(p.resolve().is_relative_to(tmp_path / "out") for p in found)
    assert not any("evil" in p.name for p in found)


def test_a_link_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.csv": ROWS}, link="weibo.csv")
    with pytest.raises(SourceError, match="link"):
        unpack(archive, tmp_path / "out")


def test_a_bomb_is_refused_before_it_bursts(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a.csv": b"0" * (40 << 20)})
    assert archive.stat().st_size < 1 << 17
    with pytest.raises(SourceError, match="larger"):
        unpack(archive, tmp_path / "out")
    written = sum(p.stat().st_size for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert written <= uploads.MOST_TIMES * archive.stat().st_size + (2 << 20)


def test_many_small_members_are_counted_together(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 3_000)
    archive = zipped(tmp_path / "a.zip", {f"{i}.csv": bytes(range(250)) * 4 for i in range(5)})
    with pytest.raises(SourceError, match="larger"):
        unpack(archive, tmp_path / "out")


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_MEMBERS", 10)
    with pytest.raises(SourceError, match="11 files"):
        unpack(zipped(tmp_path / "a.zip", {f"{i}.csv": ROWS for i in range(11)}), tmp_path / "out")


def test_an_archive_within_an_archive_is_left_out_and_one_with_nothing_else_refused(tmp_path):
    inner = zipped(tmp_path / "inner.zip", {"a.csv": ROWS}).read_bytes()
    with pytest.raises(SourceError, match="no data"):
        unpack(zipped(tmp_path / "a.zip", {"inner.zip": inner, "run.sh": b"rm"}), tmp_path / "out")


def test_a_damaged_or_truncated_archive_is_an_error_with_a_mend(tmp_path):
    whole = zipped(tmp_path / "a.zip", {"a.csv": ROWS * 500}).read_bytes()
    for i, bad in enumerate(
        (b"no zip", whole[:-40], whole.replace(b"a.csv", b"b.csv", 1), whole[:60] + b"\xff" * 30 + whole[90:])
    ):
        (tmp_path / f"bad{i}.zip").write_bytes(bad)
        with pytest.raises(SourceError) as caught:
            unpack(tmp_path / f"bad{i}.zip", tmp_path / f"out{i}")
        assert caught.value.mend


def test_a_workbook_or_gzip_that_would_burst_is_refused_and_an_honest_one_is_not(tmp_path):
    check_archive(zipped(tmp_path / "fine.xlsx", {"xl/sheet1.xml": ROWS * 1000}))
    with pytest.raises(SourceError, match="larger"):
        check_archive(zipped(tmp_path / "bomb.xlsx", {"xl/sheet1.xml": b" " * (40 << 20)}))
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b"[]" * (30 << 20)))
    with pytest.raises(SourceError, match="larger"):
        check_gzip(tmp_path / "a.json.gz")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(ROWS)[:-6])
    with pytest.raises(SourceError, match="damaged"):
        check_gzip(tmp_path / "cut.gz")


@given(st.text(max_size=120))
def test_of_a_name_only_known_words_remain(name):
    kept = safe_words(name)
    assert "/" not in kept
    assert "\\" not in kept
    assert ".." not in kept
    assert not kept.startswith((".", "-", "~"))
    assert kept.isprintable()
    assert len(kept.encode()) < 255
    assert safe_words(kept) == kept or len(kept) == 80


def test_what_readers_need_of_a_name_is_kept():
    assert safe_words("weibo-2025-12-01") == "weibo_2025-12-01"
    assert safe_words("search_contents_2026-01-05") == "search_contents_2026-01-05"
    assert safe_words("星图达人报价 20260101") == "星图_达人_报价_20260101"
    assert safe_words("xhs") == "xhs"


def finished(client, answer):
    """The page of an upload's job once it is over."""
    assert answer.status_code == 303, answer.text
    target = answer.headers["location"].split("?")[0]
    for _ in range(600):
        state = client.get(target, headers={"accept": "application/json"}).json()
        if state["state"] in ("done", "failed"):
            return state["state"], client.get(f"{target}?stay=1&lang=en").text
        time.sleep(0.1)
    raise AssertionError("the upload's job did not end")


def send(client, site, *files, **fields):
    return client.post(
        "/data/upload", data={"csrf": site.csrf, **fields}, files=[("file", (n, io.BytesIO(b))) for n, b in files]
    )


def test_an_upload_is_read_its_name_shown_and_its_second_time_known(client, site):
    day = json.dumps([{"title": "验潮上线", "url": "https://s.weibo.com/a"}]).encode()
    name = "../../<b>weibo-2026-09-02.json"
    before = site.snapshot()
    state, page = finished(client, send(client, site, (name, day)))
    assert state == "done"
    assert "taken in" in page
    assert "&lt;b&gt;weibo-2026-09-02.json" in page
    assert site.snapshot() > before
    rows = site.rows(site.snapshot(), "SELECT platform FROM lake.topics WHERE topic = '验潮上线'")
    assert rows == [{"platform": "weibo"}]
    (path,) = [
        r["path"] for r in site.rows(site.snapshot(), "SELECT path FROM lake.ingests ORDER BY started_at DESC LIMIT 1")
    ]
    assert Path(path).resolve().is_relative_to((site.path / "uploads").resolve())
    assert Path(path).name == "weibo_2026-09-02_1.json"
    state, page = finished(client, send(client, site, (name, day)))
    assert "known already" in page


def test_a_bad_file_is_told_with_its_mend_and_the_good_one_beside_it_goes_in(client, site):
    good = json.dumps([{"title": "另一个话题", "url": "https://www.douyin.com/a"}]).encode()
    state, page = finished(
        client, send(client, site, ("a.csv", b"\x89PNG\r\n\x1a\n123"), ("douyin-2026-09-03.json", good))
    )
    assert state == "done"
    assert "cannot be read" in page
    assert "What to do" in page
    assert "taken in" in page


def test_a_bomb_from_the_browser_fails_in_words_and_leaves_the_lake_as_it_was(client, site, tmp_path):
    bomb = zipped(tmp_path / "b.zip", {"a.csv": b"0" * (40 << 20)}).read_bytes()
    before = site.snapshot()
    state, page = finished(client, send(client, site, ("data.zip", bomb)))
    assert state == "failed"
    assert "larger" in page
    assert site.snapshot() == before


@pytest.mark.parametrize("name", ["a.exe", "a.html", "a", "a.csv.php", "a.svg", ".csv/../x"])
def test_other_kinds_of_files_are_refused_at_once(client, site, name):
    before = sorted((site.path / "uploads").glob("*")) if (site.path / "uploads").exists() else []
    answer = send(client, site, (name, b"x"))
    assert answer.status_code == 400
    assert sorted((site.path / "uploads").glob("*")) == before


def test_an_unknown_reader_is_refused(client, site):
    assert send(client, site, ("a.csv", ROWS), reader="../x").status_code == 400
