/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * slots.conf: who may use which slot of which chain, and on what terms.
 *
 *	chain "eth0" {
 *		hook = "xdp"
 *		slot 2 {
 *			name = "firewall"
 *			owner = "netsec"
 *			object = "/usr/lib/slotd/firewall.bpf.o"
 *		}
 *	}
 */
#ifndef SLOT_CONFIG_H
#define SLOT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <net/if.h>

#include "dispatcher/root.h"
#include "loader/lib/base/reason.h"
#include "loader/lib/config/limits.h"

#define SLOT_NAME_MAX 32     /* of a reservation or a program, with its NUL */
#define SLOT_FUNCTION_MAX 64 /* of an object, with its NUL */
#define SLOT_OWNER_MAX 64    /* user, or @group, with its NUL */
#define SLOT_NETNS_DIR "/run/netns"
#define SLOT_NETNS_PATH_MAX 256
#define SLOT_NETNS_NAME_MAX 48 /* with its NUL */
#define SLOT_CGROUP_DIR "/sys/fs/cgroup"
#define SLOT_CGROUP_PATH_MAX 256
#define SLOT_HOOK_NAME_MAX 16 /* with its NUL */
#define SLOT_CHAIN_NAME_MAX (SLOT_NETNS_NAME_MAX + IFNAMSIZ + SLOT_HOOK_NAME_MAX)
#define SLOT_CONFIG_CHAINS_MAX 256
#define SLOT_CONFIG_SIZE_MAX (1U << 20)

enum slot_hook {
	SLOT_HOOK_XDP,
	SLOT_HOOK_TC_INGRESS,
	SLOT_HOOK_TC_EGRESS,
	SLOT_HOOK_SOCK_OPS,
	SLOT_HOOK_SK_LOOKUP,
	SLOT_HOOK_SK_REUSEPORT,
	SLOT_HOOK_COUNT,
};

/* How the program is attached: native where the driver can, unless told. */
enum slot_attach_mode {
	SLOT_ATTACH_AUTO,
	SLOT_ATTACH_NATIVE,
	SLOT_ATTACH_GENERIC,
	SLOT_ATTACH_COUNT,
};

/* Where a chain of TC programs comes among what others attach to its hook. */
enum slot_tc_order {
	SLOT_TC_LAST,
	SLOT_TC_FIRST,
	SLOT_TC_ORDER_COUNT,
};

enum slot_engine_choice {
	SLOT_ENGINE_AUTO,
	SLOT_ENGINE_FREPLACE,
	SLOT_ENGINE_FUSED,
	SLOT_ENGINE_COUNT,
};

/* A load-time setting of a program, free-form: the program's own config field and its value. */
struct slot_setting {
	char *key;
	char *value;
};

struct slot_settings {
	struct slot_setting *items;
	size_t count;
};

/* Where slots.conf names a verdict, and by which key. */
struct slot_verdict_use {
	unsigned int line; /* 0: nowhere */
	const char *key;
	const char *verdict;
};

struct slot_reservation {
	bool present;
	unsigned int line; /* of `slot N {` */
	char name[SLOT_NAME_MAX];
	char owner[SLOT_OWNER_MAX];
	char *object;  /* path, NULL: nothing until someone deploys */
	char *program; /* function to run where the object has several, or NULL */
	struct root_rules rules;
	struct slot_verdict_use packet_verdict; /* the first that programs for sockets do not have */
	struct slot_limits limits;
	bool has_continue_on; /* given; else the object may say, or it is pass */
	bool enabled;
	struct slot_settings settings;
};

/* Where the interface of a chain is to be looked for, or what a chain of sockets belongs to. */
struct slot_place {
	char interface[IFNAMSIZ];	   /* of a chain of sockets its title */
	char netns[SLOT_NETNS_PATH_MAX];   /* path; empty: the caller's own */
	char master[IFNAMSIZ];		   /* the interface whose port it has to be; empty: none */
	char cgroup[SLOT_CGROUP_PATH_MAX]; /* path, of sock_ops alone; else empty */
};

struct slot_chain_config {
	char interface[SLOT_CHAIN_NAME_MAX]; /* as the chain is called: see slot_chain_name_format */
	struct slot_place place;
	unsigned int line;
	bool has_members; /* stands for one chain on each port of the interface */
	enum slot_hook hook;
	enum slot_attach_mode mode;
	enum slot_tc_order order;
	enum slot_engine_choice engine;
	bool counters;
	struct slot_reservation slots[ROOT_SLOTS];
};

struct slot_config {
	struct slot_chain_config *chains;
	size_t count;
	/* sections with `members = true`: no chains, see slot_config_add_member */
	struct slot_chain_config *masters;
	size_t master_count;
};

/*
 * What the parser asks about the world; NULL members are not asked. The parser
 * itself makes no system call. Each returns whether the thing exists.
 */
