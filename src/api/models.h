/* The models that are offered, as each dialect lists them. */
#ifndef API_MODELS_H
#define API_MODELS_H

#include "api/inside.h"

int models_list(struct api_answer *a, struct buf *out);   /* GET /models */
int models_one(struct api_answer *a, struct buf *out);    /* GET /models/{id} */
int models_load(struct api_answer *a, struct buf *out);   /* POST /models/load */
int models_unload(struct api_answer *a, struct buf *out); /* POST /models/unload */
extern const struct api_field api_load_fields[];
extern const struct api_voice models_voice; /* {"success": true} */

int models_missing(struct api_answer *a, const char *name); /* the fault: no such model */
/* "2023-08-24T12:00:00.123456789Z" */
enum { TIME_TEXT = 80 };
void models_time(char out[TIME_TEXT], int64_t ns);

#endif
