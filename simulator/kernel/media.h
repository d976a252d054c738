/* From spend to visits: price of reach, dayparts, carry-over, saturation, fatigue, synergy (media.py, curves/). */

#ifndef XBOPT_MEDIA_H
#define XBOPT_MEDIA_H

#include "day.h"
#include "elementary.h"

static const double TINY = 1e-300;
enum { LAGS = 6 }; /* days of a window that are added in one go */

/* Whether a channel or pair reaches people of all buckets alike. */
static int reaches_alike(const double *reach)
{
    int alike = 1;
    for (int l = 1; l < BUCKETS; ++l)
        alike &= reach[l] == reach[0];
    return alike;
}

/* base^power, 0 for 0. */
static inline void power_of(const double *base, const double *power, double *out, int n)
{
    /* The sum keeps log_of from 0 and changes no other bit; a maximum would make the compiler branch on it. */
    EACH(w, n) {
        double is_there = base[w] > 0.0 ? 1.0 : 0.0;
        out[w] = is_there * exp_of(power[w] * log_of(base[w] + TINY));
    }
}

/* How daypart weights change delivery and effect of the region's channels; done once where all worlds weigh alike. */
static void dayparts(struct region *g)
{
    const struct market *m = g->market;
    const int r = g->r, H = m->size.H, C = m->size.C;
    const struct factor *bid_up = &g->day->worlds.bid_up, *weights = &g->day->decided.daypart;
    const double *activity = m->daypart_activity + ((ptrdiff_t)g->day->number * m->size.R + r) * H;
    for (int c = 0; c < C; ++c) {
        lanes own, crowding, ratio, room;
        const double *exponent = of_worlds(bid_up, g, c, 0, 0, own);
        double *delivery = g->room->delivery[c], *effect = g->room->effect[c], *power = g->room->power[c];
        int alike = !bid_up->by_world;
        for (int h = 0; alike && weights->by_world && h < H; ++h)
            alike = all_same(of_decision(weights, g, r + m->size.R * (c + C * h), room), g->n);
        EACH(w, g->n) {
            power[w] = 1.0 - exponent[w];
            delivery[w] = effect[w] = 0.0;
        }
        const int n = alike ? 1 : g->n;
        for (int h = 0; h < H; ++h) {
            const double *weight = of_decision(weights, g, r + m->size.R * (c + C * h), room);
            const double usual = most(activity[h], TINY);
            const double supply = activity[h] * m->daypart_supply[(r * C + c) * H + h];
            const double works = m->daypart_effect[(r * C + c) * H + h];
            EACH(w, n) ratio[w] = most(weight[w] / usual, TINY);
            power_of(ratio, power, crowding, n);
            EACH(w, n) {
                double delivered = crowding[w] * supply;
                delivery[w] += delivered;
                effect[w] += delivered * works;
            }
        }
        if (alike) {
            fill(delivery, *delivery, g->n);
            fill(effect, *effect, g->n);
        }
    }
}

/* Today's carried exposure of a windowed channel; today's exposure goes before the earlier ones. */
static void carry_window(struct region *g, int s, int i, const double *exposure, double *carried)
{
    const struct market *m = g->market;
    const struct factor *f = &g->day->worlds.window_weight;
    const int n = g->n, by_lag = m->size.R * m->size.S * m->size.W;
    const double *at = f->at + g->r * f->step[0] + s * f->step[1] + i * f->step[3] + (f->by_world ? g->first : 0);
    double *today = AT(g->day->window, g, cell_at2(m, g->r, s, i));
    const ptrdiff_t back = (ptrdiff_t)by_lag * g->day->count, step = f->step[2];
    const double *then = today;
    EACH(w, n) {
        today[w] = exposure[w];
        carried[w] = 0.0;
    }
    int lag = 0;
    for (; lag + LAGS <= m->size.A; lag += LAGS, at += LAGS * step, then += LAGS * back) {
        double weight[LAGS];
        for (int i = 0; i < LAGS; ++i)
            weight[i] = at[i * step];
        if (f->by_world)
            EACH(w, n) {
                double sum = carried[w];
                UNROLLED for (int i = 0; i < LAGS; ++i) sum += at[i * step + w] * then[i * back + w];
                carried[w] = sum;
            }
        else
            EACH(w, n) {
                double sum = carried[w];
                UNROLLED for (int i = 0; i < LAGS; ++i) sum += weight[i] * then[i * back + w];
                carried[w] = sum;
            }
    }
    for (; lag < m->size.A; ++lag, at += step, then += back) {
        const double weight = *at;
        if (f->by_world)
            EACH(w, n) carried[w] += at[w] * then[w];
        else
            EACH(w, n) carried[w] += weight * then[w];
    }
}

