/* Chat forms of Llama 2, Llama 3 and 3.1, and Gemma 3. */
#include <string.h>
#include "chat/form.h"

static void say_trimmed(struct chat_writer *w, const char *s, size_t len)
{
    struct chat_span x = chat_trim(s, len);
    chat_say(w, x.s, x.len);
}

/* ---- Llama 3 ---- */

static void put_header(struct chat_writer *w, const char *role)
{
    chat_put(w, "<|start_header_id|>");
    chat_put(w, role);
    chat_put(w, "<|end_header_id|>\n\n");
}

static void say_turn(struct chat_writer *w, const struct chat_msg *m)
{
    put_header(w, m->role == CHAT_USER ? "user" : "system");
    say_trimmed(w, m->text, m->len);
    chat_put(w, "<|eot_id|>");
}

/* Tools stand in the first turn of the user, before its text. */
static void say_tools(struct chat_writer *w, const struct chat_msg *m)
{
    put_header(w, "user");
    chat_put(w, "Given the following functions, please respond with a JSON for a function call with its proper arguments "
                "that best answers the given prompt.\n\nRespond in the format {\"name\": function name, \"parameters\": "
                "dictionary of argument name and its value}.Do not use variables.\n\n");
    for (size_t i = 0; i < w->q->n_tools && !w->rc; i++) {
        struct buf b = {0};
        w->rc = chat_json_tool(&b, &w->q->tools[i], true, 4, w->e);
        buf_add_str(&b, "\n\n");
        chat_say_buf(w, &b);
    }
    say_trimmed(w, m->text, m->len);
    chat_put(w, "<|eot_id|>");
}

static void say_call(struct chat_writer *w, const struct chat_call *call)
{
    struct buf b = {0};
    chat_put(w, "{\"name\": \"");
    chat_say_str(w, call->name);
    chat_put(w, "\", \"parameters\": ");
    chat_json_again(&b, call->arguments);
    chat_say_buf(w, &b);
    chat_put(w, "}");
}

/* The form knows one call in a turn and no text beside it: more of them are more turns. */
static void say_answer(struct chat_writer *w, size_t i)
{
    const struct chat_msg *m = &w->q->msgs[i];
    size_t text = m->len > 0 || m->n_calls == 0, n = text + m->n_calls;
    for (size_t k = 0; k < n; k++) {
        put_header(w, "assistant");
        chat_by_model(w, true);
        if (k < text) say_trimmed(w, m->text, m->len);
        else say_call(w, &m->calls[k - text]);
        if (k + 1 < n || !chat_is_open(w, i)) chat_put_end(w);
        chat_by_model(w, false);
    }
}

static void say_result(struct chat_writer *w, const struct chat_msg *m)
{
    struct buf b = {0};
    put_header(w, "ipython");
    chat_json_string(&b, m->text, m->len);
    chat_say_buf(w, &b);
    chat_put(w, "<|eot_id|>");
}

/* The system turn of 3.1, which is always there. */
static void say_dates(struct chat_writer *w, const struct chat_msg *system)
{
    struct tm day = chat_day(w->q);
    char today[40];
    put_header(w, "system");
    if (w->q->n_tools) chat_put(w, "Environment: ipython\n");
    chat_put(w, "Cutting Knowledge Date: December 2023\nToday Date: ");
    strftime(today, sizeof today, "%d %b %Y", &day);
    chat_say_str(w, w->q->date ? w->q->date : today);
    chat_put(w, "\n\n");
    if (system) say_trimmed(w, system->text, system->len);
    chat_put(w, "<|eot_id|>");
}

void chat_render_llama3(struct chat_writer *w)
{
    const struct chat_request *q = w->q;
    bool dated = w->f->variant == LLAMA3_DATED, first = dated && q->n_msgs && chat_is_system(&q->msgs[0]);
    bool tools = q->n_tools > 0;
    chat_put_bos(w);
    if (dated) say_dates(w, first ? &q->msgs[0] : NULL);
    for (size_t i = first; i < q->n_msgs; i++) {
        const struct chat_msg *m = &q->msgs[i];
        if (m->role == CHAT_ASSISTANT) say_answer(w, i);
        else if (m->role == CHAT_TOOL) say_result(w, m);
        else if (m->role == CHAT_USER && tools) {
            say_tools(w, m);
            tools = false;
        } else say_turn(w, m);
    }
    if (tools) chat_fail(w, ERR_USAGE, "tools are described in the first message of the user, and there is none");
    if (chat_wants_prompt(w)) put_header(w, "assistant");
}

/* ---- Llama 2 ---- */

/* system NULL: none, or already written. */
static void say_question2(struct chat_writer *w, const struct chat_msg *m, const struct buf *system)
{
    struct buf b = {0};
    if (system) {
        struct chat_span s = chat_trim(system->len ? system->data : "", system->len);
        buf_add_str(&b, "<<SYS>>\n");
        buf_add(&b, s.s, s.len);
        buf_add_str(&b, "\n<</SYS>>\n\n");
    }
    buf_add(&b, m->text, m->len);
    struct chat_span text = chat_trim(b.len ? b.data : "", b.len);
    chat_put_bos(w);
    chat_put(w, "[INST] ");
    chat_say(w, text.s, text.len);
    chat_put(w, " [/INST]");
    if (b.failed) chat_fail(w, ERR_MEMORY, "out of memory");
    buf_free(&b);
}

void chat_render_llama2(struct chat_writer *w)
{
    struct buf system = {0};
    bool unsaid = chat_collect_system(w, &system);
    for (size_t i = 0; i < w->q->n_msgs; i++) {
        const struct chat_msg *m = &w->q->msgs[i];
        if (m->role == CHAT_USER) {
            say_question2(w, m, unsaid ? &system : NULL);
            unsaid = false;
        }
        if (m->role != CHAT_ASSISTANT) continue;
        chat_by_model(w, true);
        chat_put(w, " ");
        say_trimmed(w, m->text, m->len);
        if (!chat_is_open(w, i)) {
            chat_put(w, " ");
            chat_put_end(w);
        }
        chat_by_model(w, false);
    }
    if (system.failed) chat_fail(w, ERR_MEMORY, "out of memory");
    else if (unsaid) chat_fail(w, ERR_USAGE, "the system text belongs to the first message of the user, and there is none");
    buf_free(&system);
}

/* ---- Gemma 3 ---- */

void chat_render_gemma3(struct chat_writer *w)
{
    struct buf system = {0};
    if (chat_collect_system(w, &system)) buf_add_str(&system, "\n\n");
    chat_put_bos(w);
    for (size_t i = 0; i < w->q->n_msgs; i++) {
        const struct chat_msg *m = &w->q->msgs[i];
        bool answer = m->role == CHAT_ASSISTANT;
        if (chat_is_system(m)) continue;
        chat_put(w, answer ? "<start_of_turn>model\n" : "<start_of_turn>user\n");
        chat_say_buf(w, &system); /* in the first turn only: empty from then on */
        if (answer) chat_by_model(w, true);
        say_trimmed(w, m->text, m->len);
        if (!chat_is_open(w, i)) chat_put_end(w);
        chat_by_model(w, false);
        if (!chat_is_open(w, i)) chat_put(w, "\n");
    }
    if (system.len) chat_fail(w, ERR_USAGE, "the system text belongs to the first turn, and there is none");
    if (chat_wants_prompt(w)) chat_put(w, "<start_of_turn>model\n");
    buf_free(&system);
}
