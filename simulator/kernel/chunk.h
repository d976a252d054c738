/* A day of a chunk of worlds, region by region, and the world outside (step.py, outside.py). */

#ifndef XBOPT_CHUNK_H
#define XBOPT_CHUNK_H

#include "attribution.h"
#include "philox.h"

/* Cut the room of a chunk from one block; returns its size in bytes. ``block`` may be left out. */
static size_t lay_out(const struct sizes *size, struct room *room, struct cell *cells, char *block)
{
    size_t used = 0;
#define TAKE(where, count) \
    do { \
        if (block) \
            (where) = (lanes *)(void *)(block + used); \
        used += sizeof(lanes) * (size_t)(count); \
    } while (0)
    lanes *ones = NULL;
    TAKE(ones, 1);
    if (block)
        room->ones = *ones;
    TAKE(room->fx, size->K);
    TAKE(room->channels, size->C);
    TAKE(room->power, size->C);
    TAKE(room->delivery, size->C);
    TAKE(room->effect, size->C);
    TAKE(room->buyers, size->G * KNOWN);
    TAKE(room->places, size->Q * BUCKETS);
    TAKE(room->drawn, 2 * size->K + 4 * size->R + (5 + size->L) * size->R * size->S);
    for (int s = 0; s < size->S; ++s) {
        lanes *channel = NULL, *both = NULL;
        TAKE(channel, size->C);
        TAKE(both, size->P);
        if (block)
            cells[s].channel = channel, cells[s].both = both;
    }
#undef TAKE
    return used;
}

/* Tomorrow's exchange rates: autoregressions that may jump. */
static void next_rates(struct region *g)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, K = m->size.K;
    for (int k = 0; k < K; ++k) {
        const ptrdiff_t day = (ptrdiff_t)d->number * K + k;
        const double keep = m->fx_keep[k], shock = m->fx_shock[day], shift = m->fx_shift[day], sd = m->fx_sd[k];
        const double up = 1.0 - m->jump_chance[k] / 2.0, down = m->jump_chance[k] / 2.0, jump = m->jump_log[k];
        const double *now = AT(d->morning.fx_log, g, k);
        double *next = AT(d->evening.fx_log, g, k);
        if (!d->sampled) {
            EACH(w, n) next[w] = keep * now[w] + shock;
            continue;
        }
        const double *z = DRAWN(z_fx, g, k), *u = DRAWN(u_jump, g, k);
        EACH(w, n) {
            double jumps = (u[w] > up ? 1.0 : 0.0) - (u[w] < down ? 1.0 : 0.0);
            next[w] = keep * now[w] + sd * z[w] + jump * jumps + shift + shock;
        }
    }
}

/* One deviation of a region on the next morning; z is NULL in expected mode. */
static void next_deviation(const struct region *g, const double *now, double *next, double keep, double noise,
                           const double *z, double shift)
{
    const int n = g->n;
    if (z)
        EACH(w, n) next[w] = keep * now[w] + noise * z[w] + shift;
    else
        EACH(w, n) next[w] = keep * now[w];
}

static void next_outside(const struct region *g)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r, S = m->size.S;
    const ptrdiff_t day = (ptrdiff_t)d->number * m->size.R + r;
    const int drawn = d->sampled;
    next_deviation(g, AT(d->morning.competitor_log, g, r), AT(d->evening.competitor_log, g, r), m->competitor_keep[r],
                   m->competitor_noise[r], drawn ? DRAWN(z_competitor, g, r) : NULL, 0.0);
    next_deviation(g, AT(d->morning.congestion_log, g, r), AT(d->evening.congestion_log, g, r), m->congestion_keep[r],
                   m->congestion_noise[r], drawn ? DRAWN(z_congestion, g, r) : NULL, -m->congestion_shift[day]);
    next_deviation(g, AT(d->morning.media_price_log, g, r), AT(d->evening.media_price_log, g, r), *m->media_price_keep,
                   *m->media_price_noise, drawn ? DRAWN(z_media_price, g, r) : NULL,
                   m->media_price_shift[d->number]);
    lanes mood;
    fill(mood, 0.0, n);
    for (int s = 0; s < S; ++s) {
        const double *satisfaction = AT(d->morning.satisfaction, g, cell_at(m, r, s));
        const double neutral = m->satisfaction_start[s];
        EACH(w, n) mood[w] += satisfaction[w] - neutral;
    }
    const double start = m->sentiment_start[r], keep = m->sentiment_keep[r], shock = m->sentiment_shock[day];
    const double noise = drawn ? m->sentiment_noise[r] : 0.0;
    const double *now = AT(d->morning.sentiment, g, r), *z = drawn ? DRAWN(z_sentiment, g, r) : now;
    double *next = AT(d->evening.sentiment, g, r);
    EACH(w, n) {
        double level = start + mood[w] / S;
        next[w] = level + keep * (now[w] - level) + noise * z[w] + shock;
    }
}

