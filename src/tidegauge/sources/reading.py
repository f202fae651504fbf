"""Files and directories in, one `Reading` per file out: walk, look, choose a source, hand over its batches."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegauge.errors import SourceError, TidegaugeError
from tidegauge.sources.mapping import Mapping, read_mapping
from tidegauge.sources.records import sniff
from tidegauge.sources.registry import Sample, Source, find, sources
from tidegauge.workspace.batch import Batch, ReadContext, Reading

#: A source less sure than this does not take a file.
_SURE = 0.5
#: Larger files are read ahead in a thread; for small ones it is not worth one.
_LARGE = 32 << 20
#: What lies beside data in every collector's directory and is none.
_NOT_DATA = {
    ".md", ".rst", ".html", ".htm", ".pdf", ".doc", ".docx", ".ppt", ".pptx", ".toml", ".yaml", ".yml", ".ini",
    ".cfg", ".py", ".js", ".ts", ".css", ".sh", ".lock", ".tmp", ".part", ".png", ".jpg", ".jpeg", ".gif", ".webp",
    ".svg", ".ico", ".mp4", ".mov", ".mkv", ".webm", ".mp3", ".m4a", ".wav", ".srt", ".vtt", ".zip", ".rar", ".7z",
    ".db-wal", ".db-shm", ".sqlite-wal", ".sqlite-shm", ".db-journal", ".sqlite-journal",
}  # fmt: skip
#: May be data (a tab-separated export) or notes beside it: looked at, and passed over where nothing recognises it.
_MAY_BE_NOTES = {".txt", ".log"}
#: A directory that holds a file of this name is not walked (an artificial ecosystem has its truth beside its files).
SKIP_MARK = ".tidegauge-skip"


@dataclass(frozen=True)
class Unreadable:
    """A file inside a directory that cannot be read; the others go on. `error` says why and how to mend it."""

    path: Path
    error: TidegaugeError


@dataclass(frozen=True)
class Skipped:
    """A file inside a directory that is plainly no data (text, picture, archive)."""

    path: Path


def open_readings(
    paths: Sequence[Path], context: ReadContext, *, reader: str | None = None, mapping: Path | None = None
) -> Iterator[Reading | Unreadable | Skipped]:
    """One entry per file, in the order of `paths`; directories are walked, their files sorted by name.

    A file that the mapping file describes is read by it, any other by `reader`, or by the source that recognises its
    content. Files are looked at one by one, as the caller asks for the next. A file that cannot be read raises
    SourceError where it was named itself, and becomes `Unreadable` where it was found in a directory or is one of
    several. Raises UsageError for an unknown reader, MappingError for a wrong mapping file.
    """
    forced = find(reader) if reader else None
    mapped = read_mapping(mapping) if mapping else None
    skip = mapping.resolve() if mapping else None
    alone = len(paths) == 1 and not paths[0].is_dir()
    for path in paths:
        named = not path.is_dir()
        files = [path] if named else _walk(path)
        found_any = False
        for file in files:
            if file.resolve() == skip:
                continue
            if not named and file.suffix.lower() in _NOT_DATA:
                yield Skipped(file)
                continue
            found_any = True
            try:
                entry: Reading | Unreadable | Skipped = _open(file, context, forced, mapped)
            except TidegaugeError as e:
                if alone:
                    raise
                notes = not named and file.suffix.lower() in _MAY_BE_NOTES
                entry = Skipped(file) if notes else Unreadable(file, e)
            yield entry
        if not found_any:
            yield Unreadable(
                path, SourceError("the directory holds no data files", where=str(path), mend="check the path")
            )


def _walk(directory: Path) -> list[Path]:
    """All files below a directory in a stable order, without hidden ones and what hidden or marked directories hold."""
    left_out = [p.parent for p in directory.rglob(SKIP_MARK)]
    return sorted(
        p
        for p in directory.rglob("*")
        if p.is_file()
        and not any(part.startswith((".", "~$")) for part in p.relative_to(directory).parts)
        and not any(p.is_relative_to(d) for d in left_out)
    )


def _open(file: Path, context: ReadContext, forced: Source | None, mapped: Mapping | None) -> Reading:
    sample = sniff(file)
    entry = mapped.match(sample) if mapped else None
    if mapped and entry and not forced:
        return Reading(
            file,
            f"map:{entry.name}",
            _guarded(file, mapped.read(entry, sample, context)),
            mapped.fingerprint(entry, file),
        )
    chosen = forced or choose(sample)
    return Reading(file, chosen.name, _guarded(file, chosen.read(file, sample, context)))


def choose(sample: Sample) -> Source:
    """The source that is surest of a file; raises SourceError that lists what was found where none is sure."""
    scored = [(s.detect(sample), s.name, s) for s in sources().values()]
    best, _, chosen = max(scored, key=lambda t: (t[0], t[1]))
    if best >= _SURE:
        return chosen
    parts = "; ".join(
        (f"{part}: " if part else "") + ", ".join(columns[:24]) + (", …" if len(columns) > 24 else "")
        for part, (columns, _) in list(sample.parts.items())[:6]
    )
    near = f" (nearest: {chosen.name}, {best:.0%} sure)" if best > 0.2 else ""
    raise SourceError(
        f"no reader recognises this {sample.kind} file{near}; its columns: {parts}",
        where=str(sample.path),
        mend=f"force a reader with --as ({', '.join(sources())}), or describe the columns in a mapping file with --map",
    )


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, the next one made in a thread of its own while the caller works on the last."""
    made: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=0.1)
                break

    def make() -> None:
        try:
            for batch in batches:
                put(batch)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as e:
            put(e)

    maker = threading.Thread(target=make, name="tidegauge-reader", daemon=True)
    maker.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        maker.join()


def _guarded(file: Path, batches: Iterator[Batch]) -> Iterator[Batch]:
    """A file that changes or vanishes while it is read is an error with a name, not a traceback."""
    try:
        yield from _ahead(batches) if file.stat().st_size > _LARGE else batches
    except OSError as e:
        raise SourceError(
            f"reading failed: {e.strerror or e}", where=str(file), mend="check the disk and the file"
        ) from e
