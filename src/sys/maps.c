/* Mapped files by address. */
#include "sys/maps.h"
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { MAPS = 256, NAME = 200 };

static struct map {
    atomic_int used; /* 0 free, 1 being filled, 2 valid */
    uintptr_t from, to;
    char name[NAME];
} maps[MAPS];

void maps_add(const void *p, size_t n, const char *path)
{
    size_t len = strlen(path);
    if (len >= NAME) path += len - NAME + 1;
    for (int i = 0; i < MAPS; i++) {
        int none = 0;
        if (!atomic_compare_exchange_strong(&maps[i].used, &none, 1)) continue;
        maps[i].from = (uintptr_t)p;
        maps[i].to = (uintptr_t)p + n;
        memcpy(maps[i].name, path, strlen(path) + 1);
        atomic_store(&maps[i].used, 2);
        return;
    }
}

void maps_remove(const void *p)
{
    for (int i = 0; i < MAPS; i++)
        if (atomic_load(&maps[i].used) == 2 && maps[i].from == (uintptr_t)p) {
            atomic_store(&maps[i].used, 0);
            return;
        }
}

const char *maps_find(const void *p)
{
    for (int i = 0; i < MAPS; i++)
        if (atomic_load(&maps[i].used) == 2 && (uintptr_t)p >= maps[i].from && (uintptr_t)p < maps[i].to) return maps[i].name;
    return NULL;
}
