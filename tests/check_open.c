/* Opened models: what a folder may lack, that its small files are parsed once, and in which places templates are found. */
#include "base/checked.h"
#include "base/mem.h"
#include "model/chat_template.h"
#include "model/net.h"
#include "model/vocab.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "tests/folder.h"
#include <string.h>

/* ---- what a place holds, and what is to come of it ---- */

enum { FILES = 4 };
struct text {
    const char *name, *text; /* of a file, or a key of a GGUF; a text of NULL: a folder */
};
struct place {
    struct text text[FILES];
    const char *listed[3]; /* tokenizer.chat_templates */
    const char *want;      /* "name=text ", one after the other; after '!': what an error says */
};

#define JINJA "chat_template.jinja"
#define NAMED(name) "additional_chat_templates/" name ".jinja"
static const struct place folders[] = {
    {{{NULL, NULL}}, {NULL}, ""},
    {{{JINJA, "A"}}, {NULL}, "default=A "},
    {{{JINJA, ""}}, {NULL}, "default= "},
    {{{JINJA, "A"}, {NAMED("tool_use"), "B"}, {NAMED("rag"), "C"}}, {NULL}, "default=A rag=C tool_use=B "},
    {{{NAMED("tool_use"), "B"}, {"additional_chat_templates/notes.txt", "C"}}, {NULL}, "tool_use=B "},
    {{{JINJA, "A"}, {NAMED("default"), "B"}}, {NULL}, "default=B "},
    {{{"tokenizer_config.json", "{\"chat_template\": \"A\"}"}}, {NULL}, "default=A "},
    {{{"tokenizer_config.json", "{\"chat_template\": null}"}}, {NULL}, ""},
    {{{"tokenizer_config.json", "{\"chat_template\": [{\"name\": \"default\", \"template\": \"A\"}, "
                                "{\"name\": \"tool_use\", \"template\": \"B\"}]}"}}, {NULL}, "default=A tool_use=B "},
    {{{"tokenizer_config.json", "{\"chat_template\": [{\"name\": \"x\", \"template\": \"A\"}, "
                                "{\"name\": \"x\", \"template\": \"B\"}]}"}}, {NULL}, "x=B "},
    {{{"chat_template.json", "{\"chat_template\": \"A\"}"}}, {NULL}, "default=A "},
    /* one place hides those after it */
    {{{JINJA, "A"}, {"tokenizer_config.json", "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"B\"}]}"},
      {"chat_template.json", "{\"chat_template\": \"C\"}"}}, {NULL}, "default=A "},
    {{{NAMED("rag"), "A"}, {"tokenizer_config.json", "{\"chat_template\": \"B\"}"}}, {NULL}, "rag=A "},
    {{{"tokenizer_config.json", "{\"chat_template\": \"B\"}"}, {"chat_template.json", "{\"chat_template\": \"C\"}"}},
     {NULL}, "default=B "},
    {{{"tokenizer_config.json", "{}"}, {"chat_template.json", "{\"chat_template\": \"C\"}"}}, {NULL}, "default=C "},
    /* what is broken is not absent */
    {{{JINJA, NULL}}, {NULL}, "!chat_template.jinja: not a regular file"},
    {{{JINJA, "a\xff"}}, {NULL}, "!chat_template.jinja: offset 1 of the chat template: not valid UTF-8"},
    {{{NAMED("tool_use"), NULL}}, {NULL}, "!additional_chat_templates/tool_use.jinja: not a regular file"},
    {{{NAMED(""), "A"}}, {NULL}, "!additional_chat_templates/.jinja: the name of a chat template is empty"},
    {{{"additional_chat_templates", "A"}}, {NULL}, "!additional_chat_templates: cannot open the folder"},
    {{{"tokenizer_config.json", NULL}}, {NULL}, "!tokenizer_config.json: not a regular file"},
    {{{"tokenizer_config.json", "{"}}, {NULL}, "!tokenizer_config.json: line 1"},
    {{{"tokenizer_config.json", "[]"}}, {NULL}, "!tokenizer_config.json: expected a JSON object"},
    {{{"tokenizer_config.json", "{\"chat_template\": 5}"}}, {NULL},
     "!tokenizer_config.json: \"chat_template\" is neither a text nor a list"},
    {{{"tokenizer_config.json", "{\"chat_template\": [{\"name\": \"default\"}]}"}}, {NULL},
     "!tokenizer_config.json: \"chat_template\"[0]"},
    {{{"tokenizer_config.json", "{\"chat_template\": [7]}"}}, {NULL}, "!tokenizer_config.json: \"chat_template\"[0]"},
    {{{"tokenizer_config.json", "{\"chat_template\": \"a\\u0000b\"}"}}, {NULL},
     "!tokenizer_config.json: the chat template holds a NUL"},
    {{{"chat_template.json", "{\"chat_template\": {}}"}}, {NULL}, "!chat_template.json: \"chat_template\" is neither"},
};

