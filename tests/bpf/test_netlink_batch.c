/* SPDX-License-Identifier: GPL-2.0-only */
/* Several requests to rtnetlink in one message: each is answered alone, or said to be lost. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "loader/lib/host/netlink.h"
#include "tests/support/tap.h"

#define LOOPBACK 1
#define NO_DEVICE 9999
#define MAX SLOT_NETLINK_BATCH_MAX

static struct {
	char bytes[(MAX + 1) * 128];
	size_t size;
	struct slot_answer answers[MAX + 1];
	size_t told[MAX + 1];
} batch;

static int start_batch(void **state)
{
	(void)state;
	memset(&batch, 0, sizeof(batch));
	return 0;
}

static struct nlmsghdr *put_request(__u16 type)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(batch.bytes + batch.size);

	request->nlmsg_type = type;
	return request;
}

static void put_link(__u16 type, int ifindex)
{
	struct nlmsghdr *request = put_request(type);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_index = ifindex;
	batch.size += request->nlmsg_len;
}

static void put_qdisc(const char *kind)
{
	struct nlmsghdr *request = put_request(RTM_NEWQDISC);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));

	request->nlmsg_flags = NLM_F_CREATE;
	tc->tcm_ifindex = LOOPBACK;
	tc->tcm_parent = TC_H_ROOT;
	mnl_attr_put(request, TCA_KIND, 8, kind);
	batch.size += request->nlmsg_len;
}

static int count_told(const struct nlmsghdr *message, void *data)
{
	(void)data;
	batch.told[message->nlmsg_seq - 1]++;
	return MNL_CB_OK;
}

static int send_batch(size_t count)
{
	const struct slot_netlink_batch all = { batch.bytes, batch.size, count, count_told, NULL };

	return slot_netlink_batch(NETLINK_ROUTE, &all, batch.answers);
}

static void each_of_many_is_answered_alone(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MAX; i++) {
		if (i % 3 == 0)
			put_link(RTM_SETLINK, LOOPBACK);
		else if (i % 3 == 1)
			put_link(RTM_SETLINK, NO_DEVICE);
		else
			put_qdisc("nothing");
	}
	assert_int_equal(send_batch(MAX), 0);
	for (i = 0; i < MAX; i++) {
		const struct slot_answer *answer = &batch.answers[i];

		assert_int_equal(answer->err, i % 3 == 0 ? 0 : i % 3 == 1 ? -ENODEV : -ENOENT);
		assert_int_equal(strstr(answer->text, "unknown") != NULL, i % 3 == 2);
	}
}

/* Each is answered by the whole description of a device, too, which fills the socket. */
static void what_is_lost_is_an_error_of_its_request(void **state)
{
	size_t lost = 0;
	size_t i;

	(void)state;
	for (i = 0; i < MAX; i++)
		put_link(RTM_GETLINK, LOOPBACK);
	assert_int_equal(send_batch(MAX), 0);
	assert_int_equal(batch.answers[0].err, 0);
	for (i = 0; i < MAX; i++) {
		if (batch.answers[i].err == -ENOBUFS)
			lost += !strcmp(batch.answers[i].text, "the kernel's answer was lost");
	}
	assert_true(lost > 0);
	assert_int_equal(batch.answers[MAX - 1].err, -ENOBUFS);
}

static void what_is_told_comes_with_the_number_of_its_request(void **state)
{
	(void)state;
	put_link(RTM_GETLINK, NO_DEVICE);
	put_link(RTM_GETLINK, LOOPBACK);
	put_link(RTM_SETLINK, LOOPBACK);
	assert_int_equal(send_batch(3), 0);
	assert_int_equal(batch.answers[0].err, -ENODEV);
	assert_int_equal(batch.told[0], 0);
	assert_int_equal(batch.told[1], 1);
	assert_int_equal(batch.told[2], 0);
}

static void too_many_are_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i <= MAX; i++)
		put_link(RTM_SETLINK, LOOPBACK);
	assert_int_equal(send_batch(MAX + 1), -E2BIG);
}

static void another_number_than_there_are_is_refused(void **state)
{
	(void)state;
	put_link(RTM_SETLINK, LOOPBACK);
	put_link(RTM_SETLINK, LOOPBACK);
	assert_int_equal(send_batch(1), -EINVAL);
	assert_int_equal(send_batch(3), -EINVAL);
	assert_int_equal(send_batch(2), 0);
}

#define ADD(fn) TAP_ADD(&plan, fn, start_batch, NULL)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid() && unshare(CLONE_NEWNET)) {
		perror("unshare");
		return 1;
	}
	ADD(each_of_many_is_answered_alone);
	ADD(what_is_lost_is_an_error_of_its_request);
	ADD(what_is_told_comes_with_the_number_of_its_request);
	ADD(too_many_are_refused);
	ADD(another_number_than_there_are_is_refused);
	return tap_run(&plan, "netlink_batch", 1);
}
