/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/audit.h"

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"
#include "loader/slotd/audit_log.h"
#include "loader/slotd/http.h"
#include "loader/slotd/log.h"

#define LINES_DEFAULT 20

/* Refusals of one user: so many at once, then one in so many seconds. */
#define REFUSALS_BURST 20
#define REFUSALS_EVERY_S 10

/* What one user may still be refused in the log. */
struct refusals {
	uid_t uid;
	unsigned int left;
	unsigned int missing; /* refused, and not in the log */
	time_t since;	      /* CLOCK_MONOTONIC, in seconds, of the last one gained */
};

struct audit {
	struct audit_log log; /* fd -1: not open */
	const char *dir;
	struct refusals refusals[16];
	size_t refusals_next;
};

struct audit_entry {
	struct daemon *daemon;
	struct audit_deed deed;
	json_t *head;	/* who and what, the same in each line */
	json_t *before; /* all chains, by name */
	json_t *offered;
};

static json_t *make_time(void)
{
	char text[48];
	struct timespec now;
	struct tm tm;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	used = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + used, sizeof(text) - used, ".%03ldZ", now.tv_nsec / 1000000);
	return json_string(text);
}

static void add_peer(json_t *line, const struct peer *peer)
{
	const struct passwd *user = getpwuid(peer->uid);

	json_object_set_new(line, "uid", json_integer(peer->uid));
	if (peer->gid != (gid_t)-1)
		json_object_set_new(line, "gid", json_integer(peer->gid));
	if (user)
		json_object_set_new(line, "user", json_string(user->pw_name));
	json_object_set_new(line, "pid", json_integer(peer->pid));
}

/* Who does what, when. */
static json_t *make_head(const struct audit_deed *deed)
{
	json_t *line = json_object();

	json_object_set_new(line, "time", make_time());
	if (deed->peer)
		add_peer(line, deed->peer);
	else
		json_object_set_new(line, "user", json_string("slotd"));
	if (deed->cause)
		json_object_set_new(line, "cause", json_string(deed->cause));
	json_object_set_new(line, "what", json_string(deed->what));
	return line;
}

/* One chain, as far as an operation can change it. */
static json_t *describe_chain(const struct slot_chain *chain)
{
	const struct slot_generation *current = chain->current;
	json_t *json = json_object();

	json_object_set_new(json, "generation",
			    current ? json_integer(current->number) : json_null());
	json_object_set_new(json, "detached", json_boolean(chain->is_detached));
	json_object_set_new(json, "overrides", slot_overrides_to_json(&chain->overrides));
	if (current)
		json_object_set_new(json, "state", slot_chain_state_to_json(&current->state));
	return json;
}

static json_t *describe_chains(const struct daemon *daemon)
{
	json_t *chains = json_object();
	size_t i;

	for (i = 0; daemon->chains && i < daemon->config.count; i++)
		if (daemon->chains[i])
			json_object_set_new(chains, daemon->chains[i]->interface,
					    describe_chain(daemon->chains[i]));
	return chains;
}

static json_t *find_slot(const json_t *chain, unsigned int number)
{
	const json_t *slots = json_object_get(json_object_get(chain, "state"), "slots");
	json_t *slot;
	size_t i;

	json_array_foreach(slots, i, slot)
		if (json_integer_value(json_object_get(slot, "slot")) == (json_int_t)number)
			return slot;
	return NULL;
}

/* The members of a slot that tell what it ran before, where they differ. */
static json_t *make_former(const json_t *before, const json_t *after)
{
	static const char *const keys[] = { "name", "enabled", "object", "canary" };
	json_t *former = NULL;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *was = json_object_get(before, keys[i]);

		if (!was || json_equal(was, json_object_get(after, keys[i])))
			continue;
		former = former ? former : json_object();
		json_object_set(former, keys[i], was);
	}
	return former;
}

static json_t *make_slot(unsigned int number, const json_t *before, const json_t *after,
			 const json_t *offered)
{
	static const char *const keys[] = { "name", "owner", "enabled", "object", "canary" };
	json_t *json = json_pack("{s:i}", "slot", (int)number);
	json_t *former = make_former(before, after);
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(after, keys[i]))
			json_object_set(json, keys[i], json_object_get(after, keys[i]));
	if (former)
		json_object_set_new(json, "before", former);
	if (offered)
		json_object_set(json, "offered", (json_t *)offered);
	return json;
}

/* The slots that were asked for, and those that are not what they were. */
static json_t *make_slots(const struct audit_entry *entry, const json_t *before,
			  const json_t *after, bool is_asked)
{
	json_t *list = json_array();
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const json_t *was = find_slot(before, slot);
		const json_t *is = find_slot(after, slot);
		bool is_named = is_asked && entry->deed.slots & 1U << slot;
		char key[8];

		if (!is_named && (was == is || json_equal(was, is)))
			continue;
		snprintf(key, sizeof(key), "%u", slot);
		json_array_append_new(
			list, make_slot(slot, was, is,
					is_named ? json_object_get(entry->offered, key) : NULL));
	}
	return list;
}

