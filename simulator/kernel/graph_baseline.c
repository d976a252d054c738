/* What every machine of this kind can run. */
#define RUNNER runner_baseline
#define LEVEL_NAME "baseline"
#include "graph.h"
