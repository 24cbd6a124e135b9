/* Where keys lie. */
#ifndef CLI_KEYS_FILE_H
#define CLI_KEYS_FILE_H

#include <stdbool.h>
#include "cli/setup.h"

/* given, or the usual one when that is NULL; false: no folder is known. */
bool keys_file(char out[SETUP_PATH], const char *given);

#endif
