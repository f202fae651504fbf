"""The forecast benchmark on panels as strangers bring them: odd dates, gaps, standing counters, nothing to score."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "forecast.py"
START, CUTOFF = dt.date(2026, 1, 5), dt.date(2026, 1, 26)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("forecast_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def panel(creators: int = 12, days: int = 30) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    total = np.cumsum(rng.poisson(np.exp(rng.normal(4, 1, (creators, 1)) + rng.normal(0, 1, (creators, days)))), axis=1)
    return pl.DataFrame(
        {
            "creator": np.repeat([f"c{i}" for i in range(creators)], days),
            "date": [START + dt.timedelta(days=d) for d in range(days)] * creators,
            "total_views": total.ravel() + 1000,
            "youtube_subscribers": np.repeat(np.arange(creators) * 4000, days),
        }
    )


def written(frame: pl.DataFrame, file: Path) -> Path:
    frame.write_csv(file) if file.suffix == ".csv" else frame.write_parquet(file)
    return file


def test_the_same_panel_in_other_dress_gives_the_same_scores(script, tmp_path):
    plain = panel()
    odd = plain.sample(fraction=1.0, shuffle=True, seed=2).with_columns(
        pl.col("date").dt.strftime("%Y/%m/%d 23:10:00"), pl.col("total_views").cast(pl.String)
    )
    strays = odd.head(4).with_columns(date=pl.Series(["2999/01/01", "1970/01/01", "soon", None]))
    lost = odd.head(1).with_columns(creator=pl.lit(None, pl.String))
    files = [written(plain, tmp_path / "a.parquet"), written(pl.concat([odd, strays, lost]), tmp_path / "b.csv")]
    found = [script.run(script.read_panel(f), CUTOFF, None) for f in files]
    assert found[0]["rows"] == found[1]["rows"]
    assert found[0]["weeks"] == 1
    json.dumps(found[0], allow_nan=False)


def test_a_panel_that_stands_still_has_no_gain_and_one_without_a_week_says_so(script, tmp_path):
    still = panel().with_columns(total_views=pl.lit(500))
    result = script.run(script.read_panel(written(still, tmp_path / "a.csv")), CUTOFF, None)
    assert result["gain_over_best_point"] is None
    assert "–" in script.table(result)
    away = panel().filter((pl.col("date") < CUTOFF - dt.timedelta(days=8)) | (pl.col("date") > dt.date(2026, 2, 2)))
    with pytest.raises(SystemExit, match="both ends"):
        script.run(script.read_panel(written(away, tmp_path / "b.parquet")), CUTOFF, None)
