"""Exponential, logarithm and hyperbolic tangent as straight-line code, less than 1.5 units in the last place off.

Polynomials were interpolated at Chebyshev nodes in 60-digit arithmetic, which is near the best of their degree; the
errors stated are those of the rounded coefficients, relative to the function. Argument reductions are the usual ones
(Cody and Waite's split of ln 2; the atanh series for the logarithm).

Minima and maxima
-----------------
`maximum` and `minimum` return NaN where an operand is NaN, like NumPy's. Which of two zeros of unlike sign comes out is
not defined.
"""

import math
from typing import NamedTuple

from dcsim.engines.lanes import Code


class _Format(NamedTuple):
    mantissa_bits: int
    exponent_bias: int
    exp_polynomial: tuple[float, ...]  # (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2
    exp_range: tuple[float, float]  # within, scaling by 2**n gives 0 and infinity exactly at the ends
    ln2: tuple[float, float]  # upper part with trailing zeros, rest
    log_polynomial: tuple[float, ...]  # (log((1 + s) / (1 - s)) / s - 2) / s**2 in s**2
    sqrt_half: int  # bits
    tiny: float  # smallest normal number
    tanh_saturated: float  # 2 x beyond which tanh(x) rounds to 1


_DOUBLE = _Format(
    mantissa_bits=52,
    exponent_bias=1023,
    # error 1.7e-17
    exp_polynomial=(
        2.5100424157005067e-08,
        2.7620138719732994e-07,
        2.7557268378684192e-06,
        2.480152119021773e-05,
        0.00019841269863105968,
        0.0013888888917281794,
        0.008333333333330051,
        0.04166666666662399,
        0.16666666666666669,
        0.5,
    ),
    exp_range=(-709.0, 709.7),
    ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
    # error 4.7e-18
    log_polynomial=(
        0.14617807153417325,
        0.15331611722055008,
        0.1818289243253687,
        0.22222211089379496,
        0.28571428626253836,
        0.3999999999989889,
        0.666666666666667,
    ),
    sqrt_half=0x3FE6A09E667F3BCD,
    tiny=2.2250738585072014e-308,
    tanh_saturated=40.0,
)
_SINGLE = _Format(
    mantissa_bits=23,
    exponent_bias=127,
    # error 1.1e-8
    exp_polynomial=(0.0013926213141530752, 0.008363203145563602, 0.041666556149721146, 0.16666576266288757, 0.5),
    exp_range=(-88.0, 88.6),
    ln2=(0.693359375, -2.12194440e-4),
    # error 2.6e-9
    log_polynomial=(0.29580986499786377, 0.3998875916004181, 0.6666668653488159),
    sqrt_half=0x3F3504F3,
    tiny=1.1754943508222875e-38,
    tanh_saturated=20.0,
)


def _format(code: Code) -> _Format:
    return _DOUBLE if code.target.is_double else _SINGLE


def maximum(code: Code, x: str, y: str, is_x_number: bool) -> str:
    """Greater of two; ``is_x_number`` promises that ``x`` is no NaN, which saves two of three instructions."""
    greater = code.select(code.compare("ogt", x, y), x, y)
    return greater if is_x_number else code.select(code.compare("uno", x, x), x, greater)


def minimum(code: Code, x: str, y: str, is_x_number: bool) -> str:
    """Lesser of two; see `maximum`."""
    lesser = code.select(code.compare("olt", x, y), x, y)
    return lesser if is_x_number else code.select(code.compare("uno", x, x), x, lesser)


def _reduced(code: Code, x: str) -> tuple[str, str]:
    """Split ``x = n ln 2 + r``; return ``r`` and ``2**n``, for ``x`` within the format's range."""
    f = _format(code)
    # Adding 1.5 * 2**mantissa_bits rounds to a whole number in the lowest bits; the bias rides along, so that a shift
    # makes 2**n.
    magic = code.const(1.5 * 2.0**f.mantissa_bits + f.exponent_bias)
    shifted = code.fma(x, code.const(1.0 / math.log(2.0)), magic)
    n = code.sub(shifted, magic)
    r = code.fma(n, code.const(-f.ln2[1]), code.fma(n, code.const(-f.ln2[0]), x))
    scale = code.as_numbers(code.integer("shl", code.as_integers(shifted), code.bits(f.mantissa_bits)))
    return r, scale


