/* The program as its users run it: makes a tiny random model with a tokenizer in a folder of its own, and lets
 * tests/check_cli.sh do the rest. Called as `check_cli model FILE` it only makes the model. */
#include <libgen.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "autarky.h"
#include "base/mem.h"
#include "chat/chat.h"
#include "cli/wrap.h"
#include "model/net.h"
#include "model/vocab.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"
#include "tests/test.h"

static const char text[] =
    "Once upon a time there was a little fox who lived in the wood. Every day the fox went to the river and "
    "looked at the water. \"Tell me a story,\" said the owl, and the fox told the owl a story about the moon.";

static int make_tokenizer(struct tokenizer **out, struct err *e)
{
    static const char *const specials[] = {CHAT_BOS, CHAT_EOS, CHAT_PAD, CHAT_USER_MARK, CHAT_ASSISTANT_MARK};
    struct bpe_options o = {.vocab = 300, .specials = specials, .n_specials = 5, .single_digits = true};
    struct bpe_trainer *t = NULL;
    int rc = bpe_trainer_new(&t, &o, e);
    if (!rc) rc = bpe_trainer_add(t, text, sizeof text - 1, e);
    if (!rc) rc = bpe_trainer_finish(t, out, NULL, NULL, e);
    bpe_trainer_free(t);
    return rc;
}

/* large: in Q8_0, and of so many numbers that its packed weights are worth a file. */
static int make_model(const char *path, bool large, struct err *e)
{
    struct net net = {0};
    struct model_vocab v = {.chat_template = chat_template_jinja()};
    struct tokenizer *tok = NULL;
    struct config c;
    config_default(&c);
    int rc = make_tokenizer(&tok, e);
    if (!rc) {
        c.vocab = tokenizer_vocab(tok);
        c.dim = c.dense_ffn = 64;
        c.layers = c.heads = 2;
        c.kv_lora_rank = c.qk_nope_dim = c.v_dim = c.expert_ffn = 32;
        c.qk_rope_dim = 16;
        c.dense_layers = 1;
        c.experts = 4;
        c.experts_used = 2;
        c.experts_shared = c.expert_groups = c.expert_groups_used = 1;
        c.context = 256;
        c.tied_head = true;
        if (large) {
            c.dim = 512;
            c.dense_ffn = 4096;
            c.dense_layers = c.layers = 3;
        }
        c.bos = tokenizer_bos(tok);
        c.eos = tokenizer_eos(tok);
        rc = net_build(&net, &c, e);
    }
    if (!rc) rc = net_alloc(&net, false, e);
    if (!rc) net_init(&net, 7, 0.3);
    v.tok = tok;
    if (!rc) rc = net_save_gguf(&net, path, large ? DT_Q8_0 : DT_F32, model_tokenizer_to_gguf, &v, e);
    net_free(&net);
    tokenizer_free(tok);
    return rc;
}

/* ---- the public interface ---- */

struct text {
    char s[4096];
    size_t n;
    int pieces, most; /* most: pieces wanted */
};

static int keep(void *ctx, const char *s, size_t n)
{
    struct text *t = ctx;
    if (t->n + n < sizeof t->s) memcpy(t->s + t->n, s, n);
    t->n += n;
    return ++t->pieces >= t->most;
}

static void check_api(const char *model)
{
    struct autarky *a;
    char error[AUTARKY_ERROR] = "";
    struct autarky_options o = {.threads = 1, .context = 128};
    struct autarky_sampling s;
    struct autarky_message m[2] = {{"system", "Be kind."}, {"user", "Tell me a story."}}, bad = {"owner", "hi"};
    struct text one = {.most = 1000}, two = {.most = 1000}, three = {.most = 3};
    int32_t *ids;
    size_t n;
    CHECK(autarky_open(&a, "/nowhere/x.gguf", NULL, error) == ERR_NOTFOUND && !a && strstr(error, "/nowhere/x.gguf"),
          "%s", error);
    CHECK(autarky_open(&a, model, &o, error) == 0, "%s", error);
    if (!a) return;
    autarky_sampling_default(&s);
    s.max_tokens = 30;
    s.seed = 5;
    CHECK(autarky_chat(a, m, 2, &s, keep, &one, error) == 0 && one.n > 0, "%s", error);
    CHECK(autarky_chat(a, m, 2, &s, keep, &two, error) == 0, "%s", error);
    CHECK(one.n == two.n && !memcmp(one.s, two.s, one.n), "the same request, other text");
    CHECK(autarky_chat(a, m, 2, &s, keep, &three, error) == 0 && three.pieces == 3, "%d pieces: %s", three.pieces,
          error);
    CHECK(autarky_complete(a, "Once upon a time", NULL, keep, &two, error) == 0, "%s", error);
    CHECK(autarky_chat(a, &bad, 1, &s, keep, &one, error) == ERR_USAGE && strstr(error, "owner"), "%s", error);
    s.temperature = 99;
    CHECK(autarky_chat(a, m, 2, &s, keep, &one, error) == ERR_USAGE && strstr(error, "99"), "%s", error);
    CHECK(autarky_tokenize(a, "the fox", &ids, &n, error) == 0 && n >= 2 && n <= 7, "%zu tokens", n);
    autarky_free(ids);
    autarky_close(a);
}

