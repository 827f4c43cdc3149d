/* The instruction sets that the kernels for cores without DSP instructions know by themselves: Armv6-M (Cortex-M0, M0+)
 * and Armv7-M (Cortex-M3), which executes the former's and has more. Everything else gets C. */
#ifndef EDGEC_EC_NODSP_H
#define EDGEC_EC_NODSP_H

#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_7M__)
#define EC_NODSP_ASSEMBLY 1
#endif

/* A function that is nothing but its assembly: no compiler spares it a register. */
#define EC_ASSEMBLY __attribute__((naked, noinline, unused)) static
#define EC_IN_REGISTER __attribute__((unused)) /* an argument that only the assembly names */

#endif
