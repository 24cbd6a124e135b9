/* Models on this machine, wherever they came from: the shared Hugging Face cache, autarky's own folder, what Ollama, LM Studio
 * and llama.cpp have fetched, the models that ship, and those that training runs of the current folder have made. Nothing
 * here opens a connection, and no file's bytes are read but Ollama's manifests. */
#ifndef HUB_LOCAL_H
#define HUB_LOCAL_H

#include <limits.h>
#include "hub/choose.h"
#include "sys/file.h"

enum hub_place { PLACE_HF, PLACE_OWN, PLACE_OLLAMA, PLACE_LMSTUDIO, PLACE_LLAMA_CPP, PLACE_SHIPPED, PLACE_RUNS, PLACES };
extern const char *const hub_place_names[PLACES];

/* Folders to look in; NULL: none. Those that do not exist are empty. */
struct hub_places {
    const char *root[PLACES];
    const char *ollama_system; /* of Ollama when it runs as a service */
};

enum hub_format { HUB_GGUF, HUB_SAFETENSORS, HUB_INCOMPLETE };
extern const char *const hub_format_names[];

struct hub_model {
    enum hub_place place;
    enum hub_format format;
    char *name; /* finds it again: hub_find; owned */
    char *path; /* a file (of a split one the first part) or a folder; owned */
    uint64_t size;
    int64_t modified;
};
struct hub_models {
    struct hub_model *v;
    size_t n, cap;
};
/* Sorted by place and name. What cannot be read is left out. */
int hub_models_list(struct hub_models *m, const struct hub_places *p, struct err *e);
void hub_models_free(struct hub_models *m);

/* The path of the model that `name` means ("org/name", "org/name:Q4_K_M", "llama3.2:1b", an address that was pulled), in
 * the order of the places. ERR_NOTFOUND when it is nowhere. */
int hub_find(char out[PATH_MAX], const struct hub_places *p, const char *name, struct err *e);

/* The finished model of a training run's folder. */
bool hub_run_model(char out[PATH_MAX], const char *run, struct file_look *look);

/* Copies the model at `path` (as found for ref) to `to`: a file, a new folder for a folder or a file in parts, or into a
 * folder that exists. Nothing that exists is replaced. out gets the new path. */
int hub_copy(char out[PATH_MAX], const char *path, const struct hub_ref *ref, const char *to, bool (*stop)(void),
             struct err *e);

/* What hub_remove is about to delete, or has deleted. */
struct hub_removal {
    char name[HUB_REPO + HUB_REVISION + HUB_PATH];
    size_t files, kept; /* kept: other files of the repository that stay */
    uint64_t bytes;     /* freed */
};
/* Removes a repository from the Hugging Face cache, or of it one revision or one GGUF file, or a file or folder of
 * autarky's own. Bytes that another revision still uses stay. agree is asked before anything is touched. */
int hub_remove(const struct hub_places *p, const struct hub_ref *ref, struct hub_removal *r,
               int (*agree)(void *ctx, const struct hub_removal *r, struct err *e), void *ctx, struct err *e);

/* ---- for the parts of this module ---- */

/* The regular files below dir (links followed, folders behind links not), as a listing with made-up hashes. A missing
 * folder is empty, one that cannot be read an error; names that no repository can have, and what is no file, are left out. */
int local_files(struct hub_listing *l, const char *dir, struct err *e);
/* The same for whoever needs all of them: nothing is left out, it is an error. */
int local_files_all(struct hub_listing *l, const char *dir, struct err *e);
/* Names in a folder, for a list of what there is: false when it is not there or, which is warned of, cannot be read. */
bool local_names(char ***names, size_t *n, const char *dir);
/* A commit of the repository at c: of the revision ("" for main, or any if there is no main), or a beginning of a commit
 * of at least 7 digits. */
struct hub_cache;
bool local_commit(char out[HUB_HASH], const struct hub_cache *c, const char *revision);
int models_add(struct hub_models *m, struct hub_model v, struct err *e); /* takes copies of name and path */

int ollama_scan(struct hub_models *m, const char *root, struct err *e);
int ollama_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e);
int lmstudio_scan(struct hub_models *m, const char *root, struct err *e);
int llama_cpp_scan(struct hub_models *m, const char *root, struct err *e);
int llama_cpp_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e);
int shipped_scan(struct hub_models *m, const char *root, struct err *e);
int shipped_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e);
int runs_scan(struct hub_models *m, const char *root, struct err *e);
int runs_find(char out[PATH_MAX], const char *root, const struct hub_ref *ref, struct err *e);
/* Rows for every model in dir; names begin with `name`. */
int local_rows(struct hub_models *m, enum hub_place place, const char *dir, const char *name, struct err *e);

#endif
