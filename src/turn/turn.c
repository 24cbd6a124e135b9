/* Turns and events: their memory and defaults. */
#include "turn/turn.h"
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

void *turn_mem_new(struct turn_mem *m, size_t n, size_t size)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        void *grown = mem_grow(m->block, m->cap * sizeof *m->block, cap * sizeof *m->block);
        if (!grown) return NULL;
        m->block = grown;
        m->cap = cap;
    }
    void *p = mem_array(n ? n : 1, size);
    if (p) m->block[m->n++] = p;
    return p;
}

char *turn_mem_text(struct turn_mem *m, const char *s, size_t len)
{
    if (len == SIZE_MAX) return NULL;
    char *p = turn_mem_new(m, len + 1, 1);
    if (p && len) memcpy(p, s, len);
    return p;
}

void turn_mem_free(struct turn_mem *m)
{
    for (size_t i = 0; i < m->n; i++) mem_free(m->block[i]);
    mem_free(m->block);
    *m = (struct turn_mem){0};
}

void turn_sampling_default(struct turn_sampling *s)
{
    *s = (struct turn_sampling){
        .temperature = -1, .top_p = -1, .min_p = -1, .repeat = -1, .top_k = -1, .repeat_window = -1};
}

void turn_init(struct turn *t, enum turn_kind kind)
{
    *t = (struct turn){.kind = kind, .max_tokens = -1, .max_thinking = -1};
    turn_sampling_default(&t->sampling);
}

void turn_free(struct turn *t)
{
    turn_mem_free(&t->mem);
    *t = (struct turn){0};
}

void turn_event_free(struct turn_event *ev)
{
    turn_mem_free(&ev->mem);
    *ev = (struct turn_event){0};
}

void turn_model_free(struct turn_model *m)
{
    turn_mem_free(&m->mem);
    *m = (struct turn_model){0};
}
