/* Who buys again, who drops out, what the seller sees of it, and what is remembered (customers.py, promotion.py). */

#ifndef XBOPT_CUSTOMERS_H
#define XBOPT_CUSTOMERS_H

#include "money.h"

/* Newly won customers of a type, of whom a part was won by a discount. */
static void add_mixed(const struct market *m, int s, int k, const double *won, const double *by_discount, double *to,
                      const int n)
{
    const double share = m->type_share[s * m->size.G + k], more = m->promotion_share[s * m->size.G + k] - share;
    EACH(w, n) to[w] += (by_discount[w] * more + share) * won[w];
}

/* A day older: each bucket's leavers pass to the next quieter one; the forgotten are given back. */
static void age(const double *ageing, double *const *people, double *forgotten, int n)
{
    const double fresh = ageing[NEW], active = ageing[ACTIVE], quiet = ageing[AT_RISK], lapsed = ageing[LAPSED];
    double *a = people[NEW], *b = people[ACTIVE], *c = people[AT_RISK], *e = people[LAPSED];
    EACH(w, n) {
        double from_new = a[w] * fresh, from_active = b[w] * active, from_quiet = c[w] * quiet, gone = e[w] * lapsed;
        a[w] -= from_new;
        b[w] -= from_active;
        c[w] = c[w] - from_quiet + (from_new + from_active);
        e[w] = e[w] - gone + from_quiet;
        forgotten[w] = gone;
    }
}

/* Orders of known buckets as repeat buyers by type, and as people won back. */
static void split_buyers(const struct region *g, const struct cell *cell, int s, lanes *bought, double *won_back)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, G = m->size.G, S = m->size.S;
    lanes room, each, organic, by_media;
    const double *traffic = of_worlds(&d->worlds.organic_traffic, g, r, s, 0, room);
    fill(won_back, 0.0, n);
    for (int j = 0; j < KNOWN; ++j) {
        const double *orders = cell->orders[j + 1], *visits = cell->quality_visits[j + 1];
        const double *quality = cell->by_quality[j + 1], *strangers = cell->strangers[j + 1];
        const double *people = AT(d->morning.customers, g, cell_at2(m, r, s, j + 1));
        double *all = bought[j];
        EACH(w, n) {
            each[w] = orders[w] / (visits[w] > 0.0 ? visits[w] : 1.0);
            organic[w] = each[w] * cell->readiness[w] * traffic[w];
            by_media[w] = each[w] * cell->readiness[w] * quality[w];
            all[w] = 0.0;
        }
        for (int k = 0; k < G; ++k) {
            const double *living = AT(d->morning.living, g, cell_at2(m, r, s, k + G * j));
            const double visits_a_head = m->type_visits_per_head[(r * S + s) * G + k];
            double *buyers = g->room->buyers[k * KNOWN + j];
            EACH(w, n) {
                buyers[w] = least(organic[w] * visits_a_head + by_media[w], 1.0) * living[w];
                all[w] += buyers[w];
            }
        }
        EACH(w, n) {
            double back = strangers[w] * least(each[w] * (cell->by_stranger[w] + quality[w]), 1.0);
            won_back[w] += back;
            all[w] = least(all[w] + back, people[w]);
        }
    }
}

