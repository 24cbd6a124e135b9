/* Giving back the memory of what was read once. */
#include "io/tensor_file.h"
#include "sys/shared.h"

void tf_forget(const struct tf *f, const struct tf_tensor *t)
{
    (void)f; /* the bytes lie in a mapping of its file: they can be read again */
    memory_forget(t->data, (size_t)t->bytes);
}
