/* What every kernel shares. A kernel is a pure function of its arguments: it allocates what it needs, writes
   only into the buffers it is given and into no global, so any number of threads may call it at once. */
#ifndef DUECARE_KERNEL_H
#define DUECARE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* One library serves every x86-64 machine: such a function is compiled twice, and the loader takes the
   wider form where the processor has it. Integers only: both forms give the same bits. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#endif
