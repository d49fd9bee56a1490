/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `slotctl lb check` is told, as a file of lines. Pure: no system call but for
 * memory.
 *
 *	lb_hc /sys/fs/bpf/lb_hc_maps
 *	check default http path=/health interval=2s fall=3
 *	check tcp/192.0.2.1:443 tcp
 *
 * Blank lines and what follows a # are left out. README.md describes the words.
 */
#ifndef LB_HEALTH_FILE_H
#define LB_HEALTH_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "programs/lb/lb_abi.h"
#include "programs/lb/model/lb_words.h"

/* One for each real and encapsulation; the first is a multiple: `ip rule` needs one mask. */
#define LB_HEALTH_MARKS (LB_REALS_MAX * LB_ENCAPS)
#define LB_HEALTH_TEXT_MAX 256 /* room for a path or a Host, with its NUL */
#define LB_HEALTH_CHECKS_MAX 4096

enum lb_health_kind {
	LB_HEALTH_NONE, /* the VIP is not checked */
	LB_HEALTH_TCP,	/* a connection comes to be */
	LB_HEALTH_HTTP, /* GET is answered with a status that is expected */
	LB_HEALTH_KINDS,
};

/* How the reals of a VIP are checked. */
struct lb_health_check {
	struct lb_vip_name vip;
	bool is_default; /* of VIPs that have none of their own; without @vip */
	__u8 kind;	 /* enum lb_health_kind */
	bool has_address;
	struct lb_host address; /* that is asked, else the VIP's; for prefixes */
	__u16 port;		/* host byte order; 0: the VIP's */
	__u16 status_from, status_to;
	__u32 interval_ms, timeout_ms;
	__u16 fall, rise;
	__u16 min_up; /* as few reals as the checker leaves */
	bool is_percent;
	char path[LB_HEALTH_TEXT_MAX];
	char host[LB_HEALTH_TEXT_MAX]; /* "": the address */
};

struct lb_health_file {
	char lb_hc_dir[LB_HEALTH_TEXT_MAX]; /* "": not given */
	__u32 marks;			    /* the first of LB_HEALTH_MARKS */
	__u32 refresh_s;
	__u32 probes_max;	/* at once */
	struct lb_host source4; /* that probes come from; 0: as the host chooses */
	struct lb_host source6;
	struct lb_health_check *checks; /* by VIP, the default first */
	size_t count;
};

/*
 * lb_health_file_parse - what the @len bytes at @text say. @ret_file:
 * lb_health_file_free. Returns 0, -EINVAL and says which line and why, -ENOMEM.
 */
int lb_health_file_parse(const char *text, size_t len, struct slot_reason *why,
			 struct lb_health_file *ret_file);
void lb_health_file_free(struct lb_health_file *file);

/*
 * lb_health_file_find - the check of a VIP, which may be LB_HEALTH_NONE; NULL: it has
 * none. The default is for TCP, one address and one port: what can be asked of other
 * VIPs only their owner knows.
 */
const struct lb_health_check *lb_health_file_find(const struct lb_health_file *file,
						  const struct lb_vip_name *vip);

/* lb_health_file_has_default - whether there is one that asks. */
bool lb_health_file_has_default(const struct lb_health_file *file);

#endif
