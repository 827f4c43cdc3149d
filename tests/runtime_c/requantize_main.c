/* Writes ec_scale_round and ec_requantize of each record on stdin: {int32 acc, float scale, int32 zero_point}.
 * With an argument N instead: compares both ways on N pseudo-random pairs; exit code 1 at the first that differs. */
#include <stdio.h>
#include <stdlib.h>

#include "edgec/ec_requantize.h"

#if !defined(EC_REQUANTIZE_INTEGER)
static uint64_t next(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15u; /* splitmix64, Steele et al. 2014 */
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int compare(long count) {
    uint64_t state = 1;
    for (long i = 0; i < count; i++) {
        const uint64_t a = next(&state), b = next(&state);
        /* acc of any magnitude; scale 2^-40 .. 2^8, half of them so that the result lies near the int8 range. */
        const int32_t acc = (int32_t)(uint32_t)a >> (b >> 59);
        uint32_t bits = (87u + (uint32_t)((b >> 32) % 48u)) << 23 | (uint32_t)(b & 0x7fffffu);
        const uint32_t size = acc < 0 ? 0u - (uint32_t)acc : (uint32_t)acc;
        if ((a >> 40) & 1)
            bits = (103u + (uint32_t)__builtin_clz(size | 1) + (uint32_t)(a >> 61)) << 23 | (bits & 0x7fffffu);
        float scale;
        __builtin_memcpy(&scale, &bits, sizeof scale);
        const int32_t by_float = ec_scale_round(acc, scale), by_integer = ec_scale_round_integer(acc, scale);
        if (by_float != by_integer) {
            fprintf(stderr, "%d * %a: float %d, integer %d\n", acc, (double)scale, by_float, by_integer);
            return 1;
        }
    }
    return 0;
}
#endif

int main(int argc, char **argv) {
#if !defined(EC_REQUANTIZE_INTEGER)
    if (argc > 1) return compare(atol(argv[1]));
#else
    (void)argv;
    if (argc > 1) return 2;
#endif
    struct {
        int32_t acc;
        float scale;
        int32_t zero_point;
    } record;
    while (fread(&record, sizeof record, 1, stdin) == 1) {
        const int32_t out[2] = {ec_scale_round(record.acc, record.scale),
                                ec_requantize(record.acc, record.scale, record.zero_point, -128, 127)};
        if (fwrite(out, sizeof out, 1, stdout) != 1) return 3;
    }
    return 0;
}
