/* x86-64-v3: vectors of four numbers and fused multiplication. */
#include "kernel.h"
#ifdef XBOPT_X86_LEVELS
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif
#define LEVEL level_avx2
#define LEVEL_NAME "avx2"
#define LEVEL_HAS_FMA 1
#include "level.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
