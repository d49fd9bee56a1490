#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# Flows that a device marks: the load balancer tells of them, the agent puts rules of flower
# where packets leave for the edge's interface, and hwmark sends what is marked. That "device" is
# the other end of the edge's veth, which hands marks on only within one netns: the edge's
# interface is the router's, without an address, so that the router leads there by its MAC.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge r1 r2) REALS=(r1 r2)
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"

MODES=(flow destination)
# What a mark stands for makes no difference to the others.
declare -A CASES=(
	[flow]='flows_are_marked one_agent changes restart flush lost_rules devices killed churn'
	[destination]='flows_are_marked changes restart end churn'
)
# In the guest each takes its time: make test runs what stands for the others, make test-all all.
[[ ${SLOTD_TIER:-} != vm || ${SLOTD_FAULTS:-} == all ]] ||
	CASES=([flow]='flows_are_marked one_agent' [destination]='flows_are_marked restart')
PACKETS=4
MOST=16
AGE=2
[[ ${SLOTD_TIER:-} != vm ]] || AGE=10
CHURN=10000
AGENT=
AGENT_BIN=
FLOWS=

# The edge's netns is the router's.
make_bed() {
	local host

	make_namespaces client router r1 r2 || return 1
	ln "$BED/ns/router" "$BED/ns/edge" 2>/dev/null || {
		: >"$BED/ns/edge"
		mount --bind "$BED/ns/router" "$BED/ns/edge" || return 1
	}
	make_router && make_client || return 1
	bpftool prog load "$BED_ROOT/build/bpf/pass.bpf.o" "$BED/bpf/pass" \
		2>"$BED/log/bpftool" || return 1
	mkdir "$BED/hosts"
	for host in r1 r2; do
		join_segment "$host" && be_no_router "$host" || return 1
	done
	join_edge || return 1
	for host in "${REALS[@]}"; do
		in_ns "$host" ip -batch - <<-END
			address add $VIP4/32 dev lo
			address add $VIP6/128 dev lo nodad
		END
	done
}

join_edge() {
	in_ns router ip link add edge mtu "$SEGMENT_MTU" type veth \
		peer name eth0 mtu "$SEGMENT_MTU" || return 1
	in_ns router ethtool -K edge tx off >/dev/null || return 1
	in_ns router ethtool -K eth0 tx off >/dev/null || return 1
	in_ns router bpftool net attach xdpdrv pinned "$BED/bpf/pass" dev edge || return 1
	in_ns router sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
	in_ns router ip link set edge master br0 up
	in_ns router ip link set eth0 up
	in_ns router ip -batch - <<-END
		neighbor add $(host4 edge) lladdr $(mac_of router eth0) dev br0
		neighbor add $(host6 edge) lladdr $(mac_of router eth0) dev br0
		route add $VIP4/32 via $(host4 edge) dev br0
		route add $VIP6/128 via $(host6 edge) dev br0
	END
}

# In place of lb.sh's: the edge answers nobody.
is_reached() {
	[[ $1 == edge ]] ||
		{ in_ns client ping -c 1 -W 1 "$(host4 "$1")" && in_ns client ping -c 1 -W 1 "$(host6 "$1")"; }
}

hw() {
	in_ns router "$BED_BIN/slotctl" --socket "$BED/hosts/edge/run/slotd.sock" hwmark "$@"
}

# hw_get COMMAND FILTER
hw_get() {
	hw "$1" --json 2>/dev/null | jq -r "$2"
}

has_flower() {
	in_ns router modprobe -q cls_flower 2>/dev/null
	in_ns router modprobe -q act_skbedit 2>/dev/null
	in_ns router tc qdisc add dev br0 clsact 2>/dev/null
	in_ns router tc filter add dev br0 egress pref 9 protocol ip flower ip_proto udp \
		action skbedit mark 1 2>/dev/null || return 1
	in_ns router tc qdisc del dev br0 clsact
}

# start_edge MODE
start_edge() {
	host_fresh edge <<-END
		slot 7 { name = "hwmark" object = "hwmark.bpf.o" maps_of = "lb"
			settings { mark_from = "veth" mode = "$1" refresh = 64 marks = 4096 mtu = 1600 } }
		slot 8 { name = "lb" object = "lb.bpf.o"
			settings { hwmark = "$1" hwmark_packets = $PACKETS hwmark_rate = 100000 mtu = 1600 } }
	END
	lb set gateway="$(mac_of router br0)" source4="$(host4 edge)" source6="$(host6 edge)" ||
		bail "the load balancer has a gateway"
	balance
}

