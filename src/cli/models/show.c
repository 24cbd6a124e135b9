/* `autarky show FILE`: what is in a model file - metadata, tensors, totals. Everything printed comes from outside, so
 * no byte of it reaches the terminal unescaped. */
#include "base/buf.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "infer/form_choice.h"
#include "io/tensor_file.h"
#include "model/arch.h"
#include "model/net.h"
#include "model/vocab.h"
#include "base/utf8.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_AT = 1 << 16, TEXT_MAX = 100, NAME_COLUMN_MAX = 80, TYPES_MAX = 256, LINE_MAX_BYTES = 600 };

struct show {
    struct model_file m;
    struct buf chat;   /* lines about the form of its chats; empty: it is no network */
    struct panels_found packed; /* files of packed weights */
    struct buf b;      /* output not yet written */
    uint64_t elements; /* of an array to print */
    bool json;
};

struct total { /* of one type */
    const char *type;
    bool known;
    uint64_t tensors, parameters, bytes;
};

static void flush(struct show *s, bool all)
{
    if (s->b.failed || s->b.len < (all ? 1 : FLUSH_AT)) return;
    fwrite(s->b.data, 1, s->b.len, stdout);
    buf_clear(&s->b);
}

/* Text with everything unsafe as an escape, at most max characters. Returns the width in characters. */
static int add_text(struct buf *b, const char *s, size_t n, int max)
{
    int width = 0;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        char esc[16] = "";
        len = utf8_decode(s + i, n - i, &cp);
        if (width >= max) {
            buf_add_str(b, "...");
            return width + 3;
        }
        if (len == 0) {
            snprintf(esc, sizeof esc, "\\x%02x", (unsigned char)s[i]);
            len = 1;
        } else if (cp == '\n') snprintf(esc, sizeof esc, "\\n");
        else if (cp == '\t') snprintf(esc, sizeof esc, "\\t");
        else if (cp == '\\' || cp == '"') snprintf(esc, sizeof esc, "\\%c", (char)cp);
        else if (!utf8_is_safe(cp)) snprintf(esc, sizeof esc, "\\u{%x}", (unsigned)cp);
        if (*esc) buf_add_str(b, esc);
        else buf_add(b, s + i, len);
        width += *esc ? (int)strlen(esc) : 1;
    }
    return width;
}

/* A JSON string; bytes that are not UTF-8 become U+FFFD. */
static void add_json_str(struct buf *b, const char *s, size_t n)
{
    buf_add_byte(b, '"');
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + i, n - i, &cp);
        if (len == 0) {
            buf_add_str(b, "\\ufffd");
            len = 1;
        } else if (cp == '"' || cp == '\\') buf_printf(b, "\\%c", (char)cp);
        else if (!utf8_is_safe(cp)) buf_printf(b, "\\u%04x", (unsigned)cp); /* all unsafe ones are below U+10000 */
        else buf_add(b, s + i, len);
    }
    buf_add_byte(b, '"');
}

static void add_str(struct show *s, const char *p, size_t n)
{
    if (s->json) {
        add_json_str(&s->b, p, n);
        return;
    }
    buf_add_byte(&s->b, '"');
    add_text(&s->b, p, n, TEXT_MAX);
    buf_add_byte(&s->b, '"');
}

static void add_f64(struct show *s, double d, bool single)
{
    char text[40];
    int digits = single ? 6 : 15; /* the fewest that give the number back */
    do snprintf(text, sizeof text, "%.*g", digits, d);
    while (digits++ < 17 && isfinite(d) && (single ? (double)strtof(text, NULL) : strtod(text, NULL)) != d);
    buf_add_str(&s->b, s->json && !isfinite(d) ? "null" : text);
}

