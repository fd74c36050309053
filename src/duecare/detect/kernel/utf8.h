/* Code points of valid UTF-8, and the classes of them that several kernels ask for. */
#ifndef DUECARE_UTF8_H
#define DUECARE_UTF8_H

#include "kernel.h"

/* The code point at data[at] of valid UTF-8 that ends at `end`; *size its bytes. */
static inline uint32_t point_at(const uint8_t *data, int64_t at, int64_t end, int *size) {
    uint32_t lead = data[at];
    int more = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (at + more >= end) more = (int)(end - at - 1);
    uint32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
    for (int i = 1; i <= more; i++) point = point << 6 | (data[at + i] & 0x3F);
    *size = more + 1;
    return point;
}

/* Letters and digits: a to z and 0 to 9 by themselves, others by a bit for each of the first `points` code points. */
typedef struct {
    const uint8_t *bits;
    int64_t points;
} alnum_t;

static inline int is_alnum(const alnum_t *known, uint32_t point) {
    if (point < 0x80) return ((point | 32) - 'a' < 26u) | (point - '0' < 10u);
    return point < known->points && known->bits[point >> 3] >> (point & 7) & 1;
}

/* What \s matches in Python's expressions. */
static inline int is_space(uint32_t point) {
    if (point < 0x80) return point == ' ' || point - 9 < 5u || point - 0x1C < 4u;
    return point == 0x85 || point == 0xA0 || point == 0x1680 || point - 0x2000 < 11u || point == 0x2028 ||
           point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

#endif
