/* Shingles, MinHash band keys and Jaccard similarity of rows of text. detect/overlap.py calls it;
   detect/shingles.py is the equal fallback.

   A row is some passages, each with a salt (what it is: a user's turn, a chosen answer). */
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "words.h"

#define PERMUTATIONS 128

typedef struct {
  const uint8_t *data;
  const int64_t *starts; /* of passages in data */
  const uint64_t *salts;
  int32_t width; /* words or characters in a shingle */
  int32_t chars; /* characters, not words */
} Passages;

/* Horner's sum over `count` values at most `width` of which make one shingle; how many were written. */
static int64_t runs_of(const uint64_t *values, int64_t count, int32_t width, uint64_t salt, uint64_t *out) {
  if (!count) return 0;
  int64_t size = count < width ? count : width, made = count - size + 1;
  for (int64_t i = 0; i < made; i++) {
    uint64_t sum = (uint64_t)size;
    for (int64_t j = 0; j < size; j++) sum = sum * WORD_STEP + values[i + j];
    out[i] = mixed(sum ^ salt);
  }
  return made;
}

/* The characters of one passage, a space before, between and after its words; none where it has no word. */
static int64_t chars_of(const uint8_t *data, int64_t size, const uint8_t form[256], uint64_t *out) {
  int64_t count = 1, words = 0;
  out[0] = ' ';
  for (int64_t i = 0; i < size; i++) {
    uint8_t c = form[data[i]];
    if ((c & 0xC0) == 0x80) { /* goes on the character before; never the first byte of a UTF-8 text */
      out[count - 1] = out[count - 1] * BYTE_STEP + c;
    } else if (c != ' ' || out[count - 1] != ' ') {
      out[count++] = c;
      words += c != ' ';
    }
  }
  if (!words) return 0;
  if (out[count - 1] != ' ') out[count++] = ' ';
  return count;
}

/* All shingles of passages [first, last); `scratch` and `out` hold a row's bytes plus two a passage. */
static int64_t shingles_of(const Passages *from, int64_t first, int64_t last, const uint8_t form[256],
                           uint64_t *scratch, uint64_t *out) {
  int64_t made = 0;
  for (int64_t p = first; p < last; p++) {
    const uint8_t *data = from->data + from->starts[p];
    int64_t size = from->starts[p + 1] - from->starts[p];
    int64_t units = from->chars ? chars_of(data, size, form, scratch) : words_of(data, size, form, scratch);
    made += runs_of(scratch, units, from->width, from->salts[p], out + made);
  }
  return made;
}

static int64_t largest_row(const Passages *from, const int64_t *rows, int64_t count) {
  int64_t most = 1;
  for (int64_t r = 0; r < count; r++) {
    int64_t here = from->starts[rows[r + 1]] - from->starts[rows[r]] + 2 * (rows[r + 1] - rows[r]);
    if (here > most) most = here;
  }
  return most;
}

/* 32 permutations at a time stay in registers. */
#define BLOCK 32
WIDE static void least(const uint64_t *shingles, int64_t count, const uint32_t *times, const uint32_t *plus,
                       uint32_t *out) {
  for (int first = 0; first < PERMUTATIONS; first += BLOCK) {
    uint32_t low[BLOCK], a[BLOCK], b[BLOCK];
    memcpy(a, times + first, sizeof a);
    memcpy(b, plus + first, sizeof b);
    memset(low, 0xFF, sizeof low);
    for (int64_t i = 0; i < count; i++) {
      uint32_t x = (uint32_t)(shingles[i] >> 32);
      for (int k = 0; k < BLOCK; k++) {
        uint32_t y = a[k] * x + b[k];
        low[k] = y < low[k] ? y : low[k];
      }
    }
    memcpy(out + first, low, sizeof low);
  }
}