/* What a region knows before its cells are played. */
static void open_region(struct region *g)
{
    const struct day *d = g->day;
    const struct market *m = g->market;
    const int n = g->n, r = g->r;
    lanes room;
    const double *rate_log = AT(d->morning.fx_log, g, (int)m->region_currency[r]);
    const double *congestion = AT(d->morning.congestion_log, g, r);
    const double *own = of_worlds(&d->worlds.delivery, g, r, 0, 0, room);
    const double follow = m->pass_through[r], charged = m->charged_base[r], usual = m->usual_days[r];
    const double delay = m->delay_days[(ptrdiff_t)d->number * m->size.R + r], accepted = m->accepted_days[r];
    const double *price_log = AT(d->morning.media_price_log, g, r);
    const double season = m->cpm[(ptrdiff_t)d->number * m->size.R + r];
    double *days = AT(d->evening.delivery_days, g, r);
    EACH(w, n) {
        g->season[w] = season * exp_of(price_log[w]);
        g->local[w] = exp_of(-follow * rate_log[w]);
        g->seller_fx[w] = exp_of((1.0 - follow) * rate_log[w]);
        g->charged[w] = charged * g->seller_fx[w];
        g->delivery_days[w] = days[w] = usual * own[w] * exp_of(congestion[w]) + delay;
        g->late[w] = most(days[w] - accepted, 0.0);
        g->spent[w] = 0.0;
    }
}

/* Bring a part of what the next region needs nearer, while this one is worked on: its rows lie too far apart for the
 * processor to see them coming. Part s of S of it; after the last region, of the first one of the next chunk. */
static void fetch_ahead(const struct region *g, int s)
{
    const struct day *d = g->day;
    const int R = g->market->size.R, S = g->market->size.S, next = g->r + 1 < R ? g->r + 1 : 0;
    const ptrdiff_t first = next ? g->first : g->first + g->n;
    const int n = (int)(d->count - first < g->n ? d->count - first : g->n);
    for (int i = 0; i < d->arrays; ++i) {
        const struct by_region *of = d->by_region + i;
        for (int row = s; row < of->rows; row += S) {
            const double *at = of->at + (next + (ptrdiff_t)R * row) * d->count + first;
            for (const double *end = at + n; at < end; at += 8)
                __builtin_prefetch(at, 0, 2);
        }
    }
}

static void play_region(struct region *g)
{
    const struct market *m = g->market;
    const int n = g->n, S = m->size.S;
    struct cell *cells = g->room->cells;
    open_region(g);
    dayparts(g);
    for (int s = 0; s < S; ++s) {
        fetch_ahead(g, s);
        play_media(g, cells + s, s);
        price_cell(g, cells + s, s);
        expect_demand(g, cells + s, s);
        EACH(w, n) g->spent[w] += cells[s].spent[w];
    }
    take_from_siblings(g);
    for (int s = 0; s < S; ++s) {
        cut_orders(g, cells + s, s);
        count(g, cells + s, s);
    }
    fulfil(g);
    for (int s = 0; s < S; ++s) {
        book_cell(g, cells + s, s);
        report(g, cells + s, s);
        move_customers(g, cells + s, s);
        remember(g, cells + s, s);
        if (g->day->channels.channel_visits)
            attribute(g, cells + s, s);
        if (g->day->details.contact_kept)
            detail(g, cells + s, s);
    }
    next_outside(g);
    const double *left = AT(g->day->morning.region_left, g, g->r);
    double *tonight = AT(g->day->evening.region_left, g, g->r);
    EACH(w, n) tonight[w] = most(left[w] - g->spent[w], 0.0);
}

/* The chunk's random numbers: those that came with the day, or drawn here, where they stay in the cache. */
static void take_draws(struct region *g)
{
    const struct day *d = g->day;
    const double **to = &g->draws.z_fx, *const *from = &d->draws.z_fx;
    const int fields = (int)(sizeof g->draws / sizeof *to);
    g->draw_step = d->count;
    for (int i = 0; d->sampled && from[0] && i < fields; ++i)
        to[i] = from[i] + g->first;
    if (!d->sampled || from[0])
        return;
    g->draw_step = LANES;
    draw_worlds(&d->stream, g->first, g->n, *g->room->drawn, LANES);
    for (int i = 0; i < fields; ++i)
        to[i] = g->room->drawn[d->draw_row[i]];
}

/* Play the day in worlds first..first+n-1. */
static void play_worlds(const struct day *d, ptrdiff_t first, int n, struct room *room)
{
    const struct market *m = d->market;
    struct region region = {.day = d, .market = m, .room = room, .first = first, .n = n}, *g = &region;
    fill(room->ones, 1.0, n);
    take_draws(g);
    for (int k = 0; k < m->size.K; ++k) {
        const double *log = AT(d->morning.fx_log, g, k);
        double *rate = room->fx[k];
        EACH(w, n) rate[w] = exp_of(log[w]);
    }
    for (int c = 0; c < m->size.C; ++c)
        fill(room->channels[c], 0.0, n);
    lanes spent;
    fill(spent, 0.0, n);
    next_rates(g);
    for (g->r = 0; g->r < m->size.R; ++g->r) {
        play_region(g);
        EACH(w, n) spent[w] += region.spent[w];
    }
    for (int c = 0; c < m->size.C; ++c) {
        const double *left = AT(d->morning.channel_left, g, c), *used = room->channels[c];
        double *tonight = AT(d->evening.channel_left, g, c);
        EACH(w, n) tonight[w] = most(left[w] - used[w], 0.0);
    }
    const double *left = AT(d->morning.budget_left, g, 0);
    double *tonight = AT(d->evening.budget_left, g, 0);
    EACH(w, n) tonight[w] = most(left[w] - spent[w], 0.0);
}

#endif
