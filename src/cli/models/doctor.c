/* autarky doctor: what this machine can do, what the program picked, and what is missing. */
#include <curl/curl.h>
#include <histedit.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>
#include <zstd.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include "autarky.h"
#include "base/buf.h"
#include "base/checked.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/models/clients.h"
#include "cli/model_name.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "hub/web.h"
#include "sys/meminfo.h"
#include "sys/sandbox.h"

struct doctor {
    json_t *lines;   /* for people: key and text, or [text, hint] */
    json_t *figures; /* for machines: the same keys */
    int problems;
};

/* One line of the report, and the same for machines (given away). hint: what to do; NULL: nothing is wrong. */
static void tell_as(struct doctor *d, const char *key, const char *text, json_t *value, const char *hint)
{
    json_put(d->lines, key, hint ? json_pack("[s,s]", text, hint) : json_string(text));
    json_put(d->figures, key, hint ? json_pack("{s:o,s:s}", "value", value, "hint", hint) : value);
    d->problems += hint != NULL;
}

static void tell(struct doctor *d, const char *key, const char *value, const char *hint)
{
    tell_as(d, key, value, json_string(value), hint);
}

static void tell_machine(struct doctor *d)
{
    char model[64], text[2 * CGROUP_FILE + 100];
    enum cpu_level best = kernels_max_level();
    struct cpus cpus;
    struct buf all = {0};
    struct meminfo m;
    cpu_model(model);
    tell(d, "processor", model, NULL);
    cpus_read(&cpus, "");
    if (cpus.quota > 0)
        snprintf(text, sizeof text, "%d thread%s on %d processors; the quota is %.2f (%s)", cpus.count,
                 cpus.count == 1 ? "" : "s", cpus.allowed, cpus.quota, cpus.from);
    else snprintf(text, sizeof text, "%d for this process", cpus.allowed);
    tell_as(d, "processors", text,
            json_pack("{s:i,s:i,s:o,s:s?}", "threads", cpus.count, "allowed", cpus.allowed, "quota",
                      cpus.quota > 0 ? json_real(cpus.quota) : json_null(), "quota_from", *cpus.from ? cpus.from : NULL), NULL);
    json_t *levels = json_array();
    for (int i = 0; i <= (int)best; i++) {
        buf_printf(&all, "%s%s", i ? ", " : "", cpu_level_name((enum cpu_level)i));
        json_add(levels, json_string(cpu_level_name((enum cpu_level)i)));
    }
    tell(d, "kernel_level", cpu_level_name(best),
         best == CPU_C ? "this processor has neither AVX2 nor NEON: everything works, slowly" : NULL);
    tell_as(d, "kernel_levels", all.failed ? "?" : all.data, levels, NULL);
    buf_free(&all);
    meminfo_read(&m);
    bool two = strcmp(m.available_from, m.total_from) != 0;
    snprintf(text, sizeof text, "%.0f MiB free of %.0f MiB (%s%s%s)", (double)m.available / (1 << 20),
             (double)m.total / (1 << 20), m.available_from, two ? ", " : "", two ? m.total_from : "");
    tell_as(d, "memory", m.known ? text : "unknown",
            m.known ? json_pack("{s:I,s:I,s:s,s:s}", "free_bytes", (json_int_t)m.available, "total_bytes", (json_int_t)m.total,
                                "free_from", m.available_from, "total_from", m.total_from) : json_null(),
            m.known ? NULL : "/proc/meminfo cannot be read: models are not checked for size");
}

static void tell_kernels(struct doctor *d)
{
    char text[200];
    struct kernels ks;
    kernels_init(&ks, kernels_max_level());
    snprintf(text, sizeof text, "f32 %dx%d tiles, bf16 %dx%d tiles, int8 panels of %d rows", ks.gemm_f32.mr,
             ks.gemm_f32.nr, ks.gemm_bf16.mr, ks.gemm_bf16.nr, QP_ROWS);
    tell_as(d, "kernels", text,
            json_pack("{s:[i,i],s:[i,i],s:i}", "f32_tile", ks.gemm_f32.mr, ks.gemm_f32.nr, "bf16_tile", ks.gemm_bf16.mr,
                      ks.gemm_bf16.nr, "int8_rows", QP_ROWS), NULL);
}

