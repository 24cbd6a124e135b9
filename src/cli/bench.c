/* autarky bench: which of its parts is meant. */
#include <stdio.h>
#include <string.h>
#include "cli/commands.h"
#include "cli/exit.h"

int cmd_bench(int argc, char **argv)
{
    if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
        printf("Usage: autarky bench [MODEL...] [OPTIONS]    reading a prompt and answering; --peer compares (bench model -h)\n"
               "       autarky bench kernels [OPTIONS]       every kernel of every level\n"
               "       autarky bench train [OPTIONS]         a training step\n"
               "       autarky bench tokenizer MODEL         text to token ids\n");
        return EXIT_OK;
    }
    if (argc > 1 && !strcmp(argv[1], "kernels")) return cmd_bench_kernels(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "train")) return cmd_bench_train(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "tokenizer")) return cmd_bench_tokenizer(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "model")) return cmd_bench_model(argc - 1, argv + 1);
    return cmd_bench_model(argc, argv);
}