static json_t *get_generation(const json_t *chain)
{
	json_t *number = json_object_get(chain, "generation");

	return number ? json_incref(number) : json_null();
}

static json_t *make_line(const struct audit_entry *entry, const char *name, const json_t *before,
			 const json_t *after, const char *error)
{
	json_t *line = json_copy(entry->head);
	bool is_asked = !entry->deed.chain || !name || !strcmp(name, entry->deed.chain);

	if (name) {
		json_object_set_new(line, "chain", json_string(name));
		json_object_set_new(line, "generation",
				    json_pack("{s:o, s:o}", "before", get_generation(before),
					      "after", get_generation(after)));
		json_object_set_new(line, "slots", make_slots(entry, before, after, is_asked));
	}
	json_object_set_new(line, "changed",
			    json_boolean(before != after && !json_equal(before, after)));
	json_object_set_new(line, "result", json_string(error ? "refused" : "ok"));
	if (error)
		json_object_set_new(line, "error", http_text_new(error));
	return line;
}

/* A chain is told of where the deed was meant for it, or changed it. */
static json_t *make_lines(const struct audit_entry *entry, const char *error)
{
	_cleanup_json_ json_t *after = describe_chains(entry->daemon);
	const char *asked = entry->deed.chain;
	json_t *lines = json_array();
	const json_t *chain;
	const char *name;

	json_object_foreach(after, name, chain) {
		const json_t *before = json_object_get(entry->before, name);

		if (asked && entry->deed.is_start && strcmp(asked, name) != 0)
			continue;
		if ((asked && !strcmp(asked, name)) || !json_equal(before, chain))
			json_array_append_new(lines, make_line(entry, name, before, chain, error));
	}
	json_object_foreach(entry->before, name, chain)
		if (!json_object_get(after, name))
			json_array_append_new(lines, make_line(entry, name, chain, NULL, error));
	if (!json_array_size(lines))
		json_array_append_new(lines, make_line(entry, asked, NULL, NULL, error));
	return lines;
}

static int open_log(struct audit *audit, struct slot_reason *why)
{
	return audit->log.fd >= 0 ? 0 : audit_log_open(audit->dir, why, &audit->log);
}

int audit_open(const char *dir, struct slot_reason *why, struct audit **ret_audit)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	audit->dir = dir;
	audit->log.fd = audit->log.pending_fd = -1;
	if (open_log(audit, why))
		log_error("%s; every change is refused until it can be", why->text);
	*ret_audit = audit;
	return 0;
}

void audit_close(struct audit *audit)
{
	if (!audit)
		return;
	audit_log_close(&audit->log);
	free(audit);
}

static void free_entry(struct audit_entry *entry)
{
	json_decref(entry->head);
	json_decref(entry->before);
	json_decref(entry->offered);
	free(entry);
}

/* Who, what and where: all that is known before it is done. */
static int intend(const struct audit_entry *entry, struct slot_reason *why)
{
	struct audit *audit = entry->daemon->audit;
	const char *asked = entry->deed.chain;
	const json_t *before = asked ? json_object_get(entry->before, asked) : NULL;
	_cleanup_json_ json_t *line = make_line(entry, asked, before, before, NULL);
	int err = open_log(audit, why);

	json_object_del(line, "changed");
	return err ? err : audit_log_intend(&audit->log, line, why);
}

int audit_begin(struct daemon *daemon, const struct audit_deed *deed, struct slot_reason *why,
		struct audit_entry **ret_entry)
{
	struct audit_entry *entry = calloc(1, sizeof(*entry));
	int err;

	if (!entry)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	entry->daemon = daemon;
	entry->deed = *deed;
	entry->head = make_head(deed);
	entry->before = deed->is_start ? json_object() : describe_chains(daemon);
	entry->offered = json_object();
	err = deed->peer ? intend(entry, why) : 0;
	if (err)
		free_entry(entry);
	else
		*ret_entry = entry;
	return err;
}

void audit_offer(struct audit_entry *entry, unsigned int slot, const struct slot_blob *blob)
{
	char key[8];

	snprintf(key, sizeof(key), "%u", slot);
	json_object_set_new(entry->offered, key,
			    json_pack("{s:s, s:o}", "sha256", blob->sha256, "file",
				      http_text_new(blob->name)));
}

/* What the log does not take must not be lost: the journal has it then. */
static void add_lines(struct audit *audit, const json_t *lines)
{
	struct slot_reason why;
	int err = open_log(audit, &why);
	const json_t *line;
	size_t i;

	if (!err)
		err = audit_log_add(&audit->log, lines, &why);
	if (!err)
		return;
	log_error("%s; what belongs into it:", why.text);
	json_array_foreach(lines, i, line) {
		_cleanup_free_ char *text = json_dumps(line, JSON_COMPACT);

		log_error("audit: %s", text ? text : "out of memory");
	}
}

