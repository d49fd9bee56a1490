#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# slotd killed after every step, as in test_faults: with more chains than one, and in what it does
# without being asked. And an interface that is deleted while a change stands at a step.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"
# shellcheck source=tests/support/kills.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/kills.sh"

setup() {
	BED_DAEMON=$BED_TOOLS/slotd_faults
	faults_start
}

# --- more chains than one -----------------------------------------------------------------------

# A place for `ip netns add` of this test's own.
has_netns_folder() {
	mkdir -p /run/netns && mount -t tmpfs -o mode=0755 slotd-netns /run/netns
}

# write_chains OBJECT: eth0, and eth1 beside it
write_chains() {
	write_pair_conf "$1"
	cat >>"$BED/slots.conf" <<-END
		chain "eth1" {
			engine = "$BED_ENGINE"
			slot 5 { name = "guest" object = "$1" }
		}
	END
}

run_chains_next() { write_chains "$PAIR_NEXT" && bed_ctl reload; }
run_chains_first() { write_chains "$PAIR" && bed_ctl reload; }

test_reload_of_chains() {
	local CHAINS=(eth0 eth1)

	run_chains_first >/dev/null
	survives "a reload of two chains" run_chains_first run_chains_next
}

run_blue() { bed_ctl --chain blue:w0 deploy guest "$STATE"; }
run_blue_first() { bed_ctl --chain blue:w0 undeploy guest; }

test_netns() {
	local CHAINS=(eth0 blue:w0)

	has_netns_folder && ip netns add blue && ip -n blue link add w0 type veth peer name w1 ||
		bail "a network namespace is there"
	cat >>"$BED/slots.conf" <<-END
		chain "w0" {
			netns = "blue"
			engine = "$BED_ENGINE"
			slot 5 { name = "guest" }
			slot 7 { name = "pass" object = "pass.bpf.o" }
		}
	END
	bed_ctl reload >/dev/null
	survives "a deploy in another network namespace" run_blue_first run_blue
	ip netns delete blue
	umount /run/netns
}

TC=eth1:tc-egress

run_tc_on() { bed_ctl --chain "$TC" apply; }
run_tc_off() { bed_ctl --chain "$TC" detach; }

# All but the attach is as for XDP.
test_tc_attach() {
	local KILLS=0 IS_OFF_FINE='' POINTS_OF="\(tcx\|netkit\)" CHAINS=(eth0 "$TC")

	has_tcx || return 0
	cat >>"$BED/slots.conf" <<-END
		chain "eth1" {
			hook = "tc-egress"
			slot 9 { name = "guest" object = "$BED_PROGS/bpf/progs/tc_ret.bpf.o" }
		}
	END
	bed_ctl reload >/dev/null && run_tc_off >/dev/null || not_ok "a chain of TC programs is there"
	succeeds "killed after the attach of a TC chain, slotd comes back with it or without it" \
		at_every_step run_tc_off run_tc_on
	matches "there was a step: $KILLS (TC)" "$KILLS" '^[1-9]'
	nothing_is_left "a TC chain"
}

# A guest takes time: swaps, which are those of any link, with all steps alone.
swapped_whole() {
	[[ ${SLOTD_FAULTS:-} == all ]] || return 0
	succeeds "killed while $TC is swapped there, it comes back with one program or the other" \
		at_every_step run_tc_undeploy run_tc_deploy
	matches "there were steps: $KILLS ($TC, swapped)" "$KILLS" '^([3-9]|[1-9][0-9])'
}

# attached_whole CHAIN: on a netkit device
attached_whole() {
	local TC=$1

	run_tc_off >/dev/null || not_ok "a chain is a program of the device"
	succeeds "killed while $TC becomes a program of a netkit device, it comes back whole or not at all" \
		at_every_step run_tc_off run_tc_on
	matches "there were steps: $KILLS ($TC)" "$KILLS" '^[1-9]'
	run_tc_on >/dev/null
	swapped_whole
	is "it is a program of the device" "$(of "$TC" .mode)" netkit
}

