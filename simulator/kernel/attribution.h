/* What is told of a day besides its course: visits and orders by channel, and who ordered (attribution.py). */

#ifndef XBOPT_ATTRIBUTION_H
#define XBOPT_ATTRIBUTION_H

#include "customers.h"

/* Share a cell's visits and orders among its channels; synergy half and half. */
static void attribute(const struct region *g, const struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, C = m->size.C;
    lanes per_quality[BUCKETS], room, other, shared, bought;
    for (int l = 0; l < BUCKETS; ++l) {
        const double *orders = cell->orders[l], *ready = cell->quality_people[l], *visits = cell->quality_visits[l];
        double *each = per_quality[l];
        EACH(w, n) each[w] = orders[w] * ready[w] / (visits[w] > 0.0 ? visits[w] : 1.0);
    }
    for (int c = 0; c < C; ++c) {
        double *visits = AT(d->channels.channel_visits, g, cell_at2(m, r, s, c));
        double *orders = AT(d->channels.channel_orders, g, cell_at2(m, r, s, c));
        const double *quality = of_worlds(&d->worlds.quality, g, c, 0, 0, room), *seen = cell->channel[c];
        double reach[BUCKETS];
        memcpy(reach, m->reach + c * BUCKETS, sizeof reach);
        EACH(w, n) {
            double audience = 0.0, ordering = 0.0;
            UNROLLED for (int l = 0; l < BUCKETS; ++l) {
                audience += cell->people[l][w] * reach[l];
                ordering += per_quality[l][w] * reach[l];
            }
            visits[w] = seen[w] * audience;
            orders[w] = seen[w] * quality[w] * ordering;
        }
    }
    for (int p = 0; p < m->size.P; ++p) {
        const int pair[2] = {(int)m->pair_first[p], (int)m->pair_second[p]};
        const double *first = of_worlds(&d->worlds.quality, g, pair[0], 0, 0, room), *both = cell->both[p];
        const double *second = of_worlds(&d->worlds.quality, g, pair[1], 0, 0, other);
        double reach[BUCKETS];
        memcpy(reach, m->pair_reach + p * BUCKETS, sizeof reach);
        EACH(w, n) {
            double seen = 0.0, brought = 0.0;
            UNROLLED for (int l = 0; l < BUCKETS; ++l) {
                seen += both[w] * reach[l] * cell->people[l][w];
                brought += both[w] * reach[l] * per_quality[l][w];
            }
            shared[w] = 0.5 * seen;
            bought[w] = 0.25 * (first[w] + second[w]) * brought;
        }
        for (int i = 0; i < 2; ++i) {
            double *visits = AT(d->channels.channel_visits, g, cell_at2(m, r, s, pair[i]));
            double *orders = AT(d->channels.channel_orders, g, cell_at2(m, r, s, pair[i]));
            EACH(w, n) {
                visits[w] += shared[w];
                orders[w] += bought[w];
            }
        }
    }
}

static void copy_out(const struct region *g, const double *from, double *to, int entry)
{
    memcpy(AT(to, g, entry), from, sizeof(double) * (size_t)g->n);
}

/* Write what a cell's day brought. */
static void report(const struct region *g, struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct evening *to = &d->evening;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, entry = cell_at(m, r, s);
    const double *owed = AT(d->morning.borrowed_orders, g, entry), *repaid = AT(to->repaid, g, entry);
    const double switched_frac = *m->switched_frac;
    double *bump = AT(to->bump, g, entry), *borrowed = AT(to->borrowed, g, entry);
    double *switched = AT(to->switched, g, entry);
    double *known = AT(to->known_customers, g, entry);
    double *evening = AT(to->borrowed_orders, g, entry);
    const double *fresh = AT(d->morning.customers, g, cell_at2(m, r, s, 1 + NEW));
    const double *active = AT(d->morning.customers, g, cell_at2(m, r, s, 1 + ACTIVE));
    const double *quiet = AT(d->morning.customers, g, cell_at2(m, r, s, 1 + AT_RISK));
    EACH(w, n) {
        double asked = cell->shipped[w] + cell->lost[w];
        double served = asked > 0.0 ? cell->shipped[w] / (asked > 0.0 ? asked : 1.0) : 1.0;
        bump[w] = cell->bump[w] * served;
        borrowed[w] = cell->borrowed[w] * served;
        switched[w] = switched_frac * cell->bump[w] * served;
        evening[w] = most(owed[w] - repaid[w], 0.0) + borrowed[w];
        known[w] = fresh[w] + active[w] + quiet[w];
        cell->by_discount[0][w] = (1.0 - least(cell->ratio_prospect[w], 1.0)) / cell->keep_prospect[w];
        cell->by_discount[1][w] = (1.0 - least(cell->ratio_known[w], 1.0)) / cell->keep_known[w];
    }
    copy_out(g, cell->all_visits, to->visits, entry);
    copy_out(g, cell->all_carts, to->carts, entry);
    copy_out(g, cell->lost, to->lost_orders, entry);
    copy_out(g, cell->capped, to->capped, entry);
    for (int l = 0; l < BUCKETS; ++l)
        copy_out(g, cell->orders[l], to->orders, cell_at2(m, r, s, l));
}

/* Write who a cell's orders come from. */
static void detail(const struct region *g, const struct cell *cell, int s)
{
    const struct details *to = &g->day->details;
    const struct market *m = g->market;
    const int r = g->r, entry = cell_at(m, r, s);
    copy_out(g, cell->contact, to->contact_kept, entry);
    copy_out(g, cell->by_stranger, to->by_stranger, entry);
    copy_out(g, cell->readiness, to->readiness, entry);
    copy_out(g, cell->by_discount[0], to->by_discount, entry);
    copy_out(g, cell->by_discount[1], to->by_discount, cell_at2(m, r, s, 1));
    for (int l = 0; l < BUCKETS; ++l) {
        const int of_bucket = cell_at2(m, r, s, l);
        copy_out(g, cell->quality_visits[l], to->quality_visits, of_bucket);
        copy_out(g, cell->quality_people[l], to->quality_people, of_bucket);
        copy_out(g, cell->strangers[l], to->strangers, of_bucket);
        copy_out(g, cell->by_quality[l], to->by_media, of_bucket);
    }
}

#endif
