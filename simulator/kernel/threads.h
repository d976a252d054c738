/* Chunks of worlds over threads. Which thread plays which chunk, and how wide chunks are, changes no bit. */

#ifndef XBOPT_THREADS_H
#define XBOPT_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "kernel.h"

enum { MOST_THREADS = 256, LEAST_CHUNK = 8, ALIGNMENT = 64 };

/* Work on count worlds; the job says what. */
struct crew {
    void (*work)(const void *job, const struct level *, ptrdiff_t first, int n, void *room);
    const void *job;
    const struct level *level;
    ptrdiff_t count, width;
    size_t room;
    atomic_ptrdiff_t next;
    atomic_int failed;
};

static void *work_through(void *argument)
{
    struct crew *crew = argument;
    char *block = malloc(crew->room + ALIGNMENT);
    if (!block) {
        atomic_store(&crew->failed, 1);
        return NULL;
    }
    void *room = block + (ALIGNMENT - (uintptr_t)block % ALIGNMENT);
    for (;;) {
        const ptrdiff_t first = atomic_fetch_add(&crew->next, crew->width);
        if (first >= crew->count)
            break;
        const ptrdiff_t left = crew->count - first;
        crew->work(crew->job, crew->level, first, (int)(left < crew->width ? left : crew->width), room);
    }
    free(block);
    return NULL;
}

/* Do the work on so many threads, this one among them; whether there was memory for it. */
static int work_on(struct crew *crew, int threads)
{
    pthread_t others[MOST_THREADS];
    int started = 0;
    threads = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
    ptrdiff_t share = (crew->count + threads - 1) / threads;
    share = (share + LEAST_CHUNK - 1) / LEAST_CHUNK * LEAST_CHUNK;
    crew->width = share < LANES ? share : LANES;
    atomic_init(&crew->next, 0);
    atomic_init(&crew->failed, 0);
    const ptrdiff_t chunks = crew->width ? (crew->count + crew->width - 1) / crew->width : 0;
    /* A thread that cannot be started is no loss: the others take its chunks. */
    while (started + 1 < threads && started + 1 < chunks
           && pthread_create(&others[started], NULL, work_through, crew) == 0)
        ++started;
    work_through(crew);
    for (int i = 0; i < started; ++i)
        pthread_join(others[i], NULL);
    return !atomic_load(&crew->failed) || atomic_load(&crew->next) >= crew->count;
}

#endif
