/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one host does about one connection that moves: what happens goes in, what is to be done
 * comes out. Pure; the clock, the sockets and the other host are the caller's (handoff_host.c).
 *
 * *Home* is the host that the client's packets reach. The *giver* has the connection and blocks,
 * captures and offers it; the *taker* restores it silently and says so (ACK); the giver then
 * gives its socket up, for good, and says that (READY); only then does the taker serve (DONE).
 * So at each moment one of them at most may send or receive. Until it commits the giver can go
 * back; after that the taker serves, or the client is reset.
 *
 * Each attempt to move a connection has a turn of its own, higher than those before it: what is
 * said of an older one is told from what is said of this.
 */
#ifndef HANDOFF_MACHINE_H
#define HANDOFF_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum handoff_stage {
	HANDOFF_NOWHERE, /* nothing is known of it, or no longer */
	HANDOFF_OWNED,	 /* the application has it */
	/* of the giver */
	HANDOFF_BLOCKING,
	HANDOFF_CAPTURING,
	HANDOFF_OFFERED, /* waits for ACK */
	HANDOFF_COMMITTING,
	HANDOFF_UNDOING,
	HANDOFF_GIVEN, /* READY is said, waits for DONE */
	HANDOFF_AWAY,  /* home, while another host serves */
	/* of the taker */
	HANDOFF_RESTORING,
	HANDOFF_PREPARING,
	HANDOFF_RESTORED, /* ACK is said, waits for READY */
	HANDOFF_STARTING,
	HANDOFF_ENDING, /* no socket; the rule goes when no packet needs it */
	HANDOFF_STAGE_COUNT,
};

enum handoff_event_kind {
	/* the application */
	HANDOFF_ON_GIVE,
	HANDOFF_ON_CLOSED, /* what it took is closed */
	/* messages, with their turn; REQUEST and BACK are an offer each */
	HANDOFF_ON_OFFER,
	HANDOFF_ON_REFUSE,
	HANDOFF_ON_ACK,
	HANDOFF_ON_READY,
	HANDOFF_ON_DONE,
	HANDOFF_ON_RESET,
	HANDOFF_ON_CANCEL,
	HANDOFF_ON_GONE,
	HANDOFF_ON_OVER,
	/* the step that was asked for */
	HANDOFF_ON_STEP_DONE,
	HANDOFF_ON_STEP_FAILED, /* and left nothing behind */
	HANDOFF_ON_STEP_LATE,	/* COMMIT was carried out, but its time was over */
	/* time, and the link to the other host */
	HANDOFF_ON_TIMEOUT,
	HANDOFF_ON_LINK_LOST,
	HANDOFF_ON_LINK_BACK, /* to the same process */
	/* to another process: what the one before it had is gone, but for what it had lent */
	HANDOFF_ON_PEER_NEW,
	HANDOFF_EVENT_COUNT,
};

struct handoff_event {
	enum handoff_event_kind kind;
	uint32_t turn; /* of messages */
};

enum handoff_action_kind {
	HANDOFF_DO_NOTHING, /* in no list */
	/*
	 * Steps: the last of their list, answered by STEP_DONE or STEP_FAILED before anything else.
	 */
	HANDOFF_DO_BLOCK,   /* what comes in, until the deadline */
	HANDOFF_DO_CAPTURE, /* the socket; what failed left it as it was */
	HANDOFF_DO_COMMIT,  /* if it is as captured and in time; home: block becomes redirect */
	HANDOFF_DO_UNDO,    /* thaw it if it is frozen, and the rule as it was before BLOCK */
	HANDOFF_DO_RESTORE, /* a socket, frozen */
	HANDOFF_DO_PREPARE, /* the rule: blocked; not home: with rewrite */
	HANDOFF_DO_START,   /* the rule lets packets in, the socket is thawed */
	HANDOFF_DO_SWEEP,   /* remove the rule if its connection is over; else it has failed */
	/* These cannot fail, or nothing can be done about it. */
	HANDOFF_DO_CLOSE,   /* the frozen socket, silently */
	HANDOFF_DO_DROP,    /* the same, if there is one, and the rule as before PREPARE */
	HANDOFF_DO_ABORT,   /* reset the client; the socket is the application's to close */
	HANDOFF_DO_RELEASE, /* home: no rule; else none that blocks: the client hears a reset */
	HANDOFF_DO_RESET,   /* tell the client at once, from the frozen socket or from its state */
	HANDOFF_DO_PROBE,   /* have it say something: who serves it goes on, else it is reset */
	/* messages, of the action's turn */
	HANDOFF_SAY_OFFER,
	HANDOFF_SAY_REFUSE,
	HANDOFF_SAY_ACK,
	HANDOFF_SAY_READY,
	HANDOFF_SAY_DONE,
	HANDOFF_SAY_RESET,
	HANDOFF_SAY_CANCEL,
	HANDOFF_SAY_GONE,
	HANDOFF_SAY_OVER,
	/* to the application */
	HANDOFF_TELL_KEPT,  /* it was not given: its socket is as before */
	HANDOFF_TELL_GIVEN, /* the other host serves it */
	HANDOFF_TELL_LOST,  /* nobody has it: the client is reset */
	HANDOFF_TELL_TAKEN, /* it came here */
	HANDOFF_ACTION_COUNT,
};

struct handoff_action {
	enum handoff_action_kind kind;
	uint32_t turn; /* of messages */
};

#define HANDOFF_ACTIONS_MAX 6

struct handoff_actions {
	struct handoff_action list[HANDOFF_ACTIONS_MAX];
	size_t count;
};

/* What a stage waits for at most; how long is the caller's. */
enum handoff_timer {
	HANDOFF_TIMER_NONE,
	HANDOFF_TIMER_ACK,   /* the giver */
	HANDOFF_TIMER_READY, /* the taker: longer than the giver waits for ACK */
	/* The giver: longer than the taker waits for READY; home answers who gave it for as long. */
	HANDOFF_TIMER_DONE,
	HANDOFF_TIMER_ABANDON, /* home, without a link to who serves */
	HANDOFF_TIMER_LINGER,  /* between two sweeps */
	HANDOFF_TIMER_COUNT,
};

/*
 * What is offered in a later turn is refused: counting on from it would come to an end, and 0 is no
 * turn. No connection gets there that was not offered so.
 */
#define HANDOFF_TURN_MAX (UINT32_MAX / 2)

struct handoff_machine {
	enum handoff_stage stage;
	uint32_t turn; /* of the last attempt; 0: none yet */
	bool is_home;
	bool is_linked; /* to the other host */
};

/*
 * handoff_machine_step - @event happens to @machine; *ret_actions are to be carried out in their
 * order. Every event may come at every stage, the answer to a step only after it. Who is
 * HANDOFF_NOWHERE after it may be forgotten, and a new machine at that stage, with is_home and
 * is_linked set, answers what is said of a connection that nothing is known of.
 */
void handoff_machine_step(struct handoff_machine *machine, const struct handoff_event *event,
			  struct handoff_actions *ret_actions);

/* handoff_machine_takes - whether an offer of @turn would be taken now; else it changes nothing. */
bool handoff_machine_takes(const struct handoff_machine *machine, uint32_t turn);

/* handoff_machine_timer - what runs at this stage, from the moment that it began. */
enum handoff_timer handoff_machine_timer(const struct handoff_machine *machine);

/* handoff_stage_name - for a log; "?" for what is none. */
const char *handoff_stage_name(enum handoff_stage stage);

#endif
