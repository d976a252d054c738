/* Whether a decision keeps the day's limits as it stands, so that the projection of feasibility.py would change no bit:
 * the same sums in the same order are held against the same caps. */

#ifndef XBOPT_LIMITS_H
#define XBOPT_LIMITS_H

#include "day.h"

/* Where the limits lie in one row of numbers: the day's cap, then by region and channel the most, by cell and channel
 * the least and the most, by cell the deepest discount. */
struct limits {
    const double *daily, *maximum, *least_spend, *most_spend, *ceiling;
};

/* A decision's worlds: all of a chunk, or the one that stands for all. */
INLINE const double *own_worlds(const struct factor *f, const struct day *d, int entry, ptrdiff_t first)
{
    return f->by_world ? f->at + (ptrdiff_t)entry * d->count + first : f->at + entry;
}

/* Amounts of the worlds first..first+n-1; ``own`` of them are told apart, 1 or n. */
static int keeps_amounts(const struct day *d, const struct limits *limits, ptrdiff_t first, int n)
{
    const struct market *m = d->market;
    const struct factor *spend = &d->decided.spend;
    const int R = m->size.R, S = m->size.S, C = m->size.C, own = spend->by_world ? n : 1;
    lanes region, cell, all, total;
    uint64_t above = 0;
    fill(all, 0.0, n);
    for (int r = 0; r < R; ++r) {
        fill(region, 0.0, n);
        for (int s = 0; s < S; ++s) {
            fill(cell, 0.0, own);
            for (int c = 0; c < C; ++c) {
                const double *at = own_worlds(spend, d, cell_at2(m, r, s, c), first);
                const double low = limits->least_spend[(r * S + s) * C + c];
                const double high = limits->most_spend[(r * S + s) * C + c];
                EACH(w, own) {
                    cell[w] += at[w];
                    above |= (uint64_t)!(at[w] >= low) | (uint64_t)!(at[w] <= high);
                }
            }
            EACH(w, own) region[w] += cell[w];
        }
        if (own == 1)
            fill(region, *region, n);
        const double *left = d->morning.region_left + (ptrdiff_t)r * d->count + first;
        EACH(w, n) {
            all[w] += region[w];
            above |= (uint64_t)!(region[w] <= left[w]);
        }
    }
    const double daily = *limits->daily, *budget = d->morning.budget_left + first;
    EACH(w, n) above |= (uint64_t)!(all[w] <= daily) | (uint64_t)!(all[w] <= budget[w]);
    for (int c = 0; c < C; ++c) {
        fill(total, 0.0, own);
        for (int r = 0; r < R; ++r) {
            const double most_here = limits->maximum[r * C + c];
            fill(cell, 0.0, own);
            for (int s = 0; s < S; ++s) {
                const double *at = own_worlds(spend, d, cell_at2(m, r, s, c), first);
                EACH(w, own) cell[w] += at[w];
            }
            EACH(w, own) {
                total[w] += cell[w];
                above |= (uint64_t)!(cell[w] <= most_here);
            }
        }
        if (own == 1)
            fill(total, *total, n);
        const double *left = d->morning.channel_left + (ptrdiff_t)c * d->count + first;
        EACH(w, n) above |= (uint64_t)!(total[w] <= left[w]);
    }
    return !above;
}

/* Discounts, mechanics and daypart weights. */
static int keeps_forms(const struct day *d, const struct limits *limits, ptrdiff_t first, int n)
{
    const struct market *m = d->market;
    const struct factor *discount = &d->decided.discount, *kind = &d->decided.mechanic, *part = &d->decided.daypart;
    const int R = m->size.R, S = m->size.S, C = m->size.C, H = m->size.H, M = m->size.M;
    lanes sum;
    uint64_t wrong = 0;
    for (int r = 0; r < R; ++r) {
        for (int s = 0; s < S; ++s) {
            const double deepest = limits->ceiling[r * S + s], *at = own_worlds(discount, d, cell_at(m, r, s), first);
            const int64_t *kinds = (const void *)own_worlds(kind, d, cell_at(m, r, s), first);
            const int offers = discount->by_world ? n : 1, offered = kind->by_world ? n : 1;
            EACH(w, offers) wrong |= (uint64_t)!(at[w] >= 0.0) | (uint64_t)!(at[w] <= deepest);
            EACH(w, offered) wrong |= (uint64_t)((uint64_t)kinds[w] >= (uint64_t)M);
        }
        for (int c = 0; c < C; ++c) {
            const int own = part->by_world ? n : 1;
            fill(sum, 0.0, own);
            for (int h = 0; h < H; ++h) {
                const double *at = own_worlds(part, d, r + R * (c + C * h), first);
                EACH(w, own) {
                    sum[w] += at[w];
                    wrong |= (uint64_t)!(at[w] >= 0.0);
                }
            }
            EACH(w, own) {
                double off = sum[w] - 1.0;
                wrong |= (uint64_t)!((off < 0.0 ? -off : off) <= 1e-12);
            }
        }
    }
    return !wrong;
}

static int keeps_limits(const struct day *d, const double *limits, ptrdiff_t first, int n)
{
    const struct sizes *size = &d->market->size;
    const int by_channel = size->R * size->C, entries = size->R * size->S * size->C;
    const struct limits where = {
        .daily = limits, .maximum = limits + 1, .least_spend = limits + 1 + by_channel,
        .most_spend = limits + 1 + by_channel + entries, .ceiling = limits + 1 + by_channel + 2 * entries,
    };
    return keeps_amounts(d, &where, first, n) && keeps_forms(d, &where, first, n);
}

#endif
