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

/* Draw the day of worlds first..first+n-1. */
static void draw_worlds(const struct draw *d, ptrdiff_t first, int n, lanes *block)
{
    const double to_open_unit = 1.0 - 0x1p-53;
    for (int w = 0; w < n; ++w) {
        const uint64_t world = (uint64_t)d->worlds[first + w];
        for (int i = 0; i < (d->slots + 3) / 4; ++i) {
            uint64_t words[4];
            philox(d->first + (uint64_t)i + 1, world, d->key, words);
            for (int j = 0; j < 4; ++j) /* 52 random bits behind the exponent of [1, 2) */
                block[4 * i + j][w] = from_bits((words[j] >> 12) | 0x3ff0000000000000u) - to_open_unit;
        }
    }
    for (int i = 0; i < d->slots; ++i) {
        double *out = d->out + i * d->count + first;
        if (i < d->normals)
            normal_quantiles(block[d->order[i]], out, n);
        else
            memcpy(out, block[d->order[i]], sizeof(double) * (size_t)n);
    }
}

#endif
