#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# An owner without root runs the load balancer of its slot, through the pinned maps alone.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

setup() {
	bed_conf <<-'END'
		slot 5 { name = "lb" owner = "nobody" allow = { "pass", "drop", "tx" } }
	END
	bed_slotd_fresh
}

sent() {
	as_nobody lb --map-dir "$1" stats --json |
		jq '.counters[] | select(.name == "sent4") | .packets'
}

knock() {
	in_ns client timeout 1 bash -c ": </dev/tcp/$SERVER4/81" 2>/dev/null
}

test_owner() {
	local maps vip=tcp/$SERVER4:81 before

	succeeds "the owner deploys it" as_nobody deploy lb "$BED_OBJECTS/lb.bpf.o"
	maps=$(bed_get slots .slots[5].map_dir)
	succeeds "sets the gateway" as_nobody lb --map-dir "$maps" set gateway=02:00:00:00:00:fe
	succeeds "adds a VIP" as_nobody lb --map-dir "$maps" vip add "$vip"
	succeeds "adds a real" as_nobody lb --map-dir "$maps" real add "$vip" 203.0.113.77
	matches "sees it" "$(as_nobody lb --map-dir "$maps" real list)" "203.0.113.77 +1 +active"
	before=$(sent "$maps")
	knock
	succeeds "packets go to the real" test "$(sent "$maps")" -gt "$before"

	as_nobody lb --map-dir "$maps" dump >"$BED/lb.json"
	changes "the slot is disabled" disable lb
	changes "and enabled" enable lb
	is "what it was told is still there" \
		"$(as_nobody lb --map-dir "$maps" dump)" "$(cat "$BED/lb.json")"
	as_stranger lb --map-dir "$maps" show >/dev/null 2>&1
	is "a stranger may not even look" $? 1
}

bed_run
