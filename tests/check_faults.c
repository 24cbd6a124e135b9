/* Faults in what is written outside training: logs, chats, parts of files, panels, quantize, convert, cp, downloads. How many is
 * printed. */
#include "tests/faults.h"
#include "base/json.h"
#include "chat/chat.h"
#include "cli/talk/chat_log.h"
#include "hub/local.h"
#include "hub/pull.h"
#include "model/vocab.h"
#include "quant/convert.h"
#include "sys/shared.h"
#include "sys/store.h"
#include "tests/hub_server.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LLAMA "tests/fixtures/models/llama"

/* ---- pieces of work ---- */

static struct mix mix_of(const char *name)
{
    struct mix m;
    CHECK(mix_by_name(name, &m), "%s is no mixture", name);
    return m;
}

static int do_quantize(struct err *e)
{
    struct mix m = mix_of("q8_0");
    struct convert_options o = {.in = LLAMA, .out = at(work, "small.gguf"), .mix = &m};
    struct convert_result r;
    return convert_to_gguf(&o, &r, e);
}

static int do_convert(struct err *e)
{
    struct convert_options o = {
        .in = at(folder, "llama.gguf"), .out = at(work, "model"), .type = DT_COUNT, .shard = 20000, .replace = true};
    struct convert_result r;
    return convert_to_folder(&o, &r, e);
}

static int do_chat(struct err *e)
{
    struct chat_log l = {0}, again = {0};
    const char *path = at(work, "chat.json");
    int rc = chat_log_add(&l, CHAT_USER, "Good day", 8, e);
    if (!rc) rc = chat_log_add(&l, CHAT_ASSISTANT, "Hello\n", 6, e);
    if (!rc) rc = chat_log_save(&l, path, e);
    if (!rc) rc = chat_log_load(&again, path, e);
    if (!rc && again.n != 2) rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%zu messages", again.n);
    chat_log_free(&l);
    chat_log_free(&again);
    return rc;
}

/* A file that comes in two halves; what is there is gone on with. */
static int do_part(struct err *e)
{
    static const char text[] = "0123456789abcdef";
    struct part p;
    bool there;
    TRY(file_is_there(&there, at(work, "whole"), e));
    if (there) return OK;
    TRY(part_open(&p, at(work, "whole.incomplete"), e));
    char old[sizeof text];
    int rc = p.size < sizeof text ? part_read(&p, 0, old, (size_t)p.size, e) : OK;
    if (!rc && (p.size >= sizeof text || memcmp(old, text, (size_t)p.size) != 0)) rc = part_restart(&p, e);
    if (!rc && p.size < 8) rc = part_append(&p, text + p.size, 8 - (size_t)p.size, e);
    if (!rc) rc = part_append(&p, text + p.size, sizeof text - 1 - (size_t)p.size, e);
    if (!rc) rc = part_finish(&p, at(work, "whole"), e);
    part_close(&p);
    return rc;
}

static char hub_url[64]; /* of a server in another process, whose allocations do not fail; "": none */

static int do_pull(struct err *e)
{
    struct hub_ref ref;
    struct hub_result r = {0};
    struct hub_options o = {.cache = at(work, "hub"),
                            .folder = at(work, "own"), .tries = 1, .http = {.connect_seconds = 5, .stall_seconds = 5}};
    o.hf_endpoint = o.modelscope_endpoint = hub_url;
    int rc = hub_ref_parse(&ref, "org/tiny", e);
    if (!rc) rc = hub_pull(&o, &ref, NULL, &r, e);
    hub_result_free(&r);
    return rc;
}

static int copy_to(const char *name, const char *to, struct err *e)
{
    struct hub_places p = {.root[PLACE_OWN] = at(folder, "own")};
    struct hub_ref ref;
    char path[PATH_MAX], out[PATH_MAX];
    TRY(hub_ref_parse(&ref, name, e));
    TRY(hub_find(path, &p, name, e));
    return hub_copy(out, path, &ref, to, NULL, e);
}

static int do_copy(struct err *e)
{
    bool there;
    TRY(file_is_there(&there, at(work, "copy"), e));
    if (!there) TRY(copy_to("whole", at(work, "copy"), e));
    TRY(file_is_there(&there, at(work, "copy/m-00001-of-00002.gguf"), e));
    return there ? OK : copy_to("split", at(work, "copy"), e);
}

