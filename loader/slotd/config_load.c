/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/config_load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <net/if.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"
#include "loader/lib/chain/record.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/owner.h"
#include "loader/lib/host/ports.h"
#include "loader/lib/host/target.h"
#include "loader/lib/registry/adoption.h"
#include "loader/lib/registry/manifest.h"
#include "loader/lib/registry/registry.h"
#include "loader/slotd/log.h"
#include "loader/slotd/signatures.h"

/* An interface that a chain was once recorded for may be away for a while. */
static bool has_interface(const char *name, void *data)
{
	const struct daemon *daemon = data;

	return if_nametoindex(name) || slot_store_has_chain(&daemon->host.store, name);
}

static bool has_owner(const char *owner, void *data)
{
	struct slot_owner found;

	(void)data;
	return !slot_owner_find(owner, &found);
}

/* A name without a slash is looked up in the object folder. */
static int find_object(const struct daemon *daemon, const char *object, char *ret_path)
{
	const char *dir = daemon->options.object_dir;
	int n;

	if (strchr(object, '/'))
		n = snprintf(ret_path, PATH_MAX, "%s", object);
	else
		n = snprintf(ret_path, PATH_MAX, "%s/%s", dir, object);
	return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool has_object(const char *object, void *data)
{
	char path[PATH_MAX];
	struct stat st;

	return !find_object(data, object, path) && !stat(path, &st) && S_ISREG(st.st_mode);
}

static int read_text(const char *path, struct slot_reasons *errors, char **ret_text,
		     size_t *ret_len)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = malloc(SLOT_CONFIG_SIZE_MAX + 2);
	size_t len;

	if (!file) {
		slot_reasons_add(errors, "%s: cannot read it: %s", path, strerror(errno));
		return -errno;
	}
	if (!text)
		return -ENOMEM;
	/* One byte more than is allowed is enough for the parser to refuse it. */
	len = fread(text, 1, SLOT_CONFIG_SIZE_MAX + 1, file);
	if (ferror(file)) {
		slot_reasons_add(errors, "%s: cannot read it: %s", path, strerror(errno));
		return -EIO;
	}
	text[len] = '\0';
	*ret_len = len;
	*ret_text = TAKE_PTR(text);
	return 0;
}

int config_load(const struct daemon *daemon, struct slot_reasons *errors,
		struct slot_config *ret_config)
{
	const char *path = daemon->options.config_path;
	struct slot_config_world world = {
		.has_interface = has_interface,
		.has_owner = has_owner,
		.has_object = has_object,
		.data = (void *)daemon,
	};
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int err = read_text(path, errors, &text, &len);

	if (!err)
		err = slot_config_parse(path, text, len, &world, errors, ret_config);
	if (err)
		return err;
	err = config_expand(daemon, ret_config);
	if (err) {
		slot_reasons_add(errors, "%s: cannot look up the ports of its interfaces: %s", path,
				 strerror(-err));
		slot_config_free(ret_config);
	}
	return err;
}

/* The ports of @master as they are now, and the netns that they are in. */
static int list_ports(const struct slot_place *master, __u64 *ret_cookie,
		      struct slot_ports *ret_ports)
{
	_cleanup_(slot_netns_leave) int home = -1;
	struct slot_target target;
	int err = slot_target_find(SLOT_HOOK_XDP, master, master->interface, 0, &target);

	if (!err)
		err = slot_netns_enter(master->netns, target.netns_cookie, &home);
	if (!err)
		err = slot_ports_list(master->interface, ret_ports);
	*ret_cookie = err ? 0 : target.netns_cookie;
	return err == -ENOENT ? 0 : err;
}

/* A port that was renamed goes on under the name that its chain has. */
static bool is_known_otherwise(const struct daemon *daemon, enum slot_hook hook, __u64 cookie,
			       const struct slot_port *port)
{
	struct slot_target target = { .netns_cookie = cookie, .ifindex = port->ifindex };
	const struct slot_chain *chain = daemon_find_target(daemon, hook, &target);

	return chain && slot_chain_is_attached(chain) &&
	       strcmp(chain->place.interface, port->interface) != 0;
}

