#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Chains in other network namespaces: interfaces of one name in several, a netns that comes,
# goes and comes back, and interfaces that are moved from one to another.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

# A place for `ip netns add` of this test's own.
mount -t tmpfs -o mode=0755 slotd-netns /run/netns 2>/dev/null ||
	{ mkdir -p /run/netns && mount -t tmpfs -o mode=0755 slotd-netns /run/netns; }

# blue_conf NETNS...: the edge's own eth0, and a w0 in each netns
blue_conf() {
	local netns

	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
	END
	for netns; do
		cat >>"$BED/slots.conf" <<-END
			chain "w0" {
				netns = "$netns"
				engine = "$BED_ENGINE"
				slot 2 { name = "firewall" object = "firewall.bpf.o" }
				slot 5 { name = "guest" object = "pass.bpf.o" }
			}
		END
	done
}

# make_room NETNS NUMBER: netns with an interface w0, 198.51.100.N/32 behind the client's wNUMBER
make_room() {
	ip netns add "$1" || return 1
	in_ns client ip link add "w$2" type veth peer name w0 netns "/run/netns/$1" || return 1
	in_ns client ethtool -K "w$2" tx off >/dev/null
	in_ns client ip address add "192.0.2.1$2/32" peer "192.0.2.2$2" dev "w$2"
	in_ns client ip link set "w$2" up
	in_room "$1" ip address add "192.0.2.2$2/32" peer "192.0.2.1$2" dev w0
	in_room "$1" ethtool -K w0 tx off >/dev/null
	in_room "$1" ip link set w0 up
}

in_room() {
	nsenter --net="/run/netns/$1" -- "${@:2}"
}

drop_rooms() {
	local room

	for room in blue red green; do
		[[ ! -e /run/netns/$room ]] || ip netns delete "$room"
	done
	in_ns client ip link delete w1 2>/dev/null
	in_ns client ip link delete w2 2>/dev/null
	return 0
}

setup() {
	bed_slotd_stop KILL
	drop_rooms
	make_room blue 1 && make_room red 2 || bail "two namespaces are there"
	in_ns edge ip link show dev eth0 >/dev/null 2>&1 || make_client_wire
	blue_conf blue red
	bed_slotd_fresh
}

# The XDP program of w0 in a netns; empty for none.
room_xdp() {
	in_room "$1" ip -j link show dev "${2:-w0}" 2>/dev/null | jq -r '.[0].xdp.prog.id // empty'
}

answers() {
	in_ns client ping -c 1 -W "$TAP_SCALE" "192.0.2.2$1" >/dev/null
}

answers_not() {
	! in_ns client ping -c 1 -W "$SILENCE" "192.0.2.2$1" >/dev/null
}

deny() {
	bed_ctl --chain "$1" firewall deny add "192.0.2.1$2/32" >/dev/null
}

test_same_name_in_several() {
	is "chains of several network namespaces start" \
		"$(bed_ctl status --json | jq -c '[.chains[] | [.interface, .attached]]')" \
		'[["eth0",true],["blue:w0",true],["red:w0",true]]'
	matches "each interface runs a program" "$(room_xdp blue) $(room_xdp red)" '^[0-9]+ [0-9]+$'
	succeeds "packets pass in blue" answers 1
	succeeds "packets pass in red" answers 2
	deny blue:w0 1
	succeeds "a rule of blue's firewall holds there" answers_not 1
	succeeds "and nowhere else" answers 2
	succeeds "nor in slotd's own namespace" ping_once "$SERVER4"
	succeeds "blue's chain counted the drop" test "$(of blue:w0 '.slots[2].packets.drop')" -gt 0
	is "red's did not" "$(of red:w0 '.slots[2].packets.drop')" 0
	succeeds "a deploy into another namespace works" \
		bed_ctl --chain blue:w0 deploy guest "$BED_PROGS/bpf/progs/count.bpf.o"
	is "and is its own" "$(of blue:w0 '.slots[5].program') $(of red:w0 '.slots[5].program')" \
		"count pass"
	bed_slotd_stop
	succeeds "after a restart of slotd" bed_slotd
	matches "the chains are taken over as they run" "$(bed_log)" "blue:w0: adopted generation 2"
	succeeds "with their rules" answers_not 1
	succeeds "rollback works" bed_ctl --chain blue:w0 rollback
	succeeds "detach takes a chain off" bed_ctl --chain red:w0 detach
	is "and only that" "$(room_xdp red) $(of blue:w0 .attached)" " true"
}

