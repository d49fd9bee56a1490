/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checker: asks reals, and has the load balancer's maps say which of them are out.
 * What it does goes to stderr, a line each. One thread.
 */
#ifndef LB_HEALTH_CHECKER_H
#define LB_HEALTH_CHECKER_H

#include "programs/lb/health/lb_health_maps.h"
#include "programs/lb/health/lb_health_probe.h"
#include "programs/lb/health/lb_health_say.h"

struct lb_checker {
	const char *map_dir, *path;
	struct lb_health_file file;
	struct lb_health health;
	struct lb_probes *probes;
	struct lb_troubles troubles;
	int signal_fd;
	bool is_once; /* every real is asked, nothing is changed */
	bool is_over;
	bool has_transitions;
	unsigned int busy; /* how often in a row another command was at the maps */
	__u64 stalled_ms;  /* in changes, while which its clock stands still */
	__u64 sync_ms, round_ms, refresh_ms; /* when to do these next */
	/* Whether lb_hc sends what is marked. */
	__u64 sent, sent_ms;
	size_t marked; /* probes that began and ended since then */
	bool is_blind;
};

extern const struct lb_checker lb_checker_closed;
#define LB_CHECKER_CLOSED lb_checker_closed

/*
 * lb_checker_open - read the file @path and the maps; lb_checker_close. @is_once and
 * the strings are the caller's. Returns 0, or -errno and says why.
 */
int lb_checker_open(struct lb_checker *checker, struct slot_reason *why);
void lb_checker_close(struct lb_checker *checker);

/* lb_checker_step - do what is due and wait for more. Returns 0, or -errno and says why. */
int lb_checker_step(struct lb_checker *checker, struct slot_reason *why);
/* lb_checker_is_done - whether every real has been asked; for is_once. */
bool lb_checker_is_done(const struct lb_checker *checker);
/* lb_checker_look - whether lb_hc sends what is marked; else what came of it counts nothing. */
void lb_checker_look(struct lb_checker *checker);

#endif
