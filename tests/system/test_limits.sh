#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a reservation grants: classes of helpers and memory for maps, in slots.conf, at deploys,
# applies and restarts.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

PROGS=$BED_PROGS/bpf/progs

# conf TERMS: those of slot 5, as lines of slots.conf
conf() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" helpers = { } }
		slot 5 { name = "guest" owner = "nobody" $* }
		slot 7 { name = "lab" program = "reach" }
	END
}

setup() {
	conf 'helpers = { "output" } map_memory = "16M"'
	bed_slotd_fresh
}

test_deploy() {
	succeeds "the owner deploys what keeps to the grant" as_nobody deploy guest "$PROGS/count.bpf.o"
	refuses "the owner may not deploy a program that adjusts the head" \
		"slot 5 \(guest\): 'head' calls what this reservation is not granted: bpf_xdp_adjust_head \(class adjust_head\); helpers in slots.conf grants output; generation [0-9]+ stays active" \
		as_nobody deploy guest "$PROGS/head.bpf.o"
	refuses "nor may root" "bpf_xdp_adjust_head \(class adjust_head\)" \
		bed_ctl deploy guest "$PROGS/head.bpf.o"
	is "the slot still runs what it ran" "$(bed_get slots .slots[5].program)" count
	changes "a slot without limits takes what calls everything" \
		deploy lab "$PROGS/reach.bpf.o"
	changes "what sends data to user space keeps to a grant of output" \
		deploy guest "$PROGS/ringbuf.bpf.o"
}

test_memory() {
	changes "maps within map_memory are taken" deploy guest "$PROGS/count.bpf.o"
	is "the limit is shown" "$(bed_ctl show 5 --json | jq -c .limits)" \
		'{"helpers":["output"],"map_memory":16777216}'
	matches "and what of it is used" "$(bed_ctl show 5)" "map_memory +[0-9.]+K? of 16M"
	conf 'map_memory = "4M"'
	changes "another limit is applied" apply
	refuses "maps beyond it are refused" \
		"slot 5 \(guest\): its maps take [0-9.]+M of memory \('growing' alone 4M\), and map_memory in slots.conf grants 4M; generation" \
		bed_ctl deploy guest "$PROGS/hoard.bpf.o"
	is "none of them stays" "$(find "$BED/bpf" -name growing | wc -l)" 0
	conf 'map_memory = "64M"'
	changes "a larger limit is applied" apply
	changes "and takes them" deploy guest "$PROGS/hoard.bpf.o"
}

# Slot 7 is in the way of nobody: what is narrowed there is what runs.
test_narrowed() {
	changes "a program runs by all it calls" deploy lab "$PROGS/reach.bpf.o"
	sed -i 's/program = "reach"/program = "reach" helpers = { "redirect" }/' "$BED/slots.conf"
	matches "the plan shows the change of the grant" "$(bed_ctl plan)" \
		"relink reach [0-9a-f]+ \([0-9a-f]+\): helpers redirect"
	refuses "an apply that grants less than what runs calls is refused" \
		"slot 7 \(lab\): 'reach' calls what this reservation is not granted: .*bpf_trace_printk \(class trace\)" \
		bed_ctl apply
	bed_slotd_stop KILL
	succeeds "slotd starts again, and adopts what runs" bed_slotd
	is "it runs untouched" "$(bed_get slots .slots[7].running)" true
	refuses "and refuses the apply as before" "slot 7 \(lab\): .*bpf_trace_printk" bed_ctl apply
	changes "the slot is disabled" disable lab
	changes "then the grant can be narrowed" apply
	refuses "and the slot not be enabled again" "slot 7 \(lab\): .*bpf_trace_printk" \
		bed_ctl enable lab
}

bed_run
