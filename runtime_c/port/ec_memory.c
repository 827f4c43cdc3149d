/* The functions of <string.h> that compilers call even in freestanding code, and strlen; words at a time where both
 * ends are aligned. */
#include <stdint.h>
#include <string.h>

/* Otherwise GCC recognises the loops and replaces them by calls of the functions themselves. */
#if defined(__clang__)
#define EC_PLAIN_LOOPS
#else
#define EC_PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

/* Bytes of any type may be read through it. */
typedef uint32_t __attribute__((may_alias)) word;

static int aligned(const void *a, const void *b) { return (((uintptr_t)a | (uintptr_t)b) & 3u) == 0; }

EC_PLAIN_LOOPS void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (aligned(d, s)) {
        for (; count >= 16; count -= 16, d += 16, s += 16) {
            const word a = ((const word *)(const void *)s)[0], b = ((const word *)(const void *)s)[1];
            const word c = ((const word *)(const void *)s)[2], e = ((const word *)(const void *)s)[3];
            ((word *)(void *)d)[0] = a;
            ((word *)(void *)d)[1] = b;
            ((word *)(void *)d)[2] = c;
            ((word *)(void *)d)[3] = e;
        }
        for (; count >= 4; count -= 4, d += 4, s += 4) *(word *)(void *)d = *(const word *)(const void *)s;
    }
    while (count-- > 0) *d++ = *s++;
    return to;
}

EC_PLAIN_LOOPS void *memmove(void *to, const void *from, size_t count) {
    uint8_t *const d = to;
    const uint8_t *const s = from;
    if ((uintptr_t)d - (uintptr_t)s >= count) return memcpy(to, from, count); /* forwards is safe */
    while (count-- > 0) d[count] = s[count];
    return to;
}

EC_PLAIN_LOOPS void *memset(void *to, int value, size_t count) {
    uint8_t *d = to;
    const word pattern = (word)(uint8_t)value * 0x01010101u;
    for (; count > 0 && ((uintptr_t)d & 3u) != 0; count--) *d++ = (uint8_t)value;
    for (; count >= 4; count -= 4, d += 4) *(word *)(void *)d = pattern;
    while (count-- > 0) *d++ = (uint8_t)value;
    return to;
}

EC_PLAIN_LOOPS int memcmp(const void *a, const void *b, size_t count) {
    const uint8_t *p = a, *q = b;
    for (; count > 0; count--, p++, q++) {
        if (*p != *q) return *p - *q;
    }
    return 0;
}

EC_PLAIN_LOOPS size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return length;
}
