/* What the firmware asks of a board: a serial port, a cycle counter, and figures about its memory. */
#ifndef EDGEC_EC_PORT_H
#define EDGEC_EC_PORT_H

#include <stdint.h>

/* The serial port: 8 data bits, no parity, 1 stop bit, at EC_UART_BAUD. */
void ec_uart_init(void);
void ec_uart_put(uint8_t byte); /* waits until there is room */
int ec_uart_get(void);          /* the next received byte, -1: nothing there */

/* Counts up with the core's clock and wraps at 2^32; always 0 on cores without such a counter. */
uint32_t ec_cycles(void);

/* Fills the free stack with a pattern, from which ec_stack_used() later tells how deep it ever was. */
void ec_stack_paint(void);
uint32_t ec_stack_used(void);   /* bytes, since ec_stack_paint() */
uint32_t ec_stack_size(void);   /* bytes: all of the RAM that is not static */
uint32_t ec_static_bytes(void); /* bytes of variables and the arena */

#endif
