"""Whether operations are remembered for the way back, in this thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from hotloop.autodiff.rule import mode as thread


class _Switch:
    """A context manager and decorator that sets whether operations are remembered."""

    wanted = False

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        """Set it."""
        self._before.append(thread.enabled)
        thread.enabled = self.wanted

    def __exit__(self, *_: object) -> None:
        """Set back what was."""
        thread.enabled = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that runs inside."""

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            before, thread.enabled = thread.enabled, self.wanted
            try:
                return function(*args, **kwargs)
            finally:
                thread.enabled = before

        return called


def _without_brackets(cls: Any) -> Any:
    """Let ``@no_grad`` stand for ``@no_grad()``."""

    def new(kind: Any, function: Any = None) -> Any:
        made = object.__new__(kind)
        if not callable(function):
            return made
        made.__init__()
        return made(function)

    cls.__new__ = new
    return cls


@_without_brackets
class no_grad(_Switch):
    """Remember nothing inside: ``with torch.no_grad():``, or ``@torch.no_grad()``."""


@_without_brackets
class enable_grad(_Switch):
    """Remember inside, also within a `no_grad`."""

    wanted = True


class inference_mode(_Switch):
    """The same as `no_grad`; ``inference_mode(False)`` changes nothing."""

    def __new__(cls, mode: Any = True) -> Any:
        """Serve as a decorator without brackets too."""
        made = object.__new__(cls)
        if callable(mode):
            made.__init__()  # type: ignore[misc]
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.wanted = not mode


class set_grad_enabled(_Switch):
    """Set it from here on; as a context manager, until the block ends."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.wanted = bool(mode)
        self._outer = thread.enabled
        thread.enabled = self.wanted

    def __enter__(self) -> None:
        """Remember what was; it is set already."""
        self._before.append(self._outer)


def is_grad_enabled() -> bool:
    """Whether operations are remembered."""
    return thread.enabled


def is_inference_mode_enabled() -> bool:
    """Whether nothing is remembered."""
    return not thread.enabled
