/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/manifest.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <gelf.h>
#include <libelf.h>

#include "bpf/manifest.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/run_config.h"

#define HOST_DATA (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)
#define SHA_DIGITS_SHOWN 12
#define INSN_SIZE 8

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-"
#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

enum entry_key {
	ENTRY_NAME,
	ENTRY_VERSION,
	ENTRY_HOOK,
	ENTRY_MAP_ABI,
	ENTRY_ENTRY,
	ENTRY_MIGRATE,
	ENTRY_COUNT,
};

static const char *const entry_names[ENTRY_COUNT] = {
	[ENTRY_NAME] = "name",	     [ENTRY_VERSION] = "version", [ENTRY_HOOK] = "hook",
	[ENTRY_MAP_ABI] = "map_abi", [ENTRY_ENTRY] = "entry",	  [ENTRY_MIGRATE] = "migrate",
};

struct object {
	const unsigned char *bytes;
	size_t size;
	const char *shown; /* for messages */
	struct slot_reason *why;
	bool has_program;
	bool has_entry[ENTRY_COUNT];
	struct slot_manifest manifest;
};

static void slot_cleanup_elf_end(Elf **elf)
{
	elf_end(*elf);
}

/* --- the file ------------------------------------------------------------------------------ */

static const char *name_machine(unsigned int machine)
{
	switch (machine) {
	case EM_386:
		return "x86";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "ARM";
	case EM_AARCH64:
		return "ARM64";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "POWER";
	case EM_S390:
		return "S/390";
	default:
		return "another machine";
	}
}

static int check_ident(const struct object *object, unsigned int machine)
{
	const unsigned char *ident = object->bytes;

	if (machine != EM_BPF)
		return slot_reason_set(object->why, -EINVAL, "'%s': ELF for %s, not BPF",
				       object->shown, name_machine(machine));
	if (ident[EI_DATA] != HOST_DATA)
		return slot_reason_set(object->why, -EINVAL, "'%s': %s endian BPF, not this host's",
				       object->shown,
				       ident[EI_DATA] == ELFDATA2MSB ? "big" : "little");
	if (ident[EI_CLASS] != ELFCLASS64)
		return slot_reason_set(object->why, -EINVAL, "'%s': not a 64-bit ELF file",
				       object->shown);
	return 0;
}

static int refuse_truncated(const struct object *object)
{
	return slot_reason_set(object->why, -EINVAL, "'%s': truncated or damaged ELF file",
			       object->shown);
}

static int check_table(const struct object *object, const Elf64_Ehdr *header)
{
	if (header->e_type != ET_REL)
		return slot_reason_set(object->why, -EINVAL,
				       "'%s': linked ELF, not an object as the compiler writes it",
				       object->shown);
	if (!header->e_shoff || header->e_shentsize != sizeof(Elf64_Shdr) ||
	    header->e_shoff > object->size ||
	    header->e_shnum > (object->size - header->e_shoff) / sizeof(Elf64_Shdr))
		return refuse_truncated(object);
	return 0;
}

/* The machine is judged in the file's own byte order, so that it can be named. */
static int check_header(const struct object *object)
{
	unsigned int machine;
	Elf64_Ehdr header;
	int err;

	if (!object->size)
		return slot_reason_set(object->why, -EINVAL, "'%s': empty file", object->shown);
	if (object->size < SELFMAG || memcmp(object->bytes, ELFMAG, SELFMAG) != 0)
		return slot_reason_set(object->why, -EINVAL, "'%s': not an ELF file",
				       object->shown);
	if (object->size < sizeof(Elf32_Ehdr))
		return refuse_truncated(object);
	memcpy(&header, object->bytes, sizeof(Elf32_Ehdr));
	machine = object->bytes[EI_DATA] == ELFDATA2MSB ? be16toh(header.e_machine) :
							  le16toh(header.e_machine);
	err = check_ident(object, machine);
	if (err)
		return err;
	if (object->size < sizeof(header))
		return refuse_truncated(object);
	memcpy(&header, object->bytes, sizeof(header));
	return check_table(object, &header);
}

/* --- the manifest -------------------------------------------------------------------------- */

