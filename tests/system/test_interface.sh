#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Interfaces that come and go, that run someone else's program, that know no native XDP, and
# more than one of them.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

write_conf() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
	END
}

setup() {
	write_conf
	in_ns edge ip link show dev eth0 >/dev/null 2>&1 || make_client_wire
	bed_slotd_fresh
}

is_attached() {
	[[ $(bed_get slots .attached) == true && -n $(xdp_id eth0) ]]
}

is_detached() {
	[[ $(bed_get slots .attached) == false ]]
}

# Traffic of the denied source does not pass, other traffic does.
check_rules() {
	in_time "packets pass $1" 5 ping_once "$SERVER4"
	succeeds "the firewall's rules hold $1" no_ping "$SERVER4" "$DENIED4"
}

test_interface_comes_back() {
	local generation

	in_time "the source that will be denied has answers (control)" 5 \
		ping_once "$SERVER4" "$DENIED4"
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	generation=$(bed_get slots .generation)
	in_ns edge ip link delete eth0
	in_time "slotd notices that the interface is gone" 5 is_detached
	matches "and says so" "$(bed_log)" "eth0: the interface is gone"
	matches "a deploy is refused meanwhile" \
		"$(bed_ctl deploy guest "$BED_OBJECTS/pass.bpf.o" 2>&1)" "no chain runs on 'eth0'"
	make_client_wire
	in_time "the chain is on the new interface" 5 is_attached
	is "in the generation it had" "$(bed_get slots .generation)" "$generation"
	check_rules "on the new interface"
	changes "a deploy works again" deploy guest "$BED_OBJECTS/pass.bpf.o"
}

test_interface_comes_back_while_slotd_is_away() {
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	bed_slotd_stop
	in_ns edge ip link delete eth0
	make_client_wire
	succeeds "slotd starts on an interface that was made anew meanwhile" bed_slotd
	in_time "the chain is on it" 5 is_attached
	check_rules "on it"
	is "one folder of pins is left" "$(find "$BED/bpf/slotd" -mindepth 1 -maxdepth 1 | wc -l)" 1
}

test_interface_away_at_start() {
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	bed_slotd_stop
	in_ns edge ip link delete eth0
	succeeds "slotd starts although a known interface is away" bed_slotd
	matches "and says so" "$(bed_log)" "eth0: the interface is not there; its chain waits for it"
	is "status shows it" "$(bed_get status '.chains[0].attached')" false
	matches "so does a change" "$(bed_ctl disable firewall 2>&1)" \
		"no chain runs on 'eth0': the interface is not there"
	make_client_wire
	in_time "the chain comes with the interface" 5 is_attached
	check_rules "then"
}

test_interface_that_never_was() {
	local lines

	bed_slotd_stop
	rm -rf "$BED/state"
	bed_conf nowhere0 <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
	END
	lines=$(bed_log_lines)
	bed_slotd
	is "slotd does not start for an interface that never was" "$BED_SLOTD_STATUS" 1
	matches "and names file, line and interface" "$(bed_log "$lines")" \
		"slots.conf:1: .*nowhere0"
}

# Another program, on an interface that slotd is to have.
attach_foreign() {
	in_ns edge ip link set dev "$1" xdp obj "$BED_OBJECTS/pass.bpf.o" sec xdp
}

test_foreign_program() {
	local foreign lines

	bed_ctl detach >/dev/null
	in_time "the interface is bare" 5 is_bare eth0
	attach_foreign eth0
	foreign=$(xdp_id eth0)
	matches "someone else's program runs" "$foreign" '^[0-9]+$'
	matches "apply is refused and names the program" "$(bed_ctl apply 2>&1)" \
		"'eth0' already runs an XDP program that is not slotd's: 'pass' .id $foreign.; it was left alone"
	is "it was left alone" "$(xdp_id eth0)" "$foreign"
	bed_slotd_stop
	rm -rf "$BED/state"
	lines=$(bed_log_lines)
	bed_slotd
	is "slotd does not start over it" "$BED_SLOTD_STATUS" 1
	matches "and says why" "$(bed_log "$lines")" "already runs an XDP program"
	is "it was left alone again" "$(xdp_id eth0)" "$foreign"
	in_ns edge ip link set dev eth0 xdp off
	succeeds "when it is gone, slotd starts" bed_slotd
	succeeds "with its chain" is_attached
}

