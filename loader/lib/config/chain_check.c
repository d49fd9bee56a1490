/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be said of a chain when its section is over. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/config/value.h"

#define TITLE_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* What programs for sockets answer. */
#define SOCK_VERDICTS (1U << ROOT_COL_PASS | 1U << ROOT_COL_DROP)

static void refuse_name(const struct slot_config_value *value, const char *accepted)
{
	slot_config_errors_add_value(value->errors, value->line, "chain", value->text, "%s",
				     accepted);
}

/* What only chains of other hooks can have. */
static void refuse_at_hook(const struct slot_config_value *value, const char *key,
			   const char *expected)
{
	char wrong[64];

	snprintf(wrong, sizeof(wrong), "not at the hook %s", slot_hook_name(value->chain->hook));
	slot_config_errors_add(value->errors, value->line, key, wrong, "%s", expected);
}

/* The chain's name ends in its hook's. */
static bool is_hook_name(const char *interface)
{
	enum slot_hook hook;

	for (hook = SLOT_HOOK_TC_INGRESS; hook < SLOT_HOOK_COUNT; hook++)
		if (!strcmp(interface, slot_hook_name(hook)))
			return true;
	return false;
}

static bool is_interface_name(const char *name)
{
	if (!*name || strlen(name) >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++) {
		if (!isgraph((unsigned char)*name) || strchr("/:", *name))
			return false;
	}
	return true;
}

/* It becomes a folder in bpffs, which has no dots in names. */
static bool is_title(const char *name)
{
	size_t len = strlen(name);

	return len && len < IFNAMSIZ && strspn(name, TITLE_CHARS) == len;
}

static bool set_name(const struct slot_config_value *value)
{
	bool is_sock = slot_hook_is_sock(value->chain->hook);
	const char *name = value->text;

	if (is_sock && !is_title(name))
		refuse_name(value, "a name for the chain, 1 to 15 letters, digits, _ and -");
	else if (!is_sock && !is_interface_name(name))
		refuse_name(value, "the name of an interface, 1 to 15 characters");
	else if (is_hook_name(name))
		refuse_name(value, is_sock ? "a name that is not a hook's" :
					     "an interface that is not called like a hook");
	else
		strcpy(value->chain->place.interface, name);
	return value->chain->place.interface[0];
}

/* A packet's verdict means nothing for a socket; what was not asked for gives way. */
static void check_verdicts(const struct slot_config_value *value)
{
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++) {
		struct slot_reservation *slot = &value->chain->slots[i];
		const struct slot_verdict_use *use = &slot->packet_verdict;

		if (use->line)
			slot_config_errors_add_value(value->errors, use->line, use->key,
						     use->verdict, "pass or drop, at the hook %s",
						     slot_hook_name(value->chain->hook));
		slot->rules.allow &= SOCK_VERDICTS;
		if (slot->rules.denied_as == ROOT_COL_ABORTED)
			slot->rules.denied_as = ROOT_COL_DROP;
	}
}

static void check_sock(const struct slot_config_value *value)
{
	const struct slot_chain_config *chain = value->chain;
	bool is_of_cgroup = chain->hook == SLOT_HOOK_SOCK_OPS;

	if (is_of_cgroup && !chain->place.cgroup[0])
		slot_config_errors_add(value->errors, value->line, "cgroup", "missing",
				       "the path of a cgroup, at the hook %s",
				       slot_hook_name(chain->hook));
	if (chain->place.netns[0] && chain->hook != SLOT_HOOK_SK_LOOKUP)
		refuse_at_hook(value, "netns",
			       is_of_cgroup ? "none: a cgroup has sockets of any" :
					      "none: sockets of any attach the program");
	check_verdicts(value);
}

static void check_hook(const struct slot_config_value *value)
{
	const struct slot_chain_config *chain = value->chain;
	bool is_sock = slot_hook_is_sock(chain->hook);

	if (chain->order != SLOT_TC_LAST && !slot_hook_is_tc(chain->hook))
		refuse_at_hook(value, "order", "last, or none");
	if (chain->place.cgroup[0] && chain->hook != SLOT_HOOK_SOCK_OPS)
		refuse_at_hook(value, "cgroup", "none");
	if (is_sock)
		check_sock(value);
	if (!is_sock && !slot_hook_is_tc(chain->hook))
		return;
	if (chain->mode != SLOT_ATTACH_AUTO)
		refuse_at_hook(value, "mode", "auto, or none");
	if (chain->engine == SLOT_ENGINE_FREPLACE)
		refuse_at_hook(value, "engine", "fused, auto, or none");
	if (chain->has_members)
		refuse_at_hook(value, "members", "false, or none");
}

