/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/api_json.h"

#include <dirent.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/adopt.h"
#include "loader/lib/chain/seat.h"
#include "loader/lib/config/verdict.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "loader/lib/registry/canary.h"
#include "loader/lib/registry/limits_json.h"
#include "loader/lib/registry/object_json.h"
#include "loader/lib/registry/registry.h"
#include "loader/slotd/api_filters.h"
#include "loader/slotd/watch.h"

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static json_int_t number_of(const struct slot_generation *generation)
{
	return generation ? generation->number : 0;
}

/* Other hooks have no modes, but a way of attaching. */
static const char *mode_name(const struct slot_chain *chain, bool is_attached)
{
	if (chain->hook == SLOT_HOOK_SK_REUSEPORT)
		return "jump";
	if (slot_hook_is_sock(chain->hook))
		return chain->hook == SLOT_HOOK_SOCK_OPS ? "cgroup" : "netns";
	if (slot_hook_is_tc(chain->hook))
		return slot_tc_way_name(slot_chain_tc_way(chain));
	return slot_attach_mode_name(is_attached ? chain->mode : chain->wanted_mode);
}

static void add_number(json_t *json, const char *key, __u64 number)
{
	json_object_set_new(json, key, json_integer((json_int_t)number));
}

static void add_text(json_t *json, const char *key, const char *text)
{
	if (text[0])
		json_object_set_new(json, key, json_string(text));
}

/* What libxdp runs is not in its way: it can be adopted. */
static bool is_refused(const struct slot_chain *chain, struct slot_reason *ret_why)
{
	return slot_chain_is_blocked(chain, ret_why) && !slot_chain_has_dispatcher(chain);
}

/* What the chain belongs to, and where applications find it. */
static void add_place(json_t *json, const struct slot_chain *chain)
{
	unsigned int peer = slot_chain_peer(chain);
	struct slot_reason why = { 0 };
	char path[PATH_MAX];

	if (!slot_hook_is_sock(chain->hook))
		add_number(json, "ifindex", chain->ifindex);
	if (chain->hook == SLOT_HOOK_SOCK_OPS)
		add_number(json, "cgroup_id", chain->netns_cookie);
	else if (chain->hook != SLOT_HOOK_SK_REUSEPORT)
		add_number(json, "netns_cookie", chain->netns_cookie);
	add_text(json, "netns", chain->place.netns);
	add_text(json, "cgroup", chain->place.cgroup);
	add_text(json, "master", chain->place.master);
	if (slot_chain_waits(chain, &why))
		json_object_set_new(json, "waits_for", json_string(why.text));
	else if (is_refused(chain, &why))
		json_object_set_new(json, "refused", json_string(why.text));
	if (peer)
		add_number(json, "peer_ifindex", peer);
	if (chain->hook == SLOT_HOOK_SK_REUSEPORT && !slot_seat_path(chain, path))
		add_text(json, "jump", path);
}

/* What the chain is called, what it belongs to and what runs there: the head of several answers. */
static json_t *describe_chain(const struct slot_chain *chain)
{
	const struct slot_engine *engine = chain->current ? chain->current->engine : chain->engine;
	bool is_attached = slot_chain_is_attached(chain);
	json_t *json;

	json = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:I, s:I}", "interface", chain->interface,
			 "hook", slot_hook_name(chain->hook), "attached", (int)is_attached,
			 "engine", engine->name, "engine_reason", chain->engine_reason.text, "mode",
			 mode_name(chain, is_attached), "generation", number_of(chain->current),
			 "previous", number_of(chain->previous));
	if (json)
		add_place(json, chain);
	if (json && slot_hook_is_tc(chain->hook)) {
		json_t *others = api_filters(chain);

		json_object_set_new(json, "others", others ? others : json_null());
	}
	return json;
}

static const char *describe_absent(const struct slot_chain *chain, struct slot_reason *ret_text)
{
	if (slot_chain_waits(chain, ret_text))
		slot_reason_set(ret_text, 0, "waits for %s, which is not there", ret_text->text);
	else
		slot_reason_set(ret_text, 0, "its %s is not there", slot_chain_absent_noun(chain));
	return ret_text->text;
}

