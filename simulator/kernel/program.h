/* What a program of steps is, for whoever makes and runs one. */

#ifndef XBOPT_PROGRAM_H
#define XBOPT_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define OPERATIONS(X)                                                                                                \
    X(COPY) X(NEGATIVE) X(ABSOLUTE) X(EXP) X(LOG) X(ROOT) X(TANH) X(FLOAT32) X(WHOLE) X(TRUTH) X(ADD) X(SUBTRACT)     \
    X(TIMES) X(DIVIDE) X(LEAST) X(MOST) X(GREATER) X(GREATER_OR_EQUAL) X(LESS) X(LESS_OR_EQUAL) X(EQUAL) X(CHOOSE)    \
    X(SUM) X(LOWEST) X(PLACE_OF_MOST) X(PLACE_OF_LEAST) X(RUNNING_SUM) X(MULTIPLY) X(GATHER)

#define X(name) name,
enum operation { OPERATIONS(X) NUMBER_OF_OPERATIONS, FIRST_OF_LINES = SUM };
#undef X

/* Where an operand begins, and how far apart its entries lie along each of the four loops. */
struct operand {
    int64_t at, stride[4];
};

struct step {
    int64_t operation, length[4];
    struct operand to, a, b, c;
};

/* A number without its fraction; the least one where there is none. */
static inline int64_t whole_number(double x)
{
    return x > -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}

/* The same function, compiled for one level; all give the same bits. */
struct runner {
    const char *name;
    ptrdiff_t (*run)(const struct step *, ptrdiff_t count, double *memory);
};

extern const struct runner runner_baseline;
#if defined(__x86_64__) && defined(__GNUC__)
#define XBOPT_X86_LEVELS 1
extern const struct runner runner_avx2, runner_avx512;
#endif

#endif
