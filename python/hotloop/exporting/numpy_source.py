"""A model as one script that needs NumPy alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np

from hotloop.exporting.lowering import Array, Op, Program, lowered
from hotloop.version import __version__

# What the script defines where a layer needs it.
_HELPERS = {
    "windows": '''
def windows(x, size, strides, pads, dilation=(1, 1), fill=0.0):
    """(N, H, W, C) -> (N, OH, OW, C, KH, KW): the pixels of each window."""
    x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    found = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(1, 2))
    return found[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
''',
    "convolve": '''
def convolve(x, kernel, strides, pads, dilation, groups):
    """Correlate (N, H, W, C) with kernels (KH, KW, C / groups, O)."""
    cut = windows(x, kernel.shape[:2], strides, pads, dilation)
    parts = zip(np.split(cut, groups, axis=3), np.split(kernel, groups, axis=3))
    sums = [np.tensordot(part, k, axes=([3, 4, 5], [2, 0, 1])) for part, k in parts]
    return np.concatenate(sums, axis=-1)
''',
    "average": '''
def average(x, size, strides, pads):
    """Average each window over its pixels without the padding."""
    ones = np.ones((1, *x.shape[1:3], 1), x.dtype)
    sums, counts = (windows(part, size, strides, pads).sum(axis=(-2, -1)) for part in (x, ones))
    return sums / counts
''',
    "softmax": """
def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
""",
    "erf": """
erf = np.vectorize(math.erf, otypes=[float])
""",
}
_NEEDS = {"convolve": ("windows",), "average": ("windows",)}
# Operations whose options NumPy's function of the name takes as they are.
_PLAIN = re.compile(
    "absolute|add|all|any|arccos|arccosh|arcsin|arcsinh|arctan|arctan2|arctanh|"
    "cbrt|ceil|clip|concatenate|cos|cosh|cumprod|cumsum|divide|einsum|equal|"
    "exp|exp2|expm1|flip|floor|floor_divide|fmod|greater|greater_equal|isfinite|isinf|"
    "isnan|less|less_equal|log|log10|log1p|log2|logaddexp|logical_and|logical_not|logical_or|"
    "logical_xor|matmul|max|maximum|mean|min|minimum|mod|multiply|negative|not_equal|"
    "power|prod|reciprocal|repeat|rint|roll|sign|sin|sinh|sqrt|square|"
    "stack|subtract|sum|take|tan|tanh|transpose|tril|triu|trunc|where"
)
_OPERATIONS: dict[str, str] = {
    "copy": "{0}",
    "elu": "np.where({0} > 0, {0}, {alpha} * np.expm1({0}))",
    "getitem": "{0}[{index}]",
    "leaky_relu": "np.where({0} < 0, {alpha} * {0}, {0})",
    "relu": "np.maximum({0}, 0)",
    "reshape": "{0}.reshape({shape})",
    "rsqrt": "1 / np.sqrt({0})",
    "sigmoid": "1 / (1 + np.exp(-{0}))",
    "silu": "{0} / (1 + np.exp(-{0}))",
    "softmax": "softmax({0}, {axis})",
    "softplus": "np.logaddexp({0}, 0)",
    "stop_gradient": "{0}",
}


def numpy_source(model: Any) -> str:
    """Return a model as the text of a script; a ValueError names what has no form there."""
    program = lowered(model)
    writing = _Writing(program)
    lines = writing.body()
    text = "\n\n\n".join(writing.functions.values())
    needed = [name for name in _HELPERS if re.search(rf"\b{name}\(", text)]
    needed += [part for name in needed for part in _NEEDS.get(name, ())]
    helpers = "".join(f"{_HELPERS[name]}\n" for name in _HELPERS if name in needed)
    arguments = ", ".join(f"x{i}" for i in program.inputs)
    casts = "".join(
        f"    x{i} = np.asarray(x{i}, {program.dtype!r})  # {_shape(program, i)}\n"
        for i in program.inputs
    )
    answers = ", ".join(f"x{i}" for i in program.outputs)
    name = re.sub(r"[^ -!#-\[\]-~]", "_", program.name)
    return f'''\
"""The network {name!r}, written by hotloop {__version__}. It needs NumPy alone.

    python {{this file}} x.npy y.npy

