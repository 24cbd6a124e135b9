/* Parsing the names of models. */
#include "hub/ref.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/utf8.h"

enum { COMPONENT_MAX = 200, DEPTH_MAX = 12, WORD_MAX = 96 };

bool hub_hex_ok(const char *s, size_t n) { return strlen(s) == n && strspn(s, "0123456789abcdef") == n; }
bool hub_hash_ok(const char *s) { return hub_hex_ok(s, 40) || hub_hex_ok(s, 64); }

static bool word_ok(const char *s, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (n == 0 || n > WORD_MAX || strspn(s, allowed) < n) return false;
    return !strchr("-.", s[0]) && !strchr("-.", s[n - 1]);
}

bool hub_repo_ok(const char *repo)
{
    const char *slash = strchr(repo, '/');
    size_t n = slash ? (size_t)(slash - repo) : strlen(repo);
    if (strlen(repo) >= HUB_REPO || strstr(repo, "--") || strstr(repo, "..")) return false;
    return word_ok(repo, n) && (!slash || word_ok(slash + 1, strlen(slash + 1)));
}

static bool component_ok(const char *s, size_t n)
{
    if (n == 0 || n > COMPONENT_MAX || (s[0] == '.' && (n == 1 || (n == 2 && s[1] == '.')))) return false;
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + i, n - i, &cp);
        if (len == 0 || !utf8_is_safe(cp) || cp == '\\') return false;
    }
    return true;
}

bool hub_path_ok(const char *path)
{
    int depth = 0;
    if (strlen(path) >= HUB_PATH) return false;
    for (const char *s = path;; s++) {
        size_t n = strcspn(s, "/");
        if (++depth > DEPTH_MAX || !component_ok(s, n)) return false;
        s += n;
        if (!*s) return true;
    }
}

static int put(char *out, size_t cap, const char *s, size_t n, const char *what, const char *text, struct err *e)
{
    if (n == 0) FAIL(e, ERR_USAGE, "\"%.200s\": the %s is empty", text, what);
    if (n >= cap) FAIL(e, ERR_USAGE, "\"%.200s\": the %s has %zu bytes, expected at most %zu", text, what, n, cap - 1);
    memcpy(out, s, n);
    out[n] = 0;
    return OK;
}

static int check(const struct hub_ref *r, const char *text, struct err *e)
{
    if (!hub_repo_ok(r->repo))
        FAIL(e, ERR_USAGE,
             "\"%.200s\" is no name of a model: expected org/name, org/name:file-or-quant, org/name@revision or "
             "https://...",
             text);
    if (r->revision[0] && !hub_path_ok(r->revision))
        FAIL(e, ERR_USAGE, "\"%.200s\": \"%s\" is no revision", text, r->revision);
    if (r->pick[0] && !hub_path_ok(r->pick))
        FAIL(e, ERR_USAGE, "\"%.200s\": \"%s\" names no file of a repository", text, r->pick);
    return OK;
}

/* "org/name[@revision][:pick]"; s is a part of text. */
static int parse_name(struct hub_ref *r, const char *s, const char *text, struct err *e)
{
    size_t n = strcspn(s, "@:");
    TRY(put(r->repo, sizeof r->repo, s, n, "name", text, e));
    for (s += n; *s; s += n) {
        bool revision = *s++ == '@';
        n = strcspn(s, revision ? ":" : "@");
        if (revision ? r->revision[0] : r->pick[0])
            FAIL(e, ERR_USAGE, "\"%.200s\": two %s", text, revision ? "revisions" : "choices");
        if (revision) TRY(put(r->revision, sizeof r->revision, s, n, "revision after '@'", text, e));
        else TRY(put(r->pick, sizeof r->pick, s, n, "file or quantisation after ':'", text, e));
    }
    return check(r, text, e);
}

static const struct web_host {
    const char *prefix;
    enum hub_source source;
} web_hosts[] = {
    {"https://huggingface.co/", HUB_HF},
    {"https://hf.co/", HUB_HF},
    {"https://www.modelscope.cn/models/", HUB_MODELSCOPE},
    {"https://modelscope.cn/models/", HUB_MODELSCOPE},
    {"https://www.modelscope.ai/models/", HUB_MODELSCOPE},
    {"https://modelscope.ai/models/", HUB_MODELSCOPE},
};

/* What stands in a browser's address line: org/name[/tree/REV | /blob/REV/PATH | /resolve/REV/PATH]. */
static int parse_page(struct hub_ref *r, const char *s, const char *text, struct err *e)
{
    size_t org = strcspn(s, "/?#"), name = s[org] == '/' ? strcspn(s + org + 1, "/?#") : 0;
    TRY(put(r->repo, sizeof r->repo, s, name ? org + 1 + name : org, "name", text, e));
    s += name ? org + 1 + name : org;
    bool file = !strncmp(s, "/blob/", 6) || !strncmp(s, "/resolve/", 9);
    if (file || !strncmp(s, "/tree/", 6)) {
        s = strchr(s + 1, '/') + 1;
        size_t n = strcspn(s, "/?#");
        TRY(put(r->revision, sizeof r->revision, s, n, "revision", text, e));
        s += n;
        if (file && *s == '/') TRY(put(r->pick, sizeof r->pick, s + 1, strcspn(s + 1, "?#"), "file", text, e));
    }
    return check(r, text, e);
}

int hub_ref_parse(struct hub_ref *r, const char *text, struct err *e)
{
    *r = (struct hub_ref){.source = HUB_HF, .source_named = true};
    if (!strncmp(text, "hf://", 5)) return parse_name(r, text + 5, text, e);
    if (!strncmp(text, "hf.co/", 6)) return parse_name(r, text + 6, text, e); /* as Ollama writes it */
    if (!strncmp(text, "modelscope://", 13)) {
        r->source = HUB_MODELSCOPE;
        return parse_name(r, text + 13, text, e);
    }
    for (size_t i = 0; i < ARRAY_LEN(web_hosts); i++) {
        const char *prefix = web_hosts[i].prefix;
        if (strncmp(text, prefix, strlen(prefix)) != 0) continue;
        r->source = web_hosts[i].source;
        return parse_page(r, text + strlen(prefix), text, e);
    }
    if (!strncmp(text, "https://", 8) || !strncmp(text, "http://", 7)) {
        r->source = HUB_URL;
        return put(r->url, sizeof r->url, text, strlen(text), "address", text, e);
    }
    if (strstr(text, "://"))
        FAIL(e, ERR_USAGE, "\"%.200s\": expected hf://, modelscope://, https:// or org/name", text);
    r->source_named = false;
    return parse_name(r, text, text, e);
}

int hub_ref_here(struct hub_ref *r, const char *text, struct err *e)
{
    int rc = hub_ref_parse(r, text, e);
    if (!rc || strlen(text) >= sizeof r->repo || strstr(text, "://") || !hub_path_ok(text)) return rc;
    *r = (struct hub_ref){.file = true};
    memcpy(r->repo, text, strlen(text) + 1);
    return OK;
}
