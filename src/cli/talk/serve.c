/* autarky serve, and the process that computes for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/keys_file.h"
#include "cli/hub_env.h"
#include "cli/model_name.h"
#include "cli/presets.h"
#include "cli/setup.h"
#include "serve/serve.h"
#include "sys/file.h"
#include "sys/net.h"
#include "sys/process.h"
#include "sys/store.h"
#include "worker/worker.h"

enum {
    PORT = 8420,
    PARALLEL = 16,            /* sequences in one pass */
    CONTEXT_MOST = 32768,     /* unless --ctx asks for more */
    CACHE_TOKENS = 65536,     /* of all answers together, where they fit */
    MORE_LOGITS = 64,         /* rows of a pass for guesses and for tokens of prompts that are told */
    MOST_MODELS = 64,
    MOST_PORTS = 8,
    WORD = 64,
    KV_OF_DISK = 20, /* the store of evaluated tokens takes no more than this part of the disk, */
};
#define KV_MOST (UINT64_C(8) << 30) /* and no more than this, unless more is asked for */

/* ---- options that serve and its workers share ---- */

struct shared_args {
    struct model_args model;
    bool open;
    int64_t parallel, cache_tokens, kv_bytes;
    const char *kv_folder;
    bool no_guesses;
};

static void shared_args_add(struct opts *o, struct shared_args *a)
{
    model_args_add(o, &a->model);
    chat_args_add(o, &a->model);
    opts_flag(o, "no-sandbox", 0, &a->open, "may do what this user may; to look for faults");
    opts_heading(o, "Answers at once:");
    a->parallel = PARALLEL;
    opts_add(o, (struct opt){"parallel", 0, OPT_I64, &a->parallel, 1, 256,
                             .help = "texts that grow side by side in one pass (16)"});
    opts_flag(o, "no-guesses", 0, &a->no_guesses, "never guess tokens ahead (no answer changes, only the time)");
    opts_add(o, (struct opt){"cache-tokens", 0, OPT_I64, &a->cache_tokens, 256, 1 << 28,
                             .help = "tokens that all texts together may hold (65536, fewer where memory is short)"});
    a->kv_bytes = -1;
    opts_add(o, (struct opt){"kv-cache", 0, OPT_STR, &a->kv_folder, .arg = "DIR",
                             .help = "where evaluated tokens are kept for later runs (in the user's cache, autarky/kv)"});
    opts_add(o, (struct opt){"kv-cache-bytes", 0, OPT_I64, &a->kv_bytes, 0, (double)(INT64_C(1) << 50),
                             .help = "most that they take, all models together (8G, or a 20th of the disk; 0: none are kept)"});
}

/* The same options as words, for a worker. */
struct words {
    char text[32][WORD];
    const char *list[64];
    size_t n_text, n;
};

static void word(struct words *w, const char *s) { w->list[w->n++] = s; }

static void number(struct words *w, const char *name, int64_t v)
{
    if (v == 0) return;
    snprintf(w->text[w->n_text], WORD, "%" PRId64, v);
    word(w, name);
    word(w, w->text[w->n_text++]);
}

static void string(struct words *w, const char *name, const char *v)
{
    if (!v) return;
    word(w, name);
    word(w, v);
}

static void choice(struct words *w, const struct opts *o, const char *dashed, int v)
{
    if (v == 0) return;
    for (int i = 0; i < o->n; i++)
        if (o->rows[i].name && !strcmp(o->rows[i].name, dashed + 2)) string(w, dashed, o->rows[i].choices[v]);
}

static void make_words(struct words *w, const struct opts *o, const struct shared_args *a)
{
    const struct model_args *m = &a->model;
    *w = (struct words){0};
    number(w, "--ctx", m->ctx);
    number(w, "--threads", m->threads);
    number(w, "--memory", m->memory);
    number(w, "--chunk", m->chunk);
    number(w, "--parallel", a->parallel);
    number(w, "--cache-tokens", a->cache_tokens);
    choice(w, o, "--compute", m->compute);
    choice(w, o, "--cache", m->cache);
    choice(w, o, "--attention", m->attention);
    choice(w, o, "--think", m->thinking);
    string(w, "--level", m->level);
    string(w, "--template", m->template_name);
    string(w, "--date", m->date);
    string(w, "--kv-cache", a->kv_folder);
    if (a->kv_bytes == 0) string(w, "--kv-cache-bytes", "0");
    else if (a->kv_bytes > 0) number(w, "--kv-cache-bytes", a->kv_bytes);
    if (m->no_panels) word(w, "--no-panels");
    if (a->no_guesses) word(w, "--no-guesses");
    if (a->open) word(w, "--no-sandbox");
}

/* ---- worker ---- */

