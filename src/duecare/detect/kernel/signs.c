/* Signs without which nothing of a kind stands in a text, in one pass over its bytes. `detect/signs.py` has the
   expressions that say what they are: a sign is seen wherever its expression finds what a search could use, and
   sometimes where nothing is. All bytes beyond ASCII are taken for what would let a sign stand. */
#include "signs.h"

static inline void key_goes_on(State *s, int64_t to) {
    s->key_run |= s->key_sorts == 3 && to - s->key_from >= KEY;
}

static const char VENDORS[][12] = {"sk-", "sk_", "rk_", "whsec_", "ghp_", "gho_", "ghu_", "ghr_", "ghs_", "github_pat_",
    "glpat-", "AKIA", "ASIA", "AROA", "AIDA", "xox", "xapp-", "AIza", "ya29", "hf_", "npm_", "pypi-", "SG", "shp", "do", "dapi",
    "SK", "EAA", "eyJ"};

static void vendor(State *s, const uint8_t *from, int64_t size) {
    for (size_t v = 0; v < sizeof VENDORS / sizeof *VENDORS; v++) {
        size_t length = strlen(VENDORS[v]);
        if (*from != (uint8_t)*VENDORS[v] || (int64_t)length > size || memcmp(from, VENDORS[v], length)) continue;
        if (length > 2 || size > KEY || (size == 2 && *from == 'S' && from[1] == 'G')) s->bits |= VENDOR;
    }
}

/* A run of letters, digits, _ and - that ends at j. */
static inline void vendor_ends(State *s, int64_t j) {
    int64_t size = j - s->vendor_from;
    uint8_t behind = at(s, j);
    if (size < 2 || !(size >= TOKEN || behind == '.' || behind >= 0x80)) return;
    const uint8_t *from = s->data + s->vendor_from;
    /* Of letters alone are few of them made: AKIA and the like, EAA, SG, SK; eyJ; dapi and 32 more. */
    if (s->word_from == s->vendor_from && s->word_to == j &&
        !(*from == 'A' || *from == 'E' || *from == 'S' || from[1] == 'y' || size > 2 * KEY)) return;
    vendor(s, from, size);
}

/* Whether somebody's name for a service is said behind j: " is", " was", ":" or "=". */
static int says_so(const State *s, int64_t j) {
    if (blank(at(s, j))) j++;
    return at(s, j) >= 0x80 || at(s, j) == ':' || at(s, j) == '=' || says(s, j, "is") || says(s, j, "was");
}

/* Where the name of a service that gives addresses to everybody ends that begins at i; 0 where none does. */
static int64_t provider(const State *s, int64_t i) {
    uint64_t key;
    if (!letter(at(s, i))) return 0;
    int64_t j = word_end(s, i, &key);
    return meaning(s->words, key, j - i) & IS_PROVIDER ? j : 0;
}

/* Words that are a sign only with what stands beside them. */
static void told_by_next(State *s, int64_t i, int64_t j) {
    uint8_t next = at(s, j);
    if (says(s, i, "user") || says(s, i, "login") || says(s, i, "screen") || says(s, i, "gamer") || says(s, i, "handle")) {
        int64_t name = j + (next == ' ');
        if (says_so(s, j) || ((says(s, name, "name") || says(s, name, "id") || says(s, name, "tag")) &&
                              says_so(s, name + (says(s, name, "name") ? 4 : says(s, name, "tag") ? 3 : 2))))
            s->bits |= USER;
        return;
    }
    if (j - i == 4 && says(s, i, "pass")) {
        uint8_t mark = at(s, j + blank(next));
        if (next >= 0x80 || mark == ':' || mark == '=') s->bits |= PASSWORD;
    } else if (j - i == 3 && says(s, i, "dot")) {
        uint8_t before = at(s, i - 1);
        if (before == ' ' || before == '-' || before == '_' || opens(before)) s->bits |= SPELLED;
    } else if (j - i == 2 && says(s, i, "at")) {
        int64_t stop = next == ' ' ? provider(s, j + 1) : 0;
        if (bracketed(s, i, j) || (stop && at(s, stop) == '.' && letter(at(s, stop + 1)))) s->bits |= SPELLED;
    } else if ((says(s, i, "ne") && says(s, j, " le")) || (says(s, i, "do") && says(s, j, ".b")) ||
               (j - i == 1 && says(s, i, "d") && says(s, j, ".o"))) {
        s->bits |= BORN;
    } else if (says(s, i, "www") && next == '.') {
        s->bits |= LINK;
    } else if (says(s, i, "example street") || says(s, i, "sample lane") || says(s, i, "placeholder road") ||
               says(s, i, "specimen avenue") || says(s, i, "invented way")) {
        s->bits |= INVENTED;
    } else if (j - i == 1 && says(s, i, "a/c") && !letter(at(s, j + 2))) {
        s->named = 1;
        s->slash = j;
    }
}

