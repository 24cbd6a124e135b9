/* Recognising what people have instead of a model: pointers, web pages, archives, pieces, other programs' formats. */
#include "io/kinds.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "io/reader.h"

enum { LOOK = 4096, SHOWN = 60 };

static const struct {
    const char *magic;
    size_t n, at;
    const char *what;
} magics[] = {
    {"\x1f\x8b", 2, 0, "packed with gzip: unpack it first (gunzip)"},
    {"\x28\xb5\x2f\xfd", 4, 0, "packed with zstd: unpack it first (unzstd)"},
    {"\xfd" "7zXZ", 5, 0, "packed with xz: unpack it first (unxz)"},
    {"BZh", 3, 0, "packed with bzip2: unpack it first (bunzip2)"},
    {"\x04\x22\x4d\x18", 4, 0, "packed with lz4: unpack it first (unlz4)"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, "a 7z archive: unpack it first"},
    {"Rar!", 4, 0, "a rar archive: unpack it first"},
    {"ustar", 5, 257, "a tar archive: unpack it first (tar xf)"},
    {"lmgg", 4, 0, "GGML, the format before GGUF: fetch the model as GGUF"},
    {"fmgg", 4, 0, "GGMF, a format before GGUF: fetch the model as GGUF"},
    {"tjgg", 4, 0, "GGJT, the format before GGUF: fetch the model as GGUF"},
    {"algg", 4, 0, "an adapter (LoRA) in the format before GGUF"},
    {"tmgg", 4, 0, "an importance matrix in the format before GGUF"},
    {"\x89HDF", 4, 0, "HDF5, as Keras writes it: fetch the model as safetensors or GGUF"},
    {"\x93NUMPY", 6, 0, "an array of NumPy"},
    {"TFL3", 4, 4, "TensorFlow Lite: fetch the model as safetensors or GGUF"},
    {"SQLite format 3", 15, 0, "a database of SQLite"},
    {"%PDF", 4, 0, "a PDF document"},
    {"\x89PNG", 4, 0, "a picture (PNG)"},
    {"\x7f" "ELF", 4, 0, "a program (ELF)"},
};

static bool starts(const char *s, size_t n, const char *with)
{
    return n >= strlen(with) && !strncasecmp(s, with, strlen(with));
}

/* Past a byte order mark and blanks. */
static void skip_blanks(const char **s, size_t *n)
{
    if (*n >= 3 && !memcmp(*s, "\xef\xbb\xbf", 3)) {
        *s += 3;
        *n -= 3;
    }
    for (; *n && isspace((unsigned char)**s); ++*s) --*n;
}

/* "version https://git-lfs.github.com/spec/v1\noid sha256:...\nsize 98304\n" */
static int check_pointer(const char *path, const char *s, size_t n, struct err *e)
{
    if (!starts(s, n, "version https://git-lfs") && !starts(s, n, "version https://hawser")) return OK;
    const char *size = memmem(s, n, "\nsize ", 6);
    unsigned long long bytes = 0;
    for (const char *p = size ? size + 6 : s + n; p < s + n && isdigit((unsigned char)*p) && bytes < UINT64_MAX / 100; p++)
        bytes = bytes * 10 + (unsigned)(*p - '0');
    FAIL(e, ERR_FORMAT,
         "%s: offset 0: this is a pointer of Git LFS, not the file itself (%llu bytes): run \"git lfs pull\" in its folder, or "
         "download the file", path, bytes);
}

static int check_page(const char *path, const char *s, size_t n, struct err *e)
{
    static const char *const tags[] = {"<!doctype", "<html", "<head", "<body", "<?xml", "<!--"};
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (starts(s, n, tags[i]))
            FAIL(e, ERR_FORMAT,
                 "%s: offset 0: this is a web page, saved under the name of a model: download the file itself (on Hugging Face "
                 "its address has /resolve/, not /blob/)", path);
    return OK;
}

