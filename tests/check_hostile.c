/* Every file of tests/fixtures/hostile, through the entry point that would meet it: it must be refused, with a message
 * that names the file, has the words of the table and is safe to print, or (where nothing is computed from what is wrong)
 * be read with such a warning; nothing may leak, take long, or take more memory
 * than a small file can be worth. The files and their table are made by tools/make_hostile_files.py. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "data/docs.h"
#include "data/shard.h"
#include "model/net.h"
#include "model/vocab.h"
#include "sys/dir.h"
#include "tests/folder.h"
#include "train/checkpoint.h"

#define FIXTURES "tests/fixtures/hostile"
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
/* Above what the process has when the first file comes. One document of text may have 64 MiB: see MORE_FOR_DOCS. */
enum { MEMORY = 2 << 20, MORE_FOR_DOCS = 300 << 20, AT_LEAST = 40 };


/* dir/name leads to the fixture. */
static void link_to(const char *fixture, const char *name)
{
    char full[PATH_MAX];
    CHECK(realpath(fixture, full) && symlink(full, in_dir(name)) == 0, "%s: cannot link: %s", fixture, strerror(errno));
}

static void write_shard(const char *name, const char *header, size_t data)
{
    uint8_t bytes[300] = {(uint8_t)strlen(header)};
    struct err e;
    memcpy(bytes + 8, header, strlen(header));
    CHECK_OK(file_replace(in_dir(name), bytes, 8 + strlen(header) + data, &e), &e);
}

/* ---- readers ---- */

static int open_tf(const char *path, struct err *e)
{
    struct tf f;
    TRY(tf_open(&f, path, e));
    tf_close(&f);
    return OK;
}

/* As the readers of tensors do. */
static int open_tensors(const char *path, struct err *e)
{
    struct tf f;
    int rc = OK;
    TRY(tf_open(&f, path, e));
    for (size_t i = 0; i < f.n_tensors && !rc; i++) rc = tf_check_known(&f, &f.tensors[i], e);
    tf_close(&f);
    return rc;
}

static int open_config(const char *path, struct err *e)
{
    struct model_file m;
    struct config c;
    TRY(model_file_open(&m, path, e));
    int rc = net_read_config(&c, &m, e);
    model_file_close(&m);
    return rc;
}

static int open_tokenizer(const char *path, struct err *e)
{
    struct tokenizer *t;
    TRY(model_tokenizer_at(&t, path, e));
    tokenizer_free(t);
    return OK;
}

static int open_folder(const char *path, struct err *e)
{
    link_to(path, strrchr(path, '/') + 1);
    return open_tf(dir, e);
}

static int open_index(const char *path, struct err *e)
{
    link_to(path, "model.safetensors.index.json");
    write_shard("a.safetensors",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                "\"z\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8);
    write_shard("b.safetensors", "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    return open_tf(dir, e);
}

static int open_config_json(const char *path, struct err *e)
{
    link_to(path, "config.json");
    write_shard("model.safetensors", "{}", 0);
    return open_config(dir, e);
}

static int open_tokenizer_json(const char *path, struct err *e)
{
    link_to(path, "tokenizer.json");
    return open_tokenizer(dir, e);
}

static int open_shard(const char *path, struct err *e)
{
    struct shard s;
    TRY(shard_open(&s, path, e));
    shard_close(&s);
    return OK;
}

static int ignore_doc(void *ctx, const struct doc *d, struct err *e)
{
    (void)ctx, (void)d, (void)e;
    return OK;
}

static int open_docs(const char *path, struct err *e) { return docs_each(path, NULL, ignore_doc, NULL, e); }

static int open_recipe(const char *path, struct err *e)
{
    struct recipe r = {0};
    int rc = recipe_load(&r, path, e);
    recipe_free(&r);
    return rc;
}

static int open_checkpoint(const char *path, struct err *e)
{
    char found[PATH_MAX];
    struct train_state s = {0};
    TRY(file_mkdirs(in_dir("checkpoint-5"), e));
    link_to(path, "checkpoint-5/SHA256SUMS");
    int rc = checkpoint_find(dir, found, sizeof found, &s, e);
    struct err e2;
    CHECK_OK(dir_remove_tree(in_dir("checkpoint-5"), &e2), &e2);
    if (!rc) train_state_free(&s);
    return rc;
}

static const struct {
    const char *name;
    int (*open)(const char *path, struct err *e);
} readers[] = {
    {"open", open_tf},         {"config", open_config}, {"tokenizer", open_tokenizer},     {"folder", open_folder},
    {"index", open_index},     {"shard", open_shard},   {"config-json", open_config_json}, {"tokenizer-json", open_tokenizer_json},
    {"docs", open_docs},       {"recipe", open_recipe}, {"checkpoint", open_checkpoint},   {"tensors", open_tensors},
};

/* ---- one file ---- */

static void empty_dir(void)
{
    static const char *const names[] = {"model.safetensors.index.json", "a.safetensors", "b.safetensors", "config.json",
                                        "model.safetensors", "tokenizer.json", "pytorch_model.bin", "model.pt"};
    struct err e;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) CHECK_OK(file_remove(in_dir(names[i]), &e), &e);
}

/* Printable, in UTF-8, and not so long that it hides what it says. */
static bool is_safe(const char *msg)
{
    size_t n = strlen(msg);
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp;
        len = utf8_decode(msg + i, n - i, &cp);
        bool indented = !strncmp(msg + i, "\n  ", 3); /* a line that cannot pass for one of its own */
        if (len == 0 || (!utf8_is_safe(cp) && !indented)) return false;
    }
    return n > 0;
}

