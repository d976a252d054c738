/* exp, log, their relatives and the normal law, written out so that no call to the C library decides about a bit.
 *
 * All are free of branches. FMA is one rounding of a * b + c: an instruction where there is one, else the emulation of
 * Boldo and Melquiond (2008, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd",
 * IEEE Transactions on Computers 57:4), which gives the same bits for the sizes met here. */

#ifndef XBOPT_ELEMENTARY_H
#define XBOPT_ELEMENTARY_H

#include "lanes.h"

#if defined(__FMA__) || defined(LEVEL_HAS_FMA) || defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
#define FMA(a, b, c) __builtin_fma((a), (b), (c))
#else
INLINE double emulated_fma(double a, double b, double c)
{
    const double splitter = 0x1p27 + 1.0;
    double product = a * b;
    double as = splitter * a, bs = splitter * b;
    double ah = as - (as - a), bh = bs - (bs - b), al = a - ah, bl = b - bh;
    double rest = ((ah * bh - product) + ah * bl + al * bh) + al * bl;
    double low = c + rest, t = low - c;
    double low_rest = (c - (low - t)) + (rest - t);
    double high = product + low;
    t = high - product;
    double high_rest = (product - (high - t)) + (low - t);
    double odd = high_rest + low_rest;
    t = odd - high_rest;
    double lost = (high_rest - (odd - t)) + (low_rest - t);
    uint64_t bits = bits_of(odd);
    uint64_t up = bits + 1, down = bits - 1;
    uint64_t moved = (lost > 0.0) == (odd > 0.0) ? up : down;
    odd = from_bits(lost != 0.0 && (bits & 1) == 0 ? moved : bits);
    return high + odd;
}
#define FMA(a, b, c) emulated_fma((a), (b), (c))
#endif

/* 2^k - 1 + 2^k (e^r - 1) of x = k ln 2 + r, and the parts of it; |r| <= ln(2)/2, Taylor to the 13th power: the next
 * term is below 2^-57 of e^r. */
INLINE double power_of_two_and_rest(double x, double *rest)
{
    const double shift = 0x1.8p52;
    double shifted = FMA(x, 0x1.71547652b82fep+0, shift);
    double k = shifted - shift;
    double r = FMA(k, -0x1.62e42fefa39efp-1, x);
    r = FMA(k, -0x1.abc9e3b39803fp-56, r);
    double p = 1.0 / 6227020800.0;
    p = FMA(p, r, 1.0 / 479001600.0);
    p = FMA(p, r, 1.0 / 39916800.0);
    p = FMA(p, r, 1.0 / 3628800.0);
    p = FMA(p, r, 1.0 / 362880.0);
    p = FMA(p, r, 1.0 / 40320.0);
    p = FMA(p, r, 1.0 / 5040.0);
    p = FMA(p, r, 1.0 / 720.0);
    p = FMA(p, r, 1.0 / 120.0);
    p = FMA(p, r, 1.0 / 24.0);
    p = FMA(p, r, 1.0 / 6.0);
    p = FMA(p, r, 0.5);
    *rest = FMA(p * r, r, r);
    return from_bits((bits_of(shifted) << 52) + 0x3ff0000000000000u);
}

/* e^x; 0 below e^-708 and held at e^709, where float64 ends. */
INLINE double exp_of(double x)
{
    double rest, held = least(most(x, -708.0), 709.0);
    double scale = power_of_two_and_rest(held, &rest);
    double y = scale * rest + scale; /* the product is exact */
    return x < -708.0 ? 0.0 : y;
}

/* e^x - 1, exact to rounding near 0. */
INLINE double expm1_of(double x)
{
    double rest, held = least(most(x, -708.0), 709.0);
    double scale = power_of_two_and_rest(held, &rest);
    return scale * rest + (scale - 1.0);
}

/* ln x of a normal x > 0: fdlibm's series in s = f / (2 + f) of x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2). */
INLINE double log_of(double x)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcdu, one = 0x3ff0000000000000u;
    uint64_t moved = bits_of(x) + (one - root_half);
    double k = from_bits((moved >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
    double f = from_bits((moved & 0x000fffffffffffffu) + root_half) - 1.0;
    double s = f / (2.0 + f), z = s * s, v = z * z;
    double even = v * FMA(v, FMA(v, 1.531383769920937332e-01, 2.222219843214978396e-01), 3.999999999940941908e-01);
    double odd = FMA(v, 1.479819860511658591e-01, 1.818357216161805012e-01);
    odd = z * FMA(v, FMA(v, odd, 2.857142874366239149e-01), 6.666666666666735130e-01);
    double half = 0.5 * f * f;
    double low = FMA(s, half + (odd + even), k * 1.90821492927058770002e-10);
    return FMA(k, 6.93147180369123816490e-01, f - (half - low));
}

/* ln(1 + x), x >= 0, by Kahan's correction of the rounded sum. */
INLINE double log1p_of(double x)
{
    double u = 1.0 + x, step = u - 1.0;
    double corrected = log_of(u) * (x / (step > 0.0 ? step : 1.0));
    return step > 0.0 ? corrected : x;
}

/* Phi(x). (1 + 2y) e^(y^2) erfc(y) is a Chebyshev series in (y - 3.75)/(y + 3.75), the idea of Shepherd and Laframboise
 * (1981, Mathematics of Computation 36:153); these 24 coefficients leave out 5e-17. */
INLINE double normal_cdf(double x)
{
    static const double series[] = {
        -1.250795053068613e-15, -1.8645628804190847e-15, 3.3478119482868144e-14, 3.2525481481487306e-14,
        -9.654696748433441e-13, 1.9455868545777322e-13, 2.86879501093067e-11, -6.318088340886684e-11,
        -7.754400208831351e-10, 4.521959811218287e-09, 1.076499946567091e-08, -2.1886401049234397e-07,
        7.74038306619849e-07, 4.13902798607301e-06, -6.916973302501207e-05, 0.0004907758365258086,
        -0.002413163540417608, 0.009074997670705265, -0.026658668435305753, 0.05920993999819189,
        -0.08424913336651792, -0.004590054580646478,
    };
    double size = least(x < 0.0 ? -x : x, 38.0);
    double y = size * 0.70710678118654752440;
    double v = (y - 3.75) / (y + 3.75), twice = 2.0 * v;
    double before = 0.0, now = 7.418235256638918e-17;
    UNROLLED for (size_t i = 0; i < sizeof series / sizeof series[0]; ++i) {
        double next = FMA(twice, now, series[i] - before);
        before = now;
        now = next;
    }
    double sum = FMA(v, now, 0.5 * 2.3551578691348034 - before);
    double tail = 0.5 * sum / (1.0 + 2.0 * y) * exp_of(-0.5 * size * size);
    return x < 0.0 ? tail : 1.0 - tail;
}

#endif
