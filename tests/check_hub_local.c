/* Names of models, choices among files, and the models on this machine: list, find, copy, remove. No network. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/local.h"
#include "sys/dir.h"
#include "sys/fault.h"
#include "sys/file.h"
#include "sys/store.h"
#include "tests/test.h"

int flock(int fd, int operation);

static const char commit_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                  commit_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
static const char zero[] = "0000000000000000000000000000000000000000";

/* ---- names ---- */

static void check_refs(void)
{
    static const struct {
        const char *text;
        enum hub_source source;
        const char *repo, *revision, *pick;
    } good[] = {
        {"org/name", HUB_HF, "org/name", "", ""},
        {"gpt2", HUB_HF, "gpt2", "", ""},
        {"org/name:Q4_K_M", HUB_HF, "org/name", "", "Q4_K_M"},
        {"org/name@v1.0", HUB_HF, "org/name", "v1.0", ""},
        {"org/name@refs/pr/1:sub/a-Q8_0.gguf", HUB_HF, "org/name", "refs/pr/1", "sub/a-Q8_0.gguf"},
        {"org/name:a.gguf@main", HUB_HF, "org/name", "main", "a.gguf"},
        {"hf://org/name", HUB_HF, "org/name", "", ""},
        {"hf.co/org/name:Q4_0", HUB_HF, "org/name", "", "Q4_0"},
        {"modelscope://org/name@v2", HUB_MODELSCOPE, "org/name", "v2", ""},
        {"https://huggingface.co/org/name", HUB_HF, "org/name", "", ""},
        {"https://huggingface.co/org/name/tree/main", HUB_HF, "org/name", "main", ""},
        {"https://huggingface.co/org/name/resolve/main/a/b.gguf?download=true", HUB_HF, "org/name", "main", "a/b.gguf"},
        {"https://huggingface.co/org/name/blob/v1/b.gguf", HUB_HF, "org/name", "v1", "b.gguf"},
        {"https://www.modelscope.cn/models/org/name", HUB_MODELSCOPE, "org/name", "", ""},
    };
    static const char *const bad[] = {"",
                                      "/",
                                      "a/",
                                      "/a",
                                      "a/b/c",
                                      "a b/c",
                                      "../x",
                                      "a/..",
                                      "a--b/c",
                                      "-a/b",
                                      "a/b.",
                                      "a/b:",
                                      "a/b@",
                                      "a/b@..",
                                      "a/b@/x",
                                      "a/b:../x",
                                      "a/b:/x",
                                      "a/b:x@y:z",
                                      "a/b@x:y@z",
                                      "a/b:x\ny",
                                      "ftp://a/b",
                                      "hf://",
                                      "https://huggingface.co/",
                                      "a/b\\c"};
    struct hub_ref r;
    struct err e = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_OK(hub_ref_parse(&r, good[i].text, &e), &e);
        CHECK(r.source == good[i].source && !strcmp(r.repo, good[i].repo) && !strcmp(r.revision, good[i].revision) &&
                  !strcmp(r.pick, good[i].pick),
              "%s: %s @ %s : %s", good[i].text, r.repo, r.revision, r.pick);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(hub_ref_parse(&r, bad[i], &e) == ERR_USAGE, "\"%s\" was taken as %s @ %s : %s", bad[i], r.repo,
              r.revision, r.pick);
    CHECK(hub_ref_parse(&r, "https://example.org/a/m.gguf", &e) == OK && r.source == HUB_URL, "%s", e.msg);
}