static void tell_libraries(struct doctor *d)
{
    char text[400];
    snprintf(text, sizeof text, "jansson %s, utf8proc %s, %s, zstd %s, libedit %d.%d, curl %s",
             jansson_version_str(), utf8proc_version(), OpenSSL_version(OPENSSL_VERSION), ZSTD_versionString(),
             LIBEDIT_MAJOR, LIBEDIT_MINOR, curl_version_info(CURLVERSION_NOW)->version);
    const char *openssl = OpenSSL_version(OPENSSL_VERSION), *curl = curl_version_info(CURLVERSION_NOW)->version;
    char libedit[24];
    snprintf(libedit, sizeof libedit, "%d.%d", LIBEDIT_MAJOR, LIBEDIT_MINOR);
    tell_as(d, "libraries", text,
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "jansson", jansson_version_str(), "utf8proc", utf8proc_version(), "openssl",
                      openssl, "zstd", ZSTD_versionString(), "libedit", libedit, "curl", curl), NULL);
    tell(d, "compiler", __VERSION__, NULL);
}

static void tell_model(struct doctor *d)
{
    char path[SETUP_PATH], text[500], shorter[120] = "";
    struct err e = {0};
    struct engine_memory m;
    if (model_default(path, &e)) {
        tell(d, "model", "none", e.msg);
        return;
    }
    struct model_args a = {0};
    struct engine_options o = model_engine_options(path, &a);
    o.shorten = true;
    if (engine_plan(&o, &m, &e)) {
        tell(d, "model", path, e.msg);
        return;
    }
    tell(d, "model", path, NULL);
    if (m.context < m.wanted)
        snprintf(shorter, sizeof shorter, "; a context of %lld tokens, since %lld do not fit", (long long)m.context,
                 (long long)m.wanted);
    snprintf(text, sizeof text, "weights %.1f MiB for products in %s + cache %.1f MiB in %s + computing %.1f MiB%s",
             (double)m.weights / (1 << 20), m.int8 ? "int8" : "f32", (double)m.cache / (1 << 20), formats[m.cache_type].name,
             (double)m.run / (1 << 20), shorter);
    tell_as(d, "model_memory", text,
            json_pack("{s:I,s:s,s:I,s:s,s:I,s:I,s:I}", "weights_bytes", (json_int_t)m.weights, "products",
                      m.int8 ? "int8" : "f32", "cache_bytes", (json_int_t)m.cache, "cache_format",
                      formats[m.cache_type].name, "computing_bytes", (json_int_t)m.run, "context", (json_int_t)m.context,
                      "context_of_model", (json_int_t)m.wanted), NULL);
}

/* Of the processes of autarky serve. */
static void tell_sandbox(struct doctor *d)
{
    char text[200];
    struct sandbox_posture p;
    sandbox_probe(&p);
    sandbox_text(text, &p);
    tell(d, "sandbox", text, NULL); /* what the kernel lacks is in the text, and nothing that one could install */
}

static void tell_terminal(struct doctor *d)
{
    char text[200], history[SETUP_PATH];
    const char *term = getenv("TERM");
    bool tty = term_is_tty(stdin) && term_is_tty(stdout);
    snprintf(text, sizeof text, "%s, TERM=%s, %d columns, colours %s", tty ? "interactive" : "not interactive",
             term ? term : "", term_columns(), *term_bold(stdout) ? "on" : "off");
    tell_as(d, "terminal", text,
            json_pack("{s:b,s:s,s:i,s:b}", "interactive", (int)tty, "TERM", term ? term : "", "columns", term_columns(), "colors",
                      (int)(*term_bold(stdout) != 0)), NULL);
    bool home = xdg_path(history, "XDG_STATE_HOME", ".local/state", "autarky/history");
    tell_as(d, "history", home ? history : "none", home ? json_string(history) : json_null(),
            home ? NULL : "HOME is not set: typed lines are not remembered");
}

static void print(const struct doctor *d)
{
    const char *key;
    json_t *v;
    json_object_foreach(d->lines, key, v)
    {
        const char *value = json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);
        const char *hint = json_string_value(json_array_get(v, 1));
        if (!value) continue;
        printf("%-15s", key);
        term_write(stdout, value, strlen(value));
        putchar('\n');
        if (!hint) continue;
        printf("%-15s%s-> ", "", term_bold(stdout));
        term_write(stdout, hint, strlen(hint));
        printf("%s\n", term_reset(stdout));
    }
}

/* ---- a client of the server ---- */

struct client_args {
    const char *url, *key, *model;
};

