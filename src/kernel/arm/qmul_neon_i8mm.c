/* Products of panels with quantised activations for processors with SMMLA. */
#include "kernel/arm/qmul_neon.h"

void qmul_init_neon_i8mm(struct kernels *k) { memcpy(k->qmul, qmul_table, sizeof qmul_table); }
