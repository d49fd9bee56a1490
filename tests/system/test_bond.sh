#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Chains on the ports of a bond, from one section: a deploy to all of them at once, ports that
# join and leave. Where the kernel has no bonding the same is shown on a bridge.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"

GUEST=$BED_PROGS/bpf/progs/count.bpf.o

# has_bonding: a bond can be made here
has_bonding() {
	modprobe bonding max_bonds=0 2>/dev/null
	in_ns edge ip link add probe0 type bond 2>/dev/null && in_ns edge ip link delete probe0
}

# make_port N: pN at the edge, its other end rN at the client
make_port() {
	in_ns edge ip link add "p$1" type veth peer name "r$1" netns "$BED/ns/client" || return 1
	in_ns edge ethtool -K "p$1" tx off >/dev/null
	in_ns client ethtool -K "r$1" tx off >/dev/null
	in_ns client ip address add "192.0.2.1$1/32" peer 192.0.2.100 dev "r$1"
	in_ns client ip link set "r$1" up
}

# enslave PORT: what a bond takes has to be down
enslave() {
	in_ns edge ip link set "$1" down
	in_ns edge ip link set "$1" master bond0
	in_ns edge ip link set "$1" up
}

make_master() {
	if [[ $KIND == bond ]]; then
		in_ns edge ip link add bond0 type bond mode balance-rr miimon 100
	else
		in_ns edge ip link add bond0 type bridge
	fi
	in_ns edge ip link set bond0 address 02:00:00:00:00:64
	in_ns edge ip address add 192.0.2.100/32 dev bond0
	in_ns edge ip link set bond0 up
}

bond_conf() {
	bed_conf bond0 <<-END
		members = true
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" object = "${1:-pass.bpf.o}" owner = "nobody" }
	END
}

KIND=
EIO=5

setup() {
	local n

	[[ -n $KIND ]] || { has_bonding && KIND=bond || KIND=bridge; }
	echo "# the ports are those of a $KIND" >&2
	bed_slotd_stop KILL
	in_ns edge ip link delete bond0 2>/dev/null
	for n in 1 2 3; do
		in_ns edge ip link delete "p$n" 2>/dev/null
	done
	make_master
	for n in 1 2 3; do
		make_port "$n" || bail "three ports are there"
		in_ns edge ip route replace "192.0.2.1$n/32" dev bond0
	done
	enslave p1
	enslave p2
	bond_conf
	bed_slotd_fresh
}

runs() {
	[[ $(of "$1" '.slots[5].program') == "$2" ]]
}

# A packet from the client comes in at port N; the chain there counts it.
seen() {
	of "p$1" '.slots[2].packets.seen'
}

# knock N: packets to the bond through port N, whether or not they find an answer
knock() {
	in_ns client ping -c 1 -W 0.2 -I "r$1" 192.0.2.100 >/dev/null
	return 0
}

counts() {
	local before

	before=$(seen "$1")
	knock "$1"
	[[ $(seen "$1") -gt $before ]]
}

test_ports_have_chains() {
	local before1 before2 out

	is "each port has a chain of its own" \
		"$(bed_ctl status --json | jq -c '[.chains[] | [.interface, .attached]]')" \
		'[["p1",true],["p2",true]]'
	in_time "packets meet the first port's" 5 counts 1
	in_time "packets meet the second port's" 5 counts 2
	is "slots of all are shown by the name of their master" \
		"$(bed_ctl --chain bond0 slots --json | jq -c '[.results[].interface]')" '["p1","p2"]'
	out=$(bed_ctl --chain bond0 deploy guest "$GUEST" 2>&1)
	succeeds "a deploy to the master reaches all ports" eval 'runs p1 count && runs p2 count'
	matches "and says so of the first" "$out" "p1: generation 2 is active"
	matches "and of the second" "$out" "p2: generation 2 is active"
	before1=$(xdp_id p1) before2=$(xdp_id p2)
	out=$(bed_ctl --chain bond0 deploy guest "$BED_PROGS/bpf/progs/toolong.bpf.o" 2>&1)
	matches "one that is refused is told of, port by port" "$out" "p1: refused, not changed"
	is "and changes none" "$(xdp_id p1) $(xdp_id p2)" "$before1 $before2"
	succeeds "one port can be changed alone" bed_ctl --chain p2 disable guest
	is "and only that is" "$(of p1 '.slots[5].enabled') $(of p2 '.slots[5].enabled')" "true false"
	succeeds "disable for all" bed_ctl --chain bond0 disable guest
	is "disables on all" "$(of p1 '.slots[5].running') $(of p2 '.slots[5].running')" "false false"
	succeeds "a rollback of all" bed_ctl --chain bond0 rollback
	is "brings back what each ran" \
		"$(of p1 '.slots[5].running') $(of p2 '.slots[5].generation')" "true null"
	refuses_stranger
	matches "apply is for reload" "$(bed_ctl --chain bond0 apply 2>&1)" "put in force by reload"
}

