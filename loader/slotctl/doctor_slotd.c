/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotctl/doctor_slotd.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dispatcher/root_abi.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/process.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/cmd_program.h"

/* One slot while its program is asked. */
struct asked {
	struct slot_picture *picture;
	const json_t *settings;
	const char *program;
	size_t chain;
};

static const char *get_setting(const struct program_claims *claims, const char *name)
{
	const struct asked *asked = claims->data;

	return json_string_value(json_object_get(asked->settings, name));
}

static int add_claim(const struct program_claims *claims, const struct program_claim *claim)
{
	static const enum slot_claim_kind kinds[] = {
		[PROGRAM_CLAIM_VIP] = SLOT_CLAIM_VIP,
		[PROGRAM_CLAIM_REAL] = SLOT_CLAIM_REAL,
		[PROGRAM_CLAIM_TUNNEL] = SLOT_CLAIM_TUNNEL,
		[PROGRAM_CLAIM_REDIRECT] = SLOT_CLAIM_REDIRECT,
		[PROGRAM_CLAIM_LED] = SLOT_CLAIM_LED,
		[PROGRAM_CLAIM_SHARED] = SLOT_CLAIM_SHARED,
		[PROGRAM_CLAIM_ORPHANS] = SLOT_CLAIM_ORPHANS,
		[PROGRAM_CLAIM_SOCKET] = SLOT_CLAIM_SOCKET,
		[PROGRAM_CLAIM_MUTE] = SLOT_CLAIM_MUTE,
	};
	const struct asked *asked = claims->data;
	struct slot_picture_claim copy = {
		.kind = kinds[claim->kind],
		.chain = asked->chain,
		.addr = slot_addr_make(claim->is_ip6, claim->addr),
		.len = claim->len,
		.proto = claim->proto,
		.port = claim->port,
		.is_local = claim->is_local,
		.overhead = claim->overhead,
		.mtu = claim->mtu,
		.ifindex = claim->ifindex,
		.is_peer = claim->is_peer,
		.last_port = claim->last_port,
		.is_refused = claim->is_refused,
		.sockets = claim->sockets,
		.connections = claim->connections,
		.instance = claim->instance,
		.cookie = claim->cookie,
	};

	snprintf(copy.program, sizeof(copy.program), "%s", asked->program);
	return slot_picture_add(&asked->picture->claims, &asked->picture->claim_count, &copy);
}

/* What slotd says of the settings to this user; NULL where it does not. */
static json_t *get_settings(struct slot_ctl *ctl, const json_t *slot)
{
	struct slot_request request = { .method = "GET" };
	json_auto_t *answer = NULL;
	char noun[32];

	snprintf(noun, sizeof(noun), "slots/%u", (unsigned int)slot_answer_number(slot, "slot"));
	if (slot_ctl_call(ctl, &request, noun, &answer))
		return NULL;
	return json_incref(json_object_get(answer, "settings"));
}

static int ask_program(struct slot_ctl *ctl, const json_t *slot, struct asked *asked)
{
	const struct program_cli *cli = slot_cli_find(slot_answer_text(slot, "program"));
	struct program_claims claims = { .setting = get_setting, .add = add_claim, .data = asked };
	json_auto_t *settings = NULL;
	struct slot_reason why = { 0 };
	int err;

	claims.map_dir = json_string_value(json_object_get(slot, "map_dir"));
	if (!cli || !cli->claim || !claims.map_dir || !slot_answer_is_true(slot, "running"))
		return 0;
	settings = get_settings(ctl, slot);
	asked->settings = settings;
	asked->program = cli->name;
	err = cli->claim(&claims, &why);
	if (!err || err == -ENOMEM)
		return err;
	return slot_reasons_add(&asked->picture->unseen, "what %s claims on '%s': %s", cli->name,
				ctl->chain, why.text);
}

static int ask_programs(struct slot_ctl *ctl, size_t chain, struct slot_picture *picture)
{
	struct asked asked = { .picture = picture, .chain = chain };
	json_auto_t *answer = NULL;
	const json_t *slot;
	size_t i;
	int err;

	ctl->chain = picture->chains[chain].name;
	err = slot_ctl_get(ctl, "slots", &answer);
	if (err)
		return slot_reasons_add(&picture->unseen, "slots of '%s': %s", ctl->chain,
					ctl->failure.why.text);
	json_array_foreach(json_object_get(answer, "slots"), i, slot) {
		err = ask_program(ctl, slot, &asked);
		if (err)
			return err;
	}
	return 0;
}