static void add_array(struct show *s, const struct tf_kv *kv)
{
    uint64_t pos = 0, i = 0, n = kv->v.array.n < s->elements ? kv->v.array.n : s->elements;
    const char *p;
    size_t len;
    int64_t v;
    double d;
    const char *elem = tf_kv_type_name(kv->v.array.elem);
    bool single = !strcmp(elem, "f32"), boolean = !strcmp(elem, "bool");
    buf_add_byte(&s->b, '[');
    for (; i < n; i++) {
        if (i) buf_add_str(&s->b, ", ");
        if (tf_array_next_str(kv, &pos, &p, &len)) add_str(s, p, len);
        else if (boolean && tf_array_i64(kv, i, &v)) buf_add_str(&s->b, v ? "true" : "false");
        else if (tf_array_i64(kv, i, &v)) buf_printf(&s->b, "%" PRId64, v);
        else if (tf_array_f64(kv, i, &d)) add_f64(s, d, single);
        flush(s, false);
    }
    if (!s->json && i < kv->v.array.n) buf_add_str(&s->b, i ? ", ..." : "...");
    buf_add_byte(&s->b, ']');
}

static void add_value(struct show *s, const struct tf_kv *kv)
{
    switch (kv->type) {
    case TF_I64: buf_printf(&s->b, "%" PRId64, kv->v.i); break;
    case TF_U64: buf_printf(&s->b, "%" PRIu64, kv->v.u); break;
    case TF_F64: add_f64(s, kv->v.f, !strcmp(tf_kv_type_name(kv->gguf_type), "f32")); break;
    case TF_BOOL: buf_add_str(&s->b, kv->v.b ? "true" : "false"); break;
    case TF_STR: add_str(s, kv->v.str.s, kv->v.str.len); break;
    case TF_ARRAY: add_array(s, kv); break;
    }
}

static uint64_t count_elements(const struct tf_tensor *t)
{
    uint64_t n = 1;
    for (int i = 0; i < t->nd; i++) n *= (uint64_t)t->ne[i]; /* checked when the file was opened */
    return n;
}

/* Totals by type, in the order in which the types come. Returns how many. */
static size_t add_up(const struct tf *f, struct total *v, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct tf_tensor *t = &f->tensors[i];
        const char *type = tf_type_name(f, t);
        size_t k = 0;
        while (k < n && strcmp(v[k].type, type) != 0) k++;
        if (k == cap) continue; /* cap is above the number of types there are */
        if (k == n) v[n++] = (struct total){.type = type, .known = true};
        v[k].known &= t->known;
        v[k].tensors++;
        v[k].parameters += count_elements(t);
        v[k].bytes += t->bytes;
    }
    return n;
}

static uint64_t count_parameters(const struct tf *f)
{
    uint64_t n = 0;
    for (size_t i = 0; i < f->n_tensors; i++) n += count_elements(&f->tensors[i]);
    return n;
}

/* 1234567 as 1,234,567. */
static const char *thousands(char out[32], uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n), k = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = 0;
    return out;
}

static const char *human_bytes(char out[32], uint64_t n)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double d = (double)n;
    int u = 0;
    while (d >= 1024 && u < 6) {
        d /= 1024;
        u++;
    }
    snprintf(out, 32, u ? "%.2f %s" : "%.0f %s", d, units[u]);
    return out;
}

static const char *shape_text(char out[128], const struct tf_tensor *t)
{
    int n = snprintf(out, 128, "[");
    for (int i = 0; i < t->nd; i++) n += snprintf(out + n, 128 - (size_t)n, "%s%" PRId64, i ? ", " : "", t->ne[i]);
    snprintf(out + n, 128 - (size_t)n, "]");
    return out;
}

static void pad(struct buf *b, int width, int column)
{
    for (; width < column; width++) buf_add_byte(b, ' ');
}

/* Width of the name as printed, for the width of its column. */
static int text_width(struct buf *scratch, const char *s)
{
    buf_clear(scratch);
    int w = add_text(scratch, s, strlen(s), TF_NAME_MAX);
    return w < NAME_COLUMN_MAX ? w : NAME_COLUMN_MAX;
}

