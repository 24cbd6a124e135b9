/* Fetching against a hub of our own that misbehaves: every download must resume, verify or refuse. Called as
 * `check_hub serve [MEGABYTES]` it only runs the hub, to try the commands by hand. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "cli/progress.h"
#include "hub/cache.h"
#include "hub/local.h"
#include "hub/pull.h"
#include "sys/clock.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"
#include "tests/hub_server.h"
#include "tests/test.h"

enum { BIG = 300000, HALF = 150000, GGUF = 5000 };
static const char commit[] = "1234567890abcdef1234567890abcdef12345678";
static uint8_t big[BIG], gguf[GGUF];

struct fixture {
    struct hub_server *s;
    char dir[64], cache[100], own[100];
    struct hub_options o;
    struct hub_result r;
    struct err e;
    struct buf said;
    int asked, refuse;
    uint64_t most; /* of progress */
    double stop_at; /* bytes of progress after which stop says true; 0: never */
    bool stopping;
};

static void say(void *ctx, const char *text)
{
    struct fixture *f = ctx;
    buf_add_str(&f->said, text);
    buf_add_byte(&f->said, '\n');
}

static void progress(void *ctx, const struct hub_progress *p)
{
    struct fixture *f = ctx;
    if (p->done > f->most) f->most = p->done;
    if (f->stop_at > 0 && (double)p->done >= f->stop_at) f->stopping = true;
}

static bool stop(void *ctx) { return ((struct fixture *)ctx)->stopping; }

static int agree(void *ctx, const struct hub_plan *p, struct err *e)
{
    struct fixture *f = ctx;
    f->asked++;
    if (f->refuse)
        FAIL(e, ERR_USAGE, "refused %llu of %llu bytes", (unsigned long long)p->fetch, (unsigned long long)p->bytes);
    return OK;
}

/* An empty cache, no faults, nothing counted. */
static void fresh(struct fixture *f)
{
    dir_remove_tree(f->dir, NULL);
    file_mkdirs(f->dir, NULL);
    hub_result_free(&f->r);
    buf_clear(&f->said);
    server_fault(f->s, (struct fault_plan){0});
    server_set_commit(f->s, commit);
    server_seen(f->s);
    f->asked = f->refuse = 0;
    f->stop_at = 0;
    f->stopping = f->o.plan_only = f->o.verify = f->o.offline = false;
    f->e = (struct err){0};
}

static void add_files(struct hub_server *s)
{
    for (size_t i = 0; i < BIG; i++) big[i] = (uint8_t)rng_u64(1, 2, i);
    memcpy(gguf, big, GGUF);
    server_add(s, "org/tiny", "config.json", "{\"a\":1}", 7, false);
    server_add(s, "org/tiny", "README.md", "hello\n", 6, false);
    server_add(s, "org/tiny", "model.safetensors", big, BIG, true);
    server_add(s, "org/tiny", "pytorch_model.bin", big, BIG - 1, true);
    server_add(s, "org/tiny", "onnx/model.onnx", big, 100, true);
    server_add(s, "org/tiny", "empty.txt", "", 0, false);
    server_add(s, "org/quants", "m-Q4_K_M.gguf", gguf, GGUF, true);
    server_add(s, "org/quants", "m-Q8_0.gguf", big, GGUF - 1, true);
    server_add(s, "org/quants", "big/m-BF16-00001-of-00002.gguf", big, 1000, true);
    server_add(s, "org/quants", "big/m-BF16-00002-of-00002.gguf", big + 1, 1000, true);
    server_add(s, "org/quants", "README.md", "hello\n", 6, false);
    server_add(s, "evil/up", "../../evil.gguf", gguf, 10, true);
    server_add(s, "evil/abs", "/etc/evil.gguf", gguf, 10, true);
    server_add(s, "evil/dots", "a/../../evil.gguf", gguf, 10, true);
    server_add(s, "evil/back", "a\\..\\evil.gguf", gguf, 10, true);
    server_add(s, "evil/control", "a\033[31m.gguf", gguf, 10, true);
    server_add(s, "evil/twice", "a.gguf", gguf, 10, true);
    server_add(s, "evil/twice", "a.gguf", gguf, 11, true);
    server_add(s, "evil/link", "a.gguf", gguf, 10, true); /* a link when it is fetched ... */
    server_add(s, "evil/link", "LICENSE", "x", 1, false);
    server_add(s, "evil/nest", "README", "x", 1, false);
    server_add(s, "evil/nest", "README/model-Q4_0.gguf", gguf, 10, true);
    server_claim(s, "org/vast", "vast-Q8_0.gguf", 200 * 1000 * 1000);
    server_claim(s, "org/vaster", "vaster-Q8_0.gguf", (size_t)1 << 49);
    server_add(s, "org/pickle", "pytorch_model.bin", big, 100, true);
}