static int refuse_entry(const struct object *object, enum entry_key key, const char *accepted)
{
	return slot_reason_set(object->why, -EINVAL, "'%s': manifest: %s: %s expected",
			       object->shown, entry_names[key], accepted);
}

static int set_word(struct object *object, enum entry_key key, const char *value, const char *chars,
		    size_t size)
{
	struct slot_manifest *manifest = &object->manifest;
	char *ret = key == ENTRY_NAME	 ? manifest->name :
		    key == ENTRY_VERSION ? manifest->version :
					   manifest->entry;
	char accepted[64];
	size_t len = strlen(value);

	snprintf(accepted, sizeof(accepted), "1 to %zu of letters, digits and %s", size - 1,
		 key == ENTRY_ENTRY ? "_" : "._+~-");
	if (!len || len >= size || strspn(value, chars) != len)
		return refuse_entry(object, key, accepted);
	memcpy(ret, value, len + 1);
	return 0;
}

static int set_map_abi(struct object *object, const char *value)
{
	unsigned long long number = 0;
	size_t len = strlen(value);

	if (!len || len > 10 || strspn(value, "0123456789") != len)
		return refuse_entry(object, ENTRY_MAP_ABI, "a number");
	for (; *value; value++)
		number = number * 10 + (*value - '0');
	if (number > UINT32_MAX)
		return refuse_entry(object, ENTRY_MAP_ABI, "a number of 32 bits");
	object->manifest.map_abi = (unsigned int)number;
	return 0;
}

/* Of plain characters, so that it reads the same in every message. */
static int set_migrate(struct object *object, const char *value)
{
	size_t len = strlen(value);

	if (value[0] != '/' || len >= sizeof(object->manifest.migrate) ||
	    strspn(value, NAME_CHARS "/") != len)
		return refuse_entry(object, ENTRY_MIGRATE,
				    "an absolute path of letters, digits and ._+~-/");
	memcpy(object->manifest.migrate, value, len + 1);
	return 0;
}

static int set_hook(struct object *object, const char *value)
{
	struct slot_manifest *manifest = &object->manifest;
	enum slot_hook hook;

	for (hook = 0; hook < SLOT_HOOK_COUNT; hook++) {
		if (strcmp(value, slot_hook_name(hook)) != 0)
			continue;
		manifest->has_hook = true;
		manifest->hook = hook;
		return 0;
	}
	return refuse_entry(object, ENTRY_HOOK,
			    "one of xdp, tc-ingress, tc-egress, sock_ops, sk_lookup, sk_reuseport");
}

static int set_entry(struct object *object, enum entry_key key, const char *value)
{
	struct slot_manifest *manifest = &object->manifest;

	if (object->has_entry[key])
		return slot_reason_set(object->why, -EINVAL, "'%s': manifest: %s is there twice",
				       object->shown, entry_names[key]);
	object->has_entry[key] = true;
	switch (key) {
	case ENTRY_NAME:
		return set_word(object, key, value, NAME_CHARS, sizeof(manifest->name));
	case ENTRY_VERSION:
		return set_word(object, key, value, NAME_CHARS, sizeof(manifest->version));
	case ENTRY_ENTRY:
		return set_word(object, key, value, WORD_CHARS, sizeof(manifest->entry));
	case ENTRY_MAP_ABI:
		return set_map_abi(object, value);
	case ENTRY_MIGRATE:
		return set_migrate(object, value);
	default:
		return set_hook(object, value);
	}
}

/* One NUL-terminated "key=value"; a key from a later version means nothing to this one. */
static int read_entry(struct object *object, const char *text)
{
	const char *value = strchr(text, '=');

	if (!value || value == text)
		return slot_reason_set(object->why, -EINVAL,
				       "'%s': manifest: an entry that is not key=value",
				       object->shown);
	for (enum entry_key key = 0; key < ENTRY_COUNT; key++) {
		size_t len = strlen(entry_names[key]);

		if ((size_t)(value - text) == len && !memcmp(text, entry_names[key], len))
			return set_entry(object, key, value + 1);
	}
	return 0;
}

