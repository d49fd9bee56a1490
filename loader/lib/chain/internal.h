/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the chain share with each other and with nobody else. */
#ifndef SLOT_CHAIN_INTERNAL_H
#define SLOT_CHAIN_INTERNAL_H

#include "loader/lib/chain/chain.h"

struct slot_chain_before;

#define SLOT_PIN_MAPS "maps"
#define SLOT_PIN_CODE "arrays" /* of a generation: "arrays_NN", the program arrays of slot NN */

/* Write down what the chain desires now. Returns 0 or -errno, says why. */
int slot_chain_save(const struct slot_chain *chain, struct slot_reason *why);

/*
 * Let this thread work in the chain's netns, until slot_netns_leave(@ret_home).
 * Returns 0 or -errno, says why.
 */
int slot_chain_enter(const struct slot_chain *chain, int *ret_home, struct slot_reason *why);

/*
 * Look up the chain's interface, and take over the folder of what that was before, or say
 * where the folder will be. Returns 0 or -errno, says why.
 */
int slot_chain_find_dir(struct slot_chain *chain, struct slot_reason *why);

/* -ENODEV and why: what the chain belongs to is not there. */
int slot_chain_refuse_absent(const struct slot_chain *chain, struct slot_reason *why);

/*
 * The seat of a chain of sk_reuseport (host/jump.h): put @prog_fd into it, with the jump and
 * the way to the chain's maps pinned where applications look; @ret_seat_fd is the caller's.
 * slot_chain_seat_pin does the latter alone, again. Return 0 or -errno; the first says why.
 */
int slot_chain_seat_attach(const struct slot_chain *chain, int prog_fd, struct slot_reason *why,
			   int *ret_seat_fd);
int slot_chain_seat_pin(const struct slot_chain *chain, int seat_fd);

/*
 * Where the maps of whom @maps_of names are pinned, into @ret_dir (PATH_MAX bytes): of a slot of
 * this chain, or of another one of the interface. Returns 0, -ENOENT where it names nobody.
 */
int slot_chain_lender_dir(const struct slot_chain *chain, const char *maps_of, char *ret_dir);

/* Attach @prog_fd to the chain's interface and pin the link. Returns 0 or -errno, says why. */
int slot_chain_attach(struct slot_chain *chain, int prog_fd, struct slot_reason *why);

/*
 * Move what is attached from @old_fd to @new_fd, atomic per packet. Returns 0, -EPERM
 * when something else than @old_fd runs, or -errno.
 */
int slot_chain_move(struct slot_chain *chain, int new_fd, int old_fd);

/*
 * The same for a chain without a link: take over from a program @old_fd that is not
 * slotd's, move on, give it back, take the chain off, say in chain->left what taking it
 * off does not reach; whether it runs.
 */
int slot_chain_unlinked_take(struct slot_chain *chain, int new_fd, int old_fd);
int slot_chain_unlinked_move(struct slot_chain *chain, int new_fd);
int slot_chain_unlinked_give_back(struct slot_chain *chain, int old_fd);
void slot_chain_unlinked_release(struct slot_chain *chain);
void slot_chain_unlinked_say_left(struct slot_chain *chain);
bool slot_chain_unlinked_is_attached(const struct slot_chain *chain);

/*
 * The program that runs without a link, if it is the root of one of the chain's generations:
 * the chain holds it from then on. Returns its id or 0.
 */
__u32 slot_chain_unlinked_find(struct slot_chain *chain);

/*
 * Attach @prog_fd, in the chain's netns, by a filter of a qdisc clsact, which is made where
 * there is none; one that slotd left there, of whatever generation, gives its place to it.
 * Returns 0 or -errno, says why. A qdisc that slotd made is marked in the
 * folders of the chains that use it: _sweep removes it when no filter is left on it, nobody's,
 * and the mark with it; _forget lets it be, as one that may be somebody else's by now; _leave
 * keeps the marks of a chain that goes, where it leaves roots behind (leftover.h).
 */
int slot_chain_clsact_attach(struct slot_chain *chain, int prog_fd, struct slot_reason *why);
void slot_chain_clsact_sweep(const struct slot_chain *chain);
void slot_chain_clsact_forget(const struct slot_chain *chain);
void slot_chain_clsact_leave(const struct slot_chain *chain);

/* Steps of slot_chain_adopt: put @root_fd in the dispatcher's place, give that back, remove libxdp's pins. */
int slot_chain_replace_dispatcher(struct slot_chain *chain, int root_fd, struct slot_reason *why);
int slot_chain_return_dispatcher(struct slot_chain *chain);
int slot_chain_finish_adoption(struct slot_chain *chain, struct slot_reason *why);

/*
 * Pin the link and the totals again where somebody has removed their pins: a link
 * that slotd alone holds would end with it, and bare the interface. Returns 0 or
 * -errno, says why.
 */
int slot_chain_repin(const struct slot_chain *chain, struct slot_reason *why);

/* Take the link away: unpinned first, closed last, so that the detach is over on return. */
void slot_chain_unlink(struct slot_chain *chain);

/*
 * The steps of slot_chain_detach. The first records that the chain is to be off, which
 * the second takes back, and the third carries out: it cannot fail but for litter that
 * stays. All return 0 or -errno, and say why; where the first fails nothing is changed.
 */
int slot_chain_intend_detach(struct slot_chain *chain, bool keep_off, struct slot_reason *why,
			     struct slot_chain_before *ret_before);
int slot_chain_cancel_detach(struct slot_chain *chain, const struct slot_chain_before *before,
			     struct slot_reason *why);
int slot_chain_finish_detach(struct slot_chain *chain, const struct slot_chain_before *before,
			     struct slot_reason *why);

/*
 * Put the current generation's maps where the chain keeps them: those that it
 * brought, or that were set aside when it was left, move in, and what they
 * replace is set aside with the previous generation. Then make all of them their
 * slot owner's: 0600 for a user, 0660 for a group, and the slot's folder 0500 or 0550. Safe to repeat, and has to
 * succeed before the current generation changes again: then what stands in the
 * chain's place are the maps of the current one. Returns 0 or -errno, says why.
 */
int slot_chain_settle_maps(const struct slot_chain *chain, struct slot_reason *why);

/*
 * Pin the maps of the running programs again whose pins somebody removed while slotd was
 * away; chain->lost says which, and which not. Whether any was: slot_chain_settle_maps
 * has to give it to its owner.
 */
bool slot_chain_repair_maps(struct slot_chain *chain);

/* Remove @generation from kernel and disk and free it, uncounted. NULL is fine. */
void slot_chain_drop(const struct slot_chain *chain, struct slot_generation *generation);

/*
 * Fold what @generation counted into the totals and drop it. Where it cannot be folded it
 * waits in chain->unfolded, pinned and recorded, and counts as before; each later call and
 * the next start try again. Returns 0, -EAGAIN when it waits, another -errno when what it
 * counted is lost; @why says so.
 */
int slot_chain_retire(struct slot_chain *chain, struct slot_generation *generation,
		      struct slot_reason *why);

#endif