/* A number as a PIN within reach of what ends at j. */
static void pin_follows(State *s, int64_t i, int64_t j) {
    if ((says(s, i, "security") || says(s, i, "verification")) && !says(s, j, " code")) return;
    if (says(s, i, "one") && !says(s, j + 1, "time")) return;
    for (int64_t k = j; k < j + NEARBY && k < s->end; k++)
        if (digit(s->data[k])) {
            s->bits |= PIN;
            return;
        }
}

/* The next word of what may be the name of a street behind a house number. */
static inline void street_goes_on(State *s, int said, int small) {
    if (s->house >= 2 && said & STREET) s->bits |= HOUSE;
    if (small && !(s->at_number && said & DIRECTION)) s->house = 0;
    else if (!small && ++s->house > STREETS) s->house = 0;
    s->at_number = 0;
}

/* Behind what may be a house number; it may also be the first word of a street's name: "12 42nd Street". */
static inline void street_begins(State *s) {
    s->house = s->house ? 2 : 1;
    s->at_number = 1;
}

/* A run of letters of ASCII, [i, j). */
static inline void word(State *s, int64_t i, int64_t j, uint64_t key) {
    int64_t size = j - i;
    uint8_t before = at(s, i - 1), next = at(s, j);
    int said = meaning(s->words, key, size);
    s->word_from = i;
    s->word_to = j;
    s->key_sorts |= 1;
    key_goes_on(s, j);
    if (j - s->code_from >= CODE || (capital(s->data[j - 1]) && digit(next)) || (digit(before) && capital(s->data[i])))
        s->bits |= LONG;
    if (size >= 2 && next == ' ' && digit(at(s, j + 1)) && digit(at(s, j + 2)) && capital(s->data[j - 1]) &&
        capital(s->data[j - 2]))
        s->bits |= LONG;
    if (said & NAMES) s->named = 1;
    else if (s->named && !(said & BETWEEN) && !digit(next) && s->slash != i - 1) s->named = 0;
    if (s->house && before == ' ') street_goes_on(s, said, !capital(s->data[i]));
    if (size == 1 && digit(before) && next == ' ') street_begins(s);
    if (said & IS_BORN) s->bits |= BORN;
    if (said & IS_PASSWORD && (size == 3 || says(s, i, "passw") || says(s, i, "passph") || says(s, i, "passc")))
        s->bits |= PASSWORD;
    if (said & IS_NAME) s->bits |= INVENTED;
    if (said & IS_PIN) pin_follows(s, i, j);
    if (said & TOLD_BY_NEXT) told_by_next(s, i, j);
}

/* Whether a word for a post box or the end of a German street stands before the blank at i. */
static int boxed(const State *s, int64_t i) {
    static const char ENDS[][9] = {"box", "stra\xc3\x9f" "e", "strasse", "str.", "weg", "platz", "allee", "gasse"};
    for (size_t e = 0; e < sizeof ENDS / sizeof *ENDS; e++)
        if (says(s, i - (int64_t)strlen(ENDS[e]), ENDS[e])) return 1;
    return 0;
}

