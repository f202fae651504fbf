"""A small workspace for planning tests: creators on four platforms with posts, rate cards and a few traps."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

NOW = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
FORMATS = {
    "bilibili": ("mid_video", "short_video"),
    "douyin": ("short_video", "live"),
    "kuaishou": ("short_video", "live"),
    "xiaohongshu": ("image_text", "short_video"),
}
HIDDEN = ("douyin", "xiaohongshu")  # these platforms show likes but no views


def workspace(seed: int = 3, n: int = 120, *, offered: float = 0.8) -> dict[str, pl.DataFrame]:
    """Frames of `n` creators; views follow followers^0.9 times a quality; prices follow views with noise."""
    rng = np.random.default_rng(seed)
    platform = rng.choice(sorted(FORMATS), n)
    ids = [f"{p}:{i}" for i, p in enumerate(platform)]
    followers = (8_000 * (1 + rng.pareto(1.1, n))).clip(0, 8e6).astype(np.int64)
    quality = np.exp(rng.normal(0, 0.6, n))
    usual = 0.4 * followers**0.9 * quality
    creators = pl.DataFrame(
        {
            "creator_id": ids,
            "platform": platform,
            "native_id": [str(i) for i in range(n)],
            "name": [f"达人{i}" for i in range(n)],
            "category": rng.choice(["护肤", "美食", "科技"], n),
            "mcn": [f"机构{i % 5}" if i % 2 else None for i in range(n)],
            "person_id": [f"person{i // 2}" if i % 10 < 2 else None for i in range(n)],
            "first_seen_at": [NOW - dt.timedelta(days=200)] * n,
        }
    )
    snapshots = pl.DataFrame(
        {"creator_id": ids, "observed_at": [NOW - dt.timedelta(days=1)] * n, "followers": followers}
    )
    owner = np.repeat(np.arange(n), rng.integers(0, 9, n))
    formats = [FORMATS[platform[c]][int(rng.random() < 0.3)] for c in owner]
    views = (usual[owner] * np.exp(rng.normal(0, 0.8, len(owner)))).astype(np.int64)
    posts = pl.DataFrame(
        {
            "post_id": [f"{platform[c]}:post{i}" for i, c in enumerate(owner)],
            "creator_id": [ids[c] for c in owner],
            "platform": platform[owner],
            "published_at": [NOW - dt.timedelta(days=float(d)) for d in rng.uniform(2, 100, len(owner))],
            "format": formats,
            "brand": ["海屿" if i % 40 == 0 else None for i in range(len(owner))],
        }
    )
    shown = ~np.isin(platform[owner], HIDDEN)
    counts = pl.DataFrame(
        {"post_id": posts["post_id"], "observed_at": [NOW] * len(owner), "likes": (views * 0.04).astype(np.int64)}
    ).with_columns(pl.when(pl.Series(shown)).then(pl.Series(views)).alias("views"))
    sells = np.flatnonzero(rng.random(n) < offered)
    offers = pl.concat(
        pl.DataFrame(
            {
                "creator_id": [ids[c] for c in sells],
                "format": [FORMATS[platform[c]][k] for c in sells],
                "role": ["KOL"] * len(sells),
                "terms": [""] * len(sells),
                "price": np.maximum(200, usual[sells] * 0.5 * (1 + k) * np.exp(rng.normal(0, 0.4, len(sells)))).round(),
                "currency": ["CNY"] * len(sells),
                "valid_from": [dt.date(2026, 6, 1)] * len(sells),
                "expected_views": (usual[sells] * (1 + k)).astype(np.int64),
            }
        )
        for k in (0, 1)
    )
    return {
        "creators": creators,
        "creator_snapshots": snapshots,
        "posts": posts,
        "post_snapshots": counts,
        "offers": offers,
    }
