#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 1200
#
# Live connections move between three hosts under load: home gives them, others send them home, or
# by way of it to the third, and every byte is held against what was sent. Then steps fail, either
# side is killed at each of them, each reset is counted, and hosts come that are not who they say.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

WANTED=200
[[ ${SLOTD_FAULTS:-} != all ]] || WANTED=10000
TIMES=("${SHORT_TIMES[@]}")
# A client hears something within it.
STALL_MS=$((8000 * TAP_SCALE))

# start_nodes WORD...: all three, linked; near sends every other connection on to far
start_nodes() {
	rm -f "$BED"/log/{home,near,far}
	node_other near every=20000 next=far "$@"
	node_other far every=20000 "$@"
	node_home every=20000 next=near next=far "$@"
	wait_for 10 is_linked near && wait_for 10 is_linked far ||
		bail "home is linked to the others" "$(cat "$BED"/log/{home,near,far})"
}

# Home's application gave fewer than the others took; 16 may be under way.
are_passed_on() {
	(($(count near taken) + $(count far taken) - $(count home given) > 16))
}

# moves HOST WORD: of what slotctl tells of all its nodes so far
moves() {
	bed_ctl --chain "$1:$1" handoff stats --json | jq ".moves.$2"
}

# are_counted GIVEN TAKEN: since near's slot had counted these
are_counted() {
	(($(moves near given) - $1 == $(count near given))) &&
		(($(moves near taken) - $2 == $(count near taken)))
}

test_moves_under_load() {
	local words host before

	before=("$(moves near given)" "$(moves near taken)")
	start_nodes
	load_start 16 1000 $STALL_MS
	in_time "$WANTED connections were given" 600 has_done home given "$WANTED"
	words=$(load_end)
	for host in home near far; do
		words+=$'\n'"$host: $(count "$host" given) given, $(count "$host" taken) taken"
	done
	tap_note <<<"$words"
	is "nothing is corrupt" "$(value_of corrupt "$words")" 0
	is "nothing hangs" "$(value_of hung "$words")" 0
	is "no connection is reset" "$(value_of reset "$words")" 0
	is "or ended" "$(value_of ended "$words")" 0
	succeeds "some went by way of home to the third host" are_passed_on
	in_time "slotctl tells of all that near gave and took" 20 are_counted "${before[@]}"
	stop_nodes
}

# The giver keeps it, or the taker refuses it; nobody is reset.
test_steps_fail() {
	local point host before words

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_nodes "${TIMES[@]}"
	load_start 8 1000 $STALL_MS
	for point in block capture commit restore prepare; do
		for host in home near; do
			before=$(count "$host" given)
			node_arm "$host" "handoff.$point" 3 5
			in_time "$host goes on after handoff.$point failed" 20 \
				has_done "$host" given $((before + 5))
		done
	done
	words=0
	for host in home near far; do words=$((words + $(count "$host" kept) + $(count "$host" refused))); done
	succeeds "each of them was seen" test "$words" -ge 10
	words=$(load_end)
	tap_note <<<"$words"
	is "nothing is corrupt" "$(value_of corrupt "$words")" 0
	is "nothing hangs" "$(value_of hung "$words")" 0
	is "no connection is reset" "$(value_of reset "$words")" 0
	is "or ended" "$(value_of ended "$words")" 0
	stop_nodes
}

start_host() {
	case $1 in
	home) node_home every=20000 next=near next=far "${TIMES[@]}" ;;
	near) node_other near every=20000 next=far "${TIMES[@]}" ;;
	*) node_other "$1" every=20000 "${TIMES[@]}" ;;
	esac
	wait_for 60 is_linked near && wait_for 60 is_linked far
}

# kill_at HOST POINT: and start it anew
kill_at() {
	node_die "$1" "$2" && start_host "$1"
}

choose_kills() {
	if [[ ${SLOTD_FAULTS:-} == all ]]; then
		list_points | grep -v undo # met where something fails alone
	else
		printf 'handoff.%s\n' block offer commit ready restore "done"
	fi
}

# told_by reset|ended: how many were between $before and $words
told_by() {
	echo "$1 $(($(value_of "$1" "$words") - $(value_of "$1" "$before")))"
}

