/* Fuzz target: GGUF files. The corpus begins with valid ones; see fuzz_file.h for what is promised about them. */
#include "fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return fuzz_tensor_file(data, size); }