test_detached_while_the_interface_is_made_anew() {
	bed_ctl detach >/dev/null
	in_ns edge ip link delete eth0
	make_client_wire
	in_time "a detached chain comes by an apply to an interface that was made anew" 5 bed_ctl apply
	succeeds "which runs it" is_attached
	bed_ctl detach >/dev/null
	bed_slotd_stop
	in_ns edge ip link delete eth0
	bed_slotd
	make_client_wire
	in_time "also where it was not there when slotd started" 5 bed_ctl apply
	succeeds "which runs it" is_attached
}

two_chains() {
	write_conf
	cat >>"$BED/slots.conf" <<-END
		chain "eth1" {
			engine = "$BED_ENGINE"
			slot 7 { name = "other" object = "pass.bpf.o" }
		}
	END
}

test_two_chains() {
	local foreign before

	attach_foreign eth1
	foreign=$(xdp_id eth1)
	two_chains
	sed -i 's/"guest"/"guest" object = "pass.bpf.o"/' "$BED/slots.conf"
	before=$(chain_state)
	matches "a reload of which one chain is refused fails" "$(bed_ctl reload 2>&1)" \
		"'eth1' already runs an XDP program"
	is "the other chain is as it was" "$(chain_state)" "$before"
	is "and runs what it ran" "$(bed_get slots '.slots[5].running')" false
	is "someone else's program was left alone" "$(xdp_id eth1)" "$foreign"
	in_ns edge ip link set dev eth1 xdp off
	succeeds "a reload of two chains succeeds" bed_ctl reload
	is "both run" "$(bed_ctl status --json | jq -c '[.chains[] | [.interface, .attached]]')" \
		'[["eth0",true],["eth1",true]]'
	matches "one has to be named" "$(bed_ctl slots 2>&1)" "eth0.*eth1"
	is "and can be" "$(bed_ctl --chain eth1 slots --json | jq -r .slots[7].program)" pass
	before=$(xdp_id eth0)
	succeeds "one is changed" bed_ctl --chain eth1 disable other
	is "the other is not" "$(xdp_id eth0)" "$before"
	write_conf
	bed_ctl reload >/dev/null
	matches "a chain that slots.conf no longer names runs on" "$(xdp_id eth1)" '^[0-9]+$'
	bed_slotd_stop
	rm -rf "$BED"/bpf/slotd/*-eth1
	in_time "until its pins are removed" 5 is_bare eth1
}

# It is told of where one looks, and where one asks for something.
tells_of_refusal() {
	local foreign="interface 'eth1' already runs an XDP program that is not slotd's: 'pass' .id $1."

	matches "status has it" "$(bed_ctl status)" "eth1 +refused .*eth1: warning: $foreign"
	bed_ctl status >/dev/null
	is "and fails" $? 1
	matches "slots have it" "$(bed_ctl --chain eth1 slots)" "^eth1: refused: $foreign"
	matches "the doctor finds it" "$(bed_ctl doctor 2>/dev/null | tr -s '\n ' ' ')" \
		"the chain 'eth1' is refused: $foreign"
	matches "a change of a slot is refused" "$(bed_ctl --chain eth1 disable 7 2>&1)" \
		"no chain runs on 'eth1': $foreign"
	matches "an apply is" "$(bed_ctl --chain eth1 apply 2>&1)" "$foreign"
	matches "a program's command says why" "$(bed_ctl --chain eth1 firewall list 2>&1)" \
		"none of the slots of 'eth1' runs: $foreign"
}

start_over() {
	bed_slotd_gone
	rm -rf "$BED/state" "$BED/run"
	mkdir "$BED/state" "$BED/run"
	mount -t bpf bpf "$BED/bpf"
	wait_for 5 is_bare eth1
}

# Nothing tells that it lets go.
test_foreign_link() {
	start_over
	bpftool prog load "$BED_OBJECTS/pass.bpf.o" "$BED/bpf/theirs" type xdp &&
		in_ns edge "$BED_TOOLS/other_link" eth1 xdp "$BED/bpf/theirs" "$BED/bpf/theirs_link" ||
		not_ok "somebody else's link holds a program"
	two_chains
	succeeds "slotd starts though another's link is on one interface" bed_slotd
	matches "its chain is refused" "$(bed_ctl status)" "eth1 +refused"
	matches "the doctor tells what takes such a program off" \
		"$(bed_ctl doctor 2>/dev/null | tr -s '\n ' ' ')" "a bpf_link holds it .*bpftool link"
	rm "$BED/bpf/theirs_link" "$BED/bpf/theirs"
	in_time "when the link is gone, the chain comes" 5 is_on eth1
	succeeds "status has nothing to complain of" bed_ctl status
	write_conf
	bed_ctl --chain eth1 detach >/dev/null
	bed_ctl reload >/dev/null 2>&1
	in_time "the interface is bare" 5 is_bare eth1
}

test_foreign_program_at_start() {
	local foreign lines

	start_over
	attach_foreign eth1
	foreign=$(xdp_id eth1)
	two_chains
	succeeds "slotd starts though another's program is on one interface" bed_slotd
	succeeds "the chain of the other is on" is_on eth0
	tells_of_refusal "$foreign"
	sed -i 's/"guest"/"guest" object = "pass.bpf.o"/' "$BED/slots.conf"
	matches "a reload changes the other chain and says that this one waits" \
		"$(bed_ctl reload 2>&1)" "warning: interface 'eth1' already runs an XDP program"
	is "which it did" "$(bed_ctl --chain eth0 slots --json | jq -r '.slots[5].running')" true
	lines=$(bed_log_lines)
	in_ns edge ip link set dev lo down
	in_ns edge ip link set dev lo up
	succeeds "the other chain goes on" bed_ctl --chain eth0 disable guest
	is "news of interfaces cause no words while nothing changed" \
		"$(bed_log "$lines" | grep -c eth1)" 0
	is "someone else's program was left alone" "$(xdp_id eth1)" "$foreign"
	bed_slotd_stop KILL
	succeeds "the next start is no other" bed_slotd
	is "with it left alone" "$(xdp_id eth1)" "$foreign"
	in_ns edge ip link set dev eth1 xdp off
	in_time "when it is gone, the chain comes" 5 is_on eth1
	succeeds "status has nothing to complain of" bed_ctl status
	write_conf
	bed_ctl --chain eth1 detach >/dev/null
	bed_ctl reload >/dev/null 2>&1
	in_time "the interface is bare" 5 is_bare eth1
}

test_generic_mode() {
	bed_slotd_stop
	bed_conf lo <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
	END
	succeeds "slotd starts on an interface without native XDP" bed_slotd
	is "its chain runs in generic mode" "$(bed_ctl --chain lo slots --json | jq -r .mode)" generic
	matches "with a warning" "$(bed_log)" "lo.*generic"
	succeeds "packets pass" in_ns edge ping -c 1 -W "$TAP_SCALE" 127.0.0.1
	bed_ctl --chain lo firewall deny add 127.0.0.1/32 >/dev/null
	in_ns edge ping -c 1 -W "$SILENCE" 127.0.0.1 >/dev/null
	is "rules hold" $? 1
	bed_ctl --chain lo detach >/dev/null
	bed_slotd_stop
	rm -rf "$BED/state"
	sed -i 's/engine/mode = "native" engine/' "$BED/slots.conf"
	bed_slotd
	is "a chain that must be native does not start there" "$BED_SLOTD_STATUS" 1
	matches "and says why" "$(bed_log)" "cannot attach to 'lo' in native mode"
}

bed_run