/* Share of the ceiling that carried exposure reaches, where it is no Hill curve of slope 1. */
static void saturate(const struct market *m, int c, const double *ratio, double *share, int n)
{
    if (m->exponential[c] != 0.0)
        EACH(w, n) share[w] = -expm1_of(-0.69314718055994530942 * ratio[w]);
    else if (m->slope[c] != 1.0) {
        lanes slope;
        fill(slope, m->slope[c], n);
        power_of(ratio, slope, share, n);
        EACH(w, n) share[w] = share[w] / (1.0 + share[w]);
    }
}

/* Effective share of a day, given what is remembered; changes ``share`` where heads are tired. */
static void tire(const struct market *m, int c, const double *memory, const double *limit, double *share, int n)
{
    const double rest = 1.0 - m->fatigue_exponent[c];
    EACH(w, n) {
        double below = least(most(limit[w] - memory[w], 0.0), share[w]);
        double start = most(memory[w], limit[w]);
        double step = log1p_of((share[w] - below) / start);
        double beyond = limit[w] * step;
        if (rest >= 1e-9)
            beyond = limit[w] / rest * expm1_of(rest * step) * exp_of(rest * log_of(start / limit[w]));
        share[w] = memory[w] + share[w] <= limit[w] ? share[w] : below + beyond;
    }
}

/* Impressions of a channel, and its exposure a head and day; the power is worked out once where all worlds spend alike. */
static void buy(struct region *g, int s, int c, const double *spend, const double *heads, double *exposure)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, C = m->size.C;
    const int same = !d->decided.spend.by_world || all_same(spend, n);
    const int alike = same && !d->worlds.bid_up.by_world, todo = alike ? 1 : n;
    const double reference = m->reference_base[(r * m->size.S + s) * C + c], price = m->price_base[r * C + c] / 1000.0;
    lanes room, relative, bought;
    EACH(w, todo) relative[w] = spend[w] / reference;
    power_of(relative, g->room->power[c], bought, todo);
    if (alike)
        fill(bought, *bought, n);
    const double *media_price = of_worlds(&d->worlds.media_price, g, r, s, c, room);
    const double *delivery = g->room->delivery[c], *effect = g->room->effect[c];
    double *impressions = AT(d->evening.impressions, g, cell_at2(m, r, s, c));
    EACH(w, n) {
        double delivered = bought[w] * reference / (g->season[w] * price * media_price[w]);
        impressions[w] = delivered * delivery[w];
        exposure[w] = delivered * effect[w] / heads[w];
    }
}

/* Add what a channel or pair brings to the cell: to what all buckets share where it reaches all alike. A pair's visits
 * are as good as those of its two channels on average. */
static void add_visits(struct cell *cell, const double *reach, const double *seen, const double *quality,
                       const double *other, int n)
{
    lanes good;
    if (other)
        EACH(w, n) good[w] = seen[w] * (0.5 * (quality[w] + other[w]));
    else
        EACH(w, n) good[w] = seen[w] * quality[w];
    if (reaches_alike(reach)) {
        const double all = *reach;
        EACH(w, n) {
            cell->media_alike[w] += seen[w] * all;
            cell->quality_alike[w] += good[w] * all;
        }
        return;
    }
    double by_bucket[BUCKETS];
    memcpy(by_bucket, reach, sizeof by_bucket);
    EACH(w, n) {
        UNROLLED for (int l = 0; l < BUCKETS; ++l) {
            cell->by_media[l][w] += seen[w] * by_bucket[l];
            cell->by_quality[l][w] += good[w] * by_bucket[l];
        }
    }
}

