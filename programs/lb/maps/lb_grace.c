/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>

#include "programs/lb/maps/lb_maps.h"
#include "programs/shared/grace.h"

/* An element of an array can always be read, and by who opened it for that, written. */
void lb_maps_raise(const struct lb_maps *maps)
{
	__u32 zero = 0, generation = 0;

	bpf_map_lookup_elem(maps->fds[LB_MAP_GENERATION], &zero, &generation);
	generation++;
	/* No CPU sees it before what was written until now. */
	__sync_synchronize();
	bpf_map_update_elem(maps->fds[LB_MAP_GENERATION], &zero, &generation, BPF_ANY);
}

void lb_grace(const struct lb_maps *maps)
{
	lb_maps_raise(maps);
	program_grace();
}