/* Ports that left while slotd was away have a chain that has to be taken off them. */
static int add_recorded(const struct daemon *daemon, struct slot_config *config,
			const struct slot_chain_config *master)
{
	_cleanup_json_ json_t *names = NULL;
	struct slot_chain_record record;
	char name[SLOT_CHAIN_NAME_MAX];
	const char *interface;
	const json_t *item;
	size_t i;
	int err = slot_store_list_chains(&daemon->host.store, &names);

	for (i = 0; !err && i < json_array_size(names); i++) {
		item = json_array_get(names, i);
		interface = strrchr(json_string_value(item), ':');
		interface = interface ? interface + 1 : json_string_value(item);
		slot_chain_name_format(master->hook, master->place.netns, interface, name);
		if (!strcmp(name, json_string_value(item)) &&
		    !slot_chain_record_read(&daemon->host.store, name, NULL, &record) &&
		    !strcmp(record.master, master->place.interface))
			err = slot_config_add_member(config, master, interface);
	}
	return err;
}

static int expand_master(const struct daemon *daemon, struct slot_config *config,
			 const struct slot_chain_config *master)
{
	const struct slot_place *place = &master->place;
	size_t known = daemon->chains ? daemon->config.count : 0;
	struct slot_ports ports = { 0 };
	__u64 cookie = 0;
	size_t i;
	int err = list_ports(place, &cookie, &ports);

	for (i = 0; !err && i < ports.count; i++)
		if (!is_known_otherwise(daemon, master->hook, cookie, &ports.items[i]))
			err = slot_config_add_member(config, master, ports.items[i].interface);
	for (i = 0; !err && i < known; i++) {
		const struct slot_chain *chain = daemon->chains[i];

		if (chain && !strcmp(chain->place.master, place->interface) &&
		    !strcmp(chain->place.netns, place->netns))
			err = slot_config_add_member(config, master, chain->place.interface);
	}
	slot_ports_free(&ports);
	if (!err && !daemon->chains)
		err = add_recorded(daemon, config, master);
	return err;
}

int config_expand(const struct daemon *daemon, struct slot_config *config)
{
	size_t i;
	int err = 0;

	for (i = 0; i < config->master_count && !err; i++)
		err = expand_master(daemon, config, &config->masters[i]);
	return err;
}

int config_identify(const struct daemon *daemon, const struct slot_blob *blob, const char *function,
		    struct slot_reason *why, struct slot_object_id *ret_id)
{
	struct slot_object_id id = { 0 };
	struct slot_manifest manifest;
	int err;

	err = slot_manifest_read(blob->bytes, blob->size, blob->name, blob->sha256, why, &manifest);
	if (!err)
		err = slot_manifest_run_config(&manifest, blob->bytes, function, why, &id.run);
	if (!err)
		err = slot_store_put(&daemon->host.store, blob, why);
	if (err)
		return err;
	memcpy(id.sha256, blob->sha256, sizeof(id.sha256));
	memcpy(id.name, manifest.name, sizeof(id.name));
	memcpy(id.version, manifest.version, sizeof(id.version));
	*ret_id = id;
	return 0;
}

/* What the chain runs, or ran before its kernel ended. */
static const struct slot_chain_state *find_state(const struct slot_chain *chain)
{
	return chain->current ? &chain->current->state : &chain->recalled;
}

/* Whether the reservation ran it, on this interface or on another port of its master. */
static bool has_run(const struct daemon *daemon, const struct slot_chain_config *config,
		    const char *name, const char *sha256)
{
	size_t i;

	for (i = 0; daemon->chains && i < daemon->config.count; i++) {
		const struct slot_chain *chain = daemon->chains[i];
		const struct slot_state *slot;

		if (!chain || (strcmp(chain->interface, config->interface) != 0 &&
			       (!config->place.master[0] ||
				strcmp(chain->place.master, config->place.master) != 0 ||
				strcmp(chain->place.netns, config->place.netns) != 0)))
			continue;
		slot = slot_chain_state_find(find_state(chain), name);
		if (slot && slot->has_object && !strcmp(slot->object.sha256, sha256))
			return true;
	}
	return false;
}

