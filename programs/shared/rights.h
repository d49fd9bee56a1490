/* SPDX-License-Identifier: GPL-2.0-only */
/* What this process may do. */
#ifndef PROGRAM_RIGHTS_H
#define PROGRAM_RIGHTS_H

#include <stdbool.h>

/* program_has_capability - whether CAP_... is effective in this thread. */
bool program_has_capability(unsigned int capability);

#endif