static void check_paths(void)
{
    static const char *const good[] = {"a",    "a/b", "a.b/c-d_e.gguf", "\xe6\xa8\xa1\xe5\x9e\x8b.gguf", "...",
                                       "a/.b", "a b"};
    static const char *const bad[] = {"",
                                      "/a",
                                      "a/",
                                      "a//b",
                                      ".",
                                      "..",
                                      "a/..",
                                      "../a",
                                      "a/../b",
                                      "./a",
                                      "a\\b",
                                      "a\nb",
                                      "a\x7f",
                                      "\xff",
                                      "a\xe2\x80\xae"
                                      "b",
                                      "1/2/3/4/5/6/7/8/9/10/11/12/13"};
    char wide[400];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(hub_path_ok(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!hub_path_ok(bad[i]), "%s", bad[i]);
    memset(wide, 'a', sizeof wide);
    wide[201] = 0;
    CHECK(!hub_path_ok(wide), "a component of 201 bytes");
    CHECK(hub_hash_ok(zero) && !hub_hash_ok("ABCDEF0000000000000000000000000000000000") && !hub_hash_ok("00"),
          "hashes");
}

static void check_digests(void)
{
    char hex[HUB_HASH] = "";
    struct digest *d = NULL;
    struct err e = {0};
    CHECK_OK(digest_new(&d, zero, 6, &e), &e);
    digest_add(d, "hello\n", 6);
    digest_hex(d, hex);
    digest_free(d);
    CHECK(!strcmp(hex, "ce013625030ba8dba906f756967f9e9ca394464a"), "git: %s",
          hex); /* echo hello | git hash-object --stdin */
    CHECK_OK(digest_new(&d, "", 6, &e), &e);
    digest_add(d, "hel", 3);
    digest_add(d, "lo\n", 3);
    digest_hex(d, hex);
    digest_free(d);
    CHECK(!strcmp(hex, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"), "SHA-256: %s", hex);
}

static void check_addresses(void)
{
    static const struct {
        const char *url, *location, *want; /* want NULL: refused */
    } cases[] = {
        {"https://a.org/x/y?z", "/b", "https://a.org/b"},
        {"https://a.org/x/y", "b", "https://a.org/x/b"},
        {"https://a.org/x", "https://b.org:8443/c?d=e", "https://b.org:8443/c?d=e"},
        {"https://a.org/x", "//b.org/c", "https://b.org/c"},
        {"https://a.org/x", "http://a.org/x", NULL},
        {"http://127.0.0.1:1/x", "https://a.org/x", "https://a.org/x"},
        {"http://127.0.0.1:1/x", "http://127.0.0.1:2/x", "http://127.0.0.1:2/x"},
        {"https://a.org/x", "ftp://a.org/x", NULL},
        {"https://a.org/x", "file:///etc/passwd", NULL},
        {"https://a.org/x", "https://user:secret@a.org/x", NULL},
        {"https://a.org/x", "https://", NULL},
    };
    char out[HUB_URL_MAX];
    struct err e = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rc = web_follow(out, cases[i].url, cases[i].location, &e);
        CHECK(cases[i].want ? rc == OK && !strcmp(out, cases[i].want) : rc == ERR_NETWORK, "%s -> %s: %d %s", cases[i].url,
              cases[i].location, rc, rc ? e.msg : out);
    }
    CHECK(web_same_site("https://a.org/x", "https://A.ORG:443/y") &&
              !web_same_site("https://a.org", "http://a.org") &&
              !web_same_site("https://a.org", "https://a.org.evil.com") &&
              !web_same_site("http://127.0.0.1:1", "http://127.0.0.1:2"),
          "sites");
    CHECK(web_is_private("https://a.org") && web_is_private("http://localhost:8/") &&
              web_is_private("http://[::1]/") && !web_is_private("http://a.org") &&
              !web_is_private("http://localhost.evil.com") && !web_is_private("http://127.evil.com"),
          "what is encrypted, or inside this machine");
}

/* ---- choices ---- */

static void list_of(struct hub_listing *l, const char *const *paths)
{
    *l = (struct hub_listing){0};
    for (int i = 0; paths[i]; i++) listing_add(l, paths[i], 1000, zero, "test", NULL);
    listing_finish(l, "test", NULL);
}

/* The paths that are chosen, joined by blanks, or "error N". */
static const char *chosen(const char *const *paths, const char *pick)
{
    static char out[1000];
    struct hub_listing l;
    struct hub_choice c;
    list_of(&l, paths);
    int rc = hub_choose(&c, &l, pick, "org/name", NULL);
    out[0] = 0;
    if (rc) snprintf(out, sizeof out, "error %d", rc);
    for (size_t i = 0; !rc && i < c.n; i++) {
        size_t n = strlen(out);
        snprintf(out + n, sizeof out - n, "%s%s", i ? " " : "", l.files[c.index[i]].path);
    }
    if (!rc) choice_free(&c);
    listing_free(&l);
    return out;
}

static void check_choose(void)
{
    static const char *const llama[] = {"LICENSE",
                                        "README.md",
                                        "additional_chat_templates/old/x.jinja",
                                        "additional_chat_templates/tool_use.jinja",
                                        "chat_template.json",
                                        "config.json",
                                        "consolidated.safetensors",
                                        "generation_config.json",
                                        "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors",
                                        "model.safetensors.index.json",
                                        "original/params.json",
                                        "original/x.safetensors",
                                        "pytorch_model.bin",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        NULL};
    static const char *const quants[] = {"README.md",
                                         "m-IQ4_XS.gguf",
                                         "m-Q4_K.gguf",
                                         "m-Q4_K_M.gguf",
                                         "m-UD-Q4_K_XL.gguf",
                                         "m.imatrix.gguf",
                                         "mmproj-F16.gguf",
                                         "Q8_0/m-Q8_0-00001-of-00002.gguf",
                                         "Q8_0/m-Q8_0-00002-of-00002.gguf",
                                         NULL};
    static const char *const one[] = {"m_f16.gguf", "mmproj-m.gguf", NULL};
    static const char *const both[] = {"m-Q4_0.gguf", "model.safetensors", NULL};
    static const char *const cut[] = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", NULL};
    static const char *const other[] = {"weights.safetensors", "config.json", NULL};
    static const char *const none[] = {"pytorch_model.bin", "README.md", NULL};
    static const struct {
        const char *const *paths;
        const char *pick, *want;
    } cases[] = {
        {llama, "",
         "LICENSE README.md additional_chat_templates/tool_use.jinja chat_template.json config.json generation_config.json "
         "model-00001-of-00002.safetensors model-00002-of-00002.safetensors "
         "model.safetensors.index.json tokenizer.json tokenizer_config.json"},
        {llama, "tokenizer.json", "tokenizer.json"},
        {llama, "original/x.safetensors", "original/x.safetensors"},
        {quants, "", "error 1"},
        {quants, "Q4_K_M", "README.md m-Q4_K_M.gguf"},
        {quants, "q4_k", "README.md m-Q4_K.gguf"},
        {quants, "UD", "README.md m-UD-Q4_K_XL.gguf"},
        {quants, "xs", "README.md m-IQ4_XS.gguf"},
        {quants, "K_X", "README.md m-UD-Q4_K_XL.gguf"},
        {quants, "Q8_0", "Q8_0/m-Q8_0-00001-of-00002.gguf Q8_0/m-Q8_0-00002-of-00002.gguf README.md"},
        {quants, "m-Q4_K_M.gguf", "README.md m-Q4_K_M.gguf"},
        {quants, "mmproj-F16.gguf", "mmproj-F16.gguf"},
        {quants, "Q4", "error 1"},
        {quants, "Q2_K", "error 6"},
        {one, "", "m_f16.gguf"},
        {one, "F16", "m_f16.gguf"},
        {both, "", "model.safetensors"},
        {both, "Q4_0", "m-Q4_0.gguf"},
        {both, "safetensors", "model.safetensors"},
        {cut, "", "error 6"},
        {other, "", "config.json weights.safetensors"},
        {none, "", "error 6"},
        {none, "pytorch_model.bin", "error 1"},
    };
    static const struct {
        const char *path, *want;
    } quant[] = {{"m-Q4_K_M.gguf", "Q4_K_M"},     {"m.q8_0.gguf", "Q8_0"},
                 {"m_IQ2_XXS.gguf", "IQ2_XXS"},   {"m-BF16-00001-of-00002.gguf", "BF16"},
                 {"gpt-oss-mxfp4.gguf", "MXFP4"}, {"qwen2.5-0.5b.gguf", NULL},
                 {"Q4_0/m.gguf", "Q4_0"},         {"m-TQ1_0.gguf", "TQ1_0"}};
    CHECK(ERR_USAGE == 1 && ERR_NOTFOUND == 6, "the codes in the table above");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = chosen(cases[i].paths, cases[i].pick);
        CHECK(!strcmp(got, cases[i].want), "%s :%s: %s", cases[i].paths[0], cases[i].pick, got);
    }
    for (size_t i = 0; i < sizeof quant / sizeof *quant; i++) {
        char got[32] = "none";
        bool found = hub_quant_of(quant[i].path, got);
        CHECK(quant[i].want ? found && !strcmp(got, quant[i].want) : !found, "%s: %s", quant[i].path, got);
    }
}

/* ---- places ---- */

struct home {
    char dir[64], hf[100], own[100], ollama[100], lm[100], llama[100];
    struct hub_places p;
};

static void put(const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX], parent[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    path_dir(parent, sizeof parent, path, NULL);
    file_mkdirs(parent, NULL);
    file_replace(path, text, strlen(text), NULL);
}

/* A file in the cache, under a hash made of one character. */
static void put_hf(struct home *h, const char *repo, const char *commit, const char *path, char hash, const char *text)
{
    struct hub_cache c;
    char hex[HUB_HASH] = "", blob[PATH_MAX];
    memset(hex, hash, 64);
    cache_at(&c, h->hf, repo, NULL);
    cache_make(&c, NULL);
    cache_blob(blob, &c, hex, "", NULL);
    file_replace(blob, text, strlen(text), NULL);
    cache_link(&c, commit, path, hex, NULL);
}

static void fill(struct home *h)
{
    static const char manifest[] = "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"application/"
                                   "vnd.ollama.image.license\",\"digest\":\"sha256:00\"},"
                                   "{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"sha256:"
                                   "1111111111111111111111111111111111111111111111111111111111111111\",\"size\":9}]}";
    static const char evil[] =
        "{\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"sha256:../../../secret\"}]}";
    struct hub_cache c;
    dir_remove_tree(h->dir, NULL);
    put_hf(h, "org/quants", commit_a, "m-Q4_0.gguf", '1', "1234");
    put_hf(h, "org/quants", commit_b, "m-Q4_0.gguf", '1', "1234"); /* the same bytes in two revisions */
    put_hf(h, "org/quants", commit_b, "m-Q8_0.gguf", '2', "12345678");
    put_hf(h, "org/quants", commit_b, "README.md", '3', "text");
    cache_at(&c, h->hf, "org/quants", NULL);
    cache_set_ref(&c, "main", commit_b, NULL);
    cache_set_ref(&c, "v1", commit_a, NULL);
    put_hf(h, "org/folder", commit_a, "config.json", '4', "{}");
    put_hf(h, "org/folder", commit_a, "model.safetensors", '5', "12345");
    cache_at(&c, h->hf, "org/folder", NULL);
    cache_set_ref(&c, "main", commit_a, NULL);
    put(c.repo, "blobs/6666666666666666666666666666666666666666666666666666666666666666.incomplete", "half");
    put(h->own, "mine.gguf", "abc");
    put(h->own, "first/first.gguf", "abcd");
    put(h->ollama, "manifests/registry.ollama.ai/library/llama3.2/1b", manifest);
    put(h->ollama, "manifests/registry.ollama.ai/library/evil/latest", evil);
    put(h->ollama, "manifests/hf.co/org/other/Q4_0", manifest);
    put(h->ollama, "blobs/sha256-1111111111111111111111111111111111111111111111111111111111111111", "ollama...");
    put(h->dir, "secret", "x");
    put(h->lm, "pub/repo-GGUF/repo-Q6_K.gguf", "lm");
    put(h->llama, "ggml-org_tiny_tiny-Q8_0.gguf", "llama");
}

static bool lists(const struct hub_models *m, enum hub_place place, const char *name, enum hub_format format,
                  uint64_t size)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].place == place && !strcmp(m->v[i].name, name) && m->v[i].format == format && m->v[i].size == size)
            return true;
    return false;
}

