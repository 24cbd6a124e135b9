/* The server as it is, with a worker whose answers are written down: what clients do with an interface does not depend on a
 * model. scripted_server PORT serves the model "scripted". The front starts this program again as the worker.
 *
 * The last user text chooses the answer: "fault" ends in the middle, "burst" is 5,000 pieces, "slow" takes seconds, "letters"
 * is every kind of character. A request with a tool that runs commands is answered by a call that writes hi into out.txt, and
 * what follows its result by a text; a shape of answers by the object {"name": "Bob", "age": 5}; everything else by a thought
 * and a text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "serve/serve.h"
#include "sys/clock.h"
#include "sys/link.h"
#include "sys/process.h"
#include "turn/frame.h"

static struct link front;
static bool cancelled;

static struct turn_text text_of(const char *s) { return (struct turn_text){s, strlen(s)}; }

static void say(const struct turn *t, struct turn_event ev)
{
    struct err e;
    ev.turn = t->id;
    if (frame_event(&front.out, &ev, &e)) front.gone = true;
}

#define SAY(t, kind_, ...) say(t, (struct turn_event){.kind = kind_, __VA_ARGS__})

static void say_text(const struct turn *t, const char *s)
{
    if (t->want_logprobs)
        SAY(t, TURN_EV_TOKEN,
            .token = {.id = 7,
                      .known = true,
                      .logprob = -0.25f,
                      .bytes = text_of(s),
                      .top = (struct turn_top[]){{7, -0.25f, text_of(s)}},
                      .n_top = t->top_logprobs > 0});
    SAY(t, TURN_EV_TEXT, .text = text_of(s));
}

static void done(const struct turn *t, enum turn_reason why)
{
    SAY(t, TURN_EV_DONE, .reason = why, .usage = {.prompt = 20, .cached = 8, .answer = 5, .reasoning = 1},
        .time = {1, 2, 3});
}

/* ---- chats ---- */

static const struct {
    const char *tool, *arguments;
} commands[] = {
    {"exec_command", "{\"cmd\":\"echo hi > out.txt\"}"},
    {"shell_command", "{\"command\":\"echo hi > out.txt\"}"},
    {"shell", "{\"command\":[\"bash\",\"-c\",\"echo hi > out.txt\"]}"},
    {"Bash", "{\"command\":\"echo hi > out.txt\",\"description\":\"write\"}"},
    {"bash", "{\"command\":\"echo hi > out.txt\",\"description\":\"write\"}"},
    {"run_shell_command", "{\"command\":\"echo hi > out.txt\",\"description\":\"write\",\"is_background\":false}"},
    {"get_weather", "{\"city\":\"Paris\"}"},
};

static bool call_of(const struct turn *t)
{
    const struct chat_request *q = &t->chat;
    for (size_t i = 0; i < q->n_msgs; i++)
        if (q->msgs[i].role == CHAT_TOOL) return false;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        for (size_t k = 0; k < q->n_tools; k++) {
            if (strcmp(q->tools[k].name, commands[i].tool) != 0) continue;
            size_t half = strlen(commands[i].arguments) / 2;
            SAY(t, TURN_EV_CALL, .text = text_of(q->tools[k].name));
            SAY(t, TURN_EV_ARGUMENTS, .text = {commands[i].arguments, half});
            SAY(t, TURN_EV_ARGUMENTS, .text = text_of(commands[i].arguments + half));
            SAY(t, TURN_EV_CALL_END, .call = 0);
            return true;
        }
    return false;
}

static bool asks(const struct turn *t, const char *word)
{
    const struct chat_msg *m = t->chat.n_msgs ? &t->chat.msgs[t->chat.n_msgs - 1] : NULL;
    return m && m->role == CHAT_USER && m->len && memmem(m->text, m->len, word, strlen(word));
}

static void take_frames(bool only_control);

static void slowly(const struct turn *t)
{
    struct err e;
    bool came;
    cancelled = false;
    for (int i = 0; i < 500 && !cancelled && !front.gone; i++) {
        say_text(t, "word ");
        if (link_transmit(&front, &e) || link_wait(&front, 20, &came, &e) ||
            (came && link_receive(&front, FRAME_MOST, &e)))
            return;
        if (came) take_frames(true);
        else clock_sleep(0.01);
    }
    done(t, cancelled ? TURN_CANCELLED : TURN_END);
}

static void chat(const struct turn *t)
{
    if (t->chat.thinking != CHAT_THINK_OFF && t->shape == TURN_FREE) SAY(t, TURN_EV_REASONING, .text = text_of("hm"));
    if (asks(t, "slow")) {
        slowly(t);
        return;
    }
    if (asks(t, "fault")) {
        say_text(t, "Hel");
        SAY(t, TURN_EV_ERROR, .error = TURN_BROKEN, .text = text_of("the script says so"));
        return;
    }
    for (int i = 0; asks(t, "burst") && i < 5000; i++) say_text(t, "x");
    if (asks(t, "letters"))
        say_text(t, "\"\\\b\f\n\r\t\x01 \xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80 </script> data: [DONE]");
    bool called = t->shape == TURN_FREE && call_of(t);
    if (t->shape != TURN_FREE) say_text(t, "{\"name\": \"Bob\", \"age\": 5}");
    else if (!called) say_text(t, "Hello from the script.");
    done(t, called ? TURN_CALLS : TURN_END);
}

