/* What the firmware executes between ec_run_begin() and ec_run_end(), by layer and by piece of code: shared by the
 * helpers of QEMU (counter.c) and unicorn (block_counter.c).
 *
 * A piece is a run of instructions that are executed one after the other: what the emulator translates at once, cut in
 * two where a layer begins inside it. Each piece has one tally in each row; row 0 is outside the window, row 1 inside
 * it but in no layer, row n + 2 is layer n. edgec writes where window and layers begin, and reads the rest. */
#ifndef EDGEC_WINDOW_H
#define EDGEC_WINDOW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PUBLIC __attribute__((visibility("default")))

/* targets/emulator/window.py has the same layout. Most of it is never touched, and takes no memory then. */
enum { MARKS = 2048, PIECES = 1 << 15, ROWS = 512 };
enum { OUTSIDE, NO_LAYER };

typedef struct {
    uint64_t address;
    uint32_t bytes;
    uint32_t instructions;
    uint32_t row; /* that begins with it; 0: goes on with the present one */
    uint32_t unused;
} piece;

typedef struct {
    uint32_t executed;
    uint32_t fell; /* times that the piece right behind it came next: a branch at its end was not taken */
} tally;

typedef struct {
    uint64_t begin, end, resume; /* addresses of ec_run_begin(), ec_run_end() and ec_run_resume() */
    uint64_t rows, marks_used;
    uint64_t last;    /* instructions of the last complete window */
    uint64_t windows; /* complete ones */
    uint64_t pieces_used;
    uint64_t lost;                /* not 0: there were more pieces than fit, the tallies are not complete */
    uint64_t executed, row, next; /* now: instructions of this window, row, address behind the last piece */
    uint64_t previous;            /* index of the last piece */
    struct {
        uint64_t address, row;
    } marks[MARKS];
    piece pieces[PIECES];
    tally tallies[ROWS][PIECES];
} window;

/* Bytes of a Thumb instruction: a halfword that begins with 11101, 11110 or 11111 is the first of two. */
static uint32_t thumb_bytes(uint16_t half) { return (half >> 11) >= 0x1Du ? 4u : 2u; }

/* The row that begins at an address; 0: none does. */
static uint32_t row_at(const window *w, uint64_t address) {
    for (uint64_t i = 0; i < w->marks_used; i++) {
        if (w->marks[i].address == address) return (uint32_t)w->marks[i].row;
    }
    return 0;
}

/* Index of a new piece. Where there is no room left, the last one stands for all others. */
static uint32_t add_piece(window *w, uint64_t address, uint32_t bytes, uint32_t instructions, uint32_t row) {
    if (w->pieces_used == PIECES) w->lost = 1;
    const uint32_t index = w->lost ? PIECES - 1 : (uint32_t)w->pieces_used++;
    w->pieces[index] = (piece){address, bytes, instructions, row, 0};
    return index;
}

/* The function at `address` is entered: a window begins, ends or goes on where it ended, or nothing happens. */
static void enter_function(window *w, uint64_t address) {
    if (address == w->begin) {
        for (uint64_t row = NO_LAYER; row < w->rows; row++) {
            memset(w->tallies[row], 0, (size_t)w->pieces_used * sizeof(tally));
        }
        w->executed = 0;
    }
    if (address == w->begin || address == w->resume) {
        w->row = NO_LAYER;
        w->next = 0;
    }
    if (address == w->end && w->row != OUTSIDE) {
        w->last = w->executed;
        w->windows++;
        w->row = OUTSIDE;
    }
}

static void execute_piece(window *w, uint32_t index) {
    const piece *const p = &w->pieces[index];
    if (w->next == p->address) w->tallies[w->row][w->previous].fell++;
    if (p->row != 0 && w->row != OUTSIDE) w->row = p->row;
    w->tallies[w->row][index].executed++;
    if (w->row != OUTSIDE) w->executed += p->instructions;
    w->next = p->address + p->bytes;
    w->previous = index;
}

#endif
