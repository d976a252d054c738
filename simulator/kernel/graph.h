/* A policy's graph as a list of steps over one block of memory, compiled for one instruction level.
 *
 * All numbers are float64: whole numbers stay exact up to 2^53, truth is 1 or 0. A step is four loops, one inside the
 * other, over operands with a stride a loop. The order of every sum is fixed, so that all levels give the same bits. */

#ifndef XBOPT_GRAPH_H
#define XBOPT_GRAPH_H

#include "elementary.h"
#include "program.h"

INLINE double tanh_of(double x)
{
    double e = expm1_of(x < 0.0 ? -2.0 * x : 2.0 * x), y = e / (e + 2.0);
    return x != x ? x : x < 0.0 ? -y : y;
}

INLINE double as_float32(double x) { return (double)(float)x; }

/* No number stays none, on either side. */
INLINE double lesser(double a, double b) { return a < b || a != a ? a : b; }
INLINE double greater(double a, double b) { return a > b || a != a ? a : b; }

/* The square root of x >= 0 by the compiler's builtin, which is one instruction and correctly rounded. */
INLINE double root_of(double x) { return x < 0.0 ? from_bits(0x7ff8000000000000u) : __builtin_sqrt(x); }

INLINE double log_or_limit(double x)
{
    /* Below the smallest normal number the series does not hold; scaled up it does. */
    double scaled = x < 0x1p-1022 ? x * 0x1p54 : x;
    double y = log_of(scaled) - (x < 0x1p-1022 ? 54.0 * 6.93147180559945286227e-01 : 0.0);
    y = x > 0x1.fffffffffffffp1023 ? x : y;
    y = x == 0.0 ? -1.0 / 0.0 : y;
    return x < 0.0 || x != x ? from_bits(0x7ff8000000000000u) : y;
}

INLINE double exp_or_limit(double x)
{
    double y = exp_of(x);
    y = x > 709.0 ? exp_of(709.0) * exp_of(x - 709.0) : y;
    return x != x ? x : y;
}

/* Run over the three outer loops, with pointers of the operands at each turn of the inner one. */
#define ROWS                                                                                                         \
    for (int64_t i = 0; i < step->length[0]; ++i)                                                                    \
        for (int64_t j = 0; j < step->length[1]; ++j)                                                                \
            for (int64_t k = 0; k < step->length[2]; ++k)
#define LINES                                                                                                        \
    for (int64_t i = 0, k = 0; i < step->length[0]; ++i)                                                             \
        for (int64_t j = 0; j < step->length[1]; ++j)
#define AT(operand) (memory + step->operand.at + i * step->operand.stride[0] + j * step->operand.stride[1]           \
                     + k * step->operand.stride[2])
#define OF(operand) (step->operand.stride[3])

#define ONE(NAME, EXPRESSION)                                                                                        \
    case NAME:                                                                                                       \
        ROWS {                                                                                                       \
            const double *a = AT(a);                                                                                 \
            double *to = AT(to);                                                                                     \
            if (OF(a) == 1 && OF(to) == 1)                                                                           \
                EACH(w, n) { const double x = a[w]; to[w] = (EXPRESSION); }                                          \
            else                                                                                                     \
                for (int w = 0; w < n; ++w) { const double x = a[w * OF(a)]; to[w * OF(to)] = (EXPRESSION); }        \
        }                                                                                                            \
        break;

#define TWO(NAME, EXPRESSION)                                                                                        \
    case NAME:                                                                                                       \
        ROWS {                                                                                                       \
            const double *a = AT(a), *b = AT(b);                                                                     \
            double *to = AT(to);                                                                                     \
            if (OF(a) == 1 && OF(b) == 1 && OF(to) == 1)                                                             \
                EACH(w, n) { const double x = a[w], y = b[w]; to[w] = (EXPRESSION); }                                \
            else if (OF(a) == 1 && OF(b) == 0 && OF(to) == 1) {                                                      \
                const double y = *b;                                                                                 \
                EACH(w, n) { const double x = a[w]; to[w] = (EXPRESSION); }                                          \
            } else if (OF(a) == 0 && OF(b) == 1 && OF(to) == 1) {                                                    \
                const double x = *a;                                                                                 \
                EACH(w, n) { const double y = b[w]; to[w] = (EXPRESSION); }                                          \
            } else                                                                                                   \
                for (int w = 0; w < n; ++w) {                                                                        \
                    const double x = a[w * OF(a)], y = b[w * OF(b)];                                                 \
                    to[w * OF(to)] = (EXPRESSION);                                                                   \
                }                                                                                                    \
        }                                                                                                            \
        break;

/* The third loop is folded: the first entry, and then each further one in turn. */
#define FOLD(NAME, EXPRESSION)                                                                                       \
    case NAME:                                                                                                       \
        LINES {                                                                                                      \
            const double *a = AT(a);                                                                                 \
            double *to = AT(to);                                                                                     \
            const int64_t along = step->a.stride[2];                                                                 \
            if (n == 1) {                                                                                            \
                double x = *a;                                                                                       \
                for (int64_t at = 1; at < step->length[2]; ++at) { const double y = a[at * along]; x = (EXPRESSION); } \
                *to = x;                                                                                             \
            } else {                                                                                                 \
                for (int w = 0; w < n; ++w) to[w] = a[w];                                                            \
                for (int64_t at = 1; at < step->length[2]; ++at)                                                     \
                    EACH(w, n) { const double x = to[w], y = a[at * along + w]; to[w] = (EXPRESSION); }              \
            }                                                                                                        \
        }                                                                                                            \
        break;

