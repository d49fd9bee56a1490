/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/errors.h"
#include "loader/lib/config/reader.h"
#include "loader/lib/config/text.h"

static int refuse_size(const char *file, const char *text, struct slot_reasons *errors)
{
	unsigned int line = 1;

	for (size_t i = 0; i < SLOT_CONFIG_SIZE_MAX; i++)
		line += text[i] == '\n';
	if (slot_reasons_add(errors, "%s:%u: text: too long: at most %u bytes", file, line,
			     SLOT_CONFIG_SIZE_MAX))
		return -ENOMEM;
	return -E2BIG;
}

/* Sections with members are no chains themselves. */
static int split_masters(struct slot_config *config)
{
	struct slot_chain_config *masters;
	size_t kept = 0;

	masters = calloc(config->count + 1, sizeof(*masters));
	if (!masters)
		return -ENOMEM;
	config->masters = masters;
	for (size_t i = 0; i < config->count; i++) {
		if (config->chains[i].has_members)
			masters[config->master_count++] = config->chains[i];
		else
			config->chains[kept++] = config->chains[i];
	}
	config->count = kept;
	return 0;
}

int slot_config_parse(const char *file, const char *text, size_t len,
		      const struct slot_config_world *world, struct slot_reasons *errors,
		      struct slot_config *ret_config)
{
	_cleanup_(slot_config_errors_free) struct slot_config_errors found = { .file = file };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	struct slot_config_text copy;
	int err;

	if (len > SLOT_CONFIG_SIZE_MAX)
		return refuse_size(file, text, errors);
	err = slot_config_text_load(text, len, &found, &copy);
	if (err)
		return err;
	err = slot_config_read(&copy, world, &found, &config);
	free(copy.text);
	if (err)
		return err;
	if (split_masters(&config))
		return -ENOMEM;
	if (!config.count && !config.master_count && !found.count)
		slot_config_errors_add(&found, 1, "chain", "missing",
				       "at least one chain \"INTERFACE\" { ... }");
	err = slot_config_errors_format(&found, errors);
	if (err)
		return err;
	if (found.count)
		return -EINVAL;
	*ret_config = config;
	config = (struct slot_config){ 0 };
	return 0;
}

static void free_reservation(struct slot_reservation *slot)
{
	free(slot->object);
	free(slot->program);
	slot_settings_free(&slot->settings);
}

static int copy_reservation(const struct slot_reservation *from, struct slot_reservation *ret_to)
{
	struct slot_reservation copy = *from;
	int err;

	copy.object = from->object ? strdup(from->object) : NULL;
	copy.program = from->program ? strdup(from->program) : NULL;
	copy.settings = (struct slot_settings){ 0 };
	err = slot_settings_copy(&from->settings, &copy.settings);
	if (err || !copy.object != !from->object || !copy.program != !from->program) {
		free_reservation(&copy);
		return -ENOMEM;
	}
	*ret_to = copy;
	return 0;
}

static void free_chains(struct slot_chain_config *chains, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++)
			free_reservation(&chains[i].slots[slot]);
	}
}

void slot_config_free(struct slot_config *config)
{
	if (!config)
		return;
	free_chains(config->chains, config->count);
	free_chains(config->masters, config->master_count);
	free(config->chains);
	free(config->masters);
	*config = (struct slot_config){ 0 };
}

static const struct slot_chain_config *find_chain(const struct slot_chain_config *chains,
						  size_t count, const char *interface)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(chains[i].interface, interface))
			return &chains[i];
	}
	return NULL;
}

const struct slot_chain_config *slot_config_find(const struct slot_config *config,
						 const char *interface)
{
	return find_chain(config->chains, config->count, interface);
}

const struct slot_chain_config *slot_config_find_master(const struct slot_config *config,
							const char *interface)
{
	return find_chain(config->masters, config->master_count, interface);
}

const char *slot_hook_name(enum slot_hook hook)
{
	static const char *const names[SLOT_HOOK_COUNT] = {
		[SLOT_HOOK_XDP] = "xdp",
		[SLOT_HOOK_TC_INGRESS] = "tc-ingress",
		[SLOT_HOOK_TC_EGRESS] = "tc-egress",
		[SLOT_HOOK_SOCK_OPS] = "sock_ops",
		[SLOT_HOOK_SK_LOOKUP] = "sk_lookup",
		[SLOT_HOOK_SK_REUSEPORT] = "sk_reuseport",
	};

	return hook < SLOT_HOOK_COUNT ? names[hook] : "?";
}

bool slot_hook_is_tc(enum slot_hook hook)
{
	return hook == SLOT_HOOK_TC_INGRESS || hook == SLOT_HOOK_TC_EGRESS;
}

bool slot_hook_is_sock(enum slot_hook hook)
{
	return slot_hook_kind(hook) > ROOT_KIND_TC;
}

const char *slot_hook_noun(enum slot_hook hook)
{
	if (hook == SLOT_HOOK_SOCK_OPS)
		return "cgroup";
	return slot_hook_is_sock(hook) ? "network namespace" : "interface";
}