static int pull(struct fixture *f, const char *name)
{
    struct hub_ref ref;
    int rc = hub_ref_parse(&ref, name, &f->e);
    hub_result_free(&f->r);
    f->most = 0;
    if (!rc) rc = hub_pull(&f->o, &ref, NULL, &f->r, &f->e);
    if (!rc) f->e.msg[0] = 0;
    return rc;
}

static bool same(const char *path, const void *data, size_t n)
{
    char *text = NULL;
    size_t len = 0;
    bool ok = file_read(&text, &len, path, 1 << 24, NULL) == OK && len == n && !memcmp(text, data, n);
    mem_free(text);
    return ok;
}

static bool same_in(const char *dir, const char *name, const void *data, size_t n)
{
    char path[PATH_MAX];
    return path_join(path, sizeof path, dir, name, NULL) == OK && same(path, data, n);
}

/* Is the repository in the cache whole and right, with the layout that the hub's own library expects? */
static bool whole(const struct fixture *f, const char *revision)
{
    char path[PATH_MAX], to[PATH_MAX];
    snprintf(path, sizeof path, "%s/models--org--tiny/snapshots/%s/model.safetensors", f->cache, commit);
    if (!same(path, big, BIG) || file_look(path, false).kind != FILE_LINK) return false;
    if (file_link_target(to, sizeof to, path, NULL) != OK || strncmp(to, "../../blobs/", 12) != 0 ||
        !hub_hex_ok(to + 12, 64))
        return false;
    snprintf(path, sizeof path, "%s/models--org--tiny/refs/%s", f->cache, revision);
    return same(path, commit, 40);
}

/* Number of files *.incomplete in the repository's blobs; their bytes in *bytes. */
static int leftovers(const struct fixture *f, uint64_t *bytes)
{
    char dir[PATH_MAX], path[PATH_MAX], **names;
    size_t n;
    int count = 0;
    *bytes = 0;
    snprintf(dir, sizeof dir, "%s/models--org--tiny/blobs", f->cache);
    if (file_list(&names, &n, dir, NULL) != OK) return 0;
    for (size_t i = 0; i < n; i++) {
        if (str_ends_with(names[i], ".incomplete")) {
            count++;
            path_join(path, sizeof path, dir, names[i], NULL);
            *bytes += file_look(path, true).size;
        }
        mem_free(names[i]);
    }
    mem_free(names);
    return count;
}

/* ---- all goes well ---- */

static void check_plain(struct fixture *f)
{
    uint64_t bytes;
    char path[PATH_MAX];
    fresh(f);
    server_set_page(f->s, 2);
    CHECK(pull(f, "org/tiny") == OK, "%s", f->e.msg);
    struct server_seen seen = server_seen(f->s);
    CHECK(whole(f, "main"), "the cache is not right");
    CHECK(f->r.n == 3 && f->r.bytes == BIG + 13 && f->r.fetched == BIG + 13, "%zu files, %llu bytes", f->r.n,
          (unsigned long long)f->r.fetched);
    CHECK(str_ends_with(f->r.path, commit), "path %s", f->r.path);
    CHECK(seen.pages == 3, "%d pages", seen.pages);
    CHECK(seen.hub_tokens == seen.hub && seen.hub > 0, "%d of %d requests had the token", seen.hub_tokens, seen.hub);
    CHECK(seen.store == 1 && seen.store_tokens == 0, "the token went to another host");
    CHECK(f->asked == 1 && f->most == BIG, "asked %d times, progress to %llu", f->asked, (unsigned long long)f->most);
    snprintf(path, sizeof path, "%s/models--org--tiny/blobs/ce013625030ba8dba906f756967f9e9ca394464a", f->cache);
    CHECK(same(path, "hello\n", 6), "README.md is not under git's id of \"hello\"");
    CHECK(leftovers(f, &bytes) == 0, "partial files");

    CHECK(pull(f, "org/tiny@main") == OK && f->r.fetched == 0, "%s; fetched %llu", f->e.msg,
          (unsigned long long)f->r.fetched);
    seen = server_seen(f->s);
    CHECK(seen.resolves == 0 && seen.sent == 0, "what is here was fetched again");
    CHECK(f->r.files[0].state == FETCH_CACHED, "state %d", f->r.files[0].state);
    CHECK(pull(f, "hf://org/tiny@v1/x") == OK && whole(f, "v1/x"), "a revision with a slash: %s", f->e.msg);
    server_set_page(f->s, 0);

    f->o.verify = true; /* a damaged blob of the right size */
    snprintf(path, sizeof path, "%s/models--org--tiny/snapshots/%s/model.safetensors", f->cache, commit);
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && pwrite(fd, "x", 1, 1000) == 1, "cannot damage %s", path);
    close(fd);
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main") && strstr(f->said.data, "damaged"), "%s", f->e.msg);
}