struct slot_config_world {
	/* not asked of one in another netns or with members: those may come any time */
	bool (*has_interface)(const char *name, void *data);
	bool (*has_owner)(const char *owner, void *data); /* "user" or "@group" */
	bool (*has_object)(const char *path, void *data);
	void *data;
};

/*
 * slot_config_parse - parse and judge the whole text of slots.conf.
 *
 * @file is only named in messages. An object path with a slash that is not
 * absolute is taken as relative to the folder of @file; an object named without
 * a slash is left as it is, for the caller to look up in its object folder. All
 * errors are added to @errors, one line each, "file:line: key: value: what would
 * be accepted", in the order of their lines. @ret_config (slot_config_free) is
 * set only when there are none. Returns 0, -EINVAL when there were errors,
 * -E2BIG for a text over SLOT_CONFIG_SIZE_MAX, -ENOMEM.
 * Not for two threads at once: libconfuse's lexer is global.
 */
int slot_config_parse(const char *file, const char *text, size_t len,
		      const struct slot_config_world *world, struct slot_reasons *errors,
		      struct slot_config *ret_config);
void slot_config_free(struct slot_config *config);

/*
 * slot_config_find - the chain called @interface ("eth0", "blue:eth0" in the
 * netns blue), or NULL; owned by @config.
 */
const struct slot_chain_config *slot_config_find(const struct slot_config *config,
						 const char *interface);

/* slot_config_find_master - the section with members called @interface, or NULL; owned by @config. */
const struct slot_chain_config *slot_config_find_master(const struct slot_config *config,
							const char *interface);

/*
 * slot_config_list_titled - the names of the chains of sockets that have @title ("web", "blue:host"
 * in the netns blue), into @ret_names, owned by @config. Returns how many, one for each hook at
 * most. An interface's name is that of its chain at hook xdp, and no title.
 */
size_t slot_config_list_titled(const struct slot_config *config, const char *title,
			       const char *ret_names[SLOT_HOOK_COUNT]);

/*
 * slot_config_add_member - a chain for the port @port of @master, a section of
 * @config, with its reservations. A port that has a chain already keeps that
 * one. Returns 0, -E2BIG or -ENOMEM.
 */
int slot_config_add_member(struct slot_config *config, const struct slot_chain_config *master,
			   const char *port);

/* slot_config_del - remove chain number @index of @config. */
void slot_config_del(struct slot_config *config, size_t index);

/*
 * slot_chain_name_format - what the chain at @hook of @interface in the netns at
 * @netns is called, into @ret_name (SLOT_CHAIN_NAME_MAX bytes): "eth0",
 * "blue:eth0", "eth0:tc-egress", "blue:eth0:tc-egress". Of a chain of sockets @interface
 * is its title: "web:sock_ops", "blue:host:sk_lookup".
 */
void slot_chain_name_format(enum slot_hook hook, const char *netns, const char *interface,
			    char *ret_name);

/* slot_chain_name_hook - of the chain called @name. */
enum slot_hook slot_chain_name_hook(const char *name);

/*
 * slot_lender_split - whom @maps_of of a chain at @own names: "lb", a reservation of the same
 * chain, or "xdp:handoff", one of the same interface's chain at another hook. Returns the
 * reservation's name, in @maps_of, or NULL where that is no such hook.
 */
const char *slot_lender_split(const char *maps_of, enum slot_hook own, enum slot_hook *ret_hook);

/* slot_chain_name_has_netns - whether the chain called @name is in another netns than slotd. */
bool slot_chain_name_has_netns(const char *name);

/* slot_hook_name - "xdp", "tc-ingress", "tc-egress", "sock_ops", "sk_lookup", "sk_reuseport". */
const char *slot_hook_name(enum slot_hook hook);

/* slot_hook_is_tc - whether programs of @hook are TC programs. */
bool slot_hook_is_tc(enum slot_hook hook);

/* slot_hook_is_sock - whether programs of @hook run for sockets: such a chain has no interface. */
bool slot_hook_is_sock(enum slot_hook hook);

/* slot_hook_noun - what a chain of @hook belongs to: "interface", "cgroup", "network namespace". */
const char *slot_hook_noun(enum slot_hook hook);

/* slot_hook_kind - what the programs of @hook are to a root. */
enum root_kind slot_hook_kind(enum slot_hook hook);

void slot_settings_free(struct slot_settings *settings);
/* slot_settings_add - append a copy of @key and @value. Returns 0 or -ENOMEM. */
int slot_settings_add(struct slot_settings *settings, const char *key, const char *value);
/* slot_settings_get - the value of @key, or NULL; owned by @settings. */
const char *slot_settings_get(const struct slot_settings *settings, const char *key);
/* slot_settings_copy - a deep copy (slot_settings_free). Returns 0 or -ENOMEM. */
int slot_settings_copy(const struct slot_settings *from, struct slot_settings *ret_to);
/* slot_settings_is_equal - the same keys with the same values, in any order. */
bool slot_settings_is_equal(const struct slot_settings *a, const struct slot_settings *b);

#endif