/*
 * What ran before a reboot runs after it, whatever became of the key: an object
 * that this reservation ran was held against the rules of its day. Else a key
 * that was exchanged, or lost, would leave the host without any chain. What the
 * store has from other slots may have been held against none.
 */
static int pass_over(const struct daemon *daemon, const struct slot_chain_config *starting,
		     const struct slot_reservation *reservation, const struct slot_blob *blob,
		     const struct slot_reason *why)
{
	if (!has_run(daemon, starting, reservation->name, blob->sha256))
		return -EACCES;
	log_warning("%s; it ran before this start, so it runs until the next apply", why->text);
	return 0;
}

/* @starting: the chain that is to run again; NULL where it is changed. */
static int import_file(const struct daemon *daemon, const struct slot_reservation *reservation,
		       const char *path, const struct slot_chain_config *starting,
		       struct slot_reason *why, struct slot_object_id *ret_id)
{
	_cleanup_(slot_signing_free) struct slot_signing signing = { 0 };
	_cleanup_(slot_blob_free) struct slot_blob blob = { 0 };
	int err = slot_blob_read(path, why, &blob);

	if (err)
		return err;
	err = signature_check_file(&blob, path, &reservation->limits, why, &signing);
	if (err == -EACCES && starting)
		err = pass_over(daemon, starting, reservation, &blob, why);
	if (!err)
		err = config_identify(daemon, &blob,
				      reservation->program ? reservation->program : "", why,
				      ret_id);
	if (!err && signing.text)
		err = slot_store_put_signature(&daemon->host.store, &blob, &signing, why);
	return err;
}

static int import_slot(const struct daemon *daemon, const struct slot_reservation *reservation,
		       const struct slot_chain_config *starting, struct slot_reason *why,
		       struct slot_object_id *ret_id)
{
	char path[PATH_MAX];
	int err;

	if (!reservation->present || !reservation->object) {
		*ret_id = (struct slot_object_id){ 0 };
		return 0;
	}
	err = find_object(daemon, reservation->object, path);
	if (err)
		return slot_reason_set(why, err, "object path too long: '%s'", reservation->object);
	return import_file(daemon, reservation, path, starting, why, ret_id);
}

int config_import_slot(const struct daemon *daemon, const struct slot_reservation *reservation,
		       struct slot_reason *why, struct slot_object_id *ret_id)
{
	return import_slot(daemon, reservation, NULL, why, ret_id);
}

/* Its key, and by that the object that slots.conf names. */
static int check_signature(const struct daemon *daemon, const struct slot_reservation *reservation,
			   struct slot_reason *why)
{
	_cleanup_(slot_signing_free) struct slot_signing signing = { 0 };
	_cleanup_(slot_blob_free) struct slot_blob blob = { 0 };
	char path[PATH_MAX];
	int err = slot_signing_check_key(reservation->limits.signature_key, why);

	if (err || !reservation->object)
		return err;
	if (find_object(daemon, reservation->object, path))
		return slot_reason_set(why, -ENAMETOOLONG, "object path too long: '%s'",
				       reservation->object);
	err = slot_blob_read(path, why, &blob);
	return err ? err : signature_check_file(&blob, path, &reservation->limits, why, &signing);
}

static int check_signatures(const struct daemon *daemon, const struct slot_chain_config *chain,
			    struct slot_reasons *errors)
{
	struct slot_reason why;
	unsigned int slot;
	int err = 0;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_reservation *reservation = &chain->slots[slot];