/* The most tokens, up to the usual, with which the model fits. */
static int64_t tokens_that_fit(const struct engine_options *o)
{
    int64_t n = CACHE_TOKENS;
    for (; n > 4096; n /= 2) {
        struct err ignored;
        struct engine_memory m;
        struct engine_options try = *o;
        try.decoder.pages = n / PAGE_ROWS;
        if (!engine_plan(&try, &m, &ignored)) break;
    }
    return n;
}

/* Without a folder, or a disk that tells its size, nothing is kept. */
static struct kv_store_options kv_options(const struct shared_args *a, char folder[SETUP_PATH])
{
    struct err ignored;
    uint64_t disk;
    struct kv_store_options o = {.folder = a->kv_folder, .bytes = a->kv_bytes > 0 ? (uint64_t)a->kv_bytes : 0};
    if (!o.folder && xdg_path(folder, "XDG_CACHE_HOME", ".cache", "autarky/kv")) o.folder = folder;
    if (a->kv_bytes < 0 && o.folder && !file_disk_size(o.folder, &disk, &ignored))
        o.bytes = disk / KV_OF_DISK < KV_MOST ? disk / KV_OF_DISK : KV_MOST;
    return o;
}

int cmd_worker(int argc, char **argv)
{
    char folder[SETUP_PATH];
    struct shared_args a = {0};
    struct err e = {0};
    int n, status, rc;
    struct opts o = {.command = "worker", .usage = "MODEL",
                     .summary = "The process that computes for autarky serve, which starts it.\n"};
    shared_args_add(&o, &a);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 1) {
        rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "expected a model, found %d words: autarky serve starts workers", n);
        return exit_fail("worker", &e);
    }
    struct worker_options w = {.engine = model_engine_options(argv[1], &a.model), .open = a.open};
    w.engine.decoder.slots = (int)a.parallel;
    w.engine.decoder.more_logits = MORE_LOGITS;
    w.scheduler.no_guesses = a.no_guesses;
    w.engine.context_most = CONTEXT_MOST;
    w.engine.shorten = true;
    w.engine.decoder.pages = (a.cache_tokens ? a.cache_tokens : tokens_that_fit(&w.engine)) / PAGE_ROWS;
    w.cache.store = kv_options(&a, folder);
    rc = worker_run(PROCESS_FD, &w, &e);
    return rc ? exit_fail("worker", &e) : EXIT_OK;
}

/* ---- serve ---- */

struct serve_args {
    struct shared_args shared;
    const char *host;
    int64_t port;
    struct opt_list also, hosts, origins;
    double drain;
    bool strict, quiet, insecure;
    const char *keys, *certificate, *key, *log, *audit, *path;
    char keys_path[SETUP_PATH];
    double idle;
    int64_t most_loaded;
    const char *presets_path;
    struct presets presets;
    struct serve_model models[MOST_MODELS];
    char *owned[2 * MOST_MODELS];
    size_t n_models, n_owned;
};

/* The name of a file or folder without its end and its path. */
static char *id_of(const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    size_t n = strlen(base);
    if (n > 5 && !strcmp(base + n - 5, ".gguf")) n -= 5;
    return mem_strndup(base, n);
}

/* p NULL: nothing but its name is known. */
static int add_model(struct serve_args *a, const char *name, const struct preset *p, struct err *e)
{
    char found[SETUP_PATH];
    struct stat st;
    if (a->n_models == MOST_MODELS) FAIL(e, ERR_LIMIT, "more than %d models", MOST_MODELS);
    TRY(model_resolve(found, name, e));
    char *path = mem_strndup(found, strlen(found)), *id = p && p->id ? mem_strndup(p->id, strlen(p->id)) : id_of(found);
    a->owned[a->n_owned++] = path;
    a->owned[a->n_owned++] = id;
    if (!path || !id) FAIL(e, ERR_MEMORY, "out of memory for the names of models");
    for (size_t i = 0; i < a->n_models; i++)
        if (!strcmp(a->models[i].id, id)) FAIL(e, ERR_USAGE, "two models would be called %s: %s and %s", id,
                                               a->models[i].path, path);
    bool there = stat(path, &st) == 0;
    a->models[a->n_models] =
        (struct serve_model){.id = id, .path = path, .modified = there ? (int64_t)st.st_mtime : 0,
                             .first = p ? p->load : a->n_models == 0};
    if (p) {
        struct serve_model *m = &a->models[a->n_models];
        m->pinned = p->pinned;
        m->alias = p->aliases;
        m->args = p->options;
    }
    a->n_models++;
    return OK;
}

static int add_presets(struct serve_args *a, struct err *e)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, a->presets_path, 1 << 20, e));
    int rc = presets_parse(&a->presets, text, len, a->presets_path, e);
    mem_free(text);
    for (size_t i = 0; !rc && i < a->presets.n; i++) rc = add_model(a, a->presets.v[i].model, &a->presets.v[i], e);
    return rc;
}

