/* autarky convert: between a GGUF file and a folder as transformers reads it, and between number formats. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/models/recast.h"
#include "cli/setup.h"
#include "sys/file.h"

static const char folder_formats[] = "f32, bf16 or f16";

struct convert_args {
    const char *to, *name;
    int64_t shard, threads;
    struct opt_list advice;
    bool json, quiet, force;
};

static int set_formats(struct convert_options *o, struct mix *mix, const char *to, bool gguf, struct err *e)
{
    o->type = DT_COUNT;
    if (!to || !strcmp(to, "same")) return OK;
    TRY(recast_mix("--to", to, mix, e));
    if (gguf) o->mix = mix;
    else if (mix->main != DT_F32 && mix->main != DT_BF16 && mix->main != DT_F16)
        FAIL(e, ERR_UNSUPPORTED, "%s: safetensors cannot hold %s; %s, or a name ending in .gguf is wanted", o->out, to,
             folder_formats);
    else o->type = mix->main;
    return OK;
}

static int report(const struct convert_args *a, const struct convert_options *o, const struct convert_result *r,
                  bool gguf, struct err *e)
{
    const char *from = formats[r->from].name, *to = formats[r->to].name;
    if (!a->json) {
        struct buf sizes = {0};
        recast_sizes(r, &sizes);
        TRY(buf_check(&sizes, "the report", e));
        fprintf(stderr, "%s: %d file%s; %s\n", o->out, r->files, r->files == 1 ? "" : "s", sizes.data);
        buf_free(&sizes);
        if (!gguf && formats[r->from].block > 1 && o->type == DT_COUNT)
            fprintf(stderr, "safetensors cannot hold %s: rounded to %s; --to f32 keeps every bit\n", from, to);
        return OK;
    }
    json_t *x = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:o,s:i}", "path", o->out, "container", gguf ? "gguf" : "folder",
                          "from", from, "type", to, "tensor_bytes_before", (json_int_t)r->totals.total, "bytes",
                          (json_int_t)r->bytes, "types", recast_types(r), "files", r->files);
    if (!x) return json_bad("the report", e);
    return answer_print_json(x, e);
}

static int convert(const struct convert_args *a, const char *in, const char *out, struct err *e)
{
    char found[SETUP_PATH];
    struct mix mix;
    struct convert_result r;
    struct generation advice;
    struct recast c = {.command = "convert", .quiet = a->quiet || a->json, .force = a->force};
    struct convert_options o = {.out = out, .shard = (uint64_t)a->shard << 20, .name = a->name};
    bool gguf = str_ends_with(out, ".gguf");
    generation_init(&advice);
    for (size_t i = 0; i < a->advice.n; i++) TRY(generation_advise(&advice, a->advice.v[i], e));
    if (a->advice.n) o.advice = &advice;
    TRY(set_formats(&o, &mix, a->to, gguf, e));
    TRY(recast_begin(&c, &o, found, in, a->threads, e));
    int rc = gguf ? convert_to_gguf(&o, &r, e) : convert_to_folder(&o, &r, e);
    recast_end(&c);
    return rc ? rc : report(a, &o, &r, gguf, e);
}

int cmd_convert(int argc, char **argv)
{
    struct err e = {0};
    struct convert_args a = {.shard = 5 << 10};
    int n, status, rc;
    struct opts o = {
        .command = argv[0],
        .usage = "IN OUT",
        .summary =
            "Writes the model IN (GGUF file, also split, or folder) anew: to a GGUF file when OUT ends in .gguf,\n"
            "else to a folder with safetensors, config.json and the tokenizer, as transformers reads them.\n"
            "Numbers are read and written a few rows at a time: the model may be larger than memory.\n\n"
            "  autarky convert model.gguf folder --to bf16\n"
            "  autarky convert folder model.gguf\n"};
    opts_add(&o, (struct opt){"to", 0, OPT_STR, &a.to, .arg = "FORMAT",
                              .help = "f32, bf16, f16; for GGUF also those of quantize (default: as they are)"});
    opts_add(&o, (struct opt){"shard", 0, OPT_I64, &a.shard, 1, 1 << 30, .arg = "MIB",
                              .help = "several files with an index in a folder of more than MIB (5120)"});
    opts_add(&o, (struct opt){"threads", 't', OPT_I64, &a.threads, 0, 1024, .help = "threads (all)"});
    opts_add(&o, (struct opt){"name", 0, OPT_STR, &a.name, .arg = "TEXT",
                              .help = "of the model, in a GGUF file (default: as IN has it, else its file name)"});
    opts_add(&o, (struct opt){"advise", 0, OPT_LIST, &a.advice, .arg = "NAME=VALUE",
                              .help = "sampling that the file advises: temperature, top_k, ... (repeatable)"});
    opts_flag(&o, "force", 0, &a.force, "replace OUT without asking");
    opts_flag(&o, "quiet", 'q', &a.quiet, "no progress");
    opts_flag(&o, "json", 0, &a.json, "what was written as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "IN and OUT are wanted; %d %s given", n, n == 1 ? "is" : "are");
    else rc = convert(&a, argv[1], argv[2], &e);
    return rc ? exit_fail(argv[0], &e) : EXIT_OK;
}
