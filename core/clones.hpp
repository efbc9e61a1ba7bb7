// Inner loops that are compiled for several processors; the best is taken at run time, so that a
// portable binary is a fast one.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define PENDEL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PENDEL_CLONES
#endif