/* NULL: it runs where it should. What is found may be in @text. */
static const char *find_trouble(const struct slot_chain *chain, struct slot_reason *text)
{
	bool is_sock = slot_hook_is_sock(chain->hook);

	if (!chain->netns_cookie && slot_chain_absent_noun(chain))
		return describe_absent(chain, text);
	if (slot_chain_has_strayed(chain))
		return is_sock ? "it runs on where it was, which slots.conf does not lead to now" :
				 "its interface was moved to another network namespace; it runs on "
				 "there";
	if (slot_chain_absent_noun(chain))
		return describe_absent(chain, text);
	if (slot_chain_is_out_of_reach(chain))
		return "its network namespace cannot be entered now: what runs there is left as it "
		       "is";
	if (is_refused(chain, text))
		return text->text;
	if (!slot_chain_is_attached(chain) && !chain->unserved.text[0])
		return chain->is_detached ? "detached until the next apply" : "not attached";
	return NULL;
}

static json_t *list_warnings(const struct slot_chain *chain)
{
	struct slot_reason text = { 0 };
	const char *trouble = find_trouble(chain, &text);
	json_t *list = json_array();

	if (trouble)
		json_array_append_new(list, json_string(trouble));
	if (chain->unserved.text[0])
		json_array_append_new(list, json_string(chain->unserved.text));
	if (chain->current && slot_chain_is_newer(chain))
		json_array_append_new(list, json_string("a newer slotd built what runs: changes "
							"are refused, counters incomplete"));
	if (slot_chain_has_dispatcher(chain))
		json_array_append_new(list, json_string("the interface runs a libxdp dispatcher: "
							"slotctl adopt takes its programs over"));
	if (chain->lost.text[0])
		json_array_append_new(list, json_string(chain->lost.text));
	if (chain->left.text[0])
		json_array_append_new(list, json_string(chain->left.text));
	if (chain->unfolded_reason.text[0])
		json_array_append_new(list, json_string(chain->unfolded_reason.text));
	if (chain->mode == SLOT_ATTACH_GENERIC && chain->wanted_mode != SLOT_ATTACH_GENERIC)
		json_array_append_new(list, json_string("runs in generic mode, not in the driver"));
	return list;
}

json_t *api_status(const struct daemon *daemon)
{
	json_t *chains = json_array();
	size_t i;

	for (i = 0; i < daemon->config.count; i++) {
		json_t *chain = describe_chain(daemon->chains[i]);

		if (daemon->chains[i]->watch_note[0])
			json_object_set_new(chain, "last_watch",
					    json_string(daemon->chains[i]->watch_note));
		json_object_set_new(chain, "warnings", list_warnings(daemon->chains[i]));
		json_array_append_new(chains, chain);
	}
	return json_pack("{s:s, s:i, s:s, s:o}", "version", SLOTD_VERSION, "pid", (int)getpid(),
			 "config", daemon->options.config_path, "chains", chains);
}

static bool is_counting(const struct slot_chain *chain)
{
	return chain->current && chain->current->counters_fd >= 0;
}

static void add_packets(json_t *to, const struct slot_packets *packets)
{
	unsigned int c;

	json_object_set_new(to, "seen", json_integer((json_int_t)packets->seen));
	for (c = 0; c <= ROOT_COL_SKIPPED; c++)
		json_object_set_new(to, slot_verdict_name(c),
				    json_integer((json_int_t)packets->verdicts[c]));
}

static json_t *describe_object(const struct slot_object_id *object)
{
	return json_pack("{s:s, s:s, s:s}", "program", object->name, "version", object->version,
			 "sha256", object->sha256);
}

static json_t *describe_canary(const struct slot_canary *canary)
{
	json_t *json = describe_object(&canary->object);
	char text[SLOT_CANARY_TEXT_MAX];

	slot_canary_format(canary, text);
	json_object_set_new(json, "gets", json_string(text));
	if (!canary->cpus) {
		json_object_set_new(json, "share_ppm", json_integer(canary->share_ppm));
		return json;
	}
	slot_cpus_format(canary->cpus, text);
	json_object_set_new(json, "cpus", json_string(text));
	return json;
}

/* What else the slot runs, or ran. */
static void add_versions(json_t *json, const struct slot_state *state,
			 const struct slot_packets *packets)
{
	json_t *canary = state->canary.present ? describe_canary(&state->canary) : NULL;

	if (canary && packets) {
		json_object_set_new(canary, "packets", json_object());
		add_packets(json_object_get(canary, "packets"), packets);
	}
	if (canary)
		json_object_set_new(json, "canary", canary);
	if (state->has_former)
		json_object_set_new(json, "former", describe_object(&state->former));
}

