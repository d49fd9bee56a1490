/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/record.h"

#include <errno.h>
#include <stdio.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"

int slot_chain_record_write(const struct slot_chain_record *record, const struct slot_store *store,
			    const char *interface, struct slot_reason *why)
{
	_cleanup_json_ json_t *json = NULL;

	json = json_pack("{s:I, s:I, s:I, s:b, s:o, s:o, s:s}", "current",
			 (json_int_t)record->current, "previous", (json_int_t)record->previous,
			 "next", (json_int_t)record->next, "detached", (int)record->is_detached,
			 "overrides", slot_overrides_to_json(&record->overrides), "watches",
			 slot_watches_to_json(&record->watches), "watch_note", record->watch_note);
	if (!json ||
	    (record->master[0] && json_object_set_new(json, "master", json_string(record->master))))
		return slot_reason_set(why, -ENOMEM, "cannot write a record: out of memory");
	return slot_store_write(store, interface, SLOT_CHAIN_RECORD_NAME, json, why);
}

int slot_chain_record_read(const struct slot_store *store, const char *interface,
			   struct slot_reason *why, struct slot_chain_record *ret_record)
{
	_cleanup_json_ json_t *json = NULL;
	struct slot_chain_record record = { 0 };
	json_int_t current;
	json_int_t previous;
	json_int_t next;
	const char *note;
	const char *master;
	json_t *overrides;
	int is_detached;
	int err;

	err = slot_store_read(store, interface, SLOT_CHAIN_RECORD_NAME, why, &json);
	if (err == -ENOENT) {
		*ret_record = (struct slot_chain_record){ .next = 1 };
		return 0;
	}
	if (err)
		return err;
	if (json_unpack(json, "{s:I, s:I, s:I, s:b, s:o}", "current", &current, "previous",
			&previous, "next", &next, "detached", &is_detached, "overrides",
			&overrides) ||
	    current < 0 || current >= next || previous < 0 || previous >= next || next < 1 ||
	    next > 0xffffffffLL)
		return slot_reason_set(why, -EBADMSG, "record '%s' of '%s' is damaged",
				       SLOT_CHAIN_RECORD_NAME, interface);
	record.current = (unsigned int)current;
	record.previous = (unsigned int)previous;
	record.next = (unsigned int)next;
	record.is_detached = is_detached;
	note = json_string_value(json_object_get(json, "watch_note"));
	snprintf(record.watch_note, sizeof(record.watch_note), "%s", note ? note : "");
	master = json_string_value(json_object_get(json, "master"));
	snprintf(record.master, sizeof(record.master), "%s", master ? master : "");
	err = slot_overrides_from_json(overrides, why, &record.overrides);
	if (!err)
		err = slot_watches_from_json(json_object_get(json, "watches"), why,
					     &record.watches);
	if (err)
		return slot_reason_prefix(why, -EBADMSG, "record '%s' of '%s' is damaged: ",
					  SLOT_CHAIN_RECORD_NAME, interface);
	*ret_record = record;
	return 0;
}
