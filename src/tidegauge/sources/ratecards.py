"""Rate cards: Xingtu, Pugongying, Huahuo, Weibo, WeChat Channels, and any international list of creators and prices.

Headers are matched by meaning, wherever the header row stands. Each filled price cell becomes an offer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from tidegauge.errors import SourceError
from tidegauge.schema import LOCATOR, SEEN_AT, no_rejects
from tidegauge.sources.counts import parse_numbers
from tidegauge.sources.fields import Found, counts_of, missing, native_id, refuse, text_of
from tidegauge.sources.headers import unique_names
from tidegauge.sources.piece import rejects_of
from tidegauge.sources.ratecard_headers import Meaning, meaning, offer
from tidegauge.sources.records import grids
from tidegauge.sources.registry import Sample, source
from tidegauge.sources.times import UTC_US, file_time, parse_times
from tidegauge.vocab import Platform, Role, platform
from tidegauge.workspace.batch import Batch, ReadContext

_LOOK_AT = 15
_FEW = 3
#: Card → its platform and the words in headers, sheet or file name that tell it.
_CARDS: dict[str, tuple[Platform, str]] = {
    "xingtu": (Platform.DOUYIN, r"星图|xingtu|抖音|douyin|1-20s|21-60s"),
    "pugongying": (Platform.XIAOHONGSHU, r"蒲公英|pugongying|小红书|xiaohongshu|xhs|阅读中位数"),
    "huahuo": (Platform.BILIBILI, r"花火|huahuo|up主|bilibili|b站|定制视频|植入视频|直发动态"),
    "weibo_rates": (Platform.WEIBO, r"微任务|微博|weibo|直发报价|转发报价"),
    "channels_rates": (Platform.CHANNELS, r"互选|视频号|channels|1-60s"),
}
_NEGOTIABLE = re.compile(r"面议|面谈|私聊|询价|待定|议价|negotiable|on request|ask|tbd|poa", re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """One sheet read as a rate card: its body as text columns, what each column means, how sure that is."""

    part: str
    frame: pl.DataFrame
    columns: dict[str, Meaning]
    sure: float


def _header_rows(rows: Sequence[Sequence[str]]) -> Iterator[tuple[int, list[str]]]:
    """Candidates for the header: each of the first rows alone, and with the merged cells of the row above."""
    for i, row in enumerate(rows[:_LOOK_AT]):
        yield i, list(row)
        if i and sum(bool(c) for c in rows[i - 1]) > 1:  # one cell alone is a title, not a group of columns
            above, last = [], ""
            for cell in rows[i - 1]:
                last = cell or last
                above.append(last)
            yield (
                i,
                [
                    c if meaning(c) else f"{a}{c}" if c else a
                    for a, c in zip(above, [*row, *[""] * len(above)], strict=False)
                ],
            )


def _read_header(rows: Sequence[Sequence[str]]) -> tuple[int, list[str], dict[int, Meaning]]:
    best: tuple[int, list[str], dict[int, Meaning]] = (0, [], {})
    for at, names in _header_rows(rows):
        found = {i: m for i, name in enumerate(names) if (m := meaning(name)) is not None}
        if len({names[i] for i in found}) > len({best[1][i] for i in best[2]}):
            best = at, names, found
    return best


def _sure(names: Sequence[str], found: dict[int, Meaning]) -> float:
    kinds = [m.kind for m in found.values()]
    told = "price" in kinds and any(k in kinds for k in ("name", "native_id", "handle"))
    if not told or len(found) < _FEW:
        return 0.0
    return 0.55 + 0.4 * len(found) / max(len([n for n in names if n.strip()]), 1)


def _cards(sheets: dict[str, list[list[str]]]) -> list[Card]:
    cards = []
    for part, rows in sheets.items():
        at, names, found = _read_header(rows)
        sure = _sure(names, found)
        if not sure:
            continue
        unique = unique_names(names)
        body = [(r, row) for r, row in enumerate(rows[at + 1 :], at + 2) if any(c.strip() for c in row)]
        frame = pl.DataFrame(
            {n: [row[i].strip() if i < len(row) else "" for _, row in body] for i, n in enumerate(unique)},
            schema=dict.fromkeys(unique, pl.String),
        ).with_columns(pl.Series(LOCATOR, [f"{part}!{r}" if part else str(r) for r, _ in body], dtype=pl.String))
        cards.append(Card(part, frame, {unique[i]: m for i, m in found.items()}, sure))
    return cards


def _assess(sample: Sample) -> tuple[str, float]:
    """Which card a file is, and how sure."""
    if sample.kind not in ("csv", "xlsx"):
        return "", 0.0
    sheets = grids(sample.path) if sample.path.stat().st_size < 1 << 20 else _from_sample(sample)
    best = max(_cards({p: rows[:60] for p, rows in sheets.items()}), key=lambda c: c.sure, default=None)
    if best is None:
        return "", 0.0
    headers = " ".join(c for c in best.frame.columns).lower()
    hits = {
        name: 2 * len(set(re.findall(words, headers)))
        + bool(re.search(words, f"{sample.path.stem} {best.part}".lower()))
        for name, (_, words) in _CARDS.items()
    }
    name = max(hits, key=lambda n: hits[n])
    # A platform column says that the card is of several platforms.
    mixed = any(m.kind == "platform" for m in best.columns.values())
    return (name if hits[name] and not mixed else "ratecard"), best.sure


def _from_sample(sample: Sample) -> dict[str, list[list[str]]]:
    return {
        p: [list(names), *([str(v) for v in r.values()] for r in rows)] for p, (names, rows) in sample.parts.items()
    }


def _detect(name: str, sample: Sample) -> float:
    found, sure = _assess(sample)
    return sure if found == name else 0.0


def _read(name: str, path: Path, sample: Sample, context: ReadContext) -> Iterator[Batch]:
    cards = _cards(grids(path))
    if not cards:
        raise SourceError(
            "no header row with a creator and a price; columns: " + ", ".join(sorted(sample.columns)[:20]),
            where=str(path),
            mend="name the columns as in docs/sources/ratecards.md, or map them with --map",
        )
    own = _CARDS[name][0] if name in _CARDS else _named_platform(path)
    for card in cards:
        yield _batch(card, own or platform(card.part), path, context)


def _named_platform(path: Path) -> Platform | None:
    for word in re.split(r"[_\-. ]", f"{path.stem}_{path.parent.name}"):
        if word and (found := platform(word)) is not None:
            return found
    return next((p for p in Platform for w in [p.value] if w in path.stem.lower() and len(w) > 1), None)


def _batch(card: Card, own: Platform | None, path: Path, context: ReadContext) -> Batch:
    frame, zone = card.frame, context.settings.zone
    of = {
        kind: [c for c, m in card.columns.items() if m.kind == kind] for kind in {m.kind for m in card.columns.values()}
    }
    if own is None and "platform" not in of:
        raise SourceError(
            "it is not known which platform these prices are for",
            where=str(path),
            mend="add a column 'platform', name the file after the platform, or force a card with --as",
        )
    words = frame.select(text_of(frame, *of.get("platform", [])).alias("p")).to_series()
    words = words if len(words) == frame.height else words.new_from_index(0, frame.height)
    known = {str(w): p.value for w in words.drop_nulls().unique() if (p := platform(str(w))) is not None}
    places = (
        words.replace_strict(known, default=None, return_dtype=pl.String)
        if known
        else words.set(words.is_not_null(), None)
    )
    places = places.set(words.is_null(), own.value) if own is not None else places
    native = native_id(frame, *of.get("native_id", []), *of.get("handle", []), *of.get("name", []))
    native = native.str.strip_prefix("@")
    strange = (
        pl.DataFrame({"w": words, "p": places})
        .select(pl.when(pl.col("p").is_null()).then(pl.format("platform '{}' is not known", pl.col("w").fill_null(""))))
        .to_series()
    )
    followers = _scaled_counts(frame, card, of.get("followers", []))
    reasons = [
        *missing(native, "the creator's id or name"),
        *([strange] if strange.null_count() < frame.height else []),
    ]
    keep, refused = refuse(frame, [*reasons, *followers.reasons])
    seen, valid_from, valid_to = _dates(frame, of, path, zone)
    whole = frame.with_columns(
        native.alias("_native"),
        places.alias("_platform"),
        (places + ":" + native).alias("creator_id"),
        followers.columns["followers"].alias("_followers"),
        followers.columns["censored"].alias("_censored"),
        seen.alias(SEEN_AT),
        valid_from.alias("_from"),
        valid_to.alias("_to"),
    )
    whole = whole if keep is None else whole.filter(keep)
    creators = whole.select(
        "creator_id",
        pl.col("_platform").alias("platform"),
        pl.col("_native").alias("native_id"),
        text_of(whole, *of.get("name", []), *of.get("handle", [])).alias("name"),
        *(text_of(whole, *of.get(c, [])).alias(c) for c in ("category", "mcn", "region")),
        pl.col(SEEN_AT).alias("first_seen_at"),
        SEEN_AT,
        LOCATOR,
    )
    snapshots = whole.filter(pl.col("_followers").is_not_null()).select(
        "creator_id",
        pl.col(SEEN_AT).alias("observed_at"),
        pl.col("_followers").alias("followers"),
        pl.col("_censored").alias("censored"),
        LOCATOR,
    )
    offers, unpriced = _offers(whole, card, of, context)
    tables = {"creators": creators, "creator_snapshots": snapshots, "offers": offers}
    return Batch(tables, frame.height, path.stat().st_size, pl.concat([refused, unpriced]))


def _scaled_counts(frame: pl.DataFrame, card: Card, names: list[str]) -> Found:
    """Followers; a header such as 粉丝数（万） gives the unit."""
    unit = card.columns[names[0]].unit if names else 1.0
    if unit == 1.0:
        return counts_of(frame, {"followers": names})
    found = parse_numbers(frame[names[0]])
    # a cell that says its own unit (12万 under 粉丝数（万）) is taken at its word
    own = frame[names[0]].str.contains("[万亿wWkKmM]").fill_null(False)
    value = pl.select(pl.when(own).then(found.value).otherwise(found.value * unit).round(0).cast(pl.Int64)).to_series()
    bad = pl.DataFrame({"bad": found.unreadable, "v": frame[names[0]]}).select(
        pl.when("bad").then(pl.format(names[0].replace("{", "(").replace("}", ")") + ": '{}' is no count", "v"))
    )
    return Found(
        pl.DataFrame([value.alias("followers"), found.censored.alias("censored")]),
        [bad.to_series()] if found.unreadable.any() else [],
    )


def _dates(
    frame: pl.DataFrame, of: dict[str, list[str]], path: Path, zone: ZoneInfo
) -> tuple[pl.Series, pl.Series, pl.Series]:
    collected = file_time(path, zone)

    def column(kind: str) -> pl.Series:
        names = of.get(kind, [])
        if not names:
            return pl.Series([None], dtype=UTC_US).new_from_index(0, frame.height)
        return parse_times(frame[names[0]], zone, collected).value

    start, end = column("valid_from"), column("valid_to")
    seen = start.fill_null(collected)
    return seen, seen.dt.convert_time_zone(zone.key).dt.date(), end.dt.convert_time_zone(zone.key).dt.date()


def _offers(
    whole: pl.DataFrame, card: Card, of: dict[str, list[str]], context: ReadContext
) -> tuple[pl.DataFrame, pl.DataFrame]:
    made: list[pl.DataFrame] = []
    rejects: list[tuple[str, str, str]] = []
    roles = [r.value for r in Role]
    role = text_of(whole, *of.get("role", [])).str.to_uppercase().str.extract("(KO[LCSEB])")
    currency = (
        text_of(whole, *of.get("currency", [])).str.to_uppercase().replace({"RMB": "CNY", "人民币": "CNY", "元": "CNY"})
    )
    present = whole["_platform"].unique().to_list()
    for name in of.get("price", []):
        sense = card.columns[name]
        found = parse_numbers(whole[name])
        value = found.value * sense.unit if sense.unit != 1.0 else found.value
        for locator, shown in whole.filter(found.unreadable).select(LOCATOR, name).rows():
            why = "the price is open to negotiation" if _NEGOTIABLE.search(shown) else "the price is no amount"
            rejects.append((locator, f"{name}: '{shown[:80]}', {why}", shown))
        for place in present:
            where = Platform(place)
            format_, terms = offer(sense.offer, where)
            rows = whole.with_columns(value.alias("price")).filter(
                (pl.col("price") != 0) & pl.col("price").is_not_null() & (pl.col("_platform") == place)
            )
            views = _expected(rows, card, of.get("expected_views", []), format_.value)
            made.append(
                rows.select(
                    "creator_id",
                    pl.lit(format_.value).alias("format"),
                    pl.when(role.is_in(roles)).then(role).otherwise(pl.lit(Role.KOL.value)).alias("role"),
                    pl.lit(terms).alias("terms"),
                    "price",
                    pl.coalesce(currency, pl.lit(sense.currency, pl.String), pl.lit(context.settings.currency)).alias(
                        "currency"
                    ),
                    pl.col("_from").alias("valid_from"),
                    pl.col("_to").alias("valid_to"),
                    pl.lit(views).alias("expected_views"),
                    LOCATOR,
                )
            )
    return pl.concat(made) if made else pl.DataFrame(), rejects_of(rejects) if rejects else no_rejects()


def _expected(rows: pl.DataFrame, card: Card, names: list[str], format_: str) -> pl.Series:
    """Expected views: the column named after the offer's own kind (图文, 视频), else the general one."""
    video = format_ not in ("image_text", "article", "status")

    def fit(name: str) -> int:
        text = card.columns[name].offer
        said = 1 if re.search("图文|图片|image", text) else 2 if re.search("视频|video", text) else 0
        return 1 if said == 0 else 2 if (said == 2) == video else 0

    best = max(names, key=fit, default=None)
    if best is None or fit(best) == 0:
        return pl.Series([None], dtype=pl.Int64).new_from_index(0, rows.height)
    found = parse_numbers(rows[best])
    return (found.value * card.columns[best].unit).round(0).cast(pl.Int64, strict=False)


for _name, _zh, _en in (
    ("xingtu", "巨量星图报价", "Xingtu rate card (Douyin)"),
    ("pugongying", "蒲公英报价", "Pugongying rate card (Xiaohongshu)"),
    ("huahuo", "花火报价", "Huahuo rate card (Bilibili)"),
    ("weibo_rates", "微博报价", "Weibo rate card"),
    ("channels_rates", "视频号互选报价", "WeChat Channels rate card"),
    ("ratecard", "通用报价表", "Any list of creators and prices"),
):
    source(_name, title_zh=_zh, title_en=_en, detect=partial(_detect, _name))(partial(_read, _name))
