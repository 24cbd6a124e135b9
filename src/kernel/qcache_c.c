/* Rows of a Q8_0 cache as panels (qpanel.h), so that attention is a product with weights: the definitions. */
#include "kernel/qcache.h"

static void q8_keys_c(void *panels, const void *rows, size_t row_bytes, int64_t n, int64_t k)
{
    qpanel_pack_rows(DT_Q8_0, panels, rows, row_bytes, n, k);
}

/* 32 columns of a tile: into unit 0 of two panels. */
static void tile_columns(unsigned char *const unit[2], const unsigned char *rows, size_t row_bytes)
{
    uint16_t scale[QP_BLOCK], factor[QP_BLOCK], top = qcache_scales(scale, rows, row_bytes);
    for (int t = 0; t < QP_BLOCK; t++) factor[t] = qcache_factor(scale[t], top);
    for (int c = 0; c < QP_BLOCK; c++) {
        unsigned char *u = unit[c / QP_ROWS];
        memcpy(u + 2 * (c % QP_ROWS), &top, 2);
        for (int t = 0; t < QP_BLOCK; t++) {
            int q = (int8_t)rows[(size_t)t * row_bytes + 2 + (size_t)c];
            u[32 + 64 * (t / 4) + 4 * (c % QP_ROWS) + t % 4] = (unsigned char)((q * factor[t] + (1 << 14)) >> 15);
        }
    }
}

static void q8_values_c(void *panels, const void *rows, size_t row_bytes, int64_t tiles, int64_t n)
{
    qcache_values(tile_columns, panels, rows, row_bytes, tiles, n);
}

void qcache_init_c(struct kernels *k)
{
    k->q8_keys = q8_keys_c;
    k->q8_values = q8_values_c;
}