balance() {
	local vip host

	for vip in "tcp/$VIP4:80" "udp/$VIP4:7" "tcp/[$VIP6]:80" "udp/[$VIP6]:7"; do
		lb vip add "$vip" encap=l2 || bail "a VIP"
		for host in "${REALS[@]}"; do
			lb real add "$vip" "$(if [[ $vip == *[* ]]; then host6 "$host"; else host4 "$host"; fi)" \
				mac="$(mac_of "$host" eth0)" || bail "a real"
		done
	done
}

# agent_start [KEY=VALUE...]
agent_start() {
	: >"$BED/log/agent"
	spawn router "$BED/log/agent" "${AGENT_BIN:-$BED_BIN/slotctl}" \
		--socket "$BED/hosts/edge/run/slotd.sock" \
		hwmark agent device=edge hook=egress age="$AGE" "$@"
	AGENT=$BED_SPAWNED
	wait_for 10 is_agent && ! is_gone "$AGENT"
}

is_agent() {
	is_gone "$AGENT" || says 'flows are offloaded'
}

says() {
	grep -q "$1" "$BED/log/agent"
}

# hits: packets that hwmark sent
hits() {
	hw_get stats '[.counters[] | select(.name | test("^sent[46]$")) | .packets] | add'
}

has_hits() {
	[[ $(hits) -gt ${1:-0} ]]
}

# hits_more SENTENCE: from now on
hits_more() {
	in_time "$1" 20 has_hits $(($(hits) + 50))
}

# agent_number NAME: of what the agent did
agent_number() {
	hw_get stats ".agent.$1"
}

has_done() {
	[[ $(agent_number "$1") -ge $2 ]]
}

# flows_start ADDRESS COUNT: datagrams without an end
flows_start() {
	: >"$BED/flows"
	spawn client "$BED/flows" "$BED_TOOLS/udp_flows" "$1" 7 "$2"
	TRAFFIC+=("$BED_SPAWNED")
	FLOWS=$BED_SPAWNED
}

# flows_stop [PER_MILLE]: none changed its real. An answer may be late where everything is emulated.
flows_stop() {
	local asked lost moved

	stop "$FLOWS" INT
	read -r asked lost moved <"$BED/flows"
	is "each flow has one real" "$asked asked, $moved moved" "$asked asked, 0 moved"
	succeeds "and hardly an answer is missing: $lost of $asked" \
		test "$lost" -le $((TAP_SCALE > 1 ? asked * ${1:-1} / 1000 : 0))
}

# How many rules there are, and of how many marks.
count_rules() {
	hw_get flows '.flows | length'
}

count_marks() {
	hw_get flows '[.flows[].mark] | unique | length'
}

has_rules() {
	[[ $(count_rules) -eq $1 ]]
}

# Of 20 flows. Two that share a place in lb's small table of candidates keep each other out.
has_most() {
	[[ $(count_rules) -ge $MOST ]]
}

# Rules, entries and the agent's table say the same.
is_consistent() {
	local rules marks

	rules=$(count_rules) marks=$(count_marks)
	[[ $(hw_get flows '[.flows[] | select(.real == "gone")] | length') -eq 0 &&
		$(hw_get show .live) -eq $marks && $(hw_get show .stale) -eq 0 &&
		$(hw_get show .agent.flows) -eq $rules ]]
}

count_foreign() {
	in_ns router tc filter show dev edge egress | grep -c 'handle 0x7777'
}

# The same pref as the agent's, another's handle.
foreign_add() {
	in_ns router tc qdisc add dev edge clsact 2>/dev/null
	in_ns router tc filter add dev edge egress pref 1000 protocol ip handle 0x7777 flower \
		ip_proto tcp dst_ip 192.0.2.99 dst_port 9 action pass 2>/dev/null
}

# The slot's maps are others then.
test_other_maps() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	sed -i 's/marks = 4096/marks = 8192/' "$BED/hosts/edge/slots.conf"
	succeeds "the slot gets maps of another size" \
		host_ctl edge apply --reset-map hwmark:hwmark_entries
	in_time "the agent sees it, and ends" 10 is_gone "$AGENT"
	matches "with a word" "$(<"$BED/log/agent")" "the slot's maps are others now"
	succeeds "the next one has the new ones" agent_start
	is "all of them" "$(hw_get show .marks)" 8191
	succeeds "the agent ends" stop "$AGENT"
}

