#include <stdlib.h>
#include <string.h>
#include "kernel.h"
#include "utf8.h"

/* Mentions of groups of people, as `detect/identity.py` defines them: words of texts, phrases that begin at a word,
   and for guarded ones the words beside them. Ages are told by Python: a text that may state one is marked. */

enum { LONGEST = 32, RING = 64 };
enum { PEOPLE = 1, SELF = 2, SPOKEN = 4, PERSON = 8 };
enum { LETTER = 1, JOINER = 2, BEYOND = 4 }; /* kinds of bytes: BEYOND is what is not ASCII */

typedef struct {
    const uint8_t *pool;    /* the words known, in small letters of ASCII */
    const int64_t *starts;  /* [words + 1] in pool */
    const uint8_t *flags;   /* [words] */
    const int32_t *entries; /* [entries][width]: label, guarded, words from the first on, -1 behind the last */
    const int64_t *first;   /* [words + 1] entries that begin with a word, the longest first */
    int64_t words, width, slots;
    int32_t *slot; /* word + 1 by hash, 0 where free */
    alnum_t alnum;
    uint8_t kind[256];
    /* By first letter and length, a bit for each second and each last letter that a word known has: most words are
       told by it to be none. */
    uint32_t second[32][LONGEST], last[32][LONGEST];
} table_t;

typedef struct {
    int64_t from, to;   /* bytes in data */
    int32_t start, end; /* code points in the text */
    int32_t word;       /* number of a word known, else -1 */
} token_t;

typedef struct {
    const table_t *table;
    const uint8_t *data;
    int64_t at, stop; /* what is not read yet */
    int32_t place;    /* its code point */
    int64_t count;    /* tokens read */
    int over;
    token_t token[RING];
} reader_t;

static uint64_t hash_of(const uint8_t *word, int64_t size) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (int64_t i = 0; i < size; i++) hash = (hash ^ word[i]) * 0x100000001B3u;
    return hash ^ hash >> 32;
}

static int32_t word_of(const table_t *table, const uint8_t *word, int64_t size) {
    uint64_t mask = (uint64_t)table->slots - 1, at = hash_of(word, size) & mask;
    for (int32_t found; (found = table->slot[at]) != 0; at = (at + 1) & mask) {
        int64_t start = table->starts[found - 1];
        if (table->starts[found] - start == size && !memcmp(table->pool + start, word, (size_t)size)) return found - 1;
    }
    return -1;
}

static int fill_slots(table_t *table) {
    table->slots = 64;
    while (table->slots < 4 * table->words) table->slots *= 2;
    table->slot = calloc((size_t)table->slots, sizeof *table->slot);
    if (!table->slot) return 0;
    for (int32_t word = 0; word < table->words; word++) {
        int64_t start = table->starts[word];
        uint64_t mask = (uint64_t)table->slots - 1;
        uint64_t at = hash_of(table->pool + start, table->starts[word + 1] - start) & mask;
        while (table->slot[at]) at = (at + 1) & mask;
        table->slot[at] = word + 1;
    }
    return 1;
}

static void fill_sieve(table_t *table) {
    for (int c = 0; c < 256; c++) table->kind[c] = c >= 0x80 ? BEYOND : is_alnum(&table->alnum, (uint32_t)c) ? LETTER : 0;
    table->kind['\''] = table->kind['-'] = JOINER;
    for (int64_t word = 0; word < table->words; word++) {
        const uint8_t *from = table->pool + table->starts[word];
        int64_t size = table->starts[word + 1] - table->starts[word];
        if (!size || size >= LONGEST) continue;
        table->second[from[0] & 31][size] |= 1u << (from[size > 1] & 31);
        table->last[from[0] & 31][size] |= 1u << (from[size - 1] & 31);
    }
}

/* The number of a word of letters and digits of ASCII alone, -1 where it is not known. */
static int32_t plain_word(const table_t *table, const uint8_t *from, int64_t size) {
    if (size >= LONGEST || !(table->second[from[0] & 31][size] >> (from[size > 1] & 31) & 1) ||
        !(table->last[from[0] & 31][size] >> (from[size - 1] & 31) & 1))
        return -1;
    uint8_t word[LONGEST];
    for (int64_t i = 0; i < size; i++) word[i] = from[i] < 0x41 ? from[i] : from[i] | 32; /* letters and digits */
    return word_of(table, word, size);
}

