/* autarky export: between a GGUF file and a folder as transformers reads it. */
#include <stdio.h>
#include <string.h>
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "quant/convert.h"
#include "sys/file.h"

static const char *const type_names[] = {"same", "f32", "bf16", "f16", "q8_0", NULL};

static int export(const char *in, const char *out, int to, bool json, struct err *e)
{
    struct converted c = {0};
    bool gguf = str_ends_with(out, ".gguf");
    TRY(model_check_path(in, e));
    if (same_file(in, out)) FAIL(e, ERR_USAGE, "%s is read and written; give the result another name", in);
    if (!gguf && file_exists(out) && !file_is_dir(out))
        FAIL(e, ERR_USAGE, "%s is a file; a folder or a name ending in .gguf is wanted", out);
    int rc = convert_open(&c, in, e);
    enum dtype type = c.main_type;
    if (to > 0) format_by_name(type_names[to], &type);
    if (!rc) rc = gguf ? convert_save_gguf(&c, out, type, e) : convert_save_folder(&c, out, type, e);
    convert_close(&c);
    TRY(rc);
    if (!json) {
        fprintf(stderr, "%s: written as %s\n", out, formats[type].name);
        return OK;
    }
    json_t *o =
        json_pack("{s:s,s:s,s:s}", "path", out, "container", gguf ? "gguf" : "folder", "type", formats[type].name);
    if (!o) FAIL(e, ERR_MEMORY, "the report cannot be written as JSON (out of memory, or a path that is not UTF-8)");
    return answer_print_json(o, e);
}

int cmd_export(int argc, char **argv)
{
    struct err e = {0};
    int n, status, to = 0, rc;
    bool json = false;
    struct opts o = {
        .command = "export",
        .usage = "IN OUT",
        .summary = "Writes the model IN (GGUF file or folder) anew: to a GGUF file when OUT ends in .gguf, else to a\n"
                   "folder with model.safetensors, config.json and the tokenizer, as transformers reads them.\n"};
    opts_choice(&o, "to", &to, type_names, "number format (same)");
    opts_flag(&o, "json", 0, &json, "what was written as JSON on stdout");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found %d names, expected IN and OUT", n);
    else rc = export(argv[1], argv[2], to, json, &e);
    return rc ? exit_fail("export", &e) : EXIT_OK;
}
