"""Steps of an optimizer inside of a function that `hotloop.compile` records."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.optimizers.arrays import checked, is_direct

Array = NDArray[Any]


def record(
    optimizer: Any, recorder: Any, params: Mapping[str, Array], grads: Mapping[str, Any]
) -> None:
    """Append one step to a recording: the core's calls, or the update in Python.

    Raises
    ------
    TypeError
        For a parameter that the core does not change in place.
    """
    arrays = {key: recorder.live(grad) for key, grad in grads.items()}
    for key, param in params.items():
        checked(key, params, arrays)
        if not is_direct(param):
            msg = (
                f"compile: {type(optimizer).__name__} cannot update {key!r} in a recorded step: it "
                f"must be C-contiguous float32 or float64, got {param.dtype}"
            )
            raise TypeError(msg)
    optimizer._own_arrays(params)
    slots = {key: optimizer._slots_for(key, param) for key, param in params.items()}
    for name in ("_flat", "_named", "clipping"):
        recorder.guard(optimizer, name)
    recorder.uses(optimizer)
    ahead = sum(owner is optimizer for owner in recorder.counted)
    recorder.counted.append(optimizer)
    scalars = [optimizer.lr_array, optimizer.step_array]
    recorder.do(partial(optimizer.begin_step, ahead), [], scalars)
    given = {key: recorder.cast(arrays[key], params[key].dtype) for key in params}
    if optimizer.clipping and not optimizer.gradient_accumulation_steps:
        copies = {key: np.array(grad) for key, grad in given.items()}
        before = given

        def clip() -> None:
            for key, grad in before.items():
                copies[key][...] = grad
            optimizer.clipping.apply(copies, copies)

        recorder.do(clip, list(before.values()))
        given = copies
    given = {key: recorder.contiguous(grad) for key, grad in given.items()}
    changed = [a for key, param in params.items() for a in (param, *slots[key].values())]
    run = optimizer.record if optimizer.recordable else optimizer.run

    def update(_: Any, *read: Array) -> tuple[()]:
        pairs = zip(params.items(), read, strict=True)
        run([(key, param, grad, slots[key]) for (key, param), grad in pairs])
        return ()

    how = "core" if optimizer.recordable else "python"
    recorder.step(
        update, None, list(given.values()), how, recorder.changes(*changed), ends=how == "core"
    )
    for weight in getattr(params, "weights", {}).values():
        if weight.constraint is not None:
            recorder.do(weight.constrain, [weight.value], [weight.value])


__all__ = ["record"]
