/* Where the layers of <model>_run begin, for whoever wants to see where the time goes. In a normal build: nothing.
 *
 * EC_PROFILE_MARKS    each place becomes a label, ec_layer_<number>_<any>, without an instruction: emulators know then
 *                     which layer they are in, and the code runs as it does without.
 * EC_PROFILE_CYCLES   each place calls ec_profile_layer(), which reads the board's cycle counter (port/ec_profile.c).
 *
 * A layer's time is all that passes from each of its places to the next place of any layer, so that layers may take
 * turns, row by row. */
#ifndef EDGEC_EC_PROFILE_H
#define EDGEC_EC_PROFILE_H

#include <stdint.h>

#if defined(EC_PROFILE_CYCLES)
#define EC_LAYER(number) ec_profile_layer((number) + 1u)
#define EC_LAYERS_END() ec_profile_layer(0u)

/* Entry 0 is what no layer takes, entry number + 1 a layer. */
extern uint32_t ec_profile_cycles[];
extern const uint32_t ec_profile_entries;

void ec_profile_begin(void);  /* right before the model runs */
void ec_profile_resume(void); /* right before it goes on with the next row of a pushed input */
void ec_profile_layer(uint32_t entry);
#elif defined(EC_PROFILE_MARKS)
#define EC_LAYER(number) EC_MARK(#number)
#define EC_LAYERS_END() EC_MARK("end")
/* The compiler may copy code: each copy gets a number of its own. */
#define EC_MARK(name) __asm volatile("ec_layer_" name "_%=:" ::: "memory")
#else
#define EC_LAYER(number) ((void)0)
#define EC_LAYERS_END() ((void)0)
#endif

#endif