/* Digits that duecare writes begin so; see `detect/invented.py`. */
static int invented(const State *s, int64_t i, int64_t j) {
    if (s->data[i] == '0') {
        int zeros = 0, digits = 0; /* a zero, four such signs, two digits: of a run of 33 signs */
        for (int64_t k = i + 1; k < i + 33; k++) {
            uint8_t c = at(s, k);
            if (!(digit(c) || c == ' ' || c == '.' || c == '-')) break;
            if (k < i + 5 && (!digit(c) || c == '0')) zeros++;
            else if (digit(c)) digits++;
        }
        if (says(s, i, "000")) return j - i >= 5 || at(s, j) == ' ' || at(s, j) == '-' || (zeros == 4 && digits >= 2);
        return (zeros == 4 && digits >= 2) || (j == i + 2 && (says(s, i, "00:00") || says(s, i, "00-00")));
    }
    if (says(s, i, "555")) return says(s, i + 4, "01");
    if (says(s, i, "900")) return says(s, i - 4, "700 ");
    return says(s, i, "192.0.2") || says(s, i, "198.51.") ||
           says(s, i, "203.0.") || says(s, i, "2001:");
}

/* A run of digits, [i, j). */
static inline void number(State *s, int64_t i, int64_t j) {
    int64_t gap = s->number_end ? i - s->number_end : 4, before_it = s->number_end - s->number_from;
    int close = gap <= 3;
    for (int64_t k = i - gap; close && k < i; k++) close = s->data[k] && strchr("-. /()", s->data[k]);
    s->linked = (close ? s->linked : 0) + (int)(j - i > PHONE ? PHONE : j - i);
    s->dots = close && gap == 1 && s->data[i - 1] == '.' ? (before_it <= 3 || !s->dots ? s->dots + 1 : 1) : 0;
    if (s->linked > PHONE) s->linked = PHONE;
    s->key_sorts |= 2;
    key_goes_on(s, j);
    s->bits |= DIGITS | (s->linked >= PHONE || s->dots >= 3 || j - s->code_from >= CODE ? LONG : 0);
    if (s->named) s->bits |= NAMING;
    s->named = 0;
    if (at(s, i - 1) == ' ') {
        if (boxed(s, i - 1)) s->bits |= BOX;
        if (s->house) street_goes_on(s, 0, 0);
    }
    if (at(s, j) == ' ') street_begins(s);
    if (invented(s, i, j)) s->bits |= INVENTED;
    s->number_from = i;
    s->number_end = j;
}

/* A code point beyond ASCII at i: whether it may have a plain form, or letters of ASCII in another case. */
static int64_t beyond(State *s, int64_t i) {
    int size;
    uint32_t point = point_at(s->data, i, s->end, &size);
    int plain = point == 0xA0 || point - 0x2000 < 0x16u || point == 0x202F || point == 0x205F || point == 0x2212;
    plain |= point == 0x3000;
    plain |= point - 0x660 < 0x1FFF - 0x660u || point - 0xA620 < 0xABFF - 0xA620u || point - 0xFE50 < 0x1B0u;
    plain |= point >= 0x10000 && point - 0x1F000 >= 0xBF0u;
    if (plain) s->bits |= FOLDED;
    if (point == 0x130 || point == 0x131 || point == 0x17F || point == 0x212A) s->bits |= CASED;
    if (point - 0x370 < 0x1C90u || point - 0x3040 < 0xCFC0u) s->bits |= INVENTED; /* no marks, and no symbols */
    if ((point == 0xE9 || point == 0xC9) && (at(s, i - 1) | 32) == 'n' && at(s, i + 2 + ((at(s, i + 2) | 32) == 'e')) == ' ')
        s->bits |= BORN;
    return size;
}

static void colon(State *s, int64_t i) {
    int goes_on = s->colons && i - s->colon <= 5 && all_hexadecimal(s, s->colon + 1, i);
    s->colons = goes_on ? s->colons + 1 : 1;
    s->colon = i;
    if (s->colons >= 3) s->bits |= HEXADECIMAL;
}

static void dash(State *s, int64_t i) {
    int goes_on = s->dashes && i - s->dash == 3 && all_hexadecimal(s, i - 2, i);
    s->lines = at(s, i - 1) == '-' ? s->lines + 1 : 1;
    s->dashes = goes_on ? s->dashes + 1 : 1;
    s->dash = i;
    if (s->dashes >= 4) s->bits |= HEXADECIMAL;
    if (s->lines >= 5 && at(s, i + 1) == 'B') s->bits |= VENDOR;
}