static void check_list(struct home *h)
{
    struct hub_models m;
    struct err e = {0};
    fill(h);
    CHECK_OK(hub_models_list(&m, &h->p, &e), &e);
    CHECK(lists(&m, PLACE_HF, "org/quants:Q4_0", HUB_GGUF, 4), "Q4_0");
    CHECK(lists(&m, PLACE_HF, "org/quants@aaaaaaaa:Q4_0", HUB_GGUF, 4), "the other revision");
    CHECK(lists(&m, PLACE_HF, "org/quants:Q8_0", HUB_GGUF, 8), "Q8_0");
    CHECK(lists(&m, PLACE_HF, "org/folder", HUB_SAFETENSORS, 5), "a folder");
    CHECK(lists(&m, PLACE_HF, "org/folder", HUB_INCOMPLETE, 4), "an incomplete file");
    CHECK(lists(&m, PLACE_OWN, "mine.gguf", HUB_GGUF, 3) && lists(&m, PLACE_OWN, "first:first.gguf", HUB_GGUF, 4),
          "own files");
    CHECK(lists(&m, PLACE_OLLAMA, "llama3.2:1b", HUB_GGUF, 9) &&
              lists(&m, PLACE_OLLAMA, "hf.co/org/other:Q4_0", HUB_GGUF, 9),
          "Ollama");
    CHECK(lists(&m, PLACE_LMSTUDIO, "pub/repo-GGUF:Q6_K", HUB_GGUF, 2), "LM Studio");
    CHECK(lists(&m, PLACE_LLAMA_CPP, "ggml-org_tiny_tiny-Q8_0.gguf", HUB_GGUF, 5), "llama.cpp");
    CHECK(m.n == 11, "%zu rows, expected 11", m.n);
    for (size_t i = 0; i < m.n; i++) { /* every name finds its file */
        char path[PATH_MAX];
        if (m.v[i].format == HUB_INCOMPLETE) continue;
        CHECK(hub_find(path, &h->p, m.v[i].name, &e) == OK && !strcmp(path, m.v[i].path), "%s: %s instead of %s",
              m.v[i].name, path, m.v[i].path);
    }
    hub_models_free(&m);
    struct hub_places nowhere = {
        .root = {"/nonexistent/a", "/nonexistent/b", "/nonexistent/c", "/nonexistent/d", NULL}};
    CHECK(hub_models_list(&m, &nowhere, &e) == OK && m.n == 0, "%s", e.msg);
    hub_models_free(&m);
}