static void print_head(struct show *s)
{
    const struct tf *f = &s->m.tf;
    char a[32], c[32];
    add_text(&s->b, f->path, strlen(f->path), 4096);
    buf_printf(&s->b, "\n  container   %s", f->container);
    if (f->n_maps > 1) buf_printf(&s->b, ", %zu files", f->n_maps);
    if (f->alignment > 1) buf_printf(&s->b, ", data aligned to %" PRIu64, f->alignment);
    buf_printf(&s->b, "\n  size        %s", human_bytes(a, tf_file_bytes(f)));
    if (tf_file_bytes(f) >= 1024) buf_printf(&s->b, " (%s bytes)", thousands(c, tf_file_bytes(f)));
    buf_add_byte(&s->b, '\n');
    buf_printf(&s->b, "  tensors     %s\n", thousands(a, f->n_tensors));
    buf_printf(&s->b, "  parameters  %s\n", thousands(a, count_parameters(f)));
    for (int i = 0; i < s->packed.n; i++) {
        buf_printf(&s->b, "  packed      %s%s", human_bytes(a, s->packed.bytes), s->packed.n > 1 ? " together: " : ": ");
        add_text(&s->b, s->packed.path[i], strlen(s->packed.path[i]), 4096);
        buf_add_byte(&s->b, '\n');
    }
}

static void print_metadata(struct show *s, struct buf *scratch)
{
    const struct tf *f = &s->m.tf;
    int column = 0;
    if (f->n_kv == 0) return;
    for (size_t i = 0; i < f->n_kv; i++) {
        int w = text_width(scratch, f->kv[i].key);
        if (w > column) column = w;
    }
    buf_add_str(&s->b, "\nmetadata\n");
    for (size_t i = 0; i < f->n_kv; i++) {
        const struct tf_kv *kv = &f->kv[i];
        char type[48];
        buf_add_str(&s->b, "  ");
        pad(&s->b, add_text(&s->b, kv->key, strlen(kv->key), TF_NAME_MAX), column + 2);
        if (kv->type == TF_ARRAY)
            snprintf(type, sizeof type, "%s[%" PRIu64 "]", tf_kv_type_name(kv->v.array.elem), kv->v.array.n);
        else snprintf(type, sizeof type, "%s", tf_kv_type_name(kv->gguf_type));
        buf_printf(&s->b, "%-11s ", type);
        add_value(s, kv);
        buf_add_byte(&s->b, '\n');
        flush(s, false);
    }
}

static void print_tensors(struct show *s, struct buf *scratch)
{
    const struct tf *f = &s->m.tf;
    int name = 4, shape = 5;
    char text[128], a[32], c[32];
    if (f->n_tensors == 0) return;
    for (size_t i = 0; i < f->n_tensors; i++) {
        int w = text_width(scratch, f->tensors[i].name), v = (int)strlen(shape_text(text, &f->tensors[i]));
        if (w > name) name = w;
        if (v > shape) shape = v;
    }
    buf_printf(&s->b, "\ntensors\n  %-*s  %-8s  %-*s  %15s  %17s%s\n", name, "name", "type", shape, "shape", "bytes",
               "offset", f->n_maps > 1 ? "  file" : "");
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct tf_tensor *t = &f->tensors[i];
        char type[24];
        snprintf(type, sizeof type, "%s%s", tf_type_name(f, t), t->known ? "" : "*");
        buf_add_str(&s->b, "  ");
        pad(&s->b, add_text(&s->b, t->name, strlen(t->name), TF_NAME_MAX), name + 2);
        buf_printf(&s->b, "%-8s  %-*s  %15s  %17s", type, shape, shape_text(text, t), thousands(a, t->bytes),
                   thousands(c, t->offset));
        if (f->n_maps > 1) {
            const char *file = tf_file_of(f, t), *slash = strrchr(file, '/');
            buf_add_str(&s->b, "  ");
            add_text(&s->b, slash ? slash + 1 : file, strlen(slash ? slash + 1 : file), TF_NAME_MAX);
        }
        buf_add_byte(&s->b, '\n');
        flush(s, false);
    }
}

static void print_totals(struct show *s)
{
    struct total v[TYPES_MAX];
    size_t n = add_up(&s->m.tf, v, TYPES_MAX);
    char a[32], c[32], d[32];
    bool unknown = false;
    if (n == 0) return;
    buf_printf(&s->b, "\ntotals\n  %-8s  %9s  %19s  %19s\n", "type", "tensors", "parameters", "bytes");
    for (size_t i = 0; i < n; i++) {
        char type[24];
        snprintf(type, sizeof type, "%s%s", v[i].type, v[i].known ? "" : "*");
        unknown |= !v[i].known;
        buf_printf(&s->b, "  %-8s  %9s  %19s  %19s\n", type, thousands(a, v[i].tensors), thousands(c, v[i].parameters),
                   thousands(d, v[i].bytes));
    }
    if (unknown) buf_add_str(&s->b, "  * listed only: this program cannot compute with this type\n");
}