#define KEY "tokenizer.chat_template"
static const struct place ggufs[] = {
    {{{NULL, NULL}}, {NULL}, ""},
    {{{KEY, "A"}}, {NULL}, "default=A "},
    {{{KEY, "A"}, {KEY ".tool_use", "B"}, {KEY ".rag", "C"}}, {"rag", "tool_use"}, "default=A tool_use=B rag=C "},
    {{{KEY ".tool_use", "B"}}, {"tool_use"}, "tool_use=B "},
    {{{KEY ".tool_use", "B"}, {KEY "_kind", "C"}}, {NULL}, "tool_use=B "}, /* listed or not */
    {{{KEY, "A"}}, {"rag"}, "default=A "},
    {{{KEY "s", "A"}}, {NULL}, ""},
    {{{KEY ".", "A"}}, {NULL}, "!m.gguf: tokenizer.chat_template.: the name of a chat template is empty"},
    {{{KEY, "\xc3"}}, {NULL}, "!m.gguf: tokenizer.chat_template: offset 0 of the chat template: not valid UTF-8"},
};

static void write_folder(const struct place *p)
{
    struct err e = {0};
    char path[64];
    CHECK_OK(file_mkdirs(in_dir("m"), &e), &e);
    for (int i = 0; i < FILES && p->text[i].name; i++) {
        const struct text *t = &p->text[i];
        snprintf(path, sizeof path, "m/%s", t->name);
        if (!strncmp(t->name, "additional_chat_templates/", 26))
            CHECK_OK(file_mkdirs(in_dir("m/additional_chat_templates"), &e), &e);
        if (t->text) CHECK_OK(file_replace(in_dir(path), t->text, strlen(t->text), &e), &e);
        else CHECK_OK(file_mkdirs(in_dir(path), &e), &e);
    }
}

static int write_keys(struct tf_writer *w, const struct place *p, struct err *e)
{
    size_t len[3], n = 0;
    TRY(tf_writer_kv_str(w, "general.name", "a name", e));
    for (int i = 0; i < FILES && p->text[i].name; i++) TRY(tf_writer_kv_str(w, p->text[i].name, p->text[i].text, e));
    for (; n < 3 && p->listed[n]; n++) len[n] = strlen(p->listed[n]);
    if (n) TRY(tf_writer_kv_str_array(w, "tokenizer.chat_templates", p->listed, len, n, e));
    return tf_writer_begin(w, e);
}

static void write_gguf(const struct place *p)
{
    struct err e = {0};
    struct tf_writer *w;
    CHECK_OK(tf_writer_gguf(&w, in_dir("m.gguf"), &e), &e);
    CHECK_OK(write_keys(w, p, &e), &e);
    CHECK_OK(tf_writer_commit(w, &e), &e);
}

static int read_place(char out[200], const char *path, struct err *e)
{
    struct model_file m;
    struct chat_templates t;
    int n = 0;
    out[0] = 0;
    TRY(model_file_open(&m, path, e));
    int rc = model_chat_templates(&t, &m, e);
    model_file_close(&m);
    for (size_t i = 0; i < t.n && !rc; i++) n += snprintf(out + n, 200 - (size_t)n, "%s=%s ", t.v[i].name, t.v[i].text);
    if (!rc && t.n) CHECK(chat_templates_find(&t, t.v[t.n - 1].name) == t.v[t.n - 1].text, "%s is not found", t.v[t.n - 1].name);
    CHECK(!chat_templates_find(&t, "no such"), "a template that is not there");
    chat_templates_free(&t);
    return rc;
}

static void check_place(const char *path, const struct place *p)
{
    struct err e = {0};
    char got[200];
    int64_t live = mem_live();
    int rc = read_place(got, path, &e);
    if (*p->want == '!') CHECK(rc && strstr(e.msg, p->want + 1), "\"%s\", expected \"%s\"", rc ? e.msg : got, p->want + 1);
    else CHECK(!rc && !strcmp(got, p->want), "\"%s\", expected \"%s\"", rc ? e.msg : got, p->want);
    CHECK(mem_live() == live, "\"%s\": %lld blocks kept", p->want, (long long)(mem_live() - live));
}

static void test_places(void)
{
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        write_folder(&folders[i]);
        check_place(in_dir("m"), &folders[i]);
        CHECK_OK(dir_remove_tree(in_dir("m"), &e), &e);
    }
    for (size_t i = 0; i < ARRAY_LEN(ggufs); i++) {
        write_gguf(&ggufs[i]);
        check_place(in_dir("m.gguf"), &ggufs[i]);
    }
}

/* Counts and sizes beyond the limits, and a byte that would end a text. */
static void test_limits(void)
{
    static char large[(1 << 20) + 2];
    struct place p = {.text = {{JINJA, large}}, .want = "!chat_template.jinja: 1048577 bytes, at most 1048576"};
    struct err e = {0};
    char name[64];
    memset(large, 'a', sizeof large - 1);
    write_folder(&p);
    check_place(in_dir("m"), &p);
    CHECK_OK(file_replace(in_dir("m/" JINJA), "a\0b", 3, &e), &e);
    check_place(in_dir("m"), &(struct place){.want = "!chat_template.jinja: the chat template holds a NUL byte"});
    CHECK_OK(file_replace(in_dir("m/" JINJA), "a", 1, &e), &e);
    CHECK_OK(file_mkdirs(in_dir("m/additional_chat_templates"), &e), &e);
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof name, "m/additional_chat_templates/%02d.jinja", i);
        CHECK_OK(file_replace(in_dir(name), "b", 1, &e), &e);
    }
    check_place(in_dir("m"), &(struct place){.want = "!63.jinja: more than 64 chat templates"});
    CHECK_OK(dir_remove_tree(in_dir("m"), &e), &e);
}