/* ---- word wrap: the same lines however the text is cut ---- */

static void check_wrap(void)
{
    static const char in[] =
        "The quick brown fox jumps over it.\n\n    Deep in a\twood\nabcdefghijklmnopqrstuvwxyz0123456789 "
        "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xbd\xa0\xe5\xa5\xbd end  \n"
        "1. code:\n   ```c\n   int a = function(of, many, words);\n   ``` not the end\n~~~\n   ```\nnow words are broken again\n"
        "~~~~\na tilde fence ``` that goes on and on\n~~~~~\n``` ticks ``` inside a line of text\nthe end of all that text";
    static const char want[] =
        "The quick brown fox\njumps over it.\n\n    Deep in a\nwood\nabcdefghijklmnopqrst\nuvwxyz0123456789 "
        "\xe4\xbd\xa0\n\xe5\xa5\xbd\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xbd\xa0\xe5\xa5\xbd end\n"
        "1. code:\n   ```c\n   int a = function(of, many, words);\n   ``` not the end\n~~~\n   ```\nnow words are broken\nagain\n"
        "~~~~\na tilde fence ``` that goes on and on\n~~~~~\n``` ticks ``` inside\na line of text\nthe end of all that\ntext";
    for (size_t step = 1; step <= sizeof in; step += 3) {
        char got[1024] = "";
        struct wrap w;
        FILE *f = fmemopen(got, sizeof got, "w");
        wrap_init(&w, f, 20);
        for (size_t i = 0; i < sizeof in - 1;) {
            size_t to = i + step < sizeof in - 1 ? i + step : sizeof in - 1;
            while (to < sizeof in - 1 && (in[to] & 0xc0) == 0x80) to++; /* whole characters */
            wrap_add(&w, in + i, to - i);
            i = to;
        }
        wrap_end(&w);
        fclose(f);
        CHECK(!strcmp(got, want), "step %zu: \"%s\"", step, got);
    }
}

/* ---- the program ---- */

static void run_script(const char *program, const char *model, const char *dir)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "tests/check_cli.sh", program, model, dir, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "cannot start the shell");
    CHECK(WIFEXITED(status), "the script was killed");
    char counts[128];
    int passed = 0, failed = 1;
    snprintf(counts, sizeof counts, "%s/counts", dir);
    FILE *f = fopen(counts, "r");
    CHECK(f && fscanf(f, "%d %d", &passed, &failed) == 2, "the script did not come to its end (status %d)", status);
    if (f) fclose(f);
    test_passed += passed;
    test_failed += failed;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    char dir[] = "/tmp/check_cli_XXXXXX", model[64], here[4096], program[4200];
    if (argc == 3 && (!strcmp(argv[1], "model") || !strcmp(argv[1], "large"))) {
        CHECK_OK(make_model(argv[2], argv[1][0] == 'l', &e), &e);
        return test_end();
    }
    check_wrap();
    CHECK_OK(path_of_program(here, sizeof here, &e), &e);
    snprintf(program, sizeof program, "%s/../autarky", here);
    if (file_absent(program)) {
        test_skip("the program is not built (make)");
        return test_end();
    }
    CHECK(mkdtemp(dir) != NULL, "no temporary folder");
    snprintf(model, sizeof model, "%s/tiny.gguf", dir);
    CHECK_OK(make_model(model, false, &e), &e);
    check_api(model);
    run_script(program, model, dir);
    CHECK_OK(dir_remove_tree(dir, &e), &e);
    return test_end();
}
