#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
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
WORDS=(nodelay=1) # or what is sent last may wait for an answer, and is unsent
STALL_MS=$((15000 * TAP_SCALE))
# Emulated processors take their time.
IS_LONG=
[[ ${SLOTD_FAULTS:-} != all || ${SLOTD_TIER:-} == vm ]] || IS_LONG=1
TIMES=("${SHORT_TIMES[@]}")
# Twice the time to READY, or to DONE, is more than is allowed for the machine.
[[ -z $IS_LONG ]] || TIMES+=(ready=2500 "done=3300" abandon=4000)

# time_of WORD: in milliseconds
time_of() {
	printf '%s\n' "${TIMES[@]}" | sed -n "s/^$1=//p" | tail -n 1
}

# The table of docs/connection-handoff.md, in milliseconds; the rest is for the machine, which make
# test asks nothing of.
SLACK_MS=$((10000 * TIMES_SCALE))
[[ -z $IS_LONG ]] || SLACK_MS=2000
LOOK_MS=1000 # the agent looks each second, and who asks the client does so again after one
GRACE_MS=500 # that a block lasts longer than what it waits for
AT_ONCE_MS=0
BLOCK_MS=$(($(time_of ack) + GRACE_MS))
READY_MS=$(time_of ready)
DONE_MS=$(time_of "done")
ABANDON_MS=$(($(time_of abandon) + 6 * $(time_of beat)))
STOPPED_MS=$((DONE_MS + 700)) # longer than who gave waits for DONE

start_host() {
	case $1 in
	home) node_home "every=$EVERY" next=near "${TIMES[@]}" "${WORDS[@]}" ;;
	*) node_other "$1" "every=$EVERY" "${TIMES[@]}" "${WORDS[@]}" ;;
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

# One that hangs is gone as well, in the end.
are_told() {
	local family

	for family in "${!LOADS[@]}"; do
		is_gone "${LOADS[$family]}" && grep -q '^# told' "$BED/log/load$family" || return 1
	done
}

# told_ms FAMILY: how long after it had heard its last byte the client was told
told_ms() {
	sed -n 's/^# told .* heard \([0-9]*\) ms ago.*/\1/p' "$BED/log/load$1"
}

# wait_told WHAT FAMILY WITHIN_MS: the client, which waits, is told of an end
wait_told() {
	local words ms

	in_time "$1, IPv$2: the client is told" 20 are_told
	words=$(load_end)
	ms=$(told_ms "$2")
	tap_note <<<"$words, told after ${ms:-no} ms, $3 and $SLACK_MS allowed"
	is "$1, IPv$2: it had waited" \
		"$(value_of waiting "$words") $(value_of hung "$words") $(value_of corrupt "$words")" "1 0 0"
	succeeds "$1, IPv$2: in time" test "${ms:-99999}" -le $(($3 + SLACK_MS))
}

