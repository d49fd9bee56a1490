/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets whose results are known, through the load balancer alone and in a chain with
 * six other programs: the project's own (tests/vectors), and Katran's fixtures where they are at hand.
 */
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "loader/lib/program/program.h"
#include "loader/lib/program/settings.h"
#include "tests/support/chaincase.h"
#include "tests/support/lb_counts.h"
#include "tests/support/lb_scenario.h"
#include "tests/support/vectors.h"

#define OWN "tests/vectors"
#define OTHERS "tests/vectors/shared" /* the scenarios of what is not in the tree */
#define PENDING "tests/vectors/pending"
#define SLOT 4
#define ROWS_MAX 128
#define PLACES_MAX 32

/* A file of packets, and where it runs. */
struct row {
	const char *name;
	char title[160];
	char scenario[PATH_MAX];
	char packets[PATH_MAX];
	char counts[PATH_MAX];		  /* which others' do not have */
	const struct slot_engine *engine; /* NULL: no chain */
};

/* --- packets --------------------------------------------------------------------------------- */

static const char *verdict_name(unsigned int verdict)
{
	static const char *const names[] = { "XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX" };

	return verdict < sizeof(names) / sizeof(names[0]) ? names[verdict] : "another verdict";
}

static bool is_as_expected(int prog_fd, struct vector *vector)
{
	struct progrun run;

	assert_int_equal(progrun_packet(prog_fd, &vector->in, &run), 0);
	return vector_is_met(vector, verdict_name(run.verdict), &run);
}

/* Whether @name is a case of PENDING. */
static bool is_pending(const char *name)
{
	FILE *file = fopen(PENDING, "re");
	bool is_found = false;
	char *line = NULL;
	size_t size = 0;

	assert_non_null(file);
	while (!is_found && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\t\n")] = '\0';
		is_found = *line != '#' && !fnmatch(line, name, 0);
	}
	free(line);
	fclose(file);
	return is_found;
}

/* Returns whether there was anything to be compared. */
static bool run_packets(struct lb_scenario *scenario, int prog_fd, const char *path)
{
	unsigned int failed = 0, count = 0, pending = 0;
	struct vectors vectors;
	struct vector vector;

	assert_true(vectors_open(&vectors, path));
	while (vectors_next(&vectors, &vector)) {
		lb_scenario_before(scenario, vector.name);
		count++;
		if (is_pending(vector.name))
			pending++;
		else
			failed += !is_as_expected(prog_fd, &vector);
	}
	vectors_close(&vectors);
	if (pending)
		print_message("# %u of %u packets are in %s\n", pending, count, PENDING);
	if (failed || !count)
		fail_msg("%u of %u packets came out otherwise", failed, count);
	return pending < count;
}

/* --- alone and in a chain -------------------------------------------------------------------- */

static void set_settings(struct bpf_object *object, char *text)
{
	struct slot_reason why = {};
	char *save, *word;

	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(word, '=');
		struct slot_setting item = { .key = word, .value = equals + 1 };
		const struct slot_settings settings = { .items = &item, .count = 1 };

		assert_non_null(equals);
		*equals = '\0';
		if (slot_settings_apply(object, &settings, &why))
			fail_msg("%s", why.text);
	}
}

/*
 * A load balancer that is loaded, alone or in a chain. The verifier takes a second
 * for it, so scenarios with the same settings share it, one after the other.
 */
struct place {
	const struct slot_engine *engine;
	char settings[256];
	struct bpf_object *object;
	struct chainrun chain;
	int prog_fd;
};

static struct place places[PLACES_MAX];
static size_t place_count;

static void load_alone(struct place *place)
{
	char settings[256];

	strcpy(settings, place->settings);
	place->object = progrun_open("bpf/lb.bpf.o");
	assert_non_null(place->object);
	set_settings(place->object, settings);
	assert_int_equal(bpf_object__load(place->object), 0);
	place->prog_fd = progrun_fd(place->object, "lb");
}

static void load_in_chain(struct place *place)
{
	void *engine = (void *)place->engine;

	chain_start(&place->chain, &engine);
	chain_add(&place->chain, 1, "bpf/decap", NULL);
	chain_add(&place->chain, 2, "bpf/pass", NULL);
	chain_add(&place->chain, 3, "bpf/pass", NULL);
	chain_add(&place->chain, SLOT, "bpf/lb", place->settings);
	/* behind it, or what is malformed would not be counted where it is expected */
	chain_add(&place->chain, 6, "bpf/firewall", NULL);
	chain_add(&place->chain, 8, "bpf/pass", NULL);
	chain_add(&place->chain, 9, "bpf/pass", NULL);
	chain_build(&place->chain);
	place->object = place->chain.build.programs[SLOT]->object;
	place->prog_fd = place->chain.root_fd;
}

