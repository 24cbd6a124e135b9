/* Learning rate. */
#include "train/schedule.h"

double schedule_rate(const struct schedule *s, int64_t step)
{
    if (step < s->warmup) return s->peak * (double)(step + 1) / (double)s->warmup;
    double start = (double)s->steps * (1 - s->decay);
    if (start < (double)s->warmup) start = (double)s->warmup;
    if ((double)step <= start) return s->peak;
    double left = ((double)s->steps - (double)step) / ((double)s->steps - start);
    if (left < 0) left = 0;
    return s->final + (s->peak - s->final) * left;
}
