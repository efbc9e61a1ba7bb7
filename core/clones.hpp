// Inner loops that are compiled for several processors; the best is taken at run time, so that a
// portable binary is a fast one. A build tuned for one processor (PENDEL_NATIVE) needs no choice.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__AVX2__)
#if __GNUC__ >= 12
#define PENDEL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else  // older compilers do not tell such levels apart at run time
#define PENDEL_CLONES __attribute__((target_clones("avx512f", "fma", "default")))
#endif
#else
#define PENDEL_CLONES
#endif