# What HOST has, or has on its way, ends; what others serve goes on, and nobody is told twice.
test_kills() {
	local point host words before clients=8

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_nodes "${TIMES[@]}"
	load_start "$clients" 1000 $STALL_MS
	before=$(load_seen)
	for point in $(choose_kills); do
		for host in home near; do
			succeeds "$host is killed after $point and starts again" kill_at "$host" "$point"
			in_time "then it gives" 60 has_done "$host" given 3
			words=$(load_seen)
			tap_note <<<"$host at $point: $(told_by reset), $(told_by ended)"
			succeeds "each client is told once at most" \
				test "$(told_of "$words" "$before")" -le "$clients"
			before=$words
		done
	done
	words=$(load_end)
	tap_note <<<"$words"
	is "nothing is corrupt" "$(value_of corrupt "$words")" 0
	is "nobody hears nothing for long" "$(value_of hung "$words")" 0
	stop_nodes
}

# has HOST COUNT: connections, neither less nor more
has() {
	(($(count "$1" here) == $2))
}

# These move none unless told to (go); near sends home and to those who are ONWARD.
ONWARD=()
start_held() {
	case $1 in
	home) node_home every=20000 next=near hold=1 "${TIMES[@]}" ;;
	near) node_other near every=20000 "${ONWARD[@]}" hold=1 "${TIMES[@]}" ;;
	*) node_other "$1" every=20000 hold=1 "${TIMES[@]}" ;;
	esac
}

are_linked() {
	local host

	for host; do
		wait_for 60 is_linked "$host" || bail "home is linked to $host" "$(cat "$BED/log/$host")"
	done
}

go() {
	kill -USR2 "${NODE[$1]}"
}

go_one() {
	kill -WINCH "${NODE[$1]}"
}

hold() {
	kill -HUP "${NODE[$1]}"
}

# kill_held HOST LINKED...: what it has goes with it
kill_held() {
	stop "${NODE[$1]}" KILL || true
	start_held "$1" && are_linked "${@:2}"
}

# is_killed HOST GIVER go|go_one: the one may be kept, and go elsewhere then
is_killed() {
	for _ in 1 2 3 4; do
		"$3" "$2"
		wait_for 5 is_gone "${NODE[$1]}" && return
	done
	return 1
}

# die_held HOST POINT GIVER go|go_one: at the first connection that GIVER gives
die_held() {
	node_arm "$1" "handoff.$2" 1 kill
	disown "${NODE[$1]}" # its death is no news
	succeeds "$1 is killed at $2, which $3 gives a connection at" is_killed "$1" "$3" "$4"
	is_gone "${NODE[$3]}" || hold "$3"
	node_disarm "$1"
}

# are_told WHAT COUNT: since $SEEN was seen
are_told() {
	local before=$SEEN

	SEEN=$(load_seen)
	is "$1" "$(told_of "$SEEN" "$before")" "$2"
}

# Who dies has none of the connections, or all of them: it is known who is to be told.
test_nobody_else_is_told() {
	local point clients=4 SEEN

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_held near
	start_held home
	are_linked near
	load_start "$clients" 1000 $STALL_MS
	SEEN=$(load_seen)
	for point in restore prepare; do
		die_held near "$point" home go
		start_held near
		are_linked near
		are_told "nobody is told of an end" 0
	done
	go home
	in_time "near has all connections" 20 has near "$clients"
	succeeds "home's process is killed and starts again" kill_held home near
	are_told "nobody is told of an end, as near serves" 0
	go near
	in_time "home's next process takes all of them back" 20 has home "$clients"
	hold near
	are_told "nobody is told of an end" 0
	go home
	in_time "near has all connections again" 20 has near "$clients"
	hold home
	succeeds "near's process is killed and starts again" kill_held near near
	are_told "each client is told, once" "$clients"
	SEEN=$(load_end)
	tap_note <<<"$SEEN"
	is "nothing is corrupt" "$(value_of corrupt "$SEEN")" 0
	is "nothing hangs" "$(value_of hung "$SEEN")" 0
	stop_nodes
}

