/* Words of texts as white space parts them, counted. detect/white.py calls it and has the equal fallback. */
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
