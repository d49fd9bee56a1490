/* SPDX-License-Identifier: GPL-2.0-only */
/* Groups by name, and the sockets in them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "bpf/sk_steer/sk_steer.h"

static int cannot(const char *what, const char *name, int err, struct slot_reason *why)
{
	return slot_reason_set(why, err, "cannot %s map '%s': %s", what, name, strerror(-err));
}

int sk_steer_groups_get(const struct sk_steer_maps *maps, struct slot_reason *why,
			struct sk_steer_groups *ret_groups)
{
	for (__u32 i = 0; i < SK_STEER_GROUPS_MAX; i++) {
		struct sk_steer_group *group = &ret_groups->groups[i];
		int err = bpf_map_lookup_elem(maps->groups, &i, group);

		if (err)
			return cannot("read", SK_STEER_GROUPS_NAME, err, why);
		/* Whoever owns the map can write anything there. */
		group->name[sizeof(group->name) - 1] = '\0';
		if (group->places > SK_STEER_PLACES_MAX)
			group->places = SK_STEER_PLACES_MAX;
	}
	return 0;
}

static int set_group(const struct sk_steer_maps *maps, __u32 number,
		     const struct sk_steer_group *group, struct slot_reason *why)
{
	int err = bpf_map_update_elem(maps->groups, &number, group, BPF_ANY);

	return err ? cannot("write", SK_STEER_GROUPS_NAME, err, why) : 0;
}

int sk_steer_group_find(const struct sk_steer_groups *groups, const char *name,
			struct slot_reason *why, __u32 *ret_group)
{
	for (__u32 i = 0; i < SK_STEER_GROUPS_MAX; i++) {
		if (!strcmp(groups->groups[i].name, name)) {
			*ret_group = i;
			return 0;
		}
	}
	return slot_reason_set(why, -ENOENT, "no group is called '%s'", name);
}

int sk_steer_cookies_get(const struct sk_steer_maps *maps, __u32 group, struct slot_reason *why,
			 __u64 ret_cookies[SK_STEER_PLACES_MAX])
{
	for (__u32 i = 0; i < SK_STEER_PLACES_MAX; i++) {
		__u32 key = group * SK_STEER_PLACES_MAX + i;
		int err = bpf_map_lookup_elem(maps->sockets, &key, &ret_cookies[i]);

		if (err == -ENOENT)
			ret_cookies[i] = 0;
		else if (err)
			return cannot("read", SK_STEER_SOCKETS_NAME, err, why);
	}
	return 0;
}

static bool has_rule(const struct sk_steer_rules *rules, __u32 group)
{
	for (__u32 i = 0; i < SK_STEER_RULES_MAX; i++)
		if (rules->rules[i].family && rules->rules[i].group == group)
			return true;
	return false;
}

static int has_socket(const struct sk_steer_maps *maps, __u32 group, struct slot_reason *why,
		      bool *ret_has)
{
	__u64 cookies[SK_STEER_PLACES_MAX];
	int err = sk_steer_cookies_get(maps, group, why, cookies);

	*ret_has = false;
	for (size_t i = 0; !err && i < SK_STEER_PLACES_MAX; i++)
		*ret_has = *ret_has || cookies[i];
	return err;
}

int sk_steer_group_take(struct sk_steer_change *change, const char *name, struct slot_reason *why,
			__u32 *ret_group)
{
	const struct sk_steer_maps *maps = &change->maps;
	struct sk_steer_group group = {};
	struct sk_steer_groups groups;
	int err = sk_steer_groups_get(maps, why, &groups);

	if (err || !sk_steer_group_find(&groups, name, NULL, ret_group))
		return err;
	snprintf(group.name, sizeof(group.name), "%s", name);
	for (__u32 i = 0; i < SK_STEER_GROUPS_MAX; i++) {
		bool is_needed = has_rule(change->rules, i) || has_rule(change->wanted, i);

		if (!is_needed && *groups.groups[i].name)
			err = has_socket(maps, i, why, &is_needed);
		if (err)
			return err;
		if (is_needed)
			continue;
		*ret_group = i;
		change->is_taken[i] = true;
		return set_group(maps, i, &group, why);
	}
	return slot_reason_set(why, -ENOSPC, "no room for group '%s': %d are all that fit", name,
			       SK_STEER_GROUPS_MAX);
}