static void check_choices(struct fixture *f)
{
    fresh(f);
    CHECK(pull(f, "org/quants") == ERR_USAGE && strstr(f->e.msg, "3 GGUF"), "%s", f->e.msg);
    CHECK(f->said.data && strstr(f->said.data, "Q4_K_M") && strstr(f->said.data, "5.00 kB") &&
              strstr(f->said.data, "2.00 kB"),
          "%s", f->said.data);
    CHECK(server_seen(f->s).resolves == 0, "something was fetched");
    CHECK(pull(f, "org/quants:q4_k_m") == OK && str_ends_with(f->r.path, "/m-Q4_K_M.gguf") &&
              same(f->r.path, gguf, GGUF),
          "%s", f->e.msg);
    CHECK(f->r.n == 2, "%zu files", f->r.n);
    CHECK(pull(f, "org/quants:BF16") == OK && f->r.n == 3 &&
              str_ends_with(f->r.path, "/big/m-BF16-00001-of-00002.gguf"),
          "%s", f->e.msg);
    CHECK(same(f->r.path, big, 1000), "the first part is not right");
    CHECK(pull(f, "org/quants:README.md") == OK && f->r.n == 1, "%s", f->e.msg);
    CHECK(pull(f, "org/quants:Q3_K") == ERR_NOTFOUND, "%s", f->e.msg);
    CHECK(pull(f, "org/pickle") == ERR_NOTFOUND && strstr(f->e.msg, "pickle"), "%s", f->e.msg);
    CHECK(pull(f, "org/pickle:pytorch_model.bin") == ERR_USAGE && strstr(f->e.msg, "pickle"), "%s", f->e.msg);
    f->o.plan_only = true;
    server_seen(f->s);
    CHECK(pull(f, "org/tiny") == OK && f->r.n == 3 && f->r.files[0].state == FETCH_NEW, "%s", f->e.msg);
    CHECK(server_seen(f->s).resolves == 0, "a dry run fetched something");
    f->o.plan_only = false;
    CHECK(pull(f, "org/vaster") == ERR_IO && strstr(f->e.msg, "has room for"), "%s", f->e.msg); /* 563 TB */
    CHECK(f->asked == 4 && server_seen(f->s).store == 0, "asked %d times", f->asked);
    f->refuse = 1;
    CHECK(pull(f, "org/tiny") == ERR_USAGE && strstr(f->e.msg, "refused 300013 of 300013"), "%s", f->e.msg);
    CHECK(server_seen(f->s).resolves == 0, "fetched without consent");
}

/* ---- connections that break ---- */