/* One channel of a cell: impressions, carry-over, saturation, fatigue, and what it adds to the cell. */
static void play_channel(struct region *g, struct cell *cell, int s, int c, int window, const double *heads)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, entry = cell_at2(m, r, s, c);
    lanes half_room, room, quality_room, spend_room, ratio, exposure, today, share, memory, limit;
    const double *spend = of_decision(&d->decided.spend, g, entry, spend_room);
    const double *before = AT(d->morning.carried, g, entry);
    const double *half = of_worlds(&d->worlds.half_saturation, g, r, s, c, half_room), usual_half = m->half[c];
    double *carried = AT(d->evening.carried, g, entry);
    buy(g, s, c, spend, heads, exposure);
    if (window >= 0)
        carry_window(g, s, window, exposure, today);
    else {
        const double *keep = of_worlds(&d->worlds.retention, g, r, s, c, room);
        EACH(w, n) today[w] = keep[w] * before[w] + (1.0 - keep[w]) * exposure[w];
    }
    EACH(w, n) {
        carried[w] = today[w];
        ratio[w] = today[w] / (usual_half * half[w]);
        share[w] = ratio[w] / (1.0 + ratio[w]);
    }
    saturate(m, c, ratio, share, n);
    const double *frequency = AT(d->morning.frequency, g, entry);
    const double *tolerance = of_worlds(&d->worlds.fatigue, g, r, s, c, room);
    const double keep_memory = m->fatigue_keep[c], usual_limit = m->fatigue_limit[c];
    double *remembered = AT(d->evening.frequency, g, entry);
    uint64_t tired = 0;
    EACH(w, n) {
        double kept = keep_memory * frequency[w], now = kept + share[w], bound = usual_limit * tolerance[w];
        memory[w] = kept;
        remembered[w] = now;
        limit[w] = bound;
        tired |= (uint64_t)!(now <= bound);
    }
    if (tired)
        tire(m, c, memory, limit, share, n);
    const double *response = of_worlds(&d->worlds.media_response, g, r, s, c, room);
    const double *quality = of_worlds(&d->worlds.quality, g, c, 0, 0, quality_room);
    const double ceiling = m->ceiling[(r * m->size.S + s) * m->size.C + c], contact = m->contact[c];
    const double *reach = m->reach + c * BUCKETS;
    double *visits = cell->channel[c], *by_channel = g->room->channels[c];
    EACH(w, n) {
        visits[w] = share[w] * (ceiling * half[w] * response[w]);
        cell->contact[w] += share[w] * contact;
        cell->spent[w] += spend[w];
        by_channel[w] += spend[w];
    }
    add_visits(cell, reach, visits, quality, NULL, n);
}

/* Media of a cell: visits a head by channel, pair and bucket, and the same weighted by how readily they order. */
static void play_media(struct region *g, struct cell *cell, int s)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r;
    lanes heads, own, other, strength;
    fill(cell->contact, 0.0, n);
    fill(cell->spent, 0.0, n);
    fill(cell->media_alike, 0.0, n);
    fill(cell->quality_alike, 0.0, n);
    for (int l = 0; l < BUCKETS; ++l) {
        fill(cell->by_media[l], 0.0, n);
        fill(cell->by_quality[l], 0.0, n);
    }
    const double *people = AT(d->morning.customers, g, cell_at2(m, r, s, 0));
    const ptrdiff_t by_bucket = m->size.R * m->size.S * d->count;
    for (int c = 0, window = 0; c < m->size.C; ++c) {
        const double *next = m->reach + c * BUCKETS;
        const int is_windowed = window < m->size.W && (int)m->windowed[window] == c;
        if (c == 0 || memcmp(next, next - BUCKETS, sizeof(double[BUCKETS]))) {
            double reach[BUCKETS];
            memcpy(reach, next, sizeof reach);
            EACH(w, n) {
                double all = people[w] * reach[0];
                UNROLLED for (int l = 1; l < BUCKETS; ++l) all += people[w + l * by_bucket] * reach[l];
                heads[w] = most(all, 1.0);
            }
        }
        play_channel(g, cell, s, c, is_windowed ? window++ : -1, heads);
    }
    EACH(w, n) cell->contact[w] = least(cell->contact[w], 1.0);
    for (int p = 0; p < m->size.P; ++p) {
        const int i = (int)m->pair_first[p], j = (int)m->pair_second[p];
        const double *factor = of_worlds(&d->worlds.synergy_factor, g, 0, 0, 0, own);
        const double usual = 2.0 * m->synergy[p];
        EACH(w, n) strength[w] = usual * factor[w];
        const double *first = of_worlds(&d->worlds.quality, g, i, 0, 0, own);
        const double *second = of_worlds(&d->worlds.quality, g, j, 0, 0, other);
        const double *one = cell->channel[i], *another = cell->channel[j];
        double *both = cell->both[p];
        EACH(w, n) both[w] = __builtin_sqrt(one[w] * another[w]) * strength[w];
        add_visits(cell, m->pair_reach + p * BUCKETS, both, first, second, n);
    }
    for (int l = 0; l < BUCKETS; ++l) {
        double *by_media = cell->by_media[l], *by_quality = cell->by_quality[l];
        EACH(w, n) {
            by_media[w] += cell->media_alike[w];
            by_quality[w] += cell->quality_alike[w];
        }
    }
}

#endif
