"""A model as one file of C99."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from hotloop._support.typing import Shape
from hotloop.exporting.c_loops import BODIES, ELEMENTWISE, FUNCTIONS, Call, literal
from hotloop.exporting.lowering import Array, Op, Program, elements, lowered
from hotloop.version import __version__

_ALIGNED = 16  # floats: a cache line
_MAIN = """
#ifdef NET_MAIN
#include <stdio.h>
/* Reads samples from standard input, numbers between blanks; answers a line for each. */
int main(void)
{
    static float x[NET_INPUTS], y[NET_OUTPUTS];
    for (;;) {
        for (size_t i = 0; i < NET_INPUTS; i++)
            if (scanf("%f", &x[i]) != 1) return i == 0 && feof(stdin) ? 0 : 1;
        net(x, y);
        for (size_t i = 0; i < NET_OUTPUTS; i++)
            printf("%.9g%c", (double)y[i], i + 1 == NET_OUTPUTS ? '\\n' : ' ');
    }
}
#endif
"""


def c_source(model: Any) -> str:
    """Return a model as the text of a C99 file; a ValueError names what has no form in C."""
    program = _for_loops(lowered(model))
    places, size = _places(program)
    inputs = sum(elements(program.shapes[i]) for i in program.inputs)
    outputs = sum(elements(program.shapes[i]) for i in program.outputs)
    functions, calls = [], []
    for i, op in enumerate(program.ops):
        if op.kind == "reshape":
            continue
        name = f"op{i}_{re.sub(r'[^A-Za-z0-9]', '_', op.layer)}"
        functions.append(_function(name, op, program))
        calls.append(f"    {name}({', '.join(places[v] for v in (*op.inputs, op.output))});\n")
    calls += _copies(program, places)
    body = "".join(functions)
    helpers = [text for name, text in FUNCTIONS.items() if name in body or "net_tanh" in body]
    buffer = "    static float b[NET_BUFFER];\n" if size else ""
    describe = f"{_sizes(program, program.inputs)} to {_sizes(program, program.outputs)}"
    return f"""\
/* The network {re.sub(r"[^ -)+-.0-~]", "_", program.name)!r}, written by hotloop {__version__}: {describe}.
 *
 * net(x, y) reads NET_INPUTS numbers of one sample and writes NET_OUTPUTS; several inputs or outputs lie one
 * behind the other. No heap; a static buffer, so one call at a time.
 *
 *   cc -std=c99 -O3 -march=native net.c -lm            -DNET_MAIN   with a main that reads standard input
 *                                                      -DNET_OPENMP -fopenmp   on several threads
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define NET_INPUTS {inputs}
#define NET_OUTPUTS {outputs}
#define NET_BUFFER {size} /* floats */
#ifdef NET_OPENMP
#define NET_PARALLEL _Pragma("omp parallel for")
#else
#define NET_PARALLEL
#endif

void net(const float *x, float *y);