static void stop(State *s, int64_t i) {
    if (i - s->dot == 5 && all_hexadecimal(s, i - 4, i)) s->bits |= HEXADECIMAL;
    s->dot = i;
    if (bracketed(s, i, i + 1)) s->bits |= SPELLED;
}

static void slash(State *s, int64_t i) {
    uint8_t two = at(s, i - 2);
    int host = says(s, i - 4, ".com") || says(s, i - 4, ".net") || says(s, i - 3, ".tv") || says(s, i - 4, "t.me");
    int user = (at(s, i - 1) | 32) == 'u' && !letter(two) && !digit(two) && two != '_';
    if (host || user || (at(s, i - 1) == ':' && at(s, i + 1) == '/')) s->bits |= LINK;
}

static void at_sign(State *s, int64_t i) {
    int64_t apart = at(s, i + 1) == ' ', end = provider(s, i + 1 + apart);
    int spelled = bracketed(s, i, i + 1) || (end && (at(s, i - 1) == ' ' || apart || at(s, end) == ','));
    s->bits |= AT | (spelled ? SPELLED : 0);
}

/* Any other sign at i; returns where the next begins. */
static inline int64_t mark(State *s, int64_t i) {
    uint8_t c = s->data[i], sort = s->words->sort[c], before = at(s, i - 1);
    int64_t j = i + (c >= 0x80 ? beyond(s, i) : 1);
    if (c == '.') stop(s, i);
    else if (c == ':') colon(s, i);
    else if (c == '-') dash(s, i);
    else if (c == '/') slash(s, i);
    else if (c == '@') at_sign(s, i);
    else if (c == '%' && says(s, i + 1, "40")) s->bits |= SPELLED;
    if (s->named && !(blank(c) || c == '.' || c == ':' || c == '=' || c == '#' || c == '\'' || s->slash == i)) s->named = 0;
    if (s->house && before == ' ') street_goes_on(s, 0, c < 0x80);
    if (sort & IN_KEY) key_goes_on(s, j);
    else s->key_from = j, s->key_sorts = 0;
    if (!(sort & IN_NAME)) {
        vendor_ends(s, i);
        s->vendor_from = j;
    }
    s->code_from = j;
    return j;
}

/* `mark` for a blank between two words. */
static inline int64_t blank_between(State *s, int64_t i) {
    vendor_ends(s, i);
    s->key_sorts = 0;
    return s->key_from = s->vendor_from = s->code_from = i + 1;
}

static int says_secret(const State *s) {
    static const char SAID[][11] = {"key", "token", "secret", "credential", "bearer", "basic"};
    for (int64_t i = 0; i < s->end; i++)
        for (size_t k = 0; k < sizeof SAID / sizeof *SAID; k++)
            if ((s->data[i] | 32) == (uint8_t)*SAID[k] && says(s, i, SAID[k])) return 1;
    return 0;
}

static int signs_of(const Words *words, const uint8_t *data, int64_t size, int64_t room) {
    State s = {.data = data, .words = words, .end = size, .room = room, .dot = -9, .slash = -9};
    for (int64_t i = 0, j; i < size; i = j) {
        uint64_t key;
        if (letter(data[i])) {
            j = word_end(&s, i, &key);
            word(&s, i, j, key);
            if (j + 1 < size && data[j] == ' ' && letter(data[j + 1])) j = blank_between(&s, j);
        } else if (digit(data[i])) {
            for (j = i + 1; j < size && digit(data[j]);) j++;
            number(&s, i, j);
        } else {
            j = mark(&s, i);
        }
    }
    vendor_ends(&s, size);
    if (s.key_run && says_secret(&s)) s.bits |= SECRET;
    return s.bits;
}

/* The signs of every text as bits. Words that matter come as their first eight letters in small, the first lowest, their
   `length` (PREFIX: four letters that a word begins with), and what they mean. */
EXPORT void duecare_signs(const uint8_t *data, const int64_t *starts, int64_t texts, const uint64_t *keys,
                          const uint8_t *lengths, const uint16_t *meanings, int64_t count, int64_t *bits) {
    Words words;
    fill(&words, keys, lengths, meanings, count);
    for (int64_t text = 0; text < texts; text++)
        bits[text] = signs_of(&words, data + starts[text], starts[text + 1] - starts[text], starts[texts] - starts[text]);
}