static void check_resume(struct fixture *f)
{
    uint64_t bytes;
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_BREAK, 3, 70000, "/blob/"});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    struct server_seen seen = server_seen(f->s);
    CHECK(seen.sent <= BIG + 13 && seen.ranges == 6 && seen.last_range > 0, "%llu bytes sent, %d with Range",
          (unsigned long long)seen.sent, seen.ranges);
    CHECK(strstr(f->said.data, "trying again"), "%s", f->said.data);

    fresh(f); /* over two runs of the program */
    f->o.tries = 1;
    server_fault(f->s, (struct fault_plan){FAULT_BREAK, -1, HALF, "/blob/"});
    CHECK(pull(f, "org/tiny") == ERR_NETWORK, "%s", f->e.msg);
    CHECK(leftovers(f, &bytes) == 1 && bytes == HALF, "%llu bytes are kept", (unsigned long long)bytes);
    CHECK(!whole(f, "main"), "half a file has a name");
    server_fault(f->s, (struct fault_plan){0});
    server_seen(f->s);
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    seen = server_seen(f->s);
    CHECK(seen.last_range == HALF && seen.sent == HALF && f->r.fetched == HALF, "range %llu, %llu bytes",
          (unsigned long long)seen.last_range, (unsigned long long)seen.sent);
    CHECK(f->r.files[2].state == FETCH_RESUMED && leftovers(f, &bytes) == 0, "state %d", f->r.files[2].state);
    f->o.tries = 4;

    fresh(f); /* the server does not know Range */
    server_fault(f->s, (struct fault_plan){FAULT_NO_RANGE, 1, HALF, "/blob/"});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    fresh(f);
    f->o.tries = 1;
    server_fault(f->s, (struct fault_plan){FAULT_BREAK, 1, HALF, "/blob/"});
    pull(f, "org/tiny");
    f->o.tries = 4;
    server_fault(f->s, (struct fault_plan){FAULT_NO_RANGE, -1, 0, "/blob/"});
    server_seen(f->s);
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main") && server_seen(f->s).sent == BIG && f->r.fetched == BIG, "%s",
          f->e.msg);

    fresh(f); /* 416, and a part that is longer than the file */
    f->o.tries = 1;
    server_fault(f->s, (struct fault_plan){FAULT_BREAK, 1, HALF, "/blob/"});
    pull(f, "org/tiny");
    f->o.tries = 4;
    server_fault(f->s, (struct fault_plan){FAULT_416, 1, 0, "/blob/"});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
}

static void check_patience(struct fixture *f)
{
    uint64_t bytes;
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_EXPIRED, 1, 0, NULL});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    CHECK(server_seen(f->s).resolves == 4, "an expired address was not asked for again");
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_BUSY, 1, 1, "/blob/"});
    double begun = clock_seconds();
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    CHECK(clock_seconds() - begun >= 1, "Retry-After was not waited for");
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_BUSY, 1, 5000, "/api/models/"});
    CHECK(pull(f, "org/tiny") == ERR_NETWORK && strstr(f->e.msg, "5000 s"), "%s", f->e.msg);
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_500, 2, 0, "/api/models/"});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_500, -1, 0, "/blob/"});
    CHECK(pull(f, "org/tiny") == ERR_NETWORK && strstr(f->e.msg, "4 tries"), "%s", f->e.msg);
    fresh(f); /* silence: the connection stays, nothing comes */
    server_fault(f->s, (struct fault_plan){FAULT_STALL, 1, HALF, "/blob/"});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    CHECK(server_seen(f->s).last_range == HALF, "a silent connection was not given up");

    fresh(f); /* Ctrl-C */
    f->stop_at = 100000;
    server_fault(f->s, (struct fault_plan){FAULT_SLOW, -1, 10000, "/blob/"});
    CHECK(pull(f, "org/tiny") == ERR_INTERRUPTED, "%s", f->e.msg);
    CHECK(leftovers(f, &bytes) == 1 && bytes >= 100000, "%llu bytes are kept", (unsigned long long)bytes);
    f->stopping = false;
    f->stop_at = 0;
    server_fault(f->s, (struct fault_plan){0});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main") && f->r.fetched == BIG - bytes, "%s", f->e.msg);

    struct hub_options o = f->o; /* nobody listens */
    fresh(f);
    f->o.hf_endpoint = "http://127.0.0.1:1";
    CHECK(pull(f, "org/tiny") == ERR_NETWORK && strstr(f->said.data, "trying again"), "%s", f->e.msg);
    f->o = o;
}

/* ---- wrong bytes, wrong words ---- */