test_netkit() {
	local KILLS=0 IS_OFF_FINE='' POINTS_OF=netkit hook
	local CHAINS=(eth0 pod0:tc-egress pod0:tc-ingress)

	in_ns edge ip link add pod0 type netkit 2>/dev/null || return 0
	in_ns edge ip link set pod0 up
	[[ ${SLOTD_FAULTS:-} != all ]] || POINTS_OF='\(netkit\|tcx\|pin.set\|hook\|change\)'
	for hook in tc-egress tc-ingress; do
		cat >>"$BED/slots.conf" <<-END
			chain "pod0" {
				hook = "$hook"
				slot 4 { name = "guest" }
				slot 9 { name = "last" object = "$BED_PROGS/bpf/progs/tc_ret.bpf.o" }
			}
		END
	done
	bed_ctl reload >/dev/null || not_ok "a netkit device has two chains"
	attached_whole pod0:tc-egress
	attached_whole pod0:tc-ingress
	nothing_is_left "a netkit device"
	in_ns edge ip link delete pod0
}

# On every kernel: without tcx.
start_without_tcx() {
	bed_slotd_stop
	export LD_PRELOAD=$BED_TOOLS/no_tcx.so
	bed_slotd
}

run_tc_deploy() { bed_ctl --chain "$TC" deploy guest "$BED_PROGS/bpf/progs/tc_ret.bpf.o"; }
run_tc_undeploy() { bed_ctl --chain "$TC" undeploy guest; }

test_tc_filter() {
	local KILLS=0 IS_OFF_FINE='' CHAINS=(eth0 "$TC") POINTS_OF='\(clsact\|pin.mkdir\|change\|detach\)'

	cat >>"$BED/slots.conf" <<-END
		chain "eth1" {
			hook = "tc-egress"
			slot 4 { name = "guest" }
			slot 9 { name = "last" object = "$BED_PROGS/bpf/progs/tc_ret.bpf.o" }
		}
	END
	start_without_tcx && run_tc_off >/dev/null || not_ok "a chain of TC programs is there"
	succeeds "killed while a TC chain becomes a filter, slotd comes back with it or without it" \
		at_every_step run_tc_off run_tc_on
	matches "there were steps: $KILLS (filter)" "$KILLS" '^([4-9]|[1-9][0-9])'
	run_tc_on >/dev/null
	succeeds "killed while the filter is replaced, it comes back with one program or the other" \
		at_every_step run_tc_undeploy run_tc_deploy
	matches "there were steps: $KILLS (replaced)" "$KILLS" '^([4-9]|[1-9][0-9])'
	succeeds "killed while the filter is taken off, slotd ends that" \
		at_every_step run_tc_on run_tc_off
	matches "there were steps: $KILLS (taken off)" "$KILLS" '^([3-9]|[1-9][0-9])'
	nothing_is_left "a TC chain that is a filter"
	is "and no qdisc" "$(in_ns edge tc qdisc show dev eth1 clsact)" ""
	unset LD_PRELOAD
}

# --- what slotd does by itself ------------------------------------------------------------------

trial_is() {
	[[ $(bed_get slots '.slots[5] | "\(.version) \(.watch != null)"') == "$1" ]]
}

is_trial_over() {
	is_gone "$BED_SLOTD" || trial_is "1.0.0 false"
}

# Enough packets for the watch to see what the version on trial does with them.
run_trial() {
	local i

	for i in 1 2 3 4 5; do
		! is_gone "$BED_SLOTD" || return
		send_udp 300 "$CLIENT4" "$SERVER4" 7004 -r "$RATE" >/dev/null
		! wait_for 2 is_trial_over || return 0
	done
	return 1
}

begin_trial() {
	wait_for 5 trial_is "1.0.0 false"
	bed_ctl deploy guest "$BED_PROGS/system/progs/trial_abort.bpf.o" --watch 600s \
		--max-abort 0 >/dev/null && trial_is "2.2.0 true"
}

test_watch_goes_back() {
	local KILLS=0 IS_OFF_FINE=''

	bed_ctl deploy guest "$BED_PROGS/system/progs/trial.bpf.o" >/dev/null
	begin_trial
	sink_start 7001
	flood_start denied "$RATE" "$DENIED4" "$SERVER4" 7001
	succeeds "killed after any step of a watch's way back, slotd goes it to the end" \
		at_every_step_by_itself begin_trial run_trial
	matches "there were steps: $KILLS (watch)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	flood_stop denied >/dev/null
	is "no packet passes unfiltered, a watch's way back" "$(sink_count 7001)" 0
	nothing_is_left "a watch's way back"
}

port_is() {
	[[ $(bed_ctl --chain p1 slots --json 2>/dev/null | jq .attached) == "$1" ]]
}

has_joined() {
	is_gone "$BED_SLOTD" || port_is true
}

join_master() {
	in_ns edge ip link set p1 master bond0
	wait_for 3 has_joined
}