static json_t *describe_slot(const struct slot_chain *chain, unsigned int slot,
			     const struct slot_counters *counters)
{
	const struct slot_state *state = &chain->current->state.slots[slot];
	const struct slot_override *override = slot_override_find(&chain->overrides, state->name);
	char map_dir[PATH_MAX];
	json_t *packets, *json, *watch;

	if (slot_pin_path(map_dir, chain->dir, "maps/%s", state->name))
		map_dir[0] = '\0';
	json = json_pack("{s:i, s:b, s:s, s:s, s:b, s:b, s:b, s:o, s:o, s:s, s:s}", "slot",
			 (int)slot, "reserved", 1, "name", state->name, "owner", state->owner,
			 "enabled", (int)state->enabled, "running",
			 (int)slot_state_is_running(state), "deployed",
			 override ? (int) override->has_object : 0, "continue_on",
			 slot_verdicts_to_json(state->rules.continue_on), "allow",
			 slot_verdicts_to_json(state->rules.allow), "denied_as",
			 slot_verdict_name(state->rules.denied_as), "map_dir", map_dir);
	if (json && is_counting(chain)) {
		packets = json_object();
		add_packets(packets, &counters->slots[slot]);
		json_object_set_new(json, "packets", packets);
	}
	if (json && state->has_object) {
		json_object_set_new(json, "program", json_string(state->object.name));
		json_object_set_new(json, "version", json_string(state->object.version));
		/* A program that was adopted has no file; its version is the kernel's tag. */
		if (state->object.is_adopted)
			json_object_set_new(json, "adopted", json_true());
		else
			json_object_set_new(json, "sha256", json_string(state->object.sha256));
		if (state->object.run.present)
			json_object_set_new(json, "run_config",
					    slot_run_config_to_json(&state->object.run));
	}
	if (json)
		add_versions(json, state, is_counting(chain) ? &counters->canaries[slot] : NULL);
	watch = watch_to_json(chain, slot);
	if (json && watch)
		json_object_set_new(json, "watch", watch);
	return json;
}

json_t *api_slots(const struct slot_chain *chain)
{
	struct slot_counters counters = { 0 };
	json_t *slots = json_array();
	json_t *json = describe_chain(chain);
	unsigned int slot;

	slot_chain_counters(chain, &counters);
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		bool is_reserved = chain->current && chain->current->state.slots[slot].reserved;

		json_array_append_new(slots, is_reserved ? describe_slot(chain, slot, &counters) :
							   json_pack("{s:i, s:b}", "slot",
								     (int)slot, "reserved", 0));
	}
	if (chain->current) {
		json_object_set_new(json, "root_abi", json_integer(chain->current->root_abi));
		json_object_set_new(json, "counters", json_boolean(is_counting(chain)));
	}
	json_object_set_new(json, "passed", json_integer((json_int_t)counters.passed));
	json_object_set_new(json, "slots", slots);
	return json;
}

static json_t *describe_map(const char *dir, const char *name)
{
	_cleanup_close_ int fd = slot_pin_open(dir, name);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	const char *type;

	if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len))
		return json_pack("{s:s}", "name", name);
	type = libbpf_bpf_map_type_str(info.type);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name", name, "type",
			 type ? type : "unknown", "id", (json_int_t)info.id, "key_size",
			 (json_int_t)info.key_size, "value_size", (json_int_t)info.value_size,
			 "max_entries", (json_int_t)info.max_entries);
}

static json_t *list_maps(const char *map_dir)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(map_dir);
	const struct dirent *entry;
	json_t *list = json_array();

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			json_array_append_new(list, describe_map(map_dir, entry->d_name));
	return list;
}

static json_t *list_settings(const struct slot_settings *settings)
{
	json_t *json = json_object();
	size_t i;

	for (i = 0; i < settings->count; i++)
		json_object_set_new(json, settings->items[i].key,
				    json_string(settings->items[i].value));
	return json;
}

json_t *api_slot(const struct slot_chain *chain, unsigned int slot, bool has_settings)
{
	struct slot_counters counters = { 0 };
	json_t *json;

	if (!chain->current || !chain->current->state.slots[slot].reserved)
		return json_pack("{s:s, s:i, s:b}", "interface", chain->interface, "slot",
				 (int)slot, "reserved", 0);
	slot_chain_counters(chain, &counters);
	json = describe_slot(chain, slot, &counters);
	json_object_set_new(json, "interface", json_string(chain->interface));
	if (has_settings)
		json_object_set_new(json, "settings",
				    list_settings(&chain->current->state.slots[slot].settings));
	json_object_set_new(json, "limits",
			    slot_limits_to_json(&chain->current->state.slots[slot].limits));
	json_object_set_new(json, "map_memory",
			    json_integer((json_int_t)slot_chain_measure_maps(chain, slot)));
	json_object_set_new(json, "maps",
			    list_maps(json_string_value(json_object_get(json, "map_dir"))));
	return json;
}