/* keys[row * bands + band]; counts[row] shingles were seen. Returns 0, or -1 without memory. */
EXPORT int32_t duecare_band_keys(const uint8_t *data, const int64_t *starts, const uint64_t *salts,
                                 const int64_t *rows, int64_t count, int32_t width, int32_t chars,
                                 const uint32_t *times, const uint32_t *plus, int32_t bands, int32_t band_rows,
                                 uint64_t *keys, int64_t *counts) {
  Passages from = {data, starts, salts, width, chars};
  uint8_t form[256];
  uint32_t signature[PERMUTATIONS];
  int64_t most = largest_row(&from, rows, count);
  uint64_t *scratch = malloc(2 * (size_t)most * sizeof *scratch);
  if (!scratch) return -1;
  fill_form(form);
  for (int64_t r = 0; r < count; r++) {
    int64_t made = shingles_of(&from, rows[r], rows[r + 1], form, scratch, scratch + most);
    counts[r] = made;
    least(scratch + most, made, times, plus, signature);
    for (int32_t b = 0; b < bands; b++) {
      uint64_t sum = (uint64_t)b;
      for (int32_t k = 0; k < band_rows; k++) sum = sum * WORD_STEP + signature[b * band_rows + k];
      keys[r * bands + b] = mixed(sum);
    }
  }
  free(scratch);
  return 0;
}

/* Sorts `values` by their bytes, the lowest first; `spare` holds as many. */
static void sort(uint32_t *values, uint32_t *spare, int64_t count) {
  int64_t starts[4][256] = {{0}};
  for (int64_t i = 0; i < count; i++)
    for (int byte = 0; byte < 4; byte++) starts[byte][values[i] >> 8 * byte & 255]++;
  for (int byte = 0; byte < 4; byte++) {
    int64_t before = 0;
    for (int c = 0; c < 256; c++) {
      int64_t here = starts[byte][c];
      starts[byte][c] = before;
      before += here;
    }
    for (int64_t i = 0; i < count; i++) spare[starts[byte][values[i] >> 8 * byte & 255]++] = values[i];
    uint32_t *sorted = spare; /* after the fourth time it is `values` again */
    spare = values;
    values = sorted;
  }
}

/* The set of every row's shingles (upper half of their hashes), ascending: set r is
   values[ends[r - 1]:ends[r]]. `values` holds all bytes plus two a passage. Returns 0, or -1 without memory. */
EXPORT int32_t duecare_shingle_sets(const uint8_t *data, const int64_t *starts, const uint64_t *salts,
                                    const int64_t *rows, int64_t count, int32_t width, int32_t chars,
                                    uint32_t *values, int64_t *ends) {
  Passages from = {data, starts, salts, width, chars};
  uint8_t form[256];
  int64_t most = largest_row(&from, rows, count), end = 0;
  uint64_t *scratch = malloc(2 * (size_t)most * sizeof *scratch);
  if (!scratch) return -1;
  fill_form(form);
  for (int64_t r = 0; r < count; r++) {
    int64_t made = shingles_of(&from, rows[r], rows[r + 1], form, scratch, scratch + most), begin = end;
    uint32_t *here = values + begin;
    for (int64_t i = 0; i < made; i++) here[i] = (uint32_t)(scratch[most + i] >> 32);
    sort(here, (uint32_t *)scratch, made);
    for (int64_t i = 0; i < made; i++)
      if (!i || here[i] != here[i - 1]) values[end++] = here[i]; /* never ahead of what is read */
    ends[r] = end;
  }
  free(scratch);
  return 0;
}

/* Jaccard similarity of sets one[i] and other[i]; 0 where both are empty. */
EXPORT void duecare_jaccard(const uint32_t *values, const int64_t *starts, const int64_t *one,
                            const int64_t *other, int64_t pairs, double *out) {
  for (int64_t p = 0; p < pairs; p++) {
    int64_t i = starts[one[p]], j = starts[other[p]], i_end = starts[one[p] + 1], j_end = starts[other[p] + 1];
    int64_t all = (i_end - i) + (j_end - j), both = 0;
    while (i < i_end && j < j_end) {
      uint32_t a = values[i], b = values[j];
      both += a == b;
      i += a <= b;
      j += b <= a;
    }
    out[p] = all ? (double)both / (double)(all - both) : 0.0;
  }
}
