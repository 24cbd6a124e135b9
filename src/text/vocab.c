/* Building a tokenizer: the table of tokens, the hash tables of spellings, of merges and of whole words. */
#include "text/vocab.h"
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/bytemap.h"
#include <stdio.h>
#include <string.h>

/* With our hash an honest file needs a handful of steps; a file made to collide is refused instead of crawling. */
enum { MAX_PROBES = 1000 };
enum { DEAD = -1 }; /* merge.left: a later one took its place */

uint64_t hash_bytes(const char *s, size_t n)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ n, w;
    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&w, s, 8);
        h = (h ^ w) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    w = 0;
    if (n) memcpy(&w, s, n);
    return hash_mix(h ^ w);
}

const char *text_quote(char *out, size_t cap, const char *s, size_t len)
{
    size_t k = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)s[i];
        size_t need = b >= 32 && b < 127 ? 1 : 4;
        if (k + need + 1 > cap) break;
        if (need == 1) out[k++] = (char)b;
        else k += (size_t)snprintf(out + k, cap - k, "\\x%02x", b);
    }
    out[k] = 0;
    return out;
}

static bool special(uint8_t type) { return type == TOKEN_CONTROL || type == TOKEN_USER || type == TOKEN_UNKNOWN; }

/* Slot of the token with these bytes, or the free slot where it belongs; SIZE_MAX after too many probes. */
static size_t index_slot(const struct tokenizer *t, const struct spelling *k, bool is_special, size_t most,
                         size_t *probes)
{
    uint64_t hash = k->hash + is_special;
    size_t i = hash & t->index_mask;
    for (*probes = 0; *probes <= most; ++*probes, i = (i + 1) & t->index_mask) {
        int32_t id = t->index[i].id;
        if (id < 0) return i;
        if (t->index[i].tag != (uint32_t)(hash >> 32)) continue;
        bool same = t->off[id + 1] - t->off[id] == k->len && special(t->type[id]) == is_special;
        if (same && memcmp(t->bytes + t->off[id], k->s, k->len) == 0) return i;
    }
    return SIZE_MAX;
}

struct spelling vocab_spelling(const struct tokenizer *t, const char *s, size_t len)
{
    struct spelling k = {s, len, hash_bytes(s, len)};
    __builtin_prefetch(&t->index[k.hash & t->index_mask]);
    return k;
}

static int32_t find(const struct tokenizer *t, const struct spelling *k, bool is_special)
{
    size_t probes, i = index_slot(t, k, is_special, t->index_probes, &probes);
    return i == SIZE_MAX ? -1 : t->index[i].id;
}

int32_t vocab_find(const struct tokenizer *t, const char *s, size_t len, bool is_special)
{
    return find(t, &(struct spelling){s, len, hash_bytes(s, len)}, is_special);
}

static bool is_indexed(const struct tokenizer *t, int32_t id)
{
    return t->off[id + 1] > t->off[id] && t->type[id] != TOKEN_UNUSED && t->type[id] != TOKEN_BYTE;
}

/* Of several tokens with the same bytes the first is found, or the last. */
static int build_index(struct tokenizer *t, bool last, const char *name, struct err *e)
{
    size_t cap = 16, probes, twice = 0;
    while (cap < (size_t)t->n * 2) cap *= 2;
    TRY(mem_new((void **)&t->index, cap * sizeof *t->index, "token index", e));
    memset(t->index, 0xFF, cap * sizeof *t->index);
    t->index_mask = cap - 1;
    for (int32_t id = 0; id < t->n; id++) {
        if (!is_indexed(t, id)) continue;
        struct spelling k = vocab_spelling(t, t->bytes + t->off[id], t->off[id + 1] - t->off[id]);
        size_t i = index_slot(t, &k, special(t->type[id]), MAX_PROBES, &probes);
        if (i == SIZE_MAX) FAIL(e, ERR_LIMIT, "%s: token %d: too many hash collisions", name, id);
        uint64_t hash = k.hash + special(t->type[id]);
        twice += t->index[i].id >= 0;
        if (t->index[i].id < 0 || last) t->index[i] = (struct index_slot){(uint32_t)(hash >> 32), id};
        if (probes > t->index_probes) t->index_probes = probes;
    }
    const char *which = last ? "last" : "first";
    if (twice) log_warn("%s: tokens that are spelled as another, of which text becomes the %s: %zu", name, which, twice);
    return OK;
}