def _grown(code: Code, r: str) -> str:
    """``exp(r) - 1`` of a reduced argument."""
    square = code.mul(r, r)
    return code.fma(square, code.polynomial(_format(code).exp_polynomial, r, square), r)


def exponential(code: Code, x: str) -> str:
    """``exp(x)``; 0 where the result would not be a normal number, infinity from 709.44 (float32: 88.38) on."""
    f = _format(code)
    x = minimum(code, code.const(f.exp_range[1]), maximum(code, code.const(f.exp_range[0]), x, True), True)
    r, scale = _reduced(code, x)
    return code.mul(code.add(_grown(code, r), code.const(1.0)), scale)


def hyperbolic_tangent(code: Code, x: str) -> str:
    """``tanh(x)`` as ``t / (t + 2)``, ``t = exp(2|x|) - 1``: keeps its digits near 0. The quotient is corrected."""
    f = _format(code)
    size = code.intrinsic("fabs", x)
    twice = minimum(code, code.const(f.tanh_saturated), code.add(size, size), True)
    r, scale = _reduced(code, twice)
    t = code.fma(scale, _grown(code, r), code.sub(scale, code.const(1.0)))
    total = code.add(t, code.const(2.0))
    lost = code.sub(t, code.sub(total, code.const(2.0)))  # what rounding took from the sum
    inverse = code.div(code.const(1.0), total)
    quotient = code.mul(t, inverse)
    rest = code.fnma(quotient, lost, code.fnma(quotient, total, t))
    return code.intrinsic("copysign", code.fma(rest, inverse, quotient), x)


def logarithm(code: Code, x: str, is_guarded: bool) -> str:
    """``log(x)``; subnormal numbers count as 0.

    ``is_guarded`` promises that ``x`` is a normal positive number, infinity or NaN.
    """
    f = _format(code)
    middle = 1 << (code.target.bytes * 8 - 2)  # the exponent field of 2, above every exponent that is subtracted
    offset = code.integer("add", code.as_integers(x), code.bits(middle - f.sqrt_half))
    # x = m * 2**e with m from sqrt(1/2) to sqrt(2); e + bias + 1 is turned into a number by planting it into the bits
    # of 2**mantissa_bits
    exponent = code.integer("lshr", offset, code.bits(f.mantissa_bits))
    planted = code.integer("or", exponent, code.bits((f.exponent_bias + f.mantissa_bits) << f.mantissa_bits))
    e = code.sub(code.as_numbers(planted), code.const(2.0**f.mantissa_bits + f.exponent_bias + 1.0))
    fraction = code.integer("and", offset, code.bits((1 << f.mantissa_bits) - 1))
    m = code.as_numbers(code.integer("add", fraction, code.bits(f.sqrt_half)))
    g = code.sub(m, code.const(1.0))
    s = code.div(g, code.add(g, code.const(2.0)))
    z = code.mul(s, s)
    series = code.mul(z, code.polynomial(f.log_polynomial, z, code.mul(z, z)))
    half_square = code.mul(code.mul(g, code.const(0.5)), g)
    small = code.fma(e, code.const(f.ln2[1]), code.mul(s, code.add(half_square, series)))
    value = code.fma(e, code.const(f.ln2[0]), code.sub(g, code.sub(half_square, small)))
    value = code.select(code.compare("olt", x, code.const(math.inf)), value, x)
    if is_guarded:
        return value
    below = code.select(code.compare("olt", x, code.const(0.0)), code.const(math.nan), code.const(-math.inf))
    return code.select(code.compare("olt", x, code.const(f.tiny)), below, value)


def smallest_normal(code: Code) -> float:
    """Least operand for which `logarithm` needs no guard."""
    return _format(code).tiny
