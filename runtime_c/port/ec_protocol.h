/* The firmware's side of the serial protocol: framed, CRC-checked, host-driven (docs/protocol.md).
 *
 * frame    = 0x00, COBS(body, CRC-32 of body), 0x00. COBS leaves no zero inside, so that every zero is a
 *            frame's border and a receiver is in step again after any damage.
 * request  = sequence u16, command u8, arguments        (little-endian, like everything here)
 * response = sequence u16, status u8, payload
 *
 * A request that repeats the last one, sequence included, gets the last response once more and runs nothing:
 * the host repeats freely. A damaged frame gets a response with status EC_DAMAGED and sequence 0. */
#ifndef EDGEC_EC_PROTOCOL_H
#define EDGEC_EC_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define EC_PROTOCOL_VERSION 2u
#define EC_CHUNK_BYTES 128u /* most bytes of a tensor in one frame */

enum {
    EC_WHO = 1,    /* -> version u8, chunk u8, inputs u16, outputs u16, arena u32, runs since reset u32, rows of
                    *    input 0 that are pushed one by one u16 (0: it is written as a whole) */
    EC_TEXT = 2,   /* which u8 (0 name, 1 sha256, 2 target, 3 kernels), offset u16 -> characters from there on */
    EC_TENSOR = 3, /* output u8 (0: an input), index u16 -> bytes u32 */
    EC_WRITE = 4,  /* input u16, offset u32, data ->  */
    EC_RUN = 5,    /* -> number of this run u32, sent before it runs; of a pushed input: takes the row that is there */
    EC_READ = 6,   /* output u16, offset u32, length u8 -> data */
    EC_COUNTERS = 7, /* -> finished runs u32, cycles of the last one u32 (0: the core can't count) */
    EC_MEMORY = 8,   /* -> stack high-water u32, stack size u32, static bytes u32 (arena included) */
    EC_PROFILE = 9,  /* first entry u16 -> entries u16, their cycles u32 from the first one on (EC_PROFILE_CYCLES) */
    EC_BEGIN = 10    /* ->  ; before the first row of a pushed input, with the other inputs written */
};

enum { EC_OK = 0, EC_DAMAGED = 1, EC_REFUSED = 2 };

/* Takes one received byte and answers when it completes a frame. True: the model is to be run now, by ec_protocol_run.
 * The caller does that, so that the stack of the protocol does not lie under that of the model. */
bool ec_protocol_byte(uint8_t byte);
void ec_protocol_run(void);

/* Called right before and after the model runs: debuggers and emulators count between these two. Where the input is
 * pushed, ec_run_resume comes before every row but the first. */
void ec_run_begin(void);
void ec_run_resume(void);
void ec_run_end(void);

#endif
