/* Quantiles of the standard normal law: PPND16 of Wichura (1988, "Algorithm AS 241", Applied Statistics 37:3), within
 * some 1e-16 relative. */

#ifndef XBOPT_QUANTILES_H
#define XBOPT_QUANTILES_H

#include "elementary.h"

/* Ratio of two polynomials of degree 7, highest coefficient first. */
INLINE double ratio_of(const double *above, const double *below, double x)
{
    double p = above[0], q = below[0];
    UNROLLED for (int i = 1; i < 8; ++i) {
        p = FMA(p, x, above[i]);
        q = FMA(q, x, below[i]);
    }
    return p / q;
}

static const double FAR_U = 1.3887943864964021e-11; /* e^-25: rarer than this is left to far_quantile */

/* The quantile of u where u and 1 - u are e^-25 at least. */
INLINE double near_quantile(double u)
{
    static const double a[] = {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
                               4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
                               1.3314166789178437745e+2, 3.3871328727963666080e+0};
    static const double b[] = {5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4,
                               2.1213794301586595867e+4, 5.3941960214247511077e+3, 6.8718700749205790830e+2,
                               4.2313330701600911252e+1, 1.0};
    static const double c[] = {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                               1.27045825245236838258e+0, 3.64784832476320460504e+0, 5.76949722146069140550e+0,
                               4.63033784615654529590e+0, 1.42343711074968357734e+0};
    static const double d[] = {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
                               1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e+0,
                               2.05319162663775882187e+0, 1.0};
    double q = u - 0.5, size = q < 0.0 ? -q : q;
    double centre = q * ratio_of(a, b, 0.180625 - q * q);
    double tail = ratio_of(c, d, __builtin_sqrt(-log_of(q < 0.0 ? u : 1.0 - u)) - 1.6);
    return size <= 0.425 ? centre : q < 0.0 ? -tail : tail;
}

static inline double far_quantile(double u)
{
    static const double e[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                               2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e+0,
                               5.46378491116411436990e+0, 6.65790464350110377720e+0};
    static const double f[] = {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
                               7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
                               5.99832206555887937690e-1, 1.0};
    double tail = ratio_of(e, f, __builtin_sqrt(-log_of(u < 0.5 ? u : 1.0 - u)) - 5.0);
    return u < 0.5 ? -tail : tail;
}

/* Standard normal quantiles of u, 0 < u < 1; out may be u. */
static inline void normal_quantiles(const double *u, double *out, int n)
{
    lanes from;
    uint64_t far = 0;
    EACH(w, n) from[w] = u[w];
    EACH(w, n) far |= (uint64_t)(least(from[w], 1.0 - from[w]) < FAR_U);
    EACH(w, n) out[w] = near_quantile(from[w]);
    for (int w = 0; far && w < n; ++w)
        if (least(from[w], 1.0 - from[w]) < FAR_U)
            out[w] = far_quantile(from[w]);
}

#endif
