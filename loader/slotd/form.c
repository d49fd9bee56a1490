/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/form.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

#define PROCESSOR_BUFFER_SIZE 4096

static bool grow_part(struct form_part *part, size_t need)
{
	size_t capacity = need < 65536 ? 65536 : need + need / 2;
	char *bigger;

	if (need <= part->capacity)
		return true;
	bigger = realloc(part->bytes, capacity);
	if (!bigger)
		return false;
	part->bytes = bigger;
	part->capacity = capacity;
	return true;
}

static struct form_part *add_part(struct form *form, const char *name)
{
	struct form_part *part = &form->parts[form->count];

	if (form->count == FORM_PARTS_MAX || strlen(name) >= FORM_NAME_MAX ||
	    form_find(form, name)) {
		form->err = form->count == FORM_PARTS_MAX ? -EFBIG : -EBADMSG;
		return NULL;
	}
	strcpy(part->name, name);
	form->count++;
	return part;
}

static int take_bytes(struct form *form, struct form_part *part, const char *bytes, size_t size)
{
	if (size > form->max - form->used)
		return -EFBIG;
	if (!size)
		return 0;
	if (!grow_part(part, part->size + size))
		return -ENOMEM;
	memcpy(part->bytes + part->size, bytes, size);
	part->size += size;
	form->used += size;
	return 0;
}

static enum MHD_Result on_part(void *data, enum MHD_ValueKind kind, const char *name,
			       const char *filename, const char *type, const char *encoding,
			       const char *bytes, uint64_t offset, size_t size)
{
	struct form *form = data;
	struct form_part *part;

	(void)kind, (void)filename, (void)type, (void)encoding;
	if (!name)
		form->err = -EBADMSG;
	if (form->err)
		return MHD_NO;
	part = offset && form->count ? &form->parts[form->count - 1] : add_part(form, name);
	if (part)
		form->err = take_bytes(form, part, bytes, size);
	return form->err ? MHD_NO : MHD_YES;
}

int form_open(struct MHD_Connection *connection, size_t max, struct form **ret_form)
{
	const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_CONTENT_TYPE);
	struct form *form;

	if (!type || strncasecmp(type, MHD_HTTP_POST_ENCODING_MULTIPART_FORMDATA,
				 strlen(MHD_HTTP_POST_ENCODING_MULTIPART_FORMDATA)) != 0)
		return -EINVAL;
	form = calloc(1, sizeof(*form));
	if (!form)
		return -ENOMEM;
	form->max = max;
	form->processor =
		MHD_create_post_processor(connection, PROCESSOR_BUFFER_SIZE, on_part, form);
	if (!form->processor) {
		free(form);
		return -EINVAL;
	}
	*ret_form = form;
	return 0;
}

static void drop_parts(struct form *form)
{
	for (size_t i = 0; i < form->count; i++)
		free(form->parts[i].bytes);
	form->count = 0;
	form->used = 0;
}

void form_take(struct form *form, const char *bytes, size_t size)
{
	if (form->err)
		return;
	if (MHD_post_process(form->processor, bytes, size) != MHD_YES && !form->err)
		form->err = -EBADMSG;
	if (form->err)
		drop_parts(form);
}

int form_close(struct form *form)
{
	enum MHD_Result whole = MHD_destroy_post_processor(form->processor);

	form->processor = NULL;
	if (!form->err && (whole != MHD_YES || !form->count))
		form->err = -EBADMSG;
	return form->err;
}

const struct form_part *form_find(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->count; i++)
		if (!strcmp(form->parts[i].name, name))
			return &form->parts[i];
	return NULL;
}

void form_free(struct form *form)
{
	if (!form)
		return;
	if (form->processor)
		MHD_destroy_post_processor(form->processor);
	drop_parts(form);
	free(form);
}
