"""Print the coefficients of ``cpp/simd/math_constants.h``.

Each function is approximated by the polynomial whose largest weighted error is smallest, found by
the exchange algorithm of Remez (1934); see Muller, "Elementary Functions" (2016), chapter 3. The
weight makes that error relative to the function which the polynomial serves. Needs mpmath.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any

import mpmath as mp

Real = Any  # mpmath carries no types
Function = Callable[[Real], Real]

mp.mp.dps = 45
LN2_HALF = mp.log(2) / 2 * mp.mpf("1.0006")  # a little more: k is rounded from an inexact product


def remez(f: Function, weight: Function, degree: int, low: Real, high: Real) -> list[Real]:
    """Return the coefficients, constant first, and after them the largest weighted error."""
    low, high = mp.mpf(low), mp.mpf(high)
    terms, points = degree + 1, degree + 2

    def chebyshev(position: Real) -> Real:
        return (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * position)

    grid = [chebyshev((i + mp.mpf(1) / 3) / (24 * terms)) for i in range(24 * terms)]
    values = [(x, f(x), weight(x)) for x in grid]
    nodes = [chebyshev((i + mp.mpf(1) / 2) / points) for i in range(points)]
    coefficients: list[Real] = []
    worst = mp.mpf(0)
    for _ in range(20):
        # The error of the next polynomial has the same size and alternating signs at the nodes.
        system, right = mp.matrix(points, points), mp.matrix(points, 1)
        for i, x in enumerate(nodes):
            for j in range(terms):
                system[i, j] = x**j * weight(x)
            system[i, terms] = (-1) ** i
            right[i] = f(x) * weight(x)
        solution = mp.lu_solve(system, right)
        coefficients = [solution[j] for j in range(terms)]
        # Exchange: the new nodes are the extremes between two changes of sign.
        extremes: list[tuple[Real, Real]] = []
        for x, y, w in values:
            error = (mp.polyval(coefficients[::-1], x) - y) * w
            if not extremes or (extremes[-1][1] > 0) != (error > 0):
                extremes.append((x, error))
            elif abs(error) > abs(extremes[-1][1]):
                extremes[-1] = (x, error)
        while len(extremes) > points:
            extremes.pop(0 if abs(extremes[0][1]) < abs(extremes[-1][1]) else -1)
        sizes = [abs(error) for _, error in extremes]
        worst = max(sizes)
        if len(extremes) < points:
            message = f"{len(extremes)} extremes instead of {points}"
            raise ArithmeticError(message)
        if worst < min(sizes) * mp.mpf("1.01"):
            break
        nodes = [x for x, _ in extremes]
    return [*coefficients, worst]


def exp_tail(r: Real) -> Real:
    """(exp(r) - 1 - r) / r^2."""
    return mp.mpf(1) / 2 if r == 0 else (mp.expm1(r) - r) / r**2


def log_tail(z: Real) -> Real:
    """(2 atanh(s) / s - 2) / s^2 for z = s^2."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def log1p_tail(x: Real) -> Real:
    """(log(1 + x) - x) / x^2."""
    return -mp.mpf(1) / 2 if x == 0 else (mp.log1p(x) - x) / x**2


def odd(f: Function) -> Function:
    """f(x) / x as a function of x^2."""
    return lambda z: f(mp.sqrt(z)) / mp.sqrt(z)


def scaled_erfc(center: int) -> Function:
    """sqrt(1/2) (a + center) exp(a^2) erfc(a) as a function of (a - center) / (a + center)."""

    def f(t: Real) -> Real:
        a = center * (1 + t) / (1 - t)
        return mp.sqrt(mp.mpf(1) / 2) * (a + center) * mp.exp(a * a) * mp.erfc(a)

    return f


PIECES = 32


