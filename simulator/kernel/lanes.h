/* Worlds side by side: a chunk of at most 64 of them, one array entry a world, in loops that the compiler vectorises.
 *
 * Every quantity of a cell is an array of LANES numbers, and every loop runs over the worlds of the chunk. No world
 * reads another's entry, so neither the chunk that a world is in nor the width of a vector changes a bit of it. */

#ifndef XBOPT_LANES_H
#define XBOPT_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 64 };

typedef double lanes[LANES] __attribute__((aligned(64)));

/* The arrays of a loop never overlap unless they are the same array at the same entry. */
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
#define EACH(w, n) INDEPENDENT for (int w = 0; w < (n); ++w)

/* A short loop over constants inside such a loop is written out, or the outer one is not vectorised. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll_count(32)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE double least(double a, double b) { return a < b ? a : b; }
INLINE double most(double a, double b) { return a > b ? a : b; }

INLINE double from_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

INLINE uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* Nearest whole number and floor of |x| < 2^51; larger numbers are whole already for what they count. */
INLINE double nearest(double x)
{
    const double shift = 0x1.8p52;
    double rounded = (x + shift) - shift;
    return x > -0x1p51 && x < 0x1p51 ? rounded : x;
}

INLINE double whole_part(double x)
{
    double rounded = nearest(x);
    return rounded > x ? rounded - 1.0 : rounded;
}

/* Whether all worlds have the same number: work on it is then done once. Equal numbers give equal bits. */
static inline int all_same(const double *x, int n)
{
    uint64_t differ = 0, first = bits_of(x[0]);
    EACH(w, n) differ |= bits_of(x[w]) ^ first;
    return differ == 0;
}

static inline void fill(double *x, double value, int n)
{
    EACH(w, n) x[w] = value;
}

#endif