static void check_find(struct home *h)
{
    static const struct {
        const char *name;
        int rc;
        const char *end;
    } cases[] = {
        {"org/quants:q8_0", OK, "/snapshots/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/m-Q8_0.gguf"},
        {"org/quants@v1", OK, "/snapshots/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/m-Q4_0.gguf"},
        {"org/quants@aaaaaaa", OK, "/snapshots/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/m-Q4_0.gguf"},
        {"org/quants", ERR_USAGE, NULL},
        {"org/quants:Q2_K", ERR_NOTFOUND, NULL},
        {"org/quants@v9", ERR_NOTFOUND, NULL},
        {"org/folder", OK, "/snapshots/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"https://huggingface.co/org/folder", OK, "/snapshots/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"mine", OK, "/mine.gguf"},
        {"https://example.org/x/mine.gguf", OK, "/mine.gguf"},
        {"first", OK, "/first/first.gguf"},
        {"llama3.2:1b", OK, "1111"},
        {"llama3.2", ERR_NOTFOUND, NULL},
        {"evil", ERR_NOTFOUND, NULL},
        {"org/other:Q4_0", OK, "1111"},
        {"pub/repo-GGUF", OK, "/repo-Q6_K.gguf"},
        {"ggml-org/tiny", OK, "/ggml-org_tiny_tiny-Q8_0.gguf"},
        {"ggml-org/tiny:Q8_0", OK, "/ggml-org_tiny_tiny-Q8_0.gguf"},
        {"no/such", ERR_NOTFOUND, NULL},
        {"../x", ERR_NOTFOUND, NULL},
    };
    fill(h);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        char path[PATH_MAX] = "";
        int rc = hub_find(path, &h->p, cases[i].name, &e);
        CHECK(rc == cases[i].rc && (rc || str_ends_with(path, cases[i].end)), "%s: %d %s %s", cases[i].name, rc, path,
              e.msg);
    }
    put_hf(h, "org/old", commit_a, "m-Q5_K_M.gguf", '7', "5"); /* main has moved on, the file is of an earlier commit */
    put_hf(h, "org/old", commit_b, "m-Q6_K.gguf", '8', "6");
    struct hub_cache c;
    char path[PATH_MAX] = "";
    cache_at(&c, h->hf, "org/old", NULL);
    cache_set_ref(&c, "main", commit_b, NULL);
    CHECK(hub_find(path, &h->p, "org/old:Q5_K_M", NULL) == OK && str_ends_with(path, "m-Q5_K_M.gguf"), "%s", path);
}

