/* Answers of any bytes through the parsers of all forms, and of forms that templates make: fed whole, in pieces and as
 * ids, with the same sums of events. The first byte chooses the form, the second the request, the third how it is cut.
 * Also conversations of such texts: no text makes a marker. */
#include "fuzz/fuzz_quiet.h"
#include "chat/own/own.h"
#include "tests/chat_cases.h"
#include "tests/chat_shapes.h"

struct sums {
    struct buf text[2]; /* reasoning, content */
    struct buf calls;
    bool ended;
};

static void broken(const char *what, const struct chat_form *f)
{
    fprintf(stderr, "broken promise: %s (%s)\n", what, f->name);
    abort();
}

static int add_event(void *ctx, const struct chat_event *ev, struct err *e)
{
    struct sums *s = ctx;
    (void)e;
    if (s->ended || !utf8_valid(ev->text, ev->len, NULL)) abort();
    if (ev->kind == CHAT_EV_END) s->ended = true;
    bool content = ev->kind == CHAT_EV_CONTENT;
    if (content || ev->kind == CHAT_EV_REASONING) buf_add(&s->text[content], ev->text, ev->len);
    if (ev->kind == CHAT_EV_CALL || ev->kind == CHAT_EV_ARGUMENTS) buf_add(&s->calls, ev->text, ev->len);
    if (ev->kind == CHAT_EV_CALL || ev->kind == CHAT_EV_CALL_END) buf_add_byte(&s->calls, ev->malformed ? '!' : '|');
    return OK;
}

static void sums_free(struct sums *s)
{
    buf_free(&s->text[0]);
    buf_free(&s->text[1]);
    buf_free(&s->calls);
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void parse(const struct chat_form *f, const struct tokenizer *t, const struct chat_request *q, const char *s, size_t len,
                  size_t piece, struct sums *out)
{
    struct chat_parser *p;
    struct err e;
    if (chat_parser_new(&p, f, t, q, (struct chat_sink){add_event, out}, &e)) broken("a parser", f);
    for (size_t i = 0; i < len;) {
        size_t n = len - i < piece ? len - i : piece;
        int32_t id = -1;
        if (t) { /* a marker, or a byte */
            n = 1;
            const char *const *marker = f->own ? shape_markers : f->markers;
            for (int k = 0; marker[k] && id < 0; k++) {
                size_t m = strlen(marker[k]);
                if (m > len - i || memcmp(s + i, marker[k], m) != 0) continue;
                id = tokenizer_special(t, marker[k]);
                n = m;
            }
            if (chat_parser_feed(p, id < 0 ? (unsigned char)s[i] : id, &e)) broken(e.msg, f);
        } else if (chat_parser_text(p, s + i, n, &e)) broken(e.msg, f);
        i += n;
    }
    if (chat_parser_finish(p, &e)) broken(e.msg, f);
    chat_parser_free(p);
}

static void check_parsing(const struct chat_form *f, const struct tokenizer *t, const struct chat_request *q, size_t piece,
                          const char *s, size_t len)
{
    struct sums whole = {0}, cut = {0}, ids = {0};
    parse(f, NULL, q, s, len, len, &whole);
    parse(f, NULL, q, s, len, piece, &cut);
    parse(f, t, q, s, len, 1, &ids);
    for (int i = 0; i < 2; i++)
        if (!same(&whole.text[i], &cut.text[i])) broken("texts depend on the cutting", f);
    if (!same(&whole.calls, &cut.calls) || whole.ended != cut.ended) broken("calls depend on the cutting", f);
    sums_free(&whole);
    sums_free(&cut);
    sums_free(&ids);
}

static size_t count_markers(const struct chat_form *f, const struct tokenizer *t, const char *s, size_t len)
{
    struct chat_msg msgs[] = {{.role = CHAT_SYSTEM, .text = s, .len = len},
                              {.role = CHAT_USER, .text = s, .len = len},
                              {.role = CHAT_ASSISTANT, .text = "x", .len = 1},
                              {.role = CHAT_USER, .text = s, .len = len}};
    struct chat_request q = {.msgs = msgs, .n_msgs = ARRAY_LEN(msgs), .add_generation_prompt = true};
    struct tokens ids = {0};
    struct err e;
    size_t n = 0;
    if (chat_form_encode(f, t, &q, &ids, NULL, &e)) broken(e.msg, f);
    for (size_t i = 0; i < ids.n; i++) n += ids.ids[i] >= 256;
    tokens_free(&ids);
    return n;
}

enum { MAX_FORMS = 64 };

/* Made before the first input, so that they count for no leak of one. */
static const struct chat_form *form[MAX_FORMS];
static struct tokenizer *vocabulary[MAX_FORMS];
static size_t n_forms;

static void add_own(const char *calls)
{
    struct buf source = {0};
    struct chat_own *o;
    struct err e;
    make_source(&source, calls);
    struct chat_model m = {.template_text = source.data};
    vocabulary[n_forms] = chat_markers_tokenizer(shape_markers, NULL, "<|endoftext|>", 4);
    if (chat_own_new(&o, vocabulary[n_forms], &m, &e)) abort();
    form[n_forms++] = chat_own_form(o);
    buf_free(&source);
}

__attribute__((constructor)) static void make_forms(void)
{
    for (size_t i = 0; chat_form_at(i); i++) {
        form[n_forms] = chat_form_at(i);
        vocabulary[n_forms++] = chat_bytes_tokenizer(chat_form_at(i), 4);
    }
    for (size_t i = 0; i < ARRAY_LEN(shapes) && n_forms < MAX_FORMS; i++) add_own(shapes[i].calls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chat_tool tool = {"f", NULL, NULL};
    static const struct chat_msg asked = {.role = CHAT_USER, .text = "x", .len = 1};
    if (size < 3) return 0;
    const struct chat_form *f = form[data[0] % n_forms];
    const struct tokenizer *t = vocabulary[data[0] % n_forms];
    struct chat_request q = {.msgs = &asked, .n_msgs = 1, .thinking = (enum chat_thinking)(data[1] % 3), .tools = &tool,
                             .n_tools = data[1] >> 7};
    const char *s = (const char *)data + 3;
    check_parsing(f, t, &q, 1 + data[2] % 16, s, size - 3);
    if (f->own && !utf8_valid(s, size - 3, NULL)) return 0; /* templates take characters only */
    if (count_markers(f, t, s, size - 3) != count_markers(f, t, "x", 1)) broken("a text made a marker", f);
    return 0;
}
