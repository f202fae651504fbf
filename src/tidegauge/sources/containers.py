"""What kind of file this is, told by its bytes: container, text encoding, delimiter, compression."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from charset_normalizer import from_bytes

from tidegauge.errors import SourceError

#: How much of a file is looked at to tell its kind and encoding.
HEAD_BYTES = 1 << 18
_BLOCK = 1 << 23
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_LEGACY = ["gb18030", "big5", "utf_16_le", "utf_16_be", "shift_jis", "euc_kr", "cp1252"]
_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"RIFF": "an image, sound or video file",
    b"%PDF": "a PDF document",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"BZh": "a bzip2 archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}
_KINDS = "name a JSON, CSV, Excel, SQLite or Parquet file"
_UTF8 = "save it as UTF-8"
#: Above this share of damaged characters a file that is not quite UTF-8 is taken to be in another encoding.
_DAMAGE = 0.05


@dataclass(frozen=True)
class Container:
    """`kind` is json, jsonl, csv, xlsx, sqlite or parquet; `shape` of json is array or object.

    `encoding` and `delimiter` matter for text only; `gzipped` text is unpacked on the way.
    """

    kind: str
    encoding: str = "utf-8"
    bom: int = 0
    delimiter: str = ","
    shape: str = ""
    gzipped: bool = False


def identify(path: Path) -> Container:
    """Tell the kind of a file by its content; raises SourceError that says what the file is instead of data."""
    where = str(path)
    if path.is_dir():
        raise SourceError("this is a directory", where=where, mend="name a file, or let ingest walk the directory")
    try:
        with path.open("rb") as f:
            head = f.read(HEAD_BYTES)
    except FileNotFoundError:
        raise SourceError("there is no such file", where=where, mend="check the path") from None
    except OSError as e:
        raise SourceError(f"cannot be opened: {e.strerror}", where=where, mend="check its permissions") from None
    if not head:
        raise SourceError("the file is empty", where=where, mend="export it again")
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(path, "rb") as f:
                head = f.read(HEAD_BYTES)
        except (OSError, EOFError, zlib.error):
            raise SourceError("the gzip archive is damaged", where=where, mend="export or copy it again") from None
        return _text(path, head, gzipped=True)
    return _binary(path, head) or _text(path, head, gzipped=False)


def _binary(path: Path, head: bytes) -> Container | None:
    where = str(path)
    if head.startswith(b"PAR1"):
        return Container("parquet")
    if head.startswith(b"SQLite format 3\0"):
        return Container("sqlite")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return Container("xlsx")
    if head.startswith(b"PK"):
        try:
            names = zipfile.ZipFile(path).namelist()
        except zipfile.BadZipFile:
            raise SourceError(
                "the file is damaged: a broken zip or workbook", where=where, mend="export it again"
            ) from None
        if any(n.startswith(("xl/", "content.xml")) for n in names):
            return Container("xlsx")
        raise SourceError("this is a zip archive", where=where, mend="unpack it and name the directory")
    if head[4:12] in (b"ftypisom", b"ftypmp42", b"ftypM4V "):
        raise SourceError("this is a video, no data", where=where, mend=_KINDS)
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise SourceError(f"this is {what}, no data", where=where, mend=_KINDS)
    return None


def _text(path: Path, head: bytes, *, gzipped: bool) -> Container:
    encoding, bom = _encoding(path, head)
    text = head[bom:].decode(encoding, errors="replace").lstrip("\ufeff \t\r\n")
    if not text:
        raise SourceError("the file is empty", where=str(path), mend="export it again")
    if text[0] == "[" and text[1:].lstrip()[:1] in ("{", "]", ""):
        return Container("json", encoding, bom, shape="array", gzipped=gzipped)
    if text[0] == "{":
        first = text.split("\n", 1)[0].rstrip()
        # One line with lists in it may be an answer of a service that wraps its records, not a record.
        if first == text.strip() and re.search(r":\s*\[\s*\{", first):
            return Container("json", encoding, bom, shape="object", gzipped=gzipped)
        # A line that closes its own brace is a record; an object over many lines opens and goes on.
        if first.endswith("}") or len(first) == len(text) >= HEAD_BYTES // 8 or _more_records(text):
            return Container("jsonl", encoding, bom, gzipped=gzipped)
        return Container("json", encoding, bom, shape="object", gzipped=gzipped)
    return Container("csv", encoding, bom, delimiter=_delimiter(text), gzipped=gzipped)


def _more_records(text: str) -> bool:
    return any(line.startswith("{") for line in text.split("\n")[1:])


def _encoding(path: Path, head: bytes) -> tuple[str, int]:
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    nul = head.count(0)
    if nul > len(head) // 8 and nul < len(head) * 3 // 4:
        # Text in UTF-16 without a mark: every other byte of its ASCII is zero, always on the same side.
        odd = head[1::2].count(0)
        encoding = "utf-16-le" if odd >= nul - odd else "utf-16-be"
        if max(odd, nul - odd) > 0.9 * nul:
            return encoding, 0
    shown = head.decode("utf-8", errors="replace")
    cut = len(head) == HEAD_BYTES
    damaged = shown.count("\ufffd") - cut  # the cut may split the last character
    control = sum(head.count(c) for c in range(32) if c not in (9, 10, 12, 13, 27))
    if nul > len(head) // 8 or (damaged > 0 and control > len(head) // 50):
        raise SourceError("this is no text and no kind of data file known here", where=str(path), mend=_KINDS)
    if damaged <= _DAMAGE * sum(1 for c in shown if c > "\x7f"):
        return "utf-8", 0
    best = from_bytes(head, cp_isolation=_LEGACY, threshold=0.6).best()
    # On short text the guess between Chinese and Western is weak; text that is whole in GB18030 is taken as Chinese.
    if best is None or best.encoding == "cp1252":
        try:
            codecs.getincrementaldecoder("gb18030")().decode(head)
        except UnicodeDecodeError:
            if best is None:
                raise SourceError("the text is in no encoding known here", where=str(path), mend=_UTF8) from None
        else:
            return "gb18030", 0
    return best.encoding, 0


def _delimiter(text: str) -> str:
    """The delimiter that splits the first rows into the same number (more than one) of fields most often."""
    lines = text[:20_000].splitlines()[:30]
    lines = lines[:-1] if len(text) > 20_000 else lines

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(r) for r in csv.reader(lines, delimiter=delimiter) if r]
        if not widths or max(widths) == 1:
            return (0.0, 0)
        common = max(set(widths), key=lambda w: (widths.count(w), w))
        return (widths.count(common) / len(widths), common) if common > 1 else (0.0, 0)

    return max([",", "\t", ";", "|"], key=score)


def utf8_blocks(path: Path, container: Container, size: int = _BLOCK) -> Iterator[tuple[bytes, int]]:
    """The text of a file as UTF-8 in blocks, and beside each how many bytes of the file have been read.

    A byte that is wrong in the file's encoding becomes U+FFFD, except in UTF-8, where the bytes pass as they are
    and the record reader names the record.
    """
    with path.open("rb") as raw:
        stream: Any = gzip.GzipFile(fileobj=raw) if container.gzipped else raw
        stream.read(container.bom)
        try:
            if container.encoding == "utf-8":
                while block := stream.read(size):
                    yield block, raw.tell()
            else:
                text = io.TextIOWrapper(stream, encoding=container.encoding, errors="replace", newline="")
                while piece := text.read(size // 2):
                    yield piece.encode("utf-8", errors="replace"), raw.tell()
        except (EOFError, OSError, zlib.error) as e:
            raise SourceError(f"the file breaks off: {e}", where=str(path), mend="export or copy it again") from None


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file, for readers that want one."""

    def __init__(self, blocks: Iterator[tuple[bytes, int]]) -> None:
        self._blocks, self._rest, self.done = blocks, b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest, self.done = next(self._blocks, (b"", self.done))
        view = memoryview(buffer)
        n = min(len(view), len(self._rest))
        view[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n


def utf8_file(path: Path, container: Container) -> tuple[BinaryIO, _Blocks]:
    """The same as a binary file object, and the object that knows how many bytes have been read (`done`)."""
    blocks = _Blocks(utf8_blocks(path, container, size=1 << 20))
    return io.BufferedReader(blocks, 1 << 20), blocks


def open_sqlite(path: Path) -> sqlite3.Connection:
    """Open a SQLite file for reading; where its directory is read-only, as an immutable file."""
    quoted = str(path.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    for option in ("mode=ro", "immutable=1"):
        con = sqlite3.connect(f"file:{quoted}?{option}", uri=True)
        try:
            con.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            con.close()
            continue
        except sqlite3.DatabaseError as e:
            con.close()
            raise SourceError(f"the SQLite file is damaged: {e}", where=str(path), mend="export it again") from None
        return con
    raise SourceError("the SQLite file cannot be opened", where=str(path), mend="close the program that writes it")
