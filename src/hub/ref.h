/* Names of models, and which names from a server or a user may become names of files.
 *
 *   org/name                    a repository on the Hugging Face hub (or a mirror), its branch "main"
 *   org/name:Q4_K_M             of it, the GGUF file (all its parts) whose name holds this; or a file by its path
 *   org/name@revision           another branch, tag or commit; @revision and :pick in either order
 *   hf://..., modelscope://...  the same, naming the hub
 *   https://...                 a page or file of one of the two hubs, else one single file */
#ifndef HUB_REF_H
#define HUB_REF_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum hub_source { HUB_HF, HUB_MODELSCOPE, HUB_URL };

enum {
    HUB_REPO = 200,     /* org/name */
    HUB_REVISION = 200, /* also a path below refs/ */
    HUB_PATH = 512,     /* of a file inside a repository */
    HUB_URL_MAX = 4096,
    HUB_HASH = 65, /* hexadecimal, 40 or 64 digits, and the NUL */
};

struct hub_ref {
    enum hub_source source;
    bool source_named;           /* by a scheme or a host, not by default */
    bool file;                   /* repo is the name of a file or folder of this machine, and of no repository */
    char repo[HUB_REPO];         /* "" for HUB_URL */
    char revision[HUB_REVISION]; /* "": the hub's default */
    char pick[HUB_PATH];         /* "": the default choice */
    char url[HUB_URL_MAX];       /* HUB_URL only */
};
int hub_ref_parse(struct hub_ref *r, const char *text, struct err *e);
/* The same for what is on this machine already, where any name of a file (hub_path_ok) is one of a model: "my class". */
int hub_ref_here(struct hub_ref *r, const char *text, struct err *e);

/* One or two words of letters, digits, '-', '_', '.', joined by '/'; no "--" and no "..", as on the hub. */
bool hub_repo_ok(const char *repo);
/* A relative path that stays below the folder it is put in: no empty, "." or ".." component, no backslash, no control
 * characters or other bytes that are not printable UTF-8, components of at most 200 bytes, at most 12 of them. */
bool hub_path_ok(const char *path);
/* n hexadecimal digits in lower case, and nothing else. */
bool hub_hex_ok(const char *s, size_t n);
/* A commit or an object id: 40 or 64 digits. */
bool hub_hash_ok(const char *s);

#endif
