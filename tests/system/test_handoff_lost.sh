#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
# guest: test-all
#
# Clients that only wait: all they sent is acknowledged, they have no keepalive, and send nothing.
# Whoever dies while their connection moves, and does not come back, whatever fails or is cut off:
# they are told.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

NODE_BIN=$BED_TOOLS/handoff_node_faults
export HANDOFF_NODE_SAYS=1
EVERY=8000 # what a connection may send at first: none of it is unsent when it moves
TIMES=("${SHORT_TIMES[@]}")
STALL_MS=$((15000 * TAP_SCALE))

# time_of WORD: in milliseconds
time_of() {
	printf '%s\n' "${TIMES[@]}" | sed -n "s/^$1=//p"
}

# The table of docs/connection-handoff.md: within ready and half a second, or of who cannot be reached
# abandon, from when its link has been silent for six beats. Then who asks the client looks each
# second; the rest is for the machine.
SLACK_MS=$((5000 * TIMES_SCALE))
TOLD_MS=$(($(time_of ready) + 500 + SLACK_MS))
ABANDONED_MS=$(($(time_of abandon) + 6 * $(time_of beat) + SLACK_MS))
STOPPED_S=$((3 * TIMES_SCALE)) # longer than who gave waits for DONE

start_host() {
	case $1 in
	home) node_home "every=$EVERY" next=near "${TIMES[@]}" ;;
	*) node_other "$1" "every=$EVERY" "${TIMES[@]}" ;;
	esac
}

# Those that are over go by themselves; these rules would else be taken for theirs.
no_rules() {
	local host

	for host in home near; do
		bed_ctl --chain "$host:$host" handoff drop all >/dev/null
	done
}

start_agents() {
	local host

	for host in home near; do
		: >"$BED/log/agent_$host"
		spawn "$host" "$BED/log/agent_$host" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" \
			--chain "$host:$host" handoff agent
	done
}

are_gone() {
	local family

	for family in "${!LOADS[@]}"; do
		is_gone "${LOADS[$family]}" || return 1
	done
}

# told_ms FAMILY: how long after it had heard its last byte the client was told
told_ms() {
	sed -n 's/^# told .* heard \([0-9]*\) ms ago.*/\1/p' "$BED/log/load$1"
}

# wait_told WHAT FAMILY WITHIN_MS: the client, which waits, is told of an end
wait_told() {
	local words ms

	in_time "$1, IPv$2: the client is told" 20 are_gone
	words=$(load_end)
	ms=$(told_ms "$2")
	tap_note <<<"$words, told after ${ms:-no} ms, $3 allowed"
	is "$1, IPv$2: it had waited" \
		"$(value_of waiting "$words") $(value_of hung "$words") $(value_of corrupt "$words")" "1 0 0"
	succeeds "$1, IPv$2: in time" test "$ms" -le "$3"
	no_rules
}

# begin_waiting MOVES FAMILY
begin_waiting() {
	wait_for 20 is_linked near || bail "near is linked" "$(cat "$BED"/log/{home,near})"
	LOADS=()
	load_family "$2" 1 1000 "$STALL_MS" "$EVERY" "$1"
}

# try_until MOVES FAMILY COMMAND...: a move that is taken back, as a packet came at the wrong
# moment, is not tried again before the client sends more, so another client begins
try_until() {
	local n

	for n in 1 2 3 4 5; do
		begin_waiting "$1" "$2"
		wait_for 3 "${@:3}" && return
		load_end >/dev/null
		tap_note <<<"client $n was not moved"
	done
	return 1
}

# lose WHAT MOVES HOST POINT FAMILY...: HOST dies there with the connection, and stays dead
lose() {
	local what=$1 moves=$2 host=$3 point=$4 family

	for family in "${@:5}"; do
		node_arm "$host" "handoff.$point" 1 kill
		disown "${NODE[$host]}" # its death is no news
		succeeds "$what, IPv$family: $host dies" try_until "$moves" "$family" is_gone "${NODE[$host]}"
		node_disarm "$host"
		wait_told "$what" "$family" $TOLD_MS
		start_host "$host"
		wait_for 10 is_linked near || bail "near is linked again" "$(cat "$BED"/log/{home,near})"
	done
}

