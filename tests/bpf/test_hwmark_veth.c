/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hwmark: marks of a veth's skb, on real frames, in a chain on every engine that the running
 * kernel accepts: functions of the kernel are called from whatever the engine made of it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <net/if.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/chaincase.h"
#include "tests/support/hwmark_case.h"

#define MARK 4711
#define FRAMES 5
#define SLOT 7
#define DEADLINE_S 10

/* A veth whose near end sends, and whose far end has the chain. */
static unsigned int near_end, far_end;

/* Without the kernel's own multicast reports: skb->mark is no mark there (README, "veth"). */
static void make_veth(void)
{
	if (near_end)
		return;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && "
				"ip link add near0 type veth peer name far0 && "
				"ip link set near0 up && ip link set far0 up"),
			 0);
	near_end = if_nametoindex("near0");
	far_end = if_nametoindex("far0");
	assert_true(near_end && far_end);
}

/* What veth hands to XDP has had its skb behind it since Linux 6.3. */
static bool has_marks(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 3);
}

/* @p as it is, out of the near end, with the mark that the socket gives its packets. */
static void send_frames(struct packet *p, __u32 mark)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)near_end };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	for (int i = 0; i < FRAMES; i++)
		assert_int_equal(sendto(fd, packet_bytes(p), p->len, 0, (struct sockaddr *)&to,
					sizeof(to)),
				 p->len);
	close(fd);
}

static void wait_for(const struct hwmark_case *hc, enum hwmark_counter counter, __u64 wanted)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	time_t end = time(NULL) + DEADLINE_S;

	while (hwmark_case_count(hc, counter) < wanted && time(NULL) < end)
		nanosleep(&pause, NULL);
	assert_int_equal(hwmark_case_count(hc, counter), wanted);
}

/* hwmark in its slot, with a load balancer's maps, at the far end. Returns the link. */
static int attach_chain(struct chainrun *chain, void **state, struct hwmark_case *hc)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int link;

	make_veth();
	hwmark_case_open(hc);
	chain_start(chain, state);
	chain_add(chain, SLOT, "bpf/hwmark", "mark_from=veth mode=flow refresh=0");
	chainrun_share(chain, SLOT, hc->lb.object);
	chain_build(chain);
	hc->object = chain->build.programs[SLOT]->object;
	link = bpf_link_create(chain->root_fd, (int)far_end, BPF_XDP, &opts);
	assert_true(link >= 0);
	return link;
}

static void the_mark_of_a_veths_skb_leads_to_the_real(void **state)
{
	const struct hwmark_case_kind *kind = &hwmark_case_kinds[0];
	struct hwmark_case_packet spec = {
		.client = "198.18.0.1", .sport = 1000, .dport = 80, .tcp_flags = 0x10
	};
	struct hwmark_entry entry;
	struct hwmark_case hc;
	struct chainrun chain;
	struct progrun out;
	struct packet p;
	int link = attach_chain(&chain, state, &hc);

	entry = hwmark_case_entry(&hc, kind, &spec);
	hwmark_case_mark(&hc, MARK, &entry);
	hwmark_case_build(kind, &spec, &p);
	send_frames(&p, 0);
	send_frames(&p, MARK);
	send_frames(&p, MARK + 1);
	if (has_marks()) {
		wait_for(&hc, HWMARK_UNKNOWN, FRAMES);
		wait_for(&hc, HWMARK_SENT4, FRAMES);
		/* No veth's packet, though anything may stand where its skb would. */
		assert_int_equal(progrun_packet(chain.root_fd, &p, &out), 0);
		assert_int_equal(out.verdict, XDP_PASS);
		assert_int_equal(hwmark_case_count(&hc, HWMARK_NO_SOURCE), 0);
	} else {
		print_message("# this kernel shows no marks of a veth: counted as such\n");
		wait_for(&hc, HWMARK_NO_SOURCE, 3 * FRAMES);
	}
	close(link);
	chainrun_end(&chain);
	lb_case_close(&hc.lb);
}

static const struct chain_case cases[] = {
	CHAIN_CASE(the_mark_of_a_veths_skb_leads_to_the_real),
};

int main(void)
{
	return chain_cases_run("hwmark veth", cases, sizeof(cases) / sizeof(cases[0]));
}
