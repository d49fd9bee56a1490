/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lib_bed.h"

#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "tests/support/tap.h"

#define HANDLES_MAX 8
#define SOCKETS_MAX (SL_SOCKETS_MAX + 8)

struct lib_bed lib;

/* What the case has opened; of its sockets it may have closed some itself. */
static struct socketlb *handles[HANDLES_MAX];
static int sockets[SOCKETS_MAX];
static size_t handle_count, socket_count;

int lib_bed_set_up(void **state)
{
	sl_bed_set_up(state);
	assert_int_equal(bpf_obj_pin(sl_bed.prog, LIB_BED_PROGRAM), 0);
	lib.tcp = sl_bed_vip(LIB_BED_TCP " tcp").key;
	lib.udp = sl_bed_vip(LIB_BED_UDP " flow memory=60").key;
	lib.quic = sl_bed_vip(LIB_BED_QUIC " quic layout=mvfst").key;
	return 0;
}

void lib_bed_take_away(void)
{
	unlink(LIB_BED_PROGRAM);
	sl_bed_tear_down(NULL);
}

int lib_bed_tear_down(void **state)
{
	(void)state;
	while (handle_count) {
		socketlb_leave(handles[--handle_count]);
		socketlb_free(handles[handle_count]);
	}
	while (socket_count)
		close(sockets[--socket_count]);
	lib_bed_take_away();
	return 0;
}

struct socketlb *lib_bed_handle(void)
{
	struct socketlb *lb = socketlb_new();

	assert_non_null(lb);
	assert_int_equal(socketlb_set_paths(lb, LIB_BED_PROGRAM, PROGRAM_BED_DIR), 0);
	if (socketlb_open(lb, "web"))
		fail_msg("%s", socketlb_error(lb));
	assert_in_range(handle_count, 0, HANDLES_MAX - 1);
	handles[handle_count++] = lb;
	return lb;
}

int lib_bed_bind(const struct sl_vip_key *vip)
{
	int fd = sl_bed_bind(vip);

	assert_in_range(socket_count, 0, SOCKETS_MAX - 1);
	sockets[socket_count++] = fd;
	return fd;
}

int lib_bed_add(struct socketlb *lb, const struct sl_vip_key *vip)
{
	int fd = lib_bed_bind(vip);

	if (socketlb_add(lb, fd, SOCKETLB_WORKER_ANY))
		fail_msg("%s", socketlb_error(lb));
	return fd;
}

void lib_bed_announce(struct socketlb *lb)
{
	if (socketlb_announce(lb))
		fail_msg("%s", socketlb_error(lb));
}

void lib_bed_failed(const struct socketlb *lb, int err, int expected, const char *words)
{
	assert_int_equal(err, expected);
	if (!strstr(socketlb_error(lb), words))
		fail_msg("expected '%s' in: %s", words, socketlb_error(lb));
	assert_null(strchr(socketlb_error(lb), '\n'));
}
