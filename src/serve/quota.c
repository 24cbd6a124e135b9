/* Limits of keys. */
#include "serve/quota.h"
#include <math.h>
#include <stdio.h>

enum { DAY = 86400 };

static double drained(double used, int64_t per_minute, double seconds)
{
    double left = used - seconds * (double)per_minute / 60;
    return left > 0 ? left : 0;
}

/* Brings q up to now. A clock that went back changes nothing. */
static void pass(struct quota *q, const struct key *k, double now)
{
    double seconds = q->at > 0 && now > q->at ? now - q->at : 0;
    int64_t day = (int64_t)floor(now / DAY);
    q->requests = drained(q->requests, k->requests_minute, seconds);
    q->tokens = drained(q->tokens, k->tokens_minute, seconds);
    if (now > q->at) q->at = now;
    if (day > q->day) {
        q->day = day;
        q->day_tokens = 0;
    }
}

static bool no(struct quota_no *why, double wait, const char *what, int64_t limit)
{
    why->wait = wait;
    snprintf(why->text, sizeof why->text, "this key may have %lld %s; again in %.0f s", (long long)limit, what, ceil(wait));
    return false;
}

bool quota_take(struct quota *q, const struct key *k, double now, struct quota_no *why)
{
    int64_t most = k->concurrency && k->concurrency < QUOTA_MOST_RUNNING ? k->concurrency : QUOTA_MOST_RUNNING;
    double per_request = k->requests_minute ? 60 / (double)k->requests_minute : 0;
    double per_token = k->tokens_minute ? 60 / (double)k->tokens_minute : 0;
    pass(q, k, now);
    if (q->running >= most) return no(why, 1, "requests at once", most);
    if (k->requests_minute && q->requests + 1 > (double)k->requests_minute + 1e-9)
        return no(why, (q->requests + 1 - (double)k->requests_minute) * per_request, "requests a minute", k->requests_minute);
    if (k->tokens_minute && q->tokens >= (double)k->tokens_minute)
        return no(why, (q->tokens - (double)k->tokens_minute) * per_token + per_token, "tokens a minute", k->tokens_minute);
    if (k->tokens_day && q->day_tokens >= k->tokens_day)
        return no(why, (double)(q->day + 1) * DAY - now, "tokens a day (of UTC)", k->tokens_day);
    q->requests += k->requests_minute ? 1 : 0;
    q->running++;
    return true;
}

void quota_end(struct quota *q) { q->running -= q->running > 0; }

void quota_spend(struct quota *q, const struct key *k, double now, int64_t tokens)
{
    pass(q, k, now);
    if (tokens <= 0) return;
    if (k->tokens_minute) q->tokens += (double)tokens;
    q->day_tokens += tokens;
}