# begin_waiting MOVES FAMILY
begin_waiting() {
	wait_for 20 is_linked near || bail "near is linked" "$(cat "$BED"/log/{home,near})"
	no_rules
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

# lose WHAT MOVES HOST POINT WITHIN_MS FAMILY...: HOST dies there with the connection, and stays dead
lose() {
	local what=$1 moves=$2 host=$3 point=$4 family

	for family in "${@:6}"; do
		node_arm "$host" "handoff.$point" 1 kill
		disown "${NODE[$host]}" # its death is no news
		succeeds "$what, IPv$family: $host dies" try_until "$moves" "$family" is_gone "${NODE[$host]}"
		node_disarm "$host"
		wait_told "$what" "$family" "$5"
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
	try_until "$moves" "$family" are_told
	wait_told "$what" "$family" "$AT_ONCE_MS"
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
	wait_told "the way to who serves" "$1" "$ABANDON_MS"
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
	! are_told
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
	wait_told "its block ends amid the step" "$1" $((1000 * TIMES_SCALE))
	is "home has given it up" "$(count home lost)" $((before + 1))
	succeeds "and says why" \
		grep -q '^lost: its block had ended before it was redirected' "$BED/log/home"
}

# stand_too_long MOVES FAMILY: the taker, with READY in its socket, until the giver waits no longer
stand_too_long() {
	stop_at near ack "$@"
	sleep "$((STOPPED_MS / 1000)).$((STOPPED_MS % 1000 / 100))"
	kill -CONT "${NODE[near]}"
}

# Meanwhile home holds the taker for lost, and leaves the connection where it may be served: it is.
come_late() {
	stand_too_long "$BACK" "$1"
	in_time "READY comes late, IPv$1: the client has all that it asked for" 20 \
		grep -q '^# waits' "$BED/log/load$1"
	succeeds "and is told of no end" is_quiet
	is "nothing is corrupt, nothing hangs" "$(load_end | grep -o 'corrupt .* ended [0-9]*')" \
		"corrupt 0 hung 0 reset 0 ended 0"
}

# Home has a link to the taker all the time, and gives it up.
come_too_late() {
	stand_too_long "$AWAY" "$1"
	wait_told "READY comes when it was given up" "$1" "$DONE_MS"
}

cut_link() {
	in_ns home ip rule "$1" pref 10 ipproto tcp dport "$LINK_PORT" blackhole
}

# lose_ready FAMILY: with the link, the way to the client stays
lose_ready() {
	stop_at home close "$AWAY" "$1"
	cut_link add
	kill -CONT "${NODE[home]}"
	wait_told "READY is lost with the link" "$1" "$READY_MS"
	cut_link del
	in_time "and when the link is back no host has a rule left" 20 have_no_rules home near
}

# set_dead add|del: nothing comes in at home's host, nothing goes out
set_dead() {
	in_ns edge tc qdisc "$1" dev to_home root blackhole
	in_ns home tc qdisc "$1" dev home root blackhole
}

begin_both() {
	no_rules
	load_family 4 1 1000 "$STALL_MS" "$EVERY" "$AWAY" 1500
	load_family 6 1 1000 "$STALL_MS" "$EVERY" "$AWAY"
	wait_for 3 has_served 2 && return
	load_end >/dev/null
	return 1
}

has_served() {
	(($(count near here) == $1))
}

# What near sends does not pass home's host; what the clients send does, and one has keepalive.
lose_home() {
	stop_nodes
	in_ns near sysctl -qw net.ipv4.tcp_keepalive_probes=6
	WORDS+=(keepalive=1)
	start_host near
	start_host home
	wait_for 20 is_linked near || bail "near is linked again" "$(cat "$BED"/log/{home,near})"
	LOADS=()
	in_time "near serves two that wait" 20 begin_both
	set_dead add
	in_time "home's host dies: the clients are told" 20 are_told
	matches "who has keepalive, by a time-out" "$(<"$BED/log/load4")" 'Connection timed out'
	matches "who only waits, by who serves it, which has keepalive" "$(<"$BED/log/load6")" \
		'Connection reset by peer'
	load_end >/dev/null
	in_time "and that one's rules go, as home's" 20 have_no_rules home near
	set_dead del
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
if [[ -z $IS_LONG ]]; then
	lose "the giver at capture" "$AWAY" home capture $((BLOCK_MS + LOOK_MS)) 4
	lose "the giver, which is not home, at capture" "$BACK" near capture $((BLOCK_MS + LOOK_MS)) 6
	lose "the taker at ack" "$AWAY" near ack $((READY_MS + GRACE_MS + LOOK_MS)) 6
	cut_off 6
	done_testing
fi
fail "the taker, which is home, fails to thaw it" "$BACK" 6 home start
fail "thawing fails at the giver, which is not home" "$BACK" 4 home restore near undo
lose "the giver at block" "$AWAY" home block "$BLOCK_MS" 4 6
lose "the giver, which is not home, at block" "$BACK" near block "$BLOCK_MS" 4 6
for point in capture offer; do
	lose "the giver at $point" "$AWAY" home "$point" $((BLOCK_MS + LOOK_MS)) 4 6
	lose "the giver, which is not home, at $point" "$BACK" near "$point" $((BLOCK_MS + LOOK_MS)) 4 6
done
for point in redirect commit close; do
	lose "the giver at $point" "$AWAY" home "$point" "$READY_MS" 4 6
	# its block lasts for done
	lose "the giver, which is not home, at $point" "$BACK" near "$point" \
		$((DONE_MS + GRACE_MS + LOOK_MS)) 4 6
done
lose "the taker at ack" "$AWAY" near ack $((READY_MS + GRACE_MS + LOOK_MS)) 4 6
lose "the taker, which is home, at ack" "$BACK" home ack $((READY_MS + GRACE_MS + LOOK_MS)) 4 6
for point in start "done"; do # it serves
	lose "the taker at $point" "$AWAY" near "$point" "$AT_ONCE_MS" 4 6
	lose "the taker, which is home, at $point" "$BACK" home "$point" "$AT_ONCE_MS" 4 6
done
for family in 4 6; do
	come_late "$family"
	lose_ready "$family"
	cut_off "$family"
done
lose_home
stop_nodes
# six beats are longer than the taker stands still, and no longer than abandon
TIMES+=(beat=1000 abandon=7000 idle=8000)
WORDS=(nodelay=1)
start_host near
start_host home
come_too_late 4
come_too_late 6
done_testing
