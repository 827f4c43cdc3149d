/* Counts for unicorn, block by block (window.h): the work of a Python callback at a hundredth of its cost. */
#include "window.h"

typedef int (*memory_reader)(void *engine, uint64_t address, void *bytes, size_t size);

typedef struct {
    uint64_t address;
    uint32_t bytes, first, pieces, unused;
} block; /* one that was cut into pieces before; 0 pieces: none */

/* targets/emulator/block_counter.py has the same layout. */
typedef struct {
    window *window;
    memory_reader read;
    block known[2 * PIECES]; /* by their address, more than there can be */
} block_counter;

static uint32_t length_at(block_counter *counter, void *engine, uint64_t address) {
    uint16_t half = 0;
    if (counter->read(engine, address, &half, sizeof half) != 0) return 2;
    return thumb_bytes(half);
}

/* Cuts a block where layers begin; its pieces get neighbouring indices. Returns how many they are. */
static uint32_t cut(block_counter *counter, void *engine, uint64_t address, uint32_t bytes, uint32_t *first) {
    window *const w = counter->window;
    uint32_t pieces = 0;
    for (uint64_t at = address; at < address + bytes; pieces++) {
        const uint64_t start = at;
        uint32_t instructions = 0;
        do {
            at += length_at(counter, engine, at);
            instructions++;
        } while (at < address + bytes && row_at(w, at) == 0);
        const uint32_t index = add_piece(w, start, (uint32_t)(at - start), instructions, row_at(w, start));
        if (pieces == 0) *first = index;
    }
    return pieces;
}

PUBLIC void on_block(void *engine, uint64_t address, uint32_t bytes, void *data) {
    block_counter *const counter = data;
    size_t slot = (size_t)(address >> 1) % (2 * PIECES);
    while (counter->known[slot].pieces > 0 &&
           (counter->known[slot].address != address || counter->known[slot].bytes != bytes)) {
        slot = (slot + 1) % (2 * PIECES);
    }
    block *const found = &counter->known[slot];
    if (found->pieces == 0) {
        if (counter->window->lost) return;
        *found = (block){address, bytes, 0, 0, 0};
        found->pieces = cut(counter, engine, address, bytes, &found->first);
    }
    enter_function(counter->window, address);
    for (uint32_t i = 0; i < found->pieces; i++) execute_piece(counter->window, found->first + i);
}
