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
# For emulated machines as well: nobody is given up because of their speed.
TIMES=(ack=3000 ready=10000 done=20000 abandon=60000 beat=2000)
STALL_MS=$((30000 * TAP_SCALE))

have_lost() {
	local host

	(($(lost_at client c0) && $(lost_at edge eth0))) || return 1
	for host in "${HOSTS[@]}"; do
		(($(lost_at edge "to_$host") && $(lost_at "$host" "$host"))) || return 1
	done
}

make_namespaces edge
has_netem || {
	echo "1..0 # SKIP this kernel has no netem"
	exit 0
}
umount -l "$BED" && rmdir "$BED"
handoff_start
export HANDOFF_NODE_SAYS=1 # why a connection is lost
node_other near every=20000 next=far "${TIMES[@]}"
node_other far every=20000 "${TIMES[@]}"
node_home every=20000 next=near next=far "${TIMES[@]}"
wait_for 10 is_linked near && wait_for 10 is_linked far ||
	bail "home is linked to the others" "$(cat "$BED"/log/{home,near,far})"
succeeds "all wires lose, double and reorder packets" impair_wires
began=$SECONDS
load_start 16 3600 "$STALL_MS"
in_time "$WANTED connections were given" $((100 + WANTED / 4)) \
	has_done home given "$WANTED"
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
is "nothing is corrupt" "$(value_of corrupt "$words")" 0
is "nothing hangs" "$(value_of hung "$words")" 0
is "no connection is reset" "$(value_of reset "$words")" 0
is "or ended" "$(value_of ended "$words")" 0
done_testing
