#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Leaving out slots, on traffic: only where slots.conf grants it, and counted where it happens.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

PROGS=$BED_PROGS/bpf/progs

# conf ALLOW: slot 2 leaves out all slots up to 9; slots 5 and 9 drop, 12 counts.
conf() {
	bed_conf <<-END
		slot 2 { name = "skip" object = "$PROGS/skip.bpf.o" allow = { $1 } denied_as = "drop"
			settings { to = 9 } }
		slot 5 { name = "closed" object = "$PROGS/ret.bpf.o" settings { verdict = 1 } }
		slot 9 { name = "shut" object = "$PROGS/ret.bpf.o" settings { verdict = 1 } }
		slot 12 { name = "count" object = "$PROGS/count.bpf.o" }
	END
}

setup() {
	conf '"aborted", "drop", "pass", "skip"'
	bed_slotd_fresh
}

# packets SLOT COUNT: out of $STATS, read at once: neighbours ask for addresses at any time
packets() {
	jq ".slots[] | select(.slot == $1) | .$2" <<<"$STATS"
}

test_granted() {
	local seen

	sink_start 7001
	send_udp 20 "$CLIENT4" "$SERVER4" 7001 >/dev/null
	in_time "packets go on behind the slots that are left out" 5 sink_has 7001 20
	STATS=$(bed_ctl stats --json)
	seen=$(packets 2 seen)
	is "all of them were sent past these" "$(packets 2 skipped)" "$seen"
	is "which did not see them" "$(packets 5 seen) $(packets 9 seen)" "0 0"
	is "the slot behind did" "$(packets 12 seen)" "$seen"
	is "the grant is shown" "$(bed_get slots '.slots[2].allow | join(" ")')" \
		"aborted drop pass skip"
	matches "and what it led to" "$(bed_ctl stats)" "skipped"
	end_traffic
}

test_not_granted() {
	conf '"aborted", "drop", "pass"'
	matches "the plan names the change" "$(bed_ctl plan)" "allow aborted,drop,pass"
	refuses "without the grant it is no verdict, which preflight finds" \
		"slot 2 .skip. answers an ordinary frame" bed_ctl apply
	is "what runs stays" "$(bed_get slots '.slots[2].allow | index("skip")')" 3
	conf '"skip"'
	refuses "a grant without any verdict is refused" "a verdict beside skip" bed_ctl apply
}

bed_run