/* The words of the warnings of one file. */
static char warned[2048];

static void note(void *ctx, const char *line)
{
    (void)ctx;
    snprintf(warned + strlen(warned), sizeof warned - strlen(warned), "%s\n", line);
}

static void check_case(const char *name, const char *reader, const char *words)
{
    static const char warning[] = "warning: ";
    bool accepted = !strncmp(words, warning, strlen(warning));
    char path[PATH_MAX];
    struct err e = {0};
    size_t k = 0;
    snprintf(path, sizeof path, FIXTURES "/%s", name);
    while (k < ARRAY_LEN(readers) && strcmp(readers[k].name, reader) != 0) k++;
    CHECK(k < ARRAY_LEN(readers), "%s: no reader is called %s", name, reader);
    if (k == ARRAY_LEN(readers)) return;
    int64_t live = mem_live();
    warned[0] = 0;
    log_to(note, NULL);
    int rc = readers[k].open(path, &e);
    log_to(NULL, NULL);
    empty_dir();
    if (accepted) {
        CHECK(rc == OK && strstr(warned, words + strlen(warning)), "%s: %s, warnings \"%s\"", name, rc ? e.msg : "accepted",
              warned);
        CHECK(mem_live() == live, "%s: %lld blocks leaked", name, (long long)(mem_live() - live));
        return;
    }
    CHECK(rc != OK && rc == (int)e.code, "%s: accepted, or without a message", name);
    CHECK(rc != ERR_MEMORY, "%s: asks for too much memory: %s", name, e.msg);
    CHECK(rc == OK || strstr(e.msg, words), "%s: message without \"%s\": %s", name, words, e.msg);
    CHECK(rc == OK || !strncmp(e.msg, FIXTURES "/", sizeof FIXTURES) || !strncmp(e.msg, dir, strlen(dir)),
          "%s: message does not begin with the file: %s", name, e.msg);
    CHECK(rc == OK || is_safe(e.msg), "%s: message is not safe to print", name);
    CHECK(mem_live() == live, "%s: %lld blocks leaked", name, (long long)(mem_live() - live));
}

/* ---- the table ---- */

/* From here on this process cannot have more than `more` bytes above what it has. */
static void limit_memory(rlim_t more)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f && fscanf(f, "%llu", &pages) == 1, "/proc/self/statm");
    if (f) fclose(f);
    struct rlimit r;
    getrlimit(RLIMIT_AS, &r);
    r.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    CHECK(SANITIZED || setrlimit(RLIMIT_AS, &r) == 0, "setrlimit"); /* sanitizers map terabytes */
}

/* Takes the next tab-separated field. */
static char *field(char **line)
{
    char *s = *line, *tab = strchr(s, '\t');
    if (tab) *tab++ = 0;
    *line = tab ? tab : s + strlen(s);
    return s;
}

static size_t check_table(char *text)
{
    size_t n = 0;
    for (char *line = text, *end; *line; line = end) {
        end = strchr(line, '\n');
        if (!end) end = line + strlen(line);
        else *end++ = 0;
        if (*line == '#' || !*line) continue;
        char *name = field(&line), *reader = field(&line), *what = field(&line), *words = field(&line);
        CHECK(*what && *words, "%s: a field of the table is empty", name);
        if (!strcmp(reader, "docs")) limit_memory(MORE_FOR_DOCS);
        check_case(name, reader, words);
        if (!strcmp(reader, "docs")) limit_memory(MEMORY);
        n++;
    }
    return n;
}

int main(void)
{
    char *text, **names;
    size_t len, n;
    struct err e;
    folder_make();
    if (file_read(&text, &len, FIXTURES "/cases.txt", 1 << 20, &e) || file_list(&names, &n, FIXTURES, &e)) {
        CHECK(false, "%s", e.msg);
        return test_end();
    }
    open_recipe(FIXTURES "/cases.txt", &e); /* libraries make their tables in the first call */
    limit_memory(MEMORY);
    size_t rows = check_table(text);
    CHECK(rows >= AT_LEAST && rows == n - 1, "%zu files in the table, %zu in the folder", rows, n - 1);
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
    mem_free(text);
    CHECK(rmdir(dir) == 0, "%s is not empty", dir);
    return test_end();
}
