"""Steps of recurrent cells over rules, for what no fused kernel computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop.autodiff import shapes
from hotloop.autodiff.rule import RULES, TensorBase
from hotloop.layers.cache import Array
from hotloop.registry import own


def activated(act: Any, x: Any) -> Any:
    """Return an activation of a tensor or an array."""
    if act.is_linear:
        return x
    if not isinstance(x, TensorBase):
        return act.forward(np.asarray(x))
    rule = RULES.get(act.name) if act.fused else None
    return rule(x) if rule is not None else own("layer")["Activation"](act)(x)


def listed(x: Any) -> list[Any]:
    """Return one or several as a list."""
    return list(x) if isinstance(x, list | tuple) else [x]


def over_steps(
    step: Any,
    x: Any,
    states: list[Any],
    mask: Array | None,
    *,
    go_backwards: bool,
    return_sequences: bool,
    zero_output_for_mask: bool,
) -> list[Any]:
    """Return the output or outputs, and the last states, of ``step(x[:, t], states)``."""
    count = x.shape[1]
    order = range(count - 1, -1, -1) if go_backwards else range(count)
    outputs, before = [], None
    for t in order:
        y, after = step(x[:, t], states)
        after = listed(after)
        if mask is not None:
            keep = (mask[:, t] != 0).astype(y.dtype)[:, None]
            after = [a * keep + s * (1 - keep) for a, s in zip(after, states, strict=True)]
            kept = y * keep
            y = kept if zero_output_for_mask or before is None else kept + before * (1 - keep)
        states, before = after, y
        outputs.append(y)
    return [shapes.stack(*outputs, axis=1) if return_sequences else outputs[-1], *states]


Step = Callable[[Any, Any, list[Any], Callable[[int, Any], Any]], tuple[Any, list[Any]]]


def _lstm(cell: Any, x: Any, states: list[Any], dropped: Any) -> tuple[Any, list[Any]]:
    h, c = states
    u = cell.units
    z = dropped(0, x) @ cell.kernel + dropped(1, h) @ cell.recurrent_kernel
    z = z + cell.bias if cell.use_bias else z
    gate, act = cell.recurrent_activation, cell.activation
    i, f = activated(gate, z[:, :u]), activated(gate, z[:, u : 2 * u])
    g, o = activated(act, z[:, 2 * u : 3 * u]), activated(gate, z[:, 3 * u :])
    c = f * c + i * g
    h = o * activated(act, c)
    return h, [h, c]


def _gru(cell: Any, x: Any, states: list[Any], dropped: Any) -> tuple[Any, list[Any]]:
    h, u, after = states[0], cell.units, cell.reset_after
    z = dropped(0, x) @ cell.kernel
    read, kernel = dropped(1, h), cell.recurrent_kernel
    inner = read @ (kernel if after else kernel[:, : 2 * u])
    if cell.use_bias:
        bias = cell.bias
        z = z + (bias[0] if after else bias)
        inner = inner + bias[1] if after else inner
    gate = cell.recurrent_activation
    mix = activated(gate, z[:, :u] + inner[:, :u])
    r = activated(gate, z[:, u : 2 * u] + inner[:, u : 2 * u])
    part = r * inner[:, 2 * u :] if after else (r * read) @ kernel[:, 2 * u :]
    g = activated(cell.activation, z[:, 2 * u :] + part)
    h = mix * h + (1.0 - mix) * g
    return h, [h]


def _simple(cell: Any, x: Any, states: list[Any], dropped: Any) -> tuple[Any, list[Any]]:
    z = dropped(0, x) @ cell.kernel + dropped(1, states[0]) @ cell.recurrent_kernel
    h = activated(cell.activation, z + cell.bias if cell.use_bias else z)
    return h, [h]


STEPS: dict[str, Step] = {"lstm": _lstm, "gru": _gru, "simple_rnn": _simple}
