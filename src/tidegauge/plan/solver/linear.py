"""HiGHS without a word on standard output, which belongs to `--json`."""

from __future__ import annotations

from typing import Any

import highspy
import highspy._core as core


def quiet_solver(time_limit_s: float = highspy.kHighsInf, **options: float | str | bool) -> Any:
    """A HiGHS solver on one thread that prints nothing.

    `highspy.Highs` prints a banner while it installs its callbacks, before any option can silence it; its base class
    has all that is needed here and does not. Restarts of the search are off: the presolve of a restart can run for
    ever, past any time limit (HiGHS 1.16, `strengthenInequalities`), and programs solved again and again gain nothing
    from them.
    """
    solver = core._Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_allow_restart", False)
    solver.setOptionValue("time_limit", time_limit_s)
    for option, value in options.items():
        solver.setOptionValue(option, value)
    return solver