reads a batch of samples (several files for several inputs) and writes what the network answers.
"""

import base64
import {"math" if "erf(" in text else "sys"}{chr(10) + "import sys" if "erf(" in text else ""}

import numpy as np


def net({arguments}):
    """Return what the network answers to a batch."""
{casts}{lines}    return {answers}

{helpers}
{text}


def array(dtype, shape, text):
    """Return an array from its bytes."""
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


{writing.arrays()}

if __name__ == "__main__":
    answers = net(*map(np.load, sys.argv[1 : 1 + {len(program.inputs)}]))
    names = sys.argv[1 + {len(program.inputs)} :]
    for name, y in zip(names, answers if {len(program.outputs) > 1} else [answers]):
        np.save(name, y)
'''


def _shape(program: Program, value: int) -> str:
    rest = "".join(f", {n if n is not None else 'any'}" for n in program.shapes[value][1:])
    return f"(N{rest})"


class _Writing:
    """The functions of layers, one each, and the arrays that they read."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.functions: dict[str, str] = {}
        self.constants: dict[str, Array] = {}
        self.layer = ""

    def body(self) -> str:
        """Write the functions; return the lines that call them."""
        lines = []
        for layer, group in groupby(self.program.ops, key=lambda op: op.layer):
            ops = list(group)
            # A layer that is called on its own answer has one function still.
            for part in self._calls(ops):
                inside = {op.output for op in part}
                given = list(dict.fromkeys(i for op in part for i in op.inputs if i not in inside))
                name = self._function(layer, part, given)
                values = ", ".join(f"x{i}" for i in given)
                lines.append(f"    x{part[-1].output} = {name}({values})\n")
        return "".join(lines)

    def _calls(self, ops: list[Op]) -> list[list[Op]]:
        """Cut a layer's operations into its calls: each begins as the first does."""
        found: list[list[Op]] = []
        for op in ops:
            starts = not found or (
                op.kind == ops[0].kind and op.weights.keys() == ops[0].weights.keys()
            )
            if starts or op.inputs != (found[-1][-1].output,):
                found.append([])
            found[-1].append(op)
        return found

    def _function(self, layer: str, ops: list[Op], given: list[int]) -> str:
        base = "l_" + re.sub(r"[^A-Za-z0-9]", "_", layer)
        single = len(given) == 1
        names = {
            i: "x" if single else "abcdefghij"[k] if k < 10 else f"x{k}"
            for k, i in enumerate(given)
        }
        name, tries = base, 1
        while True:
            self.layer = name
            held: dict[str, Array] = {}
            lines = [f"def {name}({', '.join(names.values())}):"]
            shapes = f"{', '.join(_shape(self.program, i) for i in given)} -> {_shape(self.program, ops[-1].output)}"
            lines.append(f'    """{shapes}"""')
            local = dict(names)
            for op in ops:
                value = self._expression(op, [local[i] for i in op.inputs], held)
                local[op.output] = "y"
                lines.append(f"    y = {value}")
            lines[-1] = lines[-1].replace("    y = ", "    return ", 1)
            text = "\n".join(lines)
            known = self.functions.get(name)
            if known is None or (
                known == text and all(np.array_equal(self.constants[k], v) for k, v in held.items())
            ):
                self.functions[name] = text
                self.constants.update(held)
                return name
            tries += 1
            name = f"{base}_{tries}"

    def _expression(self, op: Op, x: list[str], held: dict[str, Array]) -> str:
        rule = EXPRESSIONS.get(op.kind)
        if op.kind == "operation":
            return self._operation(op, x, held)
        if rule is None:
            msg = f"export: layer {op.layer!r}: {op.kind} has no form in NumPy"
            raise ValueError(msg)
        arrays = {key: self._held(key, value, held) for key, value in op.weights.items()}
        return rule(op, x, arrays)

    def _held(self, key: str, value: Array, held: dict[str, Array]) -> str:
        name = f"{self.layer[2:]}_{key}".upper()
        name = name if name[0].isalpha() else f"W{name}"
        while name in held:
            name += "_"
        held[name] = value
        return name

    def _operation(self, op: Op, x: list[str], held: dict[str, Array]) -> str:
        given = op.attributes
        name, options = given["operation"], dict(given["options"])
        parts = iter(x)
        dtype = f"np.{self.program.dtype}"
        inputs = [
            next(parts)
            if constant is None
            else self._held("constant", constant, held)
            if isinstance(constant, np.ndarray)
            else f"{dtype}({constant!r})"
            if isinstance(constant, float)
            else repr(constant)
            for constant in given["template"]
        ]
        if isinstance(options.get("shape"), tuple | list):
            options["shape"] = tuple(-1 if n is None else n for n in options["shape"])
        if name == "take" and given["template"][1] is None:
            inputs[1] = f"{inputs[1]}.astype(int)"
        if name in _OPERATIONS and not given["part"]:
            value = _OPERATIONS[name].format(*inputs, **options)
        elif name == "einsum":
            value = f"np.einsum({options['subscripts']!r}, {', '.join(inputs)})"
        elif _PLAIN.fullmatch(name) and not given["part"]:
            listed = (
                f"[{', '.join(inputs)}]" if name in ("concatenate", "stack") else ", ".join(inputs)
            )
            rest = "".join(f", {key}={_plain(value)}" for key, value in options.items())
            value = f"np.{name}({listed}{rest})"
        else:
            msg = f"export: layer {op.layer!r}: operation {name} has no form in NumPy"
            raise ValueError(msg)
        return f"np.asarray({value}, {dtype})"

    def arrays(self) -> str:
        """Return the lines that make the arrays."""
        lines = []
        for name, value in self.constants.items():
            kept = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
            text = base64.b64encode(kept.tobytes()).decode()
            rows = "\n".join(text[i : i + 120] for i in range(0, len(text), 120))
            quote = '"""' if len(text) > 80 else '"'
            lines.append(
                f"{name} = array({kept.dtype.str!r}, {value.shape}, {quote}{rows}{quote})\n"
            )
        return "".join(lines)