/* Where along the third loop an entry first beats all before it. */
#define PLACE(NAME, EXPRESSION)                                                                                      \
    case NAME:                                                                                                       \
        LINES                                                                                                        \
            for (int w = 0; w < n; ++w) {                                                                            \
                const double *a = AT(a) + w;                                                                         \
                double y = *a;                                                                                       \
                int64_t found = 0;                                                                                   \
                for (int64_t at = 1; at < step->length[2]; ++at) {                                                   \
                    const double x = a[at * step->a.stride[2]];                                                      \
                    found = (EXPRESSION) ? at : found;                                                               \
                    y = (EXPRESSION) ? x : y;                                                                        \
                }                                                                                                    \
                AT(to)[w] = (double)found;                                                                           \
            }                                                                                                        \
        break;

/* So many columns of one row of a product; the sums run in registers, each in the order of the depth. */
INLINE void multiply_columns(const double *a, const double *b, double *to, int64_t depth, int64_t down, int columns)
{
    double sum[32] = {0.0};
    for (int64_t at = 0; at < depth; ++at) {
        const double x = a[at], *row = b + at * down;
        UNROLLED for (int w = 0; w < columns; ++w) sum[w] = FMA(x, row[w], sum[w]);
    }
    memcpy(to, sum, sizeof(double) * (size_t)columns);
}

/* The first loop are rows of a, the third is summed, the fourth are the columns of b; entries of rows lie together. */
static void multiply(const struct step *step, double *memory)
{
    const int64_t n = step->length[3], depth = step->length[2], down = step->b.stride[2];
    LINES {
        const double *a = AT(a), *b = AT(b);
        double *to = AT(to);
        int64_t first = 0;
        for (; first + 32 <= n; first += 32)
            multiply_columns(a, b + first, to + first, depth, down, 32);
        for (; first + 8 <= n; first += 8)
            multiply_columns(a, b + first, to + first, depth, down, 8);
        for (; first + 4 <= n; first += 4)
            multiply_columns(a, b + first, to + first, depth, down, 4);
        for (; first < n; ++first)
            multiply_columns(a, b + first, to + first, depth, down, 1);
    }
}

/* Entries of a at the places along the third loop that b names; whether there are such places. */
static int gather(const struct step *step, double *memory)
{
    const int n = (int)step->length[3];
    LINES {
        const double *a = AT(a), *b = AT(b);
        double *to = AT(to);
        for (int w = 0; w < n; ++w) {
            double place = b[w * OF(b)];
            place = place < 0.0 ? place + (double)step->length[2] : place;
            if (!(place >= 0.0 && place < (double)step->length[2]))
                return 0;
            const double *from = a + (int64_t)place * step->a.stride[2];
            if (OF(b) == 0 && OF(a) == 1) { /* one place for the whole line */
                memcpy(to, from, sizeof(double) * (size_t)n);
                break;
            }
            to[w] = from[w * OF(a)];
        }
    }
    return 1;
}

/* Do the steps in turn; the number of those that were done: fewer where one names a place that there is not. */
static ptrdiff_t run_steps(const struct step *steps, ptrdiff_t count, double *memory)
{
    for (ptrdiff_t s = 0; s < count; ++s) {
        const struct step *step = steps + s;
        const int n = (int)step->length[3];
        switch (step->operation) {
        ONE(COPY, x)
        ONE(NEGATIVE, -x)
        ONE(ABSOLUTE, x < 0.0 ? -x : x)
        ONE(EXP, exp_or_limit(x))
        ONE(LOG, log_or_limit(x))
        ONE(ROOT, root_of(x))
        ONE(TANH, tanh_of(x))
        ONE(FLOAT32, as_float32(x))
        ONE(WHOLE, (double)whole_number(x))
        ONE(TRUTH, x != 0.0 ? 1.0 : 0.0)
        TWO(ADD, x + y)
        TWO(SUBTRACT, x - y)
        TWO(TIMES, x * y)
        TWO(DIVIDE, x / y)
        TWO(LEAST, lesser(x, y))
        TWO(MOST, greater(x, y))
        TWO(GREATER, x > y ? 1.0 : 0.0)
        TWO(GREATER_OR_EQUAL, x >= y ? 1.0 : 0.0)
        TWO(LESS, x < y ? 1.0 : 0.0)
        TWO(LESS_OR_EQUAL, x <= y ? 1.0 : 0.0)
        TWO(EQUAL, x == y ? 1.0 : 0.0)
        FOLD(SUM, x + y)
        FOLD(LOWEST, lesser(x, y))
        PLACE(PLACE_OF_MOST, x > y)
        PLACE(PLACE_OF_LEAST, x < y)
        case CHOOSE:
            ROWS {
                const double *a = AT(a), *b = AT(b), *c = AT(c);
                double *to = AT(to);
                if (OF(a) == 1 && OF(b) == 1 && OF(c) == 1 && OF(to) == 1)
                    EACH(w, n) { to[w] = a[w] != 0.0 ? b[w] : c[w]; }
                else
                    for (int w = 0; w < n; ++w)
                        to[w * OF(to)] = a[w * OF(a)] != 0.0 ? b[w * OF(b)] : c[w * OF(c)];
            }
            break;
        case RUNNING_SUM:
            LINES
                for (int w = 0; w < n; ++w) {
                    const double *a = AT(a) + w;
                    double *to = AT(to) + w, sum = *to = *a;
                    for (int64_t at = 1; at < step->length[2]; ++at)
                        to[at * step->to.stride[2]] = sum += a[at * step->a.stride[2]];
                }
            break;
        case MULTIPLY:
            multiply(step, memory);
            break;
        case GATHER:
            if (!gather(step, memory))
                return s;
            break;
        default:
            return s;
        }
    }
    return count;
}

const struct runner RUNNER = {.name = LEVEL_NAME, .run = run_steps};

#endif
