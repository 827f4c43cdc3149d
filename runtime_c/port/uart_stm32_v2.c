/* Serial port of STM32F7, H7, L4 and U5, USART and LPUART: separate registers for the two directions. */
#include "ec_board.h"
#include "ec_port.h"

typedef struct {
    volatile uint32_t cr1, cr2, cr3, brr, gtpr, rtor, rqr, isr, icr, rdr, tdr;
} stm32_usart;

#define UART ((stm32_usart *)EC_UART_BASE)
#define RX_NOT_EMPTY (1u << 5)
#define TX_EMPTY (1u << 7)

/* An LPUART counts 256 times as finely as its clock. */
#if !defined(EC_UART_CLOCK_FACTOR)
#define EC_UART_CLOCK_FACTOR 1u
#endif

void ec_uart_init(void) {
    const uint64_t clock = (uint64_t)EC_UART_CLOCK * EC_UART_CLOCK_FACTOR;
    UART->brr = (uint32_t)((clock + EC_UART_BAUD / 2u) / EC_UART_BAUD);
    UART->cr3 = 1u << 12;                          /* OVRDIS: a byte that comes too early is lost, nothing else */
    UART->cr1 = (1u << 3) | (1u << 2) | (1u << 0); /* TE, RE, UE */
}

void ec_uart_put(uint8_t byte) {
    while ((UART->isr & TX_EMPTY) == 0) {
    }
    UART->tdr = byte;
}

int ec_uart_get(void) { return (UART->isr & RX_NOT_EMPTY) != 0 ? (int)(UART->rdr & 0xFFu) : -1; }
