/* Runs of words that are known from elsewhere, found in passages. detect/runs.py calls it and has the equal
   fallback; words and their hashes are those of overlap.c. */
#include <stdlib.h>

#include "kernel.h"
#include "words.h"

typedef struct {
  const uint64_t *bits; /* a bit for each value of the upper bits of the hashes that are in it */
  int32_t shift;
} Sieve;

typedef struct {
  const uint64_t *known; /* ascending */
  int64_t size;
  Sieve runs;   /* what is known */
  Sieve starts; /* the first `whole` words of what is known */
  const int64_t *widths; /* none below `whole`, falling */
  int64_t width_count, whole;
} Known;

static inline int passes(Sieve in, uint64_t hash) {
  uint64_t bit = hash >> in.shift;
  return in.bits[bit >> 6] >> (bit & 63) & 1;
}

static inline uint64_t run_of(const uint64_t *words, int64_t width) {
  uint64_t sum = (uint64_t)width;
  for (int64_t i = 0; i < width; i++) sum = sum * WORD_STEP + words[i];
  return mixed(sum);
}

static int64_t place_of(const Known *in, uint64_t run) {
  if (!passes(in->runs, run)) return -1;
  int64_t low = 0, high = in->size;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (in->known[middle] < run) low = middle + 1;
    else high = middle;
  }
  return low < in->size && in->known[low] == run ? low : -1;
}

/* The place in `known` of the first run of these words that is known, of those the longest; or -1. Each sum
   over `whole` words is the one before, a word less and a word more. */
static int64_t first_of(const Known *in, const uint64_t *words, int64_t count) {
  uint64_t sum = 0, gone = 1;
  if (count < in->whole) return count ? place_of(in, run_of(words, count)) : -1;
  for (int64_t i = 0; i < in->whole; i++) {
    sum = sum * WORD_STEP + words[i];
    gone *= WORD_STEP;
  }
  uint64_t size = (uint64_t)in->whole * gone;
  for (int64_t i = 0;; i++) {
    if (passes(in->starts, mixed(size + sum)))
      for (int64_t w = 0; w < in->width_count; w++) {
        if (in->widths[w] > count - i) continue;
        int64_t place = place_of(in, run_of(words + i, in->widths[w]));
        if (place >= 0) return place;
      }
    if (i + in->whole >= count) return -1;
    sum = sum * WORD_STEP + words[i + in->whole] - words[i] * gone;
  }
}

/* found[p]: the place in `known` of a run that passage p holds, or -1. A passage of fewer than `whole` words is
   looked up as a whole. Returns 0, or -1 without memory. */
EXPORT int32_t duecare_known_runs(const uint8_t *data, const int64_t *starts, int64_t passages,
                                  const int64_t *widths, int64_t width_count, int64_t whole,
                                  const uint64_t *known, int64_t size, const uint64_t *run_bits,
                                  int32_t run_shift, const uint64_t *start_bits, int32_t start_shift,
                                  int64_t *found) {
  Known in = {known, size, {run_bits, run_shift}, {start_bits, start_shift}, widths, width_count, whole};
  uint8_t form[256];
  int64_t most = 1;
  for (int64_t p = 0; p < passages; p++)
    if (starts[p + 1] - starts[p] > most) most = starts[p + 1] - starts[p];
  uint64_t *words = malloc((size_t)most * sizeof *words);
  if (!words) return -1;
  fill_form(form);
  for (int64_t p = 0; p < passages; p++) {
    int64_t count = words_of(data + starts[p], starts[p + 1] - starts[p], form, words);
    found[p] = first_of(&in, words, count);
  }
  free(words);
  return 0;
}
