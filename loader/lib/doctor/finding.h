/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the doctor found: one trouble, where it is, why it hurts, and what to do. Pure. */
#ifndef SLOT_FINDING_H
#define SLOT_FINDING_H

#include "loader/lib/doctor/picture.h"

#define SLOT_FINDING_TEXT_MAX 400

enum slot_severity {
	SLOT_NOTE,    /* good to know; harms nothing as it is */
	SLOT_WARNING, /* some traffic suffers, or will */
	SLOT_ERROR,   /* traffic is lost */
	SLOT_SEVERITIES,
};

/* What is empty, or 0, is left out. */
struct slot_finding_place {
	char netns[SLOT_PICTURE_NAME_MAX];
	char interface[IFNAMSIZ];
	char chain[SLOT_CHAIN_NAME_MAX];
	char address[SLOT_ADDR_TEXT_MAX];
	__u16 port;
	__u32 socket; /* its inode, 0: none; host/look.h tells whose it is: */
	char process[SLOT_PICTURE_NAME_MAX];
	unsigned int sockets; /* how many of that process there are, 0: one */
};

struct slot_finding {
	const char *check; /* its name in the table of checks */
	enum slot_severity severity;
	const char *why; /* a literal: why it hurts */
	struct slot_finding_place place;
	char what[SLOT_FINDING_TEXT_MAX];
	char next[SLOT_FINDING_TEXT_MAX];
};

struct slot_findings {
	struct slot_finding *items;
	size_t count;
	bool is_short; /* memory ran out: some are missing */
};

/*
 * slot_findings_add - append a copy of @finding with its `what` made by @fmt,
 * printf-like; its other members are said already. What is there of the same place is not told
 * twice. Running out of memory is remembered.
 */
void slot_findings_add(struct slot_findings *findings, const struct slot_finding *finding,
		       const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * slot_findings_merge - leave one of those that say the same of several sockets of one process,
 * once it is known whose they are; it says how many.
 */
void slot_findings_merge(struct slot_findings *findings);
void slot_findings_free(struct slot_findings *findings);

/* slot_finding_set_next - what to do about it, printf-like. */
void slot_finding_set_next(struct slot_finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* slot_finding_at - in this netns, on this link, in this chain, at this address; NULL: left out. */
void slot_finding_at(struct slot_finding *finding, const struct slot_picture_netns *netns,
		     const struct slot_picture_link *link, const struct slot_picture_chain *chain,
		     const struct slot_addr *addr);

/* slot_severity_name - "note", "warning", "error". */
const char *slot_severity_name(enum slot_severity severity);

/* slot_findings_has - whether one of them is @severity or worse. */
bool slot_findings_has(const struct slot_findings *findings, enum slot_severity severity);

#endif
