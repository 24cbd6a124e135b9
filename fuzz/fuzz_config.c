/* Fuzz target: config.json of every architecture. */
#include "fuzz/fuzz_config.h"
#include "fuzz/fuzz_quiet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c;
    struct err e;
    json_t *root;
    if (json_parse_file(&root, size ? (const char *)data : "", size, "fuzz", &e)) return 0;
    if (config_from_json(&c, root, "fuzz", &e) == OK) fuzz_look_at_config(&c);
    else fuzz_check(!strncmp(e.msg, "fuzz", 4));
    json_decref(root);
    return 0;
}
