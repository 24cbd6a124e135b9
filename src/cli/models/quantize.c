/* autarky quantize: a model file in another number format, with a report of what that costs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/models/recast.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "sys/file.h"

struct quantize {
    const char *to, *head, *embed, *experts, *imatrix;
    struct opt_list types;
    int64_t threads;
    bool json, quiet, force;
    json_t *rows; /* with json */
    struct recast recast;
};

static void print_row(void *ctx, const struct tensor_result *r)
{
    struct quantize *z = ctx;
    char line[400], note[60] = "";
    const char *to = formats[r->to].name;
    if (z->json) {
        json_add(z->rows,
                 json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:f,s:f,s:f}", "name", r->name, "from",
                           formats[r->from].name, "type", to, "wanted", formats[r->wanted].name,
                           "importance", r->weighted, "count", (json_int_t)r->count, "rms", r->rms,
                           "relative_rms_error", r->rms_error, "max_error", r->max_error));
        return;
    }
    if (z->quiet || !r->matrix) return;
    if (r->to != r->wanted) snprintf(note, sizeof note, "  (rows do not fit %s)", formats[r->wanted].name);
    snprintf(line, sizeof line, "%-36.80s %-6s %12" PRId64 "  rms %9.3e  error %8.2e  max %8.2e%s%s", r->name, to,
             r->count, r->rms, r->rms_error, r->max_error, r->weighted ? "  weighted" : "", note);
    progress_say(&z->recast.progress, line);
}

static int64_t file_size(const char *path) { return (int64_t)file_look(path, true).size; }

static int report(struct quantize *z, const struct mix *mix, const char *out, const struct convert_result *r,
                  struct err *e)
{
    const struct write_totals *t = &r->totals;
    double error = t->square > 0 ? sqrt(t->error / t->square) : 0;
    int64_t bytes = file_size(out);
    if (z->imatrix && t->unweighted > 0)
        fprintf(stderr, "autarky quantize: %s knows nothing of %d of %d matrices: their columns count alike\n",
                z->imatrix, t->unweighted, t->weighted + t->unweighted);
    if (t->count == 0 && mix->main != DT_F32)
        fprintf(stderr, "autarky quantize: no matrix has rows of whole blocks of %s: all stay f32\n", mix->name);
    if (!z->json) {
        static const char larger[] = "the result is not smaller: rows that do not fit the format get a larger one\n";
        struct buf sizes = {0};
        recast_sizes(r, &sizes);
        int rc = buf_check(&sizes, "the report", e);
        if (!rc)
            fprintf(stderr, "%s: %s\n%s%s, %.2f bits per number, relative error %.2e\n", out, sizes.data,
                    r->bytes >= t->total ? larger : "", mix->name, 8 * (double)r->bytes / (double)r->numbers,
                    error);
        buf_free(&sizes);
        return rc;
    }
    json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:I,s:o,s:I,s:f,s:f,s:f,s:O}", "file", out, "type", mix->name, "tensor_bytes_before",
                          (json_int_t)t->total, "tensor_bytes", (json_int_t)r->bytes, "bytes", (json_int_t)bytes,
                          "types", recast_types(r), "count", (json_int_t)t->count, "bits_per_weight", 8 * (double)r->bytes / (double)r->numbers,
                          "relative_rms_error", error, "max_error", t->max, "tensors", z->rows);
    if (!o) return json_bad("the report", e);
    return answer_print_json(o, e);
}

static int set_format(enum dtype *type, const char *option, const char *name, struct err *e)
{
    struct mix m;
    if (!name) return OK;
    TRY(recast_mix(option, name, &m, e));
    *type = m.main;
    return OK;
}

static int set_mix(const struct quantize *z, struct mix *mix, struct err *e)
{
    TRY(recast_mix("--to", z->to, mix, e));
    TRY(set_format(&mix->head, "--head", z->head, e));
    TRY(set_format(&mix->embed, "--embed", z->embed, e));
    return set_format(&mix->experts, "--experts", z->experts, e);
}

