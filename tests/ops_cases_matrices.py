"""Random calls of linear algebra, segments, windows and what else joins or cuts arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops_case import Array, Case, Rng, maker, numbers, shape_of


def regular(rng: Rng, n: int, batch: tuple[int, ...] = ()) -> Array:
    """Return matrices far from singular ones."""
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return np.asarray(numbers(rng, (*batch, n, n)) + 3.0 * sign * np.eye(n))


def positive(rng: Rng, n: int, batch: tuple[int, ...] = ()) -> Array:
    """Return symmetric positive definite matrices."""
    a = numbers(rng, (*batch, n, n))
    return a @ np.swapaxes(a, -1, -2) + np.diag(np.arange(1.0, n + 1))


@maker
def _square(rng: Rng) -> Case:
    name = str(rng.choice(["inv", "det", "slogdet"]))
    return Case(name, [regular(rng, int(rng.integers(1, 4)), shape_of(rng, 0, 1))])


@maker
def _positive(rng: Rng) -> Case:
    x = positive(rng, int(rng.integers(1, 4)), shape_of(rng, 0, 1))
    if rng.random() < 0.3:
        return Case("logdet", [x])
    return Case("cholesky", [x], {"upper": bool(rng.integers(2))})


@maker
def _cholesky_inverse(rng: Rng) -> Case:
    upper = bool(rng.integers(2))
    factor = np.linalg.cholesky(positive(rng, int(rng.integers(1, 4))))
    return Case("cholesky_inverse", [factor.T.copy() if upper else factor], {"upper": upper})


@maker
def _solve(rng: Rng) -> Case:
    n, batch = int(rng.integers(1, 4)), shape_of(rng, 0, 1)
    b = numbers(rng, (*batch, n, 2)) if rng.random() < 0.5 or batch else numbers(rng, (n,))
    if rng.random() < 0.5:
        return Case("solve", [regular(rng, n, batch), b])
    a = regular(rng, n, batch)
    return Case("solve_triangular", [a, b], {"lower": bool(rng.integers(2))})


@maker
def _eigh(rng: Rng) -> Case:
    return Case("eigh", [positive(rng, int(rng.integers(1, 4)), shape_of(rng, 0, 1))])


@maker
def _qr(rng: Rng) -> Case:
    m, n = (int(k) for k in rng.integers(1, 4, 2))
    x = numbers(rng, (m, n)) + 3.0 * np.eye(m, n)
    return Case("qr", [x], {} if m > n or rng.random() < 0.5 else {"mode": "complete"})


@maker
def _svd(rng: Rng) -> Case:
    m, n = (int(k) for k in rng.integers(1, 4, 2))
    x = numbers(rng, (m, n)) + np.eye(m, n) * np.arange(1, n + 1) * 3
    if rng.random() < 0.5:
        return Case("svd", [x], {"compute_uv": False})
    return Case("svd", [x], {"full_matrices": False})


@maker
def _pinv(rng: Rng) -> Case:
    m, n = (int(k) for k in rng.integers(1, 4, 2))
    return Case("pinv", [numbers(rng, (m, n)) + 3.0 * np.eye(m, n)])


@maker
def _lstsq(rng: Rng) -> Case:
    m, n = (int(k) for k in rng.integers(1, 4, 2))
    b = numbers(rng, (m, 2) if rng.random() < 0.5 else (m,))
    return Case("lstsq", [numbers(rng, (m, n)) + 3.0 * np.eye(m, n), b])


@maker
def _rank(rng: Rng) -> Case:
    a = numbers(rng, (4, 2)) @ numbers(rng, (2, 3))
    return Case("matrix_rank", [a], {"tol": 1e-3}, gradient=False)


@maker
def _cdist(rng: Rng) -> Case:
    batch = shape_of(rng, 0, 1)
    return Case("cdist", [numbers(rng, (*batch, 3, 2)), numbers(rng, (*batch, 4, 2))])


@maker
def _conv_transpose(rng: Rng) -> Case:
    c, o = (int(k) for k in rng.integers(1, 3, 2))
    k = int(rng.integers(1, 4))
    if rng.random() < 0.5:
        x, w = numbers(rng, (2, 3, 4, c)), numbers(rng, (k, int(rng.integers(1, 4)), o, c))
    else:
        x, w = numbers(rng, (2, 4, c)), numbers(rng, (k, o, c))
    stride = int(rng.integers(1, 4))
    dilation = int(rng.integers(1, 3)) if stride == 1 else 1
    padding = str(rng.choice(["valid", "same"]))
    options = {"strides": stride, "padding": padding, "dilation_rate": dilation}
    if stride > 1 and rng.random() < 0.3:
        options["output_padding"] = 1
    return Case("conv_transpose", [x, w], options)


@maker
def _adaptive(rng: Rng) -> Case:
    x = numbers(rng, (1, 3, 6, 2) if rng.random() < 0.5 else (2, 5, 3))
    size: Any = int(rng.integers(1, 6))
    if x.ndim == 4 and rng.random() < 0.5:
        size = (size, int(rng.integers(1, 6)))
    name = str(rng.choice(["adaptive_average_pool", "adaptive_max_pool"]))
    return Case(name, [x], {"output_size": size})


@maker
def _blocks(rng: Rng) -> Case:
    layout = str(rng.choice(["channels_first", "channels_last"]))
    name = str(rng.choice(["depth_to_space", "space_to_depth"]))
    return Case(name, [numbers(rng, (1, 4, 2, 4))], {"block_size": 2, "data_format": layout})


@maker
def _unfold(rng: Rng) -> Case:
    options = {
        "kernel_size": (2, int(rng.integers(1, 4))),
        "dilation": int(rng.integers(1, 3)),
        "padding": int(rng.integers(0, 2)),
        "stride": int(rng.integers(1, 3)),
    }
    return Case("unfold", [numbers(rng, (1, 1, 5, 6))], options)


@maker
def _fold(rng: Rng) -> Case:
    padding, stride = int(rng.integers(0, 2)), int(rng.integers(1, 3))
    count = [(n + 2 * padding - 2) // stride + 1 for n in (4, 5)]
    options = {"output_size": (4, 5), "kernel_size": 2, "padding": padding, "stride": stride}
    return Case("fold", [numbers(rng, (1, 4, count[0] * count[1]))], options)


@maker
def _segments(rng: Rng) -> Case:
    name = str(rng.choice(["segment_sum", "segment_prod"]))
    count = int(rng.integers(2, 6)) if rng.random() < 0.5 else None
    data = numbers(rng, (6, *shape_of(rng, 0, 1)))
    return Case(name, [data, rng.integers(0, 4, 6)], {"num_segments": count})


@maker
def _segment_extremes(rng: Rng) -> Case:
    name = str(rng.choice(["segment_max", "segment_min"]))
    ids = rng.permutation(np.array([0, 1, 2, 0, 1, 3]))
    return Case(name, [numbers(rng, (6, *shape_of(rng, 0, 1))), ids], {"num_segments": 3})


@maker
def _nan_quantile(rng: Rng) -> Case:
    x = numbers(rng, (4, 5))
    x[rng.integers(0, 4), rng.integers(0, 5)] = np.nan
    axis = int(rng.integers(0, 2))
    if rng.random() < 0.3:
        return Case("nanmedian", [x], {"axis": axis, "keepdims": True}, gradient=False)
    q = [0.1, 0.6] if rng.random() < 0.5 else 0.3
    return Case("nanquantile", [x], {"q": q, "axis": axis}, gradient=False)


@maker
def _correlate(rng: Rng) -> Case:
    n, m = (int(k) for k in rng.integers(1, 6, 2))
    mode = (
        str(rng.choice(["valid", "full"])) if n < m else str(rng.choice(["valid", "same", "full"]))
    )
    return Case("correlate", [numbers(rng, (n,)), numbers(rng, (m,))], {"mode": mode})


@maker
def _corrcoef(rng: Rng) -> Case:
    return Case("corrcoef", [numbers(rng, (3, 6))])


@maker
def _sparsemax(rng: Rng) -> Case:
    x = numbers(rng, shape_of(rng, 1, 3))
    return Case("sparsemax", [x], {"axis": int(rng.integers(-x.ndim, x.ndim))})


@maker
def _rearrange(rng: Rng) -> Case:
    text, sizes = [
        ("b h w c -> b (c h) w", {}),
        ("b (h p) w c -> (b p) c w h", {"p": 2}),
        ("a b c d -> d (a b c)", {}),
    ][int(rng.integers(3))]
    return Case("rearrange", [numbers(rng, (2, 4, 2, 2))], {"pattern": text, **sizes})


@maker
def _divisors(rng: Rng) -> Case:
    a, b = rng.integers(1, 30, (2, 3, 4)).astype(np.int32)
    return Case(str(rng.choice(["gcd", "lcm"])), [a, b], gradient=False)


@maker
def _next(rng: Rng) -> Case:
    return Case("nextafter", [numbers(rng, (3, 4)), numbers(rng, (3, 4))], gradient=False)


@maker
def _window(rng: Rng) -> Case:
    name = str(rng.choice(["bartlett", "blackman", "hamming", "hanning", "kaiser"]))
    options = {"x": int(rng.integers(1, 9)), **({"beta": 2.0} if name == "kaiser" else {})}
    return Case(name, [], options, gradient=False)


@maker
def _unravel(rng: Rng) -> Case:
    return Case("unravel_index", [rng.integers(0, 24, 5)], {"shape": (2, 3, 4)}, gradient=False)


@maker
def _sequences(rng: Rng) -> Case:
    options = {
        "sequence_length": int(rng.integers(1, 6)),
        "sequence_stride": int(rng.integers(1, 4)),
    }
    return Case("extract_sequences", [numbers(rng, (*shape_of(rng, 0, 1), 6))], options)