static int read_section(struct object *object, const char *data, size_t size)
{
	object->manifest.present = true;
	if (size && data[size - 1] != '\0')
		return slot_reason_set(object->why, -EINVAL,
				       "'%s': manifest: the last entry has no end", object->shown);
	while (size) {
		size_t len = strlen(data);
		int err = len ? read_entry(object, data) : 0; /* padding is no entry */

		if (err)
			return err;
		data += len + 1;
		size -= len + 1;
	}
	return 0;
}

/* --- sections ------------------------------------------------------------------------------ */

static int visit_section(struct object *object, const GElf_Shdr *header, const char *name)
{
	if (header->sh_type == SHT_NOBITS || header->sh_type == SHT_NULL)
		return 0;
	if (header->sh_offset > object->size || header->sh_size > object->size - header->sh_offset)
		return refuse_truncated(object);
	if (header->sh_type != SHT_PROGBITS)
		return 0;
	/* .text holds functions that programs call, never a program */
	if (header->sh_flags & SHF_EXECINSTR && header->sh_size >= INSN_SIZE &&
	    strcmp(name, ".text") != 0)
		object->has_program = true;
	if (!strcmp(name, ".BTF")) {
		object->manifest.btf_offset = header->sh_offset;
		object->manifest.btf_size = header->sh_size;
	}
	if (strcmp(name, SLOT_MANIFEST_SECTION) != 0)
		return 0;
	return read_section(object, (const char *)object->bytes + header->sh_offset,
			    header->sh_size);
}

static int visit_sections(struct object *object)
{
	_cleanup_(slot_cleanup_elf_end) Elf *elf = NULL;
	Elf_Scn *section = NULL;
	size_t names;

	elf_version(EV_CURRENT);
	/* libelf only reads: the memory is not its own */
	elf = elf_memory((char *)object->bytes, object->size);
	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names))
		return refuse_truncated(object);
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name;
		int err;

		if (!gelf_getshdr(section, &header))
			return refuse_truncated(object);
		name = elf_strptr(elf, names, header.sh_name);
		if (!name)
			return refuse_truncated(object);
		err = visit_section(object, &header, name);
		if (err)
			return err;
	}
	if (!object->has_program)
		return slot_reason_set(object->why, -EINVAL, "'%s': BPF object without a program",
				       object->shown);
	return 0;
}

/* --- what the manifest leaves open --------------------------------------------------------- */

static void name_by_file(struct slot_manifest *manifest, const char *file_name)
{
	size_t len = strcspn(file_name, ".");

	if (len >= sizeof(manifest->name))
		len = sizeof(manifest->name) - 1;
	for (size_t i = 0; i < len; i++)
		manifest->name[i] = strchr(NAME_CHARS, file_name[i]) ? file_name[i] : '_';
	if (!len)
		strcpy(manifest->name, "object");
}

int slot_manifest_read(const void *bytes, size_t size, const char *file_name, const char *sha256,
		       struct slot_reason *why, struct slot_manifest *ret_manifest)
{
	struct object object = {
		.bytes = bytes,
		.size = size,
		.shown = file_name ? file_name : "object",
		.why = why,
		.manifest = { .hook = SLOT_HOOK_XDP },
	};
	struct slot_manifest *manifest = &object.manifest;
	int err;

	err = check_header(&object);
	if (!err)
		err = visit_sections(&object);
	if (err)
		return err;
	if (!object.has_entry[ENTRY_NAME])
		name_by_file(manifest, object.shown);
	if (!object.has_entry[ENTRY_VERSION])
		snprintf(manifest->version, sizeof(manifest->version), "%.*s", SHA_DIGITS_SHOWN,
			 sha256);
	*ret_manifest = *manifest;
	return 0;
}

int slot_manifest_run_config(const struct slot_manifest *manifest, const void *bytes,
			     const char *function, struct slot_reason *why,
			     struct slot_run_config *ret_run)
{
	int err = slot_run_config_read((const char *)bytes + manifest->btf_offset,
				       manifest->btf_size, *function ? function : manifest->entry,
				       why, ret_run);

	return err ? slot_reason_prefix(why, err, "'%s': ", manifest->name) : 0;
}