/* A checkpoint of PyTorch is a zip file with a pickle inside. */
static int check_archive(const char *path, const uint8_t *d, size_t n, struct err *e)
{
    bool zip = n >= 4 && !memcmp(d, "PK\3\4", 4), bare = n >= 2 && d[0] == 0x80 && d[1] >= 2 && d[1] <= 5;
    bool torch = zip && (memmem(d, n < LOOK ? n : LOOK, ".pkl", 4) || io_is_pickle_name(path));
    if (bare || torch)
        FAIL(e, ERR_UNSUPPORTED,
             "%s: offset 0: file starts with %02x %02x, as pickle does; pickle is never read, because reading it runs code: "
             "expected GGUF or safetensors", path, d[0], d[1]);
    if (zip) FAIL(e, ERR_FORMAT, "%s: offset 0: this is a zip archive: unpack it first (unzip)", path);
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (range_ok(magics[i].at, magics[i].n, n) && !memcmp(d + magics[i].at, magics[i].magic, magics[i].n))
            FAIL(e, ERR_FORMAT, "%s: offset 0: this is %s", path, magics[i].what);
    return OK;
}

static bool is_text(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 && !isspace((unsigned char)s[i])) return false;
    return n > 0 && utf8_valid_run(s, n) + 4 > n; /* the last character may be cut */
}

/* What a server said instead: {"error": "..."}, "Entry not found". */
static int check_text(const char *path, const char *s, size_t n, struct err *e)
{
    char quoted[SHOWN + 8];
    if (!is_text(s, n < LOOK ? n : LOOK)) return OK;
    utf8_printable(quoted, sizeof quoted, s, n < SHOWN ? n : SHOWN);
    FAIL(e, ERR_FORMAT,
         "%s: offset 0: this is a text (\"%s\"), expected GGUF or a safetensors header: perhaps what a server answered instead of "
         "the file", path, quoted);
}

int io_check_kind(const char *path, const void *data, size_t n, struct err *e)
{
    const char *s = data;
    size_t k = n;
    if (n == 0) FAIL(e, ERR_FORMAT, "%s: offset 0: size of the file is 0, expected at least 8 bytes: the file is empty", path);
    TRY(check_pointer(path, s, n < LOOK ? n : LOOK, e));
    skip_blanks(&s, &k);
    TRY(check_page(path, s, k, e));
    TRY(check_archive(path, data, n, e));
    bool zeros = n >= 64;
    for (size_t i = 0; zeros && i < 64; i++) zeros = ((const uint8_t *)data)[i] == 0;
    if (zeros)
        FAIL(e, ERR_FORMAT, "%s: offset 0: file starts with zeros, as a download that did not end does: download it again", path);
    return check_text(path, data, n, e);
}

int io_check_json_kind(const char *path, const char *text, size_t n, struct err *e)
{
    const char *s = text;
    size_t k = n;
    TRY(check_pointer(path, s, n < LOOK ? n : LOOK, e));
    skip_blanks(&s, &k);
    TRY(check_page(path, s, k, e));
    return check_archive(path, (const uint8_t *)text, n, e);
}

/* ---- names ---- */

/* The place in the file's name where "piece of" begins: .part1of2, -split-a, .gguf.001, .gguf.aa; NULL: it is none. */
static const char *piece_mark(const char *name)
{
    const char *p;
    if ((p = strstr(name, ".part")) && (p[5] == 0 || isdigit((unsigned char)p[5]))) return p[5] ? p : NULL;
    if ((p = strstr(name, "-split-")) || (p = strstr(name, ".split-"))) return p;
    if ((p = strstr(name, ".gguf.")) || (p = strstr(name, ".gguf-"))) {
        const char *q = strchr(p + 1, p[5] == '.' ? '.' : '-');
        size_t n = q ? strlen(q + 1) : 0;
        bool good = n >= 1 && n <= 3;
        for (size_t i = 1; i <= n && good; i++)
            good = isdigit((unsigned char)q[i]) || (n > 1 && islower((unsigned char)q[i]));
        return good ? q : NULL;
    }
    return NULL;
}

static void append(struct err *e, const char *text)
{
    size_t n = strlen(e->msg);
    snprintf(e->msg + n, sizeof e->msg - n, "%s", text);
}

