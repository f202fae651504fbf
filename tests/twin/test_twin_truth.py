"""The generator keeps its word: what the truth says is what the draws do."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import UsageError
from tidegauge.schema import check
from tidegauge.twin import World, canonical, grow, truth
from tidegauge.twin.accounts import accounts, band_mix, draw_followers, generator_year, tier_index
from tidegauge.twin.brand import brand_history, stream_truth, weekly_truth
from tidegauge.twin.market import geometric_adstock
from tidegauge.twin.population import core_draws, membership, true_overlap, true_reach
from tidegauge.twin.posts import FORMAT_EFFECT, affinity, grown_share, half_time_days
from tidegauge.twin.topics import LAG_SPREAD, crossing_share, topics
from tidegauge.twin.world import FORMAT_NAMES, PLATFORM_NAMES, PLATFORMS


@pytest.fixture(scope="module")
def eco():
    return grow(1500, 60, seed=11)


def no_number_that_is_none(tables: dict[str, pl.DataFrame]) -> None:
    for name, frame in tables.items():
        for column, kind in frame.schema.items():
            if kind == pl.Float64:
                assert frame[column].is_finite().fill_null(True).all(), f"{name}.{column}"


def test_band_shares_of_all_platforms_together_are_the_cited_ones():
    world = World()
    mix = band_mix(world)
    whole = np.array([s.creators_share for s in PLATFORMS]) @ mix
    assert whole[1:] / whole[1:].sum() == pytest.approx(world.band_shares, abs=1e-6)
    assert mix.sum(axis=1) == pytest.approx(np.ones(len(PLATFORMS)))
    xhs, dy = mix[PLATFORM_NAMES.index("xiaohongshu")], mix[PLATFORM_NAMES.index("douyin")]
    assert xhs[3:].sum() < dy[3:].sum()  # Xiaohongshu has fewer large accounts


def test_drawn_followers_have_the_shares_and_the_pareto_tail():
    world, n = World(), 400_000
    rng = np.random.default_rng(5)
    platform = rng.choice(len(PLATFORMS), size=n, p=[s.creators_share for s in PLATFORMS])
    f = draw_followers(world, band_mix(world), platform, rng.random(n))
    above = f[f >= 10_000]
    shares = [np.mean((above >= a) & (above < b)) for a, b in ((1e4, 5e4), (5e4, 5e5), (5e5, 3e6), (3e6, 1e12))]
    assert shares == pytest.approx(world.band_shares, abs=0.005)
    tail = f[(f >= 3e6) & (f < 119e6)]
    # Pareto cut off above: the maximum-likelihood exponent from the mean log excess, cut-off included.
    ratio = np.log(120e6 / 3e6)
    x = np.mean(np.log(tail / 3e6))
    grid = np.linspace(0.6, 2.5, 2000)
    expected = 1 / grid - ratio * np.exp(-grid * ratio) / -np.expm1(-grid * ratio)
    estimate = grid[np.argmin(np.abs(expected - x))]
    assert estimate == pytest.approx(world.tail_exponent, abs=4 * world.tail_exponent / np.sqrt(tail.size))


def test_mid_tier_grows_faster_than_the_head():
    book = accounts(np.random.default_rng(2), World(entry_share=0.0, inflated_share=0.0, stop_rate_year=0.0), 6000, 180)
    tier = tier_index(book.followers[:, 0], book.platform)
    growth = np.log(book.followers[:, -1] / book.followers[:, 0]) - book.drift_year * 179 / 365
    mid, mega = growth[tier == 2], growth[tier == 4]
    gap = mid.mean() - mega.mean()
    assert gap > 3 * np.hypot(mid.std() / np.sqrt(mid.size), mega.std() / np.sqrt(mega.size))


def test_markov_tiers_follow_their_generator():
    world = World(followers="markov", entry_share=0.0, inflated_share=0.0, stop_rate_year=0.0, markov_up_year=4.0)
    days = 120
    book = accounts(np.random.default_rng(3), world, 3000, days)
    p = PLATFORM_NAMES.index("douyin")
    tier = tier_index(
        book.followers[book.platform == p], book.platform[book.platform == p][:, None].repeat(days, axis=1)
    )
    rates = generator_year(world, p)
    for low, high in ((0, 1), (1, 2), (2, 1), (3, 2)):
        at_risk = np.sum(tier[:, :-1] == low)
        moves = np.sum((tier[:, :-1] == low) & (tier[:, 1:] == high))
        expected = rates[low, high] / 365 * at_risk
        assert abs(moves - expected) < 4 * np.sqrt(expected) + 2
    xhs = generator_year(world, PLATFORM_NAMES.index("xiaohongshu"))
    assert (xhs[2, 3], xhs[2, 4]) == (0.0, 4.0)  # Xiaohongshu's empty macro tier is stepped over


def test_entries_and_exits_have_no_followers_outside_their_life(eco):
    book, day = eco.accounts, np.arange(eco.days)
    alive = (day >= book.entry_day[:, None]) & (day < book.gone_day[:, None])
    assert np.all((book.followers >= 0) == alive)
    assert 0 < np.mean(book.entry_day > 0) < 0.2
    assert np.any(book.gone_day < eco.days)
    made = eco.posts
    assert np.all(made.published_day >= book.entry_day[made.creator])
    assert np.all(made.published_day < book.stop_day[made.creator])


def test_inflation_multiplies_the_shown_followers(eco):
    book = eco.accounts
    late = np.flatnonzero(
        book.inflated & (book.inflation_day > book.entry_day + 1) & (book.inflation_day < book.gone_day - 1)
    )
    assert late.size > 5
    before = book.followers[late, book.inflation_day[late] - 1]
    after = book.followers[late, book.inflation_day[late]]
    assert np.all(after > before / (1 - book.inflation_rate[late]) * 0.8)
    assert np.all(book.real_share[~book.inflated] == 1.0)


def test_views_are_the_sum_of_their_declared_parts(eco):
    made, book = eco.posts, eco.accounts
    owner = made.creator
    platform = book.platform[owner]
    real = (
        book.followers[owner, made.published_day.astype(int)] * book.real_share[owner, made.published_day.astype(int)]
    )
    log_views = (
        np.array([s.view_level for s in PLATFORMS])[platform]
        + affinity()[platform, book.category[owner]]
        + np.array([FORMAT_EFFECT.get(f, 0.0) for f in FORMAT_NAMES])[made.format]
        + eco.world.follower_elasticity * np.log(np.maximum(real, 1))
        + book.quality[owner] + made.distribution_log + made.work_log
        + eco.world.sponsored_effect * made.sponsored + eco.world.emotion_effect * made.emotional
    )  # fmt: skip
    enough = (made.views30 > 1000) & (made.views30 < 3e7)
    assert np.log(made.views30[enough]) == pytest.approx(log_views[enough], abs=1e-3)
    assert made.work_log.std() == pytest.approx(eco.world.work_sd, rel=0.05)


def test_mid_long_video_is_saved_and_shared_more(eco):
    made = eco.posts
    rate = made.engaged30 / np.maximum(made.views30, 1)[:, None]
    median = {
        f: np.median(rate[made.format == FORMAT_NAMES.index(f)], axis=0)
        for f in ("short_video", "mid_video", "long_video")
    }
    for column in (2, 3):  # shares, saves
        assert median["short_video"][column] < median["mid_video"][column] < median["long_video"][column]


@given(half=st.floats(0.02, 20.0), evergreen=st.floats(0.0, 0.8), a=st.floats(0.0, 29.0), step=st.floats(0.01, 30.0))
def test_accumulation_grows_from_nothing_through_one_at_thirty_days(half, evergreen, a, step):
    h, w = np.array([half]), np.array([evergreen])
    assert grown_share(np.array([0.0]), h, w)[0] == 0.0
    assert grown_share(np.array([30.0]), h, w)[0] == pytest.approx(1.0)
    assert grown_share(np.array([a + step]), h, w)[0] >= grown_share(np.array([a]), h, w)[0]
    assert grown_share(half_time_days(h, w), h, w)[0] == pytest.approx(0.5, abs=1e-3)


def test_a_work_on_several_platforms_is_one_person_and_one_title(eco):
    posts = canonical(grow(400, 60, seed=4, world=World(multi_platform_share=0.6, register_share=1.0)))["posts"]
    works = posts.group_by("work_id").agg(
        pl.col("platform").n_unique().alias("on"), pl.col("title").n_unique().alias("titles")
    )
    shared = works.filter(pl.col("on") > 1)
    assert shared.height > 50
    assert works["titles"].max() == 1
    made, person = eco.posts, eco.accounts.person[eco.posts.creator]
    assert pl.DataFrame({"w": made.work, "p": person}).group_by("w").agg(pl.col("p").n_unique())["p"].max() == 1


def test_reach_counts_people_once(eco):
    book = eco.accounts
    big = np.argsort(-eco.audience)[:12].tolist()
    for j in big:
        assert eco.reach([j]) == pytest.approx(eco.audience[j], rel=1e-9)
    a, b, c = big[0], big[3], big[7]
    both = eco.overlap(a, b)
    assert both == pytest.approx(eco.overlap(b, a))
    assert eco.reach([a, b]) == pytest.approx(eco.audience[a] + eco.audience[b] - both, rel=1e-9)
    assert eco.reach([a, b, a]) == pytest.approx(eco.reach([a, b]))
    gain_small, gain_large = eco.reach([a, c]) - eco.reach([a]), eco.reach([a, b, c]) - eco.reach([a, b])
    assert gain_large <= gain_small + 1e-6  # submodular
    assert eco.reach(range(book.count)) < eco.population.cells.sum()


def test_reach_by_viewers_is_a_little_less_than_their_sum(eco):
    chosen = np.argsort(-eco.audience)[:8].tolist()
    viewers = np.full(8, 200_000.0)
    alone = [eco.reach([j], viewers[:1]) for j in chosen]
    assert all(0.9 * 200_000 < a <= 200_000 for a in alone)
    assert 0.8 * sum(alone) < eco.reach(chosen, viewers) < sum(alone)


def test_expected_reach_agrees_with_drawn_people(eco):
    """Monte Carlo: persons are drawn from the cells and join each audience by chance."""
    chosen = np.argsort(-eco.audience)[:15]
    crowd, rng = eco.population, np.random.default_rng(0)
    n = 400_000
    flat = np.cumsum(crowd.cells.ravel())
    cell = np.searchsorted(flat, rng.random(n) * flat[-1], side="right")
    community, pattern = cell // crowd.cells.shape[1], cell % crowd.cells.shape[1]
    reached = np.zeros(n, dtype=bool)
    for j in chosen:
        on = (pattern >> eco.accounts.platform[j] & 1) == 1
        reached |= on & (rng.random(n) < eco.chance[j, community])
    share, expected = reached.mean(), eco.reach(chosen.tolist()) / crowd.cells.sum()
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_platform_users_and_overlap_of_use_are_near_the_cited_figures(eco):
    users = eco.population.on_platform().sum(axis=0)
    for spec, count in zip(PLATFORMS, users, strict=True):
        assert count == pytest.approx(spec.mau, rel=0.06)
    patterns = np.arange(eco.population.cells.shape[1])
    five = [i for i, s in enumerate(PLATFORMS) if s.code != "zhihu"]
    used = sum((patterns >> i) & 1 for i in five)
    share = eco.population.cells[:, used >= 3].sum() / eco.population.cells[:, used >= 1].sum()
    assert 0.3 < share < 0.6  # 39.8 % use three or more of five


def test_core_audiences_overlap_as_their_communities_say(eco):
    """Shared commenters of all pairs against Σ_c commenters_c π_a π_b with π = 1 − exp(−draws · mix / commenters)."""
    crowd, book = eco.population, eco.accounts
    p = PLATFORM_NAMES.index("weibo")
    there = np.bincount(crowd.core_community[(crowd.core_pattern >> p & 1) == 1], minlength=crowd.communities)
    mine = np.flatnonzero(book.platform == p)[:120]
    draws = core_draws(crowd, book.platform, eco.audience)
    chance = np.where(there > 0, -np.expm1(-draws[:, None] * eco.mix / np.maximum(there, 1)), 0.0)
    seen = expected = 0.0
    for x, a in enumerate(mine):
        for b in mine[x + 1 :]:
            expected += float(np.sum(there * chance[a] * chance[b]))
            seen += np.intersect1d(eco.cores.of(a), eco.cores.of(b)).size
    assert seen / expected == pytest.approx(1.0, abs=0.05)


def test_membership_never_exceeds_one():
    eco = grow(5, 3, seed=1)
    huge = membership(eco.population, eco.accounts.platform, np.full(5, 5e9), eco.mix)
    assert np.all((huge >= 0) & (huge <= 1))
    assert np.isfinite(true_reach(eco.population, eco.accounts.platform, huge, range(5)))
    assert np.isfinite(true_overlap(eco.population, eco.accounts.platform, huge, 0, 1))


def test_topics_cross_as_often_and_as_late_as_declared():
    world = World(topic_share=0.4)
    seen = topics(np.random.default_rng(8), world, 120)
    origin = seen.filter("origin").select(
        "topic", pl.col("platform").alias("source"), pl.col("first_seen_s").alias("begin")
    )
    early = origin.filter((pl.col("source") == "weibo") & (pl.col("begin") < 100 * 86_400))
    copies = seen.filter(~pl.col("origin") & (pl.col("platform") == "douyin")).join(early, on="topic")
    n, chance = early.height, crossing_share(world, "weibo", "douyin")
    assert abs(copies.height / n - chance) < 4 * np.sqrt(chance * (1 - chance) / n)
    lag = np.log((copies["first_seen_s"] - copies["begin"]).to_numpy() / 3600.0)
    assert lag.mean() == pytest.approx(np.log(world.topic_lag_h), abs=4 * LAG_SPREAD / np.sqrt(lag.size))
    assert seen.filter(pl.col("platform") == "xiaohongshu").is_empty()
    assert origin.join(seen, on="topic").filter(pl.col("origin"))["title"].n_unique() == origin.height


def test_sales_are_the_sum_of_their_true_parts_and_the_stock_decays():
    world = World()
    brand = brand_history(np.random.default_rng(1), world, 90)
    parts = (
        weekly_truth(brand)
        .filter(pl.col("component") != "stock")
        .group_by("week")
        .agg(pl.col("value").sum())
        .sort("week")
    )
    assert parts["value"].to_numpy() == pytest.approx(brand.outcomes["sales"], abs=0.51)
    assert len(brand.weeks) == world.campaign_weeks
    assert all(w.weekday() == 0 for w in brand.weeks)
    assert brand.decay**world.brand_half_life_weeks == pytest.approx(0.5)
    # What is left of the stock after the inflow is noise around the declared decay.
    rest = brand.stock[1:] - brand.spend[1:] @ brand.weight
    slope = (rest @ brand.stock[:-1]) / (brand.stock[:-1] @ brand.stock[:-1])
    assert slope == pytest.approx(brand.decay, abs=0.01)
    stocked = geometric_adstock(brand.spend, brand.carry)
    short = brand.beta_cny * stocked / (stocked + brand.half_cny)
    assert short[:, 0] == pytest.approx(brand.parts[f"short:{brand.streams[0]}"])


def test_long_return_is_what_a_lasting_extra_spend_brings():
    """Adding one CNY in one week adds weight to the stock, which decays: the sum of all later sales is the long ROI."""
    brand = brand_history(np.random.default_rng(1), World(), 90)
    later = brand.effect * brand.weight[0] * brand.decay ** np.arange(2000)
    assert stream_truth(brand)["roi_long"][0] == pytest.approx(later.sum(), rel=1e-6)


def test_a_world_without_brand_effect_has_none():
    brand = brand_history(np.random.default_rng(1), World(brand_effect=0.0), 90)
    assert np.all(brand.parts["brand"] == 0.0)
    assert stream_truth(brand)["roi_long"].to_list() == [0.0] * 8
    assert stream_truth(brand)["multiplier"].to_list() == pytest.approx([1.0] * 8)


def test_confounding_ties_spend_to_demand():
    def tie(rho):
        brand = brand_history(np.random.default_rng(2), World(confounding=rho, campaign_weeks=520), 90)
        total = brand.spend.sum(axis=1)
        return float(np.corrcoef(total, brand.parts["demand"])[0, 1])

    assert tie(0.9) > 0.5 > abs(tie(0.0)) + 0.2


def test_prices_stand_around_the_fair_price(eco):
    offers = eco.offers.with_columns((pl.col("list_price") / pl.col("fair_price")).log().alias("excess"))
    inflated = pl.Series(eco.accounts.inflated[offers["account"].to_numpy()])
    honest = offers.filter(~pl.col("overpriced") & ~inflated & (pl.col("fair_price") > 200))
    assert abs(honest["excess"].median()) < 0.06
    dear = offers.filter(pl.col("overpriced") & (pl.col("fair_price") > 200))
    assert np.log(1.4) < dear["excess"].median() < np.log(2.2)
    assert 0.06 < offers.group_by("account").agg(pl.col("overpriced").any())["overpriced"].mean() < 0.19


def test_placements_stay_within_the_spend_of_their_week_and_platform():
    eco = grow(6000, 42, seed=2)
    assert eco.placements.height > 20
    booked = eco.placements.group_by("platform").agg(pl.col("cost").sum())
    inside = [i for i, w in enumerate(eco.brand.weeks) if (w - eco.world.start).days >= 0]
    for platform, cost in booked.iter_rows():
        streams = [j for j, s in enumerate(eco.brand.streams) if s.startswith(platform)]
        assert cost <= eco.brand.spend[np.ix_(inside, streams)].sum()


def test_no_truth_holds_a_number_that_is_none(eco):
    tables = truth(eco)
    assert all(frame.height > 0 for frame in tables.values())
    no_number_that_is_none(tables)
    made = truth(eco)["creators"]
    assert made["dependence"].is_between(0, 1).all()
    assert made["creator_id"].n_unique() == made.height
    assert truth(eco)["posts"]["post_id"].n_unique() == eco.posts.count


def test_seeds_differ_and_pieces_do_not_disturb_each_other():
    one, other = grow(200, 20, seed=1), grow(200, 20, seed=2)
    assert not np.array_equal(one.accounts.followers, other.accounts.followers)
    cheaper = grow(200, 20, seed=1, world=World(price_sd=0.0, overpriced_share=0.0))
    assert np.array_equal(one.posts.views30, cheaper.posts.views30)
    assert one.topics.equals(cheaper.topics)


@pytest.mark.parametrize(
    "change",
    [
        {"followers": "markov"}, {"activity_shape": float("inf")}, {"algorithm_changes": 0}, {"algorithm_changes": 3},
        {"multi_platform_share": 1.0}, {"comments_post_share": 0.0}, {"offers_share": 0.0}, {"register_share": 0.0},
        {"inflated_share": 1.0}, {"crawl_coverage": 0.0}, {"posts_week": 1e-6}, {"entry_share": 1.0},
        {"stop_rate_year": 50.0},
    ],
)  # fmt: skip
def test_worlds_at_the_edge_still_give_whole_tables(change):
    eco = grow(60, 20, seed=5, world=World(campaign_weeks=6, **change))
    for name, frame in canonical(eco).items():
        assert check(name, frame).rejects.is_empty(), name
    no_number_that_is_none(truth(eco))


@pytest.mark.parametrize(
    "wrong",
    [{"offers_share": 1.2}, {"tail_df": 2.0}, {"band_shares": (0.5, 0.5)}, {"growth_year": {}}, {"posts_week": 0.0}],
)
def test_impossible_worlds_are_refused(wrong):
    with pytest.raises(UsageError, match="World"):
        World(**wrong)


@pytest.mark.parametrize(("creators", "days"), [(0, 5), (5, 0)])
def test_nothing_is_no_ecosystem(creators, days):
    with pytest.raises(UsageError, match="at least one"):
        grow(creators, days)


@given(creators=st.integers(1, 12), days=st.integers(1, 12), seed=st.integers(0, 50))
def test_small_ecosystems_grow(creators, days, seed):
    eco = grow(creators, days, seed, world=World(campaign_weeks=3))
    assert eco.accounts.count == creators
    assert np.all(np.isfinite(eco.chance))
    assert np.all(eco.observed.views >= 0)
    assert np.all(eco.observed.followers >= 0)
