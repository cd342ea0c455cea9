"""Locks in the child of a fork: the threads that held them are gone, and would never let go."""

from __future__ import annotations

import os
import weakref
from typing import Any

__all__ = ["is_ours", "watch"]

_watched: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def watch(owner: Any) -> None:
    """Let `owner.after_fork()` be called in the children of this process.

    Locks that threads held are held there for ever. What such a thread was at stays half done: its
    `fit` is over in the child, which may find the weights in the middle of a step.
    """
    _watched[id(owner)] = owner


def is_ours(lock: Any) -> bool:
    """Whether a lock is free, or held by this thread."""
    taken: bool = lock.acquire(blocking=False)
    if taken:
        lock.release()
    return taken


def _renew() -> None:
    for owner in list(_watched.values()):
        owner.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
