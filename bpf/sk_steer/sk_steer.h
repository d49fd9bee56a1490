/* SPDX-License-Identifier: GPL-2.0-only */
/* sk_steer's rules, groups and sockets in the pinned maps of its slot, and the words for them. */
#ifndef SK_STEER_H
#define SK_STEER_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/count_abi.h"
#include "bpf/sk_steer/sk_steer_abi.h"
#include "loader/lib/base/endpoint.h"
#include "loader/lib/base/reason.h"

/* --- maps ------------------------------------------------------------------------------------ */

/* The open maps of a slot; -1 where not. */
struct sk_steer_maps {
	int control, rules, prefixes, spans, groups, sockets, hits;
};

#define SK_STEER_MAPS_CLOSED { -1, -1, -1, -1, -1, -1, -1 }

/* sk_steer_open - the maps pinned in @map_dir; all or none. Returns 0 or -errno, and says why. */
int sk_steer_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		  struct sk_steer_maps *ret_maps);
void sk_steer_close(struct sk_steer_maps *maps);

/* --- rules ----------------------------------------------------------------------------------- */

/* By number; family 0 where there is none. About 28 KiB. */
struct sk_steer_rules {
	struct sk_steer_rule rules[SK_STEER_RULES_MAX];
};

/* sk_steer_rules_get - those that are active. Returns 0 or -errno, and says why. */
int sk_steer_rules_get(const struct sk_steer_maps *maps, struct slot_reason *why,
		       struct sk_steer_rules *ret_rules);

/*
 * sk_steer_rules_set - make @rules active, all of them at one blow, and wait until no lookup
 * follows others. The caller holds program_maps_lock(). Returns 0, -E2BIG where they overlap in
 * more ways than fit, or -errno; says why.
 */
int sk_steer_rules_set(const struct sk_steer_maps *maps, const struct sk_steer_rules *rules,
		       struct slot_reason *why);

/* sk_steer_hits_clear - a new rule counts from 0. Returns 0 or -errno, and says why. */
int sk_steer_hits_clear(const struct sk_steer_maps *maps, __u32 number, struct slot_reason *why);

/* sk_steer_rule_is_same - whether both are about the same prefix, protocol and ports. */
bool sk_steer_rule_is_same(const struct sk_steer_rule *a, const struct sk_steer_rule *b);

/*
 * sk_steer_rule_compare - the order in which rules are listed, and of two that apply to a
 * port, in the same family and protocol, which decides: the longer prefix, then the narrower
 * range, then the lower one. Below 0: @a comes first.
 */
int sk_steer_rule_compare(const struct sk_steer_rule *a, const struct sk_steer_rule *b);

/* sk_steer_rule_has_addr - whether @addr, of @rule's family, is in its prefix. */
bool sk_steer_rule_has_addr(const struct sk_steer_rule *rule, const __u8 addr[16]);

/* What the program goes by, for one bank. */
struct sk_steer_plan {
	struct {
		struct sk_steer_prefix prefix; /* bank 0 */
		struct sk_steer_spans spans;   /* first: within the bank */
	} prefixes[SK_STEER_RULES_MAX];
	struct sk_steer_span spans[SK_STEER_SPANS_MAX];
	__u32 prefix_count, span_count;
};

/*
 * sk_steer_compile - what follows from @rules. Makes no system call. Returns 0, -ENOMEM, or
 * -E2BIG: more than SK_STEER_SPANS_MAX; then @ret_plan is of no use.
 */
int sk_steer_compile(const struct sk_steer_rules *rules, struct sk_steer_plan *ret_plan);

/* --- groups and sockets ---------------------------------------------------------------------- */

struct sk_steer_groups {
	struct sk_steer_group groups[SK_STEER_GROUPS_MAX];
};

/* sk_steer_groups_get - all of them. Returns 0 or -errno, and says why. */
int sk_steer_groups_get(const struct sk_steer_maps *maps, struct slot_reason *why,
			struct sk_steer_groups *ret_groups);

/*
 * sk_steer_group_find - the number of the group @name. Returns 0, or -ENOENT and says so.
 */
int sk_steer_group_find(const struct sk_steer_groups *groups, const char *name,
			struct slot_reason *why, __u32 *ret_group);

/* The maps while a command changes them: nobody else does. */
struct sk_steer_change {
	struct sk_steer_maps maps;
	struct sk_steer_rules *rules;  /* that are active */
	struct sk_steer_rules *wanted; /* that are to be: at first the same */
	int lock;
	bool is_taken[SK_STEER_GROUPS_MAX]; /* by sk_steer_group_take(), since the beginning */
};

#define SK_STEER_CHANGE_NONE                                                                       \
	{                                                                                          \
		SK_STEER_MAPS_CLOSED, NULL, NULL, -1,                                              \
		{                                                                                  \
		}                                                                                  \
	}

/*
 * sk_steer_change_begin - wait for who changes the maps in @map_dir now, and read the rules.
 * Whatever it returns, sk_steer_change_end. Returns 0 or -errno, and says why.
 */
int sk_steer_change_begin(const char *map_dir, struct slot_reason *why,
			  struct sk_steer_change *change);
void sk_steer_change_end(struct sk_steer_change *change);

