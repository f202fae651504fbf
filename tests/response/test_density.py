"""The compiled density against an independent one: dense covariances in NumPy, finite differences, NumPyro."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegauge.response.attention import HALF_LOGISTIC
from tidegauge.response.density import log_density
from tidegauge.response.fit import density_at
from tidegauge.response.gaussian import START_VAR
from tidegauge.response.history import LiftTest, make_history
from tidegauge.response.layout import ORDER, PRIORS, covariances, make_layout
from tidegauge.response.posterior import Form
from tidegauge.response.scaled import PRIOR_ORDER, scale

PLATFORMS, TIERS, ROLES = ("douyin", "xiaohongshu", "bilibili"), ("mid", "nano"), ("KOL", "KOC")


def drawn_history(rng, geos=1, periods=40, streams=3, series=1, *, gaps=True, tests=False):
    names = [
        f"{PLATFORMS[i % 3]}/{TIERS[i // 3 % 2]}/{ROLES[i % 2]}/short_video/{'discover' if i % 2 else 'purchase'}"
        for i in range(streams)
    ]
    names = [n if names.index(n) == i else f"{n}/{i}" for i, n in enumerate(names)]
    places = [f"g{i}" for i in range(geos)] if geos > 1 else [""]
    x = rng.gamma(1, 1e4, (geos, periods, streams)) * (rng.random((geos, periods, streams)) < 0.7)
    y = rng.normal(1e6, 1e5, (geos, periods))
    brand = {f"s{k}": rng.normal(100, 5, (geos, periods)) for k in range(series)}
    if gaps:
        y[:, 5:8] = np.nan
        for values in brand.values():
            values[rng.random(values.shape) < 0.3] = np.nan
    lift = [LiftTest(names[0], 10, 16, np.zeros(6), 3e5, 1e5, places[0])] if tests else []
    days = np.datetime64("2023-01-02") + 7 * np.arange(periods)
    return make_history(
        days, names, x, y, brand_series=brand, controls={"price": rng.normal(size=(geos, periods))}, geos=places,
        lift_tests=lift,
    )  # fmt: skip


def value_and_gradient(z, data):
    grad = np.empty(len(z))
    return log_density(z, data, grad), grad


@pytest.mark.parametrize(
    ("shape", "form"),
    [
        ((1, 40, 3, 0), Form(saturation="logistic")),
        ((1, 40, 1, 1), Form(saturation="hill")),
        ((1, 40, 6, 2), Form(adstock="delayed", saturation="logistic")),
        ((3, 30, 3, 1), Form(adstock="delayed", saturation="hill", drift=True)),
        ((3, 30, 2, 0), Form(drift=True)),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_gradient_is_that_of_the_density(shape, form, seed):
    rng = np.random.default_rng(seed)
    history = drawn_history(rng, *shape, tests=True)
    scaled = scale(history, form, known={history.streams[0]: (0.5, 2.0)})
    z = 0.6 * rng.standard_normal(scaled.layout.dims)
    _, grad = value_and_gradient(z, scaled.data)
    step = 1e-5
    for i in range(len(z)):
        up, down = z.copy(), z.copy()
        up[i] += step
        down[i] -= step
        slope = (value_and_gradient(up, scaled.data)[0] - value_and_gradient(down, scaled.data)[0]) / (2 * step)
        assert grad[i] == pytest.approx(slope, rel=2e-5, abs=2e-5), scaled.layout.names[i]


def dense_log_density(z, scaled, xp=np, linalg=np.linalg):
    """The same model written from its definition: geometric adstock, logistic curve, dense Gaussian covariances.

    `xp` may be jax.numpy, which then also gives the gradient by its own means.
    """
    data, layout, p = scaled.data, scaled.layout, dict(zip(PRIOR_ORDER, scaled.data.prior, strict=True))
    geos, periods, streams = data.spend.shape
    series = data.columns.shape[2]

    def take(name):
        return z[layout.at[name] : layout.at[name] + layout.size[name]] if name in layout.at else xp.zeros(1)

    log_short = data.log_share + p["short"] + p["short_sd"] * take("short")
    decay = 2.0 ** (-xp.exp(-p["half_life"] - p["half_life_sd"] * take("half_life")))
    half = xp.exp(p["half_saturation"] + p["half_saturation_sd"] * take("half_saturation"))
    lag = np.arange(periods)[:, None] - np.arange(periods)[None]

    def kernel(d):  # [T, T], geometric weights of the past
        return xp.where(lag >= 0, (1 - d) * d ** np.maximum(lag, 0), 0.0)

    attention = xp.stack(
        [
            xp.stack([xp.tanh(HALF_LOGISTIC * (kernel(decay[s]) @ data.spend[g, :, s]) / half[s]) for g in range(geos)])
            for s in range(streams)
        ],
        axis=2,
    )
    mean = xp.einsum("g,gts->s", data.geo_weight, attention[:, : data.fitted]) / data.fitted
    spread = xp.exp(p["geo"] + p["geo_sd"] * take("geo_spread")[0])
    geo = xp.exp(spread * take("geo").reshape(geos, streams)) if geos > 1 else xp.ones((1, streams))
    sales = xp.einsum("gts,gs->gt", attention / mean, xp.exp(log_short) * geo)
    sigma = xp.exp(p["noise"] + p["noise_sd"] * take("noise")[0])
    step = xp.exp(p["level"] + p["level_sd"] * take("level_step")[0])
    earlier = np.minimum(np.arange(periods)[:, None], np.arange(periods)[None]) + 1.0
    loads, sds = [xp.asarray(0.0)], [sigma]
    if series > 1:
        b_decay = 2.0 ** (-xp.exp(-p["brand_half_life"] - p["brand_half_life_sd"] * take("brand_half_life")[0]))
        b_step = xp.exp(p["brand_step"] + p["brand_step_sd"] * take("brand_step")[0])
        own = p["lift_middle"] + p["lift_sd"] * take("lift")
        lift = xp.exp(data.log_share) * p["lift_scale"] * xp.maximum(own, 0.0)
        loads = [xp.maximum(p["to_sales_middle"] + p["to_sales_sd"] * take("to_sales")[0], 0.0), xp.asarray(1.0)]
        loads += [1.0 + p["loading_sd"] * take("loading")[k] for k in range(series - 2)]
        sds += [
            xp.exp(data.brand_noise_mean[k] + p["brand_noise_sd"] * take("brand_noise")[k]) for k in range(series - 1)
        ]
        stock = xp.stack([kernel(b_decay) @ (data.feed[g] @ lift) for g in range(geos)])
        start = START_VAR + b_step**2 / (1 - b_decay**2)
        gap = np.abs(lag)
        both = np.minimum(np.arange(periods)[:, None], np.arange(periods)[None])
        brand_cov = b_decay**gap * (
            b_decay ** (2 * both) * start + b_step**2 * (1 - b_decay ** (2 * both)) / (1 - b_decay**2)
        )
    blocks, left, designs = [], [], []
    for g in range(geos):
        rows = [[None] * series for _ in range(series)]
        for i in range(series):
            for j in range(series):
                block = xp.zeros((periods, periods))
                if i == j == 0:
                    block = block + step**2 * earlier
                if series > 1:
                    block = block + loads[i] * loads[j] * brand_cov
                if i == j:
                    block = block + xp.diag(sds[i] ** 2 * (data.widen[g] if i == 0 else np.ones(periods)))
                rows[i][j] = block
        seen = np.concatenate([data.seen[g, :, j] for j in range(series)]).astype(bool)
        cov = xp.concatenate([xp.concatenate(r, axis=1) for r in rows], axis=0)[seen][:, seen]
        means = [sales[g] if j == 0 else xp.zeros(periods) for j in range(series)]
        if series > 1:
            means = [m + loads[j] * stock[g] for j, m in enumerate(means)]
        observed = np.concatenate([data.columns[g, :, j, 0] for j in range(series)])[seen]
        design = np.zeros((periods * series, data.coefficients))
        for q in range(data.columns.shape[3] - 1):
            design[:, data.coefficient[g, q]] += np.concatenate([data.columns[g, :, j, 1 + q] for j in range(series)])
        blocks.append(cov)
        left.append(observed - xp.concatenate(means)[seen])
        designs.append(design[seen])
    size = [len(b) for b in blocks]
    total = xp.zeros((sum(size), sum(size)))
    offset = 0
    rows = []
    for b in blocks:
        rows.append(
            xp.concatenate([xp.zeros((len(b), offset)), b, xp.zeros((len(b), sum(size) - offset - len(b)))], axis=1)
        )
        offset += len(b)
    design = np.concatenate(designs)
    total = xp.concatenate(rows, axis=0) + design @ design.T
    r = xp.concatenate(left)
    root = linalg.cholesky(total)
    white = linalg.solve(root, r)
    return -0.5 * white @ white - xp.sum(xp.log(xp.diag(root))) - 0.5 * z @ np.linalg.inv(layout.correlation) @ z


@pytest.mark.parametrize("shape", [(1, 30, 3, 0), (1, 30, 4, 2), (2, 24, 2, 1)])
def test_filter_and_elimination_equal_the_dense_normal_law(shape):
    rng = np.random.default_rng(3)
    scaled = scale(drawn_history(rng, *shape), Form(saturation="logistic"))
    points = 0.5 * rng.standard_normal((4, scaled.layout.dims))
    ours = np.array([value_and_gradient(z, scaled.data)[0] for z in points])
    dense = np.array([dense_log_density(z, scaled) for z in points])
    assert np.diff(ours) == pytest.approx(np.diff(dense), rel=1e-9, abs=1e-7)


def test_jax_gives_the_same_gradient_and_numpyro_the_same_posterior():
    jax = pytest.importorskip("jax")
    numpyro = pytest.importorskip("numpyro")
    from tidegauge.response.fit import sample, warm_start

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax.config.update("jax_enable_x64", True)
        rng = np.random.default_rng(5)
        scaled = scale(drawn_history(rng, 1, 20, 2, 1), Form(saturation="logistic", festivals=False))
        dims = scaled.layout.dims

        def density(z):
            return dense_log_density(z, scaled, jax.numpy, jax.numpy.linalg)

        slope = jax.jit(jax.grad(density))
        for z in 0.5 * rng.standard_normal((3, dims)):
            assert value_and_gradient(z, scaled.data)[1] == pytest.approx(np.asarray(slope(z)), rel=1e-6, abs=1e-6)

        kernel = numpyro.infer.NUTS(potential_fn=lambda z: -density(z))
        run = numpyro.infer.MCMC(kernel, num_warmup=200, num_samples=600, progress_bar=False)
        run.run(jax.random.PRNGKey(0), init_params=jax.numpy.zeros(dims))
        theirs = np.asarray(run.get_samples())
    ours, _ = sample(scaled, warm_start(scaled, np.zeros(dims)), 800, 400, 2, 2, 1, None)
    ours = ours.reshape(-1, dims)
    # Means agree within five standard errors (an effective draw in four), middle ranges within a quarter (rare trips to
    # a noise near zero, which twenty periods cannot exclude, rule the deviations of a short run).
    error = np.sqrt(theirs.var(axis=0) / (len(theirs) / 4) + ours.var(axis=0) / (len(ours) / 4))
    assert (np.abs(theirs.mean(axis=0) - ours.mean(axis=0)) < 5 * error).all()
    ranges = [np.subtract(*np.quantile(z, [0.8, 0.2], axis=0)) for z in (ours, theirs)]
    assert ranges[0] == pytest.approx(ranges[1], rel=0.25)


def test_the_numbered_places_are_the_named_ones():
    import tidegauge.response.density as d

    words = {
        "half_life": "HL",
        "half_saturation": "HS",
        "brand_half_life": "B_HL",
        "brand_step": "B_STEP",
        "brand_noise": "B_NOISE",
        "level_step": "LEVEL",
    }
    for i, name in enumerate(ORDER):
        assert getattr(d, "_" + words.get(name, name.upper())) == i
    first = ["short", "geo", "half_life", "half_saturation", "slope", "delay", "noise", "level", "brand_half_life"]
    first += ["brand_step", "brand_noise_sd", "to_sales_middle", "loading_sd", "lift_middle", "lift_scale", "drift"]
    short = {"brand_noise_sd": "B_NOISE", "to_sales_middle": "TO_SALES", "loading_sd": "LOADING", "lift_middle": "LIFT"}
    for name in first:
        word = short.get(name, words.get(name, name.upper()))
        assert getattr(d, f"_P_{word}") == PRIOR_ORDER.index(name), name


def test_streams_that_are_alike_are_correlated_a_priori_and_none_is_wider_than_another():
    names = ("douyin/mid/KOL", "douyin/mid/KOC", "douyin/nano/KOC", "zhihu/mid/KOE")
    cov = covariances(names, PRIORS)
    short, lift = cov["short"], cov["lift"]
    assert short[0, 1] > short[0, 2] > short[0, 3] > 0
    assert lift[1, 2] > lift[0, 2]
    for c in cov.values():
        assert np.ptp(np.diag(c)) < 1e-12
        assert np.linalg.eigvalsh(c).min() > 0
    drawn = make_layout(names, 1, 1, 0, Form()).prior_draws(np.random.default_rng(0), 40_000)
    assert drawn.std(axis=0) == pytest.approx(np.ones(drawn.shape[1]), abs=0.02)
    assert np.corrcoef(drawn[:, :2].T)[0, 1] == pytest.approx(short[0, 1] / short[0, 0], abs=0.02)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 5), st.integers(0, 2))
@settings(max_examples=25)
def test_any_history_has_a_finite_density_and_gradient_at_prior_draws(seed, geos, streams, series):
    rng = np.random.default_rng(seed)
    history = drawn_history(rng, geos, 20, streams, series)
    history.outcome[:, :4] *= rng.choice([0.0, 1.0, 1e6])
    scaled = scale(history, Form(saturation=str(rng.choice(["hill", "logistic"]))))
    value, grad = value_and_gradient(rng.standard_normal(scaled.layout.dims), scaled.data)
    assert np.isfinite(value)
    assert np.isfinite(grad).all()


def test_a_known_roi_and_a_lift_test_pull_the_contribution():
    rng = np.random.default_rng(8)
    history = drawn_history(rng, 1, 60, 2, 0, gaps=False)
    plain, known = scale(history, Form()), scale(history, Form(), known={history.streams[0]: (40.0, 50.0)})
    z = np.zeros(plain.layout.dims)
    pull = value_and_gradient(z, known.data)[1] - value_and_gradient(z, plain.data)[1]
    assert pull[plain.layout.at["short"]] > 0
    assert (pull[2:] == 0).all()


def test_where_the_numbers_give_out_the_sampler_is_turned_back():
    scaled = scale(drawn_history(np.random.default_rng(1), 1, 24, 2, 3, gaps=False), Form(saturation="hill"))
    for far in (-60.0, 60.0):
        grad = np.empty(scaled.layout.dims)
        assert density_at(np.full(scaled.layout.dims, far), scaled, grad) < -1e3


def test_brand_series_seen_together_are_collapsed_without_loss():
    rng = np.random.default_rng(7)
    for geos in (1, 2):
        whole = drawn_history(rng, geos, 24, 2, 3, gaps=False)
        whole.outcome[:, 3:5] = np.nan
        for values in whole.brand_series.values():
            values[:, 10:12] = np.nan
        scaled = scale(whole, Form())
        assert scaled.data.few.rows.shape[3] < scaled.data.columns.shape[3]
        apart = scaled.data._replace(few=scaled.data.few._replace(rows=np.zeros((geos, 24, 2, 0))))
        for z in 0.5 * rng.standard_normal((3, scaled.layout.dims)):
            (value, grad), (plain, slope) = value_and_gradient(z, scaled.data), value_and_gradient(z, apart)
            assert value == pytest.approx(plain, rel=1e-10)
            assert grad == pytest.approx(slope, rel=1e-8, abs=1e-8)
