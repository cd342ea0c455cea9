"""The body of each operation in C99: loops over one sample, with sizes as numbers.

Each function answers the statements that make ``y`` of ``x`` (of ``x0``, ``x1`` ... where there are
several), and the constant arrays that they read. Images are (H, W, C), and padded before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hotloop._support.typing import Shape
from hotloop.exporting.lowering import Array, Op, elements

# Accumulators of a block: what compilers keep in 16 vector registers of 8 floats.
_WIDEST, _IMAGE_WIDEST, _ACCUMULATORS = 64, 32, 64
Constants = dict[str, Array]
Body = tuple[str, Constants]


@dataclass(frozen=True)
class Call:
    """An operation with the shapes that it reads and answers."""

    op: Op
    shapes: list[Shape]
    out: Shape


# In steps that compilers vectorise, where calls of libm stay calls. exp: 2^n times a Taylor sum over
# |r| <= ln(2) / 2, its remainder below 6e-9; n is read from the low bits of a float of step 1. Arguments
# are held in range by a loop of their own: GCC 12 turns no loop into vectors that computes with a held one.
FUNCTIONS = {
    "net_exp": """\
/* exp(v) to 2e-7, for |v| <= 87. */
static inline float net_exp(float v)
{
    union { float f; uint32_t u; } n, scale;
    n.f = v * 1.44269504f + 12582912.0f;
    const float k = n.f - 12582912.0f, r = (v - k * 0.693359375f) + k * 2.12194440e-4f;
    scale.u = (n.u + 127u) << 23;
    return scale.f * (1.0f + r * (1.0f + r * (0.5f + r * (0.166666667f + r * (0.0416666667f
        + r * (0.00833333333f + r * (0.00138888889f + r * 1.98412698e-4f)))))));
}

""",
    "net_tanh": """\
/* tanh(v) to 2e-7, for |v| <= 40. */
static inline float net_tanh(float v)
{
    return 1.0f - 2.0f / (1.0f + net_exp(2.0f * v));
}

""",
}


def literal(value: float) -> str:
    """Return a number as a float constant of C."""
    number = float(np.float32(value))
    if math.isnan(number):
        return "NAN"
    if math.isinf(number):
        return "INFINITY" if number > 0 else "-INFINITY"
    text = f"{number:.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def _panels(kernel: Array, widest: int) -> tuple[Array, int, int]:
    """Cut the columns of (..., K, O) into panels (P, ..., K, W), with zeros behind the last one."""
    outputs = kernel.shape[-1]
    count = -(-outputs // widest)
    width = -(-outputs // count)
    spare = [(0, 0)] * (kernel.ndim - 1) + [(0, count * width - outputs)]
    cut = np.pad(kernel, spare).reshape(*kernel.shape[:-1], count, width)
    return np.moveaxis(cut, -2, 0), count, width


def _bias(op: Op, outputs: int, padded: int) -> Array:
    bias = op.weights.get("bias", np.zeros(outputs))
    return np.pad(bias, (0, padded - outputs))


def _store(value: str, rectified: bool) -> str:
    return f"{value} < 0.0f ? 0.0f : {value}" if rectified else value


def dense(call: Call) -> Body:
    """Multiply rows by a panel of columns at a time, in as many accumulators."""
    kernel = call.op.weights["kernel"]
    features, units = kernel.shape
    packed, count, width = _panels(kernel, _WIDEST)
    rows = elements(call.out) // units if units else 0
    relu = call.op.attributes.get("relu", False)
    limit = "W" if count * width == units else f"({units} - p * W < W ? {units} - p * W : W)"
    body = f"""\
    enum {{ I = {features}, O = {units}, W = {width}, P = {count} }};
    NET_PARALLEL
    for (int p = 0; p < P; p++)
        for (size_t r = 0; r < {rows}; r++) {{
            const float *k = kernel + (size_t)p * I * W;
            float a[W];
            for (size_t o = 0; o < W; o++) a[o] = bias[p * W + o];
            for (size_t i = 0; i < I; i++)
                for (size_t o = 0; o < W; o++) a[o] += x[r * I + i] * k[i * W + o];
            const size_t n = {limit};
            for (size_t o = 0; o < n; o++) y[r * O + p * W + o] = {_store("a[o]", relu)};
        }}