static void find_bytes(struct tokenizer *t)
{
    memset(t->byte_id, 0xFF, sizeof t->byte_id);
    for (int b = 0; b < 256 && t->model == TOKENIZER_BYTES; b++) {
        char c = (char)b;
        t->byte_id[b] = vocab_find(t, &c, 1, false);
        t->lacks_bytes |= t->byte_id[b] < 0;
    }
    for (int32_t id = t->n; id-- > 0;)
        if (t->type[id] == TOKEN_BYTE && t->model == TOKENIZER_SPM) t->byte_id[(uint8_t)t->bytes[t->off[id]]] = id;
}

/* Appends what a token of SentencePiece stands for; false when it cannot occur. */
static bool read_spm(struct tokenizer *t, int32_t id, const struct token_src *s, struct buf *all)
{
    bool literal = memchr(s->s, ' ', s->len) != NULL;
    int byte = s->type == TOKEN_BYTE ? spm_byte(s->s, s->len) : 0;
    if (byte < 0 || utf8_valid_run(s->s, s->len) != s->len || (s->type == TOKEN_NORMAL && literal)) return false;
    if (s->type == TOKEN_BYTE) buf_add_byte(all, byte);
    else if (s->type == TOKEN_NORMAL || (s->type == TOKEN_USER && !literal)) spm_read(all, s->s, s->len);
    else {
        buf_add(all, s->s, s->len);
        if (literal) t->flags[id] |= FLAG_LITERAL;
    }
    return true;
}

static int copy_tokens(struct tokenizer *t, const struct token_src *src, struct err *e)
{
    struct buf all = {0};
    buf_reserve(&all, 1); /* never NULL */
    for (int32_t id = 0; id < t->n; id++) {
        const struct token_src *s = &src[id];
        bool ok = true;
        t->off[id] = all.len;
        t->type[id] = s->type;
        t->flags[id] |= s->flags;
        if (s->raw) buf_add(&all, s->s, s->len);
        else if (t->model == TOKENIZER_SPM) ok = read_spm(t, id, s, &all);
        else if (s->type == TOKEN_NORMAL) ok = bytemap_read(&all, s->s, s->len);
        else buf_add(&all, s->s, s->len);
        if (!ok) buf_add(&all, s->s, s->len);
        if (!ok || all.len == t->off[id]) t->type[id] = TOKEN_UNUSED;
    }
    t->off[t->n] = all.len;
    t->bytes = all.data;
    return buf_check(&all, "the vocabulary", e);
}

int vocab_new(struct tokenizer **out, const struct vocab_src *src, const char *name, struct err *e)
{
    size_t n = src->n;
    *out = NULL;
    if (n == 0 || n > TOK_MAX_VOCAB) FAIL(e, ERR_LIMIT, "%s: %zu tokens, expected 1 to %d", name, n, TOK_MAX_VOCAB);
    struct tokenizer *t;
    TRY(mem_new((void **)&t, sizeof *t, "tokenizer", e));
    t->model = src->model;
    t->n = (int32_t)n;
    t->bos = t->eos = t->pad = -1;
    int rc = mem_new((void **)&t->type, n, "token types", e);
    if (rc == OK) rc = mem_new((void **)&t->flags, n, "token types", e);
    if (rc == OK) rc = mem_new((void **)&t->off, (n + 1) * sizeof *t->off, "token offsets", e);
    if (rc == OK) rc = copy_tokens(t, src->tokens, e);
    if (rc == OK) rc = build_index(t, src->last_found, name, e);
    if (rc) {
        tokenizer_free(t);
        return rc;
    }
    find_bytes(t);
    *out = t;
    return OK;
}

void tokenizer_free(struct tokenizer *t)
{
    if (!t) return;
    pretok_free(t->pre);
    seams_free(t->seams);
    user_tokens_free(t->users);
    user_tokens_free(t->normal_users);
    user_tokens_free(t->markers);
    mem_free(t->type);
    mem_free(t->flags);
    mem_free(t->off);
    mem_free(t->bytes);
    mem_free(t->index);
    mem_free(t->merges);
    mem_free(t->slots);
    mem_free(t->words);
    mem_free(t->chars);
    mem_free(t->scores);
    mem_free(t);
}

