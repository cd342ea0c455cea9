"""Run random programs of tensor operations under PyTorch and hotloop.torch, and compare them.

A program is a list of statements over a pool of tensors: views, in-place operations, indexing,
reductions, broadcasting. Both sides must raise at the same statements, and agree in values and
gradients: ``python tests/torch_programs.py --programs 20000``.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np

Statement = tuple[str, list[Any]]

_UNARY = (
    *("exp", "sin", "cos", "tanh", "sigmoid", "relu", "abs", "neg", "square", "sqrt", "log"),
    *("rsqrt", "reciprocal", "floor", "sign", "expm1", "log1p", "erf", "clone", "detach", "t"),
    *("contiguous", "isnan", "double", "long", "bool", "round"),
)
_BINARY = (
    *("add", "sub", "mul", "div", "pow", "maximum", "minimum", "lt", "ge", "eq", "where", "atan2"),
    *("matmul", "remainder", "cat", "stack", "outer", "expand_as", "fmod"),
)
_IN_PLACE = (
    "add_",
    "mul_",
    "sub_",
    "div_",
    "zero_",
    "fill_",
    "copy_",
    "exp_",
    "neg_",
    "set",
    "relu_",
    "clamp_",
    "sigmoid_",
    "sqrt_",
    "masked_fill_",
)
_SHAPE = (
    "view",
    "reshape",
    "transpose",
    "permute",
    "unsqueeze",
    "squeeze",
    "flatten",
    "expand",
    "repeat",
    "flip",
    "T",
)
_INDEX = (
    "int",
    "slice",
    "none",
    "list",
    "mask",
    "ellipsis",
    "narrow",
    "select",
    "split",
    "unbind",
    "chunk",
    "index_select",
    "gather",
)
_REDUCE = (
    "sum",
    "mean",
    "max",
    "min",
    "amax",
    "prod",
    "var",
    "std",
    "argmax",
    "logsumexp",
    "cumsum",
    "norm",
    "sort",
    "topk",
    "any",
    "all",
    "softmax",
    "median",
)


def _dim(rng: Any) -> int:
    return int(rng.integers(-3, 3))


def _statement(rng: Any, count: int) -> Statement:
    """Return one statement over a pool of `count` tensors."""
    a, b = int(rng.integers(count)), int(rng.integers(count))
    number = [2, -1, 0.5, 3.0, True][int(rng.integers(5))]
    kind = ["unary", "binary", "scalar", "inplace", "shape", "index", "reduce"][
        int(rng.choice(7, p=[0.13, 0.17, 0.1, 0.2, 0.15, 0.13, 0.12]))
    ]
    names = {
        "unary": _UNARY,
        "binary": _BINARY,
        "inplace": _IN_PLACE,
        "shape": _SHAPE,
        "index": _INDEX,
        "reduce": _REDUCE,
    }
    pick = names.get(
        kind, ("add", "mul", "sub", "div", "pow", "rsub", "rdiv", "floordiv", "clamp", "lt")
    )
    name = str(rng.choice(pick))
    if kind == "reduce":
        return kind, [name, a, None if rng.random() < 0.4 else _dim(rng), bool(rng.random() < 0.5)]
    if kind == "shape":
        shape = [[-1], [2, -1], [-1, 3], [3, 2], [6], [1, -1, 2], [2, 3]][int(rng.integers(7))]
        return kind, [name, a, _dim(rng), _dim(rng), shape]
    if kind == "index":
        return kind, [name, a, int(rng.integers(-3, 3)), int(rng.integers(0, 3)), _dim(rng)]
    if kind == "inplace":
        other: Any = b if rng.random() < 0.6 else None
        return kind, [name, a, other, number, int(rng.integers(5))]
    return kind, [name, a, b, number]


def program(seed: int) -> dict[str, Any]:
    """Return a random program: the tensors that it starts with, and 3 to 12 statements."""
    rng = np.random.default_rng(seed)
    shapes = [[], [3], [2, 3], [1, 3], [2, 1], [3, 3], [2, 3, 2]]
    tensors = []
    for _ in range(int(rng.integers(2, 5))):
        shape = shapes[int(rng.integers(len(shapes)))]
        kind = str(rng.choice(["float64", "float32", "int64", "bool"], p=[0.7, 0.15, 0.1, 0.05]))
        values = np.round(rng.uniform(-2, 2, shape), 3)
        if kind == "int64":
            values = np.round(values)
        if kind == "bool":
            values = (values > 0).astype(float)
        grad = kind.startswith("f") and rng.random() < 0.6
        tensors.append((kind, values.tolist(), bool(grad)))
    count = len(tensors)
    statements = []
    for _ in range(int(rng.integers(3, 13))):
        statements.append(_statement(rng, count))
        count += 1
    return {"tensors": tensors, "statements": statements, "end": bool(rng.random() < 0.85)}


def _operand(pool: list[Any], index: int) -> Any:
    """Return a tensor of the pool; a statement that failed left the one before it."""
    return pool[index % len(pool)]


def _index(name: str, x: Any, i: int, j: int, dim: int, lib: Any) -> Any:
    table: dict[str, Any] = {
        "int": lambda: x[i],
        "slice": lambda: x[j : j + 2],
        "none": lambda: x[None, ..., j],
        "list": lambda: x[[0, j]],
        "mask": lambda: x[x > 0],
        "ellipsis": lambda: x[..., i],
        "narrow": lambda: x.narrow(dim, j, 1),
        "select": lambda: x.select(dim, i),
        "split": lambda: x.split(2, dim)[0],
        "unbind": lambda: x.unbind(dim)[0],
        "chunk": lambda: x.chunk(2, dim)[-1],
        "index_select": lambda: x.index_select(dim, lib.tensor([0, j])),
        "gather": lambda: x.gather(dim, lib.zeros(x.shape, dtype=lib.int64)),
    }
    return table[name]()


def _reduce(name: str, x: Any, dim: Any, keep: bool) -> Any:
    if name in ("logsumexp", "cumsum", "softmax", "sort", "topk", "amax"):
        dim = 0 if dim is None else dim
        if name in ("cumsum", "softmax"):
            return getattr(x, name)(dim)
        if name == "topk":
            return x.topk(1, dim)[0]
        if name == "sort":
            return x.sort(dim, descending=keep)[0]
        return getattr(x, name)(dim, keepdim=keep)
    if name == "norm":
        return x.norm() if dim is None else x.norm(dim=dim, keepdim=keep)
    found = getattr(x, name)() if dim is None else getattr(x, name)(dim, keepdim=keep)
    return found[0] if isinstance(found, tuple) else found


def _scalar(name: str, x: Any, n: Any) -> Any:
    table: dict[str, Any] = {
        "add": lambda: x + n,
        "mul": lambda: x * n,
        "sub": lambda: x - n,
        "div": lambda: x / n,
        "pow": lambda: x**n,
        "rsub": lambda: n - x,
        "rdiv": lambda: n / x,
        "floordiv": lambda: x // n,
        "clamp": lambda: x.clamp(min=n),
        "lt": lambda: x < n,
    }
    return table[name]()


def _shape(name: str, x: Any, i: int, j: int, shape: list[int]) -> Any:
    table: dict[str, Any] = {
        "view": lambda: x.view(*shape),
        "reshape": lambda: x.reshape(shape),
        "transpose": lambda: x.transpose(i, j),
        "permute": lambda: x.permute(tuple(reversed(range(x.dim())))),
        "unsqueeze": lambda: x.unsqueeze(i),
        "squeeze": lambda: x.squeeze(i),
        "flatten": lambda: x.flatten(i % 2),
        "expand": lambda: x.expand(2, *x.shape),
        "repeat": lambda: x.repeat(2, *([1] * x.dim())),
        "flip": lambda: x.flip(i),
        "T": lambda: x.transpose(0, 1),
    }
    return table[name]()


def _binary(name: str, x: Any, y: Any, lib: Any) -> Any:
    if name == "where":
        return lib.where(x > y, x, y)
    if name in ("cat", "stack"):
        return getattr(lib, name)([x, y], 0)
    return getattr(x, name)(y)


def _in_place(name: str, x: Any, y: Any, i: int) -> Any:
    if name in ("zero_", "exp_", "neg_", "relu_", "sigmoid_", "sqrt_"):
        return getattr(x, name)()
    if name == "clamp_":
        return x.clamp_(min=0.1)
    if name == "masked_fill_":
        return x.masked_fill_(x > 0, 0.5)
    if name == "set":
        keys: list[Any] = [0, slice(0, 1), (Ellipsis, 0), [0, 0], Ellipsis]
        x[keys[i]] = y
        return x
    return getattr(x, name)(y)


def run(lib: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Run a program; return which statements raised what, the tensors, and the gradients."""
    pool = []
    for kind, values, grad in given["tensors"]:
        pool.append(lib.tensor(values, dtype=getattr(lib, kind), requires_grad=grad))
    leaves = list(pool)
    raised: list[Any] = []
    for kind, parts in given["statements"]:
        name, x = parts[0], _operand(pool, parts[1])
        try:
            if kind == "unary":
                made = getattr(x, name)()
            elif kind == "binary":
                made = _binary(name, x, _operand(pool, parts[2]), lib)
            elif kind == "scalar":
                made = _scalar(name, x, parts[3])
            elif kind == "inplace":
                other = parts[3] if parts[2] is None else _operand(pool, parts[2])
                made = _in_place(name, x, other, parts[4])
            elif kind == "shape":
                made = _shape(name, x, *parts[2:])
            elif kind == "index":
                made = _index(name, x, parts[2], parts[3], parts[4], lib)
            else:
                made = _reduce(name, x, *parts[2:])
            raised.append(None)
            pool.append(made)
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            raised.append(type(error).__name__ + ": " + str(error)[:60])
            pool.append(x)
    last = [t for t in pool if t.requires_grad]
    if last and given["end"]:
        try:
            total = sum((t.double() * (i + 1.5)).sum() for i, t in enumerate(last[-3:]))
            total.backward()
            raised.append(None)
        except RuntimeError as error:
            raised.append("backward: " + str(error)[:60])
    return {
        "raised": raised,
        "values": [t.detach().numpy() for t in pool],
        "needs": [t.requires_grad for t in pool],
        "kinds": [str(t.dtype) for t in pool],
        "grads": [None if t.grad is None else t.grad.numpy() for t in leaves],
    }


