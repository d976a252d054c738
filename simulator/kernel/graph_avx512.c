/* x86-64-v4: vectors of eight numbers. */
#include "program.h"
#ifdef XBOPT_X86_LEVELS
#pragma GCC target("avx2,fma,bmi,bmi2,avx512f,avx512dq,avx512vl,avx512bw,prefer-vector-width=512")
#define RUNNER runner_avx512
#define LEVEL_NAME "avx512"
#include "graph.h"
#endif
