/* Toxicity, fast tier: bytes -> words -> windows -> hashed n-grams -> sums of weights, text by text.
   The same as detect/ngrams.py, step by step: what each step means stands there. Sums are whole numbers, so
   their order does not matter, and the few operations on doubles are those of the fallback in its order. */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

#define BITS 20
#define HEADS 2
#define SIEVE 16384 /* bits */

enum { LETTER = 1, ALNUM = 2, WORD = 4, ALIKE = 8, STOP = 16, AFTER = 32, BLANK = 64, NAME = 128 };

typedef struct {
    int64_t begin, end; /* bytes of the word in the scratch buffer */
    int32_t sentence;
    uint8_t tied;  /* one byte, no line feed, stands between this word and the one before */
    uint8_t alike; /* digits and signs in it stand for letters */
    uint8_t group; /* it names a group: which one is not looked at */
    uint64_t hash;
} word_t;

typedef struct { /* hashes of words, rising */
    const uint64_t *groups, *people;
    int64_t group_count, people_count;
    uint64_t sieve[SIEVE / 64]; /* a bit for each group: most words name none, and a search costs as much as the rest */
} names_t;

typedef struct {
    uint8_t kind[256];
    uint8_t alike[256];
} signs_t;

typedef struct {
    uint8_t *text;  /* rewritten bytes */
    uint8_t *flat;  /* words with one space around each */
    word_t *words;
    int64_t room;
} scratch_t;

static void know_signs(signs_t *s) {
    memset(s, 0, sizeof *s);
    for (int c = 0; c < 256; c++) s->alike[c] = (uint8_t)c;
    for (int c = 'a'; c <= 'z'; c++) s->kind[c] = LETTER | ALNUM | WORD | NAME;
    for (int c = '0'; c <= '9'; c++) s->kind[c] = ALNUM | WORD | NAME;
    for (int c = 128; c < 256; c++) s->kind[c] = ALNUM | WORD;
    s->kind['_'] |= NAME;
    for (const char *c = "'*@$"; *c; c++) s->kind[(uint8_t)*c] |= WORD;
    for (const char *c = "01345@$"; *c; c++) s->kind[(uint8_t)*c] |= ALIKE;
    for (const char *c = ".!?"; *c; c++) s->kind[(uint8_t)*c] |= STOP;
    for (const char *c = " \t\n\r\f\v"; *c; c++) s->kind[(uint8_t)*c] |= BLANK | AFTER;
    s->kind['"'] |= AFTER;
    s->kind[')'] |= AFTER;
    const char *from = "01345@$", *to = "oieasas";
    for (int k = 0; from[k]; k++) s->alike[(uint8_t)from[k]] = (uint8_t)to[k];
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : (c ? c : ' '); }

static int starts_with(const uint8_t *at, const uint8_t *end, const char *word) {
    for (; *word; word++, at++)
        if (at >= end || lower(*at) != (uint8_t)*word) return 0;
    return 1;
}

/* Bytes of the link, entity or handle that begins at `at`, 0 for none; `with` becomes what replaces it. */
static int64_t rewritten(const signs_t *s, const uint8_t *from, const uint8_t *at, const uint8_t *end,
                         const char **with) {
    const uint8_t *p = at;
    uint8_t c = lower(*at);
    if (c == 'h' || c == 'w') {
        if (starts_with(at, end, "http://")) p += 7;
        else if (starts_with(at, end, "https://")) p += 8;
        else if (starts_with(at, end, "www.")) p += 4;
        else return 0;
        const uint8_t *first = p;
        while (p < end && !(s->kind[lower(*p)] & BLANK)) p++;
        /* A zero is a blank here: it was made one before anything was looked for. */
        *with = " url ";
        return p > first ? p - at : 0;
    }
    if (c == '&') {
        p++;
        if (p < end && *p == '#') p++;
        const uint8_t *first = p;
        while (p < end && p - first < 7 && (s->kind[lower(*p)] & NAME)) p++;
        if (p == first || p - first > 6 || p >= end || *p != ';') return 0;
        *with = " ";
        return p + 1 - at;
    }
    if (at > from && (s->kind[lower(at[-1])] & ALNUM)) return 0;
    for (p = at + 1; p < end && (s->kind[lower(*p)] & NAME);) p++;
    *with = " @user ";
    return p > at + 1 ? p - at : 0;
}

