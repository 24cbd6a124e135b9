/* Finding the template and the name of a model. */
#include "model/chat_template.h"
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "io/tensor_file.h"
#include "sys/file.h"

enum { PATH_CAP = 4096, TEMPLATE_MAX = 1 << 20 };

static int from_gguf(char **out, const char *key, const char *path, struct err *e)
{
    struct tf f;
    bool found = false;
    TRY(tf_open(&f, path, e));
    int rc = !strcmp(f.container, "gguf") ? tf_kv_str(&f, key, out, &found, e) : OK;
    tf_close(&f);
    if (!rc && !found) *out = NULL;
    return rc;
}

/* A JSON file of the folder; *root NULL when it is not there. */
static int read_json(json_t **root, const char *folder, const char *name, struct err *e)
{
    char path[PATH_CAP], *text;
    size_t len;
    *root = NULL;
    TRY(path_join(path, sizeof path, folder, name, e));
    if (!file_exists(path)) return OK;
    TRY(file_read(&text, &len, path, 16 * TEMPLATE_MAX, e));
    int rc = json_parse(root, text, len, path, e);
    mem_free(text);
    return rc;
}

static int copy_text(char **out, const json_t *v, struct err *e)
{
    if (!json_is_string(v)) return OK;
    *out = mem_strdup(json_string_value(v));
    if (!*out) FAIL(e, ERR_MEMORY, "out of memory");
    return OK;
}

static const json_t *template_of(const json_t *root)
{
    const json_t *v = json_object_get(root, "chat_template");
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
        const json_t *x = json_array_get(v, i), *name = json_object_get(x, "name");
        if (json_is_string(name) && !strcmp(json_string_value(name), "default")) return json_object_get(x, "template");
    }
    return v;
}

static int from_folder(char **out, const char *folder, struct err *e)
{
    char path[PATH_CAP];
    json_t *root;
    size_t len;
    TRY(path_join(path, sizeof path, folder, "chat_template.jinja", e));
    if (file_exists(path)) return file_read(out, &len, path, TEMPLATE_MAX, e);
    TRY(read_json(&root, folder, "tokenizer_config.json", e));
    int rc = copy_text(out, template_of(root), e);
    json_decref(root);
    return rc;
}

static int folder_of(char *out, size_t cap, const char *path, bool *is_folder, struct err *e)
{
    *is_folder = file_is_dir(path) || str_ends_with(path, ".safetensors");
    if (!file_is_dir(path)) return path_dir(out, cap, path, e);
    return path_join(out, cap, path, ".", e);
}

int model_chat_template(char **out, const char *path, struct err *e)
{
    char folder[PATH_CAP];
    bool is_folder;
    *out = NULL;
    TRY(folder_of(folder, sizeof folder, path, &is_folder, e));
    return is_folder ? from_folder(out, folder, e) : from_gguf(out, "tokenizer.chat_template", path, e);
}

int model_name(char **out, const char *path, struct err *e)
{
    char folder[PATH_CAP];
    bool is_folder;
    json_t *root;
    *out = NULL;
    TRY(folder_of(folder, sizeof folder, path, &is_folder, e));
    if (!is_folder) return from_gguf(out, "general.name", path, e);
    TRY(read_json(&root, folder, "config.json", e));
    int rc = copy_text(out, json_object_get(root, "_name_or_path"), e);
    json_decref(root);
    return rc;
}
