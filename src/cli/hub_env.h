/* Where models come from and where they lie, from the environment: the variables of the Hugging Face hub, of ModelScope,
 * of proxies, and of the programs whose caches are read. */
#ifndef CLI_HUB_ENV_H
#define CLI_HUB_ENV_H

#include "cli/setup.h"
#include "hub/local.h"
#include "hub/pull.h"

enum { HUB_TOKEN = 1024 };

struct hub_env {
    struct hub_options options; /* endpoints, tokens, proxies, folders, patience; no callbacks */
    struct hub_places places;
    char endpoint[HUB_URL_MAX], ms_endpoint[HUB_URL_MAX], token[HUB_TOKEN], ms_token[HUB_TOKEN];
    char shipped[SETUP_PATH], cache[SETUP_PATH], own[SETUP_PATH], ollama[SETUP_PATH], lmstudio[SETUP_PATH], llama_cpp[SETUP_PATH];
};
/* The structs point into *h itself: it must not be moved. */
int hub_env_read(struct hub_env *h, struct err *e);

#endif
