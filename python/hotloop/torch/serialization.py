"""`save` and `load`: tensors and plain containers in PyTorch's own files."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hotloop._support.archive import ERRORS, reason
from hotloop._support.atomic import atomic_open
from hotloop._support.quoting import shortened
from hotloop.torch import _reading, _writing
from hotloop.torch.core import Tensor, wrap
from hotloop.torch.tensor import Parameter


def save(obj: Any, f: Any, **kwargs: Any) -> None:
    """Write tensors in plain containers into a file that PyTorch loads.

    Parameters
    ----------
    obj : object
        Tensors, numbers, texts, and dicts, lists and tuples of them: a ``state_dict()``, say.
        Tensors that share memory share it in the file.
    f : path or binary file
        A path is written whole or not at all.
    **kwargs
        PyTorch's other arguments; none is needed.

    Raises
    ------
    TypeError
        For anything else, a whole module among it: no code is written.

    Examples
    --------
    >>> from hotloop import torch
    >>> torch.save({"w": torch.arange(3), "epoch": 4}, "run.pt")
    >>> torch.load("run.pt")
    {'w': tensor([0, 1, 2]), 'epoch': 4}
    """
    del kwargs
    whole = io.BytesIO()
    _writing.write(whole, obj, _stored)
    if hasattr(f, "write"):
        f.write(whole.getvalue())
        return
    with atomic_open(f) as file:
        file.write(whole.getvalue())


def _stored(obj: Any) -> _reading.Stored | None:
    if not isinstance(obj, Tensor):
        return None
    return _reading.Stored(obj._array, obj._needs and obj._node is None, isinstance(obj, Parameter))


def load(f: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Read a file of PyTorch's (`torch.save`), or of `save`: the zip, or the stream of before 1.6.

    Nothing of the file is run, whatever ``weights_only`` says: it may hold tensors, numbers, texts
    and plain containers alone.

    Parameters
    ----------
    f : path or binary file
        The file.
    map_location : optional
        Taken, as are PyTorch's other arguments: tensors come to the processor.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no such file, or it holds more than tensors and plain containers.
    """
    del map_location, args, kwargs
    name = str(f) if isinstance(f, str | os.PathLike) else "load"
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_opened(f))
        try:
            return _reading.read(file, _made)
        except (*ERRORS, *_reading.ERRORS, OSError) as error:
            text = shortened(reason(error), 300)
            msg = f"{name} is not a file of tensors: {text}"
            raise ValueError(msg) from None


@contextlib.contextmanager
def _opened(f: Any) -> Iterator[IO[bytes]]:
    if hasattr(f, "read"):
        # From where it stands, as PyTorch reads several objects of one file.
        yield f if hasattr(f, "seek") and f.tell() == 0 else io.BytesIO(f.read())
        return
    with Path(f).open("rb") as file:
        yield file


def _made(stored: _reading.Stored) -> Any:
    tensor = wrap(stored.array)
    if stored.parameter:
        return Parameter(tensor, stored.requires_grad)
    if stored.requires_grad and stored.array.dtype.kind == "f":
        tensor._needs = True
    return tensor


__all__ = ["load", "save"]
