/* What every machine of this kind can run. */
#define LEVEL level_baseline
#define LEVEL_NAME "baseline"
#include "level.h"