def _plain(value: Any) -> str:
    return repr(tuple(value) if isinstance(value, list) else value)


def _image(op: Op, x: str, value: Callable[[str], str]) -> str:
    """Return an expression on images with the channels last, or moved there and back."""
    if not op.attributes["first"]:
        return value(x)
    return f"np.moveaxis({value(f'np.moveaxis({x}, 1, 3)')}, 3, 1)"


def _dense(_: Op, x: list[str], w: dict[str, str]) -> str:
    return f"{x[0]} @ {w['kernel']}" + (f" + {w['bias']}" if "bias" in w else "")


def _conv2d(op: Op, x: list[str], w: dict[str, str]) -> str:
    a = op.attributes
    rest = f"{a['strides']}, {a['pads']}, {a['dilation']}, {a['groups']}"
    bias = f" + {w['bias']}" if "bias" in w else ""
    return _image(op, x[0], lambda image: f"convolve({image}, {w['kernel']}, {rest}){bias}")


def _max_pool(op: Op, x: list[str], _: dict[str, str]) -> str:
    a = op.attributes
    rest = f"{a['size']}, {a['strides']}, {a['pads']}, fill=-np.inf"
    return _image(op, x[0], lambda image: f"windows({image}, {rest}).max(axis=(-2, -1))")


def _avg_pool(op: Op, x: list[str], _: dict[str, str]) -> str:
    a = op.attributes
    return _image(
        op, x[0], lambda image: f"average({image}, {a['size']}, {a['strides']}, {a['pads']})"
    )