/* Whether @chain belongs to what @other belongs to, at the same hook, under whatever name. */
static bool is_same_place(const struct slot_chain_config *chain,
			  const struct slot_chain_config *other)
{
	if (chain->hook != other->hook)
		return false;
	if (chain->hook == SLOT_HOOK_SOCK_OPS)
		return chain->place.cgroup[0] && !strcmp(chain->place.cgroup, other->place.cgroup);
	return chain->hook == SLOT_HOOK_SK_LOOKUP &&
	       !strcmp(chain->place.netns, other->place.netns);
}

static bool check_unique(const struct slot_config_value *value,
			 const struct slot_chain_config *chains, size_t count)
{
	const struct slot_chain_config *chain = value->chain;
	const char *noun = slot_hook_is_sock(chain->hook) ? "a name" : "an interface";

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(chains[i].interface, chain->interface)) {
			slot_config_errors_add_value(value->errors, value->line, "chain",
						     value->text,
						     "%s and hook other than those of line %u",
						     noun, chains[i].line);
			return false;
		}
		if (is_same_place(chain, &chains[i])) {
			slot_config_errors_add_value(value->errors, value->line, "chain",
						     value->text,
						     "a %s other than that of line %u, which has "
						     "its chain of %s there",
						     slot_hook_noun(chain->hook), chains[i].line,
						     slot_hook_name(chain->hook));
			return false;
		}
	}
	return true;
}

static const struct slot_reservation *find_slot(const struct slot_chain_config *chain,
						const char *name)
{
	for (unsigned int i = 0; i < ROOT_SLOTS; i++)
		if (chain->slots[i].present && !strcmp(chain->slots[i].name, name))
			return &chain->slots[i];
	return NULL;
}

/* The chain at @hook of the same interface, which is built before as its section is. */
static const struct slot_chain_config *find_earlier(const struct slot_chain_config *chain,
						    enum slot_hook hook,
						    const struct slot_chain_config *chains,
						    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (chains[i].hook == hook && !chain->has_members && !chains[i].has_members &&
		    !strcmp(chains[i].place.interface, chain->place.interface) &&
		    !strcmp(chains[i].place.netns, chain->place.netns))
			return &chains[i];
	return NULL;
}

/* Maps are lent by who made them. */
static void check_lenders(const struct slot_config_value *value,
			  const struct slot_chain_config *chains, size_t count)
{
	const struct slot_chain_config *chain = value->chain, *from;
	const struct slot_reservation *lender;
	enum slot_hook hook;

	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		const struct slot_reservation *slot = &chain->slots[i];
		const char *maps_of = slot->limits.maps_of, *name;

		if (!slot->present || !maps_of[0])
			continue;
		name = slot_lender_split(maps_of, chain->hook, &hook);
		from = !name		   ? NULL :
		       hook == chain->hook ? chain :
					     find_earlier(chain, hook, chains, count);
		lender = from ? find_slot(from, name) : NULL;
		if (!lender || lender == slot || lender->limits.maps_of[0])
			slot_config_errors_add_value(
				value->errors, slot->line, "maps_of", maps_of,
				"the name of another slot of the chain, or behind xdp:, tc-ingress: or "
				"tc-egress: of a section before for this interface, that has none "
				"itself");
	}
}

void slot_config_chain_check(const struct slot_config_value *value,
			     const struct slot_chain_config *chains, size_t count)
{
	const struct slot_config_world *world = value->world;
	struct slot_chain_config *chain = value->chain;
	const struct slot_place *place = &chain->place;

	if (!set_name(value))
		return;
	check_hook(value);
	check_lenders(value, chains, count);
	slot_chain_name_format(chain->hook, place->netns, place->interface, chain->interface);
	if (!check_unique(value, chains, count) || place->netns[0] || chain->has_members ||
	    slot_hook_is_sock(chain->hook) || !world || !world->has_interface)
		return;
	if (!world->has_interface(place->interface, world->data))
		refuse_name(value, "an interface of this machine");
}
