"""MediaCrawler's files: contents, comments and creators of seven platforms, in json, jsonl, csv, xlsx and sqlite.

The platform and the kind of table are told by the columns; the folder, the file's name and the form of the ids only
break ties. Comments become audience samples: of a commenter nothing is handed on but a keyed hash.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tidegauge.errors import SourceError
from tidegauge.schema import LOCATOR, SEEN_AT
from tidegauge.sources.fields import counts_of, missing, native_id, refuse, text_of, time_of, words_of
from tidegauge.sources.mediacrawler_layouts import FOLDERS, LAYOUTS, WORK_COUNTS, Layout
from tidegauge.sources.piece import Piece
from tidegauge.sources.records import read_records
from tidegauge.sources.registry import Sample, source
from tidegauge.sources.times import UTC_US, file_time
from tidegauge.vocab import Platform
from tidegauge.workspace.batch import Batch, ReadContext

_AUTHOR_IDS = ("user_id", "creator_hash")
_NAMES = ("nickname", "user_nickname", "user_name")
_COLLECTED = ("last_modify_ts", "add_ts")
_MARK, _UNKNOWN = Counter(c for layout in LAYOUTS for c in layout.columns), 0.1
#: Written by some versions only: where nothing of a piece fills them, they are no more than looked for.
_OPTIONAL = (*_AUTHOR_IDS, *_NAMES, *_COLLECTED, "user_link", "duration")
_SAID = ("create_time", "publish_time", "create_date_time")
_HASHTAG = r"#([^#\s\[\]]{1,40})"
#: The key may be missing (the reader says so); then this many other columns must speak for the table.
_ENOUGH = 6


def recognise(
    part: str, columns: tuple[str, ...], rows: tuple[dict[str, Any], ...], path: Path
) -> tuple[Layout, float] | None:
    """The table that a part of a file most likely is, and how sure that is (0 to 1)."""
    names = set(columns)
    scored = sorted(((_score(lay, part, names, rows, path), i) for i, lay in enumerate(LAYOUTS)), reverse=True)
    best, at = scored[0]
    return (LAYOUTS[at], min(best, 1.0)) if best > 0.4 else None


def _score(layout: Layout, part: str, names: set[str], rows: tuple[dict[str, Any], ...], path: Path) -> float:
    known = names & layout.columns
    has_key = layout.key in names or (layout.kind == "creators" and "creator_hash" in names)
    # `comment_id` is the mark of a comment: nothing else has it, every comment does.
    if ("comment_id" in names) != (layout.kind == "comments") or len(known) < (3 if has_key else _ENOUGH):
        return 0.0
    # A column known to few tables says more than one that all have.
    weight = sum(1 / _MARK[c] for c in known)
    score = weight / (weight + sum(1 / _MARK[c] if c in _MARK else _UNKNOWN for c in names - known))
    score -= 0.0 if has_key else 0.25
    score += 0.3 * (part == layout.table) + 0.05 * (layout.kind in f"{path.stem} {part}".lower())
    folder = next((FOLDERS[p.lower()] for p in reversed(path.parts[:-1]) if p.lower() in FOLDERS), None)
    named = FOLDERS.get(re.split(r"[_\-.]", path.name.lower())[0], folder)
    score += 0.15 * (named == layout.platform) - 0.05 * (named is not None and named != layout.platform)
    ids = [str(r.get(layout.key)) for r in rows[:10] if r.get(layout.key) not in (None, "")]
    if ids:
        score += 0.2 * (sum(bool(re.match(layout.id_form, i)) for i in ids) / len(ids) - 0.5)
    return score


def _layouts(sample: Sample) -> dict[str, tuple[Layout, float]]:
    found = {part: recognise(part, cols, rows, sample.path) for part, (cols, rows) in sample.parts.items()}
    return {part: hit for part, hit in found.items() if hit is not None}


def detect(sample: Sample) -> float:
    """The confidence of the part that is recognised best."""
    return max((score for _, score in _layouts(sample).values()), default=0.0)


@source("mediacrawler", title_zh="MediaCrawler 采集文件", title_en="MediaCrawler files", detect=detect)
def read(path: Path, sample: Sample, context: ReadContext) -> Iterator[Batch]:
    """Batches of creators, posts, their snapshots and audience samples; raises SourceError where a key is missing."""
    layouts = {part: layout for part, (layout, _) in _layouts(sample).items()}
    if not layouts:
        raise SourceError(
            "no table of MediaCrawler is recognised; columns: " + ", ".join(sorted(sample.columns)[:20]),
            where=str(path),
            mend="name another reader with --as, or a mapping file with --map",
        )
    for part, layout in layouts.items():
        columns = set(sample.parts[part][0])
        if layout.key not in columns and not (layout.kind == "creators" and "creator_hash" in columns):
            where = f"{path}, {part}" if part else str(path)
            raise SourceError(
                f"no column '{layout.key}', which identifies the rows of {layout.table}",
                where=where,
                mend="export the file with it, or map another column with --map",
            )
    wanted = sorted({c for layout in layouts.values() for c in _used(layout)})
    fallback = file_time(path, context.settings.zone)
    for piece in read_records(path, wanted, parts=list(layouts)):
        found = layouts.get(piece.part)
        if found is None:
            continue
        yield _batch(piece, found, context, fallback)


def _used(layout: Layout) -> set[str]:
    """The columns that are read; the others (pictures, avatars, tokens) are passed over, which halves the work."""
    who = {*_AUTHOR_IDS, *_NAMES, "user_link", *_COLLECTED, layout.key}
    if layout.kind == "comments":
        return who | {*_SAID, "content"}
    profile = {"ip_location", "is_official", *WORK_COUNTS} if layout.kind == "creators" else {"duration"}
    texts = {c for names in layout.texts.values() for c in names}
    return (who | profile | texts | {*layout.counts.values(), *layout.published, layout.format_column, layout.tags}) - {
        ""
    }


def _batch(piece: Piece, layout: Layout, context: ReadContext, fallback: dt.datetime) -> Batch:
    if layout.kind == "comments":
        tables, refused = _audience(piece.frame, layout, context, fallback)
        broken = piece.rejects.with_columns(pl.lit("").alias("raw"))
    else:
        make = _creators if layout.kind == "creators" else _posts
        tables, refused = make(piece.frame, layout, context, fallback)
        broken = piece.rejects
    return Batch(tables, piece.records, piece.bytes_done, pl.concat([broken, refused]))


def _observed(frame: pl.DataFrame, context: ReadContext, fallback: dt.datetime) -> tuple[pl.Series, list[pl.Series]]:
    found = time_of(frame, "observed_at", _COLLECTED, context.settings.zone, fallback)
    return found.columns["observed_at"].fill_null(fallback), found.reasons


def _author(frame: pl.DataFrame, platform: Platform) -> pl.Series:
    """The author's id; where a platform gives none (Tieba), the id in the link to the profile."""
    found = native_id(frame, *_AUTHOR_IDS)
    if found.null_count() and "user_link" in frame.columns:
        link = frame.select(text_of(frame, "user_link").str.extract(r"(?:[?&]id=|/people/|/p/)([^&#/?]+)"))
        found = pl.select(pl.coalesce(found, link.to_series())).to_series()
    if found.null_count() and platform == Platform.TIEBA:
        found = pl.select(pl.coalesce(found, frame.select(text_of(frame, *_NAMES)).to_series())).to_series()
    return found


