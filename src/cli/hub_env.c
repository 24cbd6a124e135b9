/* The environment of pull, list, cp and rm. */
#include "cli/hub_env.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "autarky.h"
#include "base/checked.h"
#include "base/mem.h"
#include "cli/model_name.h"
#include "sys/file.h"

enum { CONNECT_SECONDS = 15, STALL_SECONDS = 30, TRIES = 6 };

/* The first of these variables that is set and not empty. */
static const char *first_of(const char *a, const char *b, const char *c)
{
    const char *names[] = {a, b, c};
    for (int i = 0; i < 3; i++) {
        const char *v = names[i] ? getenv(names[i]) : NULL;
        if (v && *v) return v;
    }
    return NULL;
}

static bool is_on(const char *name)
{
    const char *v = getenv(name);
    return v && (!strcmp(v, "1") || !strcasecmp(v, "true") || !strcasecmp(v, "yes") || !strcasecmp(v, "on"));
}

/* value with a leading "~/" replaced, then rest; false when it does not fit. */
static bool put_path(char out[SETUP_PATH], const char *value, const char *rest)
{
    const char *home = getenv("HOME");
    bool tilde = !strncmp(value, "~/", 2) && home;
    int n = snprintf(out, SETUP_PATH, "%s%s%s%s", tilde ? home : "", tilde ? value + 1 : value, *rest ? "/" : "", rest);
    return n < SETUP_PATH;
}

static int put_endpoint(char out[HUB_URL_MAX], const char *value, const char *name, struct err *e)
{
    int n = snprintf(out, HUB_URL_MAX, "%s", value);
    if (n >= HUB_URL_MAX - 1000) FAIL(e, ERR_USAGE, "%s is too long", name);
    while (n > 0 && out[n - 1] == '/') out[--n] = 0;
    return OK;
}

/* A token becomes a header line: nothing but printable ASCII may be in it. */
static int put_token(char out[HUB_TOKEN], const char *value, const char *where, struct err *e)
{
    size_t n = strlen(value);
    while (n > 0 && strchr(" \t\r\n", value[n - 1])) n--;
    if (n >= HUB_TOKEN) FAIL(e, ERR_USAGE, "%s holds %zu bytes, which is no token", where, n);
    memcpy(out, value, n);
    out[n] = 0;
    for (size_t i = 0; i < n; i++)
        if (out[i] <= 0x20 || out[i] >= 0x7f) FAIL(e, ERR_USAGE, "%s holds a character that no token has", where);
    return OK;
}

/* The folder of the hub's library: $HF_HOME, else huggingface in the folder for caches. */
static bool hf_home(char out[SETUP_PATH], const char *rest)
{
    char below[300];
    const char *set = getenv("HF_HOME");
    if (set && *set) return put_path(out, set, rest);
    snprintf(below, sizeof below, "huggingface/%s", rest);
    return xdg_path(out, "XDG_CACHE_HOME", ".cache", below);
}

static int read_tokens(struct hub_env *h, struct err *e)
{
    char path[SETUP_PATH], *text;
    size_t n;
    const char *set = first_of("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", NULL), *file = getenv("HF_TOKEN_PATH");
    const char *scope = getenv("MODELSCOPE_API_TOKEN");
    if (set) {
        TRY(put_token(h->token, set, "HF_TOKEN", e));
    } else if (!is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
        bool named = file && *file ? put_path(path, file, "") : hf_home(path, "token");
        if (named && !file_absent(path)) {
            TRY(file_read(&text, &n, path, 1 << 16, e));
            int rc = put_token(h->token, text, path, e);
            mem_free(text);
            TRY(rc);
        }
    }
    if (scope && *scope) TRY(put_token(h->ms_token, scope, "MODELSCOPE_API_TOKEN", e));
    if (h->token[0]) h->options.hf_token = h->token;
    if (h->ms_token[0]) h->options.modelscope_token = h->ms_token;
    return OK;
}

