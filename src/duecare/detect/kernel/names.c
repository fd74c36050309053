#include <stdlib.h>
#include <string.h>
#include "kernel.h"
#include "utf8.h"

/* Names: tokens of texts, their kinds by hash, and the best labels. `detect/tagging.py` does the same in Python;
   what a token is stands in `detect/tokens.py`, and a test compares every code point. */

enum { LABELS = 16, NEAR = 6, LOOKS = 12, LOWERED = 16 };
enum { SKIP, LINE, DIGIT, MARK, LETTER };

static const uint32_t SKIPPED[][2] = {{0x85, 0x85}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200F}, {0x2028, 0x202F},
    {0x205F, 0x206F}, {0x3000, 0x3000}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}};
static const uint32_t MARKS[][2] = {{0x80, 0x9F}, {0xA1, 0xBF}, {0xD7, 0xD7}, {0xF7, 0xF7}, {0x2010, 0x2027}, {0x2030, 0x205E},
    {0x2070, 0x2BFF}, {0x3001, 0x303F}, {0xFE10, 0xFE6F}, {0xFF01, 0xFF0F}, {0xFFF0, 0xFFFF}, {0x1F000, 0x1FFFF},
    {0xE0000, 0xEFFFF}};

static int sort_of(uint32_t point) {
    if (point < 0x80) {
        if ((point | 32) - 'a' < 26u) return LETTER;
        if (point - '0' < 10u) return DIGIT;
        if (point == '\n') return LINE;
        return point == ' ' || point - 9 < 5u || point - 0x1C < 4u ? SKIP : MARK;
    }
    for (size_t i = 0; i < sizeof SKIPPED / sizeof *SKIPPED; i++)
        if (point - SKIPPED[i][0] <= SKIPPED[i][1] - SKIPPED[i][0]) return SKIP;
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++)
        if (point - MARKS[i][0] <= MARKS[i][1] - MARKS[i][0]) return MARK;
    return LETTER;
}

/* The sort of the sign at data[at], *size its bytes; `sorts` are those of ASCII. */
static inline int sort_at(const uint8_t *data, int64_t at, int64_t stop, const uint8_t *sorts, int *size) {
    if (data[at] < 0x80) {
        *size = 1;
        return sorts[data[at]];
    }
    return sort_of(point_at(data, at, stop, size));
}