/* In a container with processes of its own slotd's number is another one's, if anybody's. */
static bool is_slotd(json_int_t pid)
{
	char name[SLOT_PROCESS_NAME_MAX];
	char number[24];

	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, pid);
	slot_process_name(number, name);
	return !strncmp(name, "slotd", strlen("slotd"));
}

/* slotd's own netns, or the one that the chain names. */
static size_t find_netns(const struct slot_netns_list *list, const json_t *chain, json_int_t pid)
{
	const char *path = json_string_value(json_object_get(chain, "netns"));
	_cleanup_close_ int fd = -1;
	char own[64];
	struct stat st;

	snprintf(own, sizeof(own), "/proc/%" JSON_INTEGER_FORMAT "/ns/net", pid);
	if (!path && !is_slotd(pid))
		return SLOT_PICTURE_NOWHERE;
	fd = slot_netns_open(path ? path : own, (__u64)slot_answer_number(chain, "netns_cookie"));
	if (fd < 0 || fstat(fd, &st))
		return SLOT_PICTURE_NOWHERE;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].dev == st.st_dev && list->items[i].ino == st.st_ino)
			return i;
	return SLOT_PICTURE_NOWHERE;
}

static int add_chain(const struct slot_netns_list *list, const json_t *chain, json_int_t pid,
		     struct slot_picture *picture)
{
	const char *cgroup = json_string_value(json_object_get(chain, "cgroup"));
	const char *refused = json_string_value(json_object_get(chain, "refused"));
	struct slot_picture_chain copy = {
		.netns = find_netns(list, chain, pid),
		.ifindex = (unsigned int)slot_answer_number(chain, "ifindex"),
		.is_waiting = json_object_get(chain, "waits_for") != NULL,
		.is_attached = slot_answer_is_true(chain, "attached"),
		.is_generic = !strcmp(slot_answer_text(chain, "mode"), "generic"),
	};

	snprintf(copy.name, sizeof(copy.name), "%s", slot_answer_text(chain, "interface"));
	if (refused)
		snprintf(copy.refused, sizeof(copy.refused), "%s", refused);
	if (cgroup)
		snprintf(copy.cgroup, sizeof(copy.cgroup), "%s", cgroup);
	while (copy.hook + 1 < SLOT_HOOK_COUNT &&
	       strcmp(slot_hook_name(copy.hook), slot_answer_text(chain, "hook")) != 0)
		copy.hook++;
	return slot_picture_add(&picture->chains, &picture->chain_count, &copy);
}

int slot_doctor_ask(struct slot_ctl *ctl, const struct slot_netns_list *list,
		    struct slot_picture *picture)
{
	const struct slot_request request = { .method = "GET", .path = "/v1/status" };
	json_auto_t *status = NULL;
	const json_t *chain;
	size_t i;
	int err = slot_ctl_send(ctl, &request, &status);

	if (err)
		return slot_reasons_add(&picture->unseen, "chains and what they claim: %s",
					ctl->failure.why.text);
	json_array_foreach(json_object_get(status, "chains"), i, chain) {
		err = add_chain(list, chain, slot_answer_number(status, "pid"), picture);
		if (err)
			return err;
	}
	for (i = 0; !err && i < picture->chain_count; i++)
		err = ask_programs(ctl, i, picture);
	ctl->chain = NULL;
	return err;
}

/*
 * In containers eth0 often has the same number, so an XDP chain's has to run a program, too.
 */
static bool is_interface(const struct slot_picture_chain *chain,
			 const struct slot_picture_link *link)
{
	size_t len = link ? strlen(link->name) : 0;

	return len && !slot_chain_name_has_netns(chain->name) &&
	       !strncmp(chain->name, link->name, len) &&
	       (!chain->name[len] || chain->name[len] == ':') &&
	       (slot_hook_is_tc(chain->hook) || !chain->is_attached || link->has_xdp);
}

static void mark_roots(struct slot_picture_netns *netns)
{
	for (size_t i = 0; i < netns->lookup_count; i++)
		netns->lookups[i].is_slotd = !strcmp(netns->lookups[i].name, ROOT_PROG_NAME);
}

void slot_doctor_place(struct slot_picture *picture)
{
	for (size_t i = 0; i < picture->netns_count; i++)
		mark_roots(&picture->netns[i]);
	for (size_t i = 0; i < picture->chain_count; i++) {
		struct slot_picture_chain *chain = &picture->chains[i];

		if (chain->netns != SLOT_PICTURE_NOWHERE || !chain->ifindex)
			continue;
		if (is_interface(chain, slot_picture_link_find(&picture->netns[0], chain->ifindex)))
			chain->netns = 0;
		else
			slot_reasons_add(
				&picture->unseen,
				"the interface of '%s': its network namespace was not seen",
				chain->name);
	}
}