def _global_avg_pool(op: Op, x: list[str], _: dict[str, str]) -> str:
    axes = "(2, 3)" if op.attributes["first"] else "(1, 2)"
    keep = ", keepdims=True" if op.attributes["keepdims"] else ""
    return f"{x[0]}.mean(axis={axes}{keep})"


def _batch_norm(op: Op, x: list[str], w: dict[str, str]) -> str:
    def value(rows: str) -> str:
        epsilon = op.attributes["epsilon"]
        return f"({rows} - {w['mean']}) / np.sqrt({w['variance']} + {epsilon}) * {w['gamma']} + {w['beta']}"

    if op.attributes["last"]:
        return value(x[0])
    return f"np.moveaxis({value(f'np.moveaxis({x[0]}, 1, -1)')}, -1, 1)"


def _layer_norm(op: Op, x: list[str], w: dict[str, str]) -> str:
    axes = tuple(range(-op.attributes["axes"], 0))
    rest = f"axis={axes}, keepdims=True"
    epsilon = op.attributes["epsilon"]
    return (
        f"({x[0]} - {x[0]}.mean({rest})) / np.sqrt({x[0]}.var({rest}) + {epsilon})"
        f" * {w['gamma']} + {w['beta']}"
    )


def _clipped(op: Op, x: list[str], _: dict[str, str]) -> str:
    a = op.attributes
    below = f"{x[0]} <= {a['threshold']}"
    value = f"np.where({below}, {a['slope']} * ({x[0]} - {a['threshold']}), {x[0]})"
    return value if a["ceiling"] is None else f"np.minimum({value}, {a['ceiling']})"


def _log_softmax(op: Op, x: list[str], _: dict[str, str]) -> str:
    return f"np.log(softmax({x[0]}, {op.attributes['axis']}))"


EXPRESSIONS: dict[str, Callable[[Op, list[str], dict[str, str]], str]] = {
    "add": lambda _, x, __: " + ".join(x),
    "avg_pool": _avg_pool,
    "batch_norm": _batch_norm,
    "clipped": _clipped,
    "concatenate": lambda op, x, _: (
        f"np.concatenate([{', '.join(x)}], axis={op.attributes['axis']})"
    ),
    "constant": lambda _, __, w: w["value"],
    "conv2d": _conv2d,
    "dense": _dense,
    "elu": lambda op, x, _: (
        f"np.where({x[0]} > 0, {x[0]}, {op.attributes['alpha']} * np.expm1({x[0]}))"
    ),
    "gelu": lambda _, x, __: (
        f"({x[0]} * 0.5 * (1 + erf({x[0]} / np.sqrt(2)))).astype({x[0]}.dtype)"
    ),
    "global_avg_pool": _global_avg_pool,
    "layer_norm": _layer_norm,
    "leaky_relu": lambda op, x, _: (
        f"np.where({x[0]} < 0, {op.attributes['alpha']} * {x[0]}, {x[0]})"
    ),
    "log_softmax": _log_softmax,
    "max_pool": _max_pool,
    "multiply": lambda _, x, __: " * ".join(x),
    "relu": lambda _, x, __: f"np.maximum({x[0]}, 0)",
    "reshape": lambda op, x, _: (
        f"{x[0]}.reshape({(-1, *op.attributes['shape'])})"
        if -1 not in op.attributes["shape"]
        else f"{x[0]}.reshape(len({x[0]}), *{op.attributes['shape']})"
    ),
    "scale": lambda op, x, _: f"{x[0]} * {op.attributes['scale']} + {op.attributes['offset']}",
    "sigmoid": lambda _, x, __: f"1 / (1 + np.exp(-{x[0]}))",
    "softmax": lambda op, x, _: f"softmax({x[0]}, {op.attributes['axis']})",
    "tanh": lambda _, x, __: f"np.tanh({x[0]})",
    "transpose": lambda op, x, _: f"{x[0]}.transpose({(0, *op.attributes['axes'])})",
}

__all__ = ["numpy_source"]
