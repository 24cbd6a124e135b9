/* The file of packed weights beside a model: made once, mapped afterwards, made again when the model or the way of
 * computing is another, done without where it cannot be; never made for weights that are not quantised. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "model/arch.h"
#include "model/weigh.h"
#include "sys/file.h"
#include "tests/folder.h"
#include "tests/load_net.h"

enum { PATH_CAP = 200 };
static char model[PATH_CAP], panels[PATH_CAP];
static struct kernels ks;
static int warnings;
static char last_warning[400];

static void warn(void *ctx, const char *message)
{
    (void)ctx;
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", message);
}

/* 17 million numbers, so that the panels are worth a file. */
static void make_model(float scale)
{
    struct err e = {0};
    struct config c;
    struct net net;
    config_default_of(&c, &arch_llama);
    c.vocab = 512;
    c.dim = 512;
    c.layers = 4;
    c.heads = c.kv_heads = 8;
    c.dense_ffn = 2048;
    c.context = 64;
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(net_alloc(&net, false, &e), &e);
    uint32_t x = 12345;
    for (int i = 0; i < net.n_params; i++)
        for (int64_t k = 0; k < tensor_count(&net.params[i].t); k++) {
            x = x * 1664525 + 1013904223;
            tensor_f32(&net.params[i].t)[k] = scale * (float)((int)(x >> 20) - 2048) / 2048;
        }
    CHECK_OK(net_save_gguf(&net, model, DT_Q8_0, NULL, NULL, &e), &e);
    net_free(&net);
}

static struct load_options options(bool int8)
{
    return (struct load_options){.ks = &ks, .int8 = int8, .panels = panels, .warn = warn};
}

/* Loads, and tells whether the weights lie over a file; *sum is a hash of all that was packed. */
static bool load(const struct load_options *o, char sum[SHA256_HEX])
{
    struct err e = {0};
    struct net net;
    struct sha256 *h;
    warnings = 0;
    CHECK_OK(load_net(&net, model, o, &e), &e);
    CHECK_OK(sha256_new(&h, &e), &e);
    sha256_add(h, net.weights.base, net.weights.used);
    sha256_hex(h, sum);
    bool file = net.panels.data != NULL;
    net_free(&net);
    return file;
}

static void check_files(void)
{
    struct err e = {0};
    char made[SHA256_HEX], again[SHA256_HEX], memory[SHA256_HEX], other[SHA256_HEX];
    struct load_options o = options(true), none = options(true), f32 = options(false);
    none.panels = NULL;
    CHECK(!load(&f32, other) && file_absent(panels) && warnings == 0, "products in f32 make a file of panels");
    CHECK(load(&o, made) && !file_absent(panels), "no file was made");
    int64_t time = file_look(panels, true).modified;
    CHECK(load(&o, again) && !strcmp(made, again), "mapped panels differ from those that were packed");
    CHECK(!load(&none, memory) && !strcmp(made, memory), "panels in memory differ from those in the file");
    CHECK(!load(&f32, other) && file_look(panels, true).modified == time, "a run in f32 touches the panels of another");
    CHECK_OK(file_truncate(panels, 1000, &e), &e);
    CHECK(load(&o, again) && !strcmp(made, again) && file_look(panels, true).size > 1000,
          "a file that was cut is not made again");
    make_model(0.5f);
    CHECK(load(&o, other) && strcmp(made, other), "the panels of another model are taken");
    o.panels = "/tmp/check-panels-there-is-no-such-folder/x.panels";
    CHECK(!load(&o, again) && !strcmp(again, other) && warnings == 1 && strstr(last_warning, "stay in memory"),
          "no folder for the panels: %d warnings, %s", warnings, last_warning);
    size_t n;
    char **names;
    CHECK_OK(file_list(&names, &n, dir, &e), &e);
    CHECK(n == 2, "%zu files in the folder, expected model and panels", n);
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
}

/* Weights in blocks that no integer product takes are computed in f32, and that is said. */
static void check_slow(void)
{
    struct err e = {0};
    struct weights w;
    struct model_file m;
    char sum[SHA256_HEX];
    struct load_options o = options(true);
    struct kernels without = ks;
    CHECK_OK(model_file_open(&m, model, &e), &e);
    CHECK_OK(net_weigh(&w, &m, &o, &e), &e);
    CHECK(w.slow == 0 && w.panels, "%d matrices are slow", w.slow);
    without.qmul[DT_Q8_0] = NULL;
    o.ks = &without;
    CHECK_OK(net_weigh(&w, &m, &o, &e), &e);
    model_file_close(&m);
    CHECK(w.slow == 4 * 7 + 1 && !w.panels, "%d matrices are slow, expected 29", w.slow);
    CHECK(!load(&o, sum) && warnings == 1 && strstr(last_warning, "29 matrices") && strstr(last_warning, "q8_0"),
          "%d warnings: %s", warnings, last_warning);
}

int main(void)
{
    kernels_init(&ks, kernels_max_level());
    folder_make();
    snprintf(model, sizeof model, "%s/model.gguf", dir);
    snprintf(panels, sizeof panels, "%s/model.gguf.panels", dir);
    make_model(1);
    check_files();
    check_slow();
    folder_remove();
    CHECK(mem_live() == 0, "%lld allocations not freed", (long long)mem_live());
    return test_end();
}
