"""From candidates to the audience model: platform populations, audience sizes, communities, profiles, overlap hints."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.errors import BriefError
from tidegauge.plan.audience.affinity import affinity_of, drawn_categories, gathering_of, likely_categories, publics
from tidegauge.plan.audience.model import ACTIVITY_SHARE, AudienceModel, category_mix, platform_patterns
from tidegauge.plan.audience.profiles import interest_profiles, profile_cells
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.values import nearest
from tidegauge.plan.offers.expected import viewers_over_views
from tidegauge.plan.solver.problem import Float, Int
from tidegauge.result import Assumed, Text
from tidegauge.vocab import label
from tidegauge.workspace.tables import Tables

#: Who could see a post: the followers, or so many times its expected viewers where that is more (a lucky post).
LUCKY_TIMES = 3.0
#: People on a platform without any figure: so many times its largest audience, and enough that nobody is in the
#: audience of more than so many of its candidates on average.
PLATFORM_OVER_LARGEST, AUDIENCES_PER_PERSON = 5.0, 10.0
#: People in the market over those on its largest platform, where no deduplicated figure is there.
MARKET_OVER_LARGEST = 1.15
#: A hint needs so many commenters in common; more pairs than this are not looked at (the strongest stay).
HINT_LEAST, HINT_MOST_PAIRS = 3, 5_000
#: Commenters of more creators than this are fans of everything (or bots): they tell nothing about a pair.
HINT_CREATORS_PER_KEY = 40


@dataclass(frozen=True)
class People:
    """The audience model and what the items need of it.

    `creators`: creator ids in the model's order (C). `creator` (items): index of the item's creator. `exposure`
    (items): chance that somebody of the creator's audience sees the post. `shared_sd` (items): log spread of the viewer
    ratio that all items of a platform share. `assumed`: what was not read from the workspace.
    """

    model: AudienceModel
    creators: tuple[str, ...]
    creator: Int
    exposure: Float
    viewer_sd: Float
    assumed: tuple[str, ...]


def audience_of(tables: Tables, items: pl.DataFrame, brief: Brief) -> People:
    """Build the audience model of these items (sorted by creator_id)."""
    creators = items.unique("creator_id", keep="first", maintain_order=True)
    index = {c: i for i, c in enumerate(creators.get_column("creator_id"))}
    creator = np.array([index[c] for c in items.get_column("creator_id")], dtype=np.int64)
    ratio, viewer_sd, assumed = _viewer_ratio(items)
    viewers = items.get_column("views").to_numpy().astype(np.float64) * ratio
    most = np.zeros(len(index))
    np.maximum.at(most, creator, viewers)
    followers = creators.get_column("followers").cast(pl.Float64).fill_null(0.0).to_numpy()
    audience = np.maximum(followers, LUCKY_TIMES * most)
    names = sorted(set(creators.get_column("platform")) | set(brief.audience.uses))
    place = {p: i for i, p in enumerate(names)}
    platform = np.array([place[p] for p in creators.get_column("platform")], dtype=np.int64)
    people, population, notes = _populations(tables, names, platform, audience)
    audience = np.minimum(audience, people[platform])
    patterns, pattern_share = platform_patterns(population, people)
    keys = _keys(creators.get_column("creator_id").to_list())
    seen = _seen(tables, creators)
    community = _communities(tables, creators, brief, keys, seen)
    cells = profile_cells(tables, creators, brief.audience)
    hints = _hints(seen, audience)
    used = [p in brief.audience.uses for p in names]
    model = AudienceModel(
        platform=platform,
        audience=audience,
        mix_indptr=community.indptr,
        mix_community=community.community,
        mix_share=community.share,
        population=population,
        patterns=patterns,
        pattern_share=pattern_share,
        community_share=community.population,
        activity_level=community.level,
        target_community=community.target,
        target_platform=np.array(used) if any(used) else None,
        hint_pair=hints[0],
        hint_shared=hints[1],
        hint_sample=hints[2],
        key=keys,
    )
    if cells is not None:
        model = replace(
            model, cell_share=cells.population, profile=cells.row_of, profiles=cells.rows, target_cell=cells.target
        )
    exposure = np.divide(viewers, audience[creator], out=np.zeros(len(viewers)), where=audience[creator] > 0)
    told = (*assumed, *notes, *community.assumed, *(cells.assumed if cells else ()))
    return People(model, tuple(index), creator, np.clip(exposure, 0.0, 1.0), viewer_sd, told)


def model_of(model: AudienceModel, columns: Int) -> AudienceModel:
    """The same model for some of its creators alone, in the given order, hints between them included."""
    place = np.full(model.n_creators, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    counts = np.diff(model.mix_indptr)[columns]
    spans = [np.arange(model.mix_indptr[c], model.mix_indptr[c + 1]) for c in columns]
    entries = np.concatenate(spans) if spans else np.empty(0, dtype=np.int64)
    pair = np.empty((0, 2), dtype=np.int64) if model.hint_pair is None else place[model.hint_pair]
    inside = (pair >= 0).all(axis=1)
    hinted = bool(inside.any()) and model.hint_shared is not None and model.hint_sample is not None
    return replace(
        model,
        platform=model.platform[columns],
        audience=model.audience[columns],
        mix_indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        mix_community=model.mix_community[entries],
        mix_share=model.mix_share[entries],
        profile=None if model.profile is None else model.profile[columns],
        hint_pair=pair[inside] if hinted else None,
        hint_shared=model.hint_shared[inside] if hinted and model.hint_shared is not None else None,
        hint_sample=model.hint_sample[inside] if hinted and model.hint_sample is not None else None,
        key=None if model.key is None else model.key[columns],
    )


def _viewer_ratio(items: pl.DataFrame) -> tuple[Float, Float, tuple[str, ...]]:
    """Unique viewers per view of each item, the log spread of that ratio, and where it is borrowed."""
    cited, borrowed = viewers_over_views()
    platforms = items.get_column("platform").to_list()
    ratio = np.array([cited.get(p, borrowed) for p in platforms])
    spread = np.array([0.05 if p in cited else 0.2 for p in platforms])
    without = sorted(set(platforms) - set(cited))
    note = Assumed(
        f"unique viewers per view {borrowed:.2f} for {', '.join(without)} (cited for {', '.join(sorted(cited))})",
        f"每次播放对应的独立观众 {borrowed:.2f}：{named(without)}（借用 {named(sorted(cited))}的引用值）",
    )
    return ratio, spread, (note,) if without else ()


def named(platforms: list[str]) -> str:
    """Platforms for a Chinese sentence."""
    return "、".join(label(p, "zh") for p in platforms)


def _populations(
    tables: Tables, names: list[str], platform: Int, audience: Float
) -> tuple[Float, float, tuple[str, ...]]:
    """People on each platform and in the market, newest figures first, own figures before cited ones."""
    largest = np.zeros(len(names))
    np.maximum.at(largest, platform, audience)
    together = np.bincount(platform, audience, len(names))
    t = tables["market"]
    rows: pl.DataFrame = tables.frame(
        t.filter(t.metric.lower().contains("mau") | t.metric.lower().contains("monthly active"), t.unit == "persons")
    )
    segment = pl.col("segment").str.to_lowercase()
    rows = rows.filter(~pl.col("metric").str.to_lowercase().str.contains("growth|share")).with_columns(
        (pl.col("confidence") == "own").alias("own")
    )
    trust = pl.col("confidence").replace_strict({"own": 0, "primary": 1, "secondary": 2}, default=3)
    rows = rows.sort(pl.col("own"), pl.col("period"), trust, pl.col("value"), descending=[True, True, False, True])
    whole = rows.filter(segment.is_in(["", "all", "total", "全部", "整体"]))
    known: dict[str, tuple[float, bool]] = {}
    for r in whole.iter_rows(named=True):
        for p in str(r["platform"]).split(","):
            known.setdefault(p.strip(), (float(r["value"]), bool(r["own"])))
    people, notes = np.zeros(len(names)), []
    for i, name in enumerate(names):
        found = known.get(name) or (known.get("wechat") if name == "channels" else None)
        if found is None or found[0] < largest[i]:
            stated = found[0] if found else 1.0
            people[i] = max(PLATFORM_OVER_LARGEST * largest[i], together[i] / AUDIENCES_PER_PERSON, stated)
            size = f"{people[i]:,.0f}"
            notes.append(
                Assumed(
                    f"people on {name}: {size} (no usable figure; from the size of its audiences)",
                    f"{named([name])}的人数：{size}（没有可用的数字，由受众规模推算）",
                )
            )
        else:
            people[i] = found[0]
    own = [known[p][1] for p in names if p in known]
    dedup = rows.filter(segment.str.contains("dedup|去重") | (segment == "population"))
    # A deduplicated figure of the real market says nothing about an ecosystem with figures of its own.
    dedup = dedup.filter(pl.col("own") == (bool(own) and all(own)))
    floor = float(people.max(initial=1.0))
    if dedup.height and own and dedup.item(0, "value") >= floor:
        return people, float(dedup.item(0, "value")), tuple(notes)
    size = f"{MARKET_OVER_LARGEST * floor:,.0f}"
    notes.append(
        Assumed(
            f"people in the market: {size} (a little more than its largest platform)",
            f"市场总人数：{size}（略多于最大的平台）",
        )
    )
    return people, MARKET_OVER_LARGEST * floor, tuple(notes)


@dataclass(frozen=True)
class _Communities:
    indptr: Int
    community: NDArray[np.int32]
    share: Float
    population: Float
    target: Float | None
    level: tuple[float, ...]
    assumed: tuple[str, ...]


def _communities(
    tables: Tables, creators: pl.DataFrame, brief: Brief, keys: NDArray[np.uint64], seen: pl.DataFrame
) -> _Communities:
    """A community per category of the workspace; how the population splits over them; the target's interest."""
    t = tables["creators"]
    counted: pl.DataFrame = tables.frame(t.group_by("category").aggregate(n=t.count()))
    name = pl.col("category").str.strip_chars().str.to_lowercase()
    counted = counted.filter(name.is_not_null() & (name != "")).group_by(name.alias("category")).agg(pl.col("n").sum())
    counted = counted.sort("category")
    categories = counted.get_column("category").to_list()
    at = {c: i for i, c in enumerate(categories)}
    stated = [at.get((c or "").strip().lower(), -1) for c in creators.get_column("category").to_list()]
    own = likely_categories(seen, np.array(stated, dtype=np.int64), categories)
    population = publics(counted.get_column("n").to_numpy()) if categories else np.ones(1)
    interested = population[: len(categories)]
    gathering = gathering_of(affinity_of(seen), interested) if categories else gathering_of(None, interested)
    if categories and not brief.audience.interest:  # a draw must not look like a fit with the brief's interest
        own = drawn_categories(own, keys, interested)
    indptr, community, share, n = category_mix(own, len(population), own=gathering.own)
    how = (
        Text("由达人共有的评论者推算", "by the commenters that creators have in common")
        if gathering.measured
        else Text("没有评论可用，为假设", "assumed, no comments are there")
    )
    own_part, top = f"{gathering.own:.0%}", f"{gathering.level[-1] * ACTIVITY_SHARE[-1]:.0%}"
    assumed = [
        Assumed(
            f"{own_part} of an audience belongs to the public of the creator's category, the top fifth of people "
            f"make {top} of all contacts ({how.en}); the size of a category's public by its supply",
            f"受众的 {own_part} 属于达人类目的人群，最活跃的五分之一的人占全部接触的 {top}（{how.zh}）；"
            "各类目人群的大小按其供给推算",
        )
    ]
    interest = brief.audience.interest
    if not interest:
        return _Communities(indptr, community, share, population, None, gathering.level, tuple(assumed))
    target = np.zeros(n)
    for wanted, w in interest.items():
        hits = [i for i, c in enumerate(categories) if wanted in c or c in wanted]
        if not hits:
            close = nearest(wanted, categories) if categories else None
            raise BriefError(
                f"no category in the workspace is about '{wanted}'",
                mend=f"did you mean '{close}'?" if close else "categories: " + ", ".join(categories[:12]),
                where=brief.where("audience", "interest", wanted),
            )
        for i in hits:
            target[i] = max(target[i], w)
    indptr, community, share = _by_interest(tables, creators, categories, (indptr, community, share))
    return _Communities(indptr, community, share, population, target, gathering.level, tuple(assumed))