/* What else is on this machine, as far as there is room for it and its name: loaded when somebody asks for it. */
static int add_local(struct serve_args *a, struct err *e)
{
    struct hub_env env;
    struct hub_models list = {0};
    struct err ignored;
    if (hub_env_read(&env, &ignored) || hub_models_list(&list, &env.places, &ignored)) return OK;
    int rc = OK;
    for (size_t i = 0; i < list.n && rc != ERR_MEMORY && a->n_models < MOST_MODELS; i++)
        if (list.v[i].format != HUB_INCOMPLETE) rc = add_model(a, list.v[i].path, NULL, e);
    hub_models_free(&list);
    return rc == ERR_MEMORY ? rc : OK;
}

static int add_models(struct serve_args *a, char **names, int n, struct err *e)
{
    char found[SETUP_PATH];
    for (int i = 0; i < n; i++) TRY(add_model(a, names[i], NULL, e));
    if (a->presets_path) TRY(add_presets(a, e));
    if (a->n_models > 0) return OK;
    TRY(model_default(found, e));
    TRY(add_model(a, found, NULL, e));
    return add_local(a, e);
}

static int read_ports(int ports[MOST_PORTS], size_t *n, const struct serve_args *a, struct err *e)
{
    ports[0] = (int)a->port;
    *n = 1;
    for (size_t i = 0; i < a->also.n; i++) {
        char *end;
        long v = strtol(a->also.v[i], &end, 10);
        if (*end || v < 1 || v > 65535) FAIL(e, ERR_USAGE, "--also-port is \"%s\", expected 1 to 65535", a->also.v[i]);
        if (*n == MOST_PORTS) FAIL(e, ERR_LIMIT, "more than %d ports", MOST_PORTS);
        ports[(*n)++] = (int)v;
    }
    return OK;
}

static bool is_local(const char *host)
{
    struct net_ip ip;
    return !strcmp(host, "localhost") || (net_ip_parse(&ip, host) && net_ip_is_loopback(&ip));
}

/* Whom it serves: the keys, if there are any; other machines only with keys and TLS, or when that is wanted in so many words. */
static int choose_guard(struct serve_options *s, struct serve_args *a, struct err *e)
{
    bool local = is_local(a->host);
    if (!!a->certificate != !!a->key) FAIL(e, ERR_USAGE, "--tls-cert and --tls-key go together");
    if (keys_file(a->keys_path, a->keys) && (a->keys || !file_absent(a->keys_path))) s->keys = a->keys_path;
    if (s->keys && file_absent(s->keys)) FAIL(e, ERR_NOTFOUND, "%s: there are no keys; autarky keys add NAME makes one", s->keys);
    s->certificate = a->certificate;
    s->key = a->key;
    s->insecure = !local && a->insecure && !(s->keys && s->certificate);
    if (local || s->insecure || (s->keys && s->certificate)) return OK;
    FAIL(e, ERR_USAGE, "--host %s lets other machines in: that needs %s%s%s, or --insecure-network", a->host,
         s->keys ? "" : "keys (autarky keys add NAME)", s->keys || s->certificate ? "" : " and ",
         s->certificate ? "" : "TLS (--tls-cert, --tls-key)");
}

static int serve(struct serve_args *a, const struct opts *o, char **names, int n, struct err *e)
{
    int ports[MOST_PORTS];
    char cache[SETUP_PATH];
    struct words w;
    struct serve_options s = {.address = a->host, .ports = ports, .hosts = a->hosts.v, .origins = a->origins.v,
                              .models = a->models, .log = a->log, .audit = a->audit, .path = a->path,
                              .idle_seconds = a->idle, .most_loaded = (int)a->most_loaded,
                              .drain_seconds = a->drain, .strict = a->strict, .quiet = a->quiet};
    if (a->hosts.n == OPT_LIST_MAX || a->origins.n == OPT_LIST_MAX) FAIL(e, ERR_LIMIT, "more than %d names", OPT_LIST_MAX - 1);
    TRY(choose_guard(&s, a, e));
    s.n_given = net_given(getenv("LISTEN_PID"), getenv("LISTEN_FDS"));
    s.first_given = NET_GIVEN_FIRST;
    TRY(read_ports(ports, &s.n_ports, a, e));
    TRY(add_models(a, names, n, e));
    make_words(&w, o, &a->shared);
    const char *folders[3] = {NULL};
    size_t n_folders = 0;
    if (xdg_path(cache, "XDG_CACHE_HOME", ".cache", "autarky")) folders[n_folders++] = cache;
    if (a->shared.kv_folder) folders[n_folders++] = a->shared.kv_folder;
    for (size_t i = 0; i < n_folders; i++) TRY(file_mkdirs(folders[i], e));
    s.folders = folders;
    s.open = a->shared.open;
    s.n_models = a->n_models;
    s.worker_args = w.list;
    return serve_run(&s, e);
}

