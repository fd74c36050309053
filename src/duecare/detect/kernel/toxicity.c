/* Toxicity, fast tier: bytes -> words -> windows -> hashed n-grams -> sums of weights, text by text.
   The same as detect/ngrams.py, step by step: what each step means stands there. Sums are whole numbers, so
   their order does not matter, and the few operations on doubles are those of the fallback in its order. */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

#define BITS 20
#define HEADS 2
#define SIEVE (1 << SIEVE_BITS) /* bits */
#define GROUP 0x9D39247E33776D41u /* stands for a word that names a group */

enum { SIEVE_BITS = 17, MET_BITS = 12, MET = 1 << MET_BITS, SHORT = 16 };
enum { LETTER = 1, ALNUM = 2, WORD = 4, ALIKE = 8, STOP = 16, AFTER = 32, BLANK = 64, NAME = 128, REWRITTEN = 256 };

typedef struct {
    const uint8_t *at; /* its bytes, and how many; SHORT bytes can be read */
    int64_t size;
    uint64_t hash;
    int32_t sentence;
    uint8_t tied;  /* one byte, no line feed, stands between this word and the one before */
    uint8_t alike; /* digits and signs in it stand for letters */
    uint8_t group; /* it names a group: which one is not looked at */
    uint8_t people; /* it is a word for people */
    int64_t chars; /* n-grams of characters, and the sums of their weights; the weights of the word itself */
    int64_t of_chars[HEADS];
    int8_t of_word[HEADS];
} word_t;

typedef struct { /* a short word met before: most words are, and to look up all that is in one takes long */
    uint64_t spelled[SHORT / 8];
    uint64_t hash;
    int16_t of_chars[HEADS];
    int8_t of_word[HEADS];
    uint8_t chars; /* 0 for a name of a group as for an empty place, where `spelled` is 0 */
    uint8_t group : 1, people : 1;
} met_t;

typedef struct { /* hashes of words, rising */
    const uint64_t *groups, *people;
    int64_t group_count, people_count;
    uint64_t sieve[SIEVE / 64]; /* a bit for each group: most words name none, and a search costs as much as the rest */
} names_t;

typedef struct {
    uint16_t kind[256];
    uint8_t alike[256];
    uint8_t lower[256];
} signs_t;

typedef struct {
    uint8_t *text; /* rewritten bytes */
    uint8_t *flat; /* words that are spelled otherwise than there, then one with a space on either side */
    word_t *words;
    int64_t room;
    met_t *met; /* [MET] by hash: a word takes the place of the one there */
} scratch_t;

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : (c ? c : ' '); }

static void know_signs(signs_t *s) {
    memset(s, 0, sizeof *s);
    for (int c = 0; c < 256; c++) s->alike[c] = (uint8_t)c;
    for (int c = 0; c < 256; c++) s->lower[c] = lower((uint8_t)c);
    for (int c = 'a'; c <= 'z'; c++) s->kind[c] = LETTER | ALNUM | WORD | NAME;
    for (int c = '0'; c <= '9'; c++) s->kind[c] = ALNUM | WORD | NAME;
    for (int c = 128; c < 256; c++) s->kind[c] = ALNUM | WORD;
    s->kind['_'] |= NAME;
    for (const char *c = "*@$"; *c; c++) s->kind[(uint8_t)*c] |= WORD;
    for (const char *c = "hw&@"; *c; c++) s->kind[(uint8_t)*c] |= REWRITTEN;
    for (const char *c = "01345@$"; *c; c++) s->kind[(uint8_t)*c] |= ALIKE;
    for (const char *c = ".!?"; *c; c++) s->kind[(uint8_t)*c] |= STOP;
    for (const char *c = " \t\n\r\f\v"; *c; c++) s->kind[(uint8_t)*c] |= BLANK | AFTER;
    s->kind['"'] |= AFTER;
    s->kind[')'] |= AFTER;
    s->kind[0] = AFTER; /* ends a text: others in it have become spaces */
    const char *from = "01345@$", *to = "oieasas";
    for (int k = 0; from[k]; k++) s->alike[(uint8_t)from[k]] = (uint8_t)to[k];
}

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
        uint8_t c = s->lower[*p];
        if (s->kind[c] & REWRITTEN) {
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
    *to = 0;
    return to - out;
}

/* Whether an apostrophe stands between letters. */
static int inside(const signs_t *s, const uint8_t *text, int64_t at) {
    return at > 0 && (s->kind[text[at - 1]] & ALNUM) && (s->kind[text[at + 1]] & ALNUM);
}

