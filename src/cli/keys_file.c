/* Where keys lie. */
#include "cli/keys_file.h"
#include <stdio.h>

bool keys_file(char out[SETUP_PATH], const char *given)
{
    if (!given) return xdg_path(out, "XDG_DATA_HOME", ".local/share", "autarky/keys.db");
    int n = snprintf(out, SETUP_PATH, "%s", given);
    return n > 0 && n < SETUP_PATH;
}