static bool holds(const char *path, const char *text)
{
    char *s = NULL;
    size_t n = 0;
    bool ok = file_read(&s, &n, path, 1000, NULL) == OK && !strcmp(s, text);
    mem_free(s);
    return ok;
}

static int copy(struct home *h, char out[PATH_MAX], const char *name, const char *to, struct err *e)
{
    struct hub_ref ref;
    char path[PATH_MAX], full[PATH_MAX];
    TRY(hub_ref_parse(&ref, name, e));
    TRY(hub_find(path, &h->p, name, e));
    snprintf(full, sizeof full, "%s/out/%s", h->dir, to);
    return hub_copy(out, path, &ref, full, NULL, e);
}

static void check_copy(struct home *h)
{
    struct err e = {0};
    char out[PATH_MAX], path[PATH_MAX + 40];
    fill(h);
    put(h->dir, "out/there/x", "x");
    put_hf(h, "org/split", commit_a, "m-00001-of-00002.gguf", '9', "one");
    put_hf(h, "org/split", commit_a, "m-00002-of-00002.gguf", 'a', "two");
    CHECK(copy(h, out, "org/quants:Q8_0", "a.gguf", &e) == OK && holds(out, "12345678") &&
              file_look(out, false).kind == FILE_REGULAR,
          "%s", e.msg);
    CHECK(copy(h, out, "org/quants:Q8_0", "a.gguf", &e) == ERR_USAGE && strstr(e.msg, "exists"), "%s", e.msg);
    CHECK(copy(h, out, "org/quants:Q8_0", "there", &e) == OK && str_ends_with(out, "/there/m-Q8_0.gguf") &&
              holds(out, "12345678"),
          "%s", e.msg);
    CHECK(copy(h, out, "llama3.2:1b", "there/", &e) == OK && str_ends_with(out, "/there/llama3.2-1b.gguf") &&
              holds(out, "ollama..."),
          "%s", e.msg);
    CHECK(copy(h, out, "org/folder", "folder/", &e) == OK && str_ends_with(out, "/out/folder"), "%s", e.msg);
    snprintf(path, sizeof path, "%s/model.safetensors", out);
    CHECK(holds(path, "12345") && file_look(path, false).kind == FILE_REGULAR, "%s", path);
    CHECK(copy(h, out, "org/folder", "there", &e) == OK && str_ends_with(out, "/there/folder"), "%s", e.msg);
    CHECK(copy(h, out, "org/split", "m.gguf", &e) == ERR_USAGE && strstr(e.msg, "2 parts"), "%s", e.msg);
    CHECK(copy(h, out, "org/split", "split", &e) == OK && str_ends_with(out, "/split/m-00001-of-00002.gguf") &&
              holds(out, "one"),
          "%s", e.msg);
    CHECK(copy(h, out, "org/split", "there", &e) == OK && holds(out, "one"), "%s", e.msg);
    out[strlen(out) - strlen("1-of-00002.gguf")] = 0;
    snprintf(path, sizeof path, "%s2-of-00002.gguf", out);
    CHECK(holds(path, "two"), "%s", path);
    CHECK(copy(h, out, "no/such", "x", &e) == ERR_NOTFOUND, "%s", e.msg);
}

