/* Which network this is, by what it holds: for files that belong to one network (infer/state.h). */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include "base/sha256.h"
#include "model/net.h"

/* In hexadecimal a SHA-256 of the configuration (as config.json has it) and of every tensor: name, type, shape, and samples of
 * its bytes: the first and last 4 KiB and 512 at each of 8 places between, which tell models apart and cost little. Of a network
 * from a file the file's tensors count, so that it is the same for every way of computing, and wherever the file lies. */
int net_identity(char out[SHA256_HEX], const struct net *net, struct err *e);

#endif
