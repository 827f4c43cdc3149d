/* From reset to main() on any Cortex-M; no vendor files. A fault reports itself and stops. */
#include <stdint.h>
#include <string.h>

#include "ec_board.h"
#include "ec_port.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define VTOR 0xE000ED08u
#define CCR 0xE000ED14u
#define CFSR 0xE000ED28u
#define CPACR 0xE000ED88u
#define DEMCR 0xE000EDFCu
#define DWT_CTRL 0xE0001000u
#define DWT_CYCCNT 0xE0001004u
#define DWT_LAR 0xE0001FB0u

/* Symbols of the linker script; only their addresses mean something. */
extern uint32_t ec_stack_top[], ec_stack_limit[], ec_data_load[], ec_data_start[], ec_data_end[];
extern uint32_t ec_bss_start[], ec_bss_end[], ec_arena_start[], ec_arena_end[];

int main(void);
void Reset_Handler(void);
void ec_fault_handler(void);
void ec_fault(const uint32_t *frame);

typedef void (*handler)(void);
typedef union {
    handler function;
    const void *stack;
} vector;

__attribute__((used, section(".vectors"))) static const vector vectors[16] = {
    [0] = {.stack = ec_stack_top},         [1] = {.function = Reset_Handler},     [2] = {.function = ec_fault_handler},
    [3] = {.function = ec_fault_handler},  [4] = {.function = ec_fault_handler},  [5] = {.function = ec_fault_handler},
    [6] = {.function = ec_fault_handler},  [7] = {.function = ec_fault_handler},  [11] = {.function = ec_fault_handler},
    [12] = {.function = ec_fault_handler}, [14] = {.function = ec_fault_handler}, [15] = {.function = ec_fault_handler},
};

static uint32_t bytes_between(const uint32_t *start, const uint32_t *end) {
    return (uint32_t)((uintptr_t)end - (uintptr_t)start);
}

static void enable_core_features(void) {
#if __ARM_ARCH >= 7
    REGISTER(VTOR) = (uint32_t)(uintptr_t)vectors;
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    REGISTER(CPACR) |= 0xFu << 20; /* full access to the FPU and Helium */
#endif
#if defined(__ARM_ARCH_8_1M_MAIN__)
    REGISTER(CCR) |= 1u << 19; /* LOB: without it, low-overhead loops run at the speed of branches */
#endif
#if __ARM_ARCH >= 7
    REGISTER(DEMCR) |= 1u << 24;     /* TRCENA: the counters of DWT work */
    REGISTER(DWT_LAR) = 0xC5ACCE55u; /* the Cortex-M7 locks them */
    REGISTER(DWT_CYCCNT) = 0;
    REGISTER(DWT_CTRL) |= 1u;
#endif
    __asm volatile("dsb 0xf\n\tisb 0xf" ::: "memory");
}

__attribute__((noreturn, used)) void Reset_Handler(void) {
    enable_core_features();
    ec_board_setup(); /* first: some chips let nobody write to RAM before it */
    memcpy(ec_data_start, ec_data_load, bytes_between(ec_data_start, ec_data_end));
    memset(ec_bss_start, 0, bytes_between(ec_bss_start, ec_bss_end));
    memset(ec_arena_start, 0, bytes_between(ec_arena_start, ec_arena_end));
    (void)main();
    for (;;) {
    }
}

/* No interrupt is used, so that everything runs on the main stack. */
__attribute__((naked, used)) void ec_fault_handler(void) {
    /* A short branch might not reach. */
    __asm volatile("mrs r0, msp\n\tldr r1, =ec_fault\n\tbx r1\n\t.ltorg");
}

#if defined(EC_SEMIHOSTING)
static void semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print_word(const char *name, uint32_t word) {
    char digits[] = "00000000";
    for (int i = 7; i >= 0; i--, word >>= 4) digits[i] = "0123456789abcdef"[word & 15u];
    semihosting(4u, name); /* SYS_WRITE0 */
    semihosting(4u, digits);
}

/* frame: r0, r1, r2, r3, r12, lr, pc, psr as the core stacked them. */
void ec_fault(const uint32_t *frame) {
    static const uint32_t exit_code[2] = {0x20026u, 70u}; /* ADP_Stopped_ApplicationExit */
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    print_word("edgec firmware: fault exception=", exception);
#if __ARM_ARCH >= 7
    print_word(" cfsr=", REGISTER(CFSR));
#endif
    print_word(" pc=", frame[6]);
    print_word(" lr=", frame[5]);
    semihosting(4u, "\n");
    semihosting(0x20u, exit_code); /* SYS_EXIT_EXTENDED */
    for (;;) {
    }
}
#else
/* Where a debugger looks after a fault on a real board; start-up leaves it alone. */
volatile struct {
    uint32_t pc, lr, cfsr;
} ec_last_fault __attribute__((used, section(".noinit")));

void ec_fault(const uint32_t *frame) {
    ec_last_fault.pc = frame[6];
    ec_last_fault.lr = frame[5];
#if __ARM_ARCH >= 7
    ec_last_fault.cfsr = REGISTER(CFSR);
#endif
    for (;;) {
    }
}
#endif

uint32_t ec_cycles(void) {
#if __ARM_ARCH >= 7
    return REGISTER(DWT_CYCCNT);
#else
    return 0; /* ARMv6-M has no such counter */
#endif
}

#define PAINT 0xC5C5A3A3u
#define PAINTED_BYTES 65536u /* from the top at most: no model needs more, and painting takes time */

static uint32_t *painted_from(void) {
    uint32_t *const highest = ec_stack_top - PAINTED_BYTES / sizeof(uint32_t);
    return ec_stack_size() > PAINTED_BYTES ? highest : ec_stack_limit;
}

/* Below it, nothing of the running function's stack is painted over. */
__attribute__((noinline)) void ec_stack_paint(void) {
    const uint32_t *const here = __builtin_frame_address(0);
    for (volatile uint32_t *word = painted_from(); (uintptr_t)word + 32u < (uintptr_t)here; word++) *word = PAINT;
}

uint32_t ec_stack_used(void) {
    const volatile uint32_t *word = painted_from();
    while (*word == PAINT) word++;
    return (uint32_t)((uintptr_t)ec_stack_top - (uintptr_t)word);
}

uint32_t ec_stack_size(void) { return bytes_between(ec_stack_limit, ec_stack_top); }

uint32_t ec_static_bytes(void) {
    return bytes_between(ec_data_start, ec_stack_limit) + bytes_between(ec_arena_start, ec_arena_end);
}
