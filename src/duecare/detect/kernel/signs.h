/* What a search for signs reads: a text, the words that matter, and what is remembered of the text so far. */
#ifndef DUECARE_SIGNS_H
#define DUECARE_SIGNS_H

#include <string.h>
#include "kernel.h"
#include "utf8.h"

enum {
    AT = 1 << 0, LINK = 1 << 1, SPELLED = 1 << 2, BORN = 1 << 3, HEXADECIMAL = 1 << 4, VENDOR = 1 << 5,
    SECRET = 1 << 6, PASSWORD = 1 << 7, PIN = 1 << 8, USER = 1 << 9, LONG = 1 << 10, NAMING = 1 << 11,
    HOUSE = 1 << 12, BOX = 1 << 13, DIGITS = 1 << 14, FOLDED = 1 << 15, CASED = 1 << 16, INVENTED = 1 << 17
};
enum { NAMES = 1, BETWEEN = 2, STREET = 4, DIRECTION = 8, IS_BORN = 16, IS_PASSWORD = 32, IS_PIN = 64, TOLD_BY_NEXT = 128,
       IS_NAME = 256, IS_PROVIDER = 512 };
enum { MARK, LETTER, NUMBER, BEYOND, SORTS = 3, IN_KEY = 4, IN_NAME = 8 };
enum { SLOTS = 4096, PREFIX = 255, KEY = 16, CODE = 26, PHONE = 7, TOKEN = 10, NEARBY = 48, STREETS = 7 };

/* Words by their first eight letters and their length, and beginnings of four letters (of length PREFIX). */
typedef struct {
    uint64_t key[SLOTS];
    uint16_t means[SLOTS];
    uint8_t length[SLOTS];
    uint8_t sort[0x100];
} Words;

/* What is remembered of the text up to here: where runs began (`_from`), the last sign of a kind, what may go on. */
typedef struct {
    const uint8_t *data;
    const Words *words;
    int64_t end, room, key_from, vendor_from, word_from, word_to, code_from, number_from, number_end, colon, dash, dot, slash;
    int bits, linked, dots, colons, dashes, lines, named, house, at_number, key_sorts, key_run;
} State;

static inline uint64_t slot_of(uint64_t key, uint8_t length) { return ((key ^ length) * 0x9E3779B97F4A7C15u) >> 52; }

static inline int means(const Words *words, uint64_t key, uint8_t length) {
    uint64_t slot = slot_of(key, length);
    for (; words->length[slot]; slot = (slot + 1) % SLOTS)
        if (words->key[slot] == key && words->length[slot] == length) return words->means[slot];
    return 0;
}

static void fill(Words *words, const uint64_t *key, const uint8_t *length, const uint16_t *means, int64_t count) {
    memset(words, 0, sizeof *words);
    for (int64_t i = 0; i < count; i++) {
        uint64_t slot = slot_of(key[i], length[i]);
        while (words->length[slot] && (words->key[slot] != key[i] || words->length[slot] != length[i]))
            slot = (slot + 1) % SLOTS;
        words->key[slot] = key[i];
        words->length[slot] = length[i];
        words->means[slot] |= means[i];
    }
    for (uint32_t c = 0; c < 0x100; c++) {
        int sort = (c | 32) - 'a' < 26u ? LETTER : c - '0' < 10u ? NUMBER : c >= 0x80 ? BEYOND : MARK;
        int in_name = sort == LETTER || sort == NUMBER || c == '_' || c == '-';
        words->sort[c] = (uint8_t)(sort | (in_name ? IN_NAME | IN_KEY : c && strchr("~+/.=", (int)c) ? IN_KEY : 0));
    }
}

static inline uint8_t at(const State *s, int64_t i) { return i >= 0 && i < s->end ? s->data[i] : 0; }
static inline int letter(uint32_t c) { return (c | 32) - 'a' < 26u; }
static inline int digit(uint32_t c) { return c - '0' < 10u; }
static inline int capital(uint32_t c) { return c - 'A' < 26u; }
static inline int hexadecimal(uint32_t c) { return digit(c) || (c | 32) - 'a' < 6u; }
static inline int opens(uint8_t c) { return c == '[' || c == '(' || c == '{' || c == '<'; }
static inline int closes(uint8_t c) { return c == ']' || c == ')' || c == '}' || c == '>'; }
static inline int blank(uint32_t c) { return c == ' ' || c - 9 < 5u || c - 0x1C < 4u || c >= 0x80; }

/* Whether `said`, in small letters, stands at i, in any case. */
static int says(const State *s, int64_t i, const char *said) {
    for (; *said; said++, i++) {
        uint8_t c = at(s, i);
        if ((letter(c) ? c | 32 : c) != (uint8_t)*said) return 0;
    }
    return 1;
}

static int all_hexadecimal(const State *s, int64_t from, int64_t to) {
    while (from < to && hexadecimal(s->data[from])) from++;
    return from == to;
}

static int bracketed(const State *s, int64_t i, int64_t j) {
    return opens(at(s, i - 1 - (at(s, i - 1) == ' '))) && closes(at(s, j + (at(s, j) == ' ')));
}

/* Eight bytes from i on, the first lowest; 0 for those behind what is there. */
static inline uint64_t eight(const State *s, int64_t i) {
    uint64_t said = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (i + 8 <= s->room) {
        memcpy(&said, s->data + i, 8);
        return said;
    }
#endif
    for (int64_t k = 0; k < 8 && i + k < s->end; k++) said |= (uint64_t)s->data[i + k] << 8 * k;
    return said;
}

/* The first byte of `marked` whose highest bit is set; one is. */
static inline int first_byte(uint64_t marked) {
#if defined(__GNUC__)
    return __builtin_ctzll(marked) / 8;
#else
    int first = 0;
    for (; !(marked & 0x80); marked >>= 8) first++;
    return first;
#endif
}

#define EACH(byte) (0x0101010101010101u * (byte))
/* Where the letters of ASCII end that begin at i; their first eight in small go into *key. */
static inline int64_t word_end(const State *s, int64_t i, uint64_t *key) {
    uint64_t said = eight(s, i), small = (said | EACH(0x20)) & EACH(0x7F);
    uint64_t other = (~(small + EACH(0x80 - 'a')) | (small + EACH(0x7F - 'z')) | said) & EACH(0x80);
    int64_t left = s->end - i, size = other ? first_byte(other) : 8;
    if (size > left) size = left;
    *key = size < 8 ? small & (((uint64_t)1 << 8 * size) - 1) : small;
    int64_t j = i + size;
    while (size == 8 && j < s->end && letter(s->data[j])) j++;
    return j;
}

/* What the words table says of the run of letters [i, j). */
static inline int meaning(const Words *words, uint64_t key, int64_t size) {
    uint8_t length = size < PREFIX ? (uint8_t)size : PREFIX - 1;
    uint64_t begins = key & 0xFFFFFFFFu, behind = key >> 8 & 0xFFFFFFFFu;
    uint64_t one = slot_of(key, length), two = slot_of(begins, PREFIX), three = slot_of(behind, PREFIX);
    if (!(words->length[one] | words->length[two] | words->length[three])) return 0;
    int said = means(words, key, length) | (means(words, begins, PREFIX) & ~(size < 8 ? IS_NAME : 0));
    return size > 8 ? said | (means(words, behind, PREFIX) & IS_NAME) : said;
}

#endif
