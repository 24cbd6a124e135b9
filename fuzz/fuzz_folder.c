/* Fuzz target: a folder of safetensors: the index and two shards, as in fuzz_file.h. Whatever the index says, no file but
 * those of the folder is asked for. */
#include "fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"m/model.safetensors.index.json", "m/a.safetensors", "m/b.safetensors",
                                        "outside.safetensors"};
    struct fuzz_files files = {0};
    struct tf f;
    fuzz_files_cut(&files, names, 3, data, size);
    files.file[3] = (struct io_memory){names[3], "\2\0\0\0\0\0\0\0{}", 10};
    if (fuzz_open(&f, "m", files.file, 4)) {
        for (size_t i = 0; i < f.n_maps; i++)
            if (!strcmp(f.maps[i].path, names[3])) fuzz_broken("a file outside the folder was opened");
        fuzz_look(&f);
        tf_close(&f);
    }
    fuzz_files_free(&files);
    return 0;
}
