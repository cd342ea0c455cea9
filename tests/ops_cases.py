"""Random calls of `hotloop.ops`, for finite differences and for other libraries.

`cases(rng)` yields one call of each row: the name, its arrays, its other arguments, and which
arrays have gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import ops_cases_matrices  # noqa: F401 - adds its rows
from ops_case import MAKERS, Case, Rng, axis_of, broadcasting, maker, numbers, shape_of

# name: where its input may lie
UNARY = {
    "exp": (-2, 2), "exp2": (-2, 2), "expm1": (-2, 2), "log": (0.1, 4), "log2": (0.1, 4), "log10": (0.1, 4),
    "log1p": (-0.8, 3), "sqrt": (0.1, 4), "rsqrt": (0.1, 4), "cbrt": (0.1, 4), "reciprocal": (0.2, 3),
    "sin": (-3, 3), "cos": (-3, 3), "tan": (-1.3, 1.3), "arcsin": (-0.9, 0.9), "arccos": (-0.9, 0.9),
    "arctan": (-3, 3), "sinh": (-2, 2), "cosh": (-2, 2), "tanh": (-2, 2), "arcsinh": (-3, 3),
    "arccosh": (1.2, 4), "arctanh": (-0.9, 0.9), "erf": (-3, 3), "erfc": (-2, 2), "negative": (-2, 2),
    "absolute": (-2, 2), "square": (-2, 2), "sign": (-2, 2), "floor": (-3, 3), "ceil": (-3, 3),
    "trunc": (-3, 3), "round": (-3.3, 3.3), "sinc": (0.1, 2), "deg2rad": (-90, 90), "rad2deg": (-2, 2),
    "relu": (-2, 2), "relu6": (-2, 8), "sigmoid": (-4, 4), "softplus": (-4, 4), "softsign": (-3, 3),
    "silu": (-4, 4), "log_sigmoid": (-4, 4), "leaky_relu": (-2, 2), "elu": (-2, 2), "selu": (-2, 2),
    "celu": (-2, 2), "gelu": (-3, 3), "hard_sigmoid": (-4, 4), "hard_silu": (-4, 4), "hard_tanh": (-2, 2),
    "tanh_shrink": (-2, 2), "hard_shrink": (-2, 2), "soft_shrink": (-2, 2), "squareplus": (-3, 3),
    "sparse_plus": (-2, 2), "sparse_sigmoid": (-2, 2), "nan_to_num": (-2, 2), "ravel": (-2, 2),
    "copy": (-2, 2), "transpose": (-2, 2), "erfinv": (-0.95, 0.95), "i0": (-4, 4), "real": (-2, 2),
}  # fmt: skip
BINARY = {
    "add": None, "subtract": None, "multiply": None, "divide": (0.3, 2), "power": (0.3, 2),
    "maximum": None, "minimum": None, "fmax": None, "fmin": None, "arctan2": (0.3, 2),
    "logaddexp": None, "logaddexp2": None, "hypot": (0.3, 2), "divide_no_nan": (0.3, 2),
    "mod": (0.3, 2), "fmod": (0.3, 2),
}  # fmt: skip
COMPARE = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "floor_divide", "isclose")  # fmt: skip
TESTS = ("isnan", "isinf", "isfinite", "signbit", "logical_not", "isposinf", "isneginf", "isreal")
REDUCE = ("sum", "mean", "max", "min", "prod", "var", "logsumexp", "ptp", "amax", "amin", "nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar")  # fmt: skip
ONE_AXIS = ("cumsum", "cumprod", "sort", "flip", "nancumsum", "nancumprod")
PLACES = ("argmax", "argmin", "argsort", "nanargmax", "nanargmin")


def _unary(name: str, low: float, high: float) -> Callable[[Rng], Case]:
    return lambda rng: Case(name, [numbers(rng, shape_of(rng), low, high)])


def _binary(name: str, where: tuple[float, float] | None) -> Callable[[Rng], Case]:
    def make(rng: Rng) -> Case:
        low, high = where or (-2.0, 2.0)
        full = shape_of(rng)
        a = numbers(rng, full, low, high)
        b = numbers(rng, broadcasting(rng, full), low * 1.03, high * 0.97)
        # Quotients just beside a whole number would jump.
        if name in ("mod", "fmod"):
            b = np.where(np.abs(a / b - np.round(a / b)).min(initial=1) < 0.01, b * 1.137, b)
        return Case(name, [b, a] if rng.random() < 0.5 and name not in ("mod", "fmod") else [a, b])

    return make


def _plain(name: str, count: int) -> Callable[[Rng], Case]:
    def make(rng: Rng) -> Case:
        full = shape_of(rng)
        a = np.round(numbers(rng, full) * 2) / 2
        b = np.round(numbers(rng, broadcasting(rng, full)) * 2) / 2
        if name == "floor_divide":
            b = np.where(b == 0, 1.5, b)
        return Case(name, [a, b][:count], gradient=False)

    return make


def _reduce(name: str) -> Callable[[Rng], Case]:
    def make(rng: Rng) -> Case:
        x = numbers(rng, shape_of(rng, 1))
        options = {"axis": axis_of(rng, x.ndim, name != "prod"), "keepdims": bool(rng.integers(2))}
        return Case(name, [x], options)

    return make


def _one_axis(name: str, gradient: bool) -> Callable[[Rng], Case]:
    def make(rng: Rng) -> Case:
        x = numbers(rng, shape_of(rng, 1))
        axis = int(rng.integers(-x.ndim, x.ndim))
        return Case(name, [x], {"axis": axis}, gradient=gradient)

    return make


MAKERS += [_unary(name, *where) for name, where in UNARY.items()]
MAKERS += [_binary(name, where) for name, where in BINARY.items()]
MAKERS += [_plain(name, 2) for name in COMPARE] + [_plain(name, 1) for name in TESTS]
MAKERS += [_reduce(name) for name in REDUCE]
MAKERS += [_one_axis(name, gradient=True) for name in ONE_AXIS]
MAKERS += [_one_axis(name, gradient=False) for name in PLACES]


@maker
def _std(rng: Rng) -> Case:
    x = numbers(rng, (*shape_of(rng, 0, 2), 3))
    return Case("std", [x], {"axis": -1, "keepdims": bool(rng.integers(2))})


@maker
def _clip(rng: Rng) -> Case:
    return Case("clip", [numbers(rng, shape_of(rng))], {"x_min": -0.7, "x_max": 0.9})


@maker
def _where(rng: Rng) -> Case:
    full = shape_of(rng)
    c = rng.random(broadcasting(rng, full)) < 0.5
    return Case("where", [c, numbers(rng, full), numbers(rng, broadcasting(rng, full))])


@maker
def _reshape(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1))
    n = x.size
    d = int(rng.choice([k for k in range(1, n + 1) if n % k == 0]))
    return Case("reshape", [x], {"newshape": (d, -1)})


@maker
def _permute(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng))
    return Case("transpose", [x], {"axes": tuple(int(a) for a in rng.permutation(x.ndim))})


@maker
def _swap(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 2))
    a, b = (int(k) for k in rng.integers(-x.ndim, x.ndim, 2))
    return Case(str(rng.choice(["swapaxes"])), [x], {"axis1": a, "axis2": b})


@maker
def _move(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 2))
    a, b = (int(k) for k in rng.integers(-x.ndim, x.ndim, 2))
    return Case("moveaxis", [x], {"source": a, "destination": b})


@maker
def _expand(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng))
    return Case("expand_dims", [x], {"axis": int(rng.integers(-x.ndim - 1, x.ndim + 1))})


@maker
def _squeeze(rng: Rng) -> Case:
    x = numbers(rng, (1, *shape_of(rng, 1, 2), 1))
    return Case("squeeze", [x], {"axis": 0} if rng.random() < 0.5 else {})


@maker
def _broadcast(rng: Rng) -> Case:
    full = shape_of(rng, 1)
    return Case("broadcast_to", [numbers(rng, broadcasting(rng, full))], {"shape": full})


@maker
def _join(rng: Rng) -> Case:
    full = list(shape_of(rng, 1))
    axis = int(rng.integers(0, len(full)))
    parts = []
    for _ in range(int(rng.integers(1, 4))):
        full[axis] = int(rng.integers(1, 4))
        parts.append(numbers(rng, tuple(full)))
    return Case(
        "concatenate", parts, {"axis": axis - (len(full) if rng.random() < 0.5 else 0)}, True
    )


@maker
def _stack(rng: Rng) -> Case:
    full = shape_of(rng, 0, 3)
    parts = [numbers(rng, full) for _ in range(int(rng.integers(1, 4)))]
    return Case("stack", parts, {"axis": int(rng.integers(-len(full) - 1, len(full) + 1))}, True)


@maker
def _stacks(rng: Rng) -> Case:
    full = shape_of(rng, 1, 3)
    parts = [numbers(rng, full) for _ in range(2)]
    return Case(str(rng.choice(["hstack", "vstack"])), parts, {}, True)


@maker
def _split(rng: Rng) -> Case:
    x = numbers(rng, (4, *shape_of(rng, 0, 2)))
    cuts: Any = int(rng.choice([1, 2, 4])) if rng.random() < 0.5 else [1, 3]
    return Case("split", [x], {"indices_or_sections": cuts, "axis": 0})


@maker
def _pad(rng: Rng) -> Case:
    mode = str(rng.choice(["constant", "reflect", "symmetric"]))
    x = numbers(rng, tuple(int(n) for n in rng.integers(3, 5, 2)))
    width = rng.integers(0, 3, (2, 2)).tolist()
    return Case("pad", [x], {"pad_width": width, "mode": mode})


@maker
def _roll(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1))
    axis = None if rng.random() < 0.3 else int(rng.integers(0, x.ndim))
    return Case("roll", [x], {"shift": int(rng.integers(-5, 6)), "axis": axis})


@maker
def _tile(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 2))
    return Case("tile", [x], {"repeats": tuple(int(n) for n in rng.integers(1, 3, x.ndim))})


@maker
def _repeat(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1))
    axis = None if rng.random() < 0.3 else int(rng.integers(-x.ndim, x.ndim))
    return Case("repeat", [x], {"repeats": int(rng.integers(1, 4)), "axis": axis})


@maker
def _rot90(rng: Rng) -> Case:
    return Case("rot90", [numbers(rng, shape_of(rng, 2, 3))], {"k": int(rng.integers(-3, 4))})


@maker
def _take(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 3))
    axis = None if rng.random() < 0.3 else int(rng.integers(0, x.ndim))
    n = x.size if axis is None else x.shape[axis]
    return Case("take", [x, rng.integers(0, n, shape_of(rng, 1, 2))], {"axis": axis})


@maker
def _take_along(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 3))
    axis = int(rng.integers(0, x.ndim))
    full = list(x.shape)
    full[axis] = int(rng.integers(1, 5))
    return Case("take_along_axis", [x, rng.integers(0, x.shape[axis], full)], {"axis": axis})


@maker
def _top(rng: Rng) -> Case:
    x = numbers(rng, (*shape_of(rng, 0, 2), 4))
    return Case("top_k", [x], {"k": int(rng.integers(1, 5))})


@maker
def _triangles(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 2, 3))
    return Case(str(rng.choice(["tril", "triu"])), [x], {"k": int(rng.integers(-2, 3))})


@maker
def _diagonal(rng: Rng) -> Case:
    x = numbers(rng, (3, 4))
    return Case(str(rng.choice(["diagonal", "trace"])), [x], {"offset": int(rng.integers(-2, 3))})


@maker
def _diag(rng: Rng) -> Case:
    return Case("diag", [numbers(rng, shape_of(rng, 1, 2))], {"k": int(rng.integers(-1, 1))})


@maker
def _diff(rng: Rng) -> Case:
    return Case("diff", [numbers(rng, (*shape_of(rng, 0, 2), 5))], {"n": int(rng.integers(1, 3))})


@maker
def _quantile(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 3))
    axis = int(rng.integers(0, x.ndim))
    name = str(rng.choice(["quantile", "nanquantile"]))
    return Case(name, [x], {"q": float(rng.random()), "axis": axis})


@maker
def _median(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 3))
    return Case("median", [x], {"axis": int(rng.integers(0, x.ndim))})


@maker
def _matmul(rng: Rng) -> Case:
    m, k, n = (int(i) for i in rng.integers(1, 5, 3))
    batch = shape_of(rng, 0, 2)
    kind = rng.integers(5)
    if kind == 0:
        a, b = numbers(rng, (k,)), numbers(rng, (k,))
    elif kind == 1:
        a, b = numbers(rng, (k,)), numbers(rng, (*batch, k, n))
    elif kind == 2:
        a, b = numbers(rng, (*batch, m, k)), numbers(rng, (k,))
    else:
        a = numbers(rng, (*broadcasting(rng, batch), m, k))
        b = numbers(rng, (*batch, k, n))
    return Case("matmul", [a, b])


@maker
def _dots(rng: Rng) -> Case:
    k = int(rng.integers(1, 5))
    name = str(rng.choice(["inner", "dot", "outer", "vdot"]))
    a, b = numbers(rng, (*shape_of(rng, 0, 2), k)), numbers(rng, (k,))
    if name in ("outer", "vdot"):
        a = numbers(rng, (k,))
    return Case(name, [a, b])


@maker
def _tensordot(rng: Rng) -> Case:
    k, m = (int(i) for i in rng.integers(1, 4, 2))
    a, b = numbers(rng, (2, k, m)), numbers(rng, (k, m, 3))
    return Case("tensordot", [a, b], {"axes": 2} if rng.random() < 0.5 else {"axes": ([1], [0])})


_SUMS = ("ij,jk->ik", "ij,kj->ki", "bij,bjk->bik", "ij->ji", "ij->i", "ij->", "i,j->ij", "ij,ij->i", "bik,bjk->bij", "ij,jk,kl->il", "...ij,jk->...ik", "ii->i", "ij,k->k")  # fmt: skip


@maker
def _einsum(rng: Rng) -> Case:
    text = str(rng.choice(_SUMS))
    sizes = {c: int(rng.integers(1, 4)) for c in "bijkl"}
    arrays = [
        numbers(rng, tuple(sizes[c] for c in term.replace("...", "b")))
        for term in text.split("->", maxsplit=1)[0].split(",")
    ]
    return Case("einsum", arrays, {"subscripts": text})


@maker
def _norm(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 3), 0.2, 2)
    order = rng.choice([1.0, 2.0, 3.0, np.inf])
    return Case("norm", [x], {"ord": float(order), "axis": int(rng.integers(0, x.ndim))})


@maker
def _softmax(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1))
    name = str(rng.choice(["softmax", "log_softmax"]))
    return Case(name, [x], {"axis": int(rng.integers(-x.ndim, x.ndim))})


@maker
def _glu(rng: Rng) -> Case:
    return Case("glu", [numbers(rng, (*shape_of(rng, 0, 2), 4))])


@maker
def _binary_entropy(rng: Rng) -> Case:
    full = shape_of(rng, 1, 3)
    logits = bool(rng.integers(2))
    out = numbers(rng, full) if logits else numbers(rng, full, 0.05, 0.95)
    return Case("binary_crossentropy", [numbers(rng, full, 0, 1), out], {"from_logits": logits})


@maker
def _categorical_entropy(rng: Rng) -> Case:
    full = (*shape_of(rng, 0, 2), 4)
    logits = bool(rng.integers(2))
    out = numbers(rng, full) if logits else numbers(rng, full, 0.05, 0.95)
    t = numbers(rng, full, 0, 1)
    return Case("categorical_crossentropy", [t, out], {"from_logits": logits})


@maker
def _sparse_entropy(rng: Rng) -> Case:
    full = (*shape_of(rng, 1, 2), 4)
    logits = bool(rng.integers(2))
    out = numbers(rng, full) if logits else numbers(rng, full, 0.05, 0.95)
    ids = rng.integers(0, 4, full[:-1])
    return Case("sparse_categorical_crossentropy", [ids, out], {"from_logits": logits})


@maker
def _one_hot(rng: Rng) -> Case:
    ids = rng.integers(0, 4, shape_of(rng, 1, 3))
    return Case("one_hot", [ids], {"num_classes": 4}, gradient=False)


@maker
def _normalize(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 3), 0.2, 2)
    return Case("normalize", [x], {"axis": int(rng.integers(0, x.ndim)), "order": 2})


@maker
def _rms(rng: Rng) -> Case:
    x = numbers(rng, (*shape_of(rng, 0, 2), 4), 0.2, 2)
    return Case("rms_normalization", [x, numbers(rng, (4,))], {"axis": -1})


@maker
def _batch_norm(rng: Rng) -> Case:
    x = numbers(rng, (*shape_of(rng, 1, 3), 3))
    rest = [numbers(rng, (3,)), numbers(rng, (3,), 0.2, 2)]
    return Case("batch_normalization", [x, *rest], {"axis": -1})


@maker
def _attention(rng: Rng) -> Case:
    b, t, h, d = (int(i) for i in rng.integers(1, 4, 4))
    parts = [numbers(rng, (b, t, h, d)) for _ in range(3)]
    return Case("dot_product_attention", parts)


@maker
def _conv(rng: Rng) -> Case:
    groups = int(rng.choice([1, 2]))
    c, o = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    if rng.random() < 0.5:
        x, w = numbers(rng, (2, 5, 6, c)), numbers(rng, (2, 3, c // groups, o))
    else:
        x, w = numbers(rng, (2, 6, c)), numbers(rng, (3, c // groups, o))
    stride = int(rng.integers(1, 3))
    dilation = int(rng.integers(1, 3)) if stride == 1 else 1
    padding = str(rng.choice(["valid", "same"]))
    return Case("conv", [x, w], {"strides": stride, "padding": padding, "dilation_rate": dilation})


@maker
def _depthwise(rng: Rng) -> Case:
    c, m = (int(i) for i in rng.integers(1, 3, 2))
    x, w = numbers(rng, (2, 5, 5, c)), numbers(rng, (2, 2, c, m))
    return Case("depthwise_conv", [x, w], {"padding": str(rng.choice(["valid", "same"]))})


@maker
def _separable(rng: Rng) -> Case:
    x, w = numbers(rng, (2, 5, 5, 2)), numbers(rng, (2, 2, 2, 2))
    return Case("separable_conv", [x, w, numbers(rng, (1, 1, 4, 3))])


@maker
def _pools(rng: Rng) -> Case:
    x = numbers(rng, (2, 5, 6, 2) if rng.random() < 0.5 else (2, 6, 2))
    padding = str(rng.choice(["valid", "same"]))
    name = str(rng.choice(["max_pool", "average_pool"]))
    options = {"pool_size": 2, "strides": int(rng.integers(1, 3)), "padding": padding}
    return Case(name, [x], options)


@maker
def _scatter(rng: Rng) -> Case:
    x = numbers(rng, (5, 3))
    index = rng.permutation(5)[:2].reshape(2, 1)
    return Case("scatter_update", [x, index, numbers(rng, (2, 3))])


@maker
def _slice(rng: Rng) -> Case:
    x = numbers(rng, (4, 5))
    start = tuple(int(n) for n in rng.integers(0, 3, 2))
    return Case("slice", [x], {"start_indices": start, "shape": (2, 2)})


@maker
def _slice_update(rng: Rng) -> Case:
    x = numbers(rng, (4, 5))
    start = np.asarray(rng.integers(0, 3, 2))
    return Case("slice_update", [x, start, numbers(rng, (2, 2))])


@maker
def _trapezoid(rng: Rng) -> Case:
    return Case("trapezoid", [numbers(rng, (*shape_of(rng, 0, 2), 4))], {"dx": 0.5})


@maker
def _cross(rng: Rng) -> Case:
    full = (*shape_of(rng, 0, 2), 3)
    return Case("cross", [numbers(rng, full), numbers(rng, full)])


@maker
def _kron(rng: Rng) -> Case:
    return Case("kron", [numbers(rng, (2, 3)), numbers(rng, (3, 2))])


@maker
def _average(rng: Rng) -> Case:
    x = numbers(rng, (3, 4))
    return Case("average", [x], {"axis": 0, "weights": numbers(rng, (3, 4), 0.2, 1)})


@maker
def _vander(rng: Rng) -> Case:
    return Case("vander", [numbers(rng, (3,), 0.3, 2)], {"N": 3})


@maker
def _select(rng: Rng) -> Case:
    return Case("heaviside", [numbers(rng, (3, 4)), numbers(rng, (4,))], gradient=False)


def cases(rng: Rng) -> Iterator[Case]:
    """Yield one call of each row."""
    for make in MAKERS:
        yield make(rng)


COUNT = len(MAKERS)