int vocab_reserve_merges(struct tokenizer *t, size_t n, const char *name, struct err *e)
{
    size_t cap = 16;
    if (n > MAX_MERGES) FAIL(e, ERR_LIMIT, "%s: %zu merges, expected at most %d", name, n, MAX_MERGES);
    while (cap < n + n / 2) cap *= 2;
    t->cap_merges = n;
    t->slot_mask = cap - 1;
    TRY(mem_new((void **)&t->merges, n * sizeof *t->merges, "merges", e));
    return mem_new((void **)&t->slots, cap * sizeof *t->slots, "merge table", e);
}

int vocab_put_merge(struct tokenizer *t, struct merge m, uint32_t order, const char *name, struct err *e)
{
    uint64_t key = merge_key(m.left, m.right);
    size_t i = merge_home(key, t->slot_mask), probes = 0;
    for (; t->slots[i].order && t->slots[i].key != key; i = (i + 1) & t->slot_mask)
        if (++probes > MAX_PROBES) FAIL(e, ERR_LIMIT, "%s: merge %zu: too many hash collisions", name, t->n_merges);
    if (t->slots[i].order) {
        t->twice++;
        if (!t->last_counts) return OK;
        t->merges[t->slots[i].order - 1].left = DEAD;
    }
    if (probes > t->slot_probes) t->slot_probes = probes;
    t->merges[t->n_merges++] = m;
    t->slots[i] = (struct merge_slot){key, order, m.result};
    return OK;
}

/* The list without dead merges. Order is rank + 1 here: there are dead ones only where files list merges by rank. */
static void drop_dead_merges(struct tokenizer *t)
{
    size_t k = 0;
    for (size_t i = 0; t->last_counts && t->twice && i < t->n_merges; i++) {
        struct merge m = t->merges[i];
        if (m.left == DEAD) continue;
        uint64_t key = merge_key(m.left, m.right);
        size_t at = merge_home(key, t->slot_mask);
        while (t->slots[at].key != key || !t->slots[at].order) at = (at + 1) & t->slot_mask;
        t->merges[k++] = m;
        t->slots[at].order = (uint32_t)k;
    }
    if (t->last_counts && t->twice) t->n_merges = k;
}

static void tell_merges(const struct tokenizer *t, const char *name)
{
    if (t->twice)
        log_warn("%s: merges listed twice, of which the %s counts: %zu", name, t->last_counts ? "last" : "first", t->twice);
    if (t->special)
        log_warn("%s: merges that take or make added tokens, which text never becomes, and are ignored: %zu", name, t->special);
}

/* SentencePiece: a token that merges take and make, whatever its type. */
static bool is_mergeable(const struct tokenizer *t, int32_t id)
{
    if (t->type[id] == TOKEN_NORMAL) return true;
    return t->model == TOKENIZER_SPM && t->type[id] == TOKEN_USER && !(t->flags[id] & FLAG_LITERAL);
}

int32_t vocab_find_part(const struct tokenizer *t, const struct spelling *k)
{
    int32_t id = find(t, k, false);
    if (id >= 0 || t->model != TOKENIZER_SPM) return id;
    id = find(t, k, true);
    return id >= 0 && is_mergeable(t, id) ? id : -1;
}

/* Appends the bytes of a part of a merge. */
static bool read_part(const struct tokenizer *t, struct buf *b, const char *s, size_t len)
{
    if (t->model == TOKENIZER_BYTES) return bytemap_read(b, s, len);
    spm_read(b, s, len);
    return true;
}

/* Whether the parts and the result of a merge are tokens, some of them added ones, which the file spells as they are. */
static int leads_to_added(const struct tokenizer *t, const char *a, size_t na, const char *b, size_t nb, bool *added,
                          struct err *e)
{
    struct buf bytes = {0}, both = {0};
    const struct {
        const char *s;
        size_t n;
    } parts[] = {{a, na}, {b, nb}, {NULL, na + nb}};
    *added = true;
    buf_add(&both, a, na);
    buf_add(&both, b, nb);
    int rc = buf_check(&both, "a merge", e);
    for (size_t i = 0; i < ARRAY_LEN(parts) && !rc; i++) {
        const char *s = parts[i].s ? parts[i].s : both.data ? both.data : "";
        buf_clear(&bytes);
        bool ok = read_part(t, &bytes, s, parts[i].n) && !bytes.failed;
        const char *plain = bytes.data ? bytes.data : "";
        bool known = vocab_find(t, s, parts[i].n, true) >= 0 ||
                     (ok && (vocab_find(t, plain, bytes.len, false) >= 0 || vocab_find(t, plain, bytes.len, true) >= 0));
        *added = *added && known;
    }
    buf_free(&bytes);
    buf_free(&both);
    return rc;
}