test_netns_comes_and_goes() {
	local generation

	deny blue:w0 1
	generation=$(of blue:w0 .generation)
	ip netns delete blue
	in_time "a chain whose namespace is deleted waits for it" 10 is_off blue:w0
	in_time "slotd keeps nothing of the namespace alive" 10 eval \
		'! in_ns client ip link show dev w1 2>/dev/null'
	matches "status says why" "$(bed_ctl status)" \
		"blue:w0: warning: waits for its network namespace '[^']*/blue', which is not there"
	in_time "the log too" 10 eval 'bed_log | grep -q "blue:w0: the interface is gone"'
	succeeds "other chains can be changed meanwhile" bed_ctl --chain red:w0 disable guest
	succeeds "a reload passes over it" bed_ctl reload
	make_room blue 1
	in_time "the chain is on the interface of the namespace that came back" 10 is_on blue:w0
	is "in the generation it had" "$(of blue:w0 .generation)" "$generation"
	in_time "with its rules" 5 answers_not 1
	is "in one folder of pins" "$(find "$BED/bpf/slotd" -maxdepth 1 -name '*blue:w0' | wc -l)" 1
	bed_slotd_stop
	ip netns delete blue
	in_time "a namespace goes" 10 eval '! in_ns client ip link show dev w1 2>/dev/null'
	succeeds "slotd starts while it is away" bed_slotd
	matches "and says so" "$(bed_log)" "blue:w0: the interface is not there; its chain waits"
	make_room blue 1
	in_time "the chain comes with it" 10 is_on blue:w0
	in_time "with its rules" 5 answers_not 1
	bed_slotd_stop
	ip netns delete blue
	# its interfaces go a moment later
	wait_for 10 eval '! in_ns client ip link show dev w1 2>/dev/null'
	make_room blue 1
	succeeds "slotd starts on a namespace that was made anew meanwhile" bed_slotd
	succeeds "with the chain" is_on blue:w0
	in_time "and its rules" 5 answers_not 1
	is "in one folder of pins still" \
		"$(find "$BED/bpf/slotd" -maxdepth 1 -name '*blue:w0' | wc -l)" 1
}

# Interface w0 of one room becomes that of another.
move_w0() {
	in_room "$1" ip link set w0 netns "/run/netns/$2"
	in_room "$2" ip link set w0 up
	in_room "$2" ip address add "192.0.2.2$3/32" peer "192.0.2.1$3" dev w0
}

test_moved_to_a_namespace_with_a_chain() {
	local was

	deny blue:w0 1
	was=$(room_xdp blue)
	in_room red ip link delete w0
	in_time "red has no interface" 5 is_off red:w0
	move_w0 blue red 1
	in_time "an interface that was moved has the chain of its new namespace" 5 is_on red:w0
	succeeds "another program than before" test "$(room_xdp red)" != "$was"
	matches "the old one lets go and says so" "$(bed_log)" \
		"blue:w0: its interface was moved and is 'red:w0' now"
	is "and waits" "$(of blue:w0 .attached)" false
	in_time "with the rules of the new namespace" 5 answers 1
	deny red:w0 1
	succeeds "which can be changed" answers_not 1
	move_w0 red blue 1
	in_time "moved back, it has the first chain again" 5 is_on blue:w0
	succeeds "with its rules" answers_not 1
}

test_moved_to_a_namespace_without_one() {
	local was

	blue_conf blue
	bed_ctl reload >/dev/null
	in_room red ip link set dev w0 xdp off 2>/dev/null
	in_room red ip link delete w0
	deny blue:w0 1
	was=$(room_xdp blue)
	move_w0 blue red 1
	in_time "status says where the interface is" 5 eval \
		'bed_ctl status | grep -q "blue:w0: warning: its interface was moved"'
	is "an interface that is moved away keeps its program" "$(room_xdp red)" "$was"
	in_time "and its rules" 5 answers_not 1
	succeeds "the chain can be changed there" bed_ctl --chain blue:w0 disable firewall
	succeeds "and is" answers 1
	bed_ctl --chain blue:w0 enable firewall >/dev/null
	bed_slotd_stop
	succeeds "slotd starts again" bed_slotd
	succeeds "and takes it over there" is_on blue:w0
	is "as it runs" "$(of blue:w0 .generation)" 3
	in_room blue ip link add w0 type veth peer name other
	in_time "another interface of the name gets the chain" 5 \
		eval '[[ -n $(room_xdp blue) ]]'
	is "which leaves the one that was moved away" "$(room_xdp red)" ""
	bed_slotd_stop
	in_room blue ip link delete w0
	in_room red ip link set w0 netns /run/netns/blue
	in_room blue ip link set w0 name w9
	in_room blue ip link set w9 name w0
	succeeds "moved back while slotd is away" bed_slotd
	succeeds "it has the chain again" is_on blue:w0
}

# ports_of NETNS: of the chains on ports there, those that run and what they run in slot 5
ports_of() {
	local port

	for port in p1 p2; do
		[[ $(of "$1:$port" .attached) != true ]] ||
			echo "$port=$(of "$1:$port" '.slots[5].program')"
	done | paste -sd ' '
}

