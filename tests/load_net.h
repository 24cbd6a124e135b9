/* A network out of a model that nothing else is wanted of. */
#ifndef TESTS_LOAD_NET_H
#define TESTS_LOAD_NET_H

#include "model/net.h"

static inline int load_net(struct net *net, const char *path, const struct load_options *o, struct err *e)
{
    struct model_file m;
    *net = (struct net){0};
    TRY(model_file_open(&m, path, e));
    int rc = net_load(net, &m, o, e);
    model_file_close(&m);
    return rc;
}

#endif
