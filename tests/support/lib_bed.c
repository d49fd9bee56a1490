/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lib_bed.h"

#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "tests/support/tap.h"

void lib_bed_open(struct lib_bed *lib)
{
	sl_bed_open(&lib->bed);
	assert_int_equal(bpf_obj_pin(lib->bed.prog, LIB_BED_PROGRAM), 0);
	lib->tcp = sl_bed_vip(&lib->bed, LIB_BED_TCP " tcp").key;
	lib->udp = sl_bed_vip(&lib->bed, LIB_BED_UDP " flow memory=60").key;
	lib->quic = sl_bed_vip(&lib->bed, LIB_BED_QUIC " quic layout=mvfst").key;
}

void lib_bed_close(struct lib_bed *lib)
{
	unlink(LIB_BED_PROGRAM);
	sl_bed_close(&lib->bed);
}

struct socketlb *lib_bed_handle(void)
{
	struct socketlb *lb = socketlb_new();

	assert_non_null(lb);
	assert_int_equal(socketlb_set_paths(lb, LIB_BED_PROGRAM, PROGRAM_BED_DIR), 0);
	if (socketlb_open(lb, "web"))
		fail_msg("%s", socketlb_error(lb));
	return lb;
}

int lib_bed_add(const struct lib_bed *lib, struct socketlb *lb, const struct sl_vip_key *vip)
{
	int fd = sl_bed_bind(&lib->bed, vip);

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