static struct place *get_place(const struct slot_engine *engine, const char *settings)
{
	struct place *place = places;

	for (; place < places + place_count; place++)
		if (place->engine == engine && !strcmp(place->settings, settings))
			return place;
	assert_true(place_count < PLACES_MAX);
	memset(place, 0, sizeof(*place));
	place->engine = engine;
	snprintf(place->settings, sizeof(place->settings), "%s", settings);
	if (engine)
		load_in_chain(place);
	else
		load_alone(place);
	place_count++;
	return place;
}

static void free_places(void)
{
	for (; place_count; place_count--) {
		struct place *place = &places[place_count - 1];

		if (place->engine)
			chainrun_end(&place->chain);
		else
			bpf_object__close(place->object);
	}
}

static void run_row(void **state)
{
	const struct row *row = *state;
	struct lb_scenario *scenario = malloc(sizeof(*scenario));
	struct lb_stats *before;
	unsigned int failed = 0;
	struct place *place;
	bool has_run;

	assert_non_null(scenario);
	if (access(row->packets, R_OK)) {
		print_message("# SKIP %s is not here\n", row->packets);
		free(scenario);
		skip();
	}
	lb_scenario_read(scenario, row->scenario);
	place = get_place(row->engine, scenario->settings);
	lb_scenario_start(scenario, place->object);
	before = lb_counts_take(place->object);
	has_run = run_packets(scenario, place->prog_fd, row->packets);
	if (has_run && !access(row->counts, R_OK))
		failed = lb_counts_compare(scenario, before, row->counts);
	free(before);
	lb_scenario_close(scenario);
	free(scenario);
	if (failed)
		fail_msg("%u counts are others than in %s", failed, row->counts);
	if (has_run)
		return;
	print_message("# SKIP what they need is not built yet\n");
	skip();
}

/* --- which files ----------------------------------------------------------------------------- */

/*
 * How many of the three ways a scenario is run in. Each set of settings costs a load
 * for every way, and which hash it is makes no difference to a chain.
 */
static size_t count_ways(const char *path)
{
	struct lb_scenario *scenario = malloc(sizeof(*scenario));
	size_t ways = 3;

	assert_non_null(scenario);
	lb_scenario_read(scenario, path);
	if (strcmp(scenario->program, "lb") != 0)
		ways = 0;
	else if (!strncmp(scenario->settings, "hash=", 5))
		ways = 1;
	lb_scenario_close(scenario);
	free(scenario);
	return ways;
}

/*
 * In the guest a load takes that much longer, and the real machine runs it alone and
 * on the engine that it has.
 */
static bool is_wanted(const struct slot_engine *engine)
{
	const char *tier = getenv("SLOTD_TIER"), *only = getenv("SLOTD_TEST_ENGINE");

	if (!engine)
		return !tier || strcmp(tier, "vm") != 0;
	return !only || !strcmp(only, "auto") || !strcmp(only, engine->name);
}

/* Rows for the scenarios of @dir, whose packets are in @packets. Returns how many @rows has then. */
static size_t add_rows(struct row *rows, size_t count, const char *dir, const char *packets)
{
	static const struct slot_engine *const engines[3] = { NULL, &slot_engine_freplace,
							      &slot_engines_fused[ROOT_KIND_XDP] };
	char pattern[PATH_MAX];
	glob_t found;
	size_t i, e, ways;

	snprintf(pattern, sizeof(pattern), "%s/*.scenario", dir);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		const char *name = path + strlen(dir) + 1;
		int len = (int)strcspn(name, ".");

		ways = count_ways(path);
		for (e = 0; e < ways; e++) {
			struct row *row = &rows[count];

			if (!is_wanted(engines[e]))
				continue;
			count++;
			assert_true(count < ROWS_MAX);
			row->engine = engines[e];
			row->name = row->title;
			snprintf(row->title, sizeof(row->title), "%s: %.*s",
				 engines[e] ? engines[e]->name : "alone", len, name);
			snprintf(row->scenario, sizeof(row->scenario), "%s", path);
			snprintf(row->packets, sizeof(row->packets), "%s/%.*s.tsv", packets, len,
				 name);
			snprintf(row->counts, sizeof(row->counts), "%s/%.*s.counts", packets, len,
				 name);
		}
	}
	globfree(&found);
	return count;
}

int main(void)
{
	struct row *rows = calloc(ROWS_MAX, sizeof(*rows));
	struct tap_plan plan = {};
	size_t count;
	int status;

	if (!rows)
		abort();
	count = add_rows(rows, 0, OWN, OWN);
	count = add_rows(rows, count, OTHERS, vectors_others());
	tap_add_table(&plan, &(struct CMUnitTest){ .test_func = run_row }, rows, count,
		      sizeof(*rows));
	status = tap_run(&plan, "lb_vectors", 1);
	free_places();
	free(rows);
	return status;
}
