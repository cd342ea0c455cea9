"""Jobs for hotloop and for NumPy, which share names and arguments and so share this code."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from hotloop._bench.ops import Call
from hotloop._bench.workloads import Workload
from peers.base import Array, OpJob, TrainingJob


def call_of(job: OpJob) -> Call:
    """Make a call on copies of the arrays of a job."""
    args = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in job.args.items()}
    return Call(job.op, args, dict(job.params), {}, job.in_place)


def workload_of(job: TrainingJob) -> Workload:
    """Give the network of a job its class back."""
    return Workload("", "", job.input_shape, job.layers, len(job.x), job.optimizer, dtype=job.dtype)


def bound_arguments(function: Any, call: Call) -> dict[str, Any]:
    """Name every argument of a call, defaults included."""
    bound = inspect.signature(function).bind(*call.args.values(), **call.params)
    bound.apply_defaults()
    return {name: value for name, value in bound.arguments.items() if name != "out"}


def changed(call: Call, result: Any) -> list[Array | None]:
    """List what a call gave and changed, as ``hotloop._bench.ops.Call.outputs`` does."""
    found = list(result) if isinstance(result, tuple) else [result]
    found += [call.args[name].copy() for name in call.in_place]
    return [np.asarray(value) for value in found if value is not None]