/* A text of lines, each without anything that acts on a terminal. */
static void print_lines(struct show *s, const struct buf *lines)
{
    for (size_t i = 0; i < lines->len;) {
        const char *line = lines->data + i, *end = memchr(line, '\n', lines->len - i);
        size_t n = end ? (size_t)(end - line) : lines->len - i;
        char printable[LINE_MAX_BYTES];
        utf8_printable(printable, sizeof printable, line, n);
        buf_printf(&s->b, "  %s\n", printable);
        i += n + 1;
    }
}

static void print_people(struct show *s)
{
    struct buf scratch = {0};
    print_head(s);
    print_lines(s, &s->chat);
    print_metadata(s, &scratch);
    print_tensors(s, &scratch);
    print_totals(s);
    s->b.failed |= scratch.failed;
    buf_free(&scratch);
}

static void print_json_metadata(struct show *s)
{
    const struct tf *f = &s->m.tf;
    buf_add_str(&s->b, " \"metadata\": {");
    for (size_t i = 0; i < f->n_kv; i++) {
        const struct tf_kv *kv = &f->kv[i];
        buf_add_str(&s->b, i ? ",\n  " : "\n  ");
        add_json_str(&s->b, kv->key, strlen(kv->key));
        buf_printf(&s->b, ": {\"type\": \"%s\", ", tf_kv_type_name(kv->gguf_type));
        if (kv->type == TF_ARRAY)
            buf_printf(&s->b, "\"element\": \"%s\", \"count\": %" PRIu64 ", ", tf_kv_type_name(kv->v.array.elem),
                       kv->v.array.n);
        buf_add_str(&s->b, kv->type == TF_ARRAY ? "\"first\": " : "\"value\": ");
        add_value(s, kv);
        buf_add_byte(&s->b, '}');
        flush(s, false);
    }
    buf_add_str(&s->b, "},\n");
}

/* The lines "key: value" as an object: blanks in keys become underscores, "no" false. */
static void print_json_chat(struct show *s)
{
    buf_add_str(&s->b, " \"chat\": {");
    bool any = false;
    for (const char *line = s->chat.data, *end; line && *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        const char *colon = memmem(line, (size_t)(end - line), ": ", 2), *from = colon ? colon + 2 : line;
        const char *key = !strncmp(line, "chat form: ", 11) ? line + 5 : line;
        size_t n = (size_t)(end - from);
        buf_add_str(&s->b, any ? ", \"" : "\"");
        for (const char *p = key; colon && p < colon; p++) buf_add_byte(&s->b, *p == ' ' ? '_' : *p);
        buf_add_str(&s->b, colon ? "\": " : "note\": ");
        if (n == 2 && !memcmp(from, "no", 2)) buf_add_str(&s->b, "false");
        else add_json_str(&s->b, from, n);
        any = true;
    }
    buf_add_str(&s->b, "},\n");
}

static void print_json(struct show *s)
{
    const struct tf *f = &s->m.tf;
    struct total v[TYPES_MAX];
    size_t n = add_up(f, v, TYPES_MAX);
    char text[128];
    buf_add_str(&s->b, "{\"path\": ");
    add_json_str(&s->b, f->path, strlen(f->path));
    buf_printf(&s->b, ",\n \"container\": \"%s\", \"files\": %zu, \"bytes\": %" PRIu64 ", \"alignment\": %" PRIu64 ",\n",
               f->container, f->n_maps, tf_file_bytes(f), f->alignment);
    buf_printf(&s->b, " \"tensor_count\": %zu, \"parameters\": %" PRIu64 ", \"packed_bytes\": %" PRIu64 ",\n", f->n_tensors,
               count_parameters(f), s->packed.bytes);
    print_json_metadata(s);
    if (s->chat.len) print_json_chat(s);
    buf_add_str(&s->b, " \"tensors\": [");
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct tf_tensor *t = &f->tensors[i];
        buf_add_str(&s->b, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        add_json_str(&s->b, t->name, strlen(t->name));
        buf_printf(&s->b,
                   ", \"type\": \"%s\", \"readable\": %s, \"shape\": %s, \"bytes\": %" PRIu64 ", \"offset\": %" PRIu64,
                   tf_type_name(f, t), t->known ? "true" : "false", shape_text(text, t), t->bytes, t->offset);
        if (f->n_maps > 1) {
            buf_add_str(&s->b, ", \"file\": ");
            add_json_str(&s->b, tf_file_of(f, t), strlen(tf_file_of(f, t)));
        }
        buf_add_byte(&s->b, '}');
        flush(s, false);
    }
    buf_add_str(&s->b, "],\n \"totals\": {");
    for (size_t i = 0; i < n; i++)
        buf_printf(&s->b, "%s\n  \"%s\": {\"tensors\": %" PRIu64 ", \"parameters\": %" PRIu64 ", \"bytes\": %" PRIu64 "}",
                   i ? "," : "", v[i].type, v[i].tensors, v[i].parameters, v[i].bytes);
    buf_add_str(&s->b, "}}\n");
}