static int do_panels(struct err *e)
{
    struct shared s;
    if (shared_open(&s, at(work, "panels"), 8192, e)) {
        TRY(shared_create(&s, at(work, "panels"), 8192, NULL, e));
        memset(s.data, 'p', 8192);
        int rc = shared_commit(&s, 1000000000, e);
        shared_close(&s);
        return rc;
    }
    int rc = s.data[0] == 'p' && s.data[8191] == 'p' ? OK : err_set(e, ERR_FORMAT, __FILE__, __LINE__, "other bytes");
    shared_close(&s);
    return rc;
}

static int do_log(struct err *e)
{
    char *text;
    size_t n;
    TRY(file_append(at(work, "log"), "one\n", 4, NULL, e));
    TRY(file_append(at(work, "log"), "two\n", 4, NULL, e));
    TRY(file_sync(at(work, "log"), e));
    TRY(file_read(&text, &n, at(work, "log"), 1000, e));
    bool torn = n % 4 != 0;
    mem_free(text);
    if (torn) FAIL(e, ERR_FORMAT, "a torn line: %zu bytes", n);
    return file_replace(at(work, "log"), "one\ntwo\n", 8, e);
}

/* ---- the same without files: what is built in memory ---- */

static int do_json(struct err *e)
{
    static const char text[] = "{\"a\": [1, 2.5, \"x\\u00e9y\", {\"b\": 12345678901234567890123}], \"c\": [[], {}, null, true]}";
    json_t *v;
    TRY(json_parse(&v, text, sizeof text - 1, "text", e));
    char *out = json_text_pretty(v);
    json_decref(v);
    if (!out) FAIL(e, ERR_MEMORY, "out of memory");
    mem_free(out);
    return OK;
}

#define OLD_CHAT "{\"autarky_chat\": 1, \"messages\": [{\"role\": \"user\", \"content\": \"older\"}]}"
static const struct piece_of_work pieces[] = {
    {.name = "logs", .run = do_log},
    {.name = "chat files", .run = do_chat, .old = "chat.json", .words = OLD_CHAT},
    {.name = "parts of files", .run = do_part},
    {.name = "panels", .run = do_panels},
    {.name = "quantize", .run = do_quantize, .old = "small.gguf", .words = "older"},
    {.name = "convert", .run = do_convert},
    {.name = "convert over an older folder", .run = do_convert, .old = "model/config.json", .words = "older"},
    {.name = "cp", .run = do_copy},
    {.name = "downloads", .run = do_pull},
    {.name = "JSON", .run = do_json, .no_files = true}};

static void make_inputs(void)
{
    static const uint8_t bytes[3000] = {1, 2, 3};
    struct err e = {0};
    struct convert_options o = {.in = LLAMA, .out = at(folder, "llama.gguf"), .type = DT_COUNT};
    struct convert_result r;
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    CHECK_OK(file_mkdirs(at(folder, "own/whole/sub"), &e), &e);
    CHECK_OK(file_replace(at(folder, "own/whole/model.safetensors"), bytes, sizeof bytes, &e), &e);
    CHECK_OK(file_replace(at(folder, "own/whole/sub/config.json"), "{}", 2, &e), &e);
    CHECK_OK(file_mkdirs(at(folder, "own/split"), &e), &e);
    CHECK_OK(file_replace(at(folder, "own/split/m-00001-of-00002.gguf"), bytes, 500, &e), &e);
    CHECK_OK(file_replace(at(folder, "own/split/m-00002-of-00002.gguf"), bytes, 400, &e), &e);
}

static pid_t start_server(void)
{
    static const uint8_t bytes[3000] = {1, 2, 3};
    int ends[2];
    CHECK(pipe(ends) == 0, "no pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct hub_server *s = server_start();
        if (!s) _exit(1);
        server_set_commit(s, "1234567890abcdef1234567890abcdef12345678");
        server_add(s, "org/tiny", "config.json", "{\"a\":1}", 7, false);
        server_add(s, "org/tiny", "model.safetensors", bytes, sizeof bytes, true);
        snprintf(hub_url, sizeof hub_url, "%s", server_hub(s));
        if (write(ends[1], hub_url, sizeof hub_url) != sizeof hub_url) _exit(1);
        for (;;) pause();
    }
    close(ends[1]);
    if (read(ends[0], hub_url, sizeof hub_url) != sizeof hub_url) hub_url[0] = 0;
    close(ends[0]);
    return pid;
}

int main(void)
{
    faults_begin();
    make_inputs();
    pid_t server = start_server();
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        if (pieces[i].run == do_pull && !*hub_url) test_skip("no sockets for a server of downloads");
        else check_piece(&pieces[i]);
    }
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    dir_remove_tree(folder, NULL);
    return test_end();
}