"""
    return body, {"kernel": packed, "bias": _bias(call.op, units, count * width)}


def conv2d(call: Call) -> Body:
    """Multiply a few pixels of a row by a panel of filters at a time."""
    kernel, groups = call.op.weights["kernel"], call.op.attributes["groups"]
    kh, kw, channels, filters = kernel.shape
    _, _, in_w, in_c = call.shapes[0]
    _, out_h, out_w, _ = call.out
    (sh, sw), (dh, dw) = call.op.attributes["strides"], call.op.attributes["dilation"]
    each = filters // groups
    packed = kernel.reshape(kh, kw, channels, groups, each).transpose(3, 0, 1, 2, 4)
    packed, count, width = _panels(packed, _IMAGE_WIDEST)
    bias = call.op.weights.get("bias", np.zeros(filters)).reshape(groups, each)
    bias = np.pad(bias, ((0, 0), (0, count * width - each)))
    pixels = max(1, min(4, _ACCUMULATORS // (-(-width // 8) * 8), out_w or 1))
    # Taps of one row lie side by side in memory where nothing comes between them.
    joined = groups == 1 and dw == 1
    taps, run = (1, kw * channels) if joined else (kw, channels)
    tile = range(pixels)
    sums = ", ".join(f"a{t}[W]" for t in tile)
    begin = " ".join(f"a{t}[o] = bias[g * P * W + p * W + o];" for t in tile)
    step = " ".join(f"a{t}[o] += u[{t} * SW * C + c] * k[c * W + o];" for t in tile)
    relu = call.op.attributes.get("relu", False)
    end = " ".join(f"v[{t} * O + o] = {_store(f'a{t}[o]', relu)};" for t in tile)
    limit = "W" if count * width == each else f"({each} - p * W < W ? {each} - p * W : W)"
    body = f"""\
    enum {{ H = {out_h}, V = {out_w}, O = {filters}, U = {in_w}, C = {in_c}, SW = {sw} }};
    enum {{ G = {groups}, P = {count}, W = {width}, T = {pixels}, N = {run} }};
    NET_PARALLEL
    for (int h = 0; h < H; h++)
        for (size_t at = 0; at < V; at += T) {{
            const size_t w = at + T > V ? V - T : at;
            for (size_t g = 0; g < G; g++)
                for (size_t p = 0; p < P; p++) {{
                    const float *k = kernel + (p * G + g) * {kh * kw * channels} * W;
                    float {sums};
                    for (size_t o = 0; o < W; o++) {{ {begin} }}
                    for (size_t i = 0; i < {kh}; i++)
                        for (size_t j = 0; j < {taps}; j++, k += N * W) {{
                            const float *u = x + ((h * {sh} + i * {dh}) * U + w * SW + j * {dw}) * C
                                             + g * {channels};
                            for (size_t c = 0; c < N; c++)
                                for (size_t o = 0; o < W; o++) {{ {step} }}
                        }}
                    float *v = y + (h * V + w) * O + g * {each} + p * W;
                    const size_t n = {limit};
                    for (size_t o = 0; o < n; o++) {{ {end} }}
                }}
        }}
"""
    return body, {"kernel": packed, "bias": bias}


def pad(call: Call) -> Body:
    """Copy the image into a frame."""
    (top, _), (left, _) = call.op.attributes["pads"]
    _, h, w, c = call.shapes[0]
    body = f"""\
    for (size_t i = 0; i < {elements(call.out)}; i++) y[i] = {literal(call.op.attributes["value"])};
    for (size_t h = 0; h < {h}; h++)
        for (size_t i = 0; i < {(w or 0) * (c or 0)}; i++)
            y[((h + {top}) * {call.out[2]} + {left}) * {c} + i] = x[h * {(w or 0) * (c or 0)} + i];
"""
    return body, {}


def _windows(call: Call, first: str, step: str, last: str) -> str:
    (kh, kw), (sh, sw) = call.op.attributes["size"], call.op.attributes["strides"]
    _, _, in_w, c = call.shapes[0]
    return f"""\
    enum {{ H = {call.out[1]}, V = {call.out[2]}, C = {c}, U = {in_w} }};
    NET_PARALLEL
    for (int h = 0; h < H; h++)
        for (size_t w = 0; w < V; w++) {{
            const float *u = x + (h * {sh} * U + w * {sw}) * C;
            float a[C];
            for (size_t c = 0; c < C; c++) a[c] = {first};
            for (size_t i = 0; i < {kh}; i++)
                for (size_t j = 0; j < {kw}; j++)
                    for (size_t c = 0; c < C; c++) {{
                        const float v = u[(i * U + j) * C + c];
                        {step}
                    }}
            for (size_t c = 0; c < C; c++) y[(h * V + w) * C + c] = {last};
        }}
