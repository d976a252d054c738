/* Poisson quantiles by inversion: the smallest k with P(N <= k) >= u. As in sampling.py: sums of probabilities below a
 * mean of 8, an expansion around the normal quantile from there on, and the CDF itself where these cannot tell. */

#ifndef XBOPT_POISSON_H
#define XBOPT_POISSON_H

#include "quantiles.h"

static const double SMALL_MEAN = 8.0, NEAR_ONE = 1.0 - 1e-6, MAX_MEAN = 1e12;
enum { LAST_STEP = 18 };

/* P(N = k) by the saddle point of Loader (2000, "Fast and accurate computation of binomial probabilities"). */
static double probability(double k, double mean)
{
    static const double stirling[] = {0.0, 0.08106146679532725822, 0.04134069595540929409, 0.02767792568499833915,
                                      0.02079067210376509311, 0.01664469118982119216, 0.01387612882307074800,
                                      0.01189670994589177010, 0.01041126526197209650, 0.00925546218271273292,
                                      0.00833056343336287126, 0.00757367548795184079, 0.00694284010720952987,
                                      0.00640899418800420707, 0.00595137011275884774, 0.00555473355196280137};
    if (k == 0.0)
        return exp_of(-mean);
    double square = k * k, correction;
    if (k < 16.0)
        correction = stirling[(int)k];
    else
        correction = (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square)
                                                     / square) / square) / k;
    double away = k - mean, deviance, size = away < 0.0 ? -away : away;
    if (size < 0.1 * (k + mean)) {
        double v = away / (k + mean), power = 2.0 * k * v, more;
        deviance = away * v;
        for (int j = 1; j < 100; ++j) {
            power *= v * v;
            more = deviance + power / (2 * j + 1);
            if (more == deviance)
                break;
            deviance = more;
        }
    } else
        deviance = k * log_of(k / mean) - away;
    return exp_of(-correction - deviance) / __builtin_sqrt(6.283185307179586477 * k);
}

/* Whether P(N <= k) >= u, told from the tail in which u lies; k >= 0. */
static int reaches(double k, double u, double mean)
{
    double total = 0.0, term;
    if (u > 0.5) {
        double n = k + 1.0;
        for (term = probability(n, mean); ; term *= mean / n) {
            total += term;
            n += 1.0;
            if (n > mean && term < 1e-18 * total)
                break;
            if (total > 1.0 - u && n > mean)
                break;
            if (term == 0.0)
                break;
        }
        return total <= 1.0 - u;
    }
    for (term = probability(k, mean); k >= 0.0; k -= 1.0) {
        total += term;
        term *= k / mean;
        if (total >= u || (k < mean && term < 1e-18 * total))
            break;
    }
    return total >= u;
}