/* ---- the others ---- */

static void continuation(const struct turn *t)
{
    for (size_t i = 0; t->echo && i < t->n_prompt_ids; i++) {
        struct turn_top top = {9, -0.5f, text_of("best")};
        SAY(t, TURN_EV_TOKEN,
            .token = {.id = t->prompt_ids[i],
                      .of_prompt = true,
                      .known = i > 0,
                      .logprob = -1,
                      .bytes = text_of("w "),
                      .top = &top,
                      .n_top = i > 0});
        SAY(t, TURN_EV_TEXT, .text = text_of("w "));
    }
    if (t->echo && !t->n_prompt_ids) SAY(t, TURN_EV_TEXT, .text = t->prompt);
    say_text(t, " and so on");
    done(t, TURN_LENGTH);
}

static void tokens(const struct turn *t)
{
    int32_t ids[4096];
    size_t n = t->prompt.len < 4096 ? t->prompt.len : 4096;
    for (size_t i = 0; i < n; i++) ids[i] = (unsigned char)t->prompt.s[i];
    SAY(t, TURN_EV_IDS, .ids = ids, .n_ids = n);
    done(t, TURN_END);
}

static void letters(const struct turn *t)
{
    char text[4096];
    size_t n = t->n_prompt_ids < sizeof text ? t->n_prompt_ids : sizeof text;
    for (size_t i = 0; i < n; i++) text[i] = (char)(t->prompt_ids[i] < 0x80 ? t->prompt_ids[i] : '?');
    SAY(t, TURN_EV_TEXT, .text = {text, n});
    done(t, TURN_END);
}

static void answer(const struct turn *t)
{
    static const float vector[] = {0.6f, 0.8f, 0, 0};
    SAY(t, TURN_EV_ACCEPTED, .usage = {.prompt = 20, .cached = 8}, .seed = 1);
    switch (t->kind) {
    case TURN_CHAT:
        chat(t);
        return;
    case TURN_TEXT:
        continuation(t);
        return;
    case TURN_TOKENIZE:
        tokens(t);
        return;
    case TURN_DETOKENIZE:
        letters(t);
        return;
    case TURN_EMBED:
        SAY(t, TURN_EV_VECTOR, .vector = vector, .n_vector = 4);
        break;
    case TURN_RENDER:
        SAY(t, TURN_EV_TEXT, .text = text_of("<user>"));
        break;
    case TURN_COUNT:
        break;
    }
    done(t, TURN_END);
}

/* ---- frames ---- */

/* only_control: turns wait, since one is being answered. */
static void take_frames(bool only_control)
{
    struct err e;
    for (;;) {
        uint32_t type;
        size_t len;
        bool whole;
        const char *at = front.in.data + front.in_at;
        if (frame_look(at, front.in.len - front.in_at, &type, &len, &whole, &e)) front.gone = true;
        if (front.gone || !type || !whole || (only_control && type == FRAME_TURN)) return;
        front.in_at += FRAME_HEAD + len;
        struct turn t = {0};
        struct frame_control c;
        if (type == FRAME_TURN && !frame_read_turn(&t, at + FRAME_HEAD, len, &e)) answer(&t);
        if (type == FRAME_CONTROL && !frame_read_control(&c, at + FRAME_HEAD, len, &e) && c.kind == CONTROL_CANCEL)
            cancelled = true;
        turn_free(&t);
    }
}

static int work(void)
{
    struct err e;
    struct turn_model m = {.name = text_of("scripted"),
                           .path = text_of("/dev/null"),
                           .arch = text_of("script"),
                           .form = text_of("chatml"),
                           .template_text = text_of("{{ messages }}"),
                           .bos = text_of("<s>"),
                           .eos = text_of("</s>"),
                           .build = text_of("test"),
                           .params = 1000000,
                           .bytes = 1000000,
                           .context = 200000,
                           .model_context = 200000,
                           .vocab = 256,
                           .width = 4,
                           .layers = 1,
                           .slots = 4,
                           .pages = 64,
                           .page_rows = 256,
                           .chats = true,
                           .thinks = true,
                           .tools = true,
                           .infill = true,
                           .temperature = 1,
                           .top_p = 1,
                           .repeat = 1};
    bool came;
    if (link_open(&front, PROCESS_FD, &e) || frame_model(&front.out, &m, &e)) return 1;
    while (!front.gone) {
        if (link_transmit(&front, &e) || link_wait(&front, -1, &came, &e)) return 1;
        if (came && link_receive(&front, FRAME_MOST, &e)) return 1;
        take_frames(false);
    }
    link_close(&front);
    return 0;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    if (argc > 1 && !strcmp(argv[1], "worker")) return work();
    const int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    const struct serve_model model = {.id = "scripted", .path = "/dev/null", .modified = 1764400000, .first = true};
    const char *const none[] = {NULL};
    const struct serve_options o = {.address = "127.0.0.1",
                                    .ports = &port,
                                    .n_ports = 1,
                                    .hosts = none,
                                    .origins = none,
                                    .models = &model,
                                    .n_models = 1,
                                    .worker_args = none,
                                    .drain_seconds = 2,
                                    .quiet = true};
    int rc = serve_run(&o, &e);
    if (rc) fprintf(stderr, "scripted_server: %s\n", e.msg);
    return rc != 0;
}
