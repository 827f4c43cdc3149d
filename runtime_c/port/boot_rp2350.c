/* The block that tells an RP2350's ROM that this is a program for its Arm cores, in secure state. */
#include <stdint.h>

__attribute__((used, section(".image_def"))) static const uint32_t image_def[5] = {
    0xFFFFDED3u, /* a block begins */
    0x10210142u, /* image type: executable, secure, Arm, RP2350 */
    0x000001FFu, /* last item; one word before it */
    0x00000000u, /* the next block is this one: there is no other */
    0xAB123579u, /* the block ends */
};
