/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libbpf has to say about a failure: kept instead of printed, so that it can be part of one clear line. */
#ifndef SLOT_LIBBPF_LOG_H
#define SLOT_LIBBPF_LOG_H

/* slot_libbpf_log_start - from now on keep libbpf's warnings of this thread; forgets older ones. */
void slot_libbpf_log_start(void);

/* slot_libbpf_log_first - the first warning since, without prefix and newline; "" when there was none. */
const char *slot_libbpf_log_first(void);

#endif
