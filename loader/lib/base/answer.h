/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of one of several things that were asked for together. */
#ifndef SLOT_ANSWER_H
#define SLOT_ANSWER_H

struct slot_answer {
	int err;	/* 0, or -errno */
	char text[248]; /* why, in words; may be empty */
};

#endif