test_no_flower() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	in_time "it is said that the kernel has no flower" 20 says 'edge takes no rules'
	is "once" "$(grep -c 'takes no rules' "$BED/log/agent")" 1
	is "and nothing is marked" "$(hits)" 0
	is "nor has an entry" "$(hw_get show .live)" 0
	flows_stop
	succeeds "the agent ends" stop "$AGENT"
}

# Linux 6.3: what veth hands to XDP has its skb behind it.
has_marks() {
	printf '6.3\n%s\n' "$(uname -r)" | sort -VC
}

test_no_source() {
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	is "this kernel shows no mark: nothing is sent by it" "$(hits)" 0
	matches "which is counted" \
		"$(hw_get stats '.counters[] | select(.name == "no_source") | .packets')" '^[1-9]'
	flows_stop
	in_time "idle flows go" $((AGE * 3)) has_rules 0
	succeeds "the agent ends" stop "$AGENT"
}

test_flows_are_marked() {
	local address

	foreign_add
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	for address in "$VIP4" "$VIP6"; do
		flows_start "$address" 20
		hits_more "marked packets to $address are sent"
		in_time "there are rules for the flows" 20 has_most
		succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
		flows_stop
		in_time "idle flows go" $((AGE * 3)) has_rules 0
		is "and nothing has an entry any more" "$(hw_get show .live)" 0
	done
	start_long 4 "$VIP4"
	hits_more "TCP's packets are marked"
	wait_for 20 are_long_over
	is "its connections end well" "$(count_whole)" 4
	matches "most packets were marked" "$(hw_get stats .hit_ratio)" '^0\.[4-9]'
	matches "it is known how long rules took" "$(hw_get stats '.latency | map(.rules) | add')" \
		'^[1-9]'
}

test_one_agent() {
	refused "another agent is refused" 'an agent or a command of hwmark is at these maps' \
		hw agent device=edge hook=egress
	matches "the one that runs is shown" "$(hw show)" 'agent running'
}

# refused SENTENCE PATTERN COMMAND...
refused() {
	local out status=0

	out=$("${@:3}" 2>&1) || status=$?
	matches "$1" "$status $out" "^1 .*$2"
}

test_changes() {
	local before

	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	before=$(agent_number outdated)
	succeeds "the load balancer gets another VIP" lb vip add tcp/203.0.113.99:80 encap=l2
	hits_more "flows are marked as before"
	is "none of them left" "$(agent_number outdated)" "$before"
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	succeeds "a real is taken out" lb real down "udp/$VIP4:7" "$(host4 r1)"
	in_time "its flows leave" 20 has_done outdated $((before + 1))
	hits_more "the others go on"
	lb real up "udp/$VIP4:7" "$(host4 r1)"
	lb vip del tcp/203.0.113.99:80
	in_time "it is in again, and so are its flows" 30 has_most
	flows_stop
}

test_restart() {
	wait_for $((AGE * 3)) has_rules 0
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	stop "$AGENT" KILL
	hits_more "without an agent packets are marked"
	succeeds "an agent starts" agent_start
	matches "it takes over what is there" "$(<"$BED/log/agent")" '; [1-9][0-9]* are there already'
	hits_more "packets are marked"
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	flows_stop
	in_time "what was taken over goes when it is idle" $((AGE * 3)) has_rules 0
}

test_flush() {
	wait_for $((AGE * 3)) has_rules 0
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	succeeds "flush, by the agent" hw flush
	in_time "flows come again" 20 has_most
	succeeds "the agent ends" stop "$AGENT"
	succeeds "flush, without one" hw flush
	is "no rule is left" "$(count_rules)" 0
	is "and no entry" "$(hw_get show .live)" 0
	agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
	in_time "flows come again" 20 has_most
	flows_stop
}

test_lost_rules() {
	flows_start "$VIP4" 20
	in_time "there are rules for the flows" 20 has_most
	in_ns router tc qdisc del dev edge clsact
	in_time "that rules are gone is seen" 20 has_done vanished "$MOST"
	in_time "and flows come again" 30 has_most
	succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
	foreign_add
	# a device whose qdisc comes or goes sends nothing for a moment
	flows_stop 10
}

