/* Plays a stored day by the sources of the kernel, without Python, and writes all that it wrote: for other machines.
 *
 *     replay DAY RESULT
 *
 * A day's file holds 8-byte numbers, as test_other_machines.py writes them: sizes, the market's arrays, those of worlds
 * with their steps, then the call and its arrays. Before an array stands its length. */

#include "day.h"
#include "kernel.h"
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>

#define X(name, axes) +1
enum { STATES = 0 STATE_FIELDS(X), DECISIONS = 0 DECISION_FIELDS(X), DRAWS = 0 DRAW_FIELDS(X),
       OUTCOMES = 0 OUTCOME_FIELDS(X), DETAILS = 0 DETAIL_FIELDS(X), MARKETS = 0 MARKET_FIELDS(X),
       FACTORS = 0 WORLD_FIELDS(X) };
#undef X

static FILE *file;

static int64_t whole(void)
{
    int64_t number;
    if (fread(&number, 8, 1, file) != 1)
        exit(2);
    return number;
}

static double *array(size_t *length)
{
    const size_t count = (size_t)whole();
    double *numbers = malloc(count * 8 + 8);
    if (!numbers || fread(numbers, 8, count, file) != count)
        exit(2);
    *length = count;
    return numbers;
}

/* Room for a block of fields, whose lengths stand in the file. */
static double *block(double **fields, int count, size_t *length)
{
    size_t lengths[256];
    *length = 0;
    for (int i = 0; i < count; ++i)
        *length += lengths[i] = (size_t)whole();
    double *room = malloc(*length * 8 + 8), *at = room;
    if (!room)
        exit(2);
    for (int i = 0; i < count; ++i, at += lengths[i - 1])
        fields[i] = at;
    return room;
}

/* The stream that the day's random numbers are drawn from: keys, number of normals, worlds, places, rows by field. */
static void stream(struct day *day)
{
    struct draw *draw = &day->stream;
    size_t worlds, slots;
    for (int i = 0; i < 2; ++i)
        draw->key[i] = (uint64_t)whole();
    draw->normals = (int)whole();
    draw->worlds = (const int64_t *)(void *)array(&worlds);
    draw->place = (const int64_t *)(void *)array(&slots);
    draw->count = (ptrdiff_t)worlds;
    draw->slots = (int)slots;
    draw->first = (uint64_t)day->number * ((slots + 3) / 4);
    for (int i = 0, row = 0; i < DRAWS; ++i) {
        day->draw_row[i] = row;
        row += (int)whole();
    }
}

static void play_some(const void *job, const struct level *level, ptrdiff_t first, int n, void *room)
{
    level->play(job, first, n, room);
}

int main(int count, char **words)
{
    static struct market market;
    static struct day day;
    size_t length, lengths[4];
    if (count != 3 || !(file = fopen(words[1], "rb")))
        return 2;
    for (size_t i = 0; i < sizeof market.size / sizeof(int); ++i)
        ((int *)&market.size)[i] = (int)whole();
    for (int i = 0; i < MARKETS; ++i)
        (&market.demand)[i] = array(&length);
    for (int i = 0; i < FACTORS; ++i) {
        struct factor *factor = &(&day.worlds.elasticity)[i];
        factor->by_world = (ptrdiff_t)whole();
        for (int axis = 0; axis < 4; ++axis)
            factor->step[axis] = (ptrdiff_t)whole();
        factor->at = array(&length);
    }
    day.market = &market;
    day.count = (ptrdiff_t)whole();
    day.number = (int)whole();
    day.sampled = (int)whole();
    const int threads = (int)whole();
    for (int i = 0; i < STATES; ++i)
        (&day.morning.fx_log)[i] = array(&length);
    for (int i = 0; i < DECISIONS; ++i) {
        (&day.decided.spend)[i].by_world = (ptrdiff_t)whole();
        (&day.decided.spend)[i].at = array(&length);
    }
    if (day.sampled)
        stream(&day);
    day.window = array(&lengths[0]);
    double *results[] = {day.window, NULL, NULL, NULL};
    results[1] = block(&day.evening.fx_log, STATES, &lengths[1]);
    results[2] = block(&day.evening.fx_log + STATES, OUTCOMES, &lengths[2]);
    results[3] = block(&day.details.contact_kept, DETAILS, &lengths[3]);
    fclose(file);
    struct crew crew = {.work = play_some, .job = &day, .level = &level_baseline, .count = day.count,
                        .room = level_baseline.room_bytes(&market.size)};
    if (!work_on(&crew, threads) || !(file = fopen(words[2], "wb")))
        return 3;
    for (int i = 0; i < 4; ++i)
        fwrite(results[i], 8, lengths[i], file);
    return fclose(file) ? 3 : 0;
}
