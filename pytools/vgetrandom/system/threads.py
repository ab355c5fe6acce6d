"""Waiting for threads so that Ctrl-C and SIGTERM are heard."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

_LOOK = 0.5  # seconds


def wait_for(futures: Iterable[Future[Any]]) -> None:
    """Raises what the first of them raises, as soon as it does.

    Python runs a signal's handler between two instructions of the main thread. A signal that comes when that thread is
    about to sleep on a lock does not wake it. So it looks now and then.
    """
    pending = set(futures)
    while pending:
        done, pending = wait(pending, _LOOK, FIRST_COMPLETED)
        for future in done:
            future.result()