def difference(given: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Return how two runs differ, or nothing."""
    for i, (a, b) in enumerate(zip(ours["raised"], theirs["raised"], strict=False)):
        if (a is None) != (b is None):
            return f"statement {i}, {given['statements'][i : i + 1]}: ours {a!r}, theirs {b!r}"
    if len(ours["raised"]) != len(theirs["raised"]):
        return "one has a way back and the other none"
    for key in ("needs", "kinds"):
        if ours[key] != theirs[key]:
            i = next(
                i for i, (a, b) in enumerate(zip(ours[key], theirs[key], strict=True)) if a != b
            )
            return f"{key} of tensor {i}: ours {ours[key][i]}, theirs {theirs[key][i]}"
    small = "torch.float32" in theirs["kinds"]
    broken = theirs["raised"][-1] is not None and len(theirs["raised"]) > len(given["statements"])
    for key in ("values",) if broken else ("values", "grads"):
        for i, (a, b) in enumerate(zip(ours[key], theirs[key], strict=True)):
            if (a is None) != (b is None):
                return f"{key} {i}: ours {a}, theirs {b}"
            if a is None:
                continue
            if a.shape != b.shape:
                return f"{key} {i}: shapes {a.shape} and {b.shape}"
            close = np.isclose(
                a, b, rtol=2e-4 if small else 1e-9, atol=1e-4 if small else 1e-9, equal_nan=True
            )
            if not close.all():
                return f"{key} {i}: {a.ravel()[:6]} and {b.ravel()[:6]}"
    return ""


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> int:
    """Compare programs; return how many differ."""
    import torch  # noqa: PLC0415 - the peer

    import hotloop.torch as ours  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--whole", action="store_true", help="print the programs that differ")
    args = parser.parse_args()
    bad = raising = 0
    for seed in range(args.first, args.first + args.programs):
        given = program(seed)
        with np.errstate(all="ignore"):
            try:
                theirs = run(torch, json.loads(json.dumps(given)))
            except (RuntimeError, ValueError, TypeError) as error:
                _say(f"{seed}: peer {error}")
                continue
            try:
                found = difference(given, run(ours, given), theirs)
            except Exception as error:
                found = f"failed: {type(error).__name__}: {error}"
        raising += any(theirs["raised"])
        if found and "INTERNAL ASSERT" not in found:
            bad += 1
            if bad <= args.show:
                _say(f"{seed}: {found}")
                if args.whole:
                    for i, statement in enumerate(given["statements"]):
                        _say(f"    {len(given['tensors']) + i} {statement}")
    _say(f"{args.programs} programs, {raising} of them raise somewhere, {bad} differ")
    return bad


if __name__ == "__main__":
    sys.exit(min(main(), 1))