leave_master() {
	in_ns edge ip link set p1 nomaster
	wait_for 5 port_is false
}

# A bridge's port is to slotd what a bond's is; every kernel has one.
test_port_joins() {
	local KILLS=0 IS_OFF_FINE='' POINTS_OF='' CHAINS=(eth0 p1)

	in_ns edge ip link add bond0 type bridge && in_ns edge ip link set bond0 up &&
		in_ns edge ip link add p1 type veth peer name p2 && in_ns edge ip link set p1 up ||
		bail "a master and a port are there"
	cat >>"$BED/slots.conf" <<-END
		chain "bond0" {
			members = true
			engine = "$BED_ENGINE"
			slot 2 { name = "firewall" object = "firewall.bpf.o" }
		}
	END
	bed_ctl reload >/dev/null
	join_master && leave_master || not_ok "a port joins and leaves"
	POINTS_OF=.
	succeeds "killed after any step of a port's joining, slotd has it join in the end" \
		at_every_step_by_itself leave_master join_master
	matches "there were steps: $KILLS (port)" "$KILLS" '^([2-9]|[1-9][0-9]+)$'
	nothing_is_left "a port that joins"
	in_ns edge ip link delete bond0
	in_ns edge ip link delete p1
}

is_back() {
	is_on eth0 && [[ -n $(xdp_id eth0) ]]
}

is_back_or_killed() {
	is_gone "$BED_SLOTD" || is_back
}

# The interface is made again, where that was not done before a kill.
appear() {
	in_ns edge ip link show dev eth0 || make_client_wire
	wait_for 5 is_back_or_killed
}

vanish() {
	in_ns edge ip link delete eth0
	wait_for 5 is_off eth0
}

test_come_back() {
	local KILLS=0 IS_OFF_FINE=yes POINTS_OF=.

	vanish || not_ok "slotd notices that the interface is gone"
	succeeds "killed after any step of following an interface, slotd is on it in the end" \
		at_every_step_by_itself vanish appear
	matches "there were steps: $KILLS (come back)" "$KILLS" '^([3-9]|[1-9][0-9]+)$'
	in_ns edge ip link show dev eth0 >/dev/null 2>&1 || make_client_wire ||
		bail "the wire is there again"
	nothing_is_left "an interface that comes back"
}

# --- the interface goes meanwhile ---------------------------------------------------------------

is_stopped() {
	[[ $(ps -o stat= -p "$BED_SLOTD") == T* ]]
}

# deleted_at POINT: a deploy is held there while its interface is deleted. Prints what it said.
deleted_at() {
	local asking status=0

	fault_arm "$1" 1 stop
	run_deploy >"$BED/answer" 2>&1 &
	asking=$!
	wait_for 10 is_stopped || complain "$1" "slotd does not get there" || return
	in_ns edge ip link delete eth0
	kill -CONT "$BED_SLOTD"
	wait "$asking" || status=$?
	fault_disarm
	cat "$BED/answer"
	return "$status"
}

is_attached() {
	[[ $(bed_get slots .attached) == true ]]
}

come_back() {
	make_client_wire
	in_time "the interface comes back and has its chain, $1" 10 is_attached
	matches "a program runs there" "$(xdp_id eth0)" '^[0-9]+$'
	is "with the state that was $1" "$(describe)" "$2"
	in_time "its rules hold" 5 no_ping "$SERVER4" "$DENIED4"
	is "nothing is left over" "$(list_litter)" ""
}

test_interface_goes() {
	local before after status=0 out

	before=$(describe)
	run_deploy >/dev/null
	after=$(describe)
	run_undeploy >/dev/null
	out=$(deleted_at change.prepared) || status=$?
	matches "an interface that goes before the swap has the deploy refused, in one line" \
		"$status $(wc -l <<<"$out") $out" "^1 1 .*(not there|is gone|No such device)"
	come_back before "$before"
	status=0
	out=$(deleted_at change.swapped) || status=$?
	matches "one that goes after it leaves the change in force, told or not" "$status $out" "^(0 |1 slotctl: )"
	come_back after "$after"
	bed_slotd_stop KILL
	bed_slotd || not_ok "slotd starts after that" "$(bed_log)"
	is "and it stays so over a restart" "$(describe)" "$after"
	nothing_is_left "an interface that goes"
}

test_whether_all_steps_are_met() {
	all_steps_are_met
}

only_in_vm reload_of_chains netkit
bed_run