static int read_folders(struct hub_env *h, struct err *e)
{
    const char *cache = first_of("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", NULL), *set;
    if (cache ? !put_path(h->cache, cache, "") : !hf_home(h->cache, "hub"))
        FAIL(e, ERR_USAGE, "there is no folder for models: set HOME, HF_HOME or HF_HUB_CACHE");
    h->options.cache = h->places.root[PLACE_HF] = h->cache;
    if (xdg_path(h->own, "XDG_DATA_HOME", ".local/share", "autarky/models"))
        h->options.folder = h->places.root[PLACE_OWN] = h->own;
    set = getenv("OLLAMA_MODELS");
    if (set && *set ? put_path(h->ollama, set, "") : put_path(h->ollama, "~/.ollama/models", ""))
        h->places.root[PLACE_OLLAMA] = h->ollama;
    if (put_path(h->lmstudio, "~/.lmstudio/models", "")) h->places.root[PLACE_LMSTUDIO] = h->lmstudio;
    set = getenv("LLAMA_CACHE");
    if (set && *set ? put_path(h->llama_cpp, set, "") : xdg_path(h->llama_cpp, "XDG_CACHE_HOME", ".cache", "llama.cpp"))
        h->places.root[PLACE_LLAMA_CPP] = h->llama_cpp;
    if (model_shipped_folder(h->shipped)) h->places.root[PLACE_SHIPPED] = h->shipped;
    h->places.root[PLACE_RUNS] = "runs";
    h->places.ollama_system = "/usr/share/ollama/.ollama/models";
    return OK;
}

int hub_env_read(struct hub_env *h, struct err *e)
{
    *h = (struct hub_env){0};
    struct hub_options *o = &h->options;
    const char *hf = first_of("HF_ENDPOINT", NULL, NULL), *scope = first_of("MODELSCOPE_ENDPOINT", NULL, NULL);
    TRY(put_endpoint(h->endpoint, hf ? hf : "https://huggingface.co", "HF_ENDPOINT", e));
    TRY(put_endpoint(h->ms_endpoint, scope ? scope : "https://www.modelscope.cn", "MODELSCOPE_ENDPOINT", e));
    TRY(read_tokens(h, e));
    TRY(read_folders(h, e));
    o->hf_endpoint = h->endpoint;
    o->modelscope_endpoint = h->ms_endpoint;
    o->offline = is_on("HF_HUB_OFFLINE");
    o->tries = TRIES;
    o->backoff = 1;
    o->http = (struct web_options){
        .agent = "autarky/" AUTARKY_VERSION,
        .proxy_https = first_of("https_proxy", "HTTPS_PROXY", NULL),
        .proxy_http = first_of("http_proxy", NULL, NULL), /* HTTP_PROXY can come from a request of CGI */
        .no_proxy = first_of("no_proxy", "NO_PROXY", NULL),
        .ca_file = first_of("CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        .connect_seconds = CONNECT_SECONDS,
        .stall_seconds = STALL_SECONDS};
    if (!o->http.proxy_https) o->http.proxy_https = first_of("all_proxy", "ALL_PROXY", NULL);
    if (!o->http.proxy_http) o->http.proxy_http = first_of("all_proxy", "ALL_PROXY", NULL);
    return OK;
}

/* The caches of programs, and where earlier versions of theirs had them. */
const struct panels_rule *panels_rule(void)
{
    static const enum hub_place programs[] = {PLACE_HF, PLACE_OLLAMA, PLACE_LMSTUDIO, PLACE_LLAMA_CPP};
    static const char *const others[] = {"~/.cache/lm-studio/models", "~/.local/share/nomic.ai/GPT4All"};
    static struct hub_env h;
    static char paths[2][SETUP_PATH], cache[SETUP_PATH];
    static const char *foreign[ARRAY_LEN(programs) + ARRAY_LEN(others) + 2];
    static struct panels_rule rule;
    size_t n = 0;
    if (rule.foreign) return &rule;
    read_folders(&h, NULL); /* without HOME there are none, and no cache either */
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (h.places.root[programs[i]]) foreign[n++] = h.places.root[programs[i]];
    if (h.places.ollama_system) foreign[n++] = h.places.ollama_system;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (put_path(paths[i], others[i], "")) foreign[n++] = paths[i];
    rule.foreign = foreign;
    if (xdg_path(cache, "XDG_CACHE_HOME", ".cache", "autarky/panels")) rule.cache = cache;
    return &rule;
}
