/* Shapes of published models by name, for planning before anything is fetched. The numbers are those of their config.json;
 * what they add up to is computed from the parameter tables and compared with the published counts in
 * tests/check_plan.c. */
#ifndef MODEL_SHAPES_H
#define MODEL_SHAPES_H

#include <stddef.h>
#include "model/config.h"

/* By name, in any case, with or without an organisation before it and -instruct, -base, -it, -pt or -chat after it.
 * false: unknown. */
bool shape_by_name(const char *name, struct config *c);
/* Name i of the table, NULL behind the end. */
const char *shape_name(size_t i);

#endif
