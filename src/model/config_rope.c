/* Numbers derived from a configuration: widths, the softmax scale, rotary frequencies. */
#include <math.h>
#include "model/config_table.h"

int64_t config_rope_width(const struct config *c) { return c->arch->mla ? c->qk_rope_dim : c->head_dim; }
int64_t config_key_width(const struct config *c) { return c->arch->mla ? c->qk_nope_dim + c->qk_rope_dim : c->head_dim; }
int64_t config_value_width(const struct config *c) { return c->arch->mla ? c->v_dim : c->head_dim; }

int64_t config_cache_width(const struct config *c)
{
    return c->arch->mla ? c->kv_lora_rank + c->qk_rope_dim : c->kv_heads * (config_key_width(c) + config_value_width(c));
}

bool config_rope_scaled(const struct config *c)
{
    return c->rope_kind == ROPE_FACTORS || (c->rope_kind != ROPE_PLAIN && c->rope_factor > 1);
}

static bool yarn_on(const struct config *c) { return c->rope_kind == ROPE_YARN && config_rope_scaled(c); }

static double yarn_magnitude(double factor, double m) { return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1; }

double config_softmax_scale(const struct config *c)
{
    if (!c->arch->mla) return 1 / sqrt(c->query_scalar);
    double scale = 1 / sqrt((double)(c->qk_nope_dim + c->qk_rope_dim));
    if (!yarn_on(c) || c->yarn_mscale_all_dim == 0) return scale;
    double m = yarn_magnitude(c->rope_factor, c->yarn_mscale_all_dim);
    return scale * m * m;
}

/* The number of the pair that turns `turns` times within the original context. */
static double yarn_pair(const struct config *c, double turns)
{
    double turn = 2 * acos(-1.0);
    return (double)config_rope_width(c) * log((double)c->rope_original_context / (turns * turn)) / (2 * log(c->rope_theta));
}

/* Fast pairs keep their frequency, slow ones are divided by the factor, with a ramp between. */
static void yarn_freq(const struct config *c, double *freq)
{
    int64_t r = config_rope_width(c);
    double low = fmax(floor(yarn_pair(c, c->yarn_beta_fast)), 0);
    double high = fmin(ceil(yarn_pair(c, c->yarn_beta_slow)), (double)(r - 1));
    if (low == high) high += 0.001;
    for (int64_t i = 0; i < r / 2; i++) {
        double ramp = fmin(fmax(((double)i - low) / (high - low), 0), 1);
        freq[i] = freq[i] / c->rope_factor * ramp + freq[i] * (1 - ramp);
    }
}

double config_rope_magnitude(const struct config *c)
{
    if (!yarn_on(c)) return 1;
    if (c->yarn_mscale != 0 && c->yarn_mscale_all_dim != 0)
        return yarn_magnitude(c->rope_factor, c->yarn_mscale) / yarn_magnitude(c->rope_factor, c->yarn_mscale_all_dim);
    return c->yarn_magnitude_factor * yarn_magnitude(c->rope_factor, 1);
}

/* Llama 3.1: the same thought, with a ramp over the turns within the original context. */
static void llama3_freq(const struct config *c, double *freq)
{
    double turn = 2 * acos(-1.0), original = (double)c->rope_original_context;
    for (int64_t i = 0; i < config_rope_width(c) / 2; i++) {
        double turns = original * freq[i] / turn;
        double keep = fmin(fmax((turns - c->llama3_low) / (c->llama3_high - c->llama3_low), 0), 1);
        freq[i] = (1 - keep) * freq[i] / c->rope_factor + keep * freq[i];
    }
}

static void plain_freq(const struct config *c, double theta, double *freq)
{
    int64_t r = config_rope_width(c);
    for (int64_t i = 0; i < r / 2; i++) freq[i] = pow(theta, -2.0 * (double)i / (double)r);
}

void config_rope_freq(const struct config *c, double *freq, double *magnitude)
{
    plain_freq(c, c->rope_theta, freq);
    *magnitude = config_rope_magnitude(c);
    if (!config_rope_scaled(c)) return;
    if (c->rope_kind == ROPE_YARN) yarn_freq(c, freq);
    if (c->rope_kind == ROPE_LLAMA3) llama3_freq(c, freq);
    for (int64_t i = 0; c->rope_kind == ROPE_LINEAR && i < config_rope_width(c) / 2; i++) freq[i] /= c->rope_factor;
}

bool config_has_temperature(const struct config *c)
{
    return c->temperature_beta > 0 && c->context > c->rope_original_context;
}

double config_temperature(const struct config *c, int64_t position)
{
    return 1 + c->temperature_beta * log(1 + (double)(position / c->rope_original_context));
}

void config_rope_freq_local(const struct config *c, double *freq) { plain_freq(c, c->rope_local_theta, freq); }