"""


def max_pool(call: Call) -> Body:
    """Find the largest of each window."""
    return _windows(call, "u[c]", "a[c] = v > a[c] ? v : a[c];", "a[c]"), {}


def avg_pool(call: Call) -> Body:
    """Average each window over the pixels that are no padding."""
    shares = call.op.attributes["shares"]
    if all((share == share[0]).all() for share in shares):
        last, held = f"a[c] * {literal(shares[0][0] * shares[1][0])}", {}
    else:
        last = "a[c] * rows[h] * columns[w]"
        held = {"rows": shares[0], "columns": shares[1]}
    return _windows(call, "0.0f", "a[c] += v;", last), held


def global_avg_pool(call: Call) -> Body:
    """Average each channel."""
    _, h, w, c = call.shapes[0]
    pixels = (h or 0) * (w or 0)
    body = f"""\
    float a[{c}];
    for (size_t c = 0; c < {c}; c++) a[c] = 0.0f;
    for (size_t i = 0; i < {pixels}; i++)
        for (size_t c = 0; c < {c}; c++) a[c] += x[i * {c} + c];
    for (size_t c = 0; c < {c}; c++) y[c] = a[c] / {literal(pixels)};
"""
    return body, {}


def batch_norm(call: Call) -> Body:
    """Apply one factor and one offset a channel."""
    held = {name: value.astype(np.float64) for name, value in call.op.weights.items()}
    factor = held["gamma"] / np.sqrt(held["variance"] + call.op.attributes["epsilon"])
    outer, size, inner = _around(call)
    body = f"""\
    for (size_t r = 0; r < {outer}; r++)
        for (size_t c = 0; c < {size}; c++)
            for (size_t i = 0; i < {inner}; i++) {{
                const size_t at = (r * {size} + c) * {inner} + i;
                y[at] = x[at] * factor[c] + offset[c];
            }}
"""
    return body, {"factor": factor, "offset": held["beta"] - held["mean"] * factor}


def layer_norm(call: Call) -> Body:
    """Subtract the mean of each row, and divide by its deviation."""
    size = call.op.weights["gamma"].size
    body = f"""\
    for (size_t r = 0; r < {elements(call.out) // max(size, 1)}; r++, x += {size}, y += {size}) {{
        float mean = 0.0f, variance = 0.0f;
        for (size_t i = 0; i < {size}; i++) mean += x[i];
        mean /= {literal(size)};
        for (size_t i = 0; i < {size}; i++) variance += (x[i] - mean) * (x[i] - mean);
        const float scale = 1.0f / sqrtf(variance / {literal(size)} + {literal(call.op.attributes["epsilon"])});
        for (size_t i = 0; i < {size}; i++) y[i] = (x[i] - mean) * scale * gamma[i] + beta[i];
    }}
"""
    return body, {"gamma": call.op.weights["gamma"], "beta": call.op.weights["beta"]}


def _around(call: Call) -> tuple[int, int, int]:
    """Return the products of the axes before, at and behind an operation's axis."""
    axis = call.op.attributes["axis"]
    sizes = [n or 0 for n in call.out]
    return math.prod(sizes[1:axis]), sizes[axis], math.prod(sizes[axis + 1 :])


def softmax(call: Call) -> Body:
    """Shift by the largest, so that nothing overflows."""
    outer, size, inner = _around(call)
    log = call.op.kind == "log_softmax"
    last = "v[c * N] = u[c * N] - most - logf(sum);" if log else "v[c * N] /= sum;"
    body = f"""\
    enum {{ K = {size}, N = {inner} }};
    for (size_t r = 0; r < {outer}; r++)
        for (size_t i = 0; i < N; i++) {{
            const float *u = x + r * K * N + i;
            float *v = y + r * K * N + i;
            float most = u[0], sum = 0.0f;
            for (size_t c = 1; c < K; c++) most = u[c * N] > most ? u[c * N] : most;
            for (size_t c = 0; c < K; c++)
                v[c * N] = u[c * N] - most < -87.0f ? -87.0f : u[c * N] - most;
            for (size_t c = 0; c < K; c++) v[c * N] = net_exp(v[c * N]);
            for (size_t c = 0; c < K; c++) sum += v[c * N];
            for (size_t c = 0; c < K; c++) {last}
        }}
"""
    return body, {}


def transpose(call: Call) -> Body:
    """Copy with other strides."""
    sizes = [n or 0 for n in call.shapes[0][1:]]
    axes = [a - 1 for a in call.op.attributes["axes"]]
    strides = [math.prod(sizes[a + 1 :]) for a in axes]
    lines = [
        "    " * (i + 1) + f"for (size_t i{i} = 0; i{i} < {sizes[a]}; i{i}++)"
        for i, a in enumerate(axes)
    ]
    place = " + ".join(f"i{i} * {stride}" for i, stride in enumerate(strides))
    lines.append("    " * (len(axes) + 1) + f"*y++ = x[{place}];")
    return "\n".join(lines) + "\n", {}