# One port sees what is wrong, and no port is left with it.
test_watch() {
	local abort=$BED_PROGS/system/progs/trial_abort.bpf.o

	succeeds "a version is on trial on all ports" \
		bed_ctl --chain bond0 deploy guest "$abort" --watch 60s --max-abort 0
	succeeds "and runs there" eval 'runs p1 trial && runs p2 trial'
	in_time "packets come in at the first port" 5 counts 1
	in_ns client "$BED_TOOLS/udp_flood" -n 20 -s 192.0.2.11 192.0.2.100 7001 >/dev/null
	in_time "what it does there takes it back" 10 runs p1 pass
	succeeds "from the other port too" runs p2 pass
	matches "the status of each says why" \
		"$(bed_ctl status --json | jq -r '.chains[].last_watch' | tr '\n' ' ')" \
		'^slot 5 .*aborted or denied.* p1: slot 5 .*aborted or denied'
}

# What the version before did while the new one was built is not the new one's.
test_watch_counts_from_the_swap() {
	local drop=$BED_PROGS/system/progs/trial_drop.bpf.o

	in_time "packets come in at the first port" 5 counts 1
	flood_start steady 20000 192.0.2.11 192.0.2.100 7001
	succeeds "a version that drops all is on trial, on all ports" \
		bed_ctl --chain bond0 deploy guest "$drop" --watch 60s --max-abort 0
	in_time "it drops what it sees" 5 drops 100
	matches "which is all that its watch counts" \
		"$(of p1 '.slots[5].watch | .seen - .dropped')" '^[0-5]$'
	flood_stop steady
}

drops() {
	[[ $(of p1 '.slots[5].watch.dropped') -ge $1 ]]
}

# The owner of the slot deploys to all ports, another user to none.
refuses_stranger() {
	local before1

	chmod o+x "$BED" "$BED/run"
	succeeds "the slot's owner may deploy to all" as_nobody --chain bond0 enable guest
	before1=$(xdp_id p1)
	matches "nobody else's slot" "$(as_nobody --chain bond0 disable firewall 2>&1)" "does not own slot 2"
	is "is left as it was" "$(xdp_id p1)" "$before1"
}

test_ports_join_and_leave() {
	bed_ctl --chain bond0 deploy guest "$GUEST" >/dev/null
	enslave p3
	in_time "a port that joins gets a chain" 5 is_on p3
	succeeds "with what was deployed to the others" runs p3 count
	in_time "packets meet it" 5 counts 3
	bed_ctl --chain bond0 firewall deny add 192.0.2.11/32 >/dev/null
	is "a rule goes to all ports" "$(for n in 1 2 3; do
		bed_ctl --chain "p$n" firewall list | grep -c 192.0.2.11
	done | tr '\n' ' ')" "1 1 1 "
	in_ns edge ip link set p1 nomaster
	in_time "a port that leaves is bare" 5 is_bare p1
	succeeds "its chain waits" is_off p1
	matches "the log says so" "$(bed_log)" "p1: no port of 'bond0' any more"
	bed_ctl --chain bond0 deploy guest "$BED_OBJECTS/pass.bpf.o" >/dev/null
	succeeds "the others are changed meanwhile" eval 'runs p2 pass && runs p3 pass'
	enslave p1
	in_time "it joins again and has its chain" 5 is_on p1
	in_time "with what the others got" 5 runs p1 pass
	is "and its own maps" "$(bed_ctl --chain p1 firewall list | grep -c 192.0.2.11)" 1
	in_ns edge ip link delete bond0
	in_time "without its master every port is bare" 5 eval 'is_bare p1 && is_bare p2 && is_bare p3'
	make_master
	enslave p2
	in_time "and has its chain again with it" 5 is_on p2
	in_time "where packets meet it" 5 counts 2
	enslave p1
	enslave p3
	in_time "each of them" 5 eval 'is_on p1 && is_on p3'
	bed_slotd_stop
	in_ns edge ip link set p3 nomaster
	succeeds "slotd starts again" bed_slotd
	succeeds "with the ports' chains as they ran" eval 'is_on p1 && is_on p2'
	in_time "a port that left meanwhile is bare" 5 is_bare p3
}