/* Nothing is left out, and nothing of the user's is touched. */
static void check_copy_whole(struct home *h)
{
    struct err e = {0};
    char out[PATH_MAX], path[300];
    fill(h);
    put(h->dir, "out/mine.incomplete/precious", "mine");
    put(h->dir, "out/mine.tmp/precious", "mine");
    CHECK(copy(h, out, "org/folder", "mine", &e) == OK, "%s", e.msg);
    snprintf(path, sizeof path, "%s/out/mine.incomplete/precious", h->dir);
    CHECK(holds(path, "mine"), "a folder of the user's is gone");
    for (uint64_t k = 1; k <= 200; k++) { /* whatever cannot be read or looked at is an error, or is copied */
        fault_at(FAULT_LIST | FAULT_LOOK | FAULT_OPEN | FAULT_READ, k, EIO);
        int rc = copy(h, out, "org/folder", "again", &e);
        bool hit = fault_hit();
        fault_at(0, 0, 0);
        snprintf(path, sizeof path, "%s/out/again/model.safetensors", h->dir);
        bool whole = holds(path, "12345");
        snprintf(path, sizeof path, "%s/out/again/config.json", h->dir);
        whole = whole && holds(path, "{}");
        snprintf(path, sizeof path, "%s/out/again", h->dir);
        CHECK(rc ? whole || file_absent(path) : whole, "call %d: rc %d, %s", (int)k, rc, rc ? e.msg : "not whole");
        CHECK_OK(dir_remove_tree(path, &e), &e);
        if (!hit) break;
    }
    snprintf(path, sizeof path, "%s/models--org--folder/snapshots/%s/tokenizer.json", h->hf, commit_a);
    CHECK(symlink("../../blobs/gone", path) == 0, "no link");
    CHECK(copy(h, out, "org/folder", "part", &e) == ERR_NOTFOUND && strstr(e.msg, "tokenizer.json"), "%s", e.msg);
    CHECK_OK(file_remove(path, &e), &e);
    CHECK(symlink("../../blobs", path) == 0, "no link");
    CHECK(copy(h, out, "org/folder", "part", &e) == ERR_UNSUPPORTED && strstr(e.msg, "tokenizer.json"), "%s", e.msg);
    snprintf(path, sizeof path, "%s/out/part", h->dir);
    CHECK(file_absent(path), "a part was copied");
}

