/* SPDX-License-Identifier: GPL-2.0-only */
/* A small ELF object in memory, as the compiler would write it, or damaged on purpose. */
#ifndef ELF_IMAGE_H
#define ELF_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define ELF_IMAGE_SECTIONS_MAX 8
#define ELF_IMAGE_SIZE_MAX 4096

struct elf_image_section {
	const char *name;
	uint32_t type;
	uint64_t flags;
	const void *data;
	size_t size;
};

struct elf_image {
	uint16_t machine;
	uint16_t type;
	struct elf_image_section sections[ELF_IMAGE_SECTIONS_MAX];
	size_t section_count;
	unsigned char bytes[ELF_IMAGE_SIZE_MAX];
	size_t size;
};

/* elf_image_open - a BPF object that so far has nothing. */
void elf_image_open(struct elf_image *image);

/* elf_image_add - a section; @data must last until elf_image_close. */
void elf_image_add(struct elf_image *image, const char *name, uint64_t flags, const void *data,
		   size_t size);

/* elf_image_close - write everything into image->bytes. */
void elf_image_close(struct elf_image *image);

#endif
