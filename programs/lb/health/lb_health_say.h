/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checker says on stderr, one line each. */
#ifndef LB_HEALTH_SAY_H
#define LB_HEALTH_SAY_H

#include "programs/lb/health/lb_health_maps.h"
#include "programs/shared/say.h"

/* What may go on for long and is said once, and again now and then. */
enum lb_trouble {
	LB_TROUBLE_MAPS,    /* the load balancer's maps cannot be read */
	LB_TROUBLE_MARKS,   /* lb_hc's maps cannot be written */
	LB_TROUBLE_BLIND,   /* lb_hc does not send */
	LB_TROUBLE_APPLY,   /* a change failed */
	LB_TROUBLE_ASK,	    /* a probe could not be sent from here */
	LB_TROUBLE_ROOM,    /* more probes are due than may run at once */
	LB_TROUBLE_UNASKED, /* VIPs that are not checked */
	LB_TROUBLE_STRAYS,  /* checks of VIPs that do not exist */
	LB_TROUBLE_SOURCE,  /* rewritten reals that cannot be asked */
	LB_TROUBLE_ORPHANS, /* reals that nobody brings in */
	LB_TROUBLES,
};

struct lb_troubles {
	struct program_trouble of[LB_TROUBLES];
};

void lb_say_trouble(struct lb_troubles *troubles, enum lb_trouble which, const char *text,
		    __u64 now_ms);
/* lb_say_over - if it was said. */
void lb_say_over(struct lb_troubles *troubles, enum lb_trouble which);

/* lb_say_view - what is there and cannot be checked, or not as one may think. */
void lb_say_view(struct lb_troubles *troubles, const struct lb_health_view *view, __u64 now_ms);

void lb_say_change(const struct lb_health_change *change, const struct lb_health *health,
		   __u64 now_ms);
/* lb_say_left - it fails, and is left in (is_kept) or to the operator who set it down. */
void lb_say_left(const struct lb_health_target *target, const struct lb_health *health,
		 __u64 now_ms);
/* lb_say_answers - after lb_say_left(). */
void lb_say_answers(const struct lb_health_target *target);

#endif