/* Whether a joiner stands at `at` with a letter or digit behind it; *size its bytes. */
static int joined(const reader_t *read, int64_t at, int *size) {
    uint32_t lead = read->data[at];
    if (lead != '\'' && lead != '-' && lead != 0xE2) return 0;
    uint32_t point = point_at(read->data, at, read->stop, size);
    if ((point != '\'' && point != '-' && point != 0x2019) || at + *size >= read->stop) return 0;
    int more;
    return is_alnum(&read->table->alnum, point_at(read->data, at + *size, read->stop, &more));
}

/* Moves to the next letter or digit; 0 where the text is over. */
static int skip(reader_t *read) {
    const table_t *table = read->table;
    int64_t at = read->at, before = at;
    int32_t more = 0; /* bytes of what is beyond ASCII that are no signs of their own */
    int size = 1;
    for (; at < read->stop; at += size, more += size - 1) {
        int kind = table->kind[read->data[at]];
        size = 1;
        if (kind & LETTER) break;
        if ((kind & BEYOND) && is_alnum(&table->alnum, point_at(read->data, at, read->stop, &size))) break;
    }
    read->place += (int32_t)(at - before) - more;
    read->at = at;
    return at < read->stop;
}

/* Reads one more token; 0 where the text is over. */
static int read_token(reader_t *read) {
    if (!skip(read)) return 0;
    const alnum_t *alnum = &read->table->alnum;
    const uint8_t *kind = read->table->kind, *data = read->data;
    token_t *token = &read->token[read->count % RING];
    int size = 0;
    int64_t at = read->at;
    while (at < read->stop && (kind[data[at]] & LETTER)) at++;
    if (at > read->at && (at == read->stop || !kind[data[at]] || ((kind[data[at]] & JOINER) && !joined(read, at, &size)))) {
        int64_t length = at - read->at;
        *token = (token_t){read->at, at, read->place, read->place + (int32_t)length, 0};
        token->word = plain_word(read->table, data + read->at, length);
        read->at = at;
        read->place = token->end;
        read->count++;
        return 1;
    }
    uint8_t word[LONGEST];
    int64_t length = 0;
    token->from = read->at;
    token->start = read->place;
    for (;;) {
        uint32_t point = point_at(read->data, read->at, read->stop, &size);
        int part = is_alnum(alnum, point);
        if (!part && !joined(read, read->at, &size)) break;
        uint8_t small = point - 'A' < 26u ? (uint8_t)(point | 32) : (uint8_t)point;
        if (point >= 0x80) small = point == 0x212A ? 'k' : point == 0x2019 && !part ? '\'' : 0xFF;
        if (length < LONGEST) word[length] = small; /* none of the words known has a byte 0xFF */
        length++;
        read->at += size;
        read->place++;
        if (read->at >= read->stop) break;
    }
    token->to = read->at;
    token->end = read->place;
    token->word = length < LONGEST ? word_of(read->table, word, length) : -1;
    read->count++;
    return 1;
}

/* The token at a place, NULL where there is none. */
static const token_t *token_at(reader_t *read, int64_t place) {
    while (read->count <= place && !read->over) read->over = !read_token(read);
    return place >= 0 && place < read->count ? &read->token[place % RING] : NULL;
}

static int has(const reader_t *read, const token_t *token, int flag) {
    return token && token->word >= 0 && (read->table->flags[token->word] & flag);
}

/* Whether only blanks and , ; / & stand in [from, to). */
static int adjoining(const reader_t *read, int64_t from, int64_t to) {
    int size;
    for (; from < to; from += size) {
        uint32_t point = point_at(read->data, from, to, &size);
        if (!is_space(point) && (point >= 0x80 || !strchr(",;/&", (int)point) || !point)) return 0;
    }
    return 1;
}

/* Whether a sentence or a part of one closes at `at`: a mark, or one of four words, perhaps behind blanks. */
static int closes(const reader_t *read, int64_t at) {
    static const char word[][4] = {"and", "so", "or", "but"};
    int size;
    while (at < read->stop && is_space(point_at(read->data, at, read->stop, &size))) at += size;
    if (at >= read->stop) return 0;
    if (read->data[at] && read->data[at] < 0x80 && strchr(".,;:!?", read->data[at])) return 1;
    for (int i = 0; i < 4; i++) {
        int64_t length = (int64_t)strlen(word[i]);
        if (at + length > read->stop || memcmp(read->data + at, word[i], (size_t)length)) continue;
        if (at + length == read->stop) return 1;
        uint32_t next = point_at(read->data, at + length, read->stop, &size);
        return next != '_' && !is_alnum(&read->table->alnum, next);
    }
    return 0;
}