/*
 * sk_steer_group_take - the number of the group @name; where there is none it takes the place
 * of one that neither a rule nor a socket needs. Returns 0, -ENOSPC, or -errno; says why.
 */
int sk_steer_group_take(struct sk_steer_change *change, const char *name, struct slot_reason *why,
			__u32 *ret_group);

/*
 * sk_steer_groups_give_back - where @change failed and its rules are as before: groups that it took
 * are nobody's again, but for those that got a socket. What cannot be given back stays without
 * harm: it is taken by the next group that needs a place.
 */
void sk_steer_groups_give_back(const struct sk_steer_change *change);

/* sk_steer_cookies_get - SO_COOKIE of the sockets of @group; 0 where a place has none. */
int sk_steer_cookies_get(const struct sk_steer_maps *maps, __u32 group, struct slot_reason *why,
			 __u64 ret_cookies[SK_STEER_PLACES_MAX]);

/*
 * sk_steer_socket_add - put the socket @fd into @group; once more is no error. The caller holds
 * the lock. Returns 0, -ENOSPC, -EOPNOTSUPP for what is no listening TCP and no bound UDP
 * socket, or -errno; says why.
 */
int sk_steer_socket_add(const struct sk_steer_maps *maps, __u32 group, int fd,
			struct slot_reason *why);

/*
 * sk_steer_sockets_set - @group has these sockets alone; each place changes at one blow. Returns
 * 0 or -errno, and says why. A socket that the kernel refuses leaves the group as it was, unless
 * all its places are in use: then says how many were put. The caller holds the lock.
 */
int sk_steer_sockets_set(const struct sk_steer_maps *maps, __u32 group, const int *fds,
			 size_t count, struct slot_reason *why);

/* sk_steer_socket_del - the one with this cookie. Returns 0, -ENOENT, -errno; says why. */
int sk_steer_socket_del(const struct sk_steer_maps *maps, __u32 group, __u64 cookie,
			struct slot_reason *why);

/* A socket as it is named on the command line. */
struct sk_steer_source {
	int pid; /* its descriptor @fd; 0: what is bound to @bound in this process's netns */
	int fd;
	struct slot_endpoint bound;
};

#define SK_STEER_SOURCE_SOCKETS SK_STEER_PLACES_MAX

/*
 * sk_steer_sockets_open - duplicates of the descriptors of other processes that @source names:
 * one, or for an address all that listen there. What may be traced may be duplicated (ptrace(2)).
 * @ret_fds are the caller's to close. Returns 0, -ENOENT, -EPERM, -ENOTSOCK, -errno; says why.
 * Linux 5.6.
 */
int sk_steer_sockets_open(const struct sk_steer_source *source, struct slot_reason *why,
			  int ret_fds[SK_STEER_SOURCE_SOCKETS], size_t *ret_count);

/* One socket that the kernel lists. */
struct sk_steer_listener {
	struct slot_endpoint bound;
	__u64 cookie;
	__u32 inode;
};

/*
 * sk_steer_listeners_get - the TCP sockets that listen, and the UDP sockets that are bound and
 * not connected, of this process's netns. @ret_list is the caller's to free. Returns 0 or -errno.
 */
int sk_steer_listeners_get(struct sk_steer_listener **ret_list, size_t *ret_count);

/* --- words ----------------------------------------------------------------------------------- */

/* A rule as it is said: the group by its name. */
struct sk_steer_line {
	struct sk_steer_rule rule;
	char group[SK_STEER_NAME_MAX];
};

#define SK_STEER_LINE_WORDS 6 /* at most */

/* PREFIX [PROTO PORTS GROUP ...], see README.md. Each returns 0, or -EINVAL and says why. */
int sk_steer_line_parse(int argc, char **argv, struct slot_reason *why,
			struct sk_steer_line *ret_line);
/* The first three of the words alone. */
int sk_steer_match_parse(char **argv, struct slot_reason *why, struct sk_steer_rule *ret_rule);
int sk_steer_group_parse(const char *text, struct slot_reason *why,
			 char ret_name[SK_STEER_NAME_MAX]);
int sk_steer_source_parse(const char *text, struct slot_reason *why,
			  struct sk_steer_source *ret_source);
int sk_steer_cookie_parse(const char *text, struct slot_reason *why, __u64 *ret_cookie);

#define SK_STEER_MATCH_TEXT_MAX 72

/* sk_steer_match_format - "192.0.2.0/24 tcp 80-90", which can be parsed again. */
void sk_steer_match_format(const struct sk_steer_rule *rule,
			   char ret_text[SK_STEER_MATCH_TEXT_MAX]);
const char *sk_steer_proto_name(__u8 proto);

/* Rules of a file. */
struct sk_steer_lines {
	struct sk_steer_line *lines;
	size_t count;
};

/*
 * sk_steer_file_parse - a rule a line, '#' begins a comment. @ret_lines: sk_steer_lines_free.
 * Every wrong line is told, in @errors, after the name @path. Returns 0, -EINVAL or -ENOMEM.
 */
int sk_steer_file_parse(const char *path, const char *text, size_t len, struct slot_reasons *errors,
			struct sk_steer_lines *ret_lines);
void sk_steer_lines_free(struct sk_steer_lines *lines);

#endif
