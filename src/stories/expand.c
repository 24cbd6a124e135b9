/* Expanding story templates. Templates are our own constants: malformed ones are bugs, found by the test that expands
 * every one of them, and cannot come from outside. */
#include "stories/expand.h"
#include <ctype.h>
#include <string.h>

/* Bytes of the unpolished text: "a" or "an" when the next word is known; the next letter is a capital. */
enum { ARTICLE = 1, CAPITAL = 2 };

/* The end of the group that opens at p ('{' or '['): its closing bracket; counts alternatives at the top level. */
static const char *group_end(const char *p, uint32_t *alternatives)
{
    int depth = 0;
    *alternatives = 1;
    for (;; p++) {
        if (*p == '{' || *p == '[') depth++;
        else if (*p == '}' || *p == ']') {
            if (--depth == 0) return p;
        } else if (*p == '|' && depth == 1) ++*alternatives;
    }
}

static const char *alternative_end(const char *p)
{
    for (int depth = 0;; p++) {
        if (*p == '{' || *p == '[') depth++;
        else if ((*p == '|' || *p == '}') && depth == 0) return p;
        else if (*p == '}' || *p == ']') depth--;
    }
}

static void expand_range(struct story *s, struct buf *out, const char *p, const char *end, const struct story_character *self);

/* One of a table's alternatives "a|b|c", expanded for the character it belongs to. */
static void expand_list(struct story *s, struct buf *out, const char *list, const struct story_character *self)
{
    uint32_t n = 1;
    for (const char *p = list; *p; p++) n += *p == '|';
    for (uint64_t k = rng_next_below(&s->rng, n); k; k--) list = strchr(list, '|') + 1;
    const char *bar = strchr(list, '|');
    expand_range(s, out, list, bar ? bar : list + strlen(list), self);
}

void story_pick(struct rng *r, char *out, size_t cap, const char *list)
{
    uint32_t n = 1;
    for (const char *p = list; *p; p++) n += *p == '|';
    for (uint64_t k = rng_next_below(r, n); k; k--) list = strchr(list, '|') + 1;
    size_t len = strcspn(list, "|");
    if (len >= cap) len = cap - 1;
    memcpy(out, list, len);
    out[len] = 0;
}

static const char *pronoun(char gender, const char *field)
{
    static const char *const table[4][3] = {
        {"he", "she", "it"}, {"him", "her", "it"}, {"his", "her", "its"}, {"himself", "herself", "itself"}};
    int g = gender == 'm' ? 0 : gender == 'f' ? 1 : 2;
    if (field[0] == 's') return table[3][g];
    return table[field[2] == 'm' ? 1 : field[2] == 's' ? 2 : 0][g];
}

/* True when "the fox" can only mean this character. */
static bool kind_is_unique(const struct story *s, const struct story_character *c)
{
    const struct story_character *all[] = {&s->hero, &s->friend, &s->other};
    for (int i = 0; i < 3; i++)
        if (all[i] != c && all[i]->kind == c->kind) return false;
    return true;
}

static void add_adj(struct buf *out, const struct story_character *c)
{
    if (!c->adj[0]) return;
    buf_add_str(out, c->adj);
    buf_add_byte(out, ' ');
}

static void add_reference(struct story *s, struct buf *out, const struct story_character *c)
{
    uint64_t roll = rng_next_below(&s->rng, 100);
    if (c->name && (roll >= 12 || !kind_is_unique(s, c))) {
        buf_add_str(out, c->name);
        return;
    }
    buf_add_str(out, "the ");
    if (roll % 4 == 0 && !c->name) add_adj(out, c);
    buf_add_str(out, c->kind->name);
}

static void add_introduction(struct story *s, struct buf *out, const struct story_character *c)
{
    static const char *const named[] = {" named ", " called ", " named ", " whose name was "};
    buf_add_byte(out, ARTICLE);
    buf_add_byte(out, ' ');
    add_adj(out, c);
    buf_add_str(out, c->kind->name);
    if (!c->name) return;
    buf_add_str(out, named[rng_next_below(&s->rng, 4)]);
    buf_add_str(out, c->name);
}

static void expand_character(struct story *s, struct buf *out, const struct story_character *c, const char *field)
{
    switch (field[0]) {
    case '>': add_reference(s, out, c); return;
    case 'a':
        if (field[1] == 'd') buf_add_str(out, c->adj);
        else add_introduction(s, out, c);
        return;
    case 'k': buf_add_str(out, c->kind->name); return;
    case 'n':
        if (c->name) buf_add_str(out, c->name);
        else add_reference(s, out, c);
        return;
    case 'v':
        if (c->name) {
            buf_add_str(out, c->name);
        } else {
            buf_add_str(out, rng_next_below(&s->rng, 2) ? "little " : "dear ");
            buf_add_str(out, c->kind->name);
        }
        return;
    case 'w': expand_list(s, out, c->kind->went, c); return;
    case 'f': expand_list(s, out, c->kind->food, c); return;
    case 'd': expand_list(s, out, c->kind->habits, c); return;
    case 'h':
        if (field[1] == 'o') expand_list(s, out, c->kind->home, c);
        else buf_add_str(out, pronoun(c->gender, field));
        return;
    default: buf_add_str(out, pronoun(c->gender, field));
    }
}

