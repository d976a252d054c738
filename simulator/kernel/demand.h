/* Visits and the funnel by lifecycle bucket, and where a promotion's extra orders come from (demand.py, promotion.py). */

#ifndef XBOPT_DEMAND_H
#define XBOPT_DEMAND_H

#include "price.h"

static const double LARGEST_CART_RATE = 0.95;

/* Demand of the day that is nobody's own: calendar, shock and a world's event lift. */
static void level_of(const struct region *g, int s, double *level)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n;
    const ptrdiff_t day = (ptrdiff_t)d->number * m->size.R + g->r;
    const double usual = m->demand[day], strength = m->event_strength[day];
    lanes room;
    const double *lift = of_worlds(&d->worlds.event_lift, g, g->r, 0, 0, room);
    if (strength != 0.0 && 1.0 + strength > 0.0)
        EACH(w, n) level[w] = usual * (most(1.0 + strength * lift[w], 0.0) / (1.0 + strength));
    else
        fill(level, usual, n);
    if (!d->sampled)
        return;
    const double variance = *m->shock_variance, spread = __builtin_sqrt(variance);
    const double *z = DRAWN(z_shock, g, cell_at(m, g->r, s));
    EACH(w, n) level[w] *= exp_of(spread * z[w] - 0.5 * variance);
}

/* People of a cell who visit by themselves, those who behave as prospects, and how readily all of them order. */
static void people_of(const struct region *g, struct cell *cell, int s, lanes *organic)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, S = m->size.S, G = m->size.G, at = r * S + s;
    lanes traffic_room, own, living, visiting;
    const double *traffic = of_worlds(&d->worlds.organic_traffic, g, r, s, 0, traffic_room);
    const double *eager = of_worlds(&d->worlds.customer_conversion, g, r, s, 0, own);
    const double *satisfaction = AT(d->morning.satisfaction, g, cell_at(m, r, s));
    const double *prospects = AT(d->morning.customers, g, cell_at2(m, r, s, 0));
    const double effect = m->repurchase_effect[at], neutral = m->satisfaction_start[s];
    const double usual = m->customer_readiness[s], a_head = m->visits_per_head[at];
    EACH(w, n) {
        cell->readiness[w] = usual * exp_of(effect * (satisfaction[w] - neutral)) * eager[w];
        cell->by_stranger[w] = traffic[w] * a_head;
        cell->strangers[0][w] = cell->quality_people[0][w] = prospects[w];
        organic[0][w] = cell->quality_visits[0][w] = prospects[w] * cell->by_stranger[w];
    }
    for (int j = 0; j < KNOWN; ++j) {
        fill(living, 0.0, n);
        fill(visiting, 0.0, n);
        for (int k = 0; k < G; ++k) {
            const double *alive = AT(d->morning.living, g, cell_at2(m, r, s, k + G * j));
            const double visits = m->type_visits_per_head[at * G + k];
            EACH(w, n) {
                living[w] += alive[w];
                visiting[w] += alive[w] * visits;
            }
        }
        const double *people = AT(d->morning.customers, g, cell_at2(m, r, s, j + 1));
        double *strangers = cell->strangers[j + 1], *by_quality = cell->quality_visits[j + 1];
        double *ready = cell->quality_people[j + 1], *visits = organic[j + 1];
        EACH(w, n) {
            double coming = visiting[w] * traffic[w];
            strangers[w] = most(people[w] - living[w], 0.0);
            double others = strangers[w] * cell->by_stranger[w];
            visits[w] = others + coming;
            by_quality[w] = others + coming * cell->readiness[w];
            ready[w] = strangers[w] + living[w] * cell->readiness[w];
        }
    }
}

/* Orders to borrow, so that the eight weeks after a deal lack those that are stated. */
static void borrow(const struct region *g, struct cell *cell, int s)
{
    const struct market *m = g->market;
    const int n = g->n;
    const double again = m->comes_again[g->r * m->size.S + s], in_time = *m->paid_in_time, left = *m->weeks_left;
    const double rest = 1.0 - *m->switched_frac, payback = *m->payback;
    const double *owed = AT(g->day->morning.borrowed_orders, g, cell_at(m, g->r, s));
    EACH(w, n) {
        double bump = cell->bump[w], missing = cell->borrowed_frac[w] * bump;
        double hidden = least(again * cell->by_prospects[w], missing);
        double paid = in_time + left * hidden / (bump > 0.0 ? bump : 1.0);
        cell->borrowed[w] = least((missing + hidden) / paid, rest * bump);
        cell->due[w] = payback * (1.0 - cell->still_a_deal[w]) * owed[w];
    }
}

