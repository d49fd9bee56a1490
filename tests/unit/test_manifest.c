/* SPDX-License-Identifier: GPL-2.0-only */
/* What an object says about itself, and every way in which it may be none. */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/manifest.h"
#include "tests/support/elf_image.h"

#define SHA256 "ab12cd34ef56ab12cd34ef56ab12cd34ef56ab12cd34ef56ab12cd34ef56ab12"
#define CHARS_16 "abcdefghijklmnop"
#define CHARS_32 CHARS_16 CHARS_16
#define FLAGS_CODE (SHF_ALLOC | SHF_EXECINSTR)

static const unsigned char code[16] = { 0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95 };

/* Read from a block of just that size, so that the sanitizer sees a byte too many. */
static int read_bytes(const void *bytes, size_t size, const char *file_name,
		      struct slot_reason *why, struct slot_manifest *ret_manifest)
{
	_cleanup_free_ void *block = malloc(size ? size : 1);

	assert_non_null(block);
	memcpy(block, bytes, size);
	return slot_manifest_read(block, size, file_name, SHA256, why, ret_manifest);
}

static void make_object(struct elf_image *image, const char *entries, size_t size)
{
	elf_image_open(image);
	elf_image_add(image, "xdp", FLAGS_CODE, code, sizeof(code));
	if (size)
		elf_image_add(image, ".slotd.manifest", SHF_ALLOC, entries, size);
	elf_image_close(image);
}

static struct slot_manifest read_good(const char *entries, size_t size, const char *file_name)
{
	struct elf_image image;
	struct slot_reason why = { "" };
	struct slot_manifest manifest;

	make_object(&image, entries, size);
	if (read_bytes(image.bytes, image.size, file_name, &why, &manifest))
		fail_msg("%s", why.text);
	return manifest;
}

static void assert_refused(const struct elf_image *image, size_t size, const char *expected)
{
	struct slot_reason why = { "" };
	struct slot_manifest manifest;

	assert_int_equal(read_bytes(image->bytes, size, "fw.bpf.o", &why, &manifest), -EINVAL);
	assert_string_equal(why.text, expected);
}

/* --- manifests ----------------------------------------------------------------------------- */

static void read_takes_every_entry(void **state)
{
	static const char entries[] = "name=firewall\0version=1.0.0-rc1\0hook=xdp\0map_abi=7\0"
				      "entry=xdp_firewall\0migrate=/usr/lib/slotd/fw-migrate";
	struct slot_manifest manifest = read_good(entries, sizeof(entries), "fw.bpf.o");

	(void)state;
	assert_true(manifest.present);
	assert_string_equal(manifest.name, "firewall");
	assert_string_equal(manifest.version, "1.0.0-rc1");
	assert_int_equal(manifest.hook, SLOT_HOOK_XDP);
	assert_true(manifest.has_hook);
	assert_int_equal(manifest.map_abi, 7);
	assert_string_equal(manifest.entry, "xdp_firewall");
	assert_string_equal(manifest.migrate, "/usr/lib/slotd/fw-migrate");
}

static void read_takes_every_hook(void **state)
{
	enum slot_hook hook;
	char entry[32];

	(void)state;
	for (hook = 0; hook < SLOT_HOOK_COUNT; hook++) {
		int len = snprintf(entry, sizeof(entry), "hook=%s", slot_hook_name(hook));

		assert_int_equal(read_good(entry, (size_t)len + 1, "a").hook, hook);
	}
}

static void read_names_an_object_without_manifest_by_its_file_and_hash(void **state)
{
	struct slot_manifest manifest = read_good("", 0, "my fw.bpf.o");

	(void)state;
	assert_false(manifest.present);
	assert_string_equal(manifest.name, "my_fw");
	assert_string_equal(manifest.version, "ab12cd34ef56");
	assert_int_equal(manifest.hook, SLOT_HOOK_XDP);
	assert_false(manifest.has_hook);
	assert_string_equal(manifest.entry, "");
	assert_string_equal(manifest.migrate, "");
	assert_int_equal(manifest.map_abi, 0);
}