def _by_interest(
    tables: Tables,
    creators: pl.DataFrame,
    categories: list[str],
    default: tuple[Int, NDArray[np.int32], Float],
) -> tuple[Int, NDArray[np.int32], Float]:
    """The community mix of creators whose audience's interests are known: their shares by category instead."""
    profiles = interest_profiles(tables)
    known: dict[str, dict[int, float]] = {}
    for creator_id, bucket, part in profiles.iter_rows():
        for i, c in enumerate(categories):
            if bucket in c or c in bucket:
                mix = known.setdefault(creator_id, {})
                mix[i] = mix.get(i, 0.0) + part
    if not known:
        return default
    indptr, community, share = default
    parts, shares, counts = [], [], []
    for j, creator_id in enumerate(creators.get_column("creator_id")):
        if creator_id in known:
            mix = known[creator_id]
            total = max(1.0, sum(mix.values()))  # interests overlap and may sum to more than 1
            parts.append(np.array(sorted(mix), dtype=np.int32))
            shares.append(np.array([mix[i] / total for i in sorted(mix)]))
        else:
            parts.append(community[indptr[j] : indptr[j + 1]])
            shares.append(share[indptr[j] : indptr[j + 1]])
        counts.append(len(parts[-1]))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return starts, np.concatenate(parts).astype(np.int32), np.concatenate(shares)