void io_add_name_hint(struct err *e, const char *path)
{
    static const char *const partial[] = {".part",  ".crdownload", ".incomplete", ".download",
                                          ".aria2", ".!qB",        ".tmp",        ".opdownload"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *mark = piece_mark(name);
    char hint[400], whole[130] = "";
    if (!e) return;
    if (mark) {
        utf8_printable(whole, sizeof whole, name, (size_t)(mark - name));
        snprintf(hint, sizeof hint,
                 "; by its name this is a piece of a file that was cut in pieces: put them together first (cat %s* > MODEL.gguf)", whole);
        append(e, hint);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(partial); i++)
        if (str_ends_with(name, partial[i])) append(e, "; by its name the download of this file has not ended");
}

/* ---- folders ---- */

static bool is_gguf(const char *name) { return str_ends_with(name, ".gguf"); }
static bool is_adapter(const char *name) { return !strcmp(name, "adapter_config.json"); }
static bool is_consolidated(const char *name)
{
    return !strncmp(name, "consolidated.", strlen("consolidated.")) && str_ends_with(name, ".safetensors");
}
static bool is_pipeline(const char *name) { return !strcmp(name, "model_index.json"); }
static bool is_safetensors(const char *name) { return str_ends_with(name, ".safetensors"); }
static bool is_partial(const char *name)
{
    return str_ends_with(name, ".incomplete") || str_ends_with(name, ".part") || str_ends_with(name, ".aria2");
}
static bool is_other(const char *name)
{
    return str_ends_with(name, ".h5") || str_ends_with(name, ".msgpack") || str_ends_with(name, ".onnx") ||
           str_ends_with(name, ".tflite");
}

int io_folder_hint(char *out, size_t cap, const struct tf *f, const char *dir, struct err *e)
{
    static const struct {
        bool (*match)(const char *name);
        const char *say;
    } kinds[] = {
        {is_gguf, "it has %s: name that file"},
        {is_adapter, "it has %s: this is an adapter (LoRA) for another model, which has to be merged into it first"},
        {is_consolidated, "it has %s, Mistral's own layout: take the files that transformers reads"},
        {is_pipeline, "it has %s: this is a pipeline that makes pictures"},
        {is_safetensors, "it has %s: if that is the model, name that file"},
        {is_partial, "it has %s: a download has not ended"},
        {is_other, "it has %s, the model for another program: take it as safetensors or GGUF"},
    };
    char q[IO_QUOTE];
    *out = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !*out; i++) {
        char *name;
        TRY(io_find_name(f, dir, kinds[i].match, &name, e));
        if (!name) continue;
        io_quote(q, name, strlen(name));
        const char *at = strstr(kinds[i].say, "%s");
        snprintf(out, cap, "; %.*s%s%s", (int)(at - kinds[i].say), kinds[i].say, q, at + 2);
        mem_free(name);
    }
    return OK;
}

/* ---- weights of other programs ---- */

const char *io_foreign_weights(const char *name, bool (*has)(void *ctx, const char *name), void *ctx)
{
    static const struct {
        const char *end, *what;
    } beside[] = {
        {"qweight", "GPTQ or AWQ"},
        {"weight.absmax", "bitsandbytes"},
        {"SCB", "bitsandbytes"},
        {"weight_packed", "compressed-tensors"},
        {"scales", "MLX"},
        {"weight_scale", "compressed-tensors or ModelOpt"},
        {"blocks", "MXFP4 in blocks"},
        {"weight_blocks", "MXFP4 in blocks"},
        {"qzeros", "GPTQ or AWQ"},
        {"W_q", "HQQ"},
        {"codebooks", "AQLM"},
    };
    char other[TF_NAME_MAX + 32];
    size_t n = strlen(name);
    if (!str_ends_with(name, ".weight") || n >= TF_NAME_MAX) return NULL;
    for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
        snprintf(other, sizeof other, "%.*s%s", (int)(n - strlen("weight")), name, beside[i].end);
        if (has(ctx, other)) return beside[i].what;
    }
    return NULL;
}
