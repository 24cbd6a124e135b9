/* autarky quantize: a model file in another number format, with a report of what that costs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "quant/convert.h"
#include "quant/error.h"

static const char *const type_names[] = {"q8_0", "f16", "bf16", "f32", NULL};

struct quantize {
    int to;
    bool json, quiet;
    json_t *rows; /* with json */
};

static void print_row(void *ctx, const struct quant_error *q)
{
    struct quantize *z = ctx;
    if (z->json)
        json_array_append_new(z->rows, json_pack("{s:s,s:s,s:I,s:f,s:f,s:f}", "name", q->name, "type",
                                                 formats[q->type].name, "count", (json_int_t)q->count, "rms", q->rms,
                                                 "relative_rms_error", q->rms_error, "max_error", q->max_error));
    else if (!z->quiet)
        fprintf(stderr, "%-36s %-5s %12" PRId64 "  rms %9.3e  error %8.2e  max %8.2e\n", q->name, formats[q->type].name,
                q->count, q->rms, q->rms_error, q->max_error);
}

static int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static int report(struct quantize *z, const char *out, const struct quant_error *total, struct err *e)
{
    const char *type = formats[total->type].name;
    if (!z->json) {
        fprintf(stderr, "%s: %.1f MiB, %" PRId64 " numbers as %s, relative error %.2e\n", out,
                (double)file_size(out) / (1 << 20), total->count, type, total->rms_error);
        return OK;
    }
    json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:f,s:f,s:O}", "file", out, "type", type, "bytes",
                          (json_int_t)file_size(out), "count", (json_int_t)total->count, "relative_rms_error",
                          total->rms_error, "max_error", total->max_error, "tensors", z->rows);
    if (!o) FAIL(e, ERR_MEMORY, "the report cannot be written as JSON (out of memory, or a path that is not UTF-8)");
    return answer_print_json(o, e);
}

static int quantize(struct quantize *z, const char *in, const char *out, struct err *e)
{
    struct converted c = {0};
    struct quant_error total;
    enum dtype type = DT_F32;
    format_by_name(type_names[z->to], &type);
    TRY(model_check_path(in, e));
    if (same_file(in, out)) FAIL(e, ERR_USAGE, "%s is read and written; give the result another name", in);
    int rc = convert_open(&c, in, e);
    if (!rc) rc = quant_errors(&c.net, type, print_row, z, &total, e);
    if (!rc && total.count == 0)
        fprintf(stderr, "autarky quantize: no matrix has rows of whole blocks of %s: all stay f32\n",
                formats[type].name);
    if (!rc) rc = convert_save_gguf(&c, out, type, e);
    if (!rc) rc = report(z, out, &total, e);
    convert_close(&c);
    return rc;
}

int cmd_quantize(int argc, char **argv)
{
    struct quantize z = {0};
    struct err e = {0};
    int n, status, rc;
    struct opts o = {
        .command = "quantize",
        .usage = "IN OUT.gguf [--to FORMAT]",
        .summary = "Writes the model IN (file or folder) to OUT.gguf with its matrices in another number format,\n"
                   "and tells for every tensor how large the change is, relative to its own size.\n"};
    opts_choice(&o, "to", &z.to, type_names, "number format (q8_0)");
    opts_flag(&o, "quiet", 'q', &z.quiet, "no line per tensor");
    opts_flag(&o, "json", 0, &z.json, "the report as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    z.rows = json_array();
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found %d file names, expected IN and OUT.gguf", n);
    else rc = quantize(&z, argv[1], argv[2], &e);
    json_decref(z.rows);
    return rc ? exit_fail("quantize", &e) : EXIT_OK;
}