/* Whether a word for people follows within two words, or the token closes "I am ..." or "being ...". */
static int beside_people(reader_t *read, int64_t place) {
    const token_t *token = token_at(read, place), *next;
    int64_t end = token->to;
    for (int step = 1; step <= 2; step++) {
        if (!(next = token_at(read, place + step))) break;
        if (!adjoining(read, end, next->from)) break;
        if (has(read, next, PEOPLE)) return 1;
        end = next->to;
    }
    const token_t *before = token_at(read, place - 1);
    if (!has(read, before, SELF)) return 0;
    if (!has(read, before, SPOKEN) && !has(read, token_at(read, place - 2), PERSON)) return 0;
    return !token_at(read, place + 1) || closes(read, token->to);
}

/* The longest phrase that begins at a place: its last token and *label, or -1. */
static int64_t phrase_at(reader_t *read, int64_t place, int32_t *label) {
    const table_t *table = read->table;
    int32_t word = token_at(read, place)->word;
    if (word < 0) return -1;
    for (int64_t i = table->first[word]; i < table->first[word + 1]; i++) {
        const int32_t *entry = table->entries + i * table->width;
        int64_t count = 1;
        for (; count + 2 < table->width && entry[2 + count] >= 0; count++) {
            const token_t *token = token_at(read, place + count);
            if (!token || token->word != entry[2 + count]) break;
        }
        if (count + 2 < table->width && entry[2 + count] >= 0) continue;
        if (entry[1] && !beside_people(read, place + count - 1)) continue;
        *label = entry[0];
        return place + count - 1;
    }
    return -1;
}

/* The next y in small or capital form from `at` on, else `end`: eight bytes at a time. */
static const uint8_t *next_y(const uint8_t *at, const uint8_t *end) {
    const uint64_t each = 0x0101010101010101u;
    for (uint64_t eight; end - at >= 8; at += 8) {
        memcpy(&eight, at, 8);
        eight = (eight | 32 * each) ^ 'y' * each; /* zero where one stands */
        if ((eight - each) & ~eight & 128 * each) break;
    }
    while (at < end && (*at | 32) != 'y') at++;
    return at;
}

/* Whether "year old" or the like stands in a text, with a blank or a hyphen before each of the words. */
static int may_state_age(const uint8_t *data, int64_t size) {
    const uint8_t *end = data + size;
    for (const uint8_t *at = next_y(data, end); end - at >= 8; at = next_y(at + 1, end)) {
        if (at == data || (at[-1] != ' ' && at[-1] != '-')) continue;
        if ((at[1] | 32) != 'e' || (at[2] | 32) != 'a' || (at[3] | 32) != 'r') continue;
        const uint8_t *here = at + 4;
        if ((*here | 32) == 's') here++;
        else if (here[0] == 0xC5 && here[1] == 0xBF) here += 2; /* a long s counts as one */
        if (end - here >= 4 && (*here == ' ' || *here == '-') && (here[1] | 32) == 'o' && (here[2] | 32) == 'l' &&
            (here[3] | 32) == 'd')
            return 1;
    }
    return 0;
}

/* Mentions of all texts: the text's number, code points, number of the label; each has room for one token in two
   bytes and one more a text. aged[text] says that it may state an age. `width` is at most 16. Returns how many there
   are, -1 where memory does not suffice. */
EXPORT int64_t duecare_mentions(const uint8_t *data, const int64_t *starts, int64_t texts, const uint8_t *pool,
                                const int64_t *word_starts, const uint8_t *flags, int64_t words,
                                const int32_t *entries, const int64_t *first, int64_t width, const uint8_t *alnum,
                                int64_t points, int32_t *owner, int32_t *start, int32_t *end, int32_t *label,
                                uint8_t *aged) {
    table_t table = {pool, word_starts, flags, entries, first, words, width, 0, NULL, {alnum, points}, {0}, {{0}}, {{0}}};
    if (!fill_slots(&table)) return -1;
    fill_sieve(&table);
    int64_t made = 0;
    for (int64_t text = 0; text < texts; text++) {
        reader_t read = {.table = &table, .data = data, .at = starts[text], .stop = starts[text + 1]};
        aged[text] = (uint8_t)may_state_age(data + starts[text], starts[text + 1] - starts[text]);
        for (int64_t place = 0; token_at(&read, place); place++) {
            int64_t last = phrase_at(&read, place, &label[made]);
            if (last < 0) continue;
            owner[made] = (int32_t)text;
            start[made] = token_at(&read, place)->start;
            end[made] = token_at(&read, last)->end;
            made++;
            place = last;
        }
    }
    free(table.slot);
    return made;
}