def _keys(ids: list[str]) -> NDArray[np.uint64]:
    """A number per creator that depends on the id alone, so that a creator's draws do not change with the others."""
    return np.array(
        [int.from_bytes(hashlib.blake2b(c.encode(), digest_size=8).digest(), "big") for c in ids], np.uint64
    )


def _seen(tables: Tables, creators: pl.DataFrame) -> pl.DataFrame:
    """Who commented with whom: c (place of the creator), platform, category, audience_key, times (posts)."""
    t = tables["audience_samples"]
    rows: pl.DataFrame = tables.frame(
        t.filter(t.creator_id.notnull()).group_by("creator_id", "audience_key").aggregate(times=t.post_id.nunique())
    )
    index = creators.select("creator_id", "platform", "category").with_row_index("c")
    index = index.with_columns(pl.col("c").cast(pl.Int64), pl.col("category").str.strip_chars().str.to_lowercase())
    return rows.join(index, on="creator_id").select("c", "platform", "category", "audience_key", "times")


def _hints(seen: pl.DataFrame, audience: Float) -> tuple[NDArray[np.int64] | None, Float | None, Float | None]:
    """Observed overlap of pairs of creators from commenters in common, for the pairs that share most.

    As `creators.overlap.audience_overlap` does for a few creators: two samples of m and n commenters out of M and N
    people who ever comment (Chao 1984) share common · M N / (m n) of them; that share of the smaller commenting public
    is taken for the audiences. Sparse, since 20,000 creators have 200 million pairs.
    """
    once, twice = ((pl.col("times") == k).sum().cast(pl.Float64) for k in (1, 2))
    sizes = seen.group_by("c").agg(
        pl.len().alias("m"), (pl.len() + once * (once - 1).clip(lower_bound=0) / (2 * (twice + 1))).alias("whole")
    )
    telling = seen.filter(pl.len().over("audience_key").is_between(2, HINT_CREATORS_PER_KEY))
    both = (
        telling.join(telling, on="audience_key", suffix="_b")
        .filter(pl.col("c") < pl.col("c_b"))
        .group_by("c", "c_b")
        .agg(pl.len().cast(pl.Float64).alias("common"))
        .filter(pl.col("common") >= HINT_LEAST)
        .sort("common", "c", "c_b", descending=[True, False, False])
        .head(HINT_MOST_PAIRS)
        .join(sizes, on="c", maintain_order="left")
        .join(sizes.rename({"c": "c_b", "m": "m_b", "whole": "whole_b"}), on="c_b", maintain_order="left")
    )
    if both.is_empty():
        return None, None, None
    found = pl.col("common") * pl.col("whole") * pl.col("whole_b") / (pl.col("m") * pl.col("m_b"))
    share = (found / pl.min_horizontal("whole", "whole_b")).clip(upper_bound=1.0)
    a, b = both["c"].to_numpy(), both["c_b"].to_numpy()
    shared = both.select(share).to_series().to_numpy() * np.minimum(audience[a], audience[b])
    return np.stack([a, b], axis=1), shared, both["common"].to_numpy()