static int refuse(void *ctx, const struct hub_removal *r, struct err *e)
{
    *(struct hub_removal *)ctx = *r;
    FAIL(e, ERR_USAGE, "no");
}

static int rm(struct home *h, const char *name, struct hub_removal *r, struct err *e)
{
    struct hub_ref ref;
    TRY(hub_ref_parse(&ref, name, e));
    return hub_remove(&h->p, &ref, r, NULL, NULL, e);
}

static bool has(struct home *h, const char *below)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", h->hf, below);
    return file_look(path, false).kind != FILE_MISSING;
}

/* What the question finds, and what goes on meanwhile. */
struct asking {
    const char *root;
    bool fetch; /* somebody begins to fetch another file */
    int busy, fd;
};

static int while_asked(void *ctx, const struct hub_removal *r, struct err *e)
{
    struct asking *a = ctx;
    struct hub_cache c;
    char hex[HUB_HASH] = "";
    int fd;
    (void)r;
    TRY(cache_at(&c, a->root, "org/quants", e));
    for (char digit = '1'; digit <= '3'; digit++) {
        memset(hex, digit, 64);
        TRY(cache_try_lock(&fd, &c, hex, e));
        a->busy += fd < 0;
        file_unlock(fd);
    }
    memset(hex, '7', 64);
    return a->fetch ? cache_try_lock(&a->fd, &c, hex, e) : OK;
}

/* The locks are held while the person thinks, and until all is gone. */
static void check_remove_locks(struct home *h)
{
    struct err e = {0};
    struct hub_removal r;
    struct hub_ref ref;
    struct asking a = {.root = h->hf, .fd = -1, .fetch = true};
    fill(h);
    hub_ref_parse(&ref, "org/quants", &e);
    CHECK(hub_remove(&h->p, &ref, &r, while_asked, &a, &e) == ERR_USAGE && strstr(e.msg, "right now"), "%s", e.msg);
    CHECK(a.busy == 3, "%d of 3 files could not be fetched while it was asked", a.busy);
    CHECK(has(h, "models--org--quants/refs/main"), "removed while another fetches");
    file_unlock(a.fd);
    a = (struct asking){.root = h->hf, .fd = -1};
    CHECK(hub_remove(&h->p, &ref, &r, while_asked, &a, &e) == OK && a.busy == 3 && !has(h, "models--org--quants"), "%s", e.msg);
}

/* Every call fails once: what another revision needs stays, and the next time all goes. */
static void check_remove_faults(struct home *h)
{
    struct err e = {0};
    struct hub_removal r;
    char path[PATH_MAX];
    uint64_t k = 1;
    for (bool hit = true; hit && k < 1000; k++) {
        fill(h);
        fault_at(FAULT_ANY, k, EIO);
        int rc = rm(h, "org/quants@main", &r, &e);
        hit = fault_hit();
        fault_at(0, 0, 0);
        CHECK(hub_find(path, &h->p, "org/quants@v1:Q4_0", NULL) == OK && holds(path, "1234"), "call %d: rc %d", (int)k, rc);
        rc = rm(h, "org/quants@main", &r, &e);
        CHECK(rc == OK || rc == ERR_NOTFOUND, "call %d: the next time: %s", (int)k, e.msg);
    }
    CHECK(k > 30, "%d calls", (int)k);
}

