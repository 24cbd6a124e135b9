/* safetensors: header. See safetensors_read.c for the layout. Tensors keep the order in which they were declared. */
#include "base/checked.h"
#include "io/writer.h"
#include <inttypes.h>
#include <string.h>

/* The text is known to be UTF-8. */
static void write_json_str(struct buf *b, const char *s, size_t n)
{
    buf_add_byte(b, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\') buf_add_byte(b, '\\');
        if (c < 0x20) buf_printf(b, "\\u%04x", c);
        else buf_add_byte(b, c);
    }
    buf_add_byte(b, '"');
}

void safetensors_write_kv(struct buf *b, const char *key, const char *s, size_t n)
{
    if (b->len) buf_add_byte(b, ',');
    write_json_str(b, key, strlen(key));
    buf_add_byte(b, ':');
    write_json_str(b, s, n);
}

void safetensors_write_header(const struct tf_writer *w, struct buf *h)
{
    enum { ALIGN = 64 }; /* of the first tensor; spaces after the JSON are allowed */
    uint64_t offset = 0;
    const char *comma = "";
    buf_u64(h, 0);
    buf_add_byte(h, '{');
    if (w->n_kv) {
        buf_add_str(h, "\"__metadata__\":{");
        buf_add(h, w->kv.data, w->kv.len);
        buf_add_byte(h, '}');
        comma = ",";
    }
    for (size_t i = 0; i < w->n_t; i++) {
        const struct tf_decl *t = &w->t[i];
        buf_add_str(h, comma);
        comma = ",";
        write_json_str(h, t->name, strlen(t->name));
        buf_printf(h, ":{\"dtype\":\"%s\",\"shape\":[", formats[t->dtype].safetensors_name);
        for (int k = 0; k < t->nd; k++) buf_printf(h, "%s%" PRId64, k ? "," : "", t->ne[k]);
        buf_printf(h, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", offset, offset + t->bytes);
        offset += t->bytes;
    }
    buf_add_byte(h, '}');
    while (!h->failed && h->len % ALIGN != 0) buf_add_byte(h, ' ');
    for (int i = 0; i < 8 && !h->failed; i++) h->data[i] = (char)((uint64_t)(h->len - 8) >> 8 * i);
}
