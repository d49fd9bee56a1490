/* SPDX-License-Identifier: GPL-2.0-only */
#include <sys/random.h>

#include <bpf/bpf.h>

#include "programs/lb/maps/lb_maps.h"
#include "programs/shared/grace.h"

/*
 * Of maps that are new: what others keep by a generation of the maps before must not seem to be
 * of these. Where there are no random numbers yet, which is before anything runs, from 1 on.
 */
static __u32 first_generation(void)
{
	__u32 number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = 0;
	return number ? number : 1;
}

/* An element of an array can always be read, and by who opened it for that, written. */
void lb_maps_raise(const struct lb_maps *maps)
{
	__u32 zero = 0, generation = 0;

	bpf_map_lookup_elem(maps->fds[LB_MAP_GENERATION], &zero, &generation);
	generation = generation ? generation + 1 : first_generation();
	/* No CPU sees it before what was written until now. */
	__sync_synchronize();
	bpf_map_update_elem(maps->fds[LB_MAP_GENERATION], &zero, &generation, BPF_ANY);
}

void lb_grace(const struct lb_maps *maps)
{
	lb_maps_raise(maps);
	program_grace();
}
