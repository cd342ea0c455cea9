"""The optimizers, with PyTorch's equations, arguments and state.

All take `weight_decay`, which joins the gradient (but `AdamW`'s), and ``maximize=True``, which goes up.
`foreach`, `capturable`, `differentiable` and `fused` are taken and mean nothing here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.torch.core import wrap
from hotloop.torch.optim.optimizer import Optimizer

_FAR = 2**62  # steps after which no bias is left to correct


def _slot(state: dict[str, Any], name: str, like: Any, value: float = 0.0) -> Any:
    """Return the array of a slot, made at the first step."""
    if name not in state:
        state[name] = wrap(np.full_like(like, value, order="C"))
    return state[name]._array


def _stepped(state: dict[str, Any]) -> int:
    """Count a step, and return its number."""
    if "step" not in state:
        state["step"] = wrap(np.zeros((), np.float32))
    count = state["step"]._array
    count += 1
    return int(count)


def _mean(slot: Any, value: Any, share: float) -> None:
    """Let a running mean move to a value, of which it keeps ``1 - share``."""
    slot *= slot.dtype.type(share)
    slot += value * slot.dtype.type(1.0 - share)


def _mean_square(slot: Any, grad: Any, share: float) -> None:
    """Let a running mean move to the squares, in the order of PyTorch's operations.

    A centered RMSprop subtracts nearly equal numbers: another order would show.
    """
    slot *= slot.dtype.type(share)
    slot += grad * slot.dtype.type(1.0 - share) * grad


class SGD(Optimizer):
    """Gradient descent, plain or with momentum.

    ``b = momentum b + (1 - dampening) g`` (g at first), ``w -= lr b``; with Nesterov
    ``w -= lr (g + momentum b)``.

    Examples
    --------
    >>> from hotloop import torch
    >>> w = torch.ones(1, requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (2 * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            msg = "Nesterov momentum requires a momentum and zero dampening"
            raise ValueError(msg)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place."""
        momentum = group["momentum"]
        if momentum:
            if state.get("momentum_buffer") is None:
                buffer = _slot(state, "momentum_buffer", param)
                if "momentum_buffer" in state and state["momentum_buffer"] is None:
                    state["momentum_buffer"] = wrap(buffer)
                buffer[...] = grad
            else:
                buffer = state["momentum_buffer"]._array
                buffer *= buffer.dtype.type(momentum)
                damped = buffer.dtype.type(1.0 - group["dampening"])
                buffer += grad if damped == 1 else grad * damped
            grad = grad + buffer * buffer.dtype.type(momentum) if group["nesterov"] else buffer
        _core.sgd_update(param, grad, float(group["lr"]), 0.0)


class Adam(Optimizer):
    """Moments of the gradient with bias correction (Kingma and Ba, 2015).

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g^2``,
    ``w -= lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)``; with `amsgrad` the largest v so far
    stands for v.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place."""
        step, (beta1, beta2) = _stepped(state), group["betas"]
        m, v = _slot(state, "exp_avg", param), _slot(state, "exp_avg_sq", param)
        lr, root = float(group["lr"]), math.sqrt(1.0 - beta2**step)
        decay = float(group["weight_decay"]) if self._decoupled(group) else 0.0
        if not group["amsgrad"]:
            # The core adds eps to the root before it is corrected.
            eps = group["eps"] * root
            _core.adam_update(param, grad, m, v, lr, step, beta1, beta2, eps, decay)
            return
        largest = _slot(state, "max_exp_avg_sq", param)
        if decay:
            param *= param.dtype.type(1.0 - lr * decay)
        _mean(m, grad, beta1)
        _mean_square(v, grad, beta2)
        np.maximum(largest, v, out=largest)
        param -= m * m.dtype.type(lr / (1 - beta1**step)) / (np.sqrt(largest) / root + group["eps"])


class AdamW(Adam):
    """`Adam` whose weight decay shrinks the weights (Loshchilov and Hutter, 2019)."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, **kwargs)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
        self.defaults["decoupled_weight_decay"] = True


class RMSprop(Optimizer):
    """Gradient over its root mean square of late (Tieleman and Hinton, 2012).

    ``s = alpha s + (1 - alpha) g^2``, ``w -= lr g / (sqrt(s) + eps)``; `centered` subtracts the
    square of the mean gradient, and with momentum a velocity sums up.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place."""
        _stepped(state)
        square, lr = _slot(state, "square_avg", param), float(group["lr"])
        alpha, eps = group["alpha"], group["eps"]
        if not group["centered"] and not group["momentum"] and alpha < 1:
            # Adam without a mean, long after its bias is gone.
            _core.adam_update(
                param, grad, np.zeros_like(square), square, lr, _FAR, 0.0, alpha, eps, 0.0
            )
            return
        _mean_square(square, grad, alpha)
        spread = square
        if group["centered"]:
            mean = _slot(state, "grad_avg", param)
            mean += (grad - mean) * mean.dtype.type(1.0 - alpha)
            spread = square - np.square(mean)
        move = grad / (np.sqrt(spread) + eps)
        if group["momentum"]:
            buffer = _slot(state, "momentum_buffer", param)
            buffer *= buffer.dtype.type(group["momentum"])
            buffer += move
            move = buffer
        _core.sgd_update(param, move, lr, 0.0)


class Adagrad(Optimizer):
    """Gradient over the root of its summed squares (Duchi, Hazan and Singer, 2011).

    ``a += g^2``, ``w -= lr / (1 + (t - 1) lr_decay) g / (sqrt(a) + eps)``.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place."""
        step = _stepped(state)
        total = _slot(state, "sum", param, group["initial_accumulator_value"])
        total += np.square(grad)
        rate = float(group["lr"]) / (1.0 + (step - 1) * group["lr_decay"])
        _core.sgd_update(param, grad / (np.sqrt(total) + group["eps"]), rate, 0.0)


class Adadelta(Optimizer):
    """Steps as large as the last ones, over the gradient's size of late (Zeiler, 2012).

    ``s = rho s + (1 - rho) g^2``, ``d = sqrt(a + eps) / sqrt(s + eps) g``,
    ``a = rho a + (1 - rho) d^2``, ``w -= lr d``.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        if not 0.0 <= rho <= 1.0:
            msg = f"Invalid rho value: {rho}"
            raise ValueError(msg)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place."""
        _stepped(state)
        square, moves = _slot(state, "square_avg", param), _slot(state, "acc_delta", param)
        rho, eps = group["rho"], param.dtype.type(group["eps"])
        _mean_square(square, grad, rho)
        move = np.add(moves, eps)
        work = np.add(square, eps)
        np.divide(move, work, out=move)
        np.sqrt(move, out=move)
        move *= grad
        np.square(move, out=work)
        _mean(moves, work, rho)
        _core.sgd_update(param, move, float(group["lr"]), 0.0)


class Adamax(Optimizer):
    """Adam by the largest gradient of late (Kingma and Ba, 2015).

    ``u = max(b2 u, |g| + eps)``, ``w -= lr m / (1 - b1^t) / u``.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place."""
        step, (beta1, beta2) = _stepped(state), group["betas"]
        m, u = _slot(state, "exp_avg", param), _slot(state, "exp_inf", param)
        _mean(m, grad, beta1)
        u *= u.dtype.type(beta2)
        np.maximum(u, np.abs(grad) + u.dtype.type(group["eps"]), out=u)
        _core.sgd_update(param, m / u, float(group["lr"]) / (1.0 - beta1**step), 0.0)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016)."""

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change one array in place."""
        step, (beta1, beta2), lr = _stepped(state), group["betas"], float(group["lr"])
        if "mu_product" not in state:
            state["mu_product"] = wrap(np.ones((), np.float32))
        m, v = _slot(state, "exp_avg", param), _slot(state, "exp_avg_sq", param)
        if self._decoupled(group):
            param *= param.dtype.type(1.0 - lr * group["weight_decay"])
        slow = group["momentum_decay"]
        mu, mu_next = (beta1 * (1.0 - 0.5 * 0.96 ** (t * slow)) for t in (step, step + 1))
        product = state["mu_product"]._array
        product *= np.float32(mu)
        done = float(product)
        _mean(m, grad, beta1)
        _mean_square(v, grad, beta2)
        root = np.sqrt(v / v.dtype.type(1.0 - beta2**step)) + group["eps"]
        _core.sgd_update(param, grad / root, lr * (1.0 - mu) / (1.0 - done), 0.0)
        _core.sgd_update(param, m / root, lr * mu_next / (1.0 - done * mu_next), 0.0)


__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RMSprop"]