static void models_args_add(struct opts *o, struct serve_args *a)
{
    opts_heading(o, "Models:");
    opts_add(o, (struct opt){"models", 0, OPT_STR, &a->presets_path, .arg = "FILE",
                             .help = "presets: names, aliases, options and pins of models (docs/SERVE.md)"});
    opts_add(o, (struct opt){"idle", 0, OPT_F64, &a->idle, 0, 1e9, .arg = "SECONDS",
                             .help = "a model that nobody has used for so long is unloaded (never)"});
    opts_add(o, (struct opt){"max-loaded", 0, OPT_I64, &a->most_loaded, 0, MOST_MODELS, .arg = "N",
                             .help = "models loaded at once; the one unused for longest makes room (as many as fit)"});
}

static void guard_args_add(struct opts *o, struct serve_args *a)
{
    opts_heading(o, "Who may come, and what is written down (docs/SERVE.md):");
    opts_add(o, (struct opt){"keys", 0, OPT_STR, &a->keys, .arg = "FILE",
                             .help = "of keys (that of autarky keys, when it is there)"});
    opts_add(o, (struct opt){"tls-cert", 0, OPT_STR, &a->certificate, .arg = "FILE", .help = "certificate and its chain, PEM"});
    opts_add(o, (struct opt){"tls-key", 0, OPT_STR, &a->key, .arg = "FILE", .help = "its key, PEM"});
    opts_flag(o, "insecure-network", 0, &a->insecure, "let other machines in without keys or without TLS");
    opts_add(o, (struct opt){"unix", 0, OPT_STR, &a->path, .arg = "PATH",
                             .help = "a socket in the file system, too, for this user"});
    opts_add(o, (struct opt){"log", 0, OPT_STR, &a->log, .arg = "FILE",
                             .help = "a line of JSON for every request, without content"});
    opts_add(o, (struct opt){"audit", 0, OPT_STR, &a->audit, .arg = "FILE",
                             .help = "the same, each line with the hash of the one before (autarky keys verify-log)"});
}

int cmd_serve(int argc, char **argv)
{
    struct serve_args *a = mem_array(1, sizeof *a);
    struct err e = {0};
    int n, status = EXIT_OK, rc;
    struct opts o = {.command = "serve",
                     .usage = "[MODEL...]",
                     .summary = "Serves models to programs on this machine, in the interfaces of OpenAI, DeepSeek, Anthropic,\n"
                                "Ollama and llama-server. The first is loaded at once, others when somebody asks for them.\n\n"
                                "  autarky serve model.gguf\n"
                                "  autarky serve model.gguf --also-port 11434\n"};
    if (!a) {
        err_set(&e, ERR_MEMORY, __FILE__, __LINE__, "out of memory");
        return exit_fail("serve", &e);
    }
    *a = (struct serve_args){.host = "localhost", .port = PORT, .drain = 30};
    opts_add(&o, (struct opt){"host", 0, OPT_STR, &a->host, .arg = "ADDRESS", .help = "where it listens (localhost)"});
    opts_add(&o, (struct opt){"port", 0, OPT_I64, &a->port, 0, 65535, .help = "where it listens (8420; 0: any that is free)"});
    opts_add(&o, (struct opt){"also-port", 0, OPT_LIST, &a->also, .arg = "PORT",
                              .help = "another port too, to stand in for another server; may be given again"});
    opts_add(&o, (struct opt){"allow-host", 0, OPT_LIST, &a->hosts, .arg = "NAME",
                              .help = "a name by which clients call this machine"});
    opts_add(&o, (struct opt){"allow-origin", 0, OPT_LIST, &a->origins, .arg = "ORIGIN",
                              .help = "pages of this site may ask from a browser, as https://chat.example"});
    opts_add(&o, (struct opt){"drain", 0, OPT_F64, &a->drain, 0, 86400, .arg = "SECONDS",
                              .help = "for answers under way when it is told to end (30)"});
    opts_flag(&o, "strict", 0, &a->strict, "refuse requests that ask for what would be ignored");
    opts_flag(&o, "quiet", 'q', &a->quiet, "no line for every request");
    models_args_add(&o, a);
    guard_args_add(&o, a);
    shared_args_add(&o, &a->shared);
    if (opts_begin(&o, argc, argv, &n, &status)) {
        rc = serve(a, &o, argv + 1, n, &e);
        status = rc ? exit_fail("serve", &e) : EXIT_OK;
    }
    for (size_t i = 0; i < a->n_owned; i++) mem_free(a->owned[i]);
    presets_free(&a->presets);
    mem_free(a);
    return status;
}