test_own_section() {
	bed_ctl reload >/dev/null
	cat >>"$BED/slots.conf" <<-END
		chain "p3" {
			engine = "$BED_ENGINE"
			slot 7 { name = "own" object = "pass.bpf.o" }
		}
	END
	succeeds "a port may have a section of its own" bed_ctl reload
	enslave p3
	in_time "then it keeps that when it joins" 5 is_on p3
	is "and only that" "$(of p3 '[.slots[].name] | map(select(. != null)) | join(" ")')" own
	is "the master's name does not reach it" \
		"$(bed_ctl --chain bond0 slots --json | jq -c '[.results[].interface]')" '["p1","p2"]'
}

test_reload() {
	bond_conf "$GUEST"
	succeeds "a reload of a changed section succeeds" bed_ctl reload
	succeeds "and changes all ports" eval 'runs p1 count && runs p2 count'
	in_ns edge ip link set p2 nomaster
	in_time "a port leaves" 5 is_bare p2
	bond_conf
	succeeds "a reload meanwhile succeeds" bed_ctl reload
	enslave p2
	in_time "the port is back" 5 is_on p2
	in_time "with what slots.conf says now" 5 runs p2 pass
	in_ns edge ip link set p1 down
	in_ns edge ip link set p1 name q1
	in_ns edge ip link set q1 up
	succeeds "a port that was renamed keeps its chain" is_on p1
	matches "and runs a program" "$(xdp_id q1)" '^[0-9]+$'
	is "one chain" "$(bed_ctl status --json | jq '.chains | length')" 2
	bed_ctl --chain bond0 detach >/dev/null
	in_time "detach takes the chains off all ports" 5 eval 'is_bare q1 && is_bare p2'
	in_ns edge ip link set q1 down
	in_ns edge ip link set q1 name p1
	in_ns edge ip link set p1 up
}

# fails_to_detach POINT BEFORE: all ports, where the record of the second cannot be written
fails_to_detach() {
	local out

	fault_arm "$1" 2 "$EIO"
	out=$(bed_ctl --chain bond0 detach 2>&1)
	fault_disarm
	matches "$1: the port is named" "$out" "p2: cannot .*nothing was changed"
	matches "$1: and told of the first" "$out" "p1: not detached, it runs on"
	matches "$1: and of the second" "$out" "p2: not detached, it runs on"
	succeeds "$1: both run on" eval 'is_on p1 && is_on p2'
	is "$1: what they ran" "$(xdp_id p1) $(xdp_id p2)" "$2"
}

# No port is off while another is not.
test_detach_is_whole() {
	local before point

	bed_slotd_stop
	mkdir -p "$FAULTS"
	fault_disarm
	BED_DAEMON=$BED_TOOLS/slotd_faults
	bed_slotd || bail "slotd with fault points takes the chains over"
	bed_ctl --chain bond0 deploy guest "$GUEST" >/dev/null
	before="$(xdp_id p1) $(xdp_id p2)"
	for point in store.write store.rename store.sync_folder; do
		fails_to_detach "$point" "$before"
	done
	bed_slotd_stop KILL
	BED_DAEMON=$BED_BIN/slotd
	succeeds "slotd starts again" bed_slotd
	is "with the chains as they ran" "$(xdp_id p1) $(xdp_id p2)" "$before"
	matches "the log names the ports" "$(bed_log)" "p2: not detached"
	succeeds "a rollback of all is possible" bed_ctl --chain bond0 rollback
	succeeds "without a fault all are detached" bed_ctl --chain bond0 detach
	succeeds "at once" eval 'is_bare p1 && is_bare p2'
}

only_in_vm ports_have_chains ports_join_and_leave
bed_run
