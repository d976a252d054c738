/* What the law takes of an order: duty, import fees and consumption tax, as expectations (levies.py, offers.py). */

#ifndef XBOPT_LEVIES_H
#define XBOPT_LEVIES_H

#include "media.h"

/* The day's rules of a cell. */
struct rules {
    double tax_frac, tax_free, tax_on_duty, untaxed, threshold, flat, rate, surcharge, shipping_dutiable;
    double shipping_counts, sd;
    int by_item, dutiable, has_limits, has_fee[2]; /* fees owed inside and outside the low-value scheme */
    const double *fx; /* rate of the rules' currency */
};

static struct rules rules_of(const struct region *g, int s)
{
    const struct market *m = g->market;
    const ptrdiff_t day = (ptrdiff_t)g->day->number * m->size.R + g->r, cell = day * m->size.S + s;
    struct rules rules = {
        .tax_frac = m->tax_frac[day], .tax_free = m->tax_free_base[cell], .tax_on_duty = m->tax_on_duty[day],
        .untaxed = m->untaxed_duty_base[cell], .threshold = m->threshold_base[cell],
        .flat = m->flat_duty_base[cell], .rate = m->ad_valorem_frac[cell], .surcharge = m->surcharge_frac[cell],
        .shipping_dutiable = m->shipping_dutiable[day], .shipping_counts = m->shipping_counts[day],
        .sd = m->log_sd[g->r * m->size.S + s], .by_item = m->by_item[day] != 0.0 && m->size.I > 1,
        .dutiable = m->dutiable[g->r] != 0.0, .fx = g->room->fx[(int)m->rule_currency[g->r]],
    };
    rules.has_limits = rules.threshold > 0.0 || rules.tax_free > 0.0 || rules.untaxed > 0.0;
    for (int f = 0; f < m->size.F; ++f) {
        const double fee = m->fee_base[((ptrdiff_t)f * m->size.T * m->size.R + day) * m->size.S + s];
        if (fee > 0.0)
            rules.has_fee[0] = 1, rules.has_fee[1] |= m->fee_is_low_value[f] == 0.0;
    }
    return rules;
}

/* Share of orders above a value of goods, and their share of the value; of an item that is ``ratio`` times as dear. */
static void shares_above(const double *value, const double *limit, const double *log_limit, double sd, double ratio,
                         double *orders, double *worth, int n)
{
    if (sd == 0.0) {
        EACH(w, n) orders[w] = worth[w] = value[w] > limit[w] / ratio * (1.0 + 1e-12) ? 1.0 : 0.0;
        return;
    }
    const double dearer = log_of(ratio);
    EACH(w, n) {
        double z = (log_limit[w] - dearer) / sd + sd / 2.0;
        orders[w] = normal_cdf(-z);
        worth[w] = normal_cdf(sd - z);
    }
}

/* The same of a threshold (base currency at first-day rates); all where there is none. */
static void above_of(const struct region *g, const struct rules *rules, int s, const double *value, double threshold,
                     double *orders, double *worth)
{
    const struct market *m = g->market;
    const int n = g->n;
    lanes limit, log_limit, own, own_worth;
    if (threshold <= 0.0) {
        fill(orders, 1.0, n);
        fill(worth, 1.0, n);
        return;
    }
    const double counts = rules->shipping_counts, *fx = rules->fx;
    EACH(w, n) {
        double amount = threshold * fx[w];
        limit[w] = counts != 0.0 ? most(amount - counts * g->charged[w], 0.0) : amount;
    }
    if (rules->sd != 0.0)
        EACH(w, n) log_limit[w] = log_of(most(limit[w], TINY)) - log_of(most(value[w], TINY));
    if (!rules->by_item) {
        shares_above(value, limit, log_limit, rules->sd, 1.0, orders, worth, n);
        return;
    }
    fill(orders, 0.0, n);
    fill(worth, 0.0, n);
    for (int i = 0; i < m->size.I; ++i) {
        const double ratio = m->item_price_ratio[i * m->size.S + s], share = m->item_share[i * m->size.S + s];
        shares_above(value, limit, log_limit, rules->sd, ratio, own, own_worth, n);
        EACH(w, n) {
            orders[w] += share * own[w];
            worth[w] += share * ratio * own_worth[w];
        }
    }
}