static json_t *describe_generation(const struct slot_generation *generation, bool is_active)
{
	json_t *slots = json_array();
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++) {
		const struct slot_state *slot = &generation->state.slots[i];

		json_t *json;

		if (!slot_state_is_running(slot))
			continue;
		json = describe_object(&slot->object);
		json_object_set_new(json, "slot", json_integer((json_int_t)i));
		json_object_set_new(json, "name", json_string(slot->name));
		if (slot->canary.present)
			json_object_set_new(json, "canary", describe_canary(&slot->canary));
		json_array_append_new(slots, json);
	}
	return json_pack("{s:I, s:b, s:s, s:I, s:I, s:s, s:o}", "number",
			 (json_int_t)generation->number, "active", (int)is_active, "engine",
			 generation->engine->name, "root_abi", (json_int_t)generation->root_abi,
			 "created", (json_int_t)generation->created, "reason", generation->reason,
			 "slots", slots);
}

json_t *api_generations(const struct slot_chain *chain)
{
	json_t *list = json_array();
	bool is_attached = slot_chain_is_attached(chain);
	const struct slot_generation *first = chain->current;
	const struct slot_generation *second = chain->previous;

	/* After a rollback the newer one is not the one that runs. */
	if (first && second && second->number > first->number) {
		first = chain->previous;
		second = chain->current;
	}
	if (first)
		json_array_append_new(
			list, describe_generation(first, is_attached && first == chain->current));
	if (second)
		json_array_append_new(
			list, describe_generation(second, is_attached && second == chain->current));
	return json_pack("{s:s, s:o}", "interface", chain->interface, "generations", list);
}

static void add_canary_stats(json_t *json, const struct slot_state *slot,
			     const struct slot_packets *packets)
{
	json_t *canary;

	if (!slot->canary.present)
		return;
	canary = describe_object(&slot->canary.object);
	add_packets(canary, packets);
	json_object_set_new(json, "canary", canary);
}

json_t *api_stats(const struct slot_chain *chain)
{
	struct slot_counters counters = { 0 };
	json_t *slots = json_array();
	struct timespec ts;
	unsigned int i;

	slot_chain_counters(chain, &counters);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	for (i = 0; chain->current && i < ROOT_SLOTS; i++) {
		const struct slot_state *slot = &chain->current->state.slots[i];
		json_t *json;

		if (!slot_state_is_running(slot))
			continue;
		json = json_pack("{s:i, s:s}", "slot", (int)i, "name", slot->name);
		add_packets(json, &counters.slots[i]);
		add_canary_stats(json, slot, &counters.canaries[i]);
		json_array_append_new(slots, json);
	}
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "interface", chain->interface,
			 "generation", number_of(chain->current), "time_ns",
			 (json_int_t)(ts.tv_sec * 1000000000LL + ts.tv_nsec), "packets",
			 (json_int_t)counters.packets, "passed", (json_int_t)counters.passed,
			 "slots", slots);
}

json_t *api_plan(const struct slot_chain *chain, const struct slot_plan *plan,
		 const struct slot_reason *warning)
{
	json_t *json = slot_plan_to_json(plan);
	json_t *warnings = json_array();

	if (warning->text[0])
		json_array_append_new(warnings, json_string(warning->text));
	if (json) {
		json_object_set_new(json, "interface", json_string(chain->interface));
		json_object_set(json, "warnings", warnings);
	}
	json_decref(warnings);
	return json;
}

json_t *api_outcome(const struct slot_chain *chain, const struct slot_outcome *outcome)
{
	const struct slot_timing *t = &outcome->timing;
	json_t *json = api_plan(chain, &outcome->plan, &outcome->warning);

	if (!json)
		return NULL;
	json_object_del(json, "has_changes");
	json_object_set_new(json, "changed", json_boolean(outcome->is_changed));
	json_object_set_new(json, "swap_only", json_boolean(outcome->is_swap_only));
	json_object_set_new(json, "generation", json_integer(number_of(chain->current)));
	json_object_set_new(json, "previous", json_integer(number_of(chain->previous)));
	json_object_set_new(json, "timing_us",
			    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "open", t->open_us, "build",
				      t->build_us, "preflight", t->preflight_us, "swap", t->swap_us,
				      "record", t->record_us, "total", t->total_us));
	return json;
}
