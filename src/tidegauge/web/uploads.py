"""Files from a browser into the lake: limited, unpacked with care, named by us, read in another process.

A name that came with a request never reaches the file system: of it only words of a fixed vocabulary (platforms, kinds
of tables, a date) are kept, since readers recognise hot lists and crawls by them.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
import secrets
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from tidegauge.api import Workspace
from tidegauge.errors import SourceError
from tidegauge.report.figures import clean
from tidegauge.sources.registry import find
from tidegauge.vocab import LABELS, PLATFORM_ALIASES, Platform
from tidegauge.web.figures import Say
from tidegauge.web.pages import see
from tidegauge.web.site import Site

SUFFIXES = frozenset(
    (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".parquet", ".db", ".sqlite",
     ".sqlite3", ".gz", ".zip")
)  # fmt: skip
#: All that an upload may become once unpacked, and how many files; by how much one member may grow.
MOST_BYTES, MOST_MEMBERS, MOST_TIMES = 2 << 30, 5_000, 300
_MOST_MAPPING = 200_000
_BLOCK = 1 << 20
#: Members smaller than this may be as compressible as they like.
_SMALL = 1 << 20
#: Words by which readers tell what a file holds.
_KINDS = (
    "contents", "comments", "creators", "contacts", "dynamics", "search", "detail", "creator", "hot", "topics",
    "rates", "offers", "ratecard", "xingtu", "pugongying", "huahuo", "channels", "json", "jsonl", "csv", "excel",
    "星图", "蒲公英", "花火", "互选", "报价", "热榜", "热搜", "达人", "博主",
)  # fmt: skip


def take(site: Site, _request: Request, form: FormData) -> Response:
    """Save what was sent under names of ours, then ingest it in the desk's process."""
    files = [f for f in form.getlist("file") if isinstance(f, UploadFile) and f.filename]
    if not files:
        raise SourceError("no file was chosen", mend="choose a file 请选择文件")
    reader = str(form.get("reader") or "")
    if reader:
        find(reader)
    home = site.path / "uploads" / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    names = {}
    try:
        (home / "files").mkdir(parents=True)
        for i, file in enumerate(files, 1):
            suffix = _suffix(file.filename or "")
            place = home / "files" / f"{safe_words(Path(file.filename or '').stem) or 'upload'}_{i}{suffix}"
            with place.open("xb") as out:
                shutil.copyfileobj(file.file, out, _BLOCK)
            names[place.name] = clean(file.filename)[:200]
        mapping = _mapping(form.get("mapping"), home)
        (home / "about.json").write_text(json.dumps({"names": names}, ensure_ascii=False), encoding="utf-8")
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    job = site.jobs.submit(
        "ingest", f"ingest:{home.name}", _ingest, str(site.path), str(home), reader, mapping, lane="desk"
    )
    return see(f"/jobs/{job.id}?stay=1")


def safe_words(name: str) -> str:
    """What may be kept of a name: known words and a date, joined by underscores.

    >>> safe_words("../../etc/热榜 weibo-2025-12-01 (1)"), safe_words("$(rm -rf)")
    ('热榜_weibo_2025-12-01', '')
    """
    plain = unicodedata.normalize("NFKC", name).lower()
    return "_".join(m.group(0).replace(" ", "-") for m in _WORDS.finditer(plain))[:80]


def _vocabulary() -> re.Pattern[str]:
    words = {*_KINDS, *PLATFORM_ALIASES, *(p.value for p in Platform), *(LABELS[p.value][0].lower() for p in Platform)}
    latin = sorted((w for w in words if w.isascii()), key=lambda w: (-len(w), w))
    han = sorted((w for w in words if not w.isascii()), key=lambda w: (-len(w), w))
    whole = "|".join(map(re.escape, latin))
    dates = r"\d{4}-\d{2}-\d{2}|(?<!\d)20\d{6}(?!\d)"
    return re.compile(rf"{dates}|(?<![a-z])(?:{whole})(?![a-z])|{'|'.join(map(re.escape, han))}")


_WORDS = _vocabulary()


