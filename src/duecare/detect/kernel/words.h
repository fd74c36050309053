/* Words of a text: runs of ASCII letters and digits and of bytes beyond ASCII, in lower case. Sums are modulo
   2^64, so that a fallback can take them in any order (detect/shingles.py has the same). */
#ifndef DUECARE_WORDS_H
#define DUECARE_WORDS_H

#include "kernel.h"

#define BYTE_STEP 0x9E3779B97F4A7C15u
#define WORD_STEP 0xC2B2AE3D27D4EB4Fu

static inline uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
  x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
  return x ^ (x >> 32);
}

/* The byte as it counts: lower case, or a space where it is no part of a word. */
static inline void fill_form(uint8_t form[256]) {
  for (int c = 0; c < 256; c++) {
    int word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c >= 128;
    form[c] = (c >= 'A' && c <= 'Z') ? (uint8_t)(c + 32) : word ? (uint8_t)c : ' ';
  }
}

/* The words of one passage, hashed. */
static inline int64_t words_of(const uint8_t *data, int64_t size, const uint8_t form[256], uint64_t *out) {
  int64_t count = 0;
  uint64_t sum = 0;
  for (int64_t i = 0; i < size; i++) {
    uint8_t c = form[data[i]];
    if (c != ' ') {
      sum = sum * BYTE_STEP + c;
    } else if (sum) {
      out[count++] = mixed(sum);
      sum = 0;
    }
  }
  if (sum) out[count++] = mixed(sum);
  return count;
}

#endif