/* One text, rewritten, lower case, no letter more than twice in a row; returns its length. */
static int64_t rewrite(const signs_t *s, const uint8_t *from, const uint8_t *end, uint8_t *out) {
    uint8_t *to = out;
    uint8_t last = 0, before = 0; /* of the bytes before any is left out */
    for (const uint8_t *p = from; p < end;) {
        uint8_t c = lower(*p);
        if (c == 'h' || c == 'w' || c == '&' || c == '@') {
            const char *with = "";
            int64_t skip = rewritten(s, from, p, end, &with);
            if (skip) {
                while (*with) *to++ = (uint8_t)*with++;
                last = before = ' ';
                p += skip;
                continue;
            }
        }
        if (!(c == last && c == before && (s->kind[c] & LETTER))) *to++ = c;
        before = last;
        last = c;
        p++;
    }
    return to - out;
}

/* The words of `text`; returns how many. */
static int64_t find_words(const signs_t *s, const uint8_t *text, int64_t length, word_t *words) {
    int64_t count = 0, end_before = -2; /* of the word before */
    int32_t sentence = 0;
    for (int64_t i = 0; i < length;) {
        uint8_t c = text[i];
        int word = (s->kind[c] & WORD) != 0;
        if (c == '\'')
            word = i > 0 && i + 1 < length && (s->kind[text[i - 1]] & ALNUM) && (s->kind[text[i + 1]] & ALNUM);
        if (!word) {
            if (c == '\n' || ((s->kind[c] & STOP) && (i + 1 >= length || (s->kind[text[i + 1]] & AFTER))))
                sentence++;
            i++;
            continue;
        }
        int64_t begin = i, letters = 0;
        int alike = 0;
        for (; i < length; i++) {
            c = text[i];
            if (!(s->kind[c] & WORD)) break;
            if (c == '\'' && !(i > 0 && i + 1 < length && (s->kind[text[i - 1]] & ALNUM) &&
                               (s->kind[text[i + 1]] & ALNUM)))
                break;
            letters += s->kind[c] & LETTER;
            alike |= s->kind[c] & ALIKE;
        }
        words[count].begin = begin;
        words[count].end = i;
        words[count].sentence = sentence;
        words[count].tied = end_before + 1 == begin && text[end_before] != '\n';
        words[count].alike = alike && letters >= 2;
        count++;
        end_before = i;
    }
    return count;
}

/* Lays the words out with one space around each, single letters set apart made one word; returns how many. */
static int64_t lay_out(const signs_t *s, const uint8_t *text, word_t *words, int64_t count, uint8_t *flat) {
    int64_t kept = 0, to = 0;
    flat[to++] = ' ';
    for (int64_t i = 0; i < count;) {
        int64_t last = i + 1;
        if (words[i].end - words[i].begin == 1 && (s->kind[text[words[i].begin]] & LETTER))
            while (last < count && words[last].tied && words[last].end - words[last].begin == 1 &&
                   (s->kind[text[words[last].begin]] & LETTER))
                last++;
        if (last - i < 3) last = i + 1;
        int64_t begin = to;
        int32_t sentence = words[i].sentence;
        for (; i < last; i++) {
            int64_t size = words[i].end - words[i].begin;
            const uint8_t *from = text + words[i].begin;
            if (words[i].alike)
                for (int64_t k = 0; k < size; k++) flat[to + k] = s->alike[from[k]];
            else
                memcpy(flat + to, from, (size_t)size);
            to += size;
        }
        words[kept].begin = begin;
        words[kept].end = to;
        words[kept].sentence = sentence;
        flat[to++] = ' ';
        kept++;
    }
    return kept;
}