def _posts(
    frame: pl.DataFrame, layout: Layout, context: ReadContext, fallback: dt.datetime
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    record = frame
    frame = record.drop([c for c in _OPTIONAL if c in record.columns and record[c].null_count() == record.height])
    observed, reasons = _observed(frame, context, fallback)
    published = time_of(frame, "published_at", layout.published, context.settings.zone, observed)
    numbers = counts_of(frame, {c: (raw,) for c, raw in layout.counts.items()})
    native = native_id(frame, layout.key)
    author = _author(frame, layout.platform)
    keep, refused = refuse(record, [*missing(native, layout.key), *reasons, *published.reasons, *numbers.reasons])
    prefix = pl.lit(f"{layout.platform.value}:")
    whole = frame.with_columns(
        native.alias("_native"),
        author.alias("_author"),
        observed.alias(SEEN_AT),
        published.columns["published_at"].alias("_published"),
        *(numbers.columns[c].alias(f"_n_{c}") for c in numbers.columns.columns),
    )
    if keep is not None:
        whole = whole.filter(keep)
    post_id = (prefix + pl.col("_native")).alias("post_id")
    creator_id = (prefix + pl.col("_author")).alias("creator_id")
    posts = whole.select(
        post_id,
        creator_id,
        pl.lit(layout.platform.value).alias("platform"),
        pl.col("_published").alias("published_at"),
        _format(whole, layout).alias("format"),
        _duration(whole).alias("duration_s"),
        *(text_of(whole, *names).alias(c) for c, names in layout.texts.items()),
        _tags(whole, layout).alias("tags"),
        SEEN_AT,
        LOCATOR,
    )
    snapshots = whole.select(
        post_id,
        pl.col(SEEN_AT).alias("observed_at"),
        *(pl.col(f"_n_{c}").alias(c) for c in numbers.columns.columns),
        LOCATOR,
    )
    return {"creators": _people(whole, layout), "posts": posts, "post_snapshots": snapshots}, refused


def _people(whole: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """One row per author: the newest name, first and last sighting."""
    seen = whole.select(
        pl.col("_author").alias("native_id"), text_of(whole, *_NAMES).alias("name"), SEEN_AT, LOCATOR
    ).filter(pl.col("native_id").is_not_null())
    if not seen[SEEN_AT].is_sorted():
        seen = seen.sort(SEEN_AT, maintain_order=True)
    people = seen.group_by("native_id", maintain_order=True).agg(
        pl.col("name", LOCATOR).last(), pl.col(SEEN_AT).first().alias("first_seen_at"), pl.col(SEEN_AT).last()
    )
    platform = pl.lit(layout.platform.value).alias("platform")
    return people.with_columns((platform + ":" + pl.col("native_id")).alias("creator_id"), platform)


def _format(frame: pl.DataFrame, layout: Layout) -> pl.Series:
    """The platform's own word for the form, else its usual form; a length, where a version writes one, tells more."""
    raw = frame.select(text_of(frame, layout.format_column).alias("raw"), _duration(frame).alias("seconds"))
    known = pl.lit(layout.default_format.value if layout.default_format else None, pl.String)
    for word, form in layout.formats.items():
        known = pl.when(pl.col("raw") == word).then(pl.lit(form.value)).otherwise(known)
    if "duration" in frame.columns:
        video = known.is_in(["short_video", "mid_video", "long_video"]) & (pl.col("seconds") > 0)
        short = pl.when(pl.col("seconds") < 60).then(pl.lit("short_video"))
        length = short.when(pl.col("seconds") < 1800).then(pl.lit("mid_video")).otherwise(pl.lit("long_video"))
        known = pl.when(video).then(length).otherwise(known)
    found = raw.select(known.alias("format")).to_series()
    return found if len(found) == frame.height else found.new_from_index(0, frame.height)


def _duration(frame: pl.DataFrame) -> pl.Expr:
    if "duration" not in frame.columns:
        return pl.lit(None, pl.Float64)
    return text_of(frame, "duration").cast(pl.Float64, strict=False)


def _tags(frame: pl.DataFrame, layout: Layout) -> pl.Series:
    """Topics of a work: from its own column, else from the text itself, where they stand as '#topic' or '#topic#'."""
    if layout.tags in frame.columns:
        return words_of(frame, layout.tags)
    place = next((c for names in (layout.texts.get("text"), layout.texts.get("title")) if names for c in names), "")
    named = text_of(frame, place).str.extract_all(_HASHTAG)
    words = frame.select(pl.when(named.list.len() > 0).then(named).alias("tags")).to_series()
    words = words if len(words) == frame.height else words.new_from_index(0, frame.height)
    return words.list.eval(pl.element().str.strip_chars("#"))


def _creators(
    frame: pl.DataFrame, layout: Layout, context: ReadContext, fallback: dt.datetime
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    observed, reasons = _observed(frame, context, fallback)
    numbers = counts_of(frame, {c: (raw,) for c, raw in layout.counts.items()})
    works = counts_of(frame, {c: (c,) for c in WORK_COUNTS if c in layout.columns and c in frame.columns})
    native = _author(frame, layout.platform)
    keep, refused = refuse(frame, [*missing(native, layout.key), *reasons, *numbers.reasons, *works.reasons])
    measured = numbers.columns
    if works.columns.width > 1:
        kinds = works.columns.drop("censored")
        told = ~kinds.select(pl.all_horizontal(pl.all().is_null())).to_series()
        # No kind told is no count, not none made.
        measured = measured.with_columns(kinds.sum_horizontal(ignore_nulls=True).set(~told, None).alias("posts"))
    official = text_of(frame, "is_official").cast(pl.Int64, strict=False)
    creator_id = (pl.lit(f"{layout.platform.value}:") + pl.col("_native")).alias("creator_id")
    whole = frame.with_columns(native.alias("_native"), observed.alias(SEEN_AT)).select(
        creator_id,
        pl.lit(layout.platform.value).alias("platform"),
        pl.col("_native").alias("native_id"),
        text_of(frame, *_NAMES).alias("name"),
        _profession(frame, layout).alias("category"),
        pl.when(official.is_not_null()).then(official >= 0).alias("verified"),
        text_of(frame, "ip_location").str.replace(r"^IP ?属地[:：]? ?", "").alias("region"),
        pl.col(SEEN_AT).alias("first_seen_at"),
        SEEN_AT,
        LOCATOR,
    )
    counted = pl.concat(
        [whole.select("creator_id", pl.col(SEEN_AT).alias("observed_at"), LOCATOR), measured], how="horizontal"
    )
    if keep is not None:
        whole, counted = whole.filter(keep), counted.filter(keep)
    return {"creators": whole, "creator_snapshots": counted}, refused


def _profession(frame: pl.DataFrame, layout: Layout) -> pl.Expr:
    """Xiaohongshu's profile tags are a JSON object of kind → name; the profession is the field the account works in."""
    if layout.tags not in frame.columns:
        return pl.lit(None, pl.String)
    tags = text_of(frame, layout.tags)
    return pl.when(tags.str.starts_with("{")).then(tags.str.extract(r'"profession"\s*:\s*"([^"]+)"'))


def _audience(
    frame: pl.DataFrame, layout: Layout, context: ReadContext, fallback: dt.datetime
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    collected, reasons = _observed(frame, context, fallback)
    said = time_of(frame, "said", _SAID, context.settings.zone, collected)
    native = native_id(frame, layout.key)
    person = native_id(frame, *_AUTHOR_IDS, "user_link", *_NAMES)
    # The same number is another person on another platform.
    key = context.pseudonym((f"{layout.platform.value}:" + person).alias("audience_key"))
    keep, refused = refuse(
        frame,
        [*missing(native, layout.key), *missing(person, "the commenter's id"), *reasons, *said.reasons],
        show=False,
    )
    refused = (
        refused
        if refused.is_empty()
        else refused.with_columns(pl.col("reason").str.replace_all(r"'[^']*' is no", "is no"))
    )
    samples = frame.select(LOCATOR, *([text_of(frame, "content").alias("text")] if context.keep_text else []))
    samples = samples.with_columns(
        (f"{layout.platform.value}:" + native).alias("post_id"),
        key.alias("audience_key"),
        pl.select(pl.coalesce(said.columns["said"], collected)).to_series().cast(UTC_US).alias("observed_at"),
        pl.lit("").alias("_raw"),
    )
    if keep is not None:
        samples = samples.filter(keep)
    return {"audience_samples": samples}, refused
