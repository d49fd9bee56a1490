/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl tcp_server_id, and ids of a file in its maps. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/tcp_server_id/tcp_server_id.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct program_bed bed;
static char told[256];

static int set_up(void **state)
{
	(void)state;
	program_bed_open(&bed, &tcp_server_id_cli, progrun_open("bpf/tcp_server_id.bpf.o"));
	*told = '\0';
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	return 0;
}

static void ids_are_set_and_shown(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "show", "primary none\nfallback none\n");
	program_bed_assert_runs(&bed, "set primary=112 fallback=0x6f", "");
	program_bed_assert_runs(&bed, "show", "primary 112\nfallback 111\n");
	program_bed_assert_runs(&bed, "set fallback=none", "");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	program_bed_assert_said(&bed, "{\n  \"primary\": 112,\n  \"fallback\": null\n}\n", "");
}

/* --- settings that cannot work --------------------------------------------------------------- */

static const struct warning {
	const char *name;
	const char *settings[4]; /* in pairs */
	const char *err;
} warnings[] = {
	{ "kind_of_an_experiment_is_no_reason_to_warn", { "kind", "254" }, "" },
	{ "kinds_that_stand_for_others_are_none", { "server_kind", "0", "none_kind", "0" }, "" },
	{ "kind_0_is_told", { "kind", "0" }, "setting kind = 0" },
	{ "kind_of_sack_is_told", { "kind", "5" }, "setting kind = 5" },
	{ "kind_of_md5_is_told", { "server_kind", "19" }, "setting server_kind = 19" },
	{ "kind_of_multipath_tcp_is_told", { "none_kind", "0x1e" }, "setting none_kind = 0x1e" },
	{ "kinds_of_accurate_ecn_are_told", { "kind", "172" }, "setting kind = 172" },
	{ "kind_beside_a_preset_is_told",
	  { "preset", "katran", "kind", "253" },
	  "setting kind = 253: of no effect beside preset = katran\n" },
	{ "kind_beside_the_own_preset_is_not", { "preset", "own", "kind", "253" }, "" },
	{ "preset_alone_is_no_reason_to_warn", { "preset", "katran" }, "" },
};

static const char *const *settings;

static int get_setting(const struct program_slot *slot, const char *name, const char **ret_value)
{
	(void)slot;
	*ret_value = NULL;
	for (size_t i = 0; i < 4 && settings[i]; i += 2)
		if (!strcmp(settings[i], name))
			*ret_value = settings[i + 1];
	return 0;
}

/* Ids are shown all the same. */
static void show_warns_of(void **state)
{
	static const struct program_slot slot = { .setting = get_setting };
	const struct warning *row = *state;

	settings = row->settings;
	set_up(NULL);
	bed.slot = &slot;
	assert_int_equal(program_bed_run(&bed, "show"), PROGRAM_OK);
	assert_string_equal(bed.out, "primary none\nfallback none\n");
	if (*row->err)
		assert_non_null(strstr(bed.err, row->err));
	else
		assert_string_equal(bed.err, "");
	tear_down(NULL);
	bed.slot = NULL;
}

/* --- words that are refused ------------------------------------------------------------------- */

static const struct refusal {
	const char *name, *line, *why;
} refusals[] = {
	{ "id_0_is_refused", "set primary=0",
	  "primary '0': expected a server's id, 1 to 4294967295, or none\n" },
	{ "id_of_33_bits_is_refused", "set primary=4294967296",
	  "primary '4294967296': expected a server's id, 1 to 4294967295, or none\n" },
	{ "negative_id_is_refused", "set fallback=-1",
	  "fallback '-1': expected a server's id, 1 to 4294967295, or none\n" },
	{ "other_key_is_refused", "set secondary=1",
	  "'secondary=1': expected primary=ID or fallback=ID\n" },
	{ "two_words_for_one_id_are_refused", "set primary=1 fallback=3 primary=2",
	  "'primary=2': 'primary=1' came before it\n" },
	{ "the_same_twice_is_refused", "set primary=7 fallback=7",
	  "primary and fallback are both 7: expected the id before as fallback, or none\n" },
};