def merge(call: Call) -> Body:
    """Add or multiply, axes of size 1 broadcast."""
    sign = " + " if call.op.kind == "add" else " * "
    sizes = [n or 0 for n in call.out[1:]]
    if all(shape[1:] == call.out[1:] for shape in call.shapes):
        value = sign.join(f"x{k}[i]" for k in range(len(call.shapes)))
        return f"    for (size_t i = 0; i < {elements(call.out)}; i++) y[i] = {value};\n", {}
    lines = [
        "    " * (i + 1) + f"for (size_t i{i} = 0; i{i} < {n}; i{i}++)" for i, n in enumerate(sizes)
    ]
    parts = []
    for k, shape in enumerate(call.shapes):
        mine = [n or 0 for n in shape[1:]]
        at = [f"i{i} * {math.prod(mine[i + 1 :])}" for i, n in enumerate(mine) if n > 1]
        parts.append(f"x{k}[{' + '.join(at) or 0}]")
    lines.append("    " * (len(sizes) + 1) + f"*y++ = {sign.join(parts)};")
    return "\n".join(lines) + "\n", {}


def concatenate(call: Call) -> Body:
    """Copy runs of each input in turn."""
    outer, _, inner = _around(call)
    lines = [f"    for (size_t r = 0; r < {outer}; r++) {{\n"]
    for k, shape in enumerate(call.shapes):
        run = (shape[call.op.attributes["axis"]] or 0) * inner
        lines.append(f"        for (size_t i = 0; i < {run}; i++) *y++ = x{k}[r * {run} + i];\n")
    return "".join(lines) + "    }\n", {}


def _each(expression: Callable[[Any], str]) -> Callable[[Call], Body]:
    """Return the function of an operation that looks at one element ``v`` at a time."""

    def body(call: Call) -> Body:
        value = expression({k: literal(v) for k, v in call.op.attributes.items() if v is not None})
        return (
            f"    for (size_t i = 0; i < {elements(call.out)}; i++) {{\n"
            f"        const float v = x[i];\n        y[i] = {value};\n    }}\n"
        ), {}

    return body


def _held(limit: float, expression: str) -> Callable[[Call], Body]:
    """Return the function of an operation on arguments that are held between -limit and limit."""
    bound = literal(limit)

    def body(call: Call) -> Body:
        each = f"    for (size_t i = 0; i < {elements(call.out)}; i++)"
        held = f"x[i] < -{bound} ? -{bound} : x[i] > {bound} ? {bound} : x[i]"
        return f"{each} y[i] = {held};\n{each} y[i] = {expression};\n", {}

    return body


def _clipped(a: dict[str, str]) -> str:
    value = f"(v <= {a['threshold']} ? {a['slope']} * (v - {a['threshold']}) : v)"
    return f"v >= {a['ceiling']} ? {a['ceiling']} : {value}" if "ceiling" in a else value


ELEMENTWISE: dict[str, Callable[[Call], Body]] = {
    "relu": _each(lambda _: "v < 0.0f ? 0.0f : v"),
    "leaky_relu": _each(lambda a: f"v < 0.0f ? {a['alpha']} * v : v"),
    "elu": _each(lambda a: f"v > 0.0f ? v : {a['alpha']} * expm1f(v)"),
    "gelu": _each(lambda _: "0.5f * v * (1.0f + erff(v * 0.707106781f))"),
    "sigmoid": _held(87.0, "1.0f / (1.0f + net_exp(-y[i]))"),
    "tanh": _held(10.0, "net_tanh(y[i])"),
    "clipped": _each(_clipped),
    "scale": _each(lambda a: f"v * {a['scale']} + {a['offset']}"),
}
BODIES: dict[str, Callable[[Call], Body]] = {
    **ELEMENTWISE,
    "add": merge,
    "avg_pool": avg_pool,
    "batch_norm": batch_norm,
    "concatenate": concatenate,
    "conv2d": conv2d,
    "dense": dense,
    "global_avg_pool": global_avg_pool,
    "layer_norm": layer_norm,
    "log_softmax": softmax,
    "max_pool": max_pool,
    "multiply": merge,
    "pad": pad,
    "softmax": softmax,
    "transpose": transpose,
}

__all__ = ["BODIES", "ELEMENTWISE", "FUNCTIONS", "Call", "literal"]
