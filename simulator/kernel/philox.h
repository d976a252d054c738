/* Uniforms at fixed positions: Philox 4x64 with ten rounds (Salmon et al. 2011), the counter as in core/randomness.py. */

#ifndef XBOPT_PHILOX_H
#define XBOPT_PHILOX_H

#include "draws.h"
#include "quantiles.h"

__extension__ typedef unsigned __int128 wide;

INLINE void philox(uint64_t counter, uint64_t world, const uint64_t *key, uint64_t *out)
{
    uint64_t a = counter, b = 0, c = world, e = 0, left = key[0], right = key[1];
    for (int i = 0; i < 10; ++i) {
        wide first = (wide)0xD2E7470EE14C6C93u * a, second = (wide)0xCA5A826395121157u * c;
        a = (uint64_t)(second >> 64) ^ b ^ left;
        c = (uint64_t)(first >> 64) ^ e ^ right;
        b = (uint64_t)second;
        e = (uint64_t)first;
        left += 0x9E3779B97F4A7C15u;
        right += 0xBB67AE8584CAA73Bu;
    }
    out[0] = a, out[1] = b, out[2] = c, out[3] = e;
}

/* Draw the day of worlds first..first+n-1 into rows that are ``step`` apart. */
static void draw_worlds(const struct draw *d, ptrdiff_t first, int n, double *out, ptrdiff_t step)
{
    const double to_open_unit = 1.0 - 0x1p-53;
    for (int slot = 0; slot < d->slots; slot += 4) {
        const int in_block = d->slots - slot < 4 ? d->slots - slot : 4;
        double *to[4];
        for (int j = 0; j < in_block; ++j)
            to[j] = out + d->place[slot + j] * step;
        for (int w = 0; w < n; ++w) {
            uint64_t words[4];
            philox(d->first + (uint64_t)slot / 4 + 1, (uint64_t)d->worlds[first + w], d->key, words);
            for (int j = 0; j < in_block; ++j) /* 52 random bits behind the exponent of [1, 2) */
                to[j][w] = from_bits((words[j] >> 12) | 0x3ff0000000000000u) - to_open_unit;
        }
    }
    for (int i = 0; i < d->normals; ++i)
        normal_quantiles(out + i * step, out + i * step, n);
}

#endif
