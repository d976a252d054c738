/* The random numbers of a day, by named stream. */

#ifndef XBOPT_DRAWS_H
#define XBOPT_DRAWS_H

#include <stddef.h>
#include <stdint.h>

struct draw {
    uint64_t key[2];
    const int64_t *worlds; /* global numbers (count) */
    const int64_t *place;  /* row of each position in the stream (slots) */
    ptrdiff_t count;
    int slots, normals;    /* the first rows are turned into normals */
    uint64_t first;        /* counter of the day's first block */
};

#endif
