"""What a file keeps when it is written again, and what becomes of a save or a load without memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import hotloop as hl
from hotloop import callbacks, layers
from hotloop._support import archive
from hotloop._support.atomic import atomic_open

X = np.ones((8, 3), np.float32)
RNG = np.random.default_rng(1)


def compiled() -> hl.Sequential:
    model = hl.Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    return model


def by_callback(make: Callable[[Path], callbacks.Callback]) -> Callable[[Path], object]:
    return lambda path: compiled().fit(X, X[:, :2], verbose=0, callbacks=[make(path)])


WRITERS: dict[str, Callable[[Path], object]] = {
    "save": lambda path: compiled().save(path),
    "save_weights": lambda path: compiled().save_weights(path),
    "checkpoint": by_callback(callbacks.ModelCheckpoint),
    "log": by_callback(callbacks.CSVLogger),
    "backup": by_callback(
        lambda path: callbacks.BackupAndRestore(path.parent, delete_checkpoint=False)
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o700])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_keeps_its_permissions(tmp_path: Path, writer: str, mode: int) -> None:
    path = tmp_path / "training.state"
    old = os.umask(0o022)
    try:
        WRITERS[writer](path)
        assert path.stat().st_mode & 0o777 == 0o644
        path.chmod(mode)
        WRITERS[writer](path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == mode
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_nobody_else_reads_it_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    with atomic_open(path) as file:
        (part,) = (p for p in tmp_path.iterdir() if p != path)
        assert part.stat().st_mode & 0o777 == 0o600
        file.write(b"x")


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
@pytest.mark.parametrize("writer", [name for name in WRITERS if name != "log"])
def test_links_in_a_circle_are_an_os_error(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "training.state"
    path.symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(path)
    with pytest.raises(OSError, match="its links lead in a circle") as caught:
        WRITERS[writer](path)
    assert str(path) in str(caught.value)
    for read in (hl.models.load_model, compiled().load_weights):
        with pytest.raises(OSError, match=r"training\.state"):
            read(path)


# --- safetensors, written by ourselves


def test_tensors_are_those_of_the_package() -> None:
    arrays: dict[str, Any] = {}
    kinds = ("f4", "f8", "i8", "u8", "i4", "u4", "f2", "i2", "u2", "i1", "u1", "?")
    for i, kind in enumerate(kinds):
        values = RNG.integers(0, 2, size=(4, 3)).astype(kind)
        arrays |= {f'{i}/é\n"{kind}': values, f"empty{i}": values[:0], f"none{i}": values[0, 0]}
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    assert archive.to_tensors(arrays) == safetensors.numpy.save(arrays)
    assert archive.to_tensors({}) == safetensors.numpy.save({})
    turned = {"t": np.arange(6.0).reshape(2, 3).T, "big": np.arange(3, dtype=">f4")}
    found = safetensors.numpy.load(archive.to_tensors(turned))
    for name, array in turned.items():
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(ValueError, match="array 'x' of object has no place"):
        archive.to_tensors({"x": np.array([None])})


_SHORT = """
import resource, sys
from pathlib import Path
import numpy as np
import hotloop as hl
from safetensors.numpy import load
folder = Path(sys.argv[1])
model = hl.Sequential([hl.layers.Dense(4096, input_shape=(2048,))])
model.compile("sgd", "mse")
model.save(folder / "m"); model.save_weights(folder / "w"); hl.models.load_model(folder / "m")
model.load_weights(folder / "w")
whole = (folder / "m").read_bytes()
told = []
for spare in (8, 60, 120, 300):
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    for name, call in (
        ("save", lambda: model.save(folder / "m")),
        ("weights", lambda: model.save_weights(folder / "w")),
        ("load", lambda: hl.models.load_model(folder / "m")),
        ("load_weights", lambda: model.load_weights(folder / "w")),
    ):
        resource.setrlimit(resource.RLIMIT_AS, (used + spare * 2**20, hard))
        try:
            call()
            found = "done"
        except MemoryError:
            found = "MemoryError"
        except ValueError as error:
            found = "ValueError" if "more memory than there is" in str(error) else repr(error)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        told.append((name, found))
assert (folder / "m").read_bytes() == whole
print(sorted(set(told)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are Linux's")
def test_without_memory_a_save_or_load_is_an_error_and_the_process_lives(tmp_path: Path) -> None:
    call = [sys.executable, "-c", _SHORT, str(tmp_path)]
    ended = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.strip() == str(
        [
            ("load", "ValueError"),
            ("load", "done"),
            ("load_weights", "ValueError"),
            ("load_weights", "done"),
            ("save", "MemoryError"),
            ("save", "done"),
            ("weights", "MemoryError"),
            ("weights", "done"),
        ]
    )