# A chain for each port of a bridge that is in another namespace.
test_ports_in_a_namespace() {
	local port

	in_room blue ip link add bond0 type bridge
	for port in 1 2; do
		in_room blue ip link add "p$port" type veth peer name "q$port"
		in_room blue ip link set "p$port" up
	done
	in_room blue ip link set p1 master bond0
	cat >>"$BED/slots.conf" <<-END
		chain "bond0" {
			netns = "blue"
			members = true
			engine = "$BED_ENGINE"
			slot 5 { name = "guest" object = "pass.bpf.o" }
		}
	END
	succeeds "a reload brings chains to ports in another namespace" bed_ctl reload
	is "the one that is there has its own" "$(ports_of blue)" "p1=pass"
	succeeds "a deploy to all of them" bed_ctl --chain blue:bond0 deploy guest \
		"$BED_PROGS/bpf/progs/count.bpf.o"
	in_room blue ip link set p2 master bond0
	in_time "one that joins gets it" 5 eval '[[ $(ports_of blue) == "p1=count p2=count" ]]'
	in_room blue ip link set p1 nomaster
	in_time "one that is released is bare" 5 eval '[[ -z $(room_xdp blue p1) ]]'
	is "the other is not" "$(ports_of blue)" "p2=count"
	bed_slotd_stop
	in_room blue ip link set p1 master bond0
	in_room blue ip link set p2 nomaster
	succeeds "both change places while slotd is away" bed_slotd
	in_time "and are followed" 5 eval '[[ $(ports_of blue) == "p1=count" ]]'
	is "the one that left is bare" "$(room_xdp blue p2)" ""
}

# A ruleset's interfaces are those where its chain is, wherever who loads it may be.
test_interfaces_of_rules() {
	sed -i 's/slot 2 { name = "firewall"/& owner = "nobody"/' "$BED/slots.conf"
	bed_ctl reload >/dev/null
	echo 'iifname w0 drop' >"$BED/rules"
	succeeds "an owner without root loads rules for an interface elsewhere" \
		as_nobody --chain blue:w0 firewall load "$BED/rules"
	succeeds "they hold there" answers_not 1
	matches "as trace says" "$(as_nobody --chain blue:w0 firewall trace icmp type 8 iifname w0)" \
		"drop: the first rule that matches"
	echo 'iifname { w0, lo } drop' >"$BED/rules"
	matches "other interfaces there are not known to him" \
		"$(as_nobody --chain blue:w0 firewall load "$BED/rules" 2>&1)" \
		"iifname \"lo\": chain 'blue:w0' is in another network namespace, .*; the rules from before"
	succeeds "they are to root" bed_ctl --chain blue:w0 firewall load "$BED/rules"
	is "none has changed" "$(bed_ctl --chain blue:w0 firewall show --json | jq -c '[.interfaces[].stale]')" \
		'[false,false]'
	in_room blue ip link delete w0
	in_time "the interface goes" 5 is_off blue:w0
	in_room blue ip link add w0 type veth peer name other
	in_time "and is made anew" 5 is_on blue:w0
	matches "show tells that rules do not know it" \
		"$(bed_ctl --chain blue:w0 firewall show 2>&1)" \
		'iifname "w0" is interface [0-9]+ to the rules in force, and it is [0-9]+ now'
}

# An interface with the name and number of the chain's is no sign of being where the chain is.
test_rules_of_a_chain_from_elsewhere() {
	local index

	cat >"$BED/slots.conf" <<-END
		chain "eth0" {
			engine = "$BED_ENGINE"
			slot 2 { name = "firewall" object = "firewall.bpf.o" }
		}
	END
	succeeds "a chain is where slotd is" bed_ctl reload
	index=$(of eth0 .ifindex)
	ip netns add green
	in_room green ip link add eth0 index "$index" type bridge
	in_room green ip link add far type bridge
	echo 'iifname far drop' >"$BED/rules"
	matches "from another namespace its rules cannot name interfaces" \
		"$(in_room green "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" --chain eth0 \
			firewall load "$BED/rules" 2>&1)" \
		"iifname \"far\": chain 'eth0' is in another network namespace"
	echo 'iifname eth1 drop' >"$BED/rules"
	succeeds "where it is they can" in_ns edge "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" \
		--chain eth0 firewall load "$BED/rules"
}

test_renamed_and_deleted() {
	in_room blue ip link set w0 down
	in_room blue ip link set w0 name w7
	in_room blue ip link set w7 up
	succeeds "a renamed interface keeps its chain" is_on blue:w0
	bed_slotd_stop
	bed_slotd
	is "a restart wants its new name in slots.conf" "$BED_SLOTD_STATUS" 1
	matches "and says which" "$(bed_log)" \
		"the chain of 'blue:w0' runs on the interface that is called 'w7' now"
	sed -i '0,/"w0"/s//"w7"/' "$BED/slots.conf"
	succeeds "then it starts" bed_slotd
	succeeds "with the chain under its new name" is_on blue:w7
	in_room blue ip link delete w7
	in_time "and misses it when it is deleted" 5 is_off blue:w7
	matches "a deploy is refused meanwhile" \
		"$(bed_ctl --chain blue:w7 deploy guest "$BED_OBJECTS/pass.bpf.o" 2>&1)" \
		"no chain runs on 'blue:w7'"
}

only_in_vm same_name_in_several moved_to_a_namespace_with_a_chain renamed_and_deleted
bed_run
