/* Words of texts as white space parts them, counted, and texts with white space laid out one way. detect/white.py
   calls both and has the equal fallbacks. */
#include "kernel.h"
#include "utf8.h"

/* counts[text]: runs of signs that are no white space. */
EXPORT void duecare_words(const uint8_t *data, const int64_t *starts, int64_t texts, int64_t *counts) {
    for (int64_t text = 0; text < texts; text++) {
        int64_t count = 0, end = starts[text + 1];
        int parted = 1, size = 1;
        for (int64_t at = starts[text]; at < end; at += size) {
            uint32_t point = data[at];
            if (point < 0x80) size = 1;
            else point = point_at(data, at, end, &size);
            int space = is_space(point);
            count += parted & !space;
            parted = space;
        }
        counts[text] = count;
    }
}

/* Text i becomes out[ends[i - 1]..ends[i]): letters of ASCII small, one space for each run of its white space, none at
   either end. `out` has room for all bytes of the texts. */
EXPORT void duecare_laid_out(const uint8_t *data, const int64_t *starts, int64_t texts, uint8_t *out, int64_t *ends) {
    uint8_t form[256];
    for (int c = 0; c < 256; c++) form[c] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : (uint8_t)c;
    for (int c = 0; c < 33; c++)
        if (c == ' ' || (c >= 9 && c <= 13) || c >= 28) form[c] = ' ';
    int64_t to = 0;
    for (int64_t text = 0; text < texts; text++) {
        int64_t begin = to;
        uint8_t before = ' ';
        for (int64_t at = starts[text]; at < starts[text + 1]; at++) {
            uint8_t now = form[data[at]];
            out[to] = now;
            to += !(now == ' ' && before == ' '); /* without a branch: the next byte takes the place */
            before = now;
        }
        if (to > begin && out[to - 1] == ' ') to--;
        ends[text] = to;
    }
}
