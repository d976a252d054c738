/* From expectations to counts, and what stock lets through (step.py, fulfilment.py). */

#ifndef XBOPT_COUNTS_H
#define XBOPT_COUNTS_H

#include "demand.h"
#include "poisson.h"

/* Orders by bucket, carts, visits and returns of a cell: drawn, or their means. Given the cell's shock they are a split
 * Poisson stream, so that carts and visits are sums. */
static void count(const struct region *g, struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, entry = cell_at(m, r, s);
    const double delay = most(m->return_days[r * m->size.S + s], 1.0);
    const double *returning = AT(d->morning.returning, g, entry);
    const double *prospects = AT(d->morning.customers, g, cell_at2(m, r, s, 0));
    double *expected_visits = AT(d->evening.expected_visits, g, entry);
    EACH(w, n) {
        expected_visits[w] = cell->all_visits[w];
        cell->returned[w] = returning[w] / delay;
    }
    if (d->sampled) {
        lanes wanted, abandoned, browsing, drawn;
        fill(wanted, 0.0, n);
        for (int l = 0; l < BUCKETS; ++l) {
            const double *orders = cell->orders[l];
            EACH(w, n) wanted[w] += orders[w];
        }
        EACH(w, n) {
            abandoned[w] = most(cell->all_carts[w] - wanted[w], 0.0);
            browsing[w] = most(cell->all_visits[w] - cell->all_carts[w], 0.0);
            drawn[w] = 0.0;
        }
        for (int l = 0; l < BUCKETS; ++l) {
            double *orders = cell->orders[l];
            EACH(w, n) wanted[w] = orders[w];
            poisson_quantiles(DRAWN(u_orders, g, cell_at2(m, r, s, l)), wanted, orders, n);
            EACH(w, n) drawn[w] += orders[w];
        }
        poisson_quantiles(DRAWN(u_carts, g, entry), abandoned, cell->all_carts, n);
        poisson_quantiles(DRAWN(u_browsing, g, entry), browsing, cell->all_visits, n);
        EACH(w, n) wanted[w] = cell->returned[w];
        poisson_quantiles(DRAWN(u_returns, g, entry), wanted, cell->returned, n);
        EACH(w, n) {
            cell->all_carts[w] += drawn[w];
            cell->all_visits[w] += cell->all_carts[w];
            cell->returned[w] = least(cell->returned[w], whole_part(returning[w]));
        }
    }
    /* First orders are made by different people: there cannot be more of them than prospects. */
    double *first = cell->orders[0];
    const int whole = d->sampled;
    EACH(w, n) first[w] = least(first[w], whole ? whole_part(prospects[w]) : prospects[w]);
}

/* Share a short stock out in whole orders, each within 1 of its proportional part: running totals are rounded, and
 * their steps are the orders. Segments are taken in the order of their ids. */
static void share_out(const struct region *g, const double *stock, const double *wanted)
{
    const struct market *m = g->market;
    const int n = g->n;
    lanes running, before;
    fill(running, 0.0, n);
    fill(before, 0.0, n);
    for (int i = 0; i < m->size.S; ++i)
        for (int l = 0; l < BUCKETS; ++l) {
            double *orders = g->room->cells[(int)m->segment_by_id[i]].orders[l];
            EACH(w, n) {
                double units = whole_part(least(stock[w], 0x1p50));
                running[w] += orders[w];
                double step = whole_part(running[w] * (units / (wanted[w] > 0.0 ? wanted[w] : 1.0)) + 0.5);
                step = least(step, units);
                double shared = least(step - before[w], orders[w]);
                before[w] = step;
                orders[w] = wanted[w] > stock[w] ? shared : orders[w];
            }
        }
}