#define FNV_START 0xCBF29CE484222325u
static uint64_t fnv(uint64_t hash, uint8_t byte) { return (hash ^ byte) * 0x100000001B3u; }
static uint64_t mixed(uint64_t hash) {
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

static uint64_t hash_of_digits(const uint8_t *digit, int64_t count) {
    uint64_t hash = FNV_START;
    int century = count == 4 && ((digit[0] == '1' && digit[1] == '9') || (digit[0] == '2' && digit[1] == '0'));
    int64_t shown = count <= 2 ? count : century ? 2 : 0, length = count > 9 ? 9 : count;
    for (int64_t i = 0; i < length; i++) hash = fnv(hash, i < shown ? digit[i] : '#');
    return mixed(hash);
}

/* Tokens of all texts. Every output but `first` [texts + 1] and `look` [texts] has room for one token a byte.
   `start`, `end`: code points in the text; `from`, `to`: bytes in `data`; returns how many tokens there are. */
EXPORT int64_t duecare_names_tokens(const uint8_t *data, const int64_t *starts, int64_t texts, int32_t *start, int32_t *end,
                                    int64_t *from, int64_t *to, uint64_t *hash, int64_t *first, uint8_t *look) {
    int64_t n = 0;
    uint8_t sorts[0x100] = {0}; /* bytes beyond ASCII are told by sort_of */
    for (uint32_t point = 0; point < 0x80; point++) sorts[point] = (uint8_t)sort_of(point);
    for (int64_t text = 0; text < texts; text++) {
        int64_t at = starts[text], stop = starts[text + 1];
        int32_t place = 0;
        int small = 0, capital = 0, size;
        first[text] = n;
        while (at < stop) {
            int sort = sort_at(data, at, stop, sorts, &size);
            if (sort == SKIP) {
                at += size;
                place++;
                continue;
            }
            int64_t next = at;
            uint64_t made = FNV_START;
            start[n] = place;
            for (;;) {
                for (int i = 0; i < size; i++) made = fnv(made, data[next + i]);
                capital |= (uint8_t)(data[next] - 'A') < 26;
                small |= (uint8_t)(data[next] - 'a') < 26;
                next += size;
                place++;
                if (sort == LETTER) { /* letters of ASCII follow most often: bit 5 tells a small one from a capital */
                    int64_t began = next;
                    for (; next < stop && sorts[data[next]] == LETTER; next++) {
                        made = fnv(made, data[next]);
                        capital |= ~data[next] & 32;
                        small |= data[next] & 32;
                    }
                    place += (int32_t)(next - began);
                }
                if (sort < DIGIT || sort == MARK || next >= stop) break;
                if (sort_at(data, next, stop, sorts, &size) != sort) break;
            }
            end[n] = place;
            from[n] = at;
            to[n] = next;
            hash[n++] = sort == DIGIT ? hash_of_digits(data + at, next - at) : mixed(made);
            at = next;
        }
        look[text] = !capital ? 2 : !small;
    }
    first[texts] = n;
    return n;
}

/* ids[i]: what `keys`, a table of `slots` (a power of two, 0 where free, never full), holds for hash[i], else -1 and i
   is one of `missing`; returns how many are. */
EXPORT int64_t duecare_names_lookup(const uint64_t *hash, int64_t n, const uint64_t *keys, const int32_t *values,
                                    int64_t slots, int32_t *ids, int64_t *missing) {
    int64_t absent = 0;
    uint64_t mask = (uint64_t)slots - 1;
    for (int64_t i = 0; i < n; i++) {
        uint64_t slot = hash[i] & mask;
        while (keys[slot] && keys[slot] != hash[i]) slot = (slot + 1) & mask;
        ids[i] = keys[slot] ? values[slot] : -1;
        if (!keys[slot]) missing[absent++] = i;
    }
    return absent;
}

typedef struct {
    const int32_t *own;        /* [kinds][LABELS] */
    const int32_t *near_of;    /* [kinds] -> row of near */
    const int32_t *group_of;   /* [kinds] -> group */
    const int16_t *near;       /* [rows][NEAR][LABELS]: to places -3 -2 -1 1 2 3 */
    const int32_t *pair_of;    /* [groups][groups] -> row of pair */
    const int16_t *pair;       /* [rows][2][LABELS]: for the second of two, for the first */
    const int16_t *setting;    /* [groups][LOOKS][LABELS] */
    int64_t groups;
    int32_t pad;               /* the kind of places outside */
} Tables;

/* Scores of all labels, in two halves: the compiler's own vectors, because it makes poor ones of the loops. */
typedef int32_t half_t __attribute__((vector_size(LABELS / 2 * sizeof(int32_t))));
typedef int16_t small_t __attribute__((vector_size(LABELS / 2 * sizeof(int16_t))));
typedef uint8_t bytes_t __attribute__((vector_size(LABELS / 2 * sizeof(uint8_t))));
typedef struct {
    half_t low, high;
} scores_t;

static inline void add(scores_t *score, const int16_t *more) {
    small_t low, high;
    memcpy(&low, more, sizeof low);
    memcpy(&high, more + LABELS / 2, sizeof high);
    score->low += __builtin_convertvector(low, half_t);
    score->high += __builtin_convertvector(high, half_t);
}

/* *most becomes the larger, lane by lane. */
static inline void raise_to(half_t *most, const half_t *other) {
    half_t more = *other > *most;
    *most = (*other & more) | (*most & ~more);
}

static inline void score_token(const Tables *t, const int32_t *ids, int64_t i, int64_t n, int look, scores_t *score) {
    int64_t kind = ids[i], groups = t->groups, group = t->group_of[kind];
    int64_t before = t->group_of[i ? ids[i - 1] : t->pad], after = t->group_of[i + 1 < n ? ids[i + 1] : t->pad];
    memcpy(score, t->own + kind * LABELS, sizeof *score);
    for (int o = 0; o < NEAR; o++) {
        /* A feature "-3..." of this token is what the token three places before says. */
        int64_t j = i + (o < 3 ? o - 3 : o - 2);
        int64_t row = t->near_of[j >= 0 && j < n ? ids[j] : t->pad];
        add(score, t->near + (row * NEAR + o) * LABELS);
    }
    add(score, t->pair + (int64_t)t->pair_of[before * groups + group] * 2 * LABELS);
    add(score, t->pair + ((int64_t)t->pair_of[group * groups + after] * 2 + 1) * LABELS);
    add(score, t->setting + (group * LOOKS + look) * LABELS);
}

/* From the scores `last` of one token to those of the next, `now`, which holds its own. A score times 16, plus 15 less
   the label that it comes from, is one number: the largest is the best, of equal ones the first label. Every
   LOWERED tokens the best score becomes 0; a token adds less than 2^17, so scores stay within 2^22 and the number within
   2^27: nothing overflows. `step` comes times 16. */
static inline void advance(const scores_t *last, const scores_t *step, scores_t *now, uint8_t *from) {
    int32_t each[LABELS];
    memcpy(each, last, sizeof each);
    scores_t best = step[0];
    best.low += each[0] * LABELS + LABELS - 1;
    best.high += each[0] * LABELS + LABELS - 1;
    for (int m = 1; m < LABELS; m++) {
        int32_t base = each[m] * LABELS + LABELS - 1 - m;
        half_t low = step[m].low + base, high = step[m].high + base;
        raise_to(&best.low, &low);
        raise_to(&best.high, &high);
    }
    now->low += (best.low - (best.low & (LABELS - 1))) / LABELS;
    now->high += (best.high - (best.high & (LABELS - 1))) / LABELS;
    best.low = LABELS - 1 - (best.low & (LABELS - 1));
    best.high = LABELS - 1 - (best.high & (LABELS - 1));
    bytes_t low = __builtin_convertvector(best.low, bytes_t), high = __builtin_convertvector(best.high, bytes_t);
    memcpy(from, &low, sizeof low);
    memcpy(from + LABELS / 2, &high, sizeof high);
}

/* Only differences count: the largest score becomes 0, so that sums never overflow. */
static inline void lower(scores_t *now) {
    half_t both = now->low;
    raise_to(&both, &now->high);
    int32_t most = both[0];
    for (int l = 1; l < LABELS / 2; l++) most = both[l] > most ? both[l] : most;
    now->low -= most;
    now->high -= most;
}

/* The labels of one text of n tokens; `touches` says which they touch, `from` has room for [n][LABELS]. */
WIDE static void label_text(const Tables *t, const int32_t *ids, int64_t n, const int32_t *start, const int32_t *end,
                            int look, const int32_t *step, const int32_t *open, uint8_t *from, uint8_t *labels) {
    if (!n) return;
    scores_t score[2], first, steep[LABELS];
    int32_t last[LABELS];
    memset(score, 0, sizeof score);
    memcpy(&first, open, sizeof first);
    memcpy(steep, step, sizeof steep);
    for (int l = 0; l < LABELS; l++) steep[l].low *= LABELS, steep[l].high *= LABELS;
    for (int64_t i = 0; i < n; i++) {
        int touches = (i && end[i - 1] == start[i]) | (i + 1 < n && end[i] == start[i + 1]) << 1;
        score_token(t, ids, i, n, look * 4 + touches, &score[i & 1]);
        if (i) advance(&score[~i & 1], steep, &score[i & 1], from + i * LABELS);
        else score[0].low += first.low, score[0].high += first.high;
        if (i % LOWERED == 0) lower(&score[i & 1]);
    }
    int best = 0;
    memcpy(last, &score[(n - 1) & 1], sizeof last);
    for (int l = 1; l < LABELS; l++)
        if (last[l] > last[best]) best = l;
    for (int64_t i = n - 1; i >= 0; i--) {
        labels[i] = (uint8_t)best;
        if (i) best = from[i * LABELS + best];
    }
}

/* The best labels of the tokens of every text; -1 where memory does not suffice. `open` [LABELS] scores a first label. */
EXPORT int64_t duecare_names_labels(const int32_t *ids, const int64_t *first, int64_t texts, const int32_t *start,
                                    const int32_t *end, const uint8_t *look, const int32_t *own, const int32_t *near_of,
                                    const int32_t *group_of, const int16_t *near, const int32_t *pair_of, const int16_t *pair,
                                    const int16_t *setting, const int32_t *step, const int32_t *open, int64_t groups,
                                    int32_t pad, uint8_t *labels) {
    Tables tables = {own, near_of, group_of, near, pair_of, pair, setting, groups, pad};
    int64_t longest = 0;
    for (int64_t text = 0; text < texts; text++)
        if (first[text + 1] - first[text] > longest) longest = first[text + 1] - first[text];
    uint8_t *from = malloc((size_t)(longest + 1) * LABELS);
    if (!from) return -1;
    for (int64_t text = 0; text < texts; text++) {
        int64_t base = first[text], n = first[text + 1] - base;
        label_text(&tables, ids + base, n, start + base, end + base, look[text], step, open, from, labels + base);
    }
    free(from);
    return 0;
}

/* Runs of tokens of one label, or from a beginning through what is inside, as places: number of the text, code points,
   label; each has room for one a token. `inside` and `begins` tell labels apart. Returns how many places there are. */
EXPORT int64_t duecare_names_places(const uint8_t *labels, const int64_t *first, int64_t texts, const int32_t *start,
                                    const int32_t *end, const uint8_t *inside, const uint8_t *begins, int64_t *owner,
                                    int32_t *from, int32_t *to, uint8_t *label) {
    int64_t n = 0;
    for (int64_t text = 0; text < texts; text++) {
        int open = 0;
        for (int64_t i = first[text]; i < first[text + 1]; i++) {
            int goes_on = i > first[text] && (inside[labels[i]] || (labels[i] == labels[i - 1] && !begins[labels[i]]));
            if (!goes_on) {
                open = labels[i] > 0;
                if (!open) continue;
                owner[n] = text;
                from[n] = start[i];
                label[n++] = labels[i];
            }
            if (open) to[n - 1] = end[i];
        }
    }
    return n;
}
