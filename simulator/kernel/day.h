/* What a chunk of worlds works on: the arrays of the day, and the room for what is worked out between them. */

#ifndef XBOPT_DAY_H
#define XBOPT_DAY_H

#include "draws.h"
#include "fields.h"
#include "lanes.h"

enum { BUCKETS = 5, KNOWN = 4, MECHANICS = 5, STAGES = 8, PRICE_STAGE = 5, TERMS = 11 };
enum { NEW, ACTIVE, AT_RISK, LAPSED }; /* along the four known buckets */

struct sizes {
#define X(letter) int letter;
    SIZES(X)
#undef X
};

/* Numbers of a row of limits (limits.h). */
static inline int limit_count(const struct sizes *size)
{
    return 1 + size->R * size->C + 2 * size->R * size->S * size->C + size->R * size->S;
}

struct market {
    struct sizes size;
#define X(name, axes) double *name;
    MARKET_FIELDS(X)
#undef X
};

/* A parameter by world; a step of 0 stands for an axis along which it does not differ. */
struct factor {
    const double *at;
    ptrdiff_t by_world, step[4];
};

struct factors {
#define X(name, axes) struct factor name;
    WORLD_FIELDS(X)
#undef X
};

struct decided {
#define X(name, axes) struct factor name;
    DECISION_FIELDS(X)
#undef X
};

struct morning {
#define X(name, axes) const double *name;
    STATE_FIELDS(X)
#undef X
};

struct draws {
#define X(name, axes) const double *name;
    DRAW_FIELDS(X)
#undef X
};

struct evening {
#define X(name, axes) double *name;
    STATE_FIELDS(X) OUTCOME_FIELDS(X)
#undef X
};

struct channels {
#define X(name, axes) double *name;
    CHANNEL_FIELDS(X)
#undef X
};

struct details {
#define X(name, axes) double *name;
    DETAIL_FIELDS(X)
#undef X
};

/* An array of which each region has so many rows, from its own on in steps of the number of regions. */
struct by_region {
    const double *at;
    int rows;
};
enum { MOST_BY_REGION = 128 };

/* One day of all worlds. */
struct day {
    const struct market *market;
    struct factors worlds;
    struct decided decided;
    struct morning morning;
    struct draws draws;      /* NULL where they are drawn in passing, from the stream */
    struct draw stream;
    int draw_row[sizeof(struct draws) / sizeof(double *)]; /* first row of each field of them */
    struct evening evening;
    struct channels channels; /* NULL where nobody asks, as the details are */
    struct details details;
    double *window;  /* exposures of windowed channels by day, cell and world: today's to be written, then earlier */
    ptrdiff_t count; /* worlds */
    int number;      /* the day, from 0 */
    int sampled;
    struct by_region by_region[MOST_BY_REGION];
    int arrays; /* of them */
};

/* Prices and levies of a group of customers: all, or prospects who may be offered less. */
struct offer {
    lanes off, taken, paid, seen;      /* discount, share of orders that take it, the mean of both, as people see it */
    lanes factor, turnout;             /* multipliers on carts and visits */
    lanes duty, dutiable, tax;         /* duty with the tax on it, share of orders that owe any, consumption tax */
};

/* What is known of one segment of the region at hand. */
struct cell {
    struct offer known, own;      /* own: of prospects, where they are offered another price */
    const struct offer *prospect; /* one of both */
    lanes basket, factor_price, landed_log, still_a_deal, borrowed_frac, now_price;
    lanes contact, readiness, by_stranger, noise;
    lanes media_alike, quality_alike; /* what all buckets have of the two that follow */
    lanes by_media[BUCKETS], by_quality[BUCKETS], strangers[BUCKETS], quality_people[BUCKETS];
    lanes quality_visits[BUCKETS], visits[BUCKETS], carts[BUCKETS], people[BUCKETS], undiscounted[BUCKETS];
    lanes orders[BUCKETS], checkout_known, checkout_prospect, ratio_known, ratio_prospect;
    lanes base, bump, by_prospects, borrowed, due, siblings, capped, keep_prospect, keep_known;
    lanes by_discount[2]; /* of prospects, and of known customers */
    lanes all_visits, all_carts, returned, shipped, lost, spent;
    lanes *channel; /* visits a reachable head by channel (C) */
    lanes *both;    /* visits a head by pair (P) */
};

/* Room for a chunk. */
struct room {
    double *ones;    /* a parameter that is 1 in all worlds */
    lanes *fx;       /* rates by currency (K) */
    lanes *channels; /* spend of the chunk by channel (C) */
    lanes *power;    /* 1 less the exponent of price to spend, by channel (C) */
    lanes *delivery, *effect; /* of the region's dayparts by channel (C) */
    lanes *buyers;   /* by type and known bucket (G * 4) */
    lanes *places;   /* orders by place and bucket, and working room beside them (Q * 10) */
    lanes *drawn;    /* the chunk's random numbers by row, where they are drawn in passing */
    struct cell *cells; /* the region's segments (S) */
};

/* A region of a chunk. */
struct region {
    const struct day *day;
    const struct market *market;
    struct room *room;
    struct draws draws; /* of the chunk's first world */
    ptrdiff_t draw_step; /* from one entry of them to the next */
    ptrdiff_t first; /* first world of the chunk */
    int n, r;        /* worlds in the chunk; region */
    lanes season, local, seller_fx, charged, delivery_days, late, lost_share, spent;
};

/* The worlds of one entry of an array in the morning or evening; entries in the order of fields.h. */
#define AT(array, region, entry) ((array) + (ptrdiff_t)(entry) * (region)->day->count + (region)->first)

#define DRAWN(name, region, entry) ((region)->draws.name + (ptrdiff_t)(entry) * (region)->draw_step)

/* Entries of arrays with regions, segments and one more axis. */
INLINE int cell_at(const struct market *m, int r, int s) { return r + m->size.R * s; }
INLINE int cell_at2(const struct market *m, int r, int s, int i) { return r + m->size.R * (s + m->size.S * i); }

/* The worlds' entries of a parameter; ``room`` holds them where it is the same in all, unless it is the usual 1. */
static inline const double *of_worlds(const struct factor *f, const struct region *g, int i, int j, int k, double *room)
{
    const double *at = f->at + i * f->step[0] + j * f->step[1] + k * f->step[2];
    if (f->by_world)
        return at + g->first;
    if (*at == 1.0)
        return g->room->ones;
    fill(room, *at, g->n);
    return room;
}

/* The worlds' entries of a decision; ``room`` holds them where all decide alike. */
static inline const double *of_decision(const struct factor *f, const struct region *g, int entry, double *room)
{
    if (f->by_world)
        return f->at + (ptrdiff_t)entry * g->day->count + g->first;
    fill(room, f->at[entry], g->n);
    return room;
}

#endif