/* Of a line with one wrong word nothing is taken. */
static void is_refused(void **state)
{
	const struct refusal *refusal = *state;

	set_up(NULL);
	program_bed_assert_fails(&bed, refusal->line, refusal->why);
	program_bed_assert_runs(&bed, "show", "primary none\nfallback none\n");
	tear_down(NULL);
}

static void words_too_many_are_usage(void **state)
{
	(void)state;
	assert_int_equal(program_bed_run(&bed, "set"), PROGRAM_USAGE);
	assert_int_equal(program_bed_run(&bed, "show all"), PROGRAM_USAGE);
	assert_int_equal(program_bed_run(&bed, "stats all"), PROGRAM_USAGE);
}

static void counters_have_names(void **state)
{
	(void)state;
	assert_int_equal(program_bed_run(&bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "told_cookie"));
	assert_non_null(strstr(bed.out, "no_storage"));
}

/* --- ids of a file --------------------------------------------------------------------------- */

static void note(const struct program_ids *ids, const char *what, __u32 id, __u32 before)
{
	size_t len = strlen(told);

	(void)ids;
	snprintf(told + len, sizeof(told) - len, "%s %u, was %u\n", what, id, before);
}

static const struct program_id file[] = {
	{ .id = 5, .is_here = true, .role = PROGRAM_ID_FALLBACK, .where = ":2" },
	{ .id = 6, .where = ":3" },
	{ .id = 7, .is_here = true, .where = ":1" },
	{ .id = 8, .is_here = true, .role = PROGRAM_ID_SPARE, .where = ":4" },
	{ .id = 9, .is_here = true, .where = ":5" },
};

static int sync_ids(size_t count, bool is_dry, struct slot_reason *why)
{
	const struct program_ids ids = {
		.map_dir = PROGRAM_BED_DIR,
		.path = "ids",
		.list = file,
		.count = count,
		.is_dry = is_dry,
		.tell = note,
	};

	*told = '\0';
	return tcp_server_id_cli.sync_ids(&ids, why);
}

static void host_takes_its_own_of_a_file(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(sync_ids(4, true, &why), 0);
	assert_string_equal(told, "primary 7, was 0\nfallback 5, was 0\n");
	program_bed_assert_runs(&bed, "show", "primary none\nfallback none\n");
	assert_int_equal(sync_ids(4, false, &why), 0);
	assert_string_equal(told, "primary 7, was 0\nfallback 5, was 0\n");
	program_bed_assert_runs(&bed, "show", "primary 7\nfallback 5\n");
	assert_int_equal(sync_ids(4, false, &why), 0);
	assert_string_equal(told, "");
}

static void host_that_is_not_in_the_file_has_no_ids(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(program_bed_run(&bed, "set primary=7"), PROGRAM_OK);
	assert_int_equal(sync_ids(0, false, &why), 0);
	assert_string_equal(told, "primary 0, was 7\n");
	program_bed_assert_runs(&bed, "show", "primary none\nfallback none\n");
}

static void host_that_is_two_reals_has_to_be_told_which(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(sync_ids(5, true, &why), -EINVAL);
	assert_string_equal(why.text, "ids:5: id 9 is of a real that is this host, and so is id "
				      "7 (ids:1): say which real it is, real=ADDRESS");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, ids_are_set_and_shown, set_up, tear_down);
	TAP_ADD_TABLE(&plan, show_warns_of, warnings);
	TAP_ADD_TABLE(&plan, is_refused, refusals);
	TAP_ADD(&plan, words_too_many_are_usage, set_up, tear_down);
	TAP_ADD(&plan, counters_have_names, set_up, tear_down);
	TAP_ADD(&plan, host_takes_its_own_of_a_file, set_up, tear_down);
	TAP_ADD(&plan, host_that_is_not_in_the_file_has_no_ids, set_up, tear_down);
	TAP_ADD(&plan, host_that_is_two_reals_has_to_be_told_which, set_up, tear_down);
	return tap_run(&plan, "tsi_cli", 1);
}
