/* CRC-32 as in Ethernet, zip and PNG (polynomial 0x04C11DB7 reflected, start and final xor all ones). */
#ifndef EDGEC_EC_CRC_H
#define EDGEC_EC_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t ec_crc32(const uint8_t *data, size_t length);

#endif
