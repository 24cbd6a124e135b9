/* The sub-commands: one function each, one file each, listed in the table of main.c.
 * argv[0] is the command's name; the return value is the exit code (cli/exit.h). */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

int cmd_chat(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_worker(int argc, char **argv);
int cmd_tokenizer(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_perplexity(int argc, char **argv);
int cmd_quantize(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_imatrix(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_pull(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_cp(int argc, char **argv);
int cmd_rm(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_plan(int argc, char **argv);

/* Called by cmd_bench. */
int cmd_bench_kernels(int argc, char **argv);
int cmd_bench_model(int argc, char **argv);
int cmd_bench_train(int argc, char **argv);
int cmd_bench_tokenizer(int argc, char **argv);

#endif
