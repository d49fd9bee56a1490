/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/links.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/netns.h"
#include "loader/slotd/log.h"

int links_open(struct mnl_socket **ret_nl)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	int all = 1;

	if (!nl)
		return -errno;
	if (mnl_socket_setsockopt(nl, NETLINK_LISTEN_ALL_NSID, &all, sizeof(all)) < 0 ||
	    mnl_socket_bind(nl, RTMGRP_LINK | RTMGRP_TC, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		mnl_socket_close(nl);
		return err;
	}
	*ret_nl = nl;
	return 0;
}

static int request_nsid(struct mnl_socket *nl, int netns_fd)
{
	char buffer[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	char answer[1024];
	ssize_t size;

	request->nlmsg_type = RTM_NEWNSID;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)netns_fd);
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	size = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (size < 0)
		return -errno;
	return mnl_cb_run(answer, (size_t)size, 0, mnl_socket_get_portid(nl), NULL, NULL) < 0 ?
		       -errno :
		       0;
}

/*
 * The kernel tells of a netns that this one has an id for, so it gets one
 * (RTM_NEWNSID, Linux 4.2), for as long as it lives. -ENOENT where none is.
 */
static int watch_netns(const char *path)
{
	_cleanup_close_ int fd = slot_netns_open(path, 0);
	struct mnl_socket *nl;
	int err;

	if (fd < 0)
		return fd;
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	err = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : request_nsid(nl, fd);
	mnl_socket_close(nl);
	if (err == -EINVAL) /* a plain file */
		return -ENOENT;
	return err == -EEXIST ? 0 : err;
}

static void watch_place(const struct slot_place *place)
{
	int err = place->netns[0] ? watch_netns(place->netns) : 0;

	if (err && err != -ENOENT && err != -ENOTUNIQ)
		log_warning("cannot watch the network namespace '%s': %s", place->netns,
			    strerror(-err));
}

void links_watch(const struct slot_config *config)
{
	size_t i;

	for (i = 0; i < config->count; i++)
		watch_place(&config->chains[i].place);
	for (i = 0; i < config->master_count; i++)
		watch_place(&config->masters[i].place);
}

bool links_is_of_cgroup(const struct slot_place *place)
{
	return place->cgroup[0] || slot_netns_is_of_cgroup(place->netns);
}

static void watch_cgroup(const struct slot_place *place)
{
	if (slot_netns_is_of_cgroup(place->netns))
		watch_place(place);
}

void links_watch_cgroups(const struct slot_config *config)
{
	size_t i;

	for (i = 0; i < config->count; i++)
		watch_cgroup(&config->chains[i].place);
	for (i = 0; i < config->master_count; i++)
		watch_cgroup(&config->masters[i].place);
}

bool links_has_cgroups(const struct slot_config *config)
{
	bool has_any = false;
	size_t i;

	for (i = 0; i < config->count && !has_any; i++)
		has_any = links_is_of_cgroup(&config->chains[i].place);
	for (i = 0; i < config->master_count && !has_any; i++)
		has_any = links_is_of_cgroup(&config->masters[i].place);
	return has_any;
}

void links_close(struct mnl_socket *nl)
{
	if (nl)
		mnl_socket_close(nl);
}

int links_fd(const struct mnl_socket *nl)
{
	return mnl_socket_get_fd(nl);
}

/* The first tells of all: the kernel puts no other into one datagram with it. */
static enum links_news read_news(const struct nlmsghdr *message, ssize_t size)
{
	bool is_of_filters = mnl_nlmsg_ok(message, (int)size) &&
			     message->nlmsg_type >= RTM_NEWQDISC &&
			     message->nlmsg_type <= RTM_GETTFILTER;

	return is_of_filters ? LINKS_FILTERS : LINKS_ANY;
}

/* Messages that were lost (ENOBUFS) are news too: what they said is looked up, not read. */
enum links_news links_drain(struct mnl_socket *nl)
{
	enum links_news news = LINKS_NONE;
	char buffer[8192];
	ssize_t n;

	do {
		n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
		if (n < 0 && errno != ENOBUFS && errno != EINTR && errno != ENOSPC)
			return news;
		if (n < 0)
			news = LINKS_ANY;
		else if (n > 0 && news != LINKS_ANY)
			news = read_news((const struct nlmsghdr *)buffer, n);
	} while (n);
	return news;
}
