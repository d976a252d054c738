/* Money by place of sale: every term between gross revenue and contribution margin (money.py, places.py). */

#ifndef XBOPT_MONEY_H
#define XBOPT_MONEY_H

#include "counts.h"

/* Multiplier on the mean value of the day's orders, by chance: that of a mean of so many values. */
static void draw_noise(const struct region *g, struct cell *cell, int s)
{
    const int n = g->n;
    if (!g->day->sampled) {
        fill(cell->noise, 1.0, n);
        return;
    }
    const double cv = g->market->basket_cv[g->r * g->market->size.S + s], square = cv * cv;
    const double *z = DRAWN(z_basket, g, cell_at(g->market, g->r, s));
    EACH(w, n) {
        double variance = log1p_of(square / most(cell->shipped[w], 1.0));
        cell->noise[w] = exp_of(__builtin_sqrt(variance) * z[w] - 0.5 * variance);
    }
}

/* Share the cell's orders among the places, in proportion to expected orders: by bucket into ``room->places``. */
static void share_among_places(const struct region *g, const struct cell *cell)
{
    const struct market *m = g->market;
    const int n = g->n, Q = m->size.Q, C = m->size.C;
    lanes own, organic, taken, room, other;
    for (int l = 0; l < BUCKETS; ++l) {
        const double *visits = cell->quality_visits[l], *orders = cell->orders[l], *ready = cell->quality_people[l];
        EACH(w, n) organic[w] = visits[w];
        for (int q = 0; q < Q; ++q) {
            double *brought = g->room->places[q * BUCKETS + l];
            fill(brought, 0.0, n);
            for (int c = 0; c < C; ++c) {
                const double weight = m->sold_here[q * C + c] * m->reach[c * BUCKETS + l];
                const double *quality = of_worlds(&g->day->worlds.quality, g, c, 0, 0, room), *seen = cell->channel[c];
                if (weight != 0.0)
                    EACH(w, n) brought[w] += seen[w] * quality[w] * weight;
            }
            for (int p = 0; p < m->size.P; ++p) {
                const int i = (int)m->pair_first[p], j = (int)m->pair_second[p];
                const double weight = 0.25 * m->pair_reach[p * BUCKETS + l]
                    * (m->sold_here[q * C + i] + m->sold_here[q * C + j]);
                const double *first = of_worlds(&g->day->worlds.quality, g, i, 0, 0, room), *both = cell->both[p];
                const double *second = of_worlds(&g->day->worlds.quality, g, j, 0, 0, other);
                EACH(w, n) brought[w] += both[w] * (first[w] + second[w]) * weight;
            }
            EACH(w, n) {
                brought[w] *= ready[w];
                organic[w] -= brought[w];
            }
        }
        EACH(w, n) {
            organic[w] = most(organic[w], 0.0);
            own[w] = orders[w];
        }
        for (int q = 1; q < Q; ++q) {
            double *brought = g->room->places[q * BUCKETS + l];
            const double share = m->organic_frac[q];
            EACH(w, n) {
                taken[w] = (brought[w] + share * organic[w]) * (orders[w] / (visits[w] > 0.0 ? visits[w] : 1.0));
                brought[w] = least(taken[w], orders[w]);
                own[w] -= brought[w];
            }
        }
        double *here = g->room->places[l];
        EACH(w, n) here[w] = most(own[w], 0.0);
    }
}

/* Where the terms of one bridge go, in the order of MoneyBridge, media left out. */
struct bridge {
    double *term[TERMS];
};

/* Consumption tax on what all orders of the cell pay, as a fraction of it. */
static void mean_tax(const struct region *g, const struct offer *known, const struct offer *prospect,
                     const double *value, const double *first, const double *again, double *tax)
{
    const int n = g->n;
    const double charged = g->market->charged_base[g->r];
    EACH(w, n) {
        double by_prospects = (value[w] * (1.0 - prospect->paid[w]) + charged) * first[w];
        double by_known = (value[w] * (1.0 - known->paid[w]) + charged) * again[w];
        double paid = by_prospects + by_known;
        double taxed = by_prospects * prospect->tax[w] + by_known * known->tax[w];
        tax[w] = paid > 0.0 ? taxed / (paid > 0.0 ? paid : 1.0) : known->tax[w];
    }
}

