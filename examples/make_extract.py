"""Make the compact extract of the creator panel that ships with the examples: figures only, every seventh day."""

import sys

import polars as pl

source, target = sys.argv[1:]
panel = pl.read_parquet(source)
days = panel.get_column("date").unique().sort().gather_every(7)
names = panel.select(pl.col("creator").unique().sort()).with_row_index("k", 1)
(
    panel.filter(pl.col("date").is_in(days.implode()))
    .join(names, on="creator")
    .select(
        pl.format("c{}", pl.col("k").cast(pl.String).str.zfill(4)).alias("creator"),
        "date",
        "youtube_subscribers",
        "twitch_followers",
        "total_views",
        "observed_at",
    )
    .sort("date", "creator")
    .write_parquet(target, compression="zstd", compression_level=15)
)