static void check_integrity(struct fixture *f)
{
    uint64_t bytes;
    char path[PATH_MAX];
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_CORRUPT, -1, 12345, "/blob/"});
    CHECK(pull(f, "org/tiny") == ERR_INTEGRITY && strstr(f->e.msg, "model.safetensors: SHA-256 is"), "%s", f->e.msg);
    CHECK(leftovers(f, &bytes) == 0 && !whole(f, "main"), "the wrong bytes are kept");
    server_fault(f->s, (struct fault_plan){0});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    fresh(f); /* a small file, by git's hash */
    server_fault(f->s, (struct fault_plan){FAULT_CORRUPT, 1, 0, "/api/resolve-cache/"});
    CHECK(pull(f, "org/tiny") == ERR_INTEGRITY && strstr(f->e.msg, "git's hash"), "%s", f->e.msg);

    fresh(f); /* the beginning, from an earlier run, is damaged: the hash covers it too */
    f->o.tries = 1;
    server_fault(f->s, (struct fault_plan){FAULT_BREAK, 1, HALF, "/blob/"});
    pull(f, "org/tiny");
    f->o.tries = 4;
    char hex[SHA256_HEX];
    sha256_of(big, BIG, hex, NULL);
    snprintf(path, sizeof path, "%s/models--org--tiny/blobs/%s.incomplete", f->cache, hex);
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && pwrite(fd, "x", 1, 0) == 1, "cannot damage %s", path);
    close(fd);
    CHECK(pull(f, "org/tiny") == ERR_INTEGRITY && strstr(f->e.msg, "earlier run"), "%s", f->e.msg);
    CHECK(leftovers(f, &bytes) == 0, "it is kept");

    static const struct {
        struct fault_plan plan;
        int rc;
        const char *text;
    } wrong[] = {
        {{FAULT_LONG, -1, 1, "/blob/"}, ERR_NETWORK, "300010 bytes, expected 300000"},
        {{FAULT_LONG, -1, 0, "/blob/"}, ERR_NETWORK, "more than 300000 bytes"},
        {{FAULT_OTHER_COMMIT, -1, 0, NULL}, ERR_INTEGRITY, "from commit ffff"},
        {{FAULT_OTHER_HASH, -1, 0, "model.safetensors"}, ERR_INTEGRITY, "names the hash ffff"},
        {{FAULT_LOOP, -1, 0, NULL}, ERR_NETWORK, "more than 10 redirects"},
        {{FAULT_SCHEME, -1, 0, NULL}, ERR_NETWORK, "redirect to \"ftp"},
        {{FAULT_USER, -1, 0, "model.safetensors"}, ERR_NETWORK, "redirect to"},
        {{FAULT_PAGE, -1, 0, "/blob/"}, ERR_NETWORK, "HTML"},
        {{FAULT_PAGE, -1, 0, "/api/models/"}, ERR_NETWORK, "HTML"},
        {{FAULT_PAGE, -1, 0, "/api/resolve-cache/"}, ERR_NETWORK, "HTML"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fresh(f);
        server_fault(f->s, wrong[i].plan);
        CHECK(pull(f, "org/tiny") == wrong[i].rc && strstr(f->e.msg, wrong[i].text), "fault %d: %s", wrong[i].plan.kind,
              f->e.msg);
        CHECK(!whole(f, "main"), "fault %d: the file has its name", wrong[i].plan.kind);
    }

    fresh(f); /* a login page, or a range from elsewhere, in the middle costs nothing of what is here */
    f->o.tries = 1;
    server_fault(f->s, (struct fault_plan){FAULT_BREAK, 1, HALF, "/blob/"});
    pull(f, "org/tiny");
    server_fault(f->s, (struct fault_plan){FAULT_PAGE, 1, 0, "/blob/"});
    CHECK(pull(f, "org/tiny") == ERR_NETWORK && leftovers(f, &bytes) == 1 && bytes == HALF, "%llu bytes are kept",
          (unsigned long long)bytes);
    server_fault(f->s, (struct fault_plan){FAULT_BAD_RANGE, 1, 0, "/blob/"});
    CHECK(pull(f, "org/tiny") == ERR_NETWORK && leftovers(f, &bytes) == 1 && bytes == HALF, "%llu bytes are kept",
          (unsigned long long)bytes);
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    f->o.tries = 4;

    fresh(f); /* hub -> store -> hub: the token must not come back either */
    server_fault(f->s, (struct fault_plan){FAULT_PING_PONG, -1, 0, NULL});
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    struct server_seen seen = server_seen(f->s);
    CHECK(seen.hub_tokens == seen.hub - 1 && seen.store_tokens == 0, "%d of %d requests had the token", seen.hub_tokens,
          seen.hub);
}

/* ---- hostile lists, refusals ---- */

