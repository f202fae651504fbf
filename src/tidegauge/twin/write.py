"""`write_twin`: an artificial ecosystem on disk, as collectors and agencies would leave it, its truth beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tidegauge.errors import UsageError
from tidegauge.twin.crawler_files import crawler_files
from tidegauge.twin.ecosystem import Ecosystem, grow
from tidegauge.twin.sheets import sheet_files
from tidegauge.twin.truth import meta, truth
from tidegauge.twin.world import World

README = """验潮仿真生态 | Tidegauge twin
================================

本目录中的一切都是人工生成的：账号、昵称、作品、评论、话题、报价、品牌与销售均为虚构，与任何真人、机构或品牌无关。
请勿当作真实数据引用。
Everything in this directory is artificial: accounts, nicknames, posts, comments, topics, prices, brands and sales are
invented and stand for no real person, company or brand. Do not cite it as real data.

data/        MediaCrawler 的采集文件 | files as MediaCrawler writes them
hotlists/    热榜 | hot lists
ratecards/   报价单 | rate cards
market/      市场数字 | market figures
campaign/    花费、结果、投放 | spend, outcomes, placements
audience/    受众画像 | audience profiles
register/    机构自有登记表 | the agency's own register of creators and posts
truth/       生成数据的真值，用于检验估计；不要导入 | what generated the files, for testing estimates; do not ingest it

种子 seed {seed} · 达人 creators {creators} · 天数 days {days}
"""


@dataclass(frozen=True)
class TwinSummary:
    """What was written: the directory, how many files and bytes, rows per kind of file, and the seed."""

    out: Path
    creators: int
    days: int
    seed: int
    files: int
    bytes: int
    rows: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "out": str(self.out),
            "creators": self.creators,
            "days": self.days,
            "seed": self.seed,
            "files": self.files,
            "bytes": self.bytes,
            "rows": dict(self.rows),
        }


def write_twin(
    out: Path,
    *,
    creators: int = 2000,
    days: int = 90,
    seed: int = 1,
    world: World | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> TwinSummary:
    """Write an artificial ecosystem and its truth into a new or empty directory.

    Args:
        out: the directory; it is made. Files of others are never overwritten.
        creators: accounts over six platforms.
        days: length of the window.
        seed: the same arguments and seed give the same bytes.
        world: what to vary; see `World`.
        progress: called with (share of the work done, what is done now).

    Raises:
        UsageError: the directory holds something, or a number is below one.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and is not empty", mend="name a new directory", where=str(out))
    tell = progress or (lambda done, what: None)
    eco = grow(creators, days, seed, world=world, progress=lambda done, what: tell(0.4 * done, what))
    out.mkdir(parents=True, exist_ok=True)
    (out / "README.txt").write_text(README.format(seed=seed, creators=creators, days=days), encoding="utf-8")
    rows: Counter[str] = Counter()
    sizes = [(out / "README.txt").stat().st_size]
    for kind, path, count in crawler_files(eco, out):
        rows[kind] += count
        sizes.append(path.stat().st_size)
        tell(0.4 + 0.35 * min(1.0, rows["contents"] / max(1, eco.observed.post.size)), f"data: {path.name}")
    for kind, path, count in sheet_files(eco, out):
        rows[kind] += count
        sizes.append(path.stat().st_size)
        tell(0.8, path.name)
    sizes += _write_truth(eco, out / "truth")
    tell(1.0, "truth")
    return TwinSummary(out, creators, days, seed, len(sizes), sum(sizes), dict(sorted(rows.items())))


def _write_truth(eco: Ecosystem, folder: Path) -> list[int]:
    """Parquet files and meta.json; returns their sizes. Floats keep nine digits: last bits differ by processor."""
    from tidegauge.sources.reading import SKIP_MARK  # here, since the readers' room is slow to import

    folder.mkdir(parents=True, exist_ok=True)
    (folder / SKIP_MARK).write_text("")  # whoever ingests the whole directory must not read the answers
    sizes = []
    for name, frame in truth(eco).items():
        path = folder / f"{name}.parquet"
        floats = [c for c, t in frame.schema.items() if t == pl.Float64]
        lists = [c for c, t in frame.schema.items() if t == pl.List(pl.Float64)]
        frame.with_columns(
            *(pl.col(c).round_sig_figs(9) for c in floats),
            *(pl.col(c).list.eval(pl.element().round_sig_figs(9)) for c in lists),
        ).write_parquet(path, compression="zstd", statistics=False)
        sizes.append(path.stat().st_size)
    path = folder / "meta.json"
    path.write_text(json.dumps(meta(eco), ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
    return [*sizes, path.stat().st_size]
