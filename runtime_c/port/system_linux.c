/* The runner's port on Linux and Android: standard input and output are the serial port; memory is that of a process. */
#define _GNU_SOURCE
#include <elf.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ec_port.h"

#define BUFFER 512

static struct {
    uint8_t bytes[BUFFER];
    size_t next, end;
} in;

static struct {
    uint8_t bytes[BUFFER];
    size_t count;
} out;

void ec_uart_init(void) {}

static void send(void) {
    for (size_t sent = 0; sent < out.count;) {
        const ssize_t count = write(STDOUT_FILENO, out.bytes + sent, out.count - sent);
        if (count <= 0) _exit(1); /* nobody listens any more */
        sent += (size_t)count;
    }
    out.count = 0;
}

void ec_uart_put(uint8_t byte) {
    if (out.count == BUFFER) send();
    out.bytes[out.count++] = byte;
}

/* Waits for a byte; the end of the input is the end of the runner. */
int ec_uart_get(void) {
    if (in.next == in.end) {
        send();
        const ssize_t count = read(STDIN_FILENO, in.bytes, BUFFER);
        if (count <= 0) _exit(0);
        in.next = 0;
        in.end = (size_t)count;
    }
    return in.bytes[in.next++];
}

uint32_t ec_cycles(void) { return 0; /* user programs may not read the counter of cycles */ }

#define PAINT 0xC5C5A3A3u
#define PAINTED_WORDS 16384u /* 64 KB below main(): no model needs more */

static volatile uint32_t *lowest;
static uintptr_t highest;

/* Writing below the stack pointer lets Linux grow the stack; what lies right below is this function's. */
__attribute__((noinline)) void ec_stack_paint(void) {
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)3;
    highest = here;
    lowest = (volatile uint32_t *)here - PAINTED_WORDS;
    for (volatile uint32_t *word = (volatile uint32_t *)here - 64; word >= lowest; word--) *word = PAINT;
}

uint32_t ec_stack_used(void) {
    const volatile uint32_t *word = lowest;
    while ((uintptr_t)word < highest && *word == PAINT) word++;
    return (uint32_t)(highest - (uintptr_t)word);
}

uint32_t ec_stack_size(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur > UINT32_MAX) return UINT32_MAX;
    return (uint32_t)limit.rlim_cur;
}

/* What the program's file reserves for variables and the arena. */
uint32_t ec_static_bytes(void) {
    const Elf64_Phdr *const headers = (const Elf64_Phdr *)getauxval(AT_PHDR);
    const uint64_t count = getauxval(AT_PHNUM);
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & PF_W) != 0) bytes += headers[i].p_memsz;
    }
    return (uint32_t)bytes;
}