static int quantize(struct quantize *z, const char *in, const char *out, struct err *e)
{
    char found[SETUP_PATH];
    struct mix mix;
    struct imatrix im = {0};
    struct convert_result r;
    struct mix_rule rules[OPT_LIST_MAX];
    struct convert_options o = {
        .out = out, .mix = &mix, .importance_file = z->imatrix, .rules = rules, .n_rules = z->types.n};
    if (!str_ends_with(out, ".gguf")) FAIL(e, ERR_USAGE, "%s: a name ending in .gguf is wanted", out);
    TRY(set_mix(z, &mix, e));
    for (size_t i = 0; i < z->types.n; i++) TRY(rule_parse(&rules[i], z->types.v[i], e));
    z->recast = (struct recast){
        .command = "quantize", .quiet = z->quiet || z->json, .force = z->force, .row = print_row, .row_ctx = z};
    int rc = recast_begin(&z->recast, &o, found, in, z->threads, e);
    if (!rc && z->imatrix) rc = imatrix_open(&im, z->imatrix, e);
    o.write.importance = z->imatrix ? &im : NULL;
    o.write.measure = true;
    if (!rc) rc = convert_to_gguf(&o, &r, e);
    recast_end(&z->recast);
    imatrix_close(&im);
    return rc ? rc : report(z, &mix, out, &r, e);
}

int cmd_quantize(int argc, char **argv)
{
    struct quantize z = {.to = "q8_0"};
    struct err e = {0};
    bool to_given = false;
    int n, status, rc;
    char to[300] = "number format (q8_0)", *at = to + strlen(to);
    for (int i = 0; mix_names[i]; i++) at += snprintf(at, (size_t)(to + sizeof to - at), "%s %s", i ? "," : ":", mix_names[i]);
    struct opts o = {
        .command = "quantize",
        .usage = "IN OUT.gguf [FORMAT]",
        .summary =
            "Writes the model IN (GGUF file, also split, or folder) to OUT.gguf with its matrices in another number\n"
            "format, and tells for every matrix how large the change is, relative to its own size. Norms, routers\n"
            "and biases keep their precision; below 6 bits the output matrix gets q6_k. Rows that are no whole\n"
            "blocks of 256 get the next better format with blocks of 32. --type gives the tensors whose names fit a\n"
            "pattern a format of their own; the last pattern that fits counts.\n\n"
            "  autarky imatrix model.gguf text.txt -o model.imatrix.gguf\n"
            "  autarky quantize model.gguf small.gguf --to q4_k_m --imatrix model.imatrix.gguf\n"
            "  autarky quantize model.gguf small.gguf --to q8_0 --type 'ffn_*_exps=iq4_xs' --type 'blk.[0-3].ffn_down_exps=q6_k'\n"};
    opts_add(&o, (struct opt){"to", 0, OPT_STR, &z.to, .arg = "FORMAT", .help = to, .given = &to_given});
    opts_add(&o, (struct opt){"imatrix", 0, OPT_STR, &z.imatrix, .arg = "FILE",
                              .help = "weigh errors by what meets each column (autarky imatrix, llama-imatrix)"});
    opts_add(&o, (struct opt){"head", 0, OPT_STR, &z.head, .arg = "FORMAT", .help = "of the output matrix"});
    opts_add(&o, (struct opt){"embed", 0, OPT_STR, &z.embed, .arg = "FORMAT",
                              .help = "of the embedding, where it is not the head"});
    opts_add(&o, (struct opt){"experts", 0, OPT_STR, &z.experts, .arg = "FORMAT", .help = "of the routed experts"});
    opts_add(&o, (struct opt){"type", 0, OPT_LIST, &z.types, .arg = "PATTERN=FORMAT",
                              .help = "of matrices whose GGUF name, or whole parts of it between dots, fit (repeatable)"});
    opts_add(&o, (struct opt){"threads", 't', OPT_I64, &z.threads, 0, 1024, .help = "threads (all)"});
    opts_flag(&o, "force", 0, &z.force, "replace OUT.gguf without asking");
    opts_flag(&o, "quiet", 'q', &z.quiet, "no progress, no line per matrix");
    opts_flag(&o, "json", 0, &z.json, "the report as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    z.rows = json_array();
    bool both = n == 3 && to_given;
    if (n == 3 && !both) z.to = argv[3]; /* as llama-quantize has it */
    if (both || n < 2 || n > 3)
        rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__,
                         "IN, OUT.gguf and one FORMAT are wanted%s", both ? ", two formats are given" : "");
    else rc = quantize(&z, argv[1], argv[2], &e);
    json_decref(z.rows);
    return rc ? exit_fail("quantize", &e) : EXIT_OK;
}
