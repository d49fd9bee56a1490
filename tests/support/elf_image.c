/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/elf_image.h"

#include <assert.h>
#include <elf.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define ALIGN_8(n) (((n) + 7) & ~(size_t)7)

void elf_image_open(struct elf_image *image)
{
	memset(image, 0, sizeof(*image));
	image->machine = EM_BPF;
	image->type = ET_REL;
}

void elf_image_add(struct elf_image *image, const char *name, uint64_t flags, const void *data,
		   size_t size)
{
	assert(image->section_count < ELF_IMAGE_SECTIONS_MAX);
	image->sections[image->section_count++] = (struct elf_image_section){
		.name = name,
		.type = SHT_PROGBITS,
		.flags = flags,
		.data = data,
		.size = size,
	};
}

static uint64_t append(struct elf_image *image, const void *data, size_t size)
{
	size_t offset = ALIGN_8(image->size);

	assert(offset + size <= sizeof(image->bytes));
	memcpy(image->bytes + offset, data, size);
	image->size = offset + size;
	return offset;
}

/* Section 0 is empty, 1 holds the names, the others follow. */
void elf_image_close(struct elf_image *image)
{
	Elf64_Shdr headers[ELF_IMAGE_SECTIONS_MAX + 2] = { 0 };
	char names[512] = "\0.strtab";
	size_t names_size = sizeof("\0.strtab");
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB,
			     EV_CURRENT },
		.e_type = image->type,
		.e_machine = image->machine,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = image->section_count + 2,
		.e_shstrndx = 1,
	};

	image->size = sizeof(header);
	for (size_t i = 0; i < image->section_count; i++) {
		const struct elf_image_section *section = &image->sections[i];

		headers[i + 2] = (Elf64_Shdr){
			.sh_name = names_size,
			.sh_type = section->type,
			.sh_flags = section->flags,
			.sh_offset = append(image, section->data, section->size),
			.sh_size = section->size,
			.sh_addralign = 1,
		};
		assert(names_size + strlen(section->name) < sizeof(names));
		strcpy(names + names_size, section->name);
		names_size += strlen(section->name) + 1;
	}
	headers[1] = (Elf64_Shdr){
		.sh_name = 1,
		.sh_type = SHT_STRTAB,
		.sh_offset = append(image, names, names_size),
		.sh_size = names_size,
		.sh_addralign = 1,
	};
	header.e_shoff = append(image, headers, header.e_shnum * sizeof(headers[0]));
	memcpy(image->bytes, &header, sizeof(header));
}
