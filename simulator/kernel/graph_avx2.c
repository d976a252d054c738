/* x86-64-v3: vectors of four numbers and fused multiplication. */
#include "program.h"
#ifdef XBOPT_X86_LEVELS
#pragma GCC target("avx2,fma,bmi,bmi2")
#define RUNNER runner_avx2
#define LEVEL_NAME "avx2"
#include "graph.h"
#endif
