/* The runner's port on Linux and Android, without a C library: one small static program that runs on all of them.
 * Standard input and output are the serial port; the memory is that of a process.
 *
 * EC_LIBC   the program has a C library all the same, which starts it: threads take one. */
#include <stddef.h>

#include "ec_port.h"

#if !defined(__aarch64__)
#error "this port is for 64-bit Arm"
#endif

enum { READ = 63, WRITE = 64, EXIT = 94, LIMITS = 261 }; /* system calls: include/uapi/asm-generic/unistd.h of Linux */
enum { LOADED = 1, WRITABLE = 2, RLIMIT_STACK = 3 };
enum { STDIN, STDOUT };

/* A program header of ELF64 (man 5 elf). */
typedef struct {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_bytes, bytes, align;
} program_header;

static uintptr_t stack_top;

static long call(long number, long a, long b, long c, long d) {
    register long x8 __asm("x8") = number;
    register long x0 __asm("x0") = a;
    register long x1 __asm("x1") = b;
    register long x2 __asm("x2") = c;
    register long x3 __asm("x3") = d;
    __asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory", "cc");
    return x0;
}

__attribute__((noreturn)) static void leave(int status) {
    for (;;) (void)call(EXIT, status, 0, 0, 0);
}

#if defined(EC_LIBC)
#include <sys/auxv.h>
#else
enum { AT_PHDR = 3, AT_PHNUM = 5 }; /* of the auxiliary vector: include/uapi/linux/auxvec.h */

typedef struct {
    unsigned long type, value;
} auxiliary;

static const auxiliary *vector; /* what Linux tells a program at its start */

unsigned long getauxval(unsigned long type);

/* As in <sys/auxv.h>: 0 for what Linux did not tell. */
unsigned long getauxval(unsigned long type) {
    const auxiliary *entry = vector;
    while (entry->type != 0 && entry->type != type) entry++;
    return entry->type != 0 ? entry->value : 0;
}

int main(void);
extern void (*const __init_array_start[])(void);
extern void (*const __init_array_end[])(void);

/* The stack at the start: argc, arguments, NULL, environment, NULL, auxiliary vector. */
__asm(".globl _start\n"
      ".type _start, %function\n"
      "_start:\n\t"
      "mov x29, xzr\n\t"
      "mov x30, xzr\n\t"
      "mov x0, sp\n\t"
      "b ec_start\n"
      ".size _start, . - _start");

__attribute__((noreturn, used)) void ec_start(const uintptr_t *stack) {
    stack_top = (uintptr_t)stack;
    const uintptr_t *word = stack + 1 + stack[0] + 1;
    while (*word != 0) word++;
    vector = (const auxiliary *)(word + 1);
    for (void (*const *function)(void) = __init_array_start; function < __init_array_end; function++) (*function)();
    leave(main());
}
#endif

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
        const long count = call(WRITE, STDOUT, (long)(out.bytes + sent), (long)(out.count - sent), 0);
        if (count <= 0) leave(1); /* nobody listens any more */
        sent += (size_t)count;
    }
    out.count = 0;
}

/* Frames end with a zero: the answer has to be out before the model runs. */
void ec_uart_put(uint8_t byte) {
    out.bytes[out.count++] = byte;
    if (byte == 0 || out.count == BUFFER) send();
}

/* Waits for a byte; the end of the input is the end of the runner. */
int ec_uart_get(void) {
    if (in.next == in.end) {
        const long count = call(READ, STDIN, (long)in.bytes, BUFFER, 0);
        if (count <= 0) leave(0);
        in.next = 0;
        in.end = (size_t)count;
    }
    return in.bytes[in.next++];
}

uint32_t ec_cycles(void) { return 0; /* user programs may not read the counter of cycles */ }

#define PAINT 0xC5C5A3A3u
#define PAINTED_BYTES 65536u /* no model needs more */

static uintptr_t painted_from(void) { return (stack_top - PAINTED_BYTES) & ~(uintptr_t)3; }

/* From the top down, so that Linux lets the stack grow; not what is in use. */
__attribute__((noinline)) void ec_stack_paint(void) {
#if defined(EC_LIBC)
    stack_top = (uintptr_t)__builtin_frame_address(0); /* close to it: main() comes here first */
#endif
    const uintptr_t here = ((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)3) - 64u;
    for (uintptr_t at = here; at >= painted_from(); at -= 4) *(volatile uint32_t *)at = PAINT;
}

uint32_t ec_stack_used(void) {
    uintptr_t at = painted_from();
    while (at < stack_top && *(const volatile uint32_t *)at == PAINT) at += 4;
    return (uint32_t)(stack_top - at);
}

uint32_t ec_stack_size(void) {
    uint64_t limits[2] = {UINT64_MAX, UINT64_MAX};
    (void)call(LIMITS, 0, RLIMIT_STACK, 0, (long)limits);
    return limits[0] > UINT32_MAX ? UINT32_MAX : (uint32_t)limits[0];
}

/* What the program's file reserves for variables and the arena. */
uint32_t ec_static_bytes(void) {
    const program_header *header = (const program_header *)getauxval(AT_PHDR);
    uint64_t bytes = 0;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++, header++) {
        if (header->type == LOADED && (header->flags & WRITABLE) != 0) bytes += header->bytes;
    }
    return (uint32_t)bytes;
}
