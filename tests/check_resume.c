/* Nothing that happens to a run changes the weights that come out: stops between steps, SIGKILL at any moment, damaged or extra
 * checkpoints, logs that are missing, cut or glued. Every family of networks. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "base/json.h"
#include "sys/clock.h"
#include "tests/train_fixture.h"
#include "train/checkpoint.h"

/* What all runs in this program do, and the weights that they end with. */
static const char *model = MODEL;
static char reference[65];

static int run_in(const char *run, int64_t stop_after, bool resume, struct train_result *res, struct err *e)
{
    struct recipe *r = recipe_with(model, "model = none\ngguf = none\n");
    struct corpus c;
    open_corpus(&c, SEQ);
    CHECK_OK(file_mkdirs(run, e), e);
    struct train_options o = {
        .recipe = r, .corpus = &c, .ks = &ks, .run = run, .quiet = true, .resume = resume, .stop_after = stop_after};
    int rc = train_run(res, &o, e);
    corpus_close(&c);
    drop_recipe(r);
    return rc;
}

/* Lines of metrics.jsonl that report a step; false when a step occurs twice or is missing. */
static bool metrics_whole(const char *run, int64_t steps)
{
    struct err e;
    char path[300], *text;
    size_t len;
    int64_t next = 1;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    if (file_read(&text, &len, path, 1 << 24, &e)) return false;
    for (char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        if (strncmp(p, "{\"step\":", 8) != 0 || strstr(p, ",\"val\"") == strchr(p, ',')) continue;
        if (strtoll(p + 8, NULL, 10) != next++) break;
    }
    mem_free(text);
    return next == steps + 1;
}

static void check_resume(void)
{
    struct err e = {0};
    struct train_result res;
    CHECK_OK(run_in(in_folder("whole"), 0, false, &res, &e), &e);
    CHECK(res.finished && res.step == 20 && res.n_vals == 1 && res.vals[0].loss > 0, "step %lld", (long long)res.step);
    memcpy(reference, res.weights_hash, sizeof reference);
    CHECK(run_in(in_folder("whole"), 0, false, &res, &e) == ERR_USAGE, "a second run in the same folder was not refused");
    CHECK_OK(run_in(in_folder("parts"), 7, false, &res, &e), &e);
    CHECK(!res.finished && res.step == 7, "step %lld", (long long)res.step);
    CHECK_OK(run_in(in_folder("parts"), 5, true, &res, &e), &e);
    CHECK_OK(run_in(in_folder("parts"), 0, true, &res, &e), &e);
    CHECK(res.finished && !strcmp(res.weights_hash, reference), "resumed twice: weights %.16s, uninterrupted %.16s",
          res.weights_hash, reference);
    CHECK(metrics_whole(in_folder("parts"), 20), "metrics.jsonl of the resumed run is not one line per step");
}

static void flip_byte(const char *path)
{
    struct err e;
    char *data;
    size_t len;
    CHECK_OK(file_read(&data, &len, path, 1 << 26, &e), &e);
    data[len * 3 / 4] ^= 4;
    CHECK_OK(file_replace(path, data, len, &e), &e);
    mem_free(data);
}

/* Damage to the newest checkpoint: the one before is used, and the end is the same. Damage to both: an error. */
static void check_damage(void)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS"};
    struct err e = {0};
    struct train_result res;
    char path[200];
    for (size_t i = 0; i < 4; i++) {
        char run[100];
        snprintf(run, sizeof run, "%s/damage%zu", folder, i);
        CHECK_OK(run_in(run, 8, false, &res, &e), &e);
        snprintf(path, sizeof path, "%s/checkpoint-8/%s", run, files[i]);
        flip_byte(path);
        int rc = run_in(run, 0, true, &res, &e);
        CHECK(rc == 0 && !strcmp(res.weights_hash, reference), "%s damaged: rc %d, %s", files[i], rc,
              rc ? e.msg : res.weights_hash);
    }
    CHECK_OK(run_in(in_folder("both"), 8, false, &res, &e), &e);
    flip_byte(in_folder("both/checkpoint-8/model.safetensors"));
    flip_byte(in_folder("both/checkpoint-6/optimizer.safetensors"));
    int rc = run_in(in_folder("both"), 0, true, &res, &e);
    CHECK(rc == ERR_INTEGRITY && strstr(e.msg, "SHA-256"), "both damaged: rc %d, %s", rc, e.msg);
}

