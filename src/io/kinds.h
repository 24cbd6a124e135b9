/* What a file or a folder is that is not the model it was taken for. Messages only: nothing here decides what is read. */
#ifndef IO_KINDS_H
#define IO_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include "io/tensor_file.h"

/* OK for bytes that show no other kind; else the error that says what the file is and what to do. */
int io_check_kind(const char *path, const void *data, size_t n, struct err *e);
/* The same for a file that is to be JSON: a web page, a pointer, an archive, a pickle. */
int io_check_json_kind(const char *path, const char *text, size_t n, struct err *e);
/* Appends to a message what the name of the file tells: a piece of a file that was cut, or a download under way. */
void io_add_name_hint(struct err *e, const char *path);
/* What a folder without model.safetensors has instead, as the end of a message; "": nothing that is known. */
int io_folder_hint(char *out, size_t cap, const struct tf *f, const char *dir, struct err *e);
/* How a tensor's weights are stored when names beside it are those of another program's quantisation; NULL: not so.
 * has: whether the file has a tensor of this name. */
const char *io_foreign_weights(const char *name, bool (*has)(void *ctx, const char *name), void *ctx);

#endif
