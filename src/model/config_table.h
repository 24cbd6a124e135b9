/* The table of configuration fields, for config*.c. */
#ifndef MODEL_CONFIG_TABLE_H
#define MODEL_CONFIG_TABLE_H

#include <string.h>
#include "base/checked.h"
#include "model/arch.h"

enum field_type { FIELD_INT, FIELD_NUM, FIELD_BOOL };

/* json: key of config.json and of recipes; a key in the object of rotary parameters is written rope_scaling.KEY.
 * gguf: key after the architecture's prefix; NULL: derived from several keys, or not there.
 * kinds: bits 1 << enum rope_kind for which a key of the rotary object is meant. */
struct field {
    const char *json, *gguf;
    enum field_type type;
    size_t offset;
    double lo, hi;
    int archs;
    bool required;
    int kinds;
};

extern const struct field config_fields[];
extern const int config_n_fields;

static inline int64_t *int_at(const struct config *c, const struct field *f) { return (int64_t *)((char *)c + f->offset); }
static inline double *num_at(const struct config *c, const struct field *f) { return (double *)((char *)c + f->offset); }
static inline bool *bool_at(const struct config *c, const struct field *f) { return (bool *)((char *)c + f->offset); }
static inline bool has_field(const struct config *c, const struct field *f) { return (f->archs & c->arch->bit) != 0; }
/* The key inside the rotary object, or NULL for a field outside it. */
static inline const char *rope_key(const struct field *f)
{
    static const char prefix[] = "rope_scaling.";
    return strncmp(f->json, prefix, sizeof prefix - 1) ? NULL : f->json + sizeof prefix - 1;
}
/* Fields in the rotary object count for some kinds only. */
static inline bool rope_field_used(const struct config *c, const struct field *f)
{
    return rope_key(f) && has_field(c, f) && (f->kinds >> c->rope_kind & 1);
}

/* Refuses metadata of the architecture that would make another model, and names what is not known. */
int config_check_gguf_keys(const struct config *c, const struct tf *f, struct err *e);

/* Names of enum rope_kind in config.json; "" where it has none. */
extern const char *const rope_kind_names[];

/* The shortest decimal that reads back as v (as float when `single`), with a mark that makes it a real number. */
void number_text(char out[40], double v, bool single);
static inline bool config_has_moe(const struct config *c) { return config_first_moe(c) < c->layers + c->mtp_layers; }

#endif
