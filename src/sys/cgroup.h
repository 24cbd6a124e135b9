/* What control groups let this process use: the limits of its own group and of every parent that can be seen from here,
 * version 1, version 2, or some controllers of each. */
#ifndef SYS_CGROUP_H
#define SYS_CGROUP_H

#include <stdint.h>
#include <stdio.h>

enum { CGROUP_FILE = 256 };

/* What files of control groups say. The names of the files are for people: printable ASCII, cut at the beginning when they are
 * long; "" when there is no limit. */
struct cgroup {
    double processors;    /* the tightest quota, in processors; 0: none */
    uint64_t memory;      /* the lowest limit in bytes; UINT64_MAX: none */
    uint64_t memory_left; /* the least that a group leaves, pages that can be given back counted as free; UINT64_MAX: no limit */
    char processors_file[CGROUP_FILE], memory_file[CGROUP_FILE], memory_left_file[CGROUP_FILE];
};

/* root is put before every path: "" for this machine, a folder in tests. Never fails: what cannot be read limits nothing. */
void cgroup_read(struct cgroup *g, const char *root);

/* A text that the kernel writes, below root; NULL when it cannot be opened. */
FILE *system_text(const char *root, const char *path);

#endif
