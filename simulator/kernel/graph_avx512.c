/* x86-64-v4: vectors of eight numbers. */
#include "program.h"
#ifdef XBOPT_X86_LEVELS
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,avx512f,avx512dq,avx512vl,avx512bw"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi,bmi2,avx512f,avx512dq,avx512vl,avx512bw,prefer-vector-width=512")
#endif
#define RUNNER runner_avx512
#define LEVEL_NAME "avx512"
#define LEVEL_HAS_FMA 1
#include "graph.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