/* A child trains; SIGKILL after a random time; again until it is done. */
static void kill_round(int number, double seconds, int *kills)
{
    char run[100], hash[65] = "";
    struct err e = {0};
    snprintf(run, sizeof run, "%s/kill%d", folder, number);
    for (uint64_t life = 0; life < 200; life++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct train_result res;
            int rc = run_in(run, 0, true, &res, &e);
            if (!rc) {
                char out[200];
                snprintf(out, sizeof out, "%s/hash", run);
                rc = file_replace(out, res.weights_hash, 64, &e);
            }
            if (rc) fprintf(stderr, "%s\n", e.msg);
            _exit(rc ? 1 : 0);
        }
        /* The first life ends in the first half of the time that a whole run takes on this machine, later ones later. */
        uint64_t us = rng_below(7, (uint64_t)number, life, 1000 + (uint64_t)(5e5 * seconds) * (life + 1));
        int status;
        for (uint64_t waited = 0; waited < us && waitpid(pid, &status, WNOHANG) == 0; waited += 2000)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (kill(pid, 0) != 0) goto ended; /* already reaped */
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    ended:
        if (WIFEXITED(status)) {
            CHECK(WEXITSTATUS(status) == 0, "round %d, life %d: exit status %d", number, (int)life, WEXITSTATUS(status));
            break;
        }
        ++*kills;
    }
    snprintf(run + strlen(run), sizeof run - strlen(run), "/hash");
    char *text;
    size_t len;
    if (!file_read(&text, &len, run, 64, &e)) {
        memcpy(hash, text, len);
        hash[len] = 0;
        mem_free(text);
    }
    CHECK(!strcmp(hash, reference), "round %d: weights %.16s, uninterrupted %.16s", number, hash, reference);
}

static void check_kill(void)
{
    int kills = 0;
    struct err e = {0};
    struct train_result res;
    double t0 = clock_seconds();
    CHECK_OK(run_in(in_folder("unharmed"), 0, false, &res, &e), &e);
    double seconds = clock_seconds() - t0;
    int rounds = 0;
    while (rounds < 10 || (kills < 10 && rounds < 40)) {
        int before = kills;
        kill_round(rounds++, seconds, &kills);
        if (kills == before) seconds /= 2; /* the run that was timed may have been held up */
    }
    CHECK(kills >= 10, "only %d kills in %d rounds: the test did not test", kills, rounds);
    fprintf(stderr, "%d kills in %d rounds\n", kills, rounds);
}

/* ---- Every family ---- */

/* Stopped at random steps, and killed at random moments: the same bits as without. */
static void check_family(size_t number, double *seconds)
{
    struct err e = {0};
    struct train_result res = {0};
    char text[1000], run[100];
    int kills = 0;
    snprintf(text, sizeof text, "[model]\nmodel_type = %s\n%s", architectures[number].name, architectures[number].model);
    model = text;
    snprintf(run, sizeof run, "%s/family%zu", folder, number);
    double t0 = clock_seconds();
    CHECK_OK(run_in(run, 0, false, &res, &e), &e);
    *seconds = clock_seconds() - t0;
    CHECK(res.finished, "%s: not finished", architectures[number].name);
    memcpy(reference, res.weights_hash, sizeof reference);
    snprintf(run, sizeof run, "%s/parts%zu", folder, number);
    res.finished = false;
    for (uint64_t part = 0; part < 20 && !res.finished; part++)
        CHECK_OK(run_in(run, 1 + (int64_t)rng_below(11, number, part, 8), part > 0, &res, &e), &e);
    CHECK(res.finished && !strcmp(res.weights_hash, reference), "%s: stopped and resumed: weights %.16s, uninterrupted %.16s",
          architectures[number].name, res.weights_hash, reference);
    CHECK(metrics_whole(run, 20), "%s: metrics.jsonl is not one line per step", architectures[number].name);
    for (int round = 0; round < 20 && kills < 2; round++) {
        int before = kills;
        kill_round(100 + 20 * (int)number + round, *seconds, &kills);
        if (kills == before) *seconds /= 2; /* the run that was timed may have been held up */
    }
    CHECK(kills >= 2, "%s: %d kills: the test did not test", architectures[number].name, kills);
    model = MODEL;
}

/* ---- Logs ---- */

/* A run that stopped after step 8, whose log is then replaced by its first `keep` bytes (-1: removed) and `more`. In the end
 * it has least to most steps, each once and in order. */
