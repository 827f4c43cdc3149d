/* Cycles of each layer; part of the firmware only when it is built with EC_PROFILE_CYCLES. */
#include "ec_port.h"

#if defined(EC_PROFILE_CYCLES)
#include "edgec/ec_profile.h"

enum { TRIALS = 8 };

static uint32_t current; /* whose time it is */
static uint32_t since;   /* when it last began */
static uint32_t price;   /* cycles between two calls in a row: they are the profile's own, not the model's */

/* The time from its last instructions to its first belongs to the layer; what lies between is counted nowhere. */
__attribute__((noinline)) void ec_profile_layer(uint32_t entry) {
    const uint32_t spent = ec_cycles() - since;
    ec_profile_cycles[current] += spent > price ? spent - price : 0u;
    current = entry;
    since = ec_cycles();
}

void ec_profile_begin(void) {
    uint32_t least = UINT32_MAX;
    price = 0;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        ec_profile_cycles[0] = 0;
        ec_profile_layer(0);
        ec_profile_cycles[0] = 0;
        ec_profile_layer(0);
        /* The first ones wait for flash and caches. */
        if (ec_profile_cycles[0] < least) least = ec_profile_cycles[0];
    }
    price = least;
    for (uint32_t entry = 0; entry < ec_profile_entries; entry++) ec_profile_cycles[entry] = 0;
    ec_profile_resume();
}

void ec_profile_resume(void) {
    current = 0;
    since = ec_cycles();
}
#endif