/* Expected visits, carts and orders before what promotions take; bump and base of the ledger. */
static void expect_demand(const struct region *g, struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, at = r * m->size.S + s;
    lanes level, organic[BUCKETS], own, mood;
    level_of(g, s, level);
    people_of(g, cell, s, organic);
    const double *conversion = of_worlds(&d->worlds.conversion, g, r, s, 0, own);
    const double *sentiment = AT(d->morning.sentiment, g, r), *competitor = AT(d->morning.competitor_log, g, r);
    const double sensitivity = m->sentiment_sensitivity[at], elasticity = m->competitor_elasticity[at];
    const double shock = m->competitor_shock[(ptrdiff_t)d->number * m->size.R + r];
    const double late_log = m->log_delay_keep[at], in_time = m->checkout_rate[at], cart_rate = m->cart_rate[at];
    const double surprise = m->surprise[r];
    const struct offer *known = &cell->known, *prospect = cell->prospect;
    EACH(w, n) {
        double log_mood = sentiment[w] * sensitivity + (competitor[w] + shock) * elasticity;
        mood[w] = bounded_exp(log_mood) * conversion[w] * cart_rate;
        double checkout = in_time * exp_of(g->late[w] * late_log);
        cell->checkout_prospect[w] = checkout * (1.0 - surprise * prospect->dutiable[w]);
        cell->checkout_known[w] = checkout * (1.0 - surprise * known->dutiable[w]);
        cell->ratio_prospect[w] = cell->factor_price[w] / prospect->factor[w];
        cell->ratio_known[w] = cell->factor_price[w] / known->factor[w];
        cell->capped[w] = cell->base[w] = cell->bump[w] = cell->all_visits[w] = 0.0;
    }
    for (int l = 0; l < BUCKETS; ++l) {
        const struct offer *offer = l ? known : prospect;
        const double *ratio = l ? cell->ratio_known : cell->ratio_prospect;
        const double *checkout = l ? cell->checkout_known : cell->checkout_prospect;
        const double *people = AT(d->morning.customers, g, cell_at2(m, r, s, l));
        const double *by_media = cell->by_media[l], *by_quality = cell->by_quality[l], *ready = cell->quality_people[l];
        double *quality = cell->quality_visits[l], *visits = cell->visits[l], *carts = cell->carts[l];
        double *turned = cell->people[l], *undiscounted = cell->undiscounted[l];
        EACH(w, n) {
            double turnout = offer->turnout[w] * level[w];
            visits[w] = (organic[l][w] + people[w] * by_media[w]) * turnout;
            quality[w] += ready[w] * by_quality[w];
            turned[w] = people[w] * turnout;
            double wanted = quality[w] * (mood[w] * offer->factor[w] * turnout);
            double ceiling = LARGEST_CART_RATE * visits[w];
            double share = least(ratio[w], 1.0);
            carts[w] = least(wanted, ceiling);
            /* A cart rate at its cap might have met it without a discount as well. */
            undiscounted[w] = wanted > ceiling ? least(wanted * share, ceiling) / carts[w] : share;
            cell->capped[w] = wanted > ceiling ? 1.0 : cell->capped[w];
            double orders = carts[w] * checkout[w], base = orders * undiscounted[w];
            cell->all_visits[w] += visits[w];
            cell->base[w] += base;
            cell->bump[w] += orders;
            cell->by_prospects[w] = l ? cell->by_prospects[w] : orders - base;
            cell->siblings[w] = 0.0;
        }
    }
    EACH(w, n) cell->bump[w] -= cell->base[w];
    borrow(g, cell, s);
}

/* Orders that each segment loses to the better offers of the region's other segments. */
static void take_from_siblings(const struct region *g)
{
    const struct market *m = g->market;
    const int n = g->n, S = m->size.S;
    struct cell *cells = g->room->cells;
    const double own_frac = *m->switched_frac * *m->own_frac;
    lanes total, lift;
    if (S == 1 || own_frac == 0.0)
        return;
    fill(total, 0.0, n);
    for (int s = 0; s < S; ++s)
        EACH(w, n) total[w] += cells[s].base[w];
    for (int i = 0; i < S; ++i) {
        const double *base = cells[i].base, *bump = cells[i].bump;
        EACH(w, n) lift[w] = bump[w] / (base[w] > 0.0 ? base[w] : 1.0);
        for (int j = 0; j < S; ++j) {
            const double *other = cells[j].base, *other_bump = cells[j].bump;
            double *taken = cells[j].siblings;
            EACH(w, n) {
                double lifted = other_bump[w] / (other[w] > 0.0 ? other[w] : 1.0);
                double worse = most(lift[w] - lifted, 0.0) * other[w];
                double advantage = worse / (lift[w] > 0.0 ? lift[w] : 1.0), rest = total[w] - base[w];
                taken[w] += own_frac * bump[w] * (advantage / (rest > 0.0 ? rest : 1.0));
            }
        }
    }
}

/* Cut a cell's carts by what earlier and other promotions take, and note the ledger. */
static void cut_orders(const struct region *g, struct cell *cell, int s)
{
    const struct market *m = g->market;
    const int n = g->n, entry = cell_at(m, g->r, s);
    const double largest = *m->largest_cut;
    lanes share;
    double *repaid = AT(g->day->evening.repaid, g, entry), *taken = AT(g->day->evening.taken, g, entry);
    EACH(w, n) {
        double base = cell->base[w], wanted = cell->due[w] + cell->siblings[w];
        double cut = least(wanted, largest * base);
        double fits = cut / (wanted > 0.0 ? wanted : 1.0);
        share[w] = cut / (base > 0.0 ? base : 1.0);
        repaid[w] = cell->due[w] * fits;
        taken[w] = cell->siblings[w] * fits;
        cell->keep_prospect[w] = 1.0 - share[w] * cell->undiscounted[0][w];
        cell->keep_known[w] = 1.0 - share[w] * cell->undiscounted[1][w];
        cell->all_carts[w] = 0.0;
    }
    for (int l = 0; l < BUCKETS; ++l) {
        const double *checkout = l ? cell->checkout_known : cell->checkout_prospect, *part = cell->undiscounted[l];
        double *carts = cell->carts[l], *orders = cell->orders[l];
        EACH(w, n) {
            carts[w] *= 1.0 - share[w] * part[w];
            orders[w] = carts[w] * checkout[w];
            cell->all_carts[w] += carts[w];
        }
    }
}

#endif
