/* What the customer pays at the door, and how orders respond to it (pricing.py). */

#ifndef XBOPT_PRICE_H
#define XBOPT_PRICE_H

#include "levies.h"

/* What the landed price of a cell follows from. */
struct landed {
    struct rules rules;
    lanes goods, remembered, elasticity, gain, at_list; /* list price, memory, response, log price without discount */
    const double *usual;
    lanes usual_room;
    double in_lift;
};

/* e^log of a demand multiplier, held where products of several stay within the range of floats. */
INLINE double bounded_exp(double log) { return exp_of(least(most(log, -200.0), 200.0)); }

/* Log of the landed price against the usual one, of a discount as people see it; ``offer`` may be left out. */
static void log_ratio(const struct region *g, const struct landed *p, int s, const double *seen,
                      const struct offer *offer, double *ratio)
{
    const int n = g->n;
    lanes value, list_value, duty, dutiable, tax, goods, own, own_dutiable, own_tax;
    const double *local = g->local, *rates = g->room->fx[(int)g->market->region_currency[g->r]];
    const double pays = g->market->customer_pays_duty[g->r], charged = g->market->charged_base[g->r];
    EACH(w, n) {
        goods[w] = p->goods[w] * (1.0 - seen[w]);
        value[w] = goods[w] * rates[w];
    }
    if (pays != 0.0)
        duty_of(g, &p->rules, s, value, duty, dutiable);
    else
        fill(duty, 0.0, n);
    tax_of(g, &p->rules, s, value, tax);
    if (offer && partly_taken(&p->rules, offer->off, offer->taken, n)) {
        EACH(w, n) list_value[w] = p->goods[w] * rates[w];
        levies_of(g, &p->rules, s, list_value, offer->off, offer->taken, own, own_dutiable, own_tax);
        EACH(w, n) {
            int partly = offer->off[w] > 0.0 && offer->taken[w] > 0.0 && offer->taken[w] < 1.0 && offer->seen[w] > 0.0;
            duty[w] = partly ? own[w] : duty[w];
            tax[w] = partly ? own_tax[w] : tax[w];
        }
    }
    EACH(w, n) {
        double paid = (goods[w] + charged * local[w]) * (1.0 + tax[w]) + pays * duty[w] / rates[w];
        ratio[w] = log_of(paid / p->usual[w]);
    }
}

/* Multiplier on carts at a log price; a usual deal of an event is in the calendar's demand already. */
static void respond(const struct region *g, const struct landed *p, int s, const double *log_price,
                    const double *seen, const struct offer *offer, double *factor)
{
    const int n = g->n;
    lanes usual, common;
    const double *log = log_price;
    if (p->in_lift > 0.0) {
        EACH(w, n) common[w] = least(seen[w], p->in_lift);
        log_ratio(g, p, s, common, offer, usual);
        EACH(w, n) common[w] = p->at_list[w] + (log_price[w] - usual[w]);
        log = common;
    }
    EACH(w, n) {
        double gain = p->gain[w] * least(log[w] - p->remembered[w], 0.0);
        factor[w] = bounded_exp(p->elasticity[w] * (log[w] + gain));
    }
}

static int any_positive(const double *x, int n)
{
    uint64_t found = 0;
    EACH(w, n) found |= (uint64_t)(x[w] > 0.0);
    return found != 0;
}

/* Share of the day's demand that comes at an offer. */
static void turn_out(const struct market *m, ptrdiff_t day, const double *seen, double *turnout, int n)
{
    const double usual = m->usual_deal[day] > 0.0 ? m->usual_deal[day] : 1.0, share = m->deal_share[day];
    EACH(w, n) turnout[w] = 1.0 - share * (1.0 - least(seen[w] / usual, 1.0));
}