test_end() {
	succeeds "the agent ends" stop "$AGENT"
}

test_devices() {
	stop "$AGENT"
	flows_start "$VIP4" 20
	agent_start offload=skip_sw
	in_time "it is said that the device takes no rules" 20 says 'edge takes no rules'
	is "so none is left, and none came" "$(count_rules)" 0
	stop "$AGENT"
	agent_start device=late0
	in_time "a device that is not there is said" 5 says "there is no device 'late0'"
	in_ns router ip link add late0 type dummy
	in_time "and that it came" 10 says "no longer: there is no device 'late0'"
	in_time "it takes rules" 20 has_most
	in_ns router ip link del late0
	in_time "that it is gone is seen" 20 has_done vanished "$MOST"
	stop "$AGENT"
	agent_start flows=5
	in_time "a full table is said" 20 says 'the table of flows is full'
	in_time "and the rest is marked" 20 has_rules 5
	flows_stop
	stop "$AGENT"
}

# is_met POINT: the agent is killed there
is_met() {
	lb vip add tcp/203.0.113.98:80 encap=l2
	lb vip del tcp/203.0.113.98:80
	is_gone "$AGENT" || { timeout 1 nsenter --net="$BED/ns/router" "$BED_BIN/slotctl" --socket "$BED/hosts/edge/run/slotd.sock" hwmark flush
		is_gone "$AGENT"; }
}

test_killed() {
	local point

	export SLOTD_FAULT_DIR=$BED/fault
	mkdir -p "$SLOTD_FAULT_DIR"
	flows_start "$VIP4" 20
	while read -r point; do
		AGENT_BIN=$BED_TOOLS/slotctl_faults
		echo "$point 2 kill" >"$SLOTD_FAULT_DIR/arm"
		[[ $point != hwmark.@(clear|strays) ]] || echo "$point 1 kill" >"$SLOTD_FAULT_DIR/arm"
		agent_start
		in_time "killed at $point" 20 is_met
		rm -f "$SLOTD_FAULT_DIR/arm"
		AGENT_BIN=
		agent_start || bail "the agent starts" "$(<"$BED/log/agent")"
		in_time "flows are marked again" 20 has_most
		succeeds "rules, entries and the agent say the same" wait_for 5 is_consistent
		stop "$AGENT"
	done < <(readelf -p slot_faults "$BED_TOOLS/slotctl_faults" |
		sed -n 's/^ *\[ *[0-9a-f]*\]  *//p' | sort -u)
	flows_stop
	is "another's rule is where it was" "$(count_foreign)" 1
}

# More flows than places and marks: they are used again and again.
test_churn() {
	local out began=$SECONDS

	agent_start flows=2048 || bail "the agent starts" "$(<"$BED/log/agent")"
	out=$(in_ns client "$BED_TOOLS/udp_churn" "$VIP4" 7 "$CHURN" $((PACKETS * 2)) 2>&1)
	matches "$CHURN flows: each has one real" "$out" '^[1-9][0-9]+ [0-9]+ 0$'
	matches "in bounded time" $((SECONDS - began)) '^([0-9]|[0-9][0-9]|[12][0-9][0-9])$'
	echo "$CHURN flows in $((SECONDS - began)) s: $out, $(hits) hits," \
		"$(hw_get stats '.agent | "\(.taken) taken, \(.installed) installed, \(.full) full"')" |
		tap_note
	in_time "at the end no rule is left" $((AGE * 4)) has_rules 0
	is "and no entry" "$(hw_get show .live)" 0
	stop "$AGENT"
}

bed_start
for host in "${REALS[@]}"; do
	host_nginx "$host"
	host_echo "$host" "$VIP4" "$VIP6"
done
FLOWER=no
! has_flower || FLOWER=yes
# The agent knows nothing of engines.
BED_ENGINE=$(bed_engines | head -n 1)
for mode in "${MODES[@]}"; do
	TAP_PREFIX="$mode: "
	start_edge "$mode"
	if [[ $FLOWER == no ]]; then
		test_no_flower
		test_other_maps
		continue
	fi
	if ! has_marks; then
		test_no_source
		continue
	fi
	for name in ${SLOTD_TEST_ONLY:-${CASES[$mode]}}; do
		"test_${name#test_}"
	done
done
done_testing
