/* SPDX-License-Identifier: GPL-2.0-only */
/* What texts that are right say; a test that gives another fails. */
#ifndef TEST_LB_TEXTS_H
#define TEST_LB_TEXTS_H

#include "programs/lb/health/lb_health_file.h"
#include "programs/lb/model/lb_words.h"

struct lb_vip_name lb_vip_of(const char *text);
struct lb_host lb_host_of(const char *text);

/* lb_health_file_free() */
struct lb_health_file lb_health_file_of(const char *text);

#endif
