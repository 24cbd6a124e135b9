/* Casting and telling stories. */
#include "stories/stories.h"
#include "base/checked.h"
#include "base/mem.h"
#include "stories/expand.h"
#include <string.h>

enum { STREAM_STORY = 0x57 }; /* highest byte of the stream: plain stories and chats never share random numbers */
enum { MIN_WORDS = 75, MAX_WORDS = 210, MAX_BYTES = 1090, ATTEMPTS = 40, CAST_ATTEMPTS = 60 };

size_t story_plot_count(void) { return story_n_plots_a + story_n_plots_b + story_n_plots_c; }

const struct plot *story_plot(size_t i)
{
    if (i < story_n_plots_a) return &story_plots_a[i];
    i -= story_n_plots_a;
    return i < story_n_plots_b ? &story_plots_b[i] : &story_plots_c[i - story_n_plots_b];
}

char story_kind_gender(const struct kind *k)
{
    static const char *const female[] = {"girl", "princess", "queen", "mermaid", "witch", "hen", "cow", "fairy"};
    static const char *const male[] = {"boy", "prince", "king", "wizard", "fisherman", "rooster", "knight", "snowman", "peacock"};
    for (size_t i = 0; i < ARRAY_LEN(female); i++)
        if (!strcmp(k->name, female[i])) return 'f';
    for (size_t i = 0; i < ARRAY_LEN(male); i++)
        if (!strcmp(k->name, male[i])) return 'm';
    return 0;
}

static bool chance(struct rng *r, uint64_t percent) { return rng_next_below(r, 100) < percent; }

static const struct kind *any_kind(struct rng *r) { return &story_kinds[rng_next_below(r, story_n_kinds)]; }

const struct kind *story_any_hero(struct rng *r)
{
    uint64_t roll = rng_next_below(r, 100);
    unsigned want = roll < 62 ? IS_ANIMAL : roll < 84 ? IS_CHILD : roll < 92 ? IS_MAGIC : roll < 96 ? IS_THING : IS_GROWN;
    if (chance(r, 3)) return &story_kinds[0]; /* what people ask for first: a fox */
    for (;;) { /* every group has members */
        const struct kind *k = any_kind(r);
        if (k->is & want) return k;
    }
}

static const char *one_of(struct rng *r, const char *const *names, size_t n) { return names[rng_next_below(r, n)]; }

const char *story_any_name(struct rng *r, const struct kind *k, char gender)
{
    if (k->is & (IS_CHILD | IS_GROWN))
        return gender == 'f' ? one_of(r, story_girls, story_n_girls) : one_of(r, story_boys, story_n_boys);
    if (gender == 'n') return one_of(r, story_pets_n, story_n_pets_n);
    return gender == 'f' ? one_of(r, story_pets_f, story_n_pets_f) : one_of(r, story_pets_m, story_n_pets_m);
}

static char any_gender(struct rng *r, const struct kind *k, char avoid)
{
    char fixed = story_kind_gender(k);
    if (fixed) return fixed;
    if ((k->is & IS_THING) && chance(r, 60)) return 'n';
    if (avoid == 'm' || avoid == 'f') return chance(r, 80) == (avoid == 'm') ? 'f' : 'm';
    return chance(r, 50) ? 'f' : 'm';
}

/* Dresses a character of a given kind. */
static void dress(struct rng *r, struct story_character *c, const struct kind *k, char avoid, uint64_t named)
{
    c->kind = k;
    c->gender = any_gender(r, k, avoid);
    c->name = chance(r, k->is & IS_CHILD ? 100 : named) ? story_any_name(r, k, c->gender) : NULL;
    c->adj[0] = 0;
    if (chance(r, 85)) story_pick(r, c->adj, sizeof c->adj, k->adjs);
}

static void set_word(char out[24], const char *word)
{
    size_t n = strlen(word);
    if (n > 23) n = 23;
    memcpy(out, word, n);
    out[n] = 0;
}

static bool plot_suits(const struct plot *p, const struct story_request *q, const struct kind *hero, bool object_fits)
{
    if (!(p->hero & hero->is) || (p->not_hero & hero->is)) return false;
    if (q->friend && (!p->friend || (p->not_hero & q->friend->is & (IS_THING | IS_WATER)))) return false;
    if (q->object && object_fits && !(p->x & q->object->is)) return false;
    return true;
}

static const struct plot *choose_plot(struct rng *r, const struct story_request *q, const struct kind *hero)
{
    bool object_fits = chance(r, 70); /* the object asked for is at the heart of the plot, or else only mentioned */
    for (int i = 0; i < 4 * CAST_ATTEMPTS; i++) {
        const struct plot *p = story_plot(rng_next_below(r, story_plot_count()));
        if (plot_suits(p, q, hero, object_fits && i < 2 * CAST_ATTEMPTS)) return p;
    }
    return &story_plots_b[2]; /* making a friend suits everybody */
}

