/* Counts instructions for unicorn, block by block: the work of a Python callback at a hundredth of its cost. */
#include <stddef.h>
#include <stdint.h>

#define PUBLIC __attribute__((visibility("default")))

typedef int (*memory_reader)(void *engine, uint64_t address, void *bytes, size_t size);

/* targets/emulator/block_counter.py has the same layout. */
typedef struct {
    uint64_t begin; /* addresses of ec_run_begin() and ec_run_end() */
    uint64_t end;
    uint64_t last;    /* instructions of the last complete window */
    uint64_t windows; /* complete ones */
    uint64_t executed;
    memory_reader read;
    struct {
        uint64_t address;
        uint32_t size, count;
    } known[1 << 14]; /* blocks that were counted before, by a hash of their address */
} block_counter;

/* Thumb: a halfword that begins with 11101, 11110 or 11111 is the first of two. */
static uint32_t instructions_in(block_counter *counter, void *engine, uint64_t address, uint32_t size) {
    uint32_t count = 0;
    for (uint32_t at = 0; at < size; count++) {
        uint16_t half = 0;
        if (counter->read(engine, address + at, &half, sizeof half) != 0) break;
        at += (half >> 11) >= 0x1Du ? 4u : 2u;
    }
    return count;
}

PUBLIC void on_block(void *engine, uint64_t address, uint32_t size, void *data) {
    block_counter *const counter = data;
    if (address == counter->begin) counter->executed = 0;
    if (address == counter->end) {
        counter->last = counter->executed;
        counter->windows++;
    }
    const size_t slot = (size_t)(address >> 1) % (sizeof counter->known / sizeof counter->known[0]);
    if (counter->known[slot].address != address || counter->known[slot].size != size) {
        counter->known[slot].address = address;
        counter->known[slot].size = size;
        counter->known[slot].count = instructions_in(counter, engine, address, size);
    }
    counter->executed += counter->known[slot].count;
}