static void check_refusals(struct fixture *f)
{
    static const struct {
        const char *name;
        int rc;
        const char *text;
    } cases[] = {
        {"evil/up", ERR_FORMAT, "cannot be the name of a file"},
        {"evil/abs", ERR_FORMAT, "cannot be the name of a file"},
        {"evil/dots", ERR_FORMAT, "cannot be the name of a file"},
        {"evil/back", ERR_FORMAT, "cannot be the name of a file"},
        {"evil/control", ERR_FORMAT, "cannot be the name of a file"},
        {"evil/twice", ERR_FORMAT, "listed twice"},
        {"evil/nest", ERR_IO, "README"},
        {"huge/list", ERR_LIMIT, "more than 100000 files"},
        {"gated/model", ERR_NETWORK, "/gated/model, then"},
        {"no/such", ERR_NOTFOUND, "no such model"},
        {"org/tiny@nope", ERR_NOTFOUND, "no such revision"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fresh(f);
        CHECK(pull(f, cases[i].name) == cases[i].rc && strstr(f->e.msg, cases[i].text), "%s: %s", cases[i].name,
              f->e.msg);
        CHECK(!strchr(f->e.msg, '\033'), "%s: control characters in the message", cases[i].name);
    }
    fresh(f);
    server_set_commit(f->s, "../../../../tmp/evil");
    CHECK(pull(f, "org/tiny") == ERR_FORMAT && strstr(f->e.msg, "no commit"), "%s", f->e.msg);

    char path[300], blobs[200], target[200]; /* a link in the way of a partial file must not be followed */
    char hex[SHA256_HEX];
    fresh(f);
    snprintf(blobs, sizeof blobs, "%s/models--evil--link/blobs", f->cache);
    snprintf(target, sizeof target, "%s/target", f->dir);
    file_mkdirs(blobs, NULL);
    file_replace(target, "precious", 8, NULL);
    sha256_of(gguf, 10, hex, NULL);
    snprintf(path, sizeof path, "%s/%s.incomplete", blobs, hex);
    CHECK(symlink(target, path) == 0, "no link");
    CHECK(pull(f, "evil/link") == ERR_IO && same(target, "precious", 8), "%s", f->e.msg);

    fresh(f);
    f->o.offline = true;
    CHECK(pull(f, "org/tiny") == ERR_NETWORK && strstr(f->e.msg, "HF_HUB_OFFLINE"), "%s", f->e.msg);
    CHECK(server_seen(f->s).hub == 0, "offline, but the hub was asked");
}

/* ---- other sources ---- */

static int pull_file(struct fixture *f, const char *name, const char *sha256)
{
    struct hub_ref ref = {.source = HUB_URL};
    snprintf(ref.url, sizeof ref.url, "%s/file/%s", server_hub(f->s), name);
    hub_result_free(&f->r);
    f->most = 0;
    return hub_pull(&f->o, &ref, sha256, &f->r, &f->e);
}

static void check_others(struct fixture *f)
{
    char hex[SHA256_HEX], text[HUB_HASH];
    struct hub_cache c;
    fresh(f);
    CHECK(pull(f, "modelscope://org/tiny") == OK && same_in(f->r.path, "model.safetensors", big, BIG), "%s", f->e.msg);
    cache_at(&c, f->cache, "org/tiny", NULL);
    CHECK(cache_get_ref(text, &c, "modelscope-master") && cache_get_ref(text, &c, "main") && !strcmp(text, f->r.commit),
          "refs of ModelScope");
    struct server_seen seen = server_seen(f->s);
    CHECK(seen.hub_tokens == 0 && seen.store == 1, "the hub's token went to ModelScope");
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    CHECK(f->r.fetched == 13, "the large file was fetched twice: %llu", (unsigned long long)f->r.fetched);
    CHECK(pull(f, "modelscope://org/tiny") == OK && whole(f, "main"), "ModelScope took the place of main");
    CHECK(pull(f, "modelscope://no/such") == ERR_NOTFOUND, "%s", f->e.msg);

    fresh(f); /* single files */
    sha256_of(big, BIG, hex, NULL);
    server_fault(f->s, (struct fault_plan){FAULT_BREAK, 1, HALF, NULL});
    CHECK(pull_file(f, "model.safetensors", hex) == OK && same(f->r.path, big, BIG), "%s", f->e.msg);
    CHECK(server_seen(f->s).last_range == HALF && f->asked == 1, "asked %d times", f->asked);
    CHECK(pull_file(f, "model.safetensors", hex) == OK && f->r.files[0].state == FETCH_CACHED, "%s", f->e.msg);
    hex[0] = hex[0] == '0' ? '1' : '0';
    CHECK(pull_file(f, "model.safetensors", hex) == ERR_INTEGRITY, "%s", f->e.msg);
    CHECK(pull_file(f, "m-Q8_0.gguf", hex) == ERR_INTEGRITY && strstr(f->e.msg, "deleted"), "%s", f->e.msg);
    CHECK(pull_file(f, "m-Q4_K_M.gguf", NULL) == OK && same(f->r.path, gguf, GGUF) &&
              strstr(f->said.data, "nothing to compare"),
          "%s", f->e.msg);
    CHECK(pull_file(f, "m-Q4_K_M.gguf", NULL) == ERR_USAGE, "%s", f->e.msg);
    CHECK(pull_file(f, "none.gguf", NULL) == ERR_NOTFOUND, "%s", f->e.msg);
    hub_result_free(&f->r);
    struct hub_ref ref = {.source = HUB_URL, .url = "http://example.invalid/x.gguf"};
    CHECK(hub_pull(&f->o, &ref, NULL, &f->r, &f->e) == ERR_USAGE && strstr(f->e.msg, "not encrypted"), "%s", f->e.msg);
}

/* Two programs at once: the second waits for the first, and fetches nothing. */
static void check_lock(struct fixture *f)
{
    fresh(f);
    server_fault(f->s, (struct fault_plan){FAULT_SLOW, -1, 10000, "/blob/"});
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct hub_ref ref;
        hub_ref_parse(&ref, "org/tiny", &f->e);
        _exit(hub_pull(&f->o, &ref, NULL, &f->r, &f->e));
    }
    clock_sleep(0.1);
    CHECK(pull(f, "org/tiny") == OK && whole(f, "main"), "%s", f->e.msg);
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "the other one: %d",
          status);
    struct server_seen seen = server_seen(f->s);
    CHECK(seen.store == 1 && seen.sent == BIG + 13, "%d fetches, %llu bytes", seen.store,
          (unsigned long long)seen.sent);
}

