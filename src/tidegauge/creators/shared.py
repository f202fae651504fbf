"""One read and one fit per question: within `shared_reads()`, equal calls of `@shared` functions are computed once.

The parts of a creator's page ask for the same posts, growth curves and forecasts. Outside of the context nothing is
kept, so that a workspace that changes is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_KEPT: ContextVar[dict[Hashable, Any] | None] = ContextVar("creators_shared_reads", default=None)


@contextmanager
def shared_reads() -> Iterator[None]:
    """Keep results of `@shared` functions until the outermost such context ends."""
    if _KEPT.get() is not None:
        yield
        return
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def shared(function: Callable[P, R]) -> Callable[P, R]:
    """The first argument is the workspace's tables (told apart by identity), the others are hashable or frames."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        kept = _KEPT.get()
        if kept is None:
            return function(*args, **kwargs)
        key = (
            function.__qualname__,
            id(args[0]),
            *map(_mark, args[1:]),
            *((k, _mark(v)) for k, v in sorted(kwargs.items())),
        )
        if key not in kept:
            # The arguments are kept beside the result: an id means nothing once its object is gone.
            kept[key] = (function(*args, **kwargs), args, kwargs)
        result: R = kept[key][0]
        return result

    return call


def _mark(value: Any) -> Hashable:
    return value if value is None or isinstance(value, Hashable) else id(value)
