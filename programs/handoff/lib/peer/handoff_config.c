/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a config may say, and what it says where it says nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_own.h"

static const struct handoff_host_times usual = {
	.ack = 500,
	.ready = 2000,
	.done = 3000,
	.abandon = 30000,
	.linger = 10000,
	.idle = 120000,
	.beat = 500,
};

struct handoff_host_times handoff_config_times(const struct handoff_host_config *config)
{
	const struct handoff_host_times *from = &config->times;

	return (struct handoff_host_times){
		.ack = from->ack ?: usual.ack,
		.ready = from->ready ?: usual.ready,
		.done = from->done ?: usual.done,
		.abandon = from->abandon ?: usual.abandon,
		.linger = from->linger ?: usual.linger,
		.idle = from->idle ?: usual.idle,
		.beat = from->beat ?: usual.beat,
	};
}

/* Some is added to them, as 32 bits have room for. */
static bool is_finite(const struct handoff_host_times *times)
{
	const uint32_t all[] = { times->ack,	times->ready, times->done, times->abandon,
				 times->linger, times->idle,  times->beat };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] > INT32_MAX)
			return false;
	return true;
}

static int check_times(const struct handoff_host_config *config, struct slot_reason *why)
{
	const struct handoff_host_times times = handoff_config_times(config);

	if (!is_finite(&times))
		return slot_reason_set(why, -EINVAL, "times: up to %d ms", INT32_MAX);
	/*
	 * Each waits for what the other one does within a shorter time. An ACK that was heard late
	 * counts until the block is over: the taker still has to wait for READY then.
	 */
	if (times.ready <= (uint64_t)times.ack + HANDOFF_GRACE_MS || times.ready >= times.done ||
	    times.abandon >= times.idle)
		return slot_reason_set(why, -EINVAL,
				       "times: ack + %d < ready < done, and abandon < idle",
				       HANDOFF_GRACE_MS);
	/* What became of who serves is looked for only then. */
	if (times.beat * (uint64_t)HANDOFF_SILENT_BEATS > times.abandon)
		return slot_reason_set(why, -EINVAL, "times: %d * beat <= abandon",
				       HANDOFF_SILENT_BEATS);
	return 0;
}

int handoff_config_check(const struct handoff_host_config *config, struct slot_reason *why)
{
	int files = !!config->ca + !!config->cert + !!config->key;
	int family = config->local[0].ss_family;

	if (!config->name || !*config->name || strlen(config->name) > HANDOFF_NAME_MAX)
		return slot_reason_set(why, -EINVAL, "a host's name has 1 to %d bytes",
				       HANDOFF_NAME_MAX);
	if (!config->map_dir)
		return slot_reason_set(why, -EINVAL, "the folder of handoff's slot is needed");
	if (config->is_plain ? files : files != 3)
		return slot_reason_set(why, -EINVAL,
				       "ca, cert and key are needed, or none of them and is_plain");
	if (family && family == config->local[1].ss_family)
		return slot_reason_set(why, -EINVAL,
				       "both local addresses are of one family, which needs one");
	return check_times(config, why);
}

int handoff_config_open_tls(const struct handoff_host_config *config, struct slot_reason *why,
			    struct handoff_wire_context **ret_context)
{
	struct handoff_wire_context *context;
	int err = handoff_wire_context_new(config->ca, config->cert, config->key, why, &context);

	if (err)
		return err;
	if (handoff_wire_context_is_of(context, config->name)) {
		*ret_context = context;
		return 0;
	}
	handoff_wire_context_free(context);
	return slot_reason_set(why, -EINVAL,
			       "%s does not have this host's name, '%s', among its subject "
			       "alternative names: no other host would believe it",
			       config->cert, config->name);
}

int handoff_host_check(const struct handoff_host_config *config, char *ret_why, size_t size)
{
	struct handoff_wire_context *context = NULL;
	struct slot_reason why = {};
	int err = handoff_config_check(config, &why);

	if (!err && !config->is_plain)
		err = handoff_config_open_tls(config, &why, &context);
	handoff_wire_context_free(context);
	snprintf(ret_why, size, "%s", why.text);
	return err;
}
