#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 3600
# guest: test-all
#
# Live connections move while packets are lost, come twice, late and in another order, between the
# client and the edge and between the hosts, in both directions: every byte is held against
# what was sent.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

WANTED=200
[[ ${SLOTD_FAULTS:-} != all ]] || WANTED=10000
LIMIT=3300 # below the file's, so that it is told how far they came
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

make_namespaces edge
has_netem || {
	echo "1..0 # SKIP this kernel has no netem"
	exit 0
}
umount -l "$BED" && rmdir "$BED"
handoff_start
export HANDOFF_NODE_SAYS=1 # why a connection is lost
node_other near every=20000 next=far "${PATIENT_TIMES[@]}"
node_other far every=20000 "${PATIENT_TIMES[@]}"
node_home every=20000 next=near next=far "${PATIENT_TIMES[@]}"
wait_for 10 is_linked near && wait_for 10 is_linked far ||
	bail "home is linked to the others" "$(cat "$BED"/log/{home,near,far})"
succeeds "all wires lose, double and reorder packets" impair_wires
began=$SECONDS
load_start 16 3600 "$STALL_MS"
in_time "$WANTED connections were given" $((LIMIT / TAP_SCALE)) have_given "$WANTED"
words=$(load_end)
words+=$'\n'"$((SECONDS - began)) s"
for host in home near far; do
	words+=$'\n'"$host: $(count "$host" given) given, $(count "$host" taken) taken, $(count "$host" kept) kept"
	words+=", $(lost_at edge "to_$host") + $(lost_at "$host" "$host") packets lost at its wire"
done
words+=$'\n'"client: $(lost_at client c0) + $(lost_at edge eth0) packets lost at its wire"
tap_note <<<"$words"
grep -h '^#' "$BED"/log/load? | tail -n 20 | tap_note
for host in home near far; do
	sed -nE "s/^((kept|lost|refused|link).*)/$host: \1/p" "$BED/log/$host" | sort | uniq -c
done | tap_note
succeeds "packets were lost on each wire, either way" have_lost
expect_nothing "$words"
changed=0
for host in "${HOSTS[@]}"; do changed=$((changed + $(moves "$host" kept_changed))); done
succeeds "some were taken back, as a packet came in meanwhile" test "$changed" -gt 0
done_testing