def _suffix(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise SourceError(
            f"files of the kind '{clean(suffix)[:12]}' are not taken",
            mend="send CSV, Excel, JSON, JSONL, Parquet, SQLite, or a zip of them 请上传这些类型的文件",
        )
    return suffix


def _mapping(sent: object, home: Path) -> str:
    if not isinstance(sent, UploadFile) or not sent.filename:
        return ""
    raw = sent.file.read(_MOST_MAPPING + 1)
    if len(raw) > _MOST_MAPPING:
        raise SourceError("this file is too long for a mapping", mend="send a TOML file of less than 200 kB")
    place = home / "mapping.toml"
    place.write_bytes(raw)
    return str(place)


def _ingest(say: Say, workspace: str, home: str, reader: str, mapping: str) -> dict[str, Any]:
    """Unpack, then ingest the folder; what became of each file is the job's result."""
    files = Path(home) / "files"
    say(0.05, "unpacking 解包")
    for archive in sorted(files.iterdir()):
        if archive.suffix == ".zip":
            unpack(archive, files / f"{archive.stem}-unpacked")
            archive.unlink()
        elif archive.suffix in (".xlsx", ".xlsm"):
            check_archive(archive)
        elif archive.suffix == ".gz":
            check_gzip(archive)
    say(0.2, "reading 读取")

    def progress(path: Path, _records: int, done: int, size: int) -> None:
        say(0.2 + 0.7 * (done / size if size else 0.5), path.name)

    report = Workspace(Path(workspace)).ingest(
        [files], reader=reader or None, mapping=mapping or None, progress=progress
    )
    names = json.loads((Path(home) / "about.json").read_text(encoding="utf-8"))["names"]
    told = report.as_dict()
    for f in told["files"]:
        f["name"] = names.get(Path(f["path"]).name, Path(f["path"]).name)
    return {"report": told}


def unpack(archive: Path, into: Path) -> int:
    """Unpack a zip of data files; the number of files. Raises SourceError for bombs, links, secrets and damage.

    Every member gets a name of ours inside `into`; members of other kinds (notes, archives) are left out.
    """
    into.mkdir()
    total = count = 0
    for number, (member, stream) in enumerate(_members(archive), 1):
        suffix = PurePosixPath(member.filename.replace("\\", "/")).suffix.lower()
        if suffix not in SUFFIXES or suffix in (".zip", ".gz"):
            continue
        parts = [safe_words(p) for p in PurePosixPath(member.filename.replace("\\", "/")).parts]
        folder = into.joinpath(*(p for p in parts[:-1] if p))
        folder.mkdir(parents=True, exist_ok=True)
        stem = safe_words(PurePosixPath(member.filename).stem)
        with (folder / f"{stem or 'file'}_{number}{suffix}").open("xb") as out:
            for block in _blocks(stream, member.compress_size, MOST_BYTES - total):
                total += len(block)
                out.write(block)
        count += 1
    if not count:
        raise SourceError("the archive holds no data files", mend="put CSV, Excel, JSON, Parquet or SQLite files in it")
    return count


def check_archive(archive: Path) -> None:
    """Read a workbook's parts once without keeping them: one that would burst memory is refused before it is opened."""
    total = 0
    for member, stream in _members(archive):
        for block in _blocks(stream, member.compress_size, MOST_BYTES - total):
            total += len(block)


def check_gzip(file: Path) -> None:
    """The same for a gzip file."""
    with gzip.open(file, "rb") as stream:
        for _ in _blocks(stream, file.stat().st_size, MOST_BYTES):
            pass


def _members(archive: Path) -> Iterator[tuple[zipfile.ZipInfo, IO[bytes]]]:
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = [i for i in opened.infolist() if i.filename and not i.is_dir()]
            if len(infos) > MOST_MEMBERS:
                raise SourceError(
                    f"the archive holds {len(infos):,} files", mend=f"send at most {MOST_MEMBERS:,} at once"
                )
            for info in infos:
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise SourceError("the archive holds a link", mend="pack the files themselves")
                if info.flag_bits & 1:
                    raise SourceError("the archive is locked with a password", mend="pack it without one")
                with opened.open(info) as stream:
                    yield info, stream
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
        raise SourceError(f"the archive is damaged or of a strange kind ({e})", mend="pack it again as zip") from None


def _blocks(stream: IO[bytes] | gzip.GzipFile, packed: int, left: int) -> Iterator[bytes]:
    """The stream's bytes; stops where it grows beyond what honest data would."""
    most = max(_SMALL, MOST_TIMES * max(packed, 1))
    taken = 0
    while block := _read(stream):
        taken += len(block)
        if taken > left or taken > most:
            raise SourceError(
                "unpacked, this would be far larger than data usually are", mend="send the files unpacked, in parts"
            )
        yield block


def _read(stream: IO[bytes] | gzip.GzipFile) -> bytes:
    try:
        return stream.read(_BLOCK)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as e:
        raise SourceError(f"the archive is damaged ({e})", mend="export or copy it again") from None
