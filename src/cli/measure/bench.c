/* autarky bench: which of its parts is meant. */
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/setup.h"

int cmd_bench(int argc, char **argv)
{
    if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
        printf("Usage: autarky bench [MODEL...] [OPTIONS]    reading a prompt and answering; --peer compares (bench model -h)\n"
               "       autarky bench kernels [OPTIONS]       every kernel of every level\n"
               "       autarky bench train [OPTIONS]         a training step\n"
               "       autarky bench tokenizer MODEL         text to token ids\n");
        return exit_flushed("bench");
    }
    if (argc > 1 && !strcmp(argv[1], "kernels")) return cmd_bench_kernels(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "train")) return cmd_bench_train(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "tokenizer")) return cmd_bench_tokenizer(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "model")) return cmd_bench_model(argc - 1, argv + 1);
    static const char *const parts[] = {"kernels", "train", "tokenizer", "model"};
    const char *near = argc > 1 && argv[1][0] != '-' ? nearest_name(argv[1], parts, ARRAY_LEN(parts)) : NULL;
    char found[SETUP_PATH];
    if (near && model_resolve(found, argv[1], NULL) != OK) {
        struct err e = {0};
        err_set(&e, ERR_USAGE, __FILE__, __LINE__, "\"%s\" is no model and no part of bench; did you mean %s?", argv[1],
                near);
        return exit_fail("bench", &e);
    }
    return cmd_bench_model(argc, argv);
}
