/* SPDX-License-Identifier: GPL-2.0-only */
/* A body of several parts (multipart/form-data), kept as it comes in, on one account. */
#ifndef SLOTD_FORM_H
#define SLOTD_FORM_H

#include <stdbool.h>
#include <stddef.h>

struct MHD_Connection;
struct MHD_PostProcessor;

#define FORM_PARTS_MAX 64
#define FORM_NAME_MAX 32

struct form_part {
	char name[FORM_NAME_MAX];
	char *bytes; /* not terminated; NULL for an empty one */
	size_t size;
	size_t capacity;
};

struct form {
	struct MHD_PostProcessor *processor;
	struct form_part parts[FORM_PARTS_MAX];
	size_t count;
	size_t used; /* bytes of all parts */
	size_t max;
	int err; /* the first thing that went wrong */
};

/*
 * form_open - for the body of @connection, @max bytes in all parts. Returns 0,
 * -EINVAL where its headers do not announce a form, or -ENOMEM. @ret_form: form_free.
 */
int form_open(struct MHD_Connection *connection, size_t max, struct form **ret_form);

/* form_take - the next bytes of the body. What goes wrong is told in the end. */
void form_take(struct form *form, const char *bytes, size_t size);

/*
 * form_close - the body is over. Returns 0, -EBADMSG for what is no form or broke
 * off, -EFBIG for too many bytes or parts, or -ENOMEM.
 */
int form_close(struct form *form);

/* form_find - the part @name, or NULL; owned by @form. */
const struct form_part *form_find(const struct form *form, const char *name);

void form_free(struct form *form);

#endif