static void read_cuts_a_file_name_that_is_too_long(void **state)
{
	struct slot_manifest manifest = read_good("", 0, CHARS_32 CHARS_16 ".o");

	(void)state;
	assert_string_equal(manifest.name, CHARS_16 "abcdefghijklmno");
}

static void read_names_an_object_without_any_name(void **state)
{
	struct slot_manifest nameless = read_good("", 0, NULL);
	struct slot_manifest hidden = read_good("", 0, ".o");

	(void)state;
	assert_string_equal(nameless.name, "object");
	assert_string_equal(hidden.name, "object");
}

static void read_fills_in_what_a_manifest_leaves_open(void **state)
{
	static const char entries[] = "map_abi=4294967295";
	struct slot_manifest manifest = read_good(entries, sizeof(entries), "fw.bpf.o");

	(void)state;
	assert_true(manifest.present);
	assert_string_equal(manifest.name, "fw");
	assert_string_equal(manifest.version, "ab12cd34ef56");
	assert_int_equal(manifest.map_abi, 4294967295U);
}

static void read_passes_over_padding_and_keys_of_later_versions(void **state)
{
	static const char entries[] = "\0\0name=fw\0\0\0licence=any=thing\0\0";
	struct slot_manifest manifest = read_good(entries, sizeof(entries), "x.o");

	(void)state;
	assert_string_equal(manifest.name, "fw");
}

struct bad_manifest {
	const char *name;
	const char *entries;
	size_t size;
	const char *error;
};

#define BAD(sentence, text, words)                                                                 \
	{ "read_refuses_" sentence, text, sizeof(text), "'fw.bpf.o': manifest: " words }

static const struct bad_manifest bad_manifests[] = {
	BAD("an_entry_without_equals", "name", "an entry that is not key=value"),
	BAD("an_entry_without_key", "=firewall", "an entry that is not key=value"),
	BAD("an_entry_twice", "name=a\0name=a", "name is there twice"),
	BAD("an_empty_name", "name=", "name: 1 to 31 of letters, digits and ._+~- expected"),
	BAD("a_name_too_long", "name=" CHARS_32,
	    "name: 1 to 31 of letters, digits and ._+~- expected"),
	BAD("a_name_with_a_slash", "name=../fw",
	    "name: 1 to 31 of letters, digits and ._+~- expected"),
	BAD("a_version_with_an_escape", "version=\033[1m",
	    "version: 1 to 31 of letters, digits and ._+~- expected"),
	BAD("a_hook_of_another_time", "hook=netfilter",
	    "hook: one of xdp, tc-ingress, tc-egress, sock_ops, sk_lookup, sk_reuseport expected"),
	BAD("a_map_abi_in_words", "map_abi=two", "map_abi: a number expected"),
	BAD("an_empty_map_abi", "map_abi=", "map_abi: a number expected"),
	BAD("a_map_abi_beyond_32_bits", "map_abi=4294967296",
	    "map_abi: a number of 32 bits expected"),
	BAD("a_map_abi_beyond_anything", "map_abi=99999999999999999999",
	    "map_abi: a number expected"),
	BAD("an_entry_function_with_a_dot", "entry=xdp.fw",
	    "entry: 1 to 63 of letters, digits and _ expected"),
	BAD("a_converter_without_an_absolute_path", "migrate=fw-migrate",
	    "migrate: an absolute path of letters, digits and ._+~-/ expected"),
	BAD("a_converter_with_a_blank", "migrate=/usr/lib/fw migrate",
	    "migrate: an absolute path of letters, digits and ._+~-/ expected"),
	BAD("a_converter_of_256_characters",
	    "migrate=/" CHARS_32 CHARS_32 CHARS_32 CHARS_32 CHARS_32 CHARS_32 CHARS_32 CHARS_32,
	    "migrate: an absolute path of letters, digits and ._+~-/ expected"),
	{ "read_refuses_an_entry_without_end", "name=firewall", sizeof("name=firewall") - 1,
	  "'fw.bpf.o': manifest: the last entry has no end" },
};