# fail WHAT MOVES FAMILY HOST POINT [HOST POINT]: these steps fail once
fail() {
	local what=$1 moves=$2 family=$3 host

	shift 3
	while (($#)); do
		node_arm "$1" "handoff.$2" 1 5
		shift 2
	done
	try_until "$moves" "$family" are_gone
	wait_told "$what" "$family" $TOLD_MS
	for host in home near; do node_disarm "$host"; done
}

serves() {
	(($(count "$1" taken) > $2))
}

# cut_off FAMILY: nobody reaches the host that serves
cut_off() {
	local before

	before=$(count near taken)
	succeeds "the way to who serves, IPv$1: near serves" try_until "$AWAY" "$1" serves near "$before"
	in_ns edge ip link set to_near down
	wait_told "the way to who serves" "$1" $ABANDONED_MS
	in_ns edge ip -batch - <<-END
		link set to_near up
		address replace ${HOST6[near]%10}1/64 dev to_near nodad
	END
	wait_for 20 is_linked near || bail "near is linked again" "$(cat "$BED"/log/{home,near})"
}

is_stopped() {
	grep -q '^State:.*stopped' "/proc/${NODE[$1]}/status"
}

# stop_at HOST POINT MOVES FAMILY: until somebody continues it
stop_at() {
	node_arm "$1" "handoff.$2" 1 stop
	succeeds "$1 stands still after $2, IPv$4" try_until "$3" "$4" is_stopped "$1"
	node_disarm "$1"
}

# is_quiet: no client was told, and none hangs, for a while
is_quiet() {
	sleep 1 # whoever hears something hears it at once
	! are_gone
}

# The giver stands still with its offer until its block has ended: it takes the connection back.
stand_still() {
	local kept

	kept=$(count home kept)
	stop_at home offer "$AWAY" "$1"
	sleep "$TIMES_SCALE" # its block lasts for ack and half a second
	kill -CONT "${NODE[home]}"
	in_time "then it takes the connection back" 10 eval "((\$(count home kept) > $kept))"
	succeeds "and nobody is told of an end" is_quiet
	load_end >/dev/null
}

# The same between the rule and the clock: packets may have passed the block before it was one of
# those that lead away, and what was captured is old.
stand_still_at_the_rule() {
	local before

	before=$(count home lost)
	stop_at home redirect "$AWAY" "$1"
	sleep "$TIMES_SCALE"
	kill -CONT "${NODE[home]}"
	wait_told "its block ends amid the step" "$1" "$TOLD_MS"
	is "home has given it up" "$(count home lost)" $((before + 1))
	succeeds "and says why" \
		grep -q '^lost: its block had ended before it was redirected' "$BED/log/home"
}

# The taker hears READY when it has given up.
come_late() {
	stop_at near ack "$AWAY" "$1"
	sleep "$STOPPED_S" # home has waited for DONE
	kill -CONT "${NODE[near]}"
	wait_told "READY comes late" "$1" $((TOLD_MS + STOPPED_S * 1000))
}

handoff_start
start_agents
start_host near
start_host home
wait_for 10 is_linked near || bail "home is linked" "$(cat "$BED"/log/{home,near})"

AWAY=1 # home gives it
BACK=2 # near gives it back
stand_still 4
stand_still_at_the_rule 6
fail "thawing fails" "$AWAY" 6 near restore home undo
fail "the taker fails to thaw it" "$AWAY" 4 near start
if [[ ${SLOTD_FAULTS:-} == all ]]; then
	fail "the taker, which is home, fails to thaw it" "$BACK" 6 home start
	fail "thawing fails at the giver, which is not home" "$BACK" 4 home restore near undo
	for point in block capture offer commit close; do
		lose "the giver at $point" "$AWAY" home "$point" 4 6
		lose "the giver, which is not home, at $point" "$BACK" near "$point" 4 6
	done
	for point in ack start "done"; do
		lose "the taker at $point" "$AWAY" near "$point" 4 6
		lose "the taker, which is home, at $point" "$BACK" home "$point" 4 6
	done
	come_late 4
	come_late 6
	cut_off 4
else
	lose "the giver at capture" "$AWAY" home capture 4
	lose "the giver, which is not home, at capture" "$BACK" near capture 6
	lose "the taker at ack" "$AWAY" near ack 6
fi
cut_off 6
done_testing