/* The words of `text`, which a zero ends; returns how many. */
static int64_t find_words(const signs_t *s, const uint8_t *text, int64_t length, word_t *words) {
    int64_t count = 0, end_before = -2; /* of the word before */
    int32_t sentence = 0;
    for (int64_t i = 0; i < length;) {
        int kind = s->kind[text[i]];
        if (!(kind & WORD) && !(text[i] == '\'' && inside(s, text, i))) {
            sentence += text[i] == '\n' || ((kind & STOP) && (s->kind[text[i + 1]] & AFTER));
            i++;
            continue;
        }
        int64_t begin = i, letters = 0;
        int seen = 0;
        for (;; i++) {
            kind = s->kind[text[i]];
            if (!(kind & WORD) && !(text[i] == '\'' && inside(s, text, i))) break;
            seen |= kind;
        }
        for (int64_t k = begin; (seen & ALIKE) && k < i; k++) letters += s->kind[text[k]] & LETTER;
        words[count].at = text + begin;
        words[count].size = i - begin;
        words[count].sentence = sentence;
        words[count].tied = end_before + 1 == begin && text[end_before] != '\n';
        words[count].alike = letters >= 2;
        count++;
        end_before = i;
    }
    return count;
}

/* Spells words as they count: signs that stand for letters become these, single letters set apart one word. Returns
   how many words are left; *to is moved behind what was written. */