static void check_log(const char *name, int64_t keep, const char *more, int64_t least, int64_t most)
{
    struct err e = {0};
    struct train_result res;
    char run[100], path[200], *text;
    size_t len, n = 0, bad = 0;
    int64_t steps = 0, last = 0;
    snprintf(run, sizeof run, "%s/log-%s", folder, name);
    CHECK_OK(run_in(run, 8, false, &res, &e), &e);
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    CHECK_OK(file_read(&text, &len, path, 1 << 24, &e), &e);
    if (keep < 0) CHECK_OK(file_remove(path, &e), &e);
    else CHECK_OK(file_replace(path, text, (size_t)keep < len ? (size_t)keep : len, &e), &e);
    if (*more) CHECK_OK(file_append(path, more, strlen(more), NULL, &e), &e);
    mem_free(text);
    CHECK_OK(run_in(run, 0, true, &res, &e), &e);
    CHECK(res.finished && !strcmp(res.weights_hash, reference), "%s: weights %.16s, uninterrupted %.16s", name, res.weights_hash,
          reference);
    CHECK_OK(file_read(&text, &len, path, 1 << 24, &e), &e);
    for (char *p = text, *end; n < len && (end = strchr(p, '\n')) != NULL; n += (size_t)(end + 1 - p), p = end + 1) {
        json_t *row;
        if (json_parse(&row, p, (size_t)(end - p), name, &e)) {
            bad++;
            continue;
        }
        if (!json_object_get(row, "val")) {
            int64_t step = json_integer_value(json_object_get(row, "step"));
            bad += step <= last;
            last = step;
            steps++;
        }
        json_decref(row);
    }
    CHECK(bad == 0 && n == len && last == 20 && steps >= least && steps <= most,
          "%s: %zu bad lines, %zu of %zu bytes, %d steps up to %d, expected %d to %d", name, bad, n, len, (int)steps, (int)last,
          (int)least, (int)most);
    mem_free(text);
}

static void check_logs(void)
{
    check_log("as-it-was", 1 << 20, "", 20, 20);
    check_log("missing", -1, "", 12, 12);
    check_log("empty", 0, "", 12, 12);
    check_log("cut", 700, "", 13, 19); /* inside a line: of the 8 steps before some whole ones are left */
    check_log("later", 0, "{\"step\":8,\"loss\":1}\n{\"step\":9,\"loss\":1}\n{\"step\":10}\n", 13, 13);
    check_log("torn", 1 << 20, "{\"step\":9,\"lo", 20, 20);
}

/* ---- latest ---- */

static size_t count_checkpoints(const char *run)
{
    struct err e = {0};
    char **names;
    size_t n, found = 0;
    CHECK_OK(file_list(&names, &n, run, &e), &e);
    for (size_t i = 0; i < n; i++) {
        found += !strncmp(names[i], "checkpoint-", 11);
        mem_free(names[i]);
    }
    mem_free(names);
    return found;
}

/* A fault after a checkpoint has appeared and before `latest` names it: the next run settles both, the last one too. */
static void check_latest(int64_t stop_after)
{
    struct err e = {0};
    struct train_result res;
    char run[100], path[200], *text;
    size_t len;
    snprintf(run, sizeof run, "%s/latest%d", folder, (int)stop_after);
    CHECK_OK(run_in(run, stop_after, false, &res, &e), &e);
    snprintf(path, sizeof path, "%s/latest", run);
    CHECK_OK(file_remove(path, &e), &e);
    CHECK_OK(file_mkdirs(path, &e), &e); /* a folder cannot be replaced by a file */
    int rc = run_in(run, 2, true, &res, &e);
    CHECK(rc != OK && strstr(e.msg, "latest"), "rc %d: %s", rc, e.msg);
    CHECK(count_checkpoints(run) >= 2, "%zu checkpoints", count_checkpoints(run));
    CHECK(rmdir(path) == 0, "the folder");
    CHECK_OK(run_in(run, 0, true, &res, &e), &e);
    CHECK(!strcmp(res.weights_hash, reference), "weights %.16s, uninterrupted %.16s", res.weights_hash, reference);
    CHECK(count_checkpoints(run) == 2, "%zu checkpoints, 2 are kept", count_checkpoints(run));
    CHECK_OK(file_read(&text, &len, path, 100, &e), &e);
    CHECK(!strcmp(text, "checkpoint-20\n"), "latest is %s", text);
    mem_free(text);
}

int main(void)
{
    double seconds;
    if (!fixture_open("autarky-resume")) return EXIT_FAILURE;
    check_resume();
    check_damage();
    check_kill();
    check_logs();
    check_latest(4);
    check_latest(18);
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++) check_family(i, &seconds);
    dir_remove_tree(folder, NULL);
    return test_end();
}
