/* x86-64-v3: vectors of four numbers and fused multiplication. */
#include "program.h"
#ifdef XBOPT_X86_LEVELS
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif
#define RUNNER runner_avx2
#define LEVEL_NAME "avx2"
#define LEVEL_HAS_FMA 1
#include "graph.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