void sk_steer_groups_give_back(const struct sk_steer_change *change)
{
	const struct sk_steer_group none = {};

	for (__u32 i = 0; i < SK_STEER_GROUPS_MAX; i++) {
		bool is_needed = has_rule(change->rules, i);

		if (!change->is_taken[i] || is_needed ||
		    has_socket(&change->maps, i, NULL, &is_needed) || is_needed)
			continue;
		(void)set_group(&change->maps, i, &none, NULL);
	}
}

/* The kernel would take a UDP socket that has no port, too. */
static int check_socket(int fd, struct slot_reason *why)
{
	struct sockaddr_storage addr = {};
	socklen_t addr_len = sizeof(addr), len = sizeof(int);
	int type = 0, is_listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    getsockname(fd, (struct sockaddr *)&addr, &addr_len))
		return slot_reason_set(why, -errno, "it is not a socket");
	if (addr.ss_family != AF_INET && addr.ss_family != AF_INET6)
		return slot_reason_set(why, -EOPNOTSUPP, "it is not a socket of IPv4 or IPv6");
	if (type == SOCK_DGRAM) {
		/* Both families have the port in the same place. */
		__u16 port;

		memcpy(&port, (char *)&addr + sizeof(addr.ss_family), sizeof(port));
		return port ? 0 : slot_reason_set(why, -EOPNOTSUPP, "it is not bound to a port");
	}
	len = sizeof(is_listening);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len);
	return type == SOCK_STREAM && is_listening ?
		       0 :
		       slot_reason_set(why, -EOPNOTSUPP,
				       "it is no listening TCP and no UDP socket");
}

static int put_socket(const struct sk_steer_maps *maps, __u32 group, __u32 place, int fd,
		      struct slot_reason *why)
{
	__u32 key = group * SK_STEER_PLACES_MAX + place;
	__u64 value = (__u64)fd;
	int err = bpf_map_update_elem(maps->sockets, &key, &value, BPF_ANY);

	if (err == -EOPNOTSUPP)
		return slot_reason_set(why, err, "the kernel does not take such a socket");
	if (err == -EBUSY)
		return slot_reason_set(
			why, err,
			"it is in a map of sk_reuseport already, as socket_lb's, and "
			"the kernel keeps a socket in one kind of map only: put in "
			"another one of its SO_REUSEPORT group");
	return err ? cannot("write", SK_STEER_SOCKETS_NAME, err, why) : 0;
}

static int set_places(const struct sk_steer_maps *maps, __u32 number, __u32 places,
		      struct slot_reason *why)
{
	struct sk_steer_group group;
	int err = bpf_map_lookup_elem(maps->groups, &number, &group);

	if (err)
		return cannot("read", SK_STEER_GROUPS_NAME, err, why);
	group.places = places;
	return set_group(maps, number, &group, why);
}

/* Places behind the last socket are left over from sockets that were closed. */
static __u32 count_places(const __u64 cookies[SK_STEER_PLACES_MAX])
{
	__u32 places = SK_STEER_PLACES_MAX;

	while (places && !cookies[places - 1])
		places--;
	return places;
}

int sk_steer_socket_add(const struct sk_steer_maps *maps, __u32 group, int fd,
			struct slot_reason *why)
{
	__u64 cookies[SK_STEER_PLACES_MAX], cookie = 0;
	socklen_t len = sizeof(cookie);
	__u32 place = SK_STEER_PLACES_MAX;
	int err = check_socket(fd, why);

