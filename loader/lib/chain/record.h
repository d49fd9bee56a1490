/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is desired of a chain, on disk: which generations are meant, and what was asked beyond slots.conf. */
#ifndef SLOT_CHAIN_RECORD_H
#define SLOT_CHAIN_RECORD_H

#include "loader/lib/registry/registry.h"
#include "loader/lib/registry/watch.h"
#include "loader/lib/host/store.h"

#define SLOT_CHAIN_RECORD_NAME "desired.json"

struct slot_chain_record {
	unsigned int current;  /* generation, 0: none */
	unsigned int previous; /* generation, 0: none */
	unsigned int next;     /* number of the next generation to be built */
	bool is_detached;
	char master[IFNAMSIZ]; /* whose port its interface is while it runs; empty: nobody's */
	struct slot_overrides overrides;
	struct slot_watches watches;
	char watch_note[SLOT_WATCH_NOTE_MAX]; /* how the last watch ended that went back; or empty */
};

int slot_chain_record_write(const struct slot_chain_record *record, const struct slot_store *store,
			    const char *interface, struct slot_reason *why);

/*
 * slot_chain_record_read - a chain without a record is one of which nothing is
 * known yet. Returns 0, or -EBADMSG for a damaged record, and why.
 */
int slot_chain_record_read(const struct slot_store *store, const char *interface,
			   struct slot_reason *why, struct slot_chain_record *ret_record);

#endif