int vocab_add_merge(struct tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *name,
                    struct err *e)
{
    struct buf bytes = {0};
    char quoted[80];
    struct merge m = {-1, -1, -1};
    bool added = false;
    if (t->n_merges >= t->cap_merges) FAIL(e, ERR_LIMIT, "%s: more than %zu merges", name, t->cap_merges);
    bool ok = read_part(t, &bytes, a, na);
    size_t cut = bytes.len;
    ok = ok && read_part(t, &bytes, b, nb) && cut > 0 && bytes.len > cut;
    if (bytes.failed) {
        int rc = buf_check(&bytes, "a merge", e);
        buf_free(&bytes);
        return rc;
    }
    if (ok) {
        struct spelling left = vocab_spelling(t, bytes.data, cut);
        struct spelling right = vocab_spelling(t, bytes.data + cut, bytes.len - cut);
        struct spelling result = vocab_spelling(t, bytes.data, bytes.len);
        m = (struct merge){vocab_find_part(t, &left), vocab_find_part(t, &right), vocab_find_part(t, &result)};
    }
    buf_free(&bytes);
    if (m.left < 0 || m.right < 0 || m.result < 0) TRY(leads_to_added(t, a, na, b, nb, &added, e));
    if (added && (m.left < 0 || m.right < 0 || m.result < 0)) {
        t->special++;
        return OK;
    }
    const char *part = m.left < 0 ? "left part" : m.right < 0 ? "right part" : m.result < 0 ? "result" : NULL;
    if (part) {
        const char *s = m.left < 0 ? a : b;
        FAIL(e, ERR_FORMAT, "%s: merge %zu: %s at \"%s\" is not an ordinary token", name, t->n_merges, part,
             text_quote(quoted, sizeof quoted, s, m.left < 0 ? na : nb));
    }
    return vocab_put_merge(t, m, (uint32_t)t->n_merges + 1, name, e);
}

void vocab_spell(struct buf *b, const struct tokenizer *t, int32_t id)
{
    const char *s = t->bytes + t->off[id];
    size_t len = t->off[id + 1] - t->off[id];
    bool text = t->type[id] == TOKEN_NORMAL || (t->type[id] == TOKEN_USER && !(t->flags[id] & FLAG_LITERAL));
    if (t->model == TOKENIZER_BYTES && t->type[id] == TOKEN_NORMAL) bytemap_write(b, s, len);
    else if (t->model == TOKENIZER_SPM && t->type[id] == TOKEN_BYTE) buf_printf(b, "<0x%02X>", (uint8_t)s[0]);
    else if (t->model == TOKENIZER_SPM && text) {
        for (size_t i = 0; i < len; i++) {
            if (s[i] == ' ') buf_add(b, SPM_SPACE, 3);
            else buf_add_byte(b, s[i]);
        }
    } else buf_add(b, s, len);
}

static int add_word(struct tokenizer *t, int32_t id, bool merged, bool atom, const char *name, struct err *e)
{
    const char *s = t->bytes + t->off[id];
    size_t len = t->off[id + 1] - t->off[id], probes = 0;
    struct word_key key = word_key(s, len);
    if (len > UINT32_MAX || word_find(t, &key, s, len)) return OK;
    size_t i = key.hash & t->word_mask;
    for (; t->words[i].len; i = (i + 1) & t->word_mask)
        if (++probes > MAX_PROBES) FAIL(e, ERR_LIMIT, "%s: token %d: too many hash collisions", name, id);
    if (probes > t->word_probes) t->word_probes = probes;
    t->words[i] = (struct word_slot){key.a, key.b, (uint32_t)len, (unsigned)id & 0xFFFFFF, merged, atom};
    return OK;
}

/* What making the table of words needs. */
struct word_maker {
    struct bpe_scratch scratch;
    struct tokens ids;
    uint32_t *first_use; /* by token: lowest rank of a merge that takes it, plus 1 */
};

static int word_maker_init(struct word_maker *k, const struct tokenizer *t, struct err *e)
{
    TRY(mem_new((void **)&k->first_use, (size_t)t->n * sizeof *k->first_use, "token table", e));
    memset(k->first_use, 0xFF, (size_t)t->n * sizeof *k->first_use);
    for (size_t i = t->n_merges; i-- > 0;)
        k->first_use[t->merges[i].left] = k->first_use[t->merges[i].right] = (uint32_t)i + 1;
    return OK;
}