void audit_end(struct audit_entry *entry, const char *error)
{
	_cleanup_json_ json_t *lines = NULL;

	if (!entry)
		return;
	lines = make_lines(entry, error);
	add_lines(entry->daemon->audit, lines);
	free_entry(entry);
}

void audit_end_if_changed(struct audit_entry *entry, const char *error)
{
	_cleanup_json_ json_t *after = entry ? describe_chains(entry->daemon) : NULL;

	if (entry && json_equal(entry->before, after))
		free_entry(entry);
	else
		audit_end(entry, error);
}

static struct refusals *find_refusals(struct audit *audit, uid_t uid, time_t now)
{
	struct refusals *found = NULL;
	time_t gained;
	size_t i;

	for (i = 0; i < sizeof(audit->refusals) / sizeof(audit->refusals[0]) && !found; i++)
		if (audit->refusals[i].since && audit->refusals[i].uid == uid)
			found = &audit->refusals[i];
	if (!found) {
		found = &audit->refusals[audit->refusals_next++ %
					 (sizeof(audit->refusals) / sizeof(audit->refusals[0]))];
		*found = (struct refusals){ .uid = uid, .left = REFUSALS_BURST, .since = now };
	}
	gained = (now - found->since) / REFUSALS_EVERY_S;
	found->since += gained * REFUSALS_EVERY_S;
	found->left = gained + found->left > REFUSALS_BURST ? REFUSALS_BURST :
							      found->left + (unsigned int)gained;
	return found;
}

/* Whether this refusal has room, and how many had none since the last one that did. */
static bool take_refusal(struct audit *audit, uid_t uid, unsigned int *ret_missing)
{
	struct refusals *refusals;
	struct timespec now;

	*ret_missing = 0;
	if (!uid)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	refusals = find_refusals(audit, uid, now.tv_sec + 1);
	if (!refusals->left) {
		refusals->missing++;
		return false;
	}
	refusals->left--;
	*ret_missing = refusals->missing;
	refusals->missing = 0;
	return true;
}

void audit_refuse(struct daemon *daemon, const struct audit_deed *deed, const char *error)
{
	struct audit_entry entry = { .daemon = daemon, .deed = *deed };
	_cleanup_json_ json_t *chains = NULL;
	_cleanup_json_ json_t *lines = NULL;
	const json_t *chain;
	unsigned int missing;
	json_t *line;

	if (!take_refusal(daemon->audit, deed->peer ? deed->peer->uid : 0, &missing))
		return;
	entry.head = make_head(deed);
	chains = describe_chains(daemon);
	chain = deed->chain ? json_object_get(chains, deed->chain) : NULL;
	line = make_line(&entry, deed->chain, chain, chain, error);
	if (missing)
		json_object_set_new(line, "not_logged", json_integer(missing));
	lines = json_array();
	json_array_append_new(lines, line);
	add_lines(daemon->audit, lines);
	json_decref(entry.head);
}

/* Whose request reads, and of what. */
struct reading {
	const struct daemon *daemon;
	const struct peer *peer;
	const char *chain;
};

static bool is_slot_owner(const struct reading *reading, const char *chain_name,
			  const json_t *line_slot)
{
	const struct slot_chain *chain = daemon_find_chain(reading->daemon, chain_name, NULL);
	json_int_t number = json_integer_value(json_object_get(line_slot, "slot"));
	const char *name = json_string_value(json_object_get(line_slot, "name"));
	const struct slot_state *slot;

	if (!chain || !chain->current || number < 0 || number >= ROOT_SLOTS)
		return false;
	slot = &chain->current->state.slots[number];
	return slot->reserved && name && !strcmp(slot->name, name) &&
	       access_is_owner(reading->peer, slot->owner);
}

static bool is_readable(const json_t *line, void *data)
{
	const struct reading *reading = data;
	const char *chain = json_string_value(json_object_get(line, "chain"));
	const json_t *uid = json_object_get(line, "uid");
	const json_t *slot;
	size_t i;

	if (reading->chain && (!chain || strcmp(chain, reading->chain) != 0))
		return false;
	if (access_is_admin(reading->peer) ||
	    (uid && json_integer_value(uid) == (json_int_t)reading->peer->uid))
		return true;
	json_array_foreach(json_object_get(line, "slots"), i, slot)
		if (chain && is_slot_owner(reading, chain, slot))
			return true;
	return false;
}

json_t *audit_read(const struct daemon *daemon, const struct peer *peer, const char *chain,
		   size_t max)
{
	struct reading reading = { .daemon = daemon, .peer = peer, .chain = chain };
	struct audit_query query = {
		.wants = is_readable,
		.data = &reading,
		.max = max ? max : LINES_DEFAULT,
		.scan = access_is_admin(peer) ? SIZE_MAX : AUDIT_SCAN_USER,
	};
	json_t *lines = NULL;

	if (query.max > AUDIT_LINES_MAX)
		query.max = AUDIT_LINES_MAX;
	return audit_log_read(&daemon->audit->log, &query, &lines) ? NULL : lines;
}