{"".join(helpers)}{body}void net(const float *x, float *y)
{{
{buffer}{"".join(calls)}}}
{_MAIN}"""


def _sizes(program: Program, values: tuple[int, ...]) -> str:
    return " and ".join(" x ".join(map(str, program.shapes[i][1:])) or "1" for i in values)


def _function(name: str, op: Op, program: Program) -> str:
    body = BODIES.get(op.kind)
    if body is None:
        what = op.attributes.get("operation", op.kind)
        msg = f"export: layer {op.layer!r}: {what} has no form in C"
        raise ValueError(msg)
    text, constants = body(
        Call(op, [program.shapes[i] for i in op.inputs], program.shapes[op.output])
    )
    several = op.kind in ("add", "multiply", "concatenate")
    names = [f"x{k}" if several else "x" for k in range(len(op.inputs))]
    # What looks at one element at a time may write over its input.
    apart = "" if op.kind in ELEMENTWISE else "restrict "
    arguments = [f"const float *{apart}{x}" for x in names]
    arrays = "".join(_array(name, key, value) for key, value in constants.items())
    for key in constants:
        text = re.sub(rf"\b{key}\b", f"{name}_{key}", text)
    return f"{arrays}static void {name}({', '.join(arguments)}, float *{apart}y)\n{{\n{text}}}\n\n"


def _array(owner: str, name: str, value: Array) -> str:
    numbers = [literal(v) for v in value.astype(np.float32).reshape(-1).tolist()]
    lines = (", ".join(numbers[i : i + 8]) for i in range(0, len(numbers), 8))
    joined = ",\n    ".join(lines)
    return f"static const float {owner}_{name}[{value.size}] = {{\n    {joined}\n}};\n"


def _copies(program: Program, places: dict[int, str]) -> Iterator[str]:
    """Yield the loops that bring outputs into place which no operation wrote there."""
    offset = 0
    for value in program.outputs:
        size = elements(program.shapes[value])
        if places[value] != f"y + {offset}":
            at = places[value].partition(" + ")
            yield f"    for (size_t i = 0; i < {size}; i++) y[{offset} + i] = {at[0]}[{at[2] or 0} + i];\n"
        offset += size


# -- images with the channels last, padding as an operation of its own, fused rectifiers -----------


def _for_loops(program: Program) -> Program:
    """Return the program as the loops take it."""
    for shape in program.shapes.values():
        if None in shape[1:]:
            msg = f"export: for C every size but the batch must be known, got a value of {shape}"
            raise ValueError(msg)
    made = _Rewriting(program)
    for op in program.ops:
        made.take(op)
    ops = _fused(made.ops, program)
    return Program(
        program.name, program.dtype, program.inputs, program.outputs, ops, program.shapes
    )


class _Rewriting:
    def __init__(self, program: Program) -> None:
        self.shapes, self.ops = program.shapes, list[Op]()
        self._next = 1 + max(program.shapes)

    def take(self, op: Op) -> None:
        first = op.attributes.get("first", False)
        if first and op.kind == "global_avg_pool":
            value = self._moved(op.inputs[0], (2, 3, 1), op.layer)
            self.ops.append(Op(op.kind, (value,), op.output, op.layer, op.attributes))
            return
        if op.kind not in ("conv2d", "max_pool", "avg_pool"):
            self.ops.append(op)
            return
        value = self._moved(op.inputs[0], (2, 3, 1), op.layer) if first else op.inputs[0]
        given = dict(op.attributes)
        if op.kind == "avg_pool":
            given["shares"] = self._shares(given, self.shapes[value])
        if any(n for pads in given["pads"] for n in pads):
            fill = -np.inf if op.kind == "max_pool" else 0.0
            _, h, w, c = self.shapes[value]
            (top, bottom), (left, right) = given["pads"]
            framed = (None, (h or 0) + top + bottom, (w or 0) + left + right, c)
            attributes = {"pads": given["pads"], "value": fill}
            value = self._add("pad", value, attributes, framed, op.layer)
        if not first:
            self.ops.append(Op(op.kind, (value,), op.output, op.layer, given, op.weights))
            return
        _, c, h, w = self.shapes[op.output]
        last = self._add(op.kind, value, given, (None, h, w, c), op.layer, op.weights)
        self.ops.append(Op("transpose", (last,), op.output, op.layer, {"axes": (3, 1, 2)}))

    def _moved(self, value: int, axes: tuple[int, ...], layer: str) -> int:
        shape = (None, *(self.shapes[value][a] for a in axes))
        return self._add("transpose", value, {"axes": axes}, shape, layer)

    def _add(
        self,
        kind: str,
        value: int,
        attributes: dict[str, Any],
        shape: Shape,
        layer: str,
        weights: dict[str, Array] | None = None,
    ) -> int:
        made, self._next = self._next, self._next + 1
        self.shapes[made] = shape
        self.ops.append(Op(kind, (value,), made, layer, attributes, weights or {}))
        return made

    def _shares(self, given: dict[str, Any], shape: Shape) -> list[Array]:
        """Return one over the number of pixels of each window along rows and columns."""
        found = []
        for size, k, stride, (before, after) in zip(
            shape[1:3], given["size"], given["strides"], given["pads"], strict=True
        ):
            n = size or 0
            starts = np.arange(0, n + before + after - k + 1, stride) - before
            counts = np.minimum(starts + k, n) - np.maximum(starts, 0)
            found.append(1.0 / np.maximum(counts, 1))
        return found


def _fused(ops: list[Op], program: Program) -> list[Op]:
    """Let products store what a relu that alone reads them makes of them."""
    readers: dict[int, int] = {}
    for value in (*program.outputs, *(i for op in ops for i in op.inputs)):
        readers[value] = readers.get(value, 0) + 1
    makers = {op.output: op for op in ops}
    found = []
    for op in ops:
        maker = makers.get(op.inputs[0]) if op.kind == "relu" else None
        if maker is not None and maker.kind in ("dense", "conv2d") and readers[maker.output] == 1:
            maker.attributes["relu"] = True
            maker.output = op.output
        else:
            found.append(op)
    return found


# -- where values lie ------------------------------------------------------------------------------


def _places(program: Program) -> tuple[dict[int, str], int]:
    """Return where each value lies, and how large the buffer is: a place is used again once it is free."""
    root: dict[int, int] = {}
    last: dict[int, int] = {}
    for i, op in enumerate(program.ops):
        root[op.output] = (
            root.get(op.inputs[0], op.inputs[0]) if op.kind == "reshape" else op.output
        )
        for value in op.inputs:
            last[root.get(value, value)] = i
    places: dict[int, str] = {}
    offset = 0
    for value in program.inputs:
        places[value] = f"x + {offset}"
        offset += elements(program.shapes[value])
    offset = 0
    for value in program.outputs:
        mine = root.get(value, value)
        last[mine] = len(program.ops)
        places.setdefault(mine, f"y + {offset}")
        offset += elements(program.shapes[value])
    taken: list[tuple[int, int, int]] = []  # begin, end, the last reader
    size = 0
    for i, op in enumerate(program.ops):
        if op.output not in root or root[op.output] != op.output or op.output in places:
            continue
        taken = [one for one in taken if one[2] >= i]
        length = -(-elements(program.shapes[op.output]) // _ALIGNED) * _ALIGNED
        begin = 0
        for start, end, _ in sorted(taken):
            if begin + length <= start:
                break
            begin = max(begin, end)
        places[op.output] = f"b + {begin}"
        taken.append((begin, begin + length, last.get(op.output, i)))
        size = max(size, begin + length)
    for value, mine in root.items():
        places[value] = places[mine]
    return places, size


__all__ = ["c_source"]