static void check_name(const char *path, const char *want)
{
    struct model_file m;
    struct err e = {0};
    char *name = NULL;
    CHECK_OK(model_file_open(&m, path, &e), &e);
    int rc = model_name(&name, &m, &e);
    if (want && *want == '!') CHECK(rc && strstr(e.msg, want + 1), "\"%s\", expected \"%s\"", e.msg, want + 1);
    else CHECK(!rc && !name == !want && (!want || !strcmp(name, want)), "the name is %s", name);
    mem_free(name);
    model_file_close(&m);
}

static void test_names(void)
{
    static const struct {
        const char *config, *want;
    } names[] = {{"{\"_name_or_path\": \"a/b\"}", "a/b"},
                 {"{}", NULL},
                 {"{\"_name_or_path\": 7}", NULL},
                 {"{", "!config.json: line 1"}};
    struct err e = {0};
    write_gguf(&ggufs[0]);
    check_name(in_dir("m.gguf"), "a name");
    CHECK_OK(file_mkdirs(in_dir("m"), &e), &e);
    check_name(in_dir("m"), NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CHECK_OK(file_replace(in_dir("m/config.json"), names[i].config, strlen(names[i].config), &e), &e);
        check_name(in_dir("m"), names[i].want);
    }
    CHECK_OK(dir_remove_tree(in_dir("m"), &e), &e);
}

/* A folder without tensors, and without anything else, opens; what it lacks is told when it is asked for. */
static void test_lacking(void)
{
    static const char text[] = "{\"eos_token_id\": 3}";
    struct model_file m;
    struct err e = {0};
    struct config c;
    struct tokenizer *tok;
    const struct model_json_file *a, *b;
    CHECK(model_file_open(&m, in_dir("none"), &e) == ERR_NOTFOUND && strstr(e.msg, "/none: there is no such model"), "%s", e.msg);
    CHECK_OK(file_mkdirs(in_dir("m"), &e), &e);
    CHECK_OK(file_replace(in_dir("m/generation_config.json"), text, sizeof text - 1, &e), &e);
    CHECK_OK(model_file_open(&m, in_dir("m"), &e), &e);
    CHECK(net_read_config(&c, &m, &e) == ERR_NOTFOUND && strstr(e.msg, "/m/config.json: there is no such file"), "%s", e.msg);
    CHECK(model_load_tokenizer(&tok, &m, &e) == ERR_NOTFOUND && strstr(e.msg, "/m/tokenizer.json: cannot open"), "%s", e.msg);
    CHECK(model_file_tensors(&m, &e) == ERR_NOTFOUND && strstr(e.msg, "/m: folder has neither"), "%s", e.msg);
    CHECK_OK(model_file_json(&a, &m, MODEL_GENERATION_CONFIG, &e), &e);
    uint64_t opens = file_opens();
    CHECK_OK(model_file_json(&b, &m, MODEL_GENERATION_CONFIG, &e), &e);
    CHECK(a == b && a->root && file_opens() == opens, "parsed again");
    CHECK_OK(model_file_json(&b, &m, MODEL_CHAT_TEMPLATE, &e), &e);
    CHECK(!b->root && b->path, "a file that is not there");
    model_file_close(&m);
    model_file_close(&m); /* twice does no harm */
    CHECK_OK(file_replace(in_dir("m/generation_config.json"), "[]", 2, &e), &e);
    CHECK_OK(model_file_open(&m, in_dir("m"), &e), &e);
    CHECK(model_file_json(&a, &m, MODEL_GENERATION_CONFIG, &e) == ERR_FORMAT && strstr(e.msg, "expected a JSON object"), "%s",
          e.msg);
    model_file_close(&m);
    CHECK_OK(dir_remove_tree(in_dir("m"), &e), &e);
}

/* Every allocation fails once: an error each time, and nothing is kept. */
static void test_faults(void)
{
    struct err e = {0};
    char got[200];
    write_folder(&folders[3]);
    int64_t live = mem_live();
    int rc = ERR_MEMORY, tries = 0;
    for (; rc && tries < 1000; tries++) {
        mem_fail_at((uint64_t)tries + 1);
        rc = read_place(got, in_dir("m"), &e);
        mem_fail_at(0);
        CHECK(mem_live() == live, "allocation %d: %lld blocks kept", tries, (long long)(mem_live() - live));
    }
    CHECK(!rc && tries > 10, "%d allocations", tries);
    CHECK_OK(dir_remove_tree(in_dir("m"), &e), &e);
}

int main(void)
{
    folder_make();
    test_places();
    test_limits();
    test_names();
    test_lacking();
    test_faults();
    folder_remove();
    return test_end();
}