/* Does the server answer in the interface of this client? Its models: the first is the one to name. */
static int ask_server(const struct client *c, const struct client_args *a, char model[WEB_FIELD], struct err *e)
{
    struct web *web = NULL;
    struct web_reply r;
    struct buf url = {0}, body = {0};
    struct web_options o = {.agent = "autarky doctor", .connect_seconds = 5, .stall_seconds = 20};
    json_t *v = NULL;
    buf_printf(&url, "%s%s", a->url, c->probe);
    int rc = buf_check(&url, "an address", e);
    if (!rc) rc = web_open(&web, &o, e);
    if (!rc) rc = web_get_text(web, url.data, a->key, 4 << 20, &body, &r, e);
    if (!rc && r.status != 200)
        rc = err_set(e, ERR_NETWORK, __FILE__, __LINE__, "%s answers %ld%s", url.data, r.status,
                     r.status == 401 ? ": it wants a key (--key, autarky keys add NAME)" : "");
    if (!rc) rc = json_parse(&v, body.data ? body.data : "", body.len, url.data, e);
    json_t *list = json_object_get(v, "data"), *one = json_array_get(list ? list : json_object_get(v, "models"), 0);
    const char *id = json_string_value(json_object_get(one, list ? "id" : "model"));
    if (!rc && id) snprintf(model, WEB_FIELD, "%s", id);
    json_decref(v);
    web_close(web);
    buf_free(&url);
    buf_free(&body);
    return rc;
}

static int print_client(const struct client *c, const struct client_args *a, struct err *e)
{
    struct buf text = {0};
    char model[WEB_FIELD] = "MODEL";
    struct err why = {0};
    int rc = ask_server(c, a, model, &why);
    client_text(&text, c, a->url, a->key ? a->key : "none", a->model ? a->model : model);
    int bad = buf_check(&text, "settings", e);
    if (!bad) {
        printf("# %s: %s\n", c->name, c->where);
        term_write(stdout, text.data, text.len);
        if (!rc) fprintf(stderr, "%s%s: the server answers\n", a->url, c->probe);
    }
    buf_free(&text);
    if (bad) return bad;
    if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write");
    if (rc) *e = why;
    return rc;
}

static int unknown_client(const char *name, int n, struct err *e)
{
    struct buf all = {0};
    for (const struct client *c = clients; c->name; c++) buf_printf(&all, "%s%s", c == clients ? "" : ", ", c->name);
    int rc = err_set(e, ERR_USAGE, __FILE__, __LINE__, "found %d arguments (\"%s\"), expected none, or one of: %s", n, name,
                     all.data ? all.data : "");
    buf_free(&all);
    return rc;
}

int cmd_doctor(int argc, char **argv)
{
    struct client_args client = {.url = "http://127.0.0.1:8420"};
    struct doctor d = {0};
    struct err e = {0};
    struct look_args look;
    int n, status, rc = OK;
    bool json = false;
    struct opts o = {.command = "doctor",
                     .usage = "[CLIENT]",
                     .summary = "With the name of a program that asks servers: its settings, and whether the server answers it.\n"
                                "Else tells what this machine can do, what the program uses of it, and what is missing.\n"
                                "The exit code is 0 when nothing is missing, else 1.\n"};
    opts_flag(&o, "json", 0, &json, "one JSON object");
    look_args_add(&o, &look);
    opts_heading(&o, "Of a client:");
    opts_add(&o, (struct opt){"url", 0, OPT_STR, &client.url, .arg = "URL", .help = "of the server (http://127.0.0.1:8420)"});
    opts_add(&o, (struct opt){"key", 0, OPT_STR, &client.key, .arg = "KEY", .help = "of the server, where it wants one"});
    opts_add(&o, (struct opt){"model", 0, OPT_STR, &client.model, .arg = "NAME",
                              .help = "the model to name (the server's first)"});
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    const struct client *c = n == 1 ? client_find(argv[1]) : NULL;
    if (n > 0 && !c) {
        unknown_client(argv[1], n, &e);
        return exit_fail("doctor", &e);
    }
    if (c) return print_client(c, &client, &e) ? exit_fail("doctor", &e) : EXIT_OK;
    term_setup((enum term_color)look.color, look.plain);
    d.lines = json_object();
    d.figures = json_object();
    if (!d.lines || !d.figures) return EXIT_FAILED;
    tell(&d, "version", AUTARKY_VERSION, NULL);
    tell_machine(&d);
    tell_kernels(&d);
    tell_libraries(&d);
    tell_model(&d);
    tell_sandbox(&d);
    tell_terminal(&d);
    json_put(d.figures, "problems", json_integer(d.problems));
    if (json) {
        rc = answer_print_json(json_incref(d.figures), &e);
    } else {
        print(&d);
        if (!term_flush()) rc = err_set(&e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
    }
    json_decref(d.figures);
    json_decref(d.lines);
    if (rc) return exit_fail("doctor", &e);
    return d.problems ? EXIT_FAILED : EXIT_OK;
}