static uint32_t bucket64(uint64_t h) { return (uint32_t)(((h ^ (h >> 29)) * 0xBF58476D1CE4E5B9u) >> (64 - BITS)); }

static uint32_t bucket32(uint32_t h) { return ((h ^ (h >> 15)) * 0x85EBCA6Bu) >> (32 - BITS); }

static uint64_t hash_word(const uint8_t *from, const uint8_t *end) {
    uint64_t sum = 0, power = 0xF1DE83E19937733Du; /* the inverse of 0x9E3779B97F4A7C15 modulo 2^64 */
    const uint64_t inverse = power;
    for (power = 1; from < end; from++, power *= inverse) sum += *from * power;
    return sum;
}

static int holds(const uint64_t *known, int64_t count, uint64_t hash) {
    const int64_t all = count;
    int64_t low = 0;
    while (count > 0) {
        int64_t half = count / 2;
        if (known[low + half] < hash) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low < all && known[low] == hash;
}

static uint32_t place_of(uint64_t hash) { return (uint32_t)((hash * 0x9E3779B97F4A7C15u) >> 50); }

static void fill_sieve(names_t *names) {
    memset(names->sieve, 0, sizeof names->sieve);
    for (int64_t i = 0; i < names->group_count; i++) {
        uint32_t place = place_of(names->groups[i]);
        names->sieve[place >> 6] |= (uint64_t)1 << (place & 63);
    }
}

static int names_group(const names_t *names, uint64_t hash) {
    uint32_t place = place_of(hash);
    return (names->sieve[place >> 6] >> (place & 63) & 1) && holds(names->groups, names->group_count, hash);
}

/* Words that name a group become one sign, with further such words and words for people after it in a sentence;
   returns how many words are left. */
static int64_t mask_groups(const uint8_t *flat, word_t *words, int64_t count, const names_t *names) {
    int64_t kept = 0;
    int32_t sentence = -1;
    int chain = 0;
    for (int64_t i = 0; i < count; i++) {
        uint64_t h = hash_word(flat + words[i].begin, flat + words[i].end);
        int group = names_group(names, h);
        if (words[i].sentence != sentence) chain = 0;
        sentence = words[i].sentence;
        int follows = chain && (group || holds(names->people, names->people_count, h));
        if (!follows) chain = group;
        words[i].group = (uint8_t)group;
        words[i].hash = group ? 0x9D39247E33776D41u : h;
        if (!follows) words[kept++] = words[i];
    }
    return kept;
}

/* Sums of the weights of a window's features; how many there are goes to sizes. */
static void add_up(const uint8_t *flat, const word_t *words, int64_t count, const int8_t *table, int64_t sums[2][HEADS],
                   int64_t sizes[2]) {
    /* Sums of its own: the compiler cannot tell that the table of bytes is not what it adds to. */
    int64_t of_words[HEADS] = {0}, of_chars[HEADS] = {0}, chars = 0;
    uint64_t before = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *from = flat + words[i].begin - 1, *end = flat + words[i].end + 1; /* with its borders */
        uint64_t h = words[i].hash;
        const int8_t *weight = table + HEADS * (int64_t)bucket64(h);
        for (int k = 0; k < HEADS; k++) of_words[k] += weight[k];
        if (i) {
            weight = table + HEADS * (int64_t)bucket64(before * 0xC2B2AE3D27D4EB4Fu + h + 1);
            for (int k = 0; k < HEADS; k++) of_words[k] += weight[k];
        }
        before = h;
        for (const uint8_t *p = from; !words[i].group && p + 3 <= end; p++) {
            uint32_t g = (0x811C9DC5u ^ p[0]) * 0x01000193u;
            g = (g ^ p[1]) * 0x01000193u;
            for (int size = 3; size <= 5 && p + size <= end; size++) {
                g = (g ^ p[size - 1]) * 0x01000193u;
                weight = table + HEADS * (int64_t)bucket32(g);
                for (int k = 0; k < HEADS; k++) of_chars[k] += weight[k];
                chars++;
            }
        }
    }
    memcpy(sums[0], of_words, sizeof of_words);
    memcpy(sums[1], of_chars, sizeof of_chars);
    sizes[0] = 2 * count - 1;
    sizes[1] = chars;
}

