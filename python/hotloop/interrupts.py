"""Ctrl-C between steps: an interrupt waits for the step that runs, so that no step is half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class DeferredInterrupt:
    """While `inside` is true, the first Ctrl-C waits; a second one goes through at once.

    Outside the main thread, and where Ctrl-C has no Python handler, it changes nothing.
    """

    def __init__(self) -> None:
        self.inside = False
        self.pending: tuple[int, FrameType | None] | None = None
        self._previous: Any = None

    def take(self) -> None:
        """Take the signal over."""
        if threading.current_thread() is threading.main_thread():
            previous = signal.getsignal(signal.SIGINT)
            if callable(previous):
                self._previous = previous
                signal.signal(signal.SIGINT, self._handle)

    def give_back(self) -> None:
        """Give the signal back; one that still waits is delivered."""
        self.inside = False
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self.deliver()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.inside and self.pending is None:
            self.pending = (number, frame)
        else:
            self._previous(number, frame)

    def deliver(self) -> None:
        """Hand a waiting interrupt to whoever handled it before: by default KeyboardInterrupt."""
        if self.pending is not None:
            number, frame = self.pending
            self.pending = None
            self._previous(number, frame)
