/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotctl/program_slot.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/config.h"
#include "loader/lib/host/netns.h"
#include "loader/slotctl/answer.h"

static struct slot_cli_slot *get_slot(const struct program_slot *slot)
{
	return (struct slot_cli_slot *)((char *)slot - offsetof(struct slot_cli_slot, slot));
}

/* Settings may be secrets, which slotd shows to some: NULL. */
static json_t *ask_settings(struct slot_cli_slot *slot, json_int_t number)
{
	struct slot_request request = { .method = "GET", .timeout_ms = slot->timeout_ms };
	const char *chosen = slot->ctl->chain;
	json_auto_t *answer = NULL;
	json_t *settings = NULL;
	char noun[32];

	snprintf(noun, sizeof(noun), "slots/%u", (unsigned int)number);
	/* One of several ports may be meant. */
	slot->ctl->chain = slot_answer_text(slot->chain, "interface");
	if (!slot_ctl_call(slot->ctl, &request, noun, &answer))
		settings = json_incref(json_object_get(answer, "settings"));
	slot->ctl->chain = chosen;
	return settings;
}

static int get_setting(const struct program_slot *base, const char *name, const char **ret_value)
{
	struct slot_cli_slot *slot = get_slot(base);

	if (!slot->settings)
		slot->settings = ask_settings(slot, slot->number);
	if (!slot->settings)
		return -EACCES;
	*ret_value = json_string_value(json_object_get(slot->settings, name));
	return 0;
}

static int get_setting_of(const struct program_slot *base, const char *beside, const char *name,
			  const char **ret_value)
{
	struct slot_cli_slot *slot = get_slot(base);
	const json_t *other;
	size_t i;

	json_array_foreach(json_object_get(slot->chain, "slots"), i, other) {
		if (strcmp(slot_answer_text(other, "name"), beside) != 0)
			continue;
		json_decref(slot->beside);
		slot->beside = ask_settings(slot, slot_answer_number(other, "slot"));
		if (!slot->beside)
			return -EACCES;
		*ret_value = json_string_value(json_object_get(slot->beside, name));
		return 0;
	}
	return -ENOENT;
}

static void forget_settings(const struct program_slot *base, unsigned int timeout_ms)
{
	get_slot(base)->timeout_ms = timeout_ms;
	slot_cli_slot_free(get_slot(base));
}

/* Of the chain: "eth0" of "blue:eth0:tc-egress". */
static void get_interface(const json_t *chain, char ret_name[IFNAMSIZ])
{
	const char *name = slot_answer_text(chain, "interface");

	if (slot_chain_name_has_netns(name))
		name = strchr(name, ':') + 1;
	snprintf(ret_name, IFNAMSIZ, "%.*s", (int)strcspn(name, ":"), name);
}

static int name_interface(const struct program_slot *base, char *ret_name)
{
	const json_t *chain = get_slot(base)->chain;
	__u64 here = 0;
	int err = slot_netns_cookie(&here);

	if (err)
		return err;
	if (here != (__u64)slot_answer_number(chain, "netns_cookie"))
		return -EXDEV;
	get_interface(chain, ret_name);
	return 0;
}

/* Whether this process is where the chain is; of a chain elsewhere it goes there for a while. */
static int look_up(const json_t *chain, const char *name, __u32 *ret_ifindex)
{
	_cleanup_(slot_netns_leave) int home = -1;
	const char *netns = json_string_value(json_object_get(chain, "netns"));
	__u64 cookie = (__u64)slot_answer_number(chain, "netns_cookie");
	__u64 here = 0;
	int err = slot_netns_enter(netns ? netns : "", cookie, &home);

	if (!err)
		err = slot_netns_cookie(&here);
	if (err)
		return err;
	if (here != cookie)
		return -EXDEV;
	*ret_ifindex = if_nametoindex(name);
	return *ret_ifindex ? 0 : -ENODEV;
}

static int find_other(const json_t *chain, const char *own, const char *name,
		      struct slot_reason *why, __u32 *ret_ifindex)
{
	__u32 ifindex;
	int err = look_up(chain, name, &ifindex);

	if (err == -ENODEV)
		return slot_reason_set(why, err, "no such interface is where chain '%s' is",
				       slot_answer_text(chain, "interface"));
	if (err)
		return slot_reason_set(
			why, err,
			"chain '%s' is in another network namespace, and '%s' is the only "
			"interface of it that can be known from here: root can look up others",
			slot_answer_text(chain, "interface"), own);
	if (ifindex == slot_answer_number(chain, "peer_ifindex"))
		return slot_reason_set(why, -ENOTUNIQ,
				       "its number, %u, is also that of the other end of '%s' in "
				       "its network namespace, and packets tell no more",
				       ifindex, own);
	*ret_ifindex = ifindex;
	return 0;
}

/* On the primary of a netkit pair packets have the number of the other end. */
static int find_interface(const struct program_slot *base, const char *name,
			  struct slot_reason *why, __u32 *ret_ifindex)
{
	const json_t *chain = get_slot(base)->chain;
	json_int_t peer = slot_answer_number(chain, "peer_ifindex");
	json_int_t ifindex = peer ? peer : slot_answer_number(chain, "ifindex");
	char own[IFNAMSIZ];

	get_interface(chain, own);
	if (strcmp(name, own) != 0 || !ifindex)
		return find_other(chain, own, name, why, ret_ifindex);
	*ret_ifindex = (__u32)ifindex;
	return 0;
}

struct slot_cli_slot slot_cli_slot_make(struct slot_ctl *ctl, const json_t *chain,
					json_int_t number)
{
	return (struct slot_cli_slot){
		.slot = { .setting = get_setting,
			  .setting_of = get_setting_of,
			  .forget = forget_settings,
			  .find_interface = find_interface,
			  .interface = name_interface },
		.ctl = ctl,
		.chain = chain,
		.number = number,
	};
}

void slot_cli_slot_free(struct slot_cli_slot *slot)
{
	json_decref(slot->settings);
	json_decref(slot->beside);
	slot->settings = slot->beside = NULL;
}
