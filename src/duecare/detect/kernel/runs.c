/* Runs of words that are known from elsewhere, found in passages. detect/runs.py calls it and has the equal
   fallback; words and their hashes are those of overlap.c. */
#include <stdlib.h>

#include "kernel.h"
#include "words.h"

typedef struct {
  const uint64_t *known; /* ascending */
  int64_t size;
  const uint64_t *filter; /* a bit for each value of the upper bits that a known run has */
  int32_t shift;
} Known;

static int64_t place_of(const Known *in, uint64_t run) {
  uint64_t bit = run >> in->shift;
  if (!(in->filter[bit >> 6] >> (bit & 63) & 1)) return -1;
  int64_t low = 0, high = in->size;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (in->known[middle] < run) low = middle + 1;
    else high = middle;
  }
  return low < in->size && in->known[low] == run ? low : -1;
}

/* The place of the first known run of `width` words; each sum is the one before, a word less, a word more. */
static int64_t first_of(const Known *in, const uint64_t *words, int64_t count, int64_t width) {
  uint64_t sum = 0, gone = 1, size;
  if (count < width) return -1;
  for (int64_t i = 0; i < width; i++) {
    sum = sum * WORD_STEP + words[i];
    gone *= WORD_STEP;
  }
  size = (uint64_t)width * gone;
  for (int64_t i = width;; i++) {
    int64_t place = place_of(in, mixed(size + sum));
    if (place >= 0 || i >= count) return place;
    sum = sum * WORD_STEP + words[i] - words[i - width] * gone;
  }
}

/* found[p]: the place in `known` of a run that passage p holds, or -1: of the first width of `widths` that has
   one, the first. A passage of fewer than `whole` words is looked up as a whole. Returns 0, or -1 without
   memory. */
EXPORT int32_t duecare_known_runs(const uint8_t *data, const int64_t *starts, int64_t passages,
                                  const int64_t *widths, int64_t width_count, int64_t whole,
                                  const uint64_t *known, int64_t size, const uint64_t *filter, int32_t shift,
                                  int64_t *found) {
  Known in = {known, size, filter, shift};
  uint8_t form[256];
  int64_t most = 1;
  for (int64_t p = 0; p < passages; p++)
    if (starts[p + 1] - starts[p] > most) most = starts[p + 1] - starts[p];
  uint64_t *words = malloc((size_t)most * sizeof *words);
  if (!words) return -1;
  fill_form(form);
  for (int64_t p = 0; p < passages; p++) {
    int64_t count = words_of(data + starts[p], starts[p + 1] - starts[p], form, words);
    found[p] = -1;
    if (count && count < whole) found[p] = first_of(&in, words, count, count);
    for (int64_t w = 0; w < width_count && found[p] < 0; w++)
      found[p] = first_of(&in, words, count, widths[w]);
  }
  free(words);
  return 0;
}
