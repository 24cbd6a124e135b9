/* Fuzz target: GGUF in one to three parts. The first byte says how many there are and which is opened; the parts follow as
 * in fuzz_file.h. All parts give the same model, whichever is opened. */
#include "fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[3][3] = {
        {"m/x-00001-of-00001.gguf", NULL, NULL},
        {"m/x-00001-of-00002.gguf", "m/x-00002-of-00002.gguf", NULL},
        {"m/x-00001-of-00003.gguf", "m/x-00002-of-00003.gguf", "m/x-00003-of-00003.gguf"},
    };
    struct fuzz_files files = {0};
    struct tf f;
    if (size == 0) return 0;
    size_t n = data[0] % 3 + 1u, which = data[0] / 3 % n;
    fuzz_files_cut(&files, names[n - 1], n, data + 1, size - 1);
    if (fuzz_open(&f, names[n - 1][which], files.file, n)) {
        if (f.n_maps != 1 && f.n_maps != n) fuzz_broken("number of parts");
        size_t n_tensors = f.n_tensors, n_kv = f.n_kv, n_maps = f.n_maps;
        fuzz_look(&f);
        tf_close(&f);
        if (n_maps > 1) {
            if (!fuzz_open(&f, names[n - 1][(which + 1) % n], files.file, n)) fuzz_broken("another part cannot be opened");
            if (f.n_tensors != n_tensors || f.n_kv != n_kv) fuzz_broken("another part gives another model");
            tf_close(&f);
        }
    }
    fuzz_files_free(&files);
    return 0;
}
