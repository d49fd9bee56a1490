/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scoped ownership: what a function opens and does not hand over, it closes. */
#ifndef SLOT_CLEANUP_H
#define SLOT_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void slot_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void slot_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void slot_cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void slot_cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define _cleanup_free_ _cleanup_(slot_cleanup_free)
#define _cleanup_close_ _cleanup_(slot_cleanup_close)
#define _cleanup_fclose_ _cleanup_(slot_cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(slot_cleanup_closedir)

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_fd_ = (fd);                                                               \
		(fd) = -1;                                                                         \
		take_fd_;                                                                          \
	})

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) take_ptr_ = (p);                                                     \
		(p) = NULL;                                                                        \
		take_ptr_;                                                                         \
	})

#endif