/* Expected duty of an order with the tax on it, and how likely it owes any. */
static void duty_of(const struct region *g, const struct rules *rules, int s, const double *value, double *duty,
                    double *dutiable)
{
    const struct market *m = g->market;
    const int n = g->n, S = m->size.S;
    lanes orders, worth, taxed, taxed_worth, outside, outside_worth;
    if (!rules->dutiable) {
        fill(duty, 0.0, n);
        fill(dutiable, 0.0, n);
        return;
    }
    const double *fx = rules->fx, *charged = g->charged;
    const double flat = rules->flat, rate = rules->rate, surcharge = rules->surcharge;
    const double counts = rules->shipping_dutiable, tax = rules->tax_frac * rules->tax_on_duty;
    above_of(g, rules, s, value, rules->threshold, orders, worth);
    EACH(w, n) {
        double shipping = counts * charged[w];
        duty[w] = flat * fx[w] * (1.0 - orders[w]) + rate * (value[w] * worth[w] + shipping * orders[w])
            + surcharge * (value[w] + shipping);
    }
    if (rules->untaxed <= 0.0) {
        EACH(w, n) duty[w] += tax * duty[w];
    } else {
        const double *in = orders, *in_worth = worth, *out = orders, *out_worth = worth;
        if (rules->untaxed != rules->threshold) {
            above_of(g, rules, s, value, rules->untaxed, taxed, taxed_worth);
            above_of(g, rules, s, value, most(rules->threshold, rules->untaxed), outside, outside_worth);
            in = taxed, in_worth = taxed_worth, out = outside, out_worth = outside_worth;
        }
        EACH(w, n) {
            double shipping = counts * charged[w];
            duty[w] += tax * (flat * fx[w] * (in[w] - out[w]) + rate * (value[w] * out_worth[w] + shipping * out[w])
                              + surcharge * (value[w] * in_worth[w] + shipping * in[w]));
        }
    }
    for (int f = 0; f < m->size.F; ++f) {
        const ptrdiff_t day = (ptrdiff_t)f * m->size.T + g->day->number;
        const double fee = m->fee_base[(day * m->size.R + g->r) * S + s];
        const double *rates = g->room->fx[(int)m->fee_currency[f * m->size.R + g->r]];
        const double inside = m->fee_is_low_value[f];
        if (fee > 0.0)
            EACH(w, n) duty[w] += fee * rates[w] * (1.0 - inside * orders[w]);
    }
    const double low = flat > 0.0 || surcharge > 0.0 || rules->has_fee[0] ? 1.0 : 0.0;
    const double high = rate > 0.0 || surcharge > 0.0 || rules->has_fee[1] ? 1.0 : 0.0;
    EACH(w, n) dutiable[w] = low * (1.0 - orders[w]) + high * orders[w];
}

/* Consumption tax as a fraction of what is paid for goods and shipping. */
static void tax_of(const struct region *g, const struct rules *rules, int s, const double *value, double *tax)
{
    const int n = g->n;
    lanes orders, worth;
    if (rules->tax_free <= 0.0) {
        fill(tax, rules->tax_frac, n);
        return;
    }
    above_of(g, rules, s, value, rules->tax_free, orders, worth);
    const double rate = rules->tax_frac, *charged = g->charged;
    EACH(w, n) tax[w] = rate * (value[w] * worth[w] + charged[w] * orders[w]) / (value[w] + charged[w]);
}

/* Whether some orders of an offer take a discount and others do not, in any world. */
static int partly_taken(const struct rules *rules, const double *off, const double *taken, int n)
{
    uint64_t partly = 0;
    EACH(w, n) partly |= (uint64_t)(off[w] > 0.0 && taken[w] > 0.0 && taken[w] < 1.0);
    return rules->has_limits && partly;
}

/* Duty, its likelihood and tax of an offer: of those who take the discount and of those who do not, each on its own
 * side of a step of the law. */
static void levies_of(const struct region *g, const struct rules *rules, int s, const double *list_value,
                      const double *off, const double *taken, double *duty, double *dutiable, double *tax)
{
    const int n = g->n;
    lanes value, lower, taker, taker_dutiable, other, other_dutiable, taker_tax, other_tax;
    EACH(w, n) value[w] = list_value[w] * (1.0 - off[w] * taken[w]);
    duty_of(g, rules, s, value, duty, dutiable);
    tax_of(g, rules, s, value, tax);
    if (!partly_taken(rules, off, taken, n))
        return;
    EACH(w, n) lower[w] = list_value[w] * (1.0 - off[w]);
    duty_of(g, rules, s, lower, taker, taker_dutiable);
    duty_of(g, rules, s, list_value, other, other_dutiable);
    tax_of(g, rules, s, lower, taker_tax);
    tax_of(g, rules, s, list_value, other_tax);
    const double *charged = g->charged;
    EACH(w, n) {
        double share = taken[w], rest = 1.0 - share;
        int partly = off[w] > 0.0 && share > 0.0 && share < 1.0;
        double taxed = share * (taker_tax[w] * (lower[w] + charged[w]))
            + rest * (other_tax[w] * (list_value[w] + charged[w]));
        double mixed_duty = share * taker[w] + rest * other[w];
        double mixed_dutiable = share * taker_dutiable[w] + rest * other_dutiable[w];
        duty[w] = partly ? mixed_duty : duty[w];
        dutiable[w] = partly ? mixed_dutiable : dutiable[w];
        tax[w] = partly ? taxed / (value[w] + charged[w]) : tax[w];
    }
}

#endif
