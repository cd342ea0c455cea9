"""`Optimizer`: groups of parameters with options of their own, and the state of each parameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from hotloop._support.quoting import quoted
from hotloop.torch.core import Tensor, one_call, wrap
from hotloop.torch.grad_mode import enable_grad


class Optimizer:
    """Base of optimizers.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        What is learned; dicts are groups: ``{"params": ..., "lr": ...}``.
    defaults : dict
        Options of groups that do not say otherwise.

    Attributes
    ----------
    param_groups : list of dict
        Parameters and options of each group; options may be changed.
    state : dict of Tensor to dict
        What the optimizer remembers of each parameter.
    """

    # Options that must not be negative, and the words that PyTorch refuses them with.
    limits: ClassVar[dict[str, str]] = {
        "lr": "learning rate",
        "eps": "epsilon value",
        "weight_decay": "weight_decay value",
        "momentum": "momentum value",
    }
    _step_count = 0

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            kind = params.type() if isinstance(params, Tensor) else type(params).__name__
            msg = (
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {kind}"
            )
            raise TypeError(msg)
        self.defaults = defaults
        self._check(defaults)
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            msg = "optimizer got an empty parameter list"
            raise ValueError(msg)
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _check(self, options: dict[str, Any]) -> None:
        for name, words in self.limits.items():
            value = options.get(name, 0.0)
            if isinstance(value, Tensor):
                value = value.item()
            if not isinstance(value, int | float) or not value >= 0.0:
                msg = f"Invalid {words}: {quoted(value, 60)}"
                raise ValueError(msg)
        for i, beta in enumerate(options.get("betas", ())):
            if not 0.0 <= beta < 1.0:
                msg = f"Invalid beta parameter at index {i}: {beta}"
                raise ValueError(msg)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dict with ``"params"`` and the options that differ."""
        if not isinstance(param_group, dict):
            msg = f"param_group must be a dict, but got {type(param_group)}"
            raise TypeError(msg)
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, set):
            msg = "optimizer parameters need an order: pass a list, not a set"
            raise TypeError(msg)
        params = [params] if isinstance(params, Tensor) else list(params)
        if params and isinstance(params[0], tuple):
            group["param_names"] = [name for name, _ in params]
            params = [param for _, param in params]
        for param in params:
            if not isinstance(param, Tensor):
                msg = f"optimizer can only optimize Tensors, but one of the params is {type(param)}"
                raise TypeError(msg)
            if param._node is not None:
                msg = "can't optimize a non-leaf Tensor"
                raise ValueError(msg)
        for name, value in self.defaults.items():
            group.setdefault(name, value)
        self._check(group)
        known = {id(p) for other in self.param_groups for p in other["params"]}
        if known & {id(p) for p in params}:
            msg = "some parameters appear in more than one parameter group"
            raise ValueError(msg)
        group["params"] = params
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none or param._grad is None:
                    param._grad = None
                else:
                    param._grad = wrap(np.zeros_like(param._grad._array))

    @one_call
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by one step.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss and its gradients anew.

        Returns
        -------
        What `closure` answered, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._step_count += 1
        for group in self.param_groups:
            sign = group.get("maximize", False)
            decay = 0.0 if self._decoupled(group) else float(group.get("weight_decay", 0.0))
            for param in group["params"]:
                grad = param._grad
                if grad is None:
                    continue
                array, g = param._array, grad._array
                if sign:
                    g = -g
                if decay:
                    g = g + array * array.dtype.type(decay)
                self.update(array, g, self.state[param], group)
                param._version[0] += 1
        return loss

    def _decoupled(self, group: dict[str, Any]) -> bool:
        """Whether weight decay shrinks weights, and does not join the gradient."""
        return bool(group.get("decoupled_weight_decay", False))

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place; a subclass writes this."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return options and state, with numbers in the place of parameters; as PyTorch's."""
        place: dict[int, int] = {}
        for group in self.param_groups:
            for param in group["params"]:
                place.setdefault(id(param), len(place))
        groups = [
            {
                **{k: v for k, v in g.items() if k != "params"},
                "params": [place[id(p)] for p in g["params"]],
            }
            for g in self.param_groups
        ]
        state = {place[id(p)]: own for p, own in self.state.items() if id(p) in place}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take options and copies of the state from what `state_dict` answered."""
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            msg = "loaded state dict has a different number of parameter groups"
            raise ValueError(msg)
        if any(
            len(a["params"]) != len(b["params"])
            for a, b in zip(groups, self.param_groups, strict=True)
        ):
            msg = (
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
            raise ValueError(msg)
        found: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for given, own in zip(groups, self.param_groups, strict=True):
            for key, param in zip(given["params"], own["params"], strict=True):
                if key in state_dict["state"]:
                    found[param] = _copied(state_dict["state"][key], param)
        for given, own in zip(groups, self.param_groups, strict=True):
            options = {k: v for k, v in given.items() if k != "params"}
            own.update(options)
        self.state = found

    def __repr__(self) -> str:
        """Return the options of each group."""
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"


def _copied(state: Any, param: Tensor) -> Any:
    made: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, Tensor):
            array = value._array.copy()
            if key != "step" and array.dtype.kind == "f":
                array = array.astype(param._array.dtype, copy=False)
            if array.ndim and array.shape != param._array.shape:
                msg = (
                    f"load_state_dict: {key} has shape {array.shape}, its parameter "
                    f"{param._array.shape}"
                )
                raise ValueError(msg)
            made[key] = wrap(array)
        else:
            made[key] = value
    return made


__all__ = ["Optimizer"]