/* How the model's chats look. */
static int describe_chat(struct show *s, struct err *e)
{
    struct tokenizer *t = NULL;
    struct form_choice c = {0};
    struct config config;
    struct err why;
    int rc = net_read_config(&config, &s->m, &why);
    bool network = rc == OK;
    if (!rc) rc = model_load_tokenizer(&t, &s->m, &why);
    if (!rc) rc = form_choose(&c, &s->m, t, config.arch->hf, NULL, &why);
    if (rc == ERR_MEMORY || rc == ERR_IO) { /* says nothing of the model */
        tokenizer_free(t);
        return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    }
    if (!network) return OK;
    if (rc) buf_printf(&s->chat, "chat form: cannot be told: %s\n", why.msg);
    else if (!c.form) buf_printf(&s->chat, "chat form: none: %s\n", c.why.msg);
    else {
        chat_form_describe(c.form, &s->chat);
        buf_printf(&s->chat, "recognised by: %s\n", c.how);
    }
    form_choice_free(&c);
    tokenizer_free(t);
    return buf_check(&s->chat, "the form of chats", e);
}

static int open_model(struct show *s, const char *path, struct err *e)
{
    int rc = model_file_open(&s->m, path, e);
    if (!rc) rc = model_file_tensors(&s->m, e);
    if (!rc) rc = describe_chat(s, e);
    if (!rc) panels_find(&s->packed, path, panels_rule());
    if (!rc) return OK;
    buf_free(&s->chat);
    model_file_close(&s->m);
    return rc;
}

static int show_file(struct show *s, const char *path)
{
    struct err e;
    if (open_model(s, path, &e)) return exit_fail("show", &e);
    if (s->json) print_json(s);
    else print_people(s);
    flush(s, true);
    int rc = s->b.failed ? err_set(&e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory for the text", path) : OK;
    buf_free(&s->b);
    buf_free(&s->chat);
    model_file_close(&s->m);
    if (!rc && (fflush(stdout) != 0 || ferror(stdout)))
        rc = err_set(&e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write: %s", strerror(errno));
    return rc ? exit_fail("show", &e) : EXIT_OK;
}

int cmd_show(int argc, char **argv)
{
    struct show s = {0};
    int64_t elements = 8;
    int n, status;
    struct opts o = {.command = "show",
                     .usage = "MODEL",
                     .summary = "Prints what is in a model: metadata, tensors and totals of a .gguf file, a .safetensors\n"
                                "file, or a folder with model.safetensors or its shards."};
    opts_add(&o, (struct opt){"json", 0, OPT_FLAG, &s.json, .help = "one JSON object instead of tables"});
    opts_add(&o, (struct opt){"elements", 'n', OPT_I64, &elements, 0, 1e15, .arg = "N",
                              .help = "print at most N elements of an array of metadata (default 8)"});
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 1) {
        struct err e;
        err_set(&e, ERR_USAGE, __FILE__, __LINE__, "expected one model, %d are given; see autarky show --help", n);
        return exit_fail("show", &e);
    }
    s.elements = (uint64_t)elements;
    char found[SETUP_PATH];
    struct err e;
    return model_resolve(found, argv[1], &e) ? exit_fail("show", &e) : show_file(&s, found);
}
