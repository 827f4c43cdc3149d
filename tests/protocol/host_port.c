/* The firmware as a program: its UART is stdin and stdout, its model y[i] = 3 * x[i] + run number. With PUSHED, x comes
 * row by row. */
#include <stdlib.h>
#include <unistd.h>

#include "ec_port.h"
#include "ec_protocol.h"
#include "edgec/ec_model.h"
#include "edgec/ec_profile.h"

enum { INPUT = 300, OUTPUT = 300, SECOND = 5, LAYERS = 40 };

static _Alignas(8) uint8_t arena[INPUT + SECOND];
static uint8_t count;
static uint32_t now;

#if defined(PUSHED)
enum { ROWS = 12, ROW = INPUT / ROWS };
static int pushed; /* rows */

static void begin(void *memory) {
    (void)memory;
    pushed = 0;
}

static int8_t *next_row(void *memory) { return (int8_t *)memory + pushed * ROW; }
#else
enum { ROWS = 0, ROW = INPUT };
#endif

static void run(void *memory) {
    uint8_t *const x = memory;
#if defined(PUSHED)
    if (++pushed < ROWS) {
        now += 100;
        return;
    }
#endif
    count++;
    /* In place, as a real arena is: a run too many, or one on stale inputs, shows in the outputs. */
    for (int i = 0; i < INPUT; i++) x[i] = (uint8_t)(3 * x[i] + count + x[INPUT + i % SECOND]);
    now += 7;
    /* The layers take turns; in each turn, layer n takes n + count cycles. */
    for (uint32_t turn = 0; turn < 3; turn++) {
        for (uint32_t layer = 0; layer < LAYERS; layer++) {
            EC_LAYER(layer);
            now += layer + count;
        }
    }
    EC_LAYERS_END();
    now += 1000;
}

static const ec_tensor inputs[] = {{0, ROW}, {INPUT, SECOND}};
static const ec_tensor outputs[] = {{0, OUTPUT}};
const ec_model_info ec_model = {
    .name = "triple",
    .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    .target = "host",
    .arena_bytes = sizeof arena,
    .input_count = 2,
    .output_count = 1,
    .inputs = inputs,
    .outputs = outputs,
    .run = run,
    .rows = ROWS,
#if defined(PUSHED)
    .begin = begin,
    .next_row = next_row,
#endif
    .arena = arena,
};

void ec_uart_init(void) {}

void ec_uart_put(uint8_t byte) {
    if (write(1, &byte, 1) != 1) exit(0);
}

int ec_uart_get(void) {
    uint8_t byte;
    if (read(0, &byte, 1) != 1) exit(0);
    return byte;
}

#if defined(EC_PROFILE_CYCLES)
uint32_t ec_profile_cycles[LAYERS + 1];
const uint32_t ec_profile_entries = LAYERS + 1;

/* Reading the clock takes time, too; and it wraps. */
uint32_t ec_cycles(void) { return (now += 3) + 0xFFFFFFC0u; }
#else
uint32_t ec_cycles(void) { return (uint32_t)count * 1000u; }
#endif

void ec_stack_paint(void) {}

uint32_t ec_stack_used(void) { return 500; }

uint32_t ec_stack_size(void) { return 1024; }

uint32_t ec_static_bytes(void) { return 2000; }
