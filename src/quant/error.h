/* How much a number format changes a network's weights. */
#ifndef QUANT_ERROR_H
#define QUANT_ERROR_H

#include "model/net.h"

/* One parameter. Not stored in the format (norms, odd shapes): type is DT_F32 and the errors are 0. */
struct quant_error {
    const char *name; /* borrowed */
    enum dtype type;
    int64_t count;
    double rms;       /* root of mean square of the weights                         */
    double rms_error; /* of (weight - stored weight), relative to rms; 0 when rms is 0 */
    double max_error; /* largest |weight - stored weight|                         */
};
typedef void quant_error_fn(void *ctx, const struct quant_error *q);

/* Calls fn for every parameter of net (f32 weights) in file order; *total (NULL allowed) sums up all that are stored in
 * `type`. A weight that is not finite is an error. */
int quant_errors(const struct net *net, enum dtype type, quant_error_fn *fn, void *ctx, struct quant_error *total,
                 struct err *e);

#endif