		if (!reservation->present || !reservation->limits.signature_key[0] ||
		    !check_signature(daemon, reservation, &why))
			continue;
		slot_reasons_add(errors, "%s:%u: slot %u: %s", daemon->options.config_path,
				 reservation->line, slot, why.text);
		err = -EACCES;
	}
	return err;
}

int config_check_signatures(const struct daemon *daemon, const struct slot_config *config,
			    struct slot_reasons *errors)
{
	size_t i;
	int err = 0;

	/* A port's section is that of its master. */
	for (i = 0; i < config->count; i++)
		if (!config->chains[i].place.master[0] &&
		    check_signatures(daemon, &config->chains[i], errors))
			err = -EACCES;
	for (i = 0; i < config->master_count; i++)
		if (check_signatures(daemon, &config->masters[i], errors))
			err = -EACCES;
	return err;
}

/* What was deployed to the reservation, by the key as it is now. */
static int check_deployed(const struct daemon *daemon, const struct slot_reservation *reservation,
			  const struct slot_overrides *overrides, bool is_start,
			  struct slot_reason *why)
{
	const struct slot_override *override = slot_override_find(overrides, reservation->name);
	int err = 0;

	if (override && override->has_object)
		err = signature_check_kept(daemon, &override->object, &reservation->limits, why);
	if (!err && override && override->canary.present)
		err = signature_check_kept(daemon, &override->canary.object, &reservation->limits,
					   why);
	if (err != -EACCES)
		return err;
	if (!is_start)
		return slot_reason_prefix(why, err, "what is deployed there: ");
	log_warning("%s; it was deployed before this start, so it runs until the next apply",
		    why->text);
	return 0;
}

static int resolve(const struct daemon *daemon, const struct slot_chain_config *chain,
		   const struct slot_overrides *overrides, bool is_start,
		   struct slot_reasons *errors, struct slot_chain_state *ret_state)
{
	struct slot_object_id ids[ROOT_SLOTS] = { 0 };
	struct slot_reason why;
	unsigned int slot;
	int err = 0;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_reservation *reservation = &chain->slots[slot];
		int failed =
			import_slot(daemon, reservation, is_start ? chain : NULL, &why, &ids[slot]);

		if (!failed)
			failed = check_deployed(daemon, reservation, overrides, is_start, &why);
		if (failed) {
			slot_reasons_add(errors, "%s:%u: slot %u: %s", daemon->options.config_path,
					 reservation->line, slot, why.text);
			err = failed;
		}
	}
	if (slot_adoption_check(chain, overrides, &why)) {
		slot_reasons_add(errors, "%s:%u: %s", daemon->options.config_path, chain->line,
				 why.text);
		err = -EEXIST;
	}
	return err ? err : slot_registry_resolve(chain, ids, overrides, ret_state);
}

int config_resolve(const struct daemon *daemon, const struct slot_chain_config *chain,
		   const struct slot_overrides *overrides, struct slot_reasons *errors,
		   struct slot_chain_state *ret_state)
{
	return resolve(daemon, chain, overrides, false, errors, ret_state);
}

int config_resolve_start(const struct daemon *daemon, const struct slot_chain_config *chain,
			 const struct slot_overrides *overrides, struct slot_reasons *errors,
			 struct slot_chain_state *ret_state)
{
	return resolve(daemon, chain, overrides, true, errors, ret_state);
}

int config_check_interface(const struct daemon *daemon, const struct slot_chain_config *chain,
			   struct slot_reason *why)
{
	const struct slot_chain *other;
	struct slot_target target;

	if (slot_target_find(chain->hook, &chain->place, chain->interface, 0, &target))
		return 0;
	other = daemon_find_target(daemon, chain->hook, &target);
	if (!other || !strcmp(other->interface, chain->interface))
		return 0;
	return slot_reason_set(why, -EEXIST,
			       "%s:%u: chain: '%s' is the %s that has the chain of '%s' "
			       "already: one name for it (if it was renamed, restart slotd)",
			       daemon->options.config_path, chain->line, chain->interface,
			       slot_hook_noun(chain->hook), other->interface);
}