/* Every allocation of a pull fails once: an error, nothing left behind that leads anywhere, and the next pull is whole.
 * The hub is in a process of its own, so that its allocations do not fail. */
static void check_faults(struct fixture *f)
{
    int failures = 0, ends[2];
    char url[64] = "";
    struct hub_options o = f->o;
    fresh(f);
    CHECK(pipe(ends) == 0, "no pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct hub_server *s = server_start();
        if (s) add_files(s);
        if (!s || write(ends[1], server_hub(s), 64) != 64) _exit(1);
        for (;;) pause();
    }
    close(ends[1]); /* so that a server that dies ends the reading */
    CHECK(pid > 0 && read(ends[0], url, 64) == 64, "no second server");
    f->o.hf_endpoint = url;
    int64_t live = mem_live();
    for (uint64_t k = 1; k < 5000; k++) {
        mem_fail_at(k);
        int rc = pull(f, "org/quants:Q4_K_M");
        mem_fail_at(0);
        hub_result_free(&f->r);
        if (rc == OK) break;
        failures++;
        if (rc != ERR_MEMORY) CHECK(false, "allocation %llu: error %d: %s", (unsigned long long)k, rc, f->e.msg);
    }
    CHECK(failures > 10, "%d allocations", failures);
    CHECK(mem_live() <= live + 1, "%lld blocks leaked", (long long)(mem_live() - live)); /* f->said may have grown */
    CHECK(pull(f, "org/quants:Q4_K_M") == OK, "%s", f->e.msg);
    f->o = o;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ends[0]);
}

/* ---- the program ---- */

/* Runs tests/check_hub.sh for one of its parts; its counts are added to ours. */
static void run_part(struct fixture *f, const char *program, const char *part)
{
    char counts[100];
    int passed = 0, failed = 1, status = -1;
    fflush(NULL);
    server_seen(f->s);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "tests/check_hub.sh", part, program, server_hub(f->s), f->dir, (char *)NULL);
        _exit(127);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "cannot start the shell");
    snprintf(counts, sizeof counts, "%s/counts", f->dir);
    FILE *c = fopen(counts, "r");
    CHECK(c && fscanf(c, "%d %d", &passed, &failed) == 2, "%s: the script did not come to its end (status %d)", part, status);
    if (c) fclose(c);
    unlink(counts);
    test_passed += passed;
    test_failed += failed;
}

