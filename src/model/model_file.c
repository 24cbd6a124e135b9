/* Opening models. */
#include "model/model_file.h"
#include <limits.h>
#include <string.h>
#include "base/mem.h"
#include "io/kinds.h"
#include "model/chat_template.h"
#include "sys/file.h"

static const struct {
    const char *name;
    size_t max;
} json_files[MODEL_JSONS] = {[MODEL_CONFIG] = {"config.json", 1 << 20},
                             [MODEL_TOKENIZER_CONFIG] = {"tokenizer_config.json", 16 << 20},
                             [MODEL_GENERATION_CONFIG] = {"generation_config.json", 1 << 20},
                             [MODEL_CHAT_TEMPLATE] = {"chat_template.json", 16 << 20}};

const char *const model_side_files[] = {"tokenizer.json",           "tokenizer_config.json",
                                        "special_tokens_map.json",  "added_tokens.json",
                                        "tokenizer.model",          CHAT_TEMPLATE_FILE,
                                        "chat_template.json",       "generation_config.json",
                                        "preprocessor_config.json", "LICENSE",
                                        NULL};

bool model_is_file_name(const char *name)
{
    for (size_t i = 0; model_side_files[i]; i++)
        if (!strcmp(name, model_side_files[i])) return true;
    return !strcmp(name, "config.json") || !strcmp(name, CHAT_TEMPLATE_DIR) || str_ends_with(name, ".safetensors") ||
           str_ends_with(name, ".safetensors.index.json") || str_ends_with(name, ".panels");
}

static int copy(char **out, const char *s, struct err *e)
{
    *out = mem_strdup(s);
    if (!*out) FAIL(e, ERR_MEMORY, "%s: out of memory", s);
    return OK;
}

static int open_it(struct model_file *m, const char *path, struct err *e)
{
    char dir[PATH_MAX];
    if (file_absent(path)) FAIL(e, ERR_NOTFOUND, "%s: there is no such model", path);
    TRY(copy(&m->path, path, e));
    if (file_is_dir(path)) return copy(&m->folder, path, e);
    TRY(tf_open(&m->tf, path, e));
    m->gguf = !strcmp(m->tf.container, "gguf");
    if (m->gguf) return OK;
    TRY(path_dir(dir, sizeof dir, path, e));
    return copy(&m->folder, dir, e);
}

int model_file_open(struct model_file *m, const char *path, struct err *e)
{
    *m = (struct model_file){0};
    int rc = open_it(m, path, e);
    if (rc) model_file_close(m);
    return rc;
}

void model_file_close(struct model_file *m)
{
    tf_close(&m->tf);
    for (int i = 0; i < MODEL_JSONS; i++) {
        mem_free(m->json[i].path);
        json_decref(m->json[i].root);
    }
    mem_free(m->path);
    mem_free(m->folder);
    *m = (struct model_file){0};
}

int model_file_tensors(struct model_file *m, struct err *e)
{
    return m->tf.container ? OK : tf_open(&m->tf, m->path, e);
}

int model_file_text(char **out, size_t *len, char *path, size_t cap, const struct model_file *m, const char *name, size_t max,
                    struct err *e)
{
    struct err why = {0};
    *out = NULL;
    *len = 0;
    TRY(path_join(path, cap, m->folder, name, e));
    int rc = file_read(out, len, path, max, &why);
    if (rc == OK || rc == ERR_NOTFOUND) return OK;
    return err_set(e, why.code, why.file, why.line, "%s", why.msg);
}

static int read_json(struct model_json_file *j, const struct model_file *m, enum model_json which, struct err *e)
{
    char path[PATH_MAX], *text;
    size_t len;
    json_t *root = NULL;
    TRY(model_file_text(&text, &len, path, sizeof path, m, json_files[which].name, json_files[which].max, e));
    int rc = text ? io_check_json_kind(path, text, len, e) : OK;
    if (text && !rc) rc = json_parse_file(&root, text, len, path, e);
    mem_free(text);
    if (!rc && root && !json_is_object(root))
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: expected a JSON object", path);
    if (!rc) rc = copy(&j->path, path, e);
    if (rc) json_decref(root);
    else j->root = root;
    return rc;
}

int model_file_json(const struct model_json_file **out, struct model_file *m, enum model_json which, struct err *e)
{
    struct model_json_file *j = &m->json[which];
    *out = j;
    return m->gguf || j->path ? OK : read_json(j, m, which, e);
}
