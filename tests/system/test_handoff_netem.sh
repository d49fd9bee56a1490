#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 3600
# timeout of all: 7200
# guest: test-all
#
# Live connections move while packets are lost, come twice, late and in another order, between the
# client and the edge and between the hosts, in both directions: every byte is held against
# what was sent. Then, over the same wires, either side is killed at each step, and who is told of
# an end is counted.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_held.sh
. "$BED_ROOT/tests/support/handoff_held.sh"

WANTED=200
IS_LONG=
[[ ${SLOTD_FAULTS:-} != all ]] || IS_LONG=1
[[ -z $IS_LONG ]] || WANTED=10000
# Of moves, and of kills; all below the file's, so that it is told how far they came.
LIMIT=4200
KILLS_LIMIT=1200
[[ -n $IS_LONG ]] || LIMIT=1800 KILLS_LIMIT=600
STALL_MS=$((20000 * TIMES_SCALE))

have_lost() {
	local host

	(($(lost_at client c0) && $(lost_at edge eth0))) || return 1
	for host in "${HOSTS[@]}"; do
		(($(lost_at edge "to_$host") && $(lost_at "$host" "$host"))) || return 1
	done
}

# By all of them; who asks again and again takes time from what it asks about.
have_given() {
	local host sum=0

	for host in "${HOSTS[@]}"; do sum=$((sum + $(count "$host" given))); done
	((sum >= $1)) && return
	sleep "$TIMES_SCALE"
	return 1
}

show_nodes() {
	local host

	for host in "${HOSTS[@]}"; do
		echo "$host: $(count "$host" given) given, $(count "$host" taken) taken, $(count "$host" kept) kept"
	done | tap_note
	for host in "${HOSTS[@]}"; do
		sed -nE "s/^((kept|lost|refused|link).*)/$host: \1/p" "$BED/log/$host" | sort | uniq -c
	done | tap_note
}

# show_lost: packets, at each wire, each way
show_lost() {
	local host

	for host in "${HOSTS[@]}"; do
		echo "$host: $(lost_at edge "to_$host") + $(lost_at "$host" "$host") packets lost at its wire"
	done | tap_note
	tap_note <<<"client: $(lost_at client c0) + $(lost_at edge eth0) packets lost at its wire"
}

# What the nodes have given up because time was over; what clients end when the load does is another.
count_lost() {
	cat "$BED"/log/{home,near,far} |
		grep -cE "^lost: (its block had ended |'[a-z]*' did not answer in time)"
}

# expect_told_why WORDS: a host that stands still for longer than its block, or is silent for longer
# than done, as emulated ones do now and then, has its client reset, and nobody else's is.
expect_told_why() {
	local resets lost

	resets=$(value_of reset "$1")
	lost=$(count_lost)
	is "nothing is corrupt" "$(value_of corrupt "$1")" 0
	is "nothing hangs" "$(value_of hung "$1")" 0
	is "no connection ended, or was refused" "$(value_of ended "$1") $(value_of refused "$1")" "0 0"
	tap_note <<<"$resets reset, $lost given up by a host"
	succeeds "who is reset was given up by a host, which says why" test "$resets" -le "$lost"
	succeeds "and that is one of a thousand moves at most" test "$resets" -le $((WANTED / 1000))
}

test_moves() {
	local words host began changed=0 TIMES=("${PATIENT_TIMES[@]}")

	start_all_moving
	began=$SECONDS
	load_start 16 $((LIMIT + 600)) "$STALL_MS"
	in_time "$WANTED connections were given" $((LIMIT / TAP_SCALE)) have_given "$WANTED"
	words=$(load_end)
	tap_note <<<"$words"$'\n'"$((SECONDS - began)) s"
	show_nodes
	show_lost
	grep -h '^#' "$BED"/log/load? | tail -n 20 | tap_note
	expect_told_why "$words"
	for host in "${HOSTS[@]}"; do changed=$((changed + $(moves "$host" kept_changed))); done
	succeeds "some were taken back, as a packet came in meanwhile" test "$changed" -gt 0
	stop_nodes
}

choose_points() {
	if [[ -n $IS_LONG ]]; then
		list_points | grep -v undo # met where something fails alone
	else
		printf 'handoff.%s\n' offer commit ready start
	fi
}

# Few connections, all of which move: how many a host has when it dies is not known.
test_kills() {
	local NODE_BIN=$BED_TOOLS/handoff_node_faults UNTIL=$((SECONDS + KILLS_LIMIT)) points

	mapfile -t points < <(choose_points)
	kill_each 4 "${points[@]}"
	show_lost
}

# HOST GIVER TAKER POINT LEAST MOST, as of lose_one: what is lost on the way changes nothing of it.
choose_rows() {
	printf '%s\n' "near home near start 1 1" "home home near commit 4 4" "home near far capture 1 1"
	[[ -z $IS_LONG ]] || printf '%s\n' "near home near restore 0 0" "near near home offer 4 4" \
		"far near far prepare 0 0" "home home near ready 3 4" "near home near ack 0 1" \
		"home near home done 1 1" "near near far close 4 4" "home home near block 4 4" \
		"home home near redirect 4 4"
}

test_who_is_told() {
	local NODE_BIN=$BED_TOOLS/handoff_node_faults UNTIL=$((SECONDS + KILLS_LIMIT)) words

	while read -ra words; do
		is_over "${words[0]} dies at ${words[3]}, as ${words[1]} gives one" || lose_one "${words[@]}"
	done < <(choose_rows)
}

make_namespaces edge
has_netem || {
	echo "1..0 # SKIP this kernel has no netem"
	exit 0
}
umount -l "$BED" && rmdir "$BED"
handoff_start
export HANDOFF_NODE_SAYS=1 # why a connection is lost
succeeds "all wires lose, double and reorder packets" impair_wires
for name in ${SLOTD_TEST_ONLY:-moves kills who_is_told}; do
	"test_${name#test_}"
done
succeeds "packets were lost on each wire, either way" have_lost
done_testing