static void check_program(struct fixture *f)
{
    char here[PATH_MAX], program[PATH_MAX + 20];
    if (path_of_program(here, sizeof here, NULL) != OK) return;
    snprintf(program, sizeof program, "%s/../autarky", here);
    if (file_absent(program)) {
        test_skip("the program is not built (make)");
        return;
    }
    fresh(f);
    run_part(f, program, "pull");
    struct server_seen seen = server_seen(f->s);
    CHECK(seen.hub > 0 && seen.hub_tokens == 0, "%d requests, %d with a token that nobody gave", seen.hub, seen.hub_tokens);
    run_part(f, program, "token");
    seen = server_seen(f->s);
    CHECK(seen.hub_tokens == 6 && seen.store_tokens == 0, "%d requests with a token", seen.hub_tokens);
    run_part(f, program, "local");
    seen = server_seen(f->s);
    CHECK(seen.hub + seen.store == 0, "list, cp, rm or an offline pull made %d requests", seen.hub + seen.store);
}

static void check_progress_line(void)
{
    struct progress p = {.bar = true, .label = "2/3 model-00002-of-00003.safetensors", .total = 4000000000u, .begun = 10};
    char line[512];
    progress_line(&p, 1000000000, 20, 100, line, sizeof line);
    CHECK(strstr(line, " 25%  1.00 GB of 4.00 GB  100 MB/s  0:30 min left") && strstr(line, "[===") &&
              strlen(line) <= 100,
          "\"%s\"", line);
    progress_line(&p, 1000000000, 20, 79, line, sizeof line);
    CHECK(strlen(line) <= 79 && !strchr(line, '['), "\"%s\"", line);
    progress_line(&p, 0, 10, 79, line, sizeof line); /* no bar either while the rate is unknown: it would come and go */
    CHECK(strlen(line) <= 79 && !strchr(line, '['), "\"%s\"", line);
    progress_line(&p, 1000000000, 20, 60, line, sizeof line);
    CHECK(strlen(line) <= 66 && !strchr(line, '['), "\"%s\"", line);
    p.total = 0;
    progress_line(&p, 1000000, 20, 80, line, sizeof line);
    CHECK(strstr(line, "1.00 MB  100 kB/s"), "\"%s\"", line);
}

/* ---- main ---- */

static int serve_only(int megabytes)
{
    struct hub_server *s = server_start();
    size_t n = (size_t)megabytes << 20;
    uint8_t *data = s ? mem_alloc(n) : NULL;
    if (!data) return 1;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = rng_u64(3, 4, i);
        memcpy(data + i, &v, 8);
    }
    add_files(s);
    server_add(s, "org/large", "large-Q4_K_M.gguf", data, n, true);
    server_fault(s, (struct fault_plan){FAULT_SLOW, -1, 60000, "/blob/"});
    printf("HF_ENDPOINT=%s\n", server_hub(s));
    fflush(stdout);
    for (;;) pause();
}

int main(int argc, char **argv)
{
    struct fixture f = {0};
    if (argc >= 2 && !strcmp(argv[1], "serve")) return serve_only(argc > 2 ? (int)strtol(argv[2], NULL, 10) : 200);
    signal(SIGPIPE, SIG_IGN);
    snprintf(f.dir, sizeof f.dir, "/tmp/check_hub_XXXXXX");
    CHECK(mkdtemp(f.dir) != NULL, "no temporary folder");
    snprintf(f.cache, sizeof f.cache, "%s/hub", f.dir);
    snprintf(f.own, sizeof f.own, "%s/models", f.dir);
    f.s = server_start();
    if (!f.s) {
        test_skip("no sockets on loopback");
        return test_end();
    }
    add_files(f.s);
    f.o = (struct hub_options){.hf_endpoint = server_hub(f.s),
                               .modelscope_endpoint = server_hub(f.s),
                               .hf_token = "hf_secret",
                               .cache = f.cache,
                               .folder = f.own,
                               .tries = 4,
                               .backoff = 0.01,
                               .ctx = &f,
                               .stop = stop,
                               .say = say,
                               .progress = progress,
                               .agree = agree,
                               .http = {.connect_seconds = 2, .stall_seconds = 1}};
    check_plain(&f);
    check_choices(&f);
    check_resume(&f);
    check_patience(&f);
    check_integrity(&f);
    check_refusals(&f);
    check_others(&f);
    check_lock(&f);
    check_faults(&f);
    check_program(&f);
    check_progress_line();
    server_stop(f.s);
    hub_result_free(&f.r);
    buf_free(&f.said);
    dir_remove_tree(f.dir, NULL);
    return test_end();
}
