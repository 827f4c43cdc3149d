/* The first 256 bytes of an RP2040's flash: its ROM copies them to RAM, checks the CRC in the last word and runs them.
 *
 * The code sets the flash interface to plain serial reads (command 03h), which every flash chip knows, and jumps to the
 * vectors behind it. It is kept as words because of the CRC-32 (polynomial 04C11DB7, not reflected) over it:
 *
 *     ldr r0, =0x18000000 @ SSI         subs r0, #0xF4
 *     movs r1, #0                       movs r1, #1
 *     str r1, [r0, #8]    @ off         str r1, [r0, #8]    @ on
 *     movs r2, #4                       ldr r0, =0x10000100 @ vectors
 *     str r2, [r0, #0x14] @ clock / 4   ldr r1, =0xE000ED08 @ VTOR
 *     ldr r2, =0x001F0300 @ 32 bits     str r0, [r1]
 *     str r2, [r0, #0]                  ldr r1, [r0]
 *     str r1, [r0, #4]                  msr msp, r1
 *     ldr r2, =0x03000218 @ 03h, 24     ldr r1, [r0, #4]
 *     adds r0, #0xF4      @ address     bx r1
 *     str r2, [r0]        @ bits */
#include <stdint.h>

__attribute__((used, section(".boot"))) static const uint32_t boot[64] = {
    0x2100480Au, 0x22046081u, 0x4A096142u, 0x60416002u, 0x30F44A08u,        0x38F46002u,
    0x60812101u, 0x49074806u, 0x68016008u, 0x8808F381u, 0x47086841u,        0x18000000u,
    0x001F0300u, 0x03000218u, 0x10000100u, 0xE000ED08u, [63] = 0xF1D67845u, /* CRC-32 of the 252 bytes before it */
};
