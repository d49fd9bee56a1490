#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Several chains under one slotd: they start together, a reload changes all of them or none,
# and what one needs is not swept by another's change.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

PASS2=$BED_PROGS/bpf/progs/count.bpf.o

# write_conf OBJECT OBJECT: a chain on eth0 and one on eth1, with these in slot 5.
write_conf() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" object = "$1" }
	END
	cat >>"$BED/slots.conf" <<-END
		chain "eth1" {
			engine = "$BED_ENGINE"
			slot 5 { name = "other" object = "$2" }
		}
	END
}

setup() {
	write_conf pass.bpf.o pass.bpf.o
	bed_slotd_stop KILL
	in_ns edge ip link set dev eth1 xdp off 2>/dev/null
	umount "$BED/bpf" 2>/dev/null && mount -t bpf bpf "$BED/bpf"
	wait_for 10 is_bare eth1 || bail "nothing runs on eth1 before the test"
	bed_slotd_fresh
}

both_attached() {
	[[ $(bed_ctl status --json | jq -c '[.chains[].attached]') == '[true,true]' ]]
}

of_eth1() {
	bed_ctl --chain eth1 slots --json | jq -r "$1"
}

of_eth0() {
	bed_ctl --chain eth0 slots --json | jq -r "$1"
}

test_both_start() {
	succeeds "two chains that do not run yet both start" both_attached
	bed_ctl --chain eth1 deploy other "$PASS2" >/dev/null
	bed_slotd_stop
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	wait_for 10 is_bare eth0 && wait_for 10 is_bare eth1
	succeeds "they start again after a reboot" bed_slotd
	succeeds "both of them" both_attached
	is "with what had been deployed" "$(of_eth1 .slots[5].program)" count
	is "and only where it had been" "$(of_eth0 .slots[5].program)" pass
}

test_new_objects_for_both() {
	cp "$PASS2" "$BED/one.bpf.o"
	cp "$BED_PROGS/bpf/progs/ret.bpf.o" "$BED/two.bpf.o"
	write_conf "$BED/one.bpf.o" "$BED/two.bpf.o"
	succeeds "a reload that brings each chain a new object succeeds" bed_ctl reload
	is "the first runs its own" "$(of_eth0 .slots[5].program)" one
	is "the second runs its own" "$(of_eth1 .slots[5].program)" two
}

test_refused_reload() {
	local before0 before1 out

	before1=$(of_eth1 '[.generation, .previous]')
	bed_ctl --chain eth0 disable firewall >/dev/null
	bed_ctl --chain eth0 rollback >/dev/null
	before0=$(of_eth0 '[.generation, .previous, .slots[2].running]')
	write_conf firewall.bpf.o "$BED_PROGS/bpf/progs/toolong.bpf.o"
	out=$(bed_ctl reload 2>&1)
	matches "a reload of which the second chain is refused fails" "$out" \
		"eth1: .*toolong.*nothing was changed"
	matches "it tells what became of the first" "$out" "eth0: built, not swapped in"
	matches "and of the second" "$out" "eth1: refused, not changed"
	is "the first chain keeps both generations" \
		"$(of_eth0 '[.generation, .previous, .slots[2].running]')" "$before0"
	is "the second too" "$(of_eth1 '[.generation, .previous]')" "$before1"
	write_conf pass.bpf.o pass.bpf.o
	bed_ctl reload >/dev/null
	is "what was rolled back to stays, also after the next reload" \
		"$(of_eth0 .slots[2].running)" true
}

test_line_removed() {
	bed_ctl --chain eth1 deploy other "$PASS2" >/dev/null
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
	END
	matches "apply of a chain that slots.conf no longer names is refused" \
		"$(bed_ctl --chain eth1 apply 2>&1)" "no longer names a chain of 'eth1'"
	is "and the chain is as it was" "$(of_eth1 .slots[5].program)" count
	matches "a reload lets it go, and says so" "$(bed_ctl reload 2>&1)" \
		"slots.conf no longer names 'eth1': its chain runs on, unattended"
	matches "it runs on" "$(xdp_id eth1)" '^[0-9]+$'
	bed_ctl disable firewall >/dev/null
	bed_ctl enable firewall >/dev/null
	write_conf pass.bpf.o pass.bpf.o
	succeeds "when it is named again, it is taken over" bed_ctl reload
	is "with what had been deployed" "$(of_eth1 .slots[5].program)" count
	succeeds "which can still be built" bed_ctl --chain eth1 disable other
	succeeds "and built again" bed_ctl --chain eth1 enable other
}

test_line_added() {
	local new="slots.conf has chains that slotd does not run yet: eth1; slotctl reload takes them"

	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
	END
	bed_ctl reload >/dev/null 2>&1
	is "a plan warns of nothing while slotd runs all chains" "$(bed_get plan '.warnings[]')" ""
	write_conf pass.bpf.o pass.bpf.o
	matches "a plan warns of a chain that slots.conf has since" \
		"$(bed_ctl --chain eth0 plan 2>&1)" "slotctl: warning: $new"
	matches "an apply of another chain does" "$(bed_ctl --chain eth0 apply 2>&1)" \
		"slotctl: warning: $new"
	is "also where nothing changes" \
		"$(bed_ctl --chain eth0 --json apply 2>/dev/null | jq -c '[.changed, .warnings[]]')" \
		"[false,\"$new\"]"
	succeeds "a reload takes it" bed_ctl reload
	is "and nothing is left to warn of" "$(bed_ctl --chain eth0 apply 2>&1)" \
		"eth0: no changes, generation $(of_eth0 .generation) stays"
}

rename_eth1() {
	in_ns edge ip link set dev "$1" down
	in_ns edge ip link set dev "$1" name "$2"
	in_ns edge ip link set dev "$2" up
}

test_renamed_interface() {
	rename_eth1 eth1 wan1
	sed -i 's/"eth1"/"wan1"/' "$BED/slots.conf"
	matches "a reload under the new name of an interface is refused" "$(bed_ctl reload 2>&1)" \
		"'wan1' is the interface that has the chain of 'eth1' already.*nothing was changed"
	succeeds "the chain can be changed as before" bed_ctl --chain eth1 disable other
	bed_slotd_stop
	succeeds "a restart takes it over under its new name" bed_slotd
	is "as it was" "$(bed_ctl --chain wan1 slots --json | jq -c '[.attached, .slots[5].running]')" \
		'[true,false]'
	bed_slotd_stop
	rename_eth1 wan1 eth1
}

test_refused_start() {
	bed_slotd_stop
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	wait_for 10 is_bare eth0 && wait_for 10 is_bare eth1
	rm -rf "$BED/state"
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
	END
	bed_slotd
	write_conf pass.bpf.o "$BED_PROGS/bpf/progs/toolong.bpf.o"
	bed_slotd_stop
	succeeds "a start of which the second chain is refused fails" \
		eval '! bed_slotd --detach-on-exit'
	matches "and leaves the first chain running, although it is to be taken off in the end" \
		"$(xdp_id eth0)" '^[0-9]+$'
}

test_slot_that_never_goes_on() {
	local before

	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" continue_on = {} }
		slot 5 { name = "guest" object = "pass.bpf.o" }
	END
	succeeds "a slot may end the chain in every case" bed_ctl reload
	before=$(bed_get slots .slots[5].packets.seen)
	succeeds "packets pass" ping_once "$SERVER4"
	is "and never reach the slot behind it" "$(bed_get slots .slots[5].packets.seen)" "$before"
}

bed_run
