/* Between the files of the sandbox. */
#ifndef SYS_SANDBOX_PARTS_H
#define SYS_SANDBOX_PARTS_H

#include "sys/sandbox.h"

int landlock_version(void); /* 0: none */
int sandbox_landlock(enum sandbox_kind kind, const char *const *folders, struct sandbox_posture *got, struct err *e);

bool sandbox_has_filter(void);
int sandbox_filter(enum sandbox_kind kind, bool files, struct sandbox_posture *got, struct err *e);

#endif