#define BADS (sizeof(bad_manifests) / sizeof(bad_manifests[0]))

static void read_refuses_bad_manifest(void **state)
{
	const struct bad_manifest *bad = *state;
	struct elf_image image;

	make_object(&image, bad->entries, bad->size);
	assert_refused(&image, image.size, bad->error);
}

static void read_refuses_an_entry_twice_in_two_sections(void **state)
{
	static const char entries[] = "name=a";
	struct elf_image image;

	(void)state;
	elf_image_open(&image);
	elf_image_add(&image, "xdp", FLAGS_CODE, code, sizeof(code));
	elf_image_add(&image, ".slotd.manifest", SHF_ALLOC, entries, sizeof(entries));
	elf_image_add(&image, ".slotd.manifest", SHF_ALLOC, entries, sizeof(entries));
	elf_image_close(&image);
	assert_refused(&image, image.size, "'fw.bpf.o': manifest: name is there twice");
}

/* --- what is no BPF object ----------------------------------------------------------------- */

static void read_refuses_what_is_no_elf_file(void **state)
{
	static const struct elf_image text = { .bytes = "#!/bin/sh\n", .size = 10 };

	(void)state;
	assert_refused(&text, 0, "'fw.bpf.o': empty file");
	assert_refused(&text, 3, "'fw.bpf.o': not an ELF file");
	assert_refused(&text, 10, "'fw.bpf.o': not an ELF file");
}

static void read_names_the_machine_of_another_object(void **state)
{
	struct elf_image image;

	(void)state;
	elf_image_open(&image);
	image.machine = EM_X86_64;
	elf_image_close(&image);
	assert_refused(&image, image.size, "'fw.bpf.o': ELF for x86-64, not BPF");
	elf_image_open(&image);
	image.machine = EM_AARCH64;
	elf_image_close(&image);
	assert_refused(&image, image.size, "'fw.bpf.o': ELF for ARM64, not BPF");
	elf_image_open(&image);
	image.machine = 4711;
	elf_image_close(&image);
	assert_refused(&image, image.size, "'fw.bpf.o': ELF for another machine, not BPF");
}

static void read_refuses_the_other_byte_order(void **state)
{
	bool is_little = __BYTE_ORDER == __LITTLE_ENDIAN;
	struct elf_image image;

	(void)state;
	make_object(&image, "", 0);
	image.bytes[EI_DATA] = is_little ? ELFDATA2MSB : ELFDATA2LSB;
	image.bytes[offsetof(Elf64_Ehdr, e_machine)] = is_little ? 0 : EM_BPF;
	image.bytes[offsetof(Elf64_Ehdr, e_machine) + 1] = is_little ? EM_BPF : 0;
	assert_refused(&image, image.size,
		       is_little ? "'fw.bpf.o': big endian BPF, not this host's" :
				   "'fw.bpf.o': little endian BPF, not this host's");
}

static void read_refuses_a_32_bit_file(void **state)
{
	struct elf_image image;

	(void)state;
	make_object(&image, "", 0);
	image.bytes[EI_CLASS] = ELFCLASS32;
	assert_refused(&image, image.size, "'fw.bpf.o': not a 64-bit ELF file");
}

static void read_refuses_a_linked_file(void **state)
{
	struct elf_image image;

	(void)state;
	elf_image_open(&image);
	image.type = ET_DYN;
	elf_image_add(&image, "xdp", FLAGS_CODE, code, sizeof(code));
	elf_image_close(&image);
	assert_refused(&image, image.size,
		       "'fw.bpf.o': linked ELF, not an object as the compiler writes it");
}

