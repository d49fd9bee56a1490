/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules of the classifier flower: flows that are told apart, and acted upon, before a
 * program sees their packets; by the device itself where it can.
 *
 * A rule says whose it is: its first action has a cookie (TCA_ACT_COOKIE) of 16 bytes, its
 * owner and its id. What others put in the same place is told apart by that, and left alone.
 *
 * All of it works in the netns that this thread is in, and needs CAP_NET_ADMIN there. Any thread
 * may call any of it. Rests on cls_flower, and act_skbedit, act_pedit, act_csum and act_mirred as
 * rules ask for them, with cookies (Linux 4.12); a kernel without them answers -ENOENT and says so.
 * The kernel itself finds the port of SLOT_FLOWER_READDRESS on ingress from Linux 6.3 on, and 6.1 in
 * its later versions, and makes no checksums anew of what is still to be divided (GSO): that is for
 * devices to do.
 */
#ifndef SLOT_FLOWER_H
#define SLOT_FLOWER_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/base/answer.h"
#include "loader/lib/config/config.h"

/*
 * Where rules are. A pref takes rules of one protocol only: those of IPv4 have @pref, those
 * of IPv6 the next one.
 */
struct slot_flower_place {
	unsigned int ifindex;
	enum slot_hook hook; /* SLOT_HOOK_TC_INGRESS or SLOT_HOOK_TC_EGRESS */
	__u32 chain; /* of the kernel's filters; those but 0 are reached from other filters only */
	__u16 pref;  /* from 1; lower ones first */
};

enum slot_flower_mode {
	SLOT_FLOWER_BOTH,    /* by the device where it can, and by the kernel */
	SLOT_FLOWER_SKIP_HW, /* by the kernel alone */
	SLOT_FLOWER_SKIP_SW, /* by the device, or not at all: -EOPNOTSUPP where it cannot */
	SLOT_FLOWER_MODE_COUNT,
};

/* One end of a flow, network byte order; 0 is any. IPv4 in the first word. */
struct slot_flower_end {
	__be32 address[4];
	__be16 port;
};

struct slot_flower_match {
	__u8 family; /* AF_INET or AF_INET6 */
	__u8 proto;  /* IPPROTO_TCP or IPPROTO_UDP */
	/*
	 * no fragments, not even first ones: without it a rule for any port has those of its
	 * addresses
	 */
	bool no_fragments;
	bool no_ends; /* IPPROTO_TCP: nothing with SYN, FIN or RST */
	struct slot_flower_end source;
	struct slot_flower_end destination;
};

enum slot_flower_action_kind {
	SLOT_FLOWER_MARK,      /* act_skbedit: the packet's mark */
	SLOT_FLOWER_READDRESS, /* act_pedit, act_csum: another destination, checksums made anew */
	SLOT_FLOWER_REDIRECT,  /* act_mirred: out of another device, or the same; the last one */
	SLOT_FLOWER_ACTION_COUNT,
};

/* Of the match's family and protocol. */
struct slot_flower_address {
	__u8 next_hop_mac[6]; /* destination */
	__u8 own_mac[6];      /* source */
	struct slot_flower_end end;
};

/* What is not of its kind is 0. */
struct slot_flower_action {
	enum slot_flower_action_kind kind;
	__u32 mark;
	__u32 ifindex;
	struct slot_flower_address address;
};

/* Room for what readdresses and redirects a packet beside marking it; of each kind one at most. */
#define SLOT_FLOWER_ACTIONS_MAX 4

struct slot_flower_rule {
	struct slot_flower_match match;
	struct slot_flower_action actions[SLOT_FLOWER_ACTIONS_MAX];
	size_t action_count; /* from 1 */
	enum slot_flower_mode mode;
	__u32 handle; /* from 1, the only one of the place and family: it is found by that again */
	__u64 owner;  /* the same for all of a program's rules, and no other's */
	__u64 id;     /* for the owner */
};

/* A rule as the kernel has it. */
struct slot_flower_seen {
	/* of somebody else's (another @owner) what can be said so: what cannot is 0 */
	struct slot_flower_rule rule;
	__u64 packets; /* that it was carried out on, by kernel and device */
	__u64 bytes;
	__u64 hw_packets; /* of these by the device */
	__u64 hw_bytes;
	__u64 idle_ms; /* since the last of them; before the first since it was added */
	bool is_in_hw; /* the device carries it out */
};