/* The highest rank, plus 1, of the merges that make one token of these few bytes. */
static uint32_t last_merge(const struct tokenizer *t, const char *s, size_t n)
{
    int32_t id[4];
    uint32_t last = 0;
    for (size_t i = 0; i < n; i++) id[i] = t->byte_id[(uint8_t)s[i]];
    for (; n > 1; n--) {
        uint32_t best = UINT32_MAX;
        int32_t result = -1;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const struct merge_slot *m = merge_find(t, id[i], id[i + 1]);
            if (!m || m->order >= best) continue;
            best = m->order;
            result = m->result;
            at = i;
        }
        if (best == UINT32_MAX) return UINT32_MAX;
        if (best > last) last = best;
        id[at] = result;
        memmove(id + at + 1, id + at + 2, (n - at - 2) * sizeof *id);
    }
    return last;
}

/* True when merging the token's own bytes gives the token. */
static int is_whole(const struct tokenizer *t, int32_t id, struct word_maker *k, bool *whole, struct err *e)
{
    size_t len = t->off[id + 1] - t->off[id], n;
    *whole = false;
    TRY(tokens_reserve(&k->ids, len, e));
    if (bpe_symbols(t, t->bytes + t->off[id], len, false, k->ids.ids, &n, NULL)) return OK; /* a byte that nothing writes */
    TRY(bpe_merge(t, &k->scratch, k->ids.ids, &n, e));
    *whole = n == 1 && k->ids.ids[0] == id;
    return OK;
}

/* Tokens of one character, or (later) all others. Byte-level: a character is an atom if its bytes have merged before any
 * merge with a neighbour has its turn; starting from atoms then gives what starting from bytes gives. */
static int make_words(struct tokenizer *t, struct word_maker *k, bool chars, const char *name, struct err *e)
{
    bool spm = t->model == TOKENIZER_SPM;
    for (int32_t id = 0; id < t->n; id++) {
        const char *s = t->bytes + t->off[id];
        size_t len = t->off[id + 1] - t->off[id];
        uint32_t cp;
        bool whole = true;
        bool one = len == 1 || (len > 0 && len <= 4 && utf8_decode(s, len, &cp) == len);
        if (!is_mergeable(t, id) || one != chars) continue;
        if (!one || !spm) TRY(is_whole(t, id, k, &whole, e));
        bool atom = one && whole && len > 1 && !spm && last_merge(t, s, len) < k->first_use[id];
        if (whole || t->ignore_merges) TRY(add_word(t, id, whole, atom, name, e));
        bool start = one && (atom || spm) && utf8_decode(s, len, &cp) == len && cp < N_CHARS;
        if (start && t->chars[cp] < 0) t->chars[cp] = id;
    }
    return OK;
}

/* The table of words. Single characters first: SentencePiece starts from them. */
static int build_words(struct tokenizer *t, const char *name, struct err *e)
{
    struct word_maker k = {0};
    size_t cap = 16;
    while (cap < (size_t)t->n + (size_t)t->n / 2) cap *= 2;
    TRY(mem_new((void **)&t->words, cap * sizeof *t->words, "token table", e));
    t->word_mask = cap - 1;
    TRY(mem_new((void **)&t->chars, N_CHARS * sizeof *t->chars, "token table", e));
    memset(t->chars, 0xFF, N_CHARS * sizeof *t->chars);
    int rc = word_maker_init(&k, t, e);
    if (rc == OK) rc = make_words(t, &k, true, name, e);
    if (rc == OK) rc = make_words(t, &k, false, name, e);
    bpe_scratch_free(&k.scratch);
    tokens_free(&k.ids);
    mem_free(k.first_use);
    return rc;
}

int vocab_finish(struct tokenizer *t, const char *pre, const char *name, struct err *e)
{
    tell_merges(t, name);
    drop_dead_merges(t);
    vocab_guess_specials(t); /* what the file says of them comes later */
    int rc = pre ? pretok_new(&t->pre, pre, e) : OK;
    if (rc == OK) rc = user_tokens_new(t, e);
    if (rc == OK) rc = seams_new(t, e);
    if (rc) err_prefix(e, "%s", name);
    return rc ? rc : build_words(t, name, e);
}