static int64_t spell(const signs_t *s, word_t *words, int64_t count, uint8_t **to) {
    int64_t kept = 0;
    for (int64_t i = 0; i < count; kept++) {
        int64_t last = i + 1;
        if (words[i].size == 1 && (s->kind[*words[i].at] & LETTER))
            while (last < count && words[last].tied && words[last].size == 1 && (s->kind[*words[last].at] & LETTER))
                last++;
        if (last - i < 3) last = i + 1;
        if (kept < i) words[kept] = words[i];
        if (last - i == 1 && !words[i].alike) {
            i++;
            continue;
        }
        uint8_t *begin = *to;
        for (; i < last; i++) /* a single letter has no sign that is alike */
            for (int64_t k = 0; k < words[i].size; k++) *(*to)++ = s->alike[words[i].at[k]];
        words[kept].at = begin;
        words[kept].size = *to - begin;
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

static uint32_t place_of(uint64_t hash) { return (uint32_t)((hash * 0x9E3779B97F4A7C15u) >> (64 - SIEVE_BITS)); }

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

/* What a word adds to sums by itself; `bordered` has room for its bytes and two more. */
static void weigh_word(word_t *word, const names_t *names, const int8_t *table, uint8_t *bordered) {
    uint64_t hash = hash_word(word->at, word->at + word->size);
    word->group = (uint8_t)names_group(names, hash);
    word->people = (uint8_t)holds(names->people, names->people_count, hash);
    word->hash = word->group ? GROUP : hash;
    memcpy(word->of_word, table + HEADS * (int64_t)bucket64(word->hash), HEADS);
    int64_t sums[HEADS] = {0}, chars = 0;
    bordered[0] = bordered[word->size + 1] = ' ';
    memcpy(bordered + 1, word->at, (size_t)word->size);
    const uint8_t *end = bordered + word->size + 2;
    for (const uint8_t *p = bordered; !word->group && p + 3 <= end; p++) {
        uint32_t g = (0x811C9DC5u ^ p[0]) * 0x01000193u;
        g = (g ^ p[1]) * 0x01000193u;
        for (int size = 3; size <= 5 && p + size <= end; size++) {
            g = (g ^ p[size - 1]) * 0x01000193u;
            const int8_t *weight = table + HEADS * (int64_t)bucket32(g);
            for (int k = 0; k < HEADS; k++) sums[k] += weight[k];
            chars++;
        }
    }
    memcpy(word->of_chars, sums, sizeof sums);
    word->chars = chars;
}

/* The same, looked up where the word was met before. Words hold no zero: bytes and zeros behind tell its size, too. */
static void know_word(word_t *word, const names_t *names, const int8_t *table, uint8_t *bordered, met_t *met) {
    static const uint8_t keep[16] = {255, 255, 255, 255, 255, 255, 255, 255};
    if (word->size > SHORT) {
        weigh_word(word, names, table, bordered);
        return;
    }
    uint64_t spelled[2], mask[2];
    int64_t first = word->size < 8 ? word->size : 8;
    memcpy(spelled, word->at, sizeof spelled);
    memcpy(&mask[0], keep + 8 - first, 8);
    memcpy(&mask[1], keep + 8 - (word->size - first), 8);
    spelled[0] &= mask[0];
    spelled[1] &= mask[1];
    uint64_t mixed = (spelled[0] ^ spelled[1] * 0xC2B2AE3D27D4EB4Fu) * 0x9E3779B97F4A7C15u;
    met_t *known = met + ((mixed ^ mixed << 23) >> (64 - MET_BITS));
    if (known->spelled[0] != spelled[0] || known->spelled[1] != spelled[1]) {
        weigh_word(word, names, table, bordered);
        memcpy(known->spelled, spelled, sizeof spelled);
        memcpy(known->of_word, word->of_word, HEADS);
        for (int k = 0; k < HEADS; k++) known->of_chars[k] = (int16_t)word->of_chars[k];
        known->chars = (uint8_t)word->chars;
        known->hash = word->hash;
        known->group = word->group;
        known->people = word->people;
        return;
    }
    word->hash = known->hash;
    word->group = known->group;
    word->people = known->people;
    word->chars = known->chars;
    memcpy(word->of_word, known->of_word, HEADS);
    for (int k = 0; k < HEADS; k++) word->of_chars[k] = known->of_chars[k];
}

/* Words that name a group become one sign, with further such words and words for people after it in a sentence;
   returns how many words are left. */
static int64_t mask_groups(word_t *words, int64_t count, const names_t *names, const int8_t *table, uint8_t *bordered,
                           met_t *met) {
    int64_t kept = 0;
    int32_t sentence = -1;
    int chain = 0;
    for (int64_t i = 0; i < count; i++) {
        know_word(&words[i], names, table, bordered, met);
        int group = words[i].group;
        if (words[i].sentence != sentence) chain = 0;
        sentence = words[i].sentence;
        if (chain && (group || words[i].people)) continue;
        chain = group;
        if (kept < i) words[kept] = words[i];
        kept++;
    }
    return kept;
}

/* Sums of the weights of a window's features; how many there are goes to sizes. */
static void add_up(const word_t *words, int64_t count, const int8_t *table, int64_t sums[2][HEADS],
                   int64_t sizes[2]) {
    /* Sums of its own: the compiler cannot tell that the table of bytes is not what it adds to. */
    int64_t of_words[HEADS] = {0}, of_chars[HEADS] = {0}, chars = 0;
    for (int64_t i = 0; i < count; i++) {
        for (int k = 0; k < HEADS; k++) of_words[k] += words[i].of_word[k];
        for (int k = 0; k < HEADS; k++) of_chars[k] += words[i].of_chars[k];
        chars += words[i].chars;
        if (!i) continue;
        uint64_t pair = words[i - 1].hash * 0xC2B2AE3D27D4EB4Fu + words[i].hash + 1;
        const int8_t *weight = table + HEADS * (int64_t)bucket64(pair);
        for (int k = 0; k < HEADS; k++) of_words[k] += weight[k];
    }
    memcpy(sums[0], of_words, sizeof of_words);
    memcpy(sums[1], of_chars, sizeof of_chars);
    sizes[0] = 2 * count - 1;
    sizes[1] = chars;
}

/* The words of one sentence in windows of equal size; raises `margin` to that of the worst. */
static void judge(const word_t *words, int64_t count, int64_t window, const int8_t *table,
                  const double *scale, const double *bias, const double *roots, int64_t most, double *margin) {
    int64_t pieces = (count + window - 1) / window;
    for (int64_t first = 0, piece = 0; first < count; piece++) {
        int64_t last = first + 1, sums[2][HEADS], sizes[2];
        while (last < count && last * pieces / count == piece) last++;
        add_up(words + first, last - first, table, sums, sizes);
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
    have->text = malloc((size_t)(4 * room + 2 * SHORT));
    have->flat = malloc((size_t)(8 * room + 4 * SHORT));
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
    int64_t lacking = (have.met = calloc(MET, sizeof *have.met)) == NULL;
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
        uint8_t *to = have.flat;
        count = spell(&signs, have.words, count, &to);
        count = mask_groups(have.words, count, &names, table, to + SHORT, have.met);
        words[i] = count;
        for (int k = 0; k < HEADS; k++) margin[k] = count ? -1e300 : 0.0;
        for (int64_t first = 0; first < count;) {
            int64_t last = first + 1;
            while (last < count && have.words[last].sentence == have.words[first].sentence) last++;
            judge(have.words + first, last - first, window, table, scale, bias, roots, most, margin);
            first = last;
        }
    }
    free(have.text);
    free(have.flat);
    free(have.words);
    free(have.met);
    return lacking;
}