static const struct place *choose_place(struct rng *r, const struct kind *hero)
{
    for (;;) { /* every kind has a place */
        const struct place *p = &story_places[rng_next_below(r, story_n_places)];
        if (p->at & hero->at) return p;
    }
}

static bool friend_suits(const struct story *s, const struct plot *p, const struct kind *k)
{
    const struct kind *hero = s->hero.kind;
    if ((k == hero && !(k->is & IS_CHILD)) || !(k->at & s->place->at)) return false;
    if ((hero->is ^ k->is) & IS_WATER) return false;
    return !(p->not_hero & k->is & (IS_THING | IS_WATER));
}

static const struct kind *choose_friend(struct rng *r, const struct story *s, const struct plot *p)
{
    bool child = s->hero.kind->is & IS_CHILD;
    for (int i = 0; i < CAST_ATTEMPTS; i++) {
        const struct kind *k = any_kind(r);
        if (!friend_suits(s, p, k)) continue;
        if (child && i < CAST_ATTEMPTS / 2 && !(k->is & IS_CHILD) && chance(r, 50)) continue;
        if (!child && (k->is & IS_GROWN) && !(s->hero.kind->is & (IS_GROWN | IS_MAGIC))) continue;
        return k;
    }
    for (;;) { /* nobody else lives there: somebody comes from elsewhere */
        const struct kind *k = any_kind(r);
        if (k != s->hero.kind && !((s->hero.kind->is ^ k->is) & IS_WATER) && (k->is & (IS_ANIMAL | IS_MAGIC))) return k;
    }
}

static bool other_suits(const struct story *s, const struct plot *p, const struct kind *k, bool anywhere)
{
    if (k == s->hero.kind || k == s->friend.kind || ((s->hero.kind->is ^ k->is) & IS_WATER)) return false;
    if (!anywhere && !(k->at & s->place->at)) return false;
    if (p->other == OTHER_FIERCE) return (k->is & IS_FIERCE) != 0;
    if (k->is & (IS_THING | IS_GROWN)) return false;
    return p->other != OTHER_SMALL || !(k->is & IS_FIERCE);
}

static const struct kind *choose_other(struct rng *r, const struct story *s, const struct plot *p)
{
    for (int i = 0;; i++) { /* in the end anybody will do: there are more than three kinds */
        const struct kind *k = any_kind(r);
        if (other_suits(s, p, k, i > 2 * CAST_ATTEMPTS)) return k;
        if (i > 20 * CAST_ATTEMPTS && k != s->hero.kind && k != s->friend.kind) return k;
    }
}

static void choose_object(struct rng *r, struct story_object *o, unsigned classes, const char *not_name)
{
    do o->object = &story_objects[rng_next_below(r, story_n_objects)];
    while (!(o->object->is & classes) || (o->object->det && !(classes & OBJ_FOOD)) || !strcmp(o->object->name, not_name));
    story_pick(r, o->adj, sizeof o->adj, o->object->adjs);
}

static void ask_object(struct story *s, struct story_object *o, const struct story_request *q)
{
    o->object = q->object;
    if (q->object_adj) set_word(o->adj, q->object_adj);
    else story_pick(&s->rng, o->adj, sizeof o->adj, q->object->adjs);
}

static void cast_hero(struct story *s, const struct story_request *q, const struct kind *hero)
{
    struct rng *r = &s->rng;
    dress(r, &s->hero, hero, 0, 72);
    if (q->hero_gender) s->hero.gender = q->hero_gender;
    if (q->hero_unnamed) s->hero.name = NULL;
    if (q->hero_name) s->hero.name = q->hero_name;
    else if (s->hero.name && q->hero_gender) s->hero.name = story_any_name(r, hero, s->hero.gender);
    if (q->hero_adj) set_word(s->hero.adj, q->hero_adj);
}

static void cast_friend(struct story *s, const struct story_request *q, const struct plot *p)
{
    struct rng *r = &s->rng;
    for (int i = 0; i < CAST_ATTEMPTS; i++) {
        dress(r, &s->friend, q->friend ? q->friend : choose_friend(r, s, p), s->hero.gender, 55);
        if (q->friend_gender) s->friend.gender = q->friend_gender;
        if (q->friend_name) s->friend.name = q->friend_name;
        if (!s->friend.name || !s->hero.name || strcmp(s->friend.name, s->hero.name) != 0) break;
    }
    if (s->friend.kind == s->hero.kind && !s->hero.name) s->hero.name = story_any_name(r, s->hero.kind, s->hero.gender);
    if (s->friend.kind == s->hero.kind && !s->friend.name) s->friend.name = "Pip";
}