/* Book the orders of one place. ``first`` are those of prospects, ``again`` the others. */
static void book(const struct region *g, const struct cell *cell, int s, int q, const struct offer *known,
                 const struct offer *prospect, const double *first, const double *again, const struct bridge *to)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, R = m->size.R, at = r * m->size.S + s;
    const ptrdiff_t day = (ptrdiff_t)d->number * R + r;
    lanes value, list, tax, cost_room, parcel_room, rate_room, value_room;
    const double *order_value = of_worlds(&d->worlds.order_value, g, r, s, 0, value_room);
    const double *unit_cost = of_worlds(&d->worlds.unit_cost, g, r, s, 0, cost_room);
    const double *parcel = of_worlds(&d->worlds.shipping_cost, g, r, 0, 0, parcel_room);
    const double *coming_back = of_worlds(&d->worlds.return_rate, g, r, s, 0, rate_room);
    const double price = m->goods_price_base[at], cost = m->cost_base[at], basket = m->place_basket[q];
    const double charge = m->charged_base[r], refunds_shipping = m->refunds_shipping[day];
    const double fee = m->platform_frac[q * R + r], gross = m->fee_on_gross[q * R + r];
    const double fixed = m->platform_fixed_base[q * R + r], payment = m->payment_frac[q * R + r];
    const double payment_fixed = m->payment_fixed_base[q * R + r], shipping = m->shipping_base[r];
    const double seller_pays = 1.0 - m->customer_pays_duty[r], handling = m->handling_base[r];
    const double resale = m->resale_frac[r];
    EACH(w, n) {
        value[w] = order_value[w] * (cell->basket[w] * basket * cell->noise[w]);
        list[w] = price * value[w];
    }
    mean_tax(g, known, prospect, list, first, again, tax);
    double *const *t = to->term;
    EACH(w, n) {
        double total = first[w] + again[w], goods = list[w] * total;
        double discount = list[w] * (first[w] * prospect->paid[w] + again[w] * known->paid[w]);
        double charged = charge * total, with_tax = 1.0 + tax[w], goods_paid = goods - discount;
        double refunds = coming_back[w] * (goods_paid + refunds_shipping * charged), paid = goods_paid + charged;
        double moved = g->seller_fx[w] - 1.0, at_start = goods_paid - refunds + charged;
        double fx_effect = moved * at_start, net = at_start + fx_effect;
        double with_fx = paid * with_tax * (1.0 + moved), returned = coming_back[w] * total;
        double duty = prospect->duty[w] * first[w] + known->duty[w] * again[w];
        t[0][w] = (goods + charged) * with_tax;
        t[1][w] = -discount * with_tax;
        t[2][w] = -paid * tax[w];
        t[3][w] = -refunds;
        t[4][w] = fx_effect;
        t[5][w] = -(cost * unit_cost[w] * value[w]) * (total - returned * resale);
        t[6][w] = -(shipping * parcel[w]) * total;
        t[7][w] = -seller_pays * duty;
        t[8][w] = -(payment * with_fx + payment_fixed * total);
        t[9][w] = -(fee * net * (1.0 + gross * tax[w]) + fixed * total);
        t[10][w] = -handling * returned;
    }
}

/* Levies of an offer where orders have another value than in the own shop. */
static void levies_elsewhere(const struct region *g, const struct cell *cell, int s, int q, const struct offer *from,
                             struct offer *there)
{
    const struct market *m = g->market;
    const int n = g->n;
    lanes value, room;
    const struct rules rules = rules_of(g, s);
    const double *order_value = of_worlds(&g->day->worlds.order_value, g, g->r, s, 0, room);
    const double price = m->goods_price_base[g->r * m->size.S + s], basket = m->place_basket[q];
    EACH(w, n) {
        value[w] = price * order_value[w] * (cell->basket[w] * basket) * g->seller_fx[w];
        there->paid[w] = from->paid[w];
    }
    levies_of(g, &rules, s, value, from->off, from->taken, there->duty, there->dutiable, there->tax);
}

/* Book the cell's day at every place, and media once. */
static void book_cell(const struct region *g, struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, entry = cell_at(m, g->r, s), Q = m->size.Q;
    double *const whole[TERMS] = {
        d->evening.gross_revenue, d->evening.given_discount, d->evening.tax, d->evening.refunds, d->evening.fx_effect,
        d->evening.goods, d->evening.shipping, d->evening.duty, d->evening.payment_fees, d->evening.platform_fees,
        d->evening.return_handling,
    };
    struct bridge total, part;
    struct offer known, prospect;
    lanes first, again;
    draw_noise(g, cell, s);
    for (int v = 0; v < TERMS; ++v)
        total.term[v] = AT(whole[v], g, entry);
    double *media = AT(d->evening.media_spend, g, entry);
    EACH(w, n) media[w] = -cell->spent[w];
    if (Q == 1) {
        const double *orders = cell->orders[0];
        EACH(w, n) again[w] = cell->shipped[w] - orders[w];
        book(g, cell, s, 0, &cell->known, cell->prospect, orders, again, &total);
        return;
    }
    share_among_places(g, cell);
    for (int q = 0; q < Q; ++q) {
        const int of_place = cell_at2(m, g->r, s, 0), step = m->size.R * m->size.S;
        fill(again, 0.0, n);
        for (int l = 0; l < BUCKETS; ++l) {
            const double *taken = g->room->places[q * BUCKETS + l];
            double *out = AT(d->evening.place_orders, g, of_place + step * (l + BUCKETS * q));
            EACH(w, n) {
                out[w] = taken[w];
                first[w] = l ? first[w] : taken[w];
                again[w] += l ? taken[w] : 0.0;
            }
        }
        for (int v = 0; v < TERMS; ++v)
            part.term[v] = AT(d->evening.place_money, g, of_place + step * (v + TERMS * q));
        const struct offer *k = &cell->known, *p = cell->prospect;
        if (m->place_basket[q] != 1.0) {
            levies_elsewhere(g, cell, s, q, &cell->known, &known);
            k = p = &known;
            if (cell->prospect != &cell->known) {
                levies_elsewhere(g, cell, s, q, cell->prospect, &prospect);
                p = &prospect;
            }
        }
        book(g, cell, s, q, k, p, first, again, &part);
        for (int v = 0; v < TERMS; ++v) {
            double *sum = total.term[v];
            const double *term = part.term[v];
            if (q == 0)
                EACH(w, n) sum[w] = term[w];
            else
                EACH(w, n) sum[w] += term[w];
        }
    }
}

#endif