/* Bracket and bisect from a guess of 0 or more. */
static double searched(double u, double mean, double guess)
{
    double low = -1.0, high = guess, step = 1.0;
    for (; high < 0x1p50 && !reaches(high, u, mean); step *= 2.0) { /* no count has a probability of more than 1 */
        low = high;
        high += step;
    }
    for (step = 1.0; high > low + 1.0; step *= 2.0) {
        double probe = most(high - step, low);
        if (probe <= low)
            break;
        if (!reaches(probe, u, mean)) {
            low = probe;
            break;
        }
        high = probe;
    }
    while (high - low > 1.0) {
        double middle = whole_part(0.5 * (low + high));
        if (reaches(middle, u, mean))
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Quantiles for means below 8; a mean of 0 gives 0. */
static inline void by_summation(const double *u, const double *mean, double *count, int n)
{
    lanes term, total;
    EACH(w, n) total[w] = term[w] = exp_of(-mean[w]);
    EACH(w, n) count[w] = u[w] > total[w] ? 1.0 : 0.0;
    uint64_t pending = 0;
    EACH(w, n) pending |= (uint64_t)(u[w] > total[w]);
    for (int k = 1; pending && k <= LAST_STEP; ++k) {
        double inverse = 1.0 / k;
        pending = 0;
        EACH(w, n) {
            term[w] = term[w] * mean[w] * inverse;
            total[w] += term[w];
            count[w] += u[w] > total[w] ? 1.0 : 0.0;
            pending |= (uint64_t)(u[w] > total[w]);
        }
    }
    uint64_t extreme = pending;
    EACH(w, n) extreme |= (uint64_t)(u[w] > NEAR_ONE);
    for (int w = 0; extreme && w < n; ++w)
        if (mean[w] > 0.0 && (u[w] > total[w] || (u[w] > NEAR_ONE && count[w] > 0.0)))
            count[w] = searched(u[w], mean[w], count[w]);
}

/* Quantiles for means of 8 and above. x solves Q(x, mean) = u; the series is that of `_expansion` in sampling.py, and
 * its first term that is left out, (19 v^3/34020 + 5 v^2/3024 - 5189 v/408240 - 16/25515)/mean^2 with v = w^2, bounds
 * what the CDF has to decide. */
static inline void by_expansion(const double *u, const double *mean, double *count, int n)
{
    lanes normal, x, whole, bound, unsure;
    normal_quantiles(u, normal, n);
    EACH(w, n) {
        double m = mean[w], z = normal[w], v = z * z, root = __builtin_sqrt(m), inverse = 1.0 / root;
        double sum = ((v * -207.0 - 548.0) * v + 2684.0) * z * inverse * (1.0 / 155520.0);
        sum = (sum + ((v * 3.0 + 7.0) * v - 16.0) * (1.0 / 810.0)) * inverse;
        sum = (sum - (v + 2.0) * z * (1.0 / 72.0)) * inverse;
        x[w] = m + (root * z + (sum + (v + 2.0) * (1.0 / 6.0)));
        double rare = v > 9.0 ? 1.0 : 0.0;
        double square = inverse * inverse;
        bound[w] = (1.0 + rare * v * v * v * (1.0 / 400.0)) * square * square;
        /* Where the series is not known to hold, all is left to the CDF. */
        unsure[w] = rare * (bound[w] > 0.25 || v > 0.25 * m ? 2.0 : 0.0);
        bound[w] += 8.9e-16 * m;
    }
    uint64_t hard = 0;
    EACH(w, n) {
        whole[w] = nearest(x[w]);
        count[w] = whole[w] - (whole[w] > x[w] ? 1.0 : 0.0);
        double gap = x[w] - whole[w], close = (gap < 0.0 ? -gap : gap) <= bound[w] ? 1.0 : 0.0;
        unsure[w] = most(unsure[w], close);
        hard |= (uint64_t)(unsure[w] > 0.0);
    }
    for (int w = 0; hard && w < n; ++w) {
        if (unsure[w] == 2.0)
            count[w] = searched(u[w], mean[w], most(count[w], 0.0));
        else if (unsure[w] == 1.0)
            count[w] = whole[w] - (reaches(whole[w] - 1.0, u[w], mean[w]) ? 1.0 : 0.0);
    }
}

/* Poisson quantiles; beyond a mean of 1e12 the normal limit, whose relative error is below 1e-12 there. */
static inline void poisson_quantiles(const double *u, const double *mean, double *count, int n)
{
    lanes likely, held, other;
    uint64_t small = 0, large = 0, huge = 0;
    EACH(w, n) {
        small |= (uint64_t)(mean[w] < SMALL_MEAN);
        large |= (uint64_t)(mean[w] >= SMALL_MEAN);
        huge |= (uint64_t)(mean[w] > MAX_MEAN);
    }
    if (small && large) {
        EACH(w, n) {
            likely[w] = mean[w] < SMALL_MEAN ? u[w] : 0.0;
            held[w] = mean[w] < SMALL_MEAN ? mean[w] : 0.0;
        }
        by_summation(likely, held, other, n);
    } else if (small)
        by_summation(u, mean, count, n);
    if (!large)
        return;
    EACH(w, n) {
        likely[w] = mean[w] < SMALL_MEAN ? 0.5 : u[w];
        held[w] = least(most(mean[w], SMALL_MEAN), MAX_MEAN);
    }
    by_expansion(likely, held, count, n);
    if (small)
        EACH(w, n) count[w] = mean[w] < SMALL_MEAN ? other[w] : count[w];
    if (huge) {
        normal_quantiles(u, other, n);
        EACH(w, n) {
            double limit = nearest(mean[w] + __builtin_sqrt(mean[w]) * other[w]);
            count[w] = mean[w] > MAX_MEAN ? limit : count[w];
        }
    }
}

#endif
