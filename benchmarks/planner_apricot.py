"""apricot-select on one instance, run by a Python of its own: it needs an older NumPy and numba than the planner.

    python planner_apricot.py INSTANCE.npz

The file holds `indptr`, `persons` (audiences by creator), `n_persons` and `picks`. Plain coverage with unit prices is
what apricot can state; the lazy optimiser is its fastest exact one. One JSON object is printed.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from apricot import MaxCoverageSelection
from scipy import sparse

held = np.load(sys.argv[1])
indptr, persons, picks = held["indptr"], held["persons"], int(held["picks"])
matrix = sparse.csr_matrix((np.ones(len(persons)), persons, indptr), (len(indptr) - 1, int(held["n_persons"])))
MaxCoverageSelection(2, threshold=1.0, optimizer="lazy").fit(matrix)  # compiles
began, processor = time.perf_counter(), time.process_time()
ranking = MaxCoverageSelection(picks, threshold=1.0, optimizer="lazy").fit(matrix).ranking
told = {
    "persons_covered": float((matrix[ranking].sum(axis=0) > 0).sum()),
    "seconds": time.perf_counter() - began,
    "processor_seconds": time.process_time() - processor,
}
print(json.dumps(told))
