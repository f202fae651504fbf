"""Do 90 % intervals hold the truth nine times in ten? Over artificial ecosystems whose truth is known.

    python benchmarks/coverage.py --worlds 200 --seed 1 [--json]

The worlds, what is asked of them and how it is judged are in worlds.py beside this file.
"""

from __future__ import annotations

if __name__ != "__main__":  # scripts of this folder import numba, which looks for the package `coverage`
    raise ImportError("benchmarks/coverage.py is a script, not the package coverage")

import argparse
import json
import platform
import sys

import numpy as np

from worlds import coverage


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--worlds", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()

    def progress(done: int) -> None:
        print(f"world {done} of {asked.worlds}", file=sys.stderr, end="\r")

    rows = coverage(asked.worlds, asked.seed, progress)
    if asked.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "numpy": np.__version__}
        print(json.dumps({"rows": rows, "machine": machine}))
        return
    print(f"{'quantity':28}{'coverage':>10}{'± s.e.':>9}{'claims':>9}")
    for r in rows:
        mark = "" if r["inside_85_95"] else "   outside 85–95 %"
        print(f"{r['quantity']:28}{r['coverage']:10.3f}{r['standard_error']:9.3f}{r['claims']:9}{mark}")


if __name__ == "__main__":
    main()
