"""The parent's side: which contenders there are, and a handle on the process of each."""

from __future__ import annotations

import importlib.util
import os
import pickle
import select
import subprocess
import sys
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hotloop
from peers.base import UnsupportedError

_WORKER = Path(__file__).resolve().parent / "worker.py"


class WorkerError(Exception):
    """A worker process died, did not answer in time or raised; the text says which."""


@dataclass(frozen=True)
class Contender:
    """A library at a thread count, with the environment of its process."""

    name: str
    library: str
    threads: int
    environment: Mapping[str, str] = field(default_factory=dict)
    package: str = ""

    @property
    def available(self) -> bool:
        """Whether the library is installed."""
        return importlib.util.find_spec(self.package or self.library) is not None


def contenders(cores: int, libraries: Container[str] | None = None) -> list[Contender]:
    """List the installed contenders, hotloop first.

    Parameters
    ----------
    cores
        The larger thread count; every library that can be told also runs with one thread.
    libraries
        Keep only these; all if absent.
    """
    counts = (cores, 1) if cores > 1 else (1,)
    found = [
        Contender(f"{name} {count}t", name, count)
        for name in ("hotloop", "numpy", "torch")
        for count in counts
    ]
    # The same core on threads of its own, beside OpenMP's, which are the usual ones.
    if cores > 1 and hotloop.config.threading() == "openmp":
        pool = Contender(f"hotloop-pool {cores}t", "hotloop_pool", cores, package="hotloop")
        found.insert(len(counts), pool)
    # OpenBLAS takes AVX2 kernels on some AVX-512 machines; what it could do stands beside.
    skylake = {"OPENBLAS_CORETYPE": "SkylakeX"}
    if _has_avx512():
        found.append(Contender(f"numpy-skx {cores}t", "numpy", cores, skylake))
    found += [
        Contender(f"jax {cores}t", "jax", cores),
        Contender(f"keras {cores}t", "keras", cores),
        Contender(f"sklearn {cores}t", "sklearn", cores),
    ]
    wanted = [c for c in found if libraries is None or c.library in libraries]
    return [c for c in wanted if c.available]


def _has_avx512() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and "avx512f" in info.read_text(encoding="utf-8")


class Client:
    """A running worker process.

    Parameters
    ----------
    contender
        The library and thread count.
    timeout
        Seconds to wait for an answer before the worker is given up.
    """

    def __init__(self, contender: Contender, timeout: float = 120.0) -> None:
        self.contender = contender
        self._timeout = timeout
        count = str(contender.threads)
        names = ("HOTLOOP", "OMP", "OPENBLAS", "MKL")
        environment = {
            **os.environ,
            **{f"{name}_NUM_THREADS": count for name in names},
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_PLATFORMS": "cpu",
            **contender.environment,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), contender.library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            self.ask("load")
        except WorkerError:
            self.close()
            raise

    def ask(self, request: str, *arguments: Any) -> Any:
        """Send a request and wait for its answer.

        Raises
        ------
        UnsupportedError
            If the library has no form of the job.
        WorkerError
            If the worker raised, died or was too slow.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        name = self.contender.name
        try:
            pickle.dump((request, arguments), stdin, protocol=5)
            stdin.flush()
            if not select.select([stdout], [], [], self._timeout)[0]:
                self._process.kill()
                message = f"{name}: no answer to {request!r} in {self._timeout:.0f} s"
                raise WorkerError(message)
            status, value = pickle.load(stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            message = f"{name}: the worker died during {request!r}"
            raise WorkerError(message) from error
        if status == "unsupported":
            raise UnsupportedError(value)
        if status == "error":
            message = f"{name}: {value}"
            raise WorkerError(message)
        return value

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                self._process.kill()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