static void expand_elder(struct story *s, struct buf *out, const char *field)
{
    char gender = strstr(s->elder, "father") ? 'm' : 'f';
    if (field[0] == 'h') {
        buf_add_str(out, pronoun(gender, field));
        return;
    }
    if (field[0] == '>') {
        buf_add_str(out, pronoun(s->hero.gender, "his"));
        buf_add_byte(out, ' ');
    }
    buf_add_str(out, s->elder);
}

static void expand_object(struct buf *out, const struct story_object *o, const char *field)
{
    if (field[0] == 'a') {
        if (o->object->det) buf_add_str(out, o->object->det);
        else buf_add_byte(out, ARTICLE);
        buf_add_byte(out, ' ');
    }
    if ((field[0] == 'a' || field[0] == 'r') && o->adj[0]) {
        buf_add_str(out, o->adj);
        buf_add_byte(out, ' ');
    }
    buf_add_str(out, o->object->name);
}

static void expand_place(struct story *s, struct buf *out, const char *field)
{
    switch (field[0]) {
    case 'i': buf_add_str(out, s->place->in); return;
    case 't': buf_add_str(out, s->place->to); return;
    case 's': expand_list(s, out, s->place->see, NULL); return;
    case 'h': expand_list(s, out, s->place->hide, NULL); return;
    default: buf_add_str(out, s->place->name);
    }
}

/* p points behind '<'; returns behind '>'. */
static const char *expand_slot(struct story *s, struct buf *out, const char *p, const struct story_character *self)
{
    if (*p == '^') {
        buf_add_byte(out, CAPITAL);
        p++;
    }
    const char *field = p[1] == '.' ? p + 2 : p + 1;
    switch (*p) {
    case 'H': expand_character(s, out, &s->hero, field); break;
    case 'F': expand_character(s, out, &s->friend, field); break;
    case 'O': expand_character(s, out, &s->other, field); break;
    case 'S': expand_character(s, out, self ? self : &s->hero, field); break;
    case 'P': expand_elder(s, out, field); break;
    case 'X': expand_object(out, &s->x, field); break;
    case 'Y': expand_object(out, &s->y, field); break;
    default: expand_place(s, out, field);
    }
    return strchr(field, '>') + 1;
}

static void expand_range(struct story *s, struct buf *out, const char *p, const char *end, const struct story_character *self)
{
    while (p < end) {
        if (*p == '{') {
            uint32_t n;
            const char *close = group_end(p, &n), *from = p + 1;
            for (uint64_t k = rng_next_below(&s->rng, n); k; k--) from = alternative_end(from) + 1;
            expand_range(s, out, from, alternative_end(from), self);
            p = close + 1;
        } else if (*p == '[') {
            uint32_t n;
            const char *close = group_end(p, &n);
            if (rng_next_below(&s->rng, 2)) expand_range(s, out, p + 1, close, self);
            p = close + 1;
        } else if (*p == '<') {
            p = expand_slot(s, out, p + 1, self);
        } else if (*p == '~') {
            buf_add_byte(out, ARTICLE);
            p++;
        } else {
            size_t n = strcspn(p, "{[<~");
            if (n > (size_t)(end - p)) n = (size_t)(end - p);
            buf_add(out, p, n);
            p += n;
        }
    }
}

void story_expand(struct story *s, struct buf *out, const char *text) { expand_range(s, out, text, text + strlen(text), NULL); }

/* "an" before a vowel's sound, judged by the letters: our vocabulary has no other exceptions than these. */
static bool takes_an(const char *word)
{
    static const char *const hard[] = {"unicorn", "use", "one", "uni", "eur"};
    static const char *const soft[] = {"hour", "honest"};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        if (!strncmp(word, hard[i], strlen(hard[i]))) return false;
    for (size_t i = 0; i < sizeof soft / sizeof *soft; i++)
        if (!strncmp(word, soft[i], strlen(soft[i]))) return true;
    return *word && strchr("aeiouAEIOU", *word) != NULL;
}

static bool begins_sentence(const char *t, size_t n)
{
    if (n == 0 || t[n - 1] == '\n') return true;
    if (t[n - 1] == '"') return n == 1 || t[n - 2] == ' ' || t[n - 2] == '\n';
    if (t[n - 1] != ' ' || n < 2) return false;
    if (strchr(".!?", t[n - 2])) return true;
    return t[n - 2] == '"' && n > 2 && t[n - 3] == '.';
}

void story_polish(struct buf *out, const struct buf *raw)
{
    size_t start = out->len;
    bool capital = false;
    for (size_t i = 0; i < raw->len; i++) {
        char c = raw->data[i];
        const char *t = out->data ? out->data + start : "";
        size_t n = out->len - start;
        char last = n ? t[n - 1] : '\n';
        if (c == CAPITAL) {
            capital = true;
            continue;
        }
        if (c == ' ' && (last == ' ' || last == '\n')) continue;
        if (c && strchr(".,!?\n", c) && last == ' ') out->len--, n--;
        if (isalpha((unsigned char)c) || c == ARTICLE) {
            capital = capital || begins_sentence(t, n);
            const char *word = raw->data + i + 1;
            while (*word == ' ' || *word == CAPITAL) word++;
            if (c == ARTICLE) c = 'a';
            buf_add_byte(out, capital ? toupper((unsigned char)c) : c);
            if (raw->data[i] == ARTICLE && takes_an(word)) buf_add_byte(out, 'n');
            capital = false;
            continue;
        }
        buf_add_byte(out, c);
    }
    while (out->len > start && isspace((unsigned char)out->data[out->len - 1])) out->data[--out->len] = 0;
}