/* The offers of a cell: discounts by mechanic, and how far they have become the price. */
static void make_offers(const struct region *g, struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, entry = cell_at(m, g->r, s);
    const double *first = AT(d->morning.remembered_deal, g, cell_at2(m, g->r, s, 0));
    const double *becoming = AT(d->morning.remembered_deal, g, cell_at2(m, g->r, s, PRICE_STAGE));
    const double *last = AT(d->morning.remembered_deal, g, cell_at2(m, g->r, s, STAGES - 1));
    lanes pull, share, own, appeal, basket, borrowing;
    const double *discount = of_decision(&d->decided.discount, g, entry, own);
    const struct factor *mechanic = &d->decided.mechanic;
    const int64_t *kinds = (const void *)mechanic->at;
    kinds += mechanic->by_world ? (ptrdiff_t)entry * d->count + g->first : entry;
    const double *forward = of_worlds(&d->worlds.pull_forward, g, 0, 0, 0, pull);
    struct offer *known = &cell->known, *prospect = &cell->own;
    uint64_t differ = 0;
    /* One mechanic is looked up once; several world by world. */
    const int looked_up = mechanic->by_world ? n : 1;
    for (int w = 0; w < looked_up; ++w) {
        const int kind = (int)kinds[w];
        known->taken[w] = m->uptake[kind];
        appeal[w] = m->appeal[kind];
        share[w] = m->prospect_share[kind];
        basket[w] = m->mechanic_basket[kind];
        borrowing[w] = m->borrowing[kind];
    }
    if (looked_up < n) {
        double *const alike[] = {known->taken, appeal, share, basket, borrowing};
        for (int i = 0; i < 5; ++i)
            fill(alike[i], *alike[i], n);
    }
    const double borrowed_frac = *m->borrowed_frac, rest = 1.0 - *m->switched_frac;
    EACH(w, n) {
        known->seen[w] = discount[w] * appeal[w];
        cell->basket[w] = discount[w] > 0.0 ? basket[w] : 1.0;
        cell->borrowed_frac[w] = least(borrowed_frac * forward[w] * borrowing[w], rest);
        differ |= (uint64_t)(share[w] != 1.0);
    }
    cell->prospect = differ ? prospect : known;
    EACH(w, n) {
        known->off[w] = discount[w];
        known->paid[w] = discount[w] * known->taken[w];
        prospect->off[w] = discount[w] * share[w];
        prospect->taken[w] = known->taken[w];
        prospect->paid[w] = known->paid[w] * share[w];
        prospect->seen[w] = known->seen[w] * share[w];
        double seen = known->seen[w], price = least(seen, becoming[w]);
        double whole = most(seen, first[w]) - least(price, last[w]);
        double still = (seen - price) / (whole > 0.0 ? whole : 1.0);
        cell->now_price[w] = price;
        cell->still_a_deal[w] = still * __builtin_sqrt(still);
    }
}

/* Prices of a cell and the response to them. */
static void price_cell(const struct region *g, struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, at = r * m->size.S + s;
    const ptrdiff_t day = (ptrdiff_t)d->number * m->size.R + r;
    struct offer *known = &cell->known, *prospect = &cell->own;
    struct landed p = {.rules = rules_of(g, s), .in_lift = m->deal_in_lift[day]};
    lanes value_room, own, more, seen_none, log_price, list_value;
    make_offers(g, cell, s);
    p.usual = of_worlds(&d->worlds.usual_price, g, r, s, 0, p.usual_room);
    const double *order_value = of_worlds(&d->worlds.order_value, g, r, s, 0, value_room);
    const double *elasticity = of_worlds(&d->worlds.elasticity, g, r, s, 0, own);
    const double *gain = of_worlds(&d->worlds.deal_gain_factor, g, r, s, 0, more);
    const double *reference = AT(d->morning.reference_log, g, cell_at(m, r, s));
    const double goods = m->goods_price_base[at], usual_elasticity = m->landed_elasticity[at];
    const double sensitivity = m->price_sensitivity[day], usual_gain = m->deal_gain[at];
    EACH(w, n) {
        p.goods[w] = g->local[w] * goods * order_value[w];
        p.elasticity[w] = usual_elasticity * elasticity[w] * sensitivity;
        p.gain[w] = usual_gain * gain[w];
        p.remembered[w] = reference[w];
        list_value[w] = goods * order_value[w] * cell->basket[w] * g->seller_fx[w];
        seen_none[w] = 0.0;
    }
    log_ratio(g, &p, s, seen_none, NULL, p.at_list);
    if (any_positive(known->seen, n))
        log_ratio(g, &p, s, known->seen, known, cell->landed_log);
    else
        memcpy(cell->landed_log, p.at_list, sizeof(lanes));
    if (any_positive(cell->now_price, n)) {
        log_ratio(g, &p, s, cell->now_price, NULL, log_price);
        respond(g, &p, s, log_price, cell->now_price, NULL, cell->factor_price);
    } else
        respond(g, &p, s, p.at_list, seen_none, NULL, cell->factor_price);
    respond(g, &p, s, cell->landed_log, known->seen, known, known->factor);
    turn_out(m, day, known->seen, known->turnout, n);
    levies_of(g, &p.rules, s, list_value, known->off, known->taken, known->duty, known->dutiable, known->tax);
    if (cell->prospect == known)
        return;
    log_ratio(g, &p, s, prospect->seen, prospect, log_price);
    respond(g, &p, s, log_price, prospect->seen, prospect, prospect->factor);
    turn_out(m, day, prospect->seen, prospect->turnout, n);
    levies_of(g, &p.rules, s, list_value, prospect->off, prospect->taken, prospect->duty, prospect->dutiable,
              prospect->tax);
}

#endif
