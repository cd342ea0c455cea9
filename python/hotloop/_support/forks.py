"""Locks in the child of a fork: the threads that held them are gone, and would never let go."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

__all__ = ["watch"]

# By identity: a model of a user's own may not be hashable.
_watched: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def watch(model: Any) -> None:
    """Give a model new locks in the children of this process, where threads held them that are gone.

    What such a thread was at stays half done: its `fit` is over in the child, which may find the
    weights in the middle of a step.
    """
    _watched[id(model)] = model


def _renew() -> None:
    for model in list(_watched.values()):
        for name in ("_fit_lock", "_step_lock"):
            lock = getattr(model, name)
            # Free, or held by the thread that forked, which is the one that is left.
            if lock.acquire(blocking=False):
                lock.release()
                continue
            setattr(model, name, threading.RLock())
            if name == "_fit_lock":
                model._run = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