static void check_remove(struct home *h)
{
    static const char blob1[] =
        "models--org--quants/blobs/1111111111111111111111111111111111111111111111111111111111111111";
    static const char blob2[] =
        "models--org--quants/blobs/2222222222222222222222222222222222222222222222222222222222222222";
    struct err e = {0};
    struct hub_removal r, asked = {0};
    struct hub_ref ref;
    fill(h);
    hub_ref_parse(&ref, "org/quants", &e);
    CHECK(hub_remove(&h->p, &ref, &r, refuse, &asked, &e) == ERR_USAGE && asked.bytes == 16 && has(h, blob1) &&
              has(h, blob2),
          "%llu bytes", (unsigned long long)asked.bytes);
    CHECK(rm(h, "org/quants:Q8_0", &r, &e) == OK && r.files == 1 && r.bytes == 8 && r.kept == 3,
          "%s: %zu files, %zu kept", e.msg, r.files, r.kept);
    CHECK(has(h, blob1) && !has(h, blob2) &&
              !has(h, "models--org--quants/snapshots/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/m-Q8_0.gguf"),
          "Q8_0");
    CHECK(rm(h, "org/quants@main", &r, &e) == OK && r.files == 2 && r.bytes == 4, "%s: %zu files, %llu bytes", e.msg,
          r.files, (unsigned long long)r.bytes);
    CHECK(has(h, blob1), "bytes that another revision uses are gone");
    CHECK(!has(h, "models--org--quants/refs/main") && has(h, "models--org--quants/refs/v1"), "refs");
    CHECK(!has(h, "models--org--quants/snapshots/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), "an empty snapshot stays");
    CHECK(rm(h, "org/quants:Q8_0", &r, &e) == ERR_NOTFOUND, "%s", e.msg);
    CHECK(rm(h, "org/quants:Q4_0", &r, &e) == OK && !has(h, "models--org--quants") &&
              !has(h, ".locks/models--org--quants"),
          "%s", e.msg);
    CHECK(rm(h, "org/quants", &r, &e) == ERR_NOTFOUND, "%s", e.msg);

    put_hf(h, "org/one", commit_a, "m-Q4_0.gguf", '1', "1234"); /* the last model takes the texts about it along */
    put_hf(h, "org/one", commit_a, "README.md", '3', "text");
    CHECK(rm(h, "org/one:Q4_0", &r, &e) == OK && r.files == 2 && !has(h, "models--org--one"), "%s: %zu files", e.msg, r.files);

    char lock[PATH_MAX]; /* a download goes on */
    snprintf(lock, sizeof lock,
             "%s/.locks/models--org--folder/6666666666666666666666666666666666666666666666666666666666666666.lock",
             h->hf);
    int fd = open(lock, O_RDWR | O_CREAT, 0644);
    CHECK(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0, "%s", lock);
    CHECK(rm(h, "org/folder", &r, &e) == ERR_USAGE && strstr(e.msg, "right now"), "%s", e.msg);
    close(fd);
    CHECK(rm(h, "org/folder", &r, &e) == OK && r.bytes == 11 && !has(h, "models--org--folder"), "%s: %llu bytes", e.msg,
          (unsigned long long)r.bytes);
    CHECK(rm(h, "mine.gguf", &r, &e) == OK && r.bytes == 3, "%s", e.msg);
    CHECK(rm(h, "llama3.2:1b", &r, &e) == ERR_NOTFOUND, "%s", e.msg);
}

/* A link inside a snapshot that leads out of the cache: what it leads to is never removed. */
static void check_remove_links(struct home *h)
{
    struct err e = {0};
    struct hub_removal r;
    char path[300], target[200];
    fill(h);
    snprintf(target, sizeof target, "%s/precious", h->dir);
    put(target, "keep.gguf", "precious");
    snprintf(path, sizeof path, "%s/models--org--quants/snapshots/%s/out", h->hf, commit_a);
    CHECK(symlink(target, path) == 0, "no link");
    CHECK(rm(h, "org/quants", &r, &e) == OK && !has(h, "models--org--quants"), "%s", e.msg);
    snprintf(path, sizeof path, "%s/keep.gguf", target);
    CHECK(holds(path, "precious"), "a link was followed");
}

int main(void)
{
    struct home h = {0};
    /* Hundreds of syncs: a file system in memory will do. */
    snprintf(h.dir, sizeof h.dir, "%s/check_hub_local_XXXXXX", file_is_dir("/dev/shm") ? "/dev/shm" : "/tmp");
    check_refs();
    check_paths();
    check_digests();
    check_addresses();
    check_choose();
    CHECK(mkdtemp(h.dir) != NULL, "no temporary folder");
    snprintf(h.hf, sizeof h.hf, "%s/hub", h.dir);
    snprintf(h.own, sizeof h.own, "%s/own", h.dir);
    snprintf(h.ollama, sizeof h.ollama, "%s/ollama", h.dir);
    snprintf(h.lm, sizeof h.lm, "%s/lm", h.dir);
    snprintf(h.llama, sizeof h.llama, "%s/llama", h.dir);
    h.p = (struct hub_places){.root = {h.hf, h.own, h.ollama, h.lm, h.llama}};
    check_list(&h);
    check_find(&h);
    check_copy(&h);
    check_copy_whole(&h);
    check_remove(&h);
    check_remove_locks(&h);
    check_remove_faults(&h);
    check_remove_links(&h);
    dir_remove_tree(h.dir, NULL);
    return test_end();
}
