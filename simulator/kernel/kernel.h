/* The seam between the Python module and the instruction levels. */

#ifndef XBOPT_KERNEL_H
#define XBOPT_KERNEL_H

#include "day.h"

/* The same functions, compiled for one level; all give the same bits. */
struct level {
    const char *name;
    size_t (*room_bytes)(const struct sizes *);
    void (*play)(const struct day *, ptrdiff_t first, int n, void *room);
    void (*draw)(const struct draw *, ptrdiff_t first, int n, double *out, ptrdiff_t step);
    int (*keeps)(const struct day *, const double *limits, ptrdiff_t first, int n);
    int (*evaluate)(const char *name, const double *x, const double *y, double *out, ptrdiff_t count);
};

extern const struct level level_baseline;
#if defined(__x86_64__) && defined(__GNUC__)
#define XBOPT_X86_LEVELS 1
extern const struct level level_avx2, level_avx512;
#endif

#endif
