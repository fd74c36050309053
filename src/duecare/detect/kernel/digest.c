#include "kernel.h"

/* SHA-256 of the sources this library was made from, given by build.py: load.py compares. */
EXPORT const char *duecare_kernel_digest(void) { return DUECARE_KERNEL_DIGEST; }
