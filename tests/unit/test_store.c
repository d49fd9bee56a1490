/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects and records on disk. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <net/if.h>

#include "loader/lib/chain/record.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/store.h"
#include "tests/support/tap.h"

struct place {
	char dir[64];
	struct slot_store store;
	struct slot_reason why;
};

static void place_start(struct place *place)
{
	snprintf(place->dir, sizeof(place->dir), "/tmp/slotd-store-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	assert_int_equal(slot_store_open(place->dir, &place->why, &place->store), 0);
}

static void place_end(struct place *place)
{
	assert_int_equal(slot_pin_remove_all(place->dir), 0);
}

static void an_object_comes_back_by_its_hash(void **state)
{
	struct slot_blob blob;
	struct slot_blob back;
	struct place place;

	(void)state;
	place_start(&place);
	assert_int_equal(slot_blob_copy("abc", 3, "dir/a.o", &blob), 0);
	assert_string_equal(blob.name, "a.o");
	/* FIPS 180-2, appendix B.1 */
	assert_string_equal(blob.sha256,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(slot_store_put(&place.store, &blob, &place.why), 0);
	assert_int_equal(slot_store_put(&place.store, &blob, &place.why), 0);
	assert_int_equal(slot_store_get(&place.store, blob.sha256, "fw", &place.why, &back), 0);
	assert_int_equal(back.size, 3);
	assert_memory_equal(back.bytes, "abc", 3);
	slot_blob_free(&back);
	slot_blob_free(&blob);
	place_end(&place);
}

static void a_damaged_object_is_refused(void **state)
{
	char path[256];
	struct slot_blob blob;
	struct slot_blob back;
	struct place place;
	int fd;

	(void)state;
	place_start(&place);
	slot_blob_copy("abc", 3, "a.o", &blob);
	slot_store_put(&place.store, &blob, &place.why);
	snprintf(path, sizeof(path), "%s/objects/%s", place.dir, blob.sha256);
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(slot_store_get(&place.store, blob.sha256, "fw", &place.why, &back),
			 -EBADMSG);
	assert_non_null(strstr(place.why.text, "is damaged"));
	/* Deploying it again mends it. */
	assert_int_equal(slot_store_put(&place.store, &blob, &place.why), 0);
	assert_int_equal(slot_store_get(&place.store, blob.sha256, "fw", &place.why, &back), 0);
	slot_blob_free(&back);
	slot_blob_free(&blob);
	place_end(&place);
}

static void assert_signature(struct place *place, const struct slot_blob *blob, const char *text)
{
	struct slot_signing back = { 0 };
	int err = slot_store_get_signature(&place->store, blob->sha256, &place->why, &back);

	assert_int_equal(err, text ? 0 : -ENOENT);
	assert_int_equal(back.size, text ? strlen(text) : 0);
	if (text)
		assert_memory_equal(back.text, text, back.size);
	slot_signing_free(&back);
}

static void a_signature_is_kept_with_its_object_and_swept_with_it(void **state)
{
	struct slot_signing first = { .text = "first", .size = 5 };
	struct slot_signing second = { .text = "second", .size = 6 };
	struct slot_chain_record record = { .next = 1 };
	struct slot_object_id id = { .name = "a", .version = "1" };
	struct slot_blob kept;
	struct slot_blob gone;
	struct place place;

	(void)state;
	place_start(&place);
	slot_blob_copy("kept", 4, "a.o", &kept);
	slot_blob_copy("gone", 4, "b.o", &gone);
	assert_signature(&place, &kept, NULL);
	assert_int_equal(slot_store_put_signature(&place.store, &kept, &first, &place.why), 0);
	assert_int_equal(slot_store_put_signature(&place.store, &kept, &second, &place.why), 0);
	assert_int_equal(slot_store_put_signature(&place.store, &gone, &first, &place.why), 0);
	assert_signature(&place, &kept, "second");
	memcpy(id.sha256, kept.sha256, sizeof(id.sha256));
	slot_override_set_object(&record.overrides, "firewall", &id);
	slot_chain_record_write(&record, &place.store, "eth0", &place.why);
	slot_store_sweep(&place.store);
	assert_signature(&place, &kept, "second");
	assert_signature(&place, &gone, NULL);
	slot_blob_free(&kept);
	slot_blob_free(&gone);
	place_end(&place);
}

static void a_sweep_keeps_what_a_record_names_and_nothing_half_written(void **state)
{
	struct slot_chain_record record = { .next = 1 };
	struct slot_object_id id = { .name = "a", .version = "1" };
	struct slot_blob kept;
	struct slot_blob gone;
	struct slot_blob back;
	char path[256];
	struct place place;
	int fd;

	(void)state;
	place_start(&place);
	slot_blob_copy("kept", 4, "a.o", &kept);
	slot_blob_copy("gone", 4, "b.o", &gone);
	slot_store_put(&place.store, &kept, &place.why);
	slot_store_put(&place.store, &gone, &place.why);
	memcpy(id.sha256, kept.sha256, sizeof(id.sha256));
	slot_override_set_object(&record.overrides, "firewall", &id);
	/* Of a chain that nobody has open. */
	slot_chain_record_write(&record, &place.store, "eth7", &place.why);
	snprintf(path, sizeof(path), "%s/objects/.new-half", place.dir);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	close(fd);
	slot_store_sweep(&place.store);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(slot_store_get(&place.store, gone.sha256, "b", &place.why, &back),
			 -ENOENT);
	assert_int_equal(slot_store_get(&place.store, kept.sha256, "a", &place.why, &back), 0);
	slot_blob_free(&back);
	slot_blob_free(&kept);
	slot_blob_free(&gone);
	place_end(&place);
}

static void records_of_a_chain_are_swept_but_for_those_to_keep(void **state)
{
	static const char *const keep[] = { "desired.json", "generation-2.json" };
	struct slot_chain_record record = { .next = 3 };
	struct place place;
	json_t *json = json_object();

	(void)state;
	place_start(&place);
	slot_chain_record_write(&record, &place.store, "eth0", &place.why);
	slot_store_write(&place.store, "eth0", "generation-1.json", json, &place.why);
	slot_store_write(&place.store, "eth0", "generation-2.json", json, &place.why);
	slot_store_sweep_records(&place.store, "eth0", keep, 2);
	assert_true(slot_store_has_chain(&place.store, "eth0"));
	json_decref(json);
	assert_int_equal(slot_store_read(&place.store, "eth0", "generation-1.json", NULL, &json),
			 -ENOENT);
	assert_int_equal(slot_store_read(&place.store, "eth0", "generation-2.json", NULL, &json),
			 0);
	json_decref(json);
	place_end(&place);
}

static void a_chain_without_a_record_starts_from_nothing(void **state)
{
	struct slot_chain_record record;
	struct place place;

	(void)state;
	place_start(&place);
	assert_false(slot_store_has_chain(&place.store, "eth0"));
	assert_int_equal(slot_chain_record_read(&place.store, "eth0", &place.why, &record), 0);
	assert_int_equal(record.current, 0);
	assert_int_equal(record.next, 1);
	place_end(&place);
}

static void a_record_comes_back_as_written(void **state)
{
	struct slot_chain_record record = {
		.current = 41, .previous = 40, .next = 43, .is_detached = true
	};
	struct slot_object_id id = { .name = "fw", .version = "2" };
	struct slot_chain_record back;
	struct place place;

	(void)state;
	place_start(&place);
	memset(id.sha256, 'a', SLOT_SHA256_SIZE - 1);
	slot_override_set_object(&record.overrides, "firewall", &id);
	slot_override_set_enabled(&record.overrides, "decap", 0);
	assert_int_equal(slot_chain_record_write(&record, &place.store, "eth0", &place.why), 0);
	assert_true(slot_store_has_chain(&place.store, "eth0"));
	assert_int_equal(slot_chain_record_read(&place.store, "eth0", &place.why, &back), 0);
	assert_int_equal(back.current, 41);
	assert_int_equal(back.previous, 40);
	assert_int_equal(back.next, 43);
	assert_true(back.is_detached);
	assert_string_equal(slot_override_find(&back.overrides, "firewall")->object.sha256,
			    id.sha256);
	assert_int_equal(slot_override_find(&back.overrides, "decap")->enabled, 0);
	place_end(&place);
}

static void a_damaged_record_is_refused_with_its_place(void **state)
{
	struct slot_chain_record record = { .next = 1 };
	char path[256];
	struct place place;
	FILE *file;

	(void)state;
	place_start(&place);
	slot_chain_record_write(&record, &place.store, "eth0", &place.why);
	snprintf(path, sizeof(path), "%s/chains/eth0/desired.json", place.dir);
	file = fopen(path, "w");
	fputs("{\"current\": ", file);
	fclose(file);
	assert_int_equal(slot_chain_record_read(&place.store, "eth0", &place.why, &record),
			 -EBADMSG);
	assert_non_null(strstr(place.why.text, "desired.json' is damaged: line 1"));
	place_end(&place);
}

static void what_is_no_regular_file_is_no_object(void **state)
{
	struct slot_reason why;
	struct slot_blob blob;
	char path[64] = "/tmp/slotd-fifo-XXXXXX";

	(void)state;
	assert_int_equal(slot_blob_read("/nonexistent/x.o", &why, &blob), -ENOENT);
	assert_int_equal(slot_blob_read("/tmp", &why, &blob), -EINVAL);
	close(mkstemp(path));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(slot_blob_read(path, &why, &blob), -EINVAL);
	assert_non_null(strstr(why.text, "not a regular file"));
	unlink(path);
}

static void pins_of_maps_carry_no_dots(void **state)
{
	char name[16];

	(void)state;
	slot_pin_map_name("fw_counts", name, sizeof(name));
	assert_string_equal(name, "fw_counts");
	slot_pin_map_name("firewall.bss", name, sizeof(name));
	assert_string_equal(name, "_bss");
	slot_pin_map_name("fw.data.hot", name, sizeof(name));
	assert_string_equal(name, "_data_hot");
}

#define LONG_INTERFACE "fifteenletters0"
#define LONG_NAME                                                                                  \
	"a-netns-of-a-name-with-47-letters-is-the-most--:" LONG_INTERFACE ":15-letters-hook"

static void folders_of_chains_tell_names_apart(void **state)
{
	struct slot_target target = { .netns_cookie = 4127, .ifindex = 2, .interface = "eth0.1" };
	struct slot_target parsed = { 0 };
	char dir[PATH_MAX];
	char name[SLOT_CHAIN_NAME_MAX];

	(void)state;
	assert_int_equal(slot_pins_chain_dir("/b", &target, dir), 0);
	assert_string_equal(dir, "/b/4127-2-eth0%2e1");
	assert_int_equal(slot_pins_chain_parse("4127-2-eth0%2e1", &parsed, name), 0);
	assert_int_equal(parsed.netns_cookie, 4127);
	assert_int_equal(parsed.ifindex, 2);
	assert_string_equal(name, "eth0.1");
	assert_int_equal(slot_pins_chain_parse("4127-2-eth0_1", &parsed, name), 0);
	assert_string_equal(name, "eth0_1");
	assert_int_equal(slot_pins_chain_parse("maps", &parsed, name), -EINVAL);
	assert_int_equal(slot_pins_chain_parse("1-2-", &parsed, name), -EINVAL);
	assert_int_equal(slot_pins_chain_parse("1-2-" LONG_NAME "x", &parsed, name), -EINVAL);
	target.interface = "blue.1:" LONG_INTERFACE;
	assert_int_equal(slot_pins_chain_dir("/b", &target, dir), 0);
	assert_string_equal(dir, "/b/4127-2-blue%2e1:" LONG_INTERFACE);
	assert_int_equal(slot_pins_chain_parse(dir + strlen("/b/"), &parsed, name), 0);
	assert_string_equal(name, target.interface);
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD(&plan, an_object_comes_back_by_its_hash, NULL, NULL);
	TAP_ADD(&plan, a_damaged_object_is_refused, NULL, NULL);
	TAP_ADD(&plan, a_sweep_keeps_what_a_record_names_and_nothing_half_written, NULL, NULL);
	TAP_ADD(&plan, a_signature_is_kept_with_its_object_and_swept_with_it, NULL, NULL);
	TAP_ADD(&plan, records_of_a_chain_are_swept_but_for_those_to_keep, NULL, NULL);
	TAP_ADD(&plan, a_chain_without_a_record_starts_from_nothing, NULL, NULL);
	TAP_ADD(&plan, a_record_comes_back_as_written, NULL, NULL);
	TAP_ADD(&plan, a_damaged_record_is_refused_with_its_place, NULL, NULL);
	TAP_ADD(&plan, what_is_no_regular_file_is_no_object, NULL, NULL);
	TAP_ADD(&plan, pins_of_maps_carry_no_dots, NULL, NULL);
	TAP_ADD(&plan, folders_of_chains_tell_names_apart, NULL, NULL);
	return tap_run(&plan, "store", 0);
}
