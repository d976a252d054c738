/* What each instruction level compiles: the same sources under other names. */

#include "chunk.h"
#include "limits.h"
#include "kernel.h"

static size_t room_bytes(const struct sizes *size)
{
    struct room room;
    return lay_out(size, &room, NULL, NULL) + sizeof(struct cell) * (size_t)size->S;
}

static void play_chunk(const struct day *day, ptrdiff_t first, int n, void *memory)
{
    struct room room;
    const struct sizes *size = &day->market->size;
    room.cells = memory;
    lay_out(size, &room, room.cells, (char *)memory + sizeof(struct cell) * (size_t)size->S);
    play_worlds(day, first, n, &room);
}

/* A function of one or two arrays, for whoever checks it. */
static int evaluate(const char *name, const double *x, const double *y, double *out, ptrdiff_t count)
{
    for (ptrdiff_t first = 0; first < count; first += LANES) {
        const int n = count - first < LANES ? (int)(count - first) : LANES;
        const double *a = x + first, *b = y + first;
        double *to = out + first;
        if (!strcmp(name, "exp"))
            EACH(w, n) to[w] = exp_of(a[w]);
        else if (!strcmp(name, "expm1"))
            EACH(w, n) to[w] = expm1_of(a[w]);
        else if (!strcmp(name, "log"))
            EACH(w, n) to[w] = log_of(a[w]);
        else if (!strcmp(name, "log1p"))
            EACH(w, n) to[w] = log1p_of(a[w]);
        else if (!strcmp(name, "ndtr"))
            EACH(w, n) to[w] = normal_cdf(a[w]);
        else if (!strcmp(name, "ndtri"))
            normal_quantiles(a, to, n);
        else if (!strcmp(name, "poisson"))
            poisson_quantiles(a, b, to, n);
        else
            return 0;
    }
    return 1;
}

const struct level LEVEL = {
    .name = LEVEL_NAME, .room_bytes = room_bytes, .play = play_chunk, .draw = draw_worlds, .keeps = keeps_limits,
    .evaluate = evaluate,
};
