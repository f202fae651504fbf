"""Long work beside the page: one process per lane, progress told through a queue, equal questions asked once.

The event loop and the threads that answer requests never compute for long; what they wait for is a `Job`.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tidegauge.errors import TidegaugeError

State = Literal["queued", "running", "done", "failed"]
#: `desk` is for what a person waits for (plans, uploads), `figures` for measurements.
Lane = Literal["desk", "figures"]
#: Finished jobs that are remembered.
_REMEMBERED = 200
_LOG = logging.getLogger("tidegauge.web")


@dataclass(frozen=True)
class Job:
    """One piece of long work as a page shows it. `share` is between 0 and 1, `stage` in the program's own words."""

    id: str
    kind: str
    key: str
    number: int
    state: State = "queued"
    share: float = 0.0
    stage: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] | None = None

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed")


class Jobs:
    """The jobs of one server. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._by_key: dict[str, str] = {}
        self._pools: dict[Lane, ProcessPoolExecutor] = {}
        self._numbers = itertools.count(1)
        self._told: Any = self._context.SimpleQueue()
        self._closed = False
        self._listener = threading.Thread(target=self._listen, name="tidegauge-progress", daemon=True)
        self._listener.start()

    def submit(
        self, kind: str, key: str, task: Callable[..., dict[str, Any]], *args: object, lane: Lane = "figures"
    ) -> Job:
        """Run `task(say, *args)` in the lane's process. The same key while its job is not over gives the same job."""
        with self._lock:
            known = self._jobs.get(self._by_key.get(key, ""))
            if known is not None and not known.over:
                return known
            job = Job(secrets.token_urlsafe(9), kind, key, next(self._numbers))
            self._jobs[job.id] = job
            self._by_key[key] = job.id
            self._forget_old()
            future = self._start(lane, job.id, task, args)
        future.add_done_callback(lambda done: self._finish(job.id, done))
        return job

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def of_key(self, key: str) -> Job | None:
        """The newest job of a question."""
        return self._jobs.get(self._by_key.get(key, ""))

    def recent(self) -> list[Job]:
        """Jobs that are not over, then the others, newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda j: (j.over, -j.number))

    def close(self) -> None:
        """Stop the processes; what they had not finished is left out, nothing is half-written."""
        with self._lock:
            self._closed = True
            pools = list(self._pools.values())
        for pool in pools:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
        self._told.put(None)
        self._listener.join(timeout=5)
        self._told.close()

    def _start(
        self, lane: Lane, job_id: str, task: Callable[..., dict[str, Any]], args: tuple[object, ...]
    ) -> Future[dict[str, Any]]:
        for attempt in (1, 2):
            pool = self._pools.get(lane)
            if pool is None:
                pool = ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=(self._told,))
                self._pools[lane] = pool
            try:
                return pool.submit(_run, job_id, task, args)
            except BrokenProcessPool:
                # Its process was killed (out of memory, by hand): the next job gets a new one.
                del self._pools[lane]
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _listen(self) -> None:
        while (told := self._told.get()) is not None:
            job_id, share, stage = told
            with self._lock:
                job = self._jobs.get(job_id)
                if job is not None and not job.over:
                    self._jobs[job_id] = replace(job, state="running", share=max(share, job.share), stage=stage)

    def _finish(self, job_id: str, done: Future[dict[str, Any]]) -> None:
        problem = None if done.cancelled() else done.exception()
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return
            if done.cancelled() or problem is not None:
                if problem is not None and not isinstance(problem, TidegaugeError) and not self._closed:
                    _LOG.error("job %s failed", job.kind, exc_info=problem)
                self._jobs[job_id] = replace(job, state="failed", error=_told_error(problem))
            else:
                self._jobs[job_id] = replace(job, state="done", share=1.0, result=done.result())

    def _forget_old(self) -> None:
        over = [j for j in self._jobs.values() if j.over]
        for job in sorted(over, key=lambda j: j.number)[:-_REMEMBERED]:
            del self._jobs[job.id]


def _told_error(problem: BaseException | None) -> dict[str, str]:
    if isinstance(problem, BrokenProcessPool):
        return {"type": "Stopped", "message": "the computing process was stopped", "mend": "", "where": ""}
    if problem is None:
        return {"type": "Cancelled", "message": "stopped", "mend": "", "where": ""}
    found = getattr(problem, "told", None)
    if isinstance(found, dict):
        return found
    return {"type": type(problem).__name__, "message": str(problem)[:500], "mend": "", "where": ""}


class Told(TidegaugeError):
    """A TidegaugeError on its way between processes (exceptions with keyword arguments do not travel by themselves)."""

    def __init__(self, told: dict[str, str]) -> None:
        super().__init__(told.get("message", ""))
        self.told = told

    def __reduce__(self) -> tuple[Any, ...]:
        return (Told, (self.told,))


_QUEUE: Any = None


def _begin(queue: Any) -> None:
    global _QUEUE  # noqa: PLW0603  (a process of the pool has one queue for its life)
    _QUEUE = queue


def _run(job_id: str, task: Callable[..., dict[str, Any]], args: tuple[object, ...]) -> dict[str, Any]:
    def say(share: float, stage: str) -> None:
        _QUEUE.put((job_id, float(share), stage))

    say(0.0, "")
    try:
        return task(say, *args)
    except TidegaugeError as e:
        clash = getattr(e, "clash", ())
        raise Told(e.as_dict()["error"] | ({"clash": "\n".join(clash)} if clash else {})) from None