	if (!err && getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len))
		err = slot_reason_set(why, -errno, "it has no cookie: %s", strerror(errno));
	err = err ? err : sk_steer_cookies_get(maps, group, why, cookies);
	if (err)
		return err;
	for (__u32 i = SK_STEER_PLACES_MAX; i-- > 0;) {
		if (cookies[i] == cookie)
			return 0;
		if (!cookies[i])
			place = i;
	}
	if (place == SK_STEER_PLACES_MAX)
		return slot_reason_set(why, -ENOSPC,
				       "the group has %d sockets, which is all that "
				       "fits",
				       SK_STEER_PLACES_MAX);
	err = put_socket(maps, group, place, fd, why);
	cookies[place] = cookie;
	return err ? err : set_places(maps, group, count_places(cookies), why);
}

/* One that is closed at this moment is gone as well. */
static int remove_socket(const struct sk_steer_maps *maps, __u32 group, __u32 place,
			 struct slot_reason *why)
{
	__u32 key = group * SK_STEER_PLACES_MAX + place;
	int err = bpf_map_delete_elem(maps->sockets, &key);

	return err && err != -ENOENT && err != -EINVAL ?
		       cannot("write", SK_STEER_SOCKETS_NAME, err, why) :
		       0;
}

/*
 * try_sockets - what the kernel refuses is met in the group's last place, which no lookup sees
 * unless the group is full: then nothing can be tried.
 */
static int try_sockets(const struct sk_steer_maps *maps, __u32 number, const int *fds, size_t count,
		       struct slot_reason *why)
{
	const __u32 last = SK_STEER_PLACES_MAX - 1;
	struct sk_steer_group group;
	int err = bpf_map_lookup_elem(maps->groups, &number, &group), gone;

	if (err)
		return cannot("read", SK_STEER_GROUPS_NAME, err, why);
	if (group.places > last)
		return 0;
	for (size_t i = 0; !err && i < count; i++)
		err = put_socket(maps, number, last, fds[i], why);
	gone = remove_socket(maps, number, last, err ? NULL : why);
	return err ? err : gone;
}

static int put_sockets(const struct sk_steer_maps *maps, __u32 group, const int *fds, size_t count,
		       struct slot_reason *why)
{
	for (__u32 i = 0; i < count; i++) {
		int err = put_socket(maps, group, i, fds[i], why);

		if (err)
			return i ? slot_reason_prefix(why, err,
						      "the first %u of %zu were put, and the "
						      "sockets behind are as before: ",
						      i, count) :
				   err;
	}
	return 0;
}

int sk_steer_sockets_set(const struct sk_steer_maps *maps, __u32 group, const int *fds,
			 size_t count, struct slot_reason *why)
{
	__u64 cookies[SK_STEER_PLACES_MAX];
	int err = 0;

	if (count > SK_STEER_PLACES_MAX)
		return slot_reason_set(why, -ENOSPC, "a group has at most %d sockets",
				       SK_STEER_PLACES_MAX);
	for (size_t i = 0; !err && i < count; i++)
		err = check_socket(fds[i], why);
	err = err ? err : try_sockets(maps, group, fds, count, why);
	err = err ? err : sk_steer_cookies_get(maps, group, why, cookies);
	err = err ? err : put_sockets(maps, group, fds, count, why);
	/* Fewer places before the sockets behind go: no lookup meets an empty one. */
	err = err ? err : set_places(maps, group, (__u32)count, why);
	for (__u32 i = (__u32)count; !err && i < SK_STEER_PLACES_MAX; i++)
		if (cookies[i])
			err = remove_socket(maps, group, i, why);
	return err;
}

int sk_steer_socket_del(const struct sk_steer_maps *maps, __u32 group, __u64 cookie,
			struct slot_reason *why)
{
	__u64 cookies[SK_STEER_PLACES_MAX];
	int err = sk_steer_cookies_get(maps, group, why, cookies);

	for (__u32 i = 0; !err && i < SK_STEER_PLACES_MAX; i++) {
		if (!cookies[i] || cookies[i] != cookie)
			continue;
		cookies[i] = 0;
		err = remove_socket(maps, group, i, why);
		return err ? err : set_places(maps, group, count_places(cookies), why);
	}
	return err ? err : slot_reason_set(why, -ENOENT, "it is not in the group");
}