static void read_refuses_an_object_without_a_program(void **state)
{
	static const char words[] = "BPF object without a program";
	struct elf_image image;
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "'fw.bpf.o': %s", words);
	elf_image_open(&image);
	elf_image_add(&image, ".rodata", SHF_ALLOC, code, sizeof(code));
	elf_image_close(&image);
	assert_refused(&image, image.size, expected);
	elf_image_open(&image);
	elf_image_add(&image, ".text", FLAGS_CODE, code, sizeof(code));
	elf_image_add(&image, "xdp", FLAGS_CODE, code, 0);
	elf_image_close(&image);
	assert_refused(&image, image.size, expected);
}

static void read_refuses_a_file_cut_anywhere(void **state)
{
	static const char entries[] = "name=firewall\0version=1.0.0";
	struct elf_image image;

	(void)state;
	make_object(&image, entries, sizeof(entries));
	for (size_t size = 4; size < image.size; size++)
		assert_refused(&image, size, "'fw.bpf.o': truncated or damaged ELF file");
}

/* No byte of the file may lead the reader astray, whatever it becomes. */
static void read_survives_any_one_byte_changed(void **state)
{
	static const char entries[] = "name=firewall\0version=1.0.0";
	struct elf_image image;

	(void)state;
	make_object(&image, entries, sizeof(entries));
	for (size_t i = 0; i < image.size; i++) {
		static const unsigned char masks[] = { 0x01, 0x80, 0xff };

		for (size_t m = 0; m < sizeof(masks); m++) {
			struct slot_manifest manifest = { .name = "untouched" };
			struct slot_reason why = { "" };
			int err;

			image.bytes[i] ^= masks[m];
			err = read_bytes(image.bytes, image.size, "fw.o", &why, &manifest);
			image.bytes[i] ^= masks[m];
			assert_true(err == 0 || err == -EINVAL);
			assert_int_equal(err != 0, why.text[0] != '\0');
			assert_int_equal(err != 0, !strcmp(manifest.name, "untouched"));
		}
	}
}

static void read_needs_no_place_for_its_reason(void **state)
{
	struct slot_manifest manifest;

	(void)state;
	assert_int_equal(slot_manifest_read("", 0, NULL, SHA256, NULL, &manifest), -EINVAL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(read_takes_every_entry),
	cmocka_unit_test(read_takes_every_hook),
	cmocka_unit_test(read_names_an_object_without_manifest_by_its_file_and_hash),
	cmocka_unit_test(read_cuts_a_file_name_that_is_too_long),
	cmocka_unit_test(read_names_an_object_without_any_name),
	cmocka_unit_test(read_fills_in_what_a_manifest_leaves_open),
	cmocka_unit_test(read_passes_over_padding_and_keys_of_later_versions),
	cmocka_unit_test(read_refuses_an_entry_twice_in_two_sections),
	cmocka_unit_test(read_refuses_what_is_no_elf_file),
	cmocka_unit_test(read_names_the_machine_of_another_object),
	cmocka_unit_test(read_refuses_the_other_byte_order),
	cmocka_unit_test(read_refuses_a_32_bit_file),
	cmocka_unit_test(read_refuses_a_linked_file),
	cmocka_unit_test(read_refuses_an_object_without_a_program),
	cmocka_unit_test(read_refuses_a_file_cut_anywhere),
	cmocka_unit_test(read_survives_any_one_byte_changed),
	cmocka_unit_test(read_needs_no_place_for_its_reason),
};

#define TESTS (sizeof(tests) / sizeof(tests[0]))

int main(void)
{
	static struct CMUnitTest all[TESTS + BADS];

	memcpy(all, tests, sizeof(tests));
	for (size_t i = 0; i < BADS; i++)
		all[TESTS + i] = (struct CMUnitTest){
			.name = bad_manifests[i].name,
			.test_func = read_refuses_bad_manifest,
			.initial_state = (void *)&bad_manifests[i],
		};
	return cmocka_run_group_tests_name("manifest", all, NULL, NULL);
}