enum root_kind slot_hook_kind(enum slot_hook hook)
{
	static const enum root_kind kinds[SLOT_HOOK_COUNT] = {
		[SLOT_HOOK_XDP] = ROOT_KIND_XDP,
		[SLOT_HOOK_TC_INGRESS] = ROOT_KIND_TC,
		[SLOT_HOOK_TC_EGRESS] = ROOT_KIND_TC,
		[SLOT_HOOK_SOCK_OPS] = ROOT_KIND_SOCK_OPS,
		[SLOT_HOOK_SK_LOOKUP] = ROOT_KIND_SK_LOOKUP,
		[SLOT_HOOK_SK_REUSEPORT] = ROOT_KIND_SK_REUSEPORT,
	};

	return hook < SLOT_HOOK_COUNT ? kinds[hook] : ROOT_KIND_XDP;
}

size_t slot_config_list_titled(const struct slot_config *config, const char *title,
			       const char *ret_names[SLOT_HOOK_COUNT])
{
	size_t len = strlen(title);
	size_t count = 0;
	size_t i;

	for (i = 0; i < config->count && count < SLOT_HOOK_COUNT; i++) {
		const struct slot_chain_config *chain = &config->chains[i];
		const char *name = chain->interface;

		if (slot_hook_is_sock(chain->hook) && !strncmp(name, title, len) &&
		    name[len] == ':' && !strcmp(name + len + 1, slot_hook_name(chain->hook)))
			ret_names[count++] = name;
	}
	return count;
}

void slot_chain_name_format(enum slot_hook hook, const char *netns, const char *interface,
			    char *ret_name)
{
	const char *slash = strrchr(netns, '/');

	snprintf(ret_name, SLOT_CHAIN_NAME_MAX, "%.*s%s%.*s%s%s", SLOT_NETNS_NAME_MAX - 1,
		 slash ? slash + 1 : netns, *netns ? ":" : "", IFNAMSIZ - 1, interface,
		 hook == SLOT_HOOK_XDP ? "" : ":",
		 hook == SLOT_HOOK_XDP ? "" : slot_hook_name(hook));
}

/* An interface may be called as a hook: "blue:tc-egress" is that one's chain of XDP then. */
enum slot_hook slot_chain_name_hook(const char *name)
{
	const char *colon = strrchr(name, ':');
	enum slot_hook hook;

	for (hook = SLOT_HOOK_TC_INGRESS; colon && hook < SLOT_HOOK_COUNT; hook++)
		if (!strcmp(colon + 1, slot_hook_name(hook)))
			return hook;
	return SLOT_HOOK_XDP;
}

const char *slot_lender_split(const char *maps_of, enum slot_hook own, enum slot_hook *ret_hook)
{
	const char *colon = strchr(maps_of, ':');
	enum slot_hook hook;

	if (!colon) {
		*ret_hook = own;
		return maps_of;
	}
	for (hook = SLOT_HOOK_XDP; !slot_hook_is_sock(hook); hook++) {
		const char *name = slot_hook_name(hook);

		if (hook == own || strlen(name) != (size_t)(colon - maps_of) ||
		    strncmp(name, maps_of, strlen(name)) != 0)
			continue;
		*ret_hook = hook;
		return colon + 1;
	}
	return NULL;
}

bool slot_chain_name_has_netns(const char *name)
{
	const char *first = strchr(name, ':');

	if (slot_chain_name_hook(name) == SLOT_HOOK_XDP)
		return first != NULL;
	return first != strrchr(name, ':');
}

static int copy_member(const struct slot_chain_config *master, const char *port,
		       struct slot_chain_config *ret_chain)
{
	struct slot_chain_config chain = *master;
	unsigned int slot;
	int err = 0;

	chain.has_members = false;
	snprintf(chain.place.interface, sizeof(chain.place.interface), "%s", port);
	memcpy(chain.place.master, master->place.interface, sizeof(chain.place.master));
	slot_chain_name_format(chain.hook, chain.place.netns, port, chain.interface);
	memset(chain.slots, 0, sizeof(chain.slots));
	for (slot = 0; slot < ROOT_SLOTS && !err; slot++)
		err = copy_reservation(&master->slots[slot], &chain.slots[slot]);
	if (err) {
		free_chains(&chain, 1);
		return err;
	}
	*ret_chain = chain;
	return 0;
}

int slot_config_add_member(struct slot_config *config, const struct slot_chain_config *master,
			   const char *port)
{
	struct slot_chain_config *chains;
	struct slot_chain_config chain;
	int err;

	if (config->count >= SLOT_CONFIG_CHAINS_MAX)
		return -E2BIG;
	err = copy_member(master, port, &chain);
	if (err)
		return err;
	if (slot_config_find(config, chain.interface)) {
		free_chains(&chain, 1);
		return 0;
	}
	chains = reallocarray(config->chains, config->count + 1, sizeof(*chains));
	if (!chains) {
		free_chains(&chain, 1);
		return -ENOMEM;
	}
	config->chains = chains;
	chains[config->count++] = chain;
	return 0;
}

void slot_config_del(struct slot_config *config, size_t index)
{
	struct slot_chain_config *at = &config->chains[index];

	free_chains(at, 1);
	memmove(at, at + 1, (config->count - index - 1) * sizeof(*at));
	config->count--;
}
