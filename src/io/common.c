/* Names, strings and types shared by the readers and writers of containers. */
#include "base/checked.h"
#include "base/mem.h"
#include "io/reader.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>

/* clang-format off */
/* The numbers are ours: safetensors has names only. */
static const struct raw_type safetensors_types[] = {
    {0, "BOOL", 1, 1}, {1, "U8", 1, 1},      {2, "I8", 1, 1},      {3, "F8_E5M2", 1, 1}, {4, "F8_E4M3", 1, 1},
    {5, "F8_E8M0", 1, 1}, {6, "I16", 1, 2},  {7, "U16", 1, 2},     {8, "F16", 1, 2},     {9, "BF16", 1, 2},
    {10, "I32", 1, 4}, {11, "U32", 1, 4},    {12, "F32", 1, 4},    {13, "F64", 1, 8},    {14, "I64", 1, 8},
    {15, "U64", 1, 8}, {16, "C64", 1, 8},    {17, "F4", 2, 1},     {18, "F6_E2M3", 4, 3}, {19, "F6_E3M2", 4, 3},
    {20, "F8_E4M3FNUZ", 1, 1}, {21, "F8_E5M2FNUZ", 1, 1},
};
/* clang-format on */

/* Types of GGUF metadata: name and bytes; 0 bytes for those whose length is not fixed. */
static const struct {
    const char *name;
    uint32_t bytes;
} value_types[] = {
    [GGUF_U8] = {"u8", 1},   [GGUF_I8] = {"i8", 1},       [GGUF_U16] = {"u16", 2}, [GGUF_I16] = {"i16", 2},
    [GGUF_U32] = {"u32", 4}, [GGUF_I32] = {"i32", 4},     [GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1},
    [GGUF_STR] = {"str", 0}, [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8}, [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

uint32_t io_value_bytes(uint32_t type) { return type < GGUF_TYPES ? value_types[type].bytes : 0; }
const char *tf_kv_type_name(uint32_t type) { return type < GGUF_TYPES ? value_types[type].name : "?"; }

uint64_t io_le(const uint8_t *p, uint32_t bytes)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

bool io_scalar(struct tf_kv *kv, uint32_t type, const uint8_t *p)
{
    uint32_t n = io_value_bytes(type), u;
    if (n == 0) return false;
    uint64_t v = io_le(p, n);
    float f;
    kv->gguf_type = type;
    switch (type) {
    case GGUF_F32:
        u = (uint32_t)v;
        memcpy(&f, &u, 4);
        kv->type = TF_F64;
        kv->v.f = (double)f;
        break;
    case GGUF_F64:
        kv->type = TF_F64;
        memcpy(&kv->v.f, &v, 8);
        break;
    case GGUF_BOOL:
        kv->type = TF_BOOL;
        kv->v.b = v != 0;
        break;
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64:
        kv->type = TF_I64;
        kv->v.i = (int64_t)(v << (64 - 8 * n)) >> (64 - 8 * n); /* extends the sign */
        break;
    default: kv->type = TF_U64; kv->v.u = v;
    }
    return true;
}

const struct raw_type *io_safetensors_type(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(safetensors_types); i++)
        if (!strcmp(safetensors_types[i].name, name)) return &safetensors_types[i];
    return NULL;
}

static const struct raw_type *safetensors_type_by_id(uint32_t id)
{
    return id < ARRAY_LEN(safetensors_types) ? &safetensors_types[id] : NULL;
}

const char *tf_type_name(const struct tf *f, const struct tf_tensor *t)
{
    bool gguf = f->container && !strcmp(f->container, "gguf");
    const struct raw_type *r = gguf ? NULL : safetensors_type_by_id(t->raw_type);
    return gguf ? io_ggml_name(t->raw_type) : r ? r->name : "?";
}

/* Newest first. Chunks double up to 1 MiB, so that a small file costs little and a large one few allocations. */
struct io_chunk {
    struct io_chunk *next;
    size_t used, cap;
    char data[];
};

char *io_strings_add(struct io_strings *p, const char *s, size_t n)
{
    enum { FIRST = 1024, MOST = 1 << 20 };
    size_t need;
    if (!add_size(n, 1, &need)) return NULL;
    if (!p->head || p->head->cap - p->head->used < need) {
        size_t cap = p->head ? 2 * p->head->cap : FIRST, bytes;
        if (cap > MOST) cap = MOST;
        if (cap < need) cap = need;
        if (!add_size(sizeof(struct io_chunk), cap, &bytes)) return NULL;
        struct io_chunk *c = mem_alloc(bytes);
        if (!c) return NULL;
        c->next = p->head;
        c->cap = cap;
        p->head = c;
    }
    char *out = p->head->data + p->head->used;
    if (n) memcpy(out, s, n);
    out[n] = 0;
    p->head->used += need;
    return out;
}

void io_strings_free(struct io_strings *p)
{
    for (struct io_chunk *c = p->head, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    p->head = NULL;
}

const char *io_quote(char out[IO_QUOTE], const char *s, size_t n)
{
    out[0] = '"';
    utf8_printable(out + 1, IO_QUOTE - 2, s, n);
    size_t k = strlen(out);
    out[k] = '"';
    out[k + 1] = 0;
    return out;
}

const char *io_name_fault(const char *s, size_t n, size_t max)
{
    if (n == 0) return "is empty";
    if (n > max) return "is too long";
    if (memchr(s, 0, n)) return "holds a NUL byte";
    if (!utf8_valid(s, n, NULL)) return "is not valid UTF-8";
    return NULL;
}

bool io_elements(const int64_t *ne, int nd, uint64_t *out)
{
    uint64_t n = 1;
    bool zero = false;
    for (int i = 0; i < nd; i++) {
        if (ne[i] < 0) return false;
        if (ne[i] == 0) zero = true;
        else if (!mul_u64(n, (uint64_t)ne[i], &n) || n > INT64_MAX) return false;
    }
    *out = zero ? 0 : n;
    return true;
}