/* The words of one sentence in windows of equal size; raises `margin` to that of the worst. */
static void judge(const uint8_t *flat, const word_t *words, int64_t count, int64_t window, const int8_t *table,
                  const double *scale, const double *bias, const double *roots, int64_t most, double *margin) {
    int64_t pieces = (count + window - 1) / window;
    for (int64_t first = 0, piece = 0; first < count; piece++) {
        int64_t last = first + 1, sums[2][HEADS], sizes[2];
        while (last < count && last * pieces / count == piece) last++;
        add_up(flat, words + first, last - first, table, sums, sizes);
        double word_root = roots[sizes[0] < most ? sizes[0] : most];
        double char_root = roots[sizes[1] < most ? sizes[1] : most];
        for (int k = 0; k < HEADS; k++) {
            double sum = (double)sums[0][k] / word_root + (double)sums[1][k] / char_root;
            double found = bias[k] + scale[k] * sum;
            if (found > margin[k]) margin[k] = found;
        }
        first = last;
    }
}

static int make_room(scratch_t *have, int64_t bytes) {
    if (bytes < have->room) return 1; /* an empty text needs room too */
    int64_t room = bytes + bytes / 2 + 1024;
    free(have->text);
    free(have->flat);
    free(have->words);
    /* A handle of two bytes becomes seven; words are at least a byte and the one after it. */
    have->text = malloc((size_t)(4 * room + 16));
    have->flat = malloc((size_t)(8 * room + 16));
    have->words = malloc((size_t)(2 * room + 16) * sizeof(word_t));
    have->room = have->text && have->flat && have->words ? room : 0;
    return have->room > 0;
}

/* data[starts[i]..starts[i + 1]) is text i; roots[n] is the root of n features, of `most` and more roots[most]. margins [texts, HEADS] gets the largest margin of its windows, words
   [texts] how many words it has; a text without words keeps margins of 0. Returns 0, or 1 where memory lacks. */
EXPORT int64_t duecare_toxicity(const uint8_t *data, const int64_t *starts, int64_t texts, const int8_t *table,
                                const uint64_t *groups, int64_t group_count, const uint64_t *people,
                                int64_t people_count, const double *scale, const double *bias,
                                const double *roots, int64_t most, int64_t window, double *margins,
                                int64_t *words) {
    names_t names = {.groups = groups, .people = people, .group_count = group_count, .people_count = people_count};
    signs_t signs;
    scratch_t have = {0};
    int64_t lacking = 0;
    know_signs(&signs);
    fill_sieve(&names);
    for (int64_t i = 0; i < texts && !lacking; i++) {
        const uint8_t *from = data + starts[i], *end = data + starts[i + 1];
        double *margin = margins + HEADS * i;
        if (!make_room(&have, end - from)) {
            lacking = 1;
            break;
        }
        int64_t length = rewrite(&signs, from, end, have.text);
        int64_t count = find_words(&signs, have.text, length, have.words);
        count = lay_out(&signs, have.text, have.words, count, have.flat);
        count = mask_groups(have.flat, have.words, count, &names);
        words[i] = count;
        for (int k = 0; k < HEADS; k++) margin[k] = count ? -1e300 : 0.0;
        for (int64_t first = 0; first < count;) {
            int64_t last = first + 1;
            while (last < count && have.words[last].sentence == have.words[first].sentence) last++;
            judge(have.flat, have.words + first, last - first, window, table, scale, bias, roots, most, margin);
            first = last;
        }
    }
    free(have.text);
    free(have.flat);
    free(have.words);
    return lacking;
}
