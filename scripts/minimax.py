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


def odd(f: Function) -> Function:
    """f(x) / x as a function of x^2."""
    return lambda z: f(mp.sqrt(z)) / mp.sqrt(z)


def scaled_erfc(center: int) -> Function:
    """sqrt(1/2) (a + center) exp(a^2) erfc(a) as a function of (a - center) / (a + center)."""

    def f(t: Real) -> Real:
        a = center * (1 + t) / (1 - t)
        return mp.sqrt(mp.mpf(1) / 2) * (a + center) * mp.exp(a * a) * mp.erfc(a)

    return f


def report(name: str, single: bool, result: list[Real]) -> None:
    """Print the coefficients in the precision of their type."""
    *coefficients, worst = result
    line = ", ".join(
        mp.nstr(mp.mpf(struct.unpack("f", struct.pack("f", float(c)))[0]), 9) + "f"
        if single
        else repr(float(c))
        for c in coefficients
    )
    kind = "float" if single else "double"
    sys.stdout.write(f"{kind} {name}: 2^{float(mp.log(worst, 2)):.1f}\n    {line}\n")


def main() -> None:
    """Print every array, float then double."""
    zero = mp.mpf("1e-14")
    erf, normal = odd(mp.erf), odd(lambda x: mp.erf(x / mp.sqrt(2)) / 2)
    for single in (True, False):
        degrees = (4, 5, 2, 6, 4, 9) if single else (9, 10, 6, 11, 9, 22)
        center, largest = (3, mp.mpf("10.3")) if single else (4, mp.mpf("27.6"))
        exp_degree, expm1_degree, log_degree, erf_degree, normal_degree, erfc_degree = degrees
        ends = (-LN2_HALF, LN2_HALF)
        of_exp = remez(exp_tail, lambda r: r**2 / mp.exp(r), exp_degree, *ends)
        report("exp", single, of_exp)
        of_expm1 = remez(exp_tail, lambda r: abs(r**2 / mp.expm1(r)), expm1_degree, *ends)
        report("expm1", single, of_expm1)
        of_log = remez(log_tail, lambda z: z / 2, log_degree, zero, mp.mpf("0.02945"))
        report("log", single, of_log)
        of_erf = remez(erf, lambda z: 1 / erf(z), erf_degree, zero, 1)
        of_erf[0] -= 1  # erf(x) = x + x p(x^2)
        report("erf", single, of_erf)
        of_normal = remez(normal, lambda z: 1 / normal(z), normal_degree, zero, mp.mpf("0.64"))
        report("normal", single, of_normal)
        f = scaled_erfc(center)
        top = (largest - center) / (largest + center)
        report("erfc", single, remez(f, lambda t: 1 / f(t), erfc_degree, -1, top))  # noqa: B023


if __name__ == "__main__":
    main()