# HOST GIVER TAKER POINT MOST: where HOST dies at POINT while GIVER, which has all connections, gives
# TAKER one of them, how many may be told by the table of docs/connection-handoff.md: what HOST
# had, and the one that moves, unless its giver can still take it back.
choose_ends() {
	local point

	if [[ ${SLOTD_FAULTS:-} == all ]]; then
		for point in block capture offer commit close ready; do
			printf '%s\n' "home home near $point 4" "near near home $point 4" \
				"near near far $point 4" "home near far $point 1"
		done
		for point in restore prepare; do
			printf '%s\n' "near home near $point 0" "far near far $point 0"
		done
		for point in ack start "done"; do
			printf '%s\n' "near home near $point 1" "home near home $point 1" \
				"far near far $point 1"
		done
		printf '%s\n' "home near home restore 1" "home near home prepare 1"
	else
		printf '%s\n' "near home near ack 1" "home near home prepare 1" "home near far capture 1"
	fi
}

# lose_one HOST GIVER TAKER POINT MOST
lose_one() {
	local clients=4 ONWARD=() others=(near) host SEEN told

	if [[ $3 == far ]]; then
		others+=(far)
		ONWARD=(next=far next=far next=far next=far)
	fi
	for host in "${others[@]}" home; do
		start_held "$host"
	done
	are_linked "${others[@]}"
	load_start "$clients" 1000 $STALL_MS
	[[ $2 == home ]] || go home
	in_time "$2 has all connections" 30 has "$2" "$clients"
	hold home
	SEEN=$(load_seen)
	die_held "$1" "$4" "$2" go_one
	start_held "$1"
	are_linked "${others[@]}"
	told=$(told_of "$(load_seen)" "$SEEN")
	tap_note <<<"$1 at $4, as $2 gives $3 one: $told told, $5 allowed"
	succeeds "who is told was at $1, or is the one that moved" test "$told" -le "$5"
	SEEN=$(load_end)
	is "nothing is corrupt, nothing hangs" "$(value_of corrupt "$SEEN") $(value_of hung "$SEEN")" "0 0"
	stop_nodes
}

test_only_who_moves_is_told() {
	local words

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	while read -ra words; do
		lose_one "${words[@]}"
	done < <(choose_ends)
}

# The same of three: near sends every other connection on to far, by way of home.
test_third_host_is_lost() {
	local point clients=4 ONWARD=(next=far) SEEN

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_held near
	start_held far
	start_held home
	are_linked near far
	load_start "$clients" 1000 $STALL_MS
	SEEN=$(load_seen)
	for point in restore prepare; do
		go home
		in_time "near has all connections" 20 has near "$clients"
		hold home
		die_held far "$point" near go
		are_told "nobody is told of an end" 0
		start_held far
		are_linked far
	done
	go home
	go near
	in_time "far has all connections, some by way of home" 30 has far "$clients"
	hold home
	hold near
	succeeds "near's process, which gave them, is killed and starts again" kill_held near near
	are_told "nobody is told of an end, as far serves" 0
	succeeds "so is home's" kill_held home near far
	are_told "nobody is told of an end, as far serves" 0
	succeeds "and far's" kill_held far far
	are_told "each client is told, once" "$clients"
	SEEN=$(load_end)
	tap_note <<<"$SEEN"
	is "nothing is corrupt" "$(value_of corrupt "$SEEN")" 0
	is "nothing hangs" "$(value_of hung "$SEEN")" 0
	stop_nodes
}

test_strangers() {
	NODE_BIN=$BED_TOOLS/handoff_node
	rm -f "$BED"/log/{home,near,far}
	CERT=stranger node_other near
	CERT=home node_other far
	node_home next=near
	in_time "a certificate of another authority is refused" 5 \
		grep -q '^link near down its certificate: ' "$BED/log/home"
	in_time "and one of another host" 5 \
		grep -q '^link far down its certificate: .*mismatch' "$BED/log/home"
	is "there is no link" "$(grep -c ' up ' "$BED/log/home")" 0
	stop_nodes
}

handoff_start
for test in $(compgen -A function test_); do
	[[ ${SLOTD_TEST_ONLY:-$test} == "$test" ]] || continue
	"$test"
done
done_testing