def pieces(f: Function, scale: Function, degree: int, step: Real, *, odd_function: bool) -> None:
    """Print f near k * step as polynomials in the distance, for k = 0 to 31: a table a power.

    The error is relative to ``scale``. An odd function has no constant near zero.
    """
    half = mp.mpf(step) / 2
    table, worst = [], mp.mpf(0)
    for k in range(PIECES):
        center = k * mp.mpf(step)
        if k == 0 and odd_function:
            found = remez(lambda t: f(t) / t, lambda _: 1, degree - 1, mp.mpf("1e-14"), half)
            *coefficients, error = [mp.mpf(0), *found]
        else:
            low = -half if k else mp.mpf(0)
            *coefficients, error = remez(
                lambda t: f(center + t),  # noqa: B023
                lambda t: 1 / abs(scale(center + t)),  # noqa: B023
                degree,
                low,
                half,
            )
        table.append(coefficients)
        worst = max(worst, error)
    sys.stdout.write(f"{degree}: 2^{float(mp.log(worst, 2)):.1f}\n")
    for power in range(degree + 1):
        line = ", ".join(single(row[power]) for row in table)
        sys.stdout.write(f"    {{{line}}},\n")


def single(c: Real) -> str:
    """Write a number in the precision of float."""
    text: str = mp.nstr(mp.mpf(struct.unpack("f", struct.pack("f", float(c)))[0]), 9)
    return (text if "." in text or "e" in text else text + ".0") + "f"


def normal_tail(z: Real) -> Real:
    """Phi(-z)."""
    return mp.erfc(z / mp.sqrt(2)) / 2


def gelu_slope(z: Real) -> Real:
    """Give the derivative of x Phi(x) at -z."""
    return normal_tail(z) - z * mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def all_pieces() -> None:
    """Print the tables of ``cpp/simd/pieces.h``."""
    sys.stdout.write("tanh ")
    pieces(mp.tanh, mp.tanh, 6, mp.mpf(19) / 64, odd_function=True)
    step = mp.mpf(3) / 16
    sys.stdout.write("normal ")
    pieces(normal_tail, normal_tail, 6, step, odd_function=False)
    sys.stdout.write("gelu slope ")
    size = lambda z: max(abs(gelu_slope(z)), normal_tail(z))  # noqa: E731
    pieces(gelu_slope, size, 6, step, odd_function=False)


def report(name: str, is_single: bool, result: list[Real]) -> None:
    """Print the coefficients in the precision of their type."""
    *coefficients, worst = result
    line = ", ".join(single(c) if is_single else repr(float(c)) for c in coefficients)
    kind = "float" if is_single else "double"
    sys.stdout.write(f"{kind} {name}: 2^{float(mp.log(worst, 2)):.1f}\n    {line}\n")


def main() -> None:
    """Print every array, float then double."""
    zero = mp.mpf("1e-14")
    erf, normal = odd(mp.erf), odd(lambda x: mp.erf(x / mp.sqrt(2)) / 2)
    for is_single in (True, False):
        degrees = (4, 5, 2, 8, 6, 4, 9) if is_single else (9, 10, 6, 20, 11, 9, 22)
        center, largest = (3, mp.mpf("10.3")) if is_single else (4, mp.mpf("27.6"))
        exp_degree, expm1_degree, log_degree, log1p_degree, *others = degrees
        erf_degree, normal_degree, erfc_degree = others
        ends = (-LN2_HALF, LN2_HALF)
        of_exp = remez(exp_tail, lambda r: r**2 / mp.exp(r), exp_degree, *ends)
        report("exp", is_single, of_exp)
        of_expm1 = remez(exp_tail, lambda r: abs(r**2 / mp.expm1(r)), expm1_degree, *ends)
        report("expm1", is_single, of_expm1)
        of_log = remez(log_tail, lambda z: z / 2, log_degree, zero, mp.mpf("0.02945"))
        report("log", is_single, of_log)
        of_log1p = remez(log1p_tail, lambda x: x**2 / mp.log1p(x), log1p_degree, zero, 1)
        report("log1p", is_single, of_log1p)
        of_erf = remez(erf, lambda z: 1 / erf(z), erf_degree, zero, 1)
        of_erf[0] -= 1  # erf(x) = x + x p(x^2)
        report("erf", is_single, of_erf)
        of_normal = remez(normal, lambda z: 1 / normal(z), normal_degree, zero, mp.mpf("0.64"))
        report("normal", is_single, of_normal)
        f = scaled_erfc(center)
        top = (largest - center) / (largest + center)
        report("erfc", is_single, remez(f, lambda t: 1 / f(t), erfc_degree, -1, top))  # noqa: B023
    all_pieces()


if __name__ == "__main__":
    main()