/* Customers of a cell tonight. */
static void move_customers(const struct region *g, const struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, G = m->size.G;
    lanes room, bought[KNOWN], won_back, first, drift, by_type, forgotten, again;
    split_buyers(g, cell, s, bought, won_back);
    const double *orders = cell->orders[0];
    const double *prospects = AT(d->morning.customers, g, cell_at2(m, r, s, 0));
    const double *satisfaction = AT(d->morning.satisfaction, g, cell_at(m, r, s));
    const double *factor = of_worlds(&d->worlds.dropout_factor, g, r, s, 0, room);
    const double churn = -m->churn_effect[s], neutral = m->satisfaction_start[s], kept = m->contact_effect[s];
    EACH(w, n) {
        first[w] = least(orders[w], prospects[w]);
        drift[w] = exp_of(churn * (satisfaction[w] - neutral)) * (1.0 - kept * cell->contact[w]) * factor[w];
    }
    for (int k = 0; k < G; ++k) {
        const double dropout = m->dropout[s * G + k];
        double *tonight[KNOWN];
        fill(by_type, 0.0, n);
        for (int j = 0; j < KNOWN; ++j) {
            const double *living = AT(d->morning.living, g, cell_at2(m, r, s, k + G * j));
            const double *buyers = g->room->buyers[k * KNOWN + j];
            double *rest = tonight[j] = AT(d->evening.living, g, cell_at2(m, r, s, k + G * j));
            EACH(w, n) {
                by_type[w] += buyers[w];
                rest[w] = living[w] - buyers[w];
            }
        }
        age(m->ageing + s * KNOWN, tonight, forgotten, n);
        double *active = tonight[ACTIVE];
        EACH(w, n) active[w] += by_type[w];
        for (int j = 0; j < KNOWN; ++j) {
            double *rest = tonight[j];
            EACH(w, n) rest[w] *= 1.0 - least(drift[w] * dropout, 1.0);
        }
        add_mixed(m, s, k, first, cell->by_discount[0], tonight[NEW], n);
        add_mixed(m, s, k, won_back, cell->by_discount[1], active, n);
    }
    double *seen[KNOWN];
    fill(again, 0.0, n);
    for (int j = 0; j < KNOWN; ++j) {
        const double *people = AT(d->morning.customers, g, cell_at2(m, r, s, j + 1)), *buyers = bought[j];
        double *rest = seen[j] = AT(d->evening.customers, g, cell_at2(m, r, s, j + 1));
        EACH(w, n) {
            rest[w] = people[w] - buyers[w];
            again[w] += buyers[w];
        }
    }
    age(m->ageing + s * KNOWN, seen, forgotten, n);
    double *fresh = seen[NEW], *active = seen[ACTIVE];
    double *left = AT(d->evening.customers, g, cell_at2(m, r, s, 0));
    const double births = *m->births;
    EACH(w, n) {
        double others = prospects[w] - first[w];
        fresh[w] += first[w];
        active[w] += again[w];
        left[w] = others + forgotten[w] + others * births;
    }
}

/* Satisfaction, parcels, prices and deals as they are remembered tomorrow. */
static void remember(const struct region *g, const struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, entry = cell_at(m, r, s);
    lanes room, other;
    const double *mood = AT(d->morning.satisfaction, g, entry), *on_way = AT(d->morning.in_transit, g, entry);
    const double *returning = AT(d->morning.returning, g, entry), *reference = AT(d->morning.reference_log, g, entry);
    const double *rate = of_worlds(&d->worlds.return_rate, g, r, s, 0, room);
    const double *keep = of_worlds(&d->worlds.reference_keep, g, r, s, 0, other);
    double *new_mood = AT(d->evening.satisfaction, g, entry), *in_transit = AT(d->evening.in_transit, g, entry);
    double *to_return = AT(d->evening.returning, g, entry), *remembered = AT(d->evening.reference_log, g, entry);
    double *returns = AT(d->evening.returns, g, entry), *due = AT(d->evening.returns_due, g, entry);
    const double start = m->satisfaction_start[s], late_penalty = m->late_day_penalty[s], usual = m->usual_days[r];
    const double out_penalty = m->stock_out_penalty[s], slow = m->satisfaction_keep[s];
    EACH(w, n) {
        double late = most(g->delivery_days[w] - usual, 0.0);
        double felt = start - late * late_penalty - g->lost_share[w] * out_penalty;
        new_mood[w] = slow * mood[w] + (1.0 - slow) * least(most(felt, 0.0), 1.0);
        double delivered = on_way[w] / most(g->delivery_days[w], 1.0);
        in_transit[w] = on_way[w] - delivered + cell->shipped[w];
        to_return[w] = most(returning[w] - cell->returned[w] + delivered * rate[w], 0.0);
        returns[w] = cell->returned[w];
        due[w] = cell->shipped[w] * rate[w];
        remembered[w] = keep[w] * reference[w] + (1.0 - keep[w]) * cell->landed_log[w];
    }
    const double deal_keep = *m->deal_keep, *seen = cell->known.seen;
    for (int i = 0; i < STAGES; ++i) {
        const double *stage = AT(d->morning.remembered_deal, g, cell_at2(m, r, s, i));
        const double *before = i ? AT(d->morning.remembered_deal, g, cell_at2(m, r, s, i - 1)) : seen;
        double *tomorrow = AT(d->evening.remembered_deal, g, cell_at2(m, r, s, i));
        EACH(w, n) tomorrow[w] = deal_keep * stage[w] + (1.0 - deal_keep) * before[w];
    }
}

#endif
