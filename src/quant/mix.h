/* Which number format each tensor gets. A mixture is a row of a table: what most matrices get, and what the sensitive ones
 * get instead; the command line may change single entries. */
#ifndef QUANT_MIX_H
#define QUANT_MIX_H

#include <stdbool.h>
#include <stdint.h>
#include "format/format.h"

struct mix {
    const char *name;
    enum dtype main;    /* matrices                                                                                 */
    enum dtype head;    /* the output matrix; the embedding where it serves as one                                    */
    enum dtype embed;   /* the embedding of a model with an output matrix of its own                                  */
    enum dtype experts; /* stacks of experts, not the shared ones                                                     */
    enum dtype more; /* values and second matrices of MLPs in the layers where that pays, see mix_type; DT_F32: main */
    uint32_t file_type; /* general.file_type, as llama.cpp numbers it */
};

/* By name ("q4_k_m", also "Q4_K_M"); false if there is none. */
bool mix_by_name(const char *name, struct mix *out);
/* All names, in the order of the table, NULL at the end: for the option's choices. */
extern const char *const mix_names[];
extern const size_t mix_count;

/* What is known of the whole model. */
struct mix_model {
    bool tied;      /* no output matrix */
    int64_t layers; /* highest layer in a name, plus one */
};
/* The format for rows of cols numbers where `type` is wanted: another when cols is no multiple of its block, namely the
 * nearest format of 32 with more bits, or f32. */
enum dtype mix_fit(enum dtype type, int64_t cols);
/* The format for rows of cols numbers of a matrix with this GGUF name; *wanted is what the mixture says, before mix_fit. */
enum dtype mix_type(const struct mix *m, const struct mix_model *model, const char *name, int64_t cols,
                    enum dtype *wanted);
/* The layer in "blk.7.attn_q.weight"; -1 outside layers. */
int64_t mix_layer(const char *name);

#endif