static void cast(struct story *s, const struct story_request *q, const struct plot *p, const struct kind *hero)
{
    static const char *const elders[] = {"mother", "mother", "mother", "father", "father", "grandmother", "grandfather"};
    struct rng *r = &s->rng;
    cast_hero(s, q, hero);
    s->place = q->place ? q->place : choose_place(r, hero);
    s->elder = elders[rng_next_below(r, ARRAY_LEN(elders))];
    if (p->friend) cast_friend(s, q, p);
    if (p->other) dress(r, &s->other, choose_other(r, s, p), 0, p->other == OTHER_FIERCE ? 0 : 35);
    if (s->other.name && ((s->hero.name && !strcmp(s->other.name, s->hero.name)) ||
                          (s->friend.name && !strcmp(s->other.name, s->friend.name))))
        s->other.name = NULL;
    if (q->object && (p->x & q->object->is)) ask_object(s, &s->x, q);
    else if (p->x) choose_object(r, &s->x, p->x, q->object ? q->object->name : hero->name);
    if (q->object && s->x.object != q->object) ask_object(s, &s->y, q);
    s->scenery = q->scenery;
    s->action = q->action;
}

static void add(struct story *s, struct buf *raw, const char *text)
{
    story_expand(s, raw, text);
    buf_add_byte(raw, ' ');
}

static const char *mention(const struct story *s, bool end)
{
    if (s->y.object->is & OBJ_FOOD) return end ? story_mention_food_end : story_mention_food;
    return end ? story_mention_thing_end : story_mention_thing;
}

static void tell(struct story *s, const struct plot *p, bool happy_end, struct buf *raw)
{
    struct rng *r = &s->rng;
    if (s->hero.name && chance(r, 30)) add(s, raw, story_openings_named[rng_next_below(r, story_n_openings_named)]);
    else add(s, raw, story_openings[rng_next_below(r, story_n_openings)]);
    add(s, raw, story_second[rng_next_below(r, story_n_second)]);
    if (s->action) add(s, raw, s->action->sentence);
    if (s->scenery) add(s, raw, s->scenery->early);
    if (s->y.object) add(s, raw, mention(s, false));
    for (size_t i = 0; i < PLOT_BEATS && p->beats[i]; i++) {
        if (p->beats[i][0] == '\n') buf_add_byte(raw, '\n');
        add(s, raw, p->beats[i]);
    }
    if (s->y.object && chance(r, 70)) add(s, raw, mention(s, true));
    if (chance(r, 65)) add(s, raw, story_lessons[p->lesson]);
    if (s->scenery) add(s, raw, s->scenery->late);
    if (happy_end) add(s, raw, story_endings[0]);
    else if (chance(r, 65)) add(s, raw, story_endings[rng_next_below(r, story_n_endings)]);
}

static size_t count_words(const char *t, size_t n)
{
    size_t words = 0;
    for (size_t i = 0; i < n; i++) words += t[i] == ' ' || (t[i] == '\n' && i && t[i - 1] != '\n');
    return words + 1;
}

int story_compose(struct rng *r, const struct story_request *q, struct buf *out, struct story_told *told, struct err *e)
{
    struct buf raw = {0};
    size_t from = out->len;
    for (int i = 0; i < ATTEMPTS; i++) {
        struct story s = {.rng = *r};
        const struct kind *hero = q->hero ? q->hero : story_any_hero(&s.rng);
        const struct plot *p = q->plot ? q->plot : choose_plot(&s.rng, q, hero);
        cast(&s, q, p, hero);
        buf_clear(&raw);
        out->len = from;
        tell(&s, p, q->happy_end, &raw);
        story_polish(out, &raw);
        *r = s.rng;
        if (told) *told = (struct story_told){hero, s.hero.name, s.hero.gender, s.place};
        if (raw.failed || out->failed) break;
        size_t words = count_words(out->data + from, out->len - from);
        if (words >= MIN_WORDS && words <= MAX_WORDS && out->len - from <= MAX_BYTES) break;
    }
    int rc = buf_check(&raw, "a story", e);
    buf_free(&raw);
    return rc ? rc : buf_check(out, "a story", e);
}

int story_generate(uint64_t seed, uint64_t index, struct buf *out, struct err *e)
{
    struct rng r = {.seed = seed, .stream = (uint64_t)STREAM_STORY << 56 ^ index};
    return story_compose(&r, &(struct story_request){0}, out, NULL, e);
}