/* Tonight's stock of a region and what is under way: what is missing to the target is ordered every day. */
static void restock(struct region *g, const double *wanted, const double *shipped)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, N = m->size.N, limited = m->limited[r] != 0.0;
    const int held = m->delay_days[(ptrdiff_t)d->number * m->size.R + r] > 0.0;
    const double *stock = AT(d->morning.stock, g, r), *usual = AT(d->morning.usual_demand, g, r);
    const double *due = AT(d->morning.on_order, g, r);
    double *later = AT(d->evening.stock, g, r), *smoothed = AT(d->evening.usual_demand, g, r);
    lanes under_way;
    if (*m->any_limited == 0.0) {
        for (int i = 0; i < N; ++i)
            memcpy(AT(d->evening.on_order, g, r + m->size.R * i), AT(d->morning.on_order, g, r + m->size.R * i),
                   sizeof(double) * (size_t)n);
        memcpy(later, stock, sizeof(double) * (size_t)n);
        memcpy(smoothed, usual, sizeof(double) * (size_t)n);
        return;
    }
    fill(under_way, 0.0, n);
    for (int i = 0; i < N; ++i) {
        double *tonight = AT(d->evening.on_order, g, r + m->size.R * i);
        const double *next = i + 1 < N ? AT(d->morning.on_order, g, r + m->size.R * (i + 1)) : NULL;
        const double waits = held && i == 0 ? 1.0 : 0.0;
        EACH(w, n) {
            tonight[w] = (next ? next[w] : 0.0) + waits * due[w];
            under_way[w] += tonight[w];
        }
    }
    if (!limited) {
        EACH(w, n) {
            later[w] = stock[w];
            smoothed[w] = 0.0;
        }
        return;
    }
    const double days = m->lead_days[r] + m->cover_days[r], arrives = held ? 0.0 : 1.0;
    double *ordered = AT(d->evening.on_order, g, r + m->size.R * ((int)m->lead_days[r] - 1));
    EACH(w, n) {
        smoothed[w] = usual[w] + (wanted[w] - usual[w]) * 0.1;
        later[w] = most(stock[w] - shipped[w], 0.0) + arrives * due[w];
        ordered[w] += most(smoothed[w] * days - later[w] - under_way[w], 0.0);
    }
}

/* Ship what the region's stock allows. */
static void fulfil(struct region *g)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, S = m->size.S;
    struct cell *cells = g->room->cells;
    lanes wanted, shipped;
    fill(wanted, 0.0, n);
    for (int s = 0; s < S; ++s) {
        struct cell *cell = cells + s;
        fill(cell->shipped, 0.0, n);
        for (int l = 0; l < BUCKETS; ++l) {
            const double *orders = cell->orders[l];
            EACH(w, n) cell->shipped[w] += orders[w];
        }
        EACH(w, n) wanted[w] += cell->shipped[w];
        fill(cell->lost, 0.0, n);
    }
    fill(g->lost_share, 0.0, n);
    const double *stock = AT(d->morning.stock, g, r);
    uint64_t is_short = 0;
    EACH(w, n) is_short |= (uint64_t)(wanted[w] > stock[w]);
    if (is_short) {
        if (d->sampled)
            share_out(g, stock, wanted);
        fill(shipped, 0.0, n);
        for (int s = 0; s < S; ++s) {
            struct cell *cell = cells + s;
            EACH(w, n) cell->lost[w] = cell->shipped[w];
            fill(cell->shipped, 0.0, n);
            for (int l = 0; l < BUCKETS; ++l) {
                double *orders = cell->orders[l];
                if (!d->sampled)
                    EACH(w, n) orders[w] *= wanted[w] > stock[w] ? stock[w] / wanted[w] : 1.0;
                EACH(w, n) cell->shipped[w] += orders[w];
            }
            EACH(w, n) {
                shipped[w] += cell->shipped[w];
                cell->lost[w] -= cell->shipped[w];
            }
        }
        EACH(w, n) g->lost_share[w] = (wanted[w] - shipped[w]) / (wanted[w] > 0.0 ? wanted[w] : 1.0);
    } else
        EACH(w, n) shipped[w] = wanted[w];
    restock(g, wanted, shipped);
}

#endif