/*
 * slot_flower_add - add @count rules to @place, whose qdisc is there, several by one
 * message. Each is taken or refused alone: @ret_answers says with which error and words,
 * -EEXIST for a handle or a match that is there, -EOPNOTSUPP for SLOT_FLOWER_SKIP_SW on
 * a device that does not take it, -ENODEV, -EINVAL, -ENOBUFS where it may have been taken
 * (the kernel's answer was lost). Where one of @rules is none, none is sent: -EINVAL.
 * Packets that a rule was carried out on go on to the filters behind it, unless they were
 * redirected. Returns 0 where
 * all were taken, or the error of the first that was not.
 */
int slot_flower_add(const struct slot_flower_place *place,
		    const struct slot_flower_rule *const *rules, size_t count,
		    struct slot_answer *ret_answers);

/*
 * slot_flower_is_match, slot_flower_is_rule - whether they are the same; of rules all counts
 * but what carries them out (@mode).
 */
bool slot_flower_is_match(const struct slot_flower_match *a, const struct slot_flower_match *b);
bool slot_flower_is_rule(const struct slot_flower_rule *a, const struct slot_flower_rule *b);

/*
 * slot_flower_find - ask for @count rules: -ENOENT for one that is not there as it is given,
 * whatever else has its handle. Otherwise as slot_flower_add.
 */
int slot_flower_find(const struct slot_flower_place *place,
		     const struct slot_flower_rule *const *rules, size_t count,
		     struct slot_answer *ret_answers);

/*
 * slot_flower_del - take off @count rules that are found so; others are answered as there. The
 * kernel removes by handle: what somebody puts there between both calls goes.
 */
int slot_flower_del(const struct slot_flower_place *place,
		    const struct slot_flower_rule *const *rules, size_t count,
		    struct slot_answer *ret_answers);

/* Takes one rule, which is gone after the call. Not 0 ends the list. */
typedef int slot_flower_see(const struct slot_flower_seen *seen, void *data);

/*
 * slot_flower_list - show @see the rules of @place, of both families and of all owners,
 * with @data; @see may add and take off rules there. A list that changes while it is read is read
 * again (-EINTR: eight times in vain); where the kernel does not say so, rules may be missing, or
 * there twice. The device's counts are as old as its driver has them (seconds). Returns 0, also
 * without the qdisc or the device, what @see returned, or -errno.
 */
int slot_flower_list(const struct slot_flower_place *place, slot_flower_see *see, void *data);

/* Rules to be taken off. Zeroed: none. slot_flower_rules_free. */
struct slot_flower_rules {
	struct slot_flower_rule *items;
	size_t count, room;
};

void slot_flower_rules_free(struct slot_flower_rules *rules);

/* slot_flower_rules_add - a copy of @rule. Returns 0 or -ENOMEM. */
int slot_flower_rules_add(struct slot_flower_rules *rules, const struct slot_flower_rule *rule);

/*
 * slot_flower_rules_del - take off @rules, which stay as a list. @ret_count of them are gone, by
 * whose hand ever. Returns 0 or the error of one that is not, which @ret_stuck has in words.
 */
int slot_flower_rules_del(const struct slot_flower_place *place,
			  const struct slot_flower_rules *rules, size_t *ret_count,
			  struct slot_answer *ret_stuck);

/*
 * slot_flower_flush - take off all rules of @place that are @owner's. Returns 0 or -errno;
 * @ret_count of them are gone in either case.
 */
int slot_flower_flush(const struct slot_flower_place *place, __u64 owner, size_t *ret_count);

/*
 * slot_flower_open - see to it that @place has a qdisc for rules: a clsact is added
 * where the device has neither that nor, for ingress, an ingress. It stays, for the next one and
 * whoever else has filters on it by then; it costs packets nothing worth speaking of. Returns 0,
 * -EBUSY where a qdisc ingress is in the way of egress, or -errno.
 */
int slot_flower_open(const struct slot_flower_place *place);

#endif
