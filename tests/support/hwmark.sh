# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The edge, whose interface has a device that marks flows: the load balancer tells of them, the
# agent puts rules of flower where packets leave for the edge's interface, and hwmark sends what is
# marked. That "device" is the other end of the edge's veth, which hands marks on only within one
# netns: the edge's interface is the router's, without an address, so that the router leads there
# by its MAC. Sourced after bed.sh.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge r1 r2) REALS=(r1 r2)
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/lb.sh"

PACKETS=4
MARKS=1024
MOST=16
AGE=2
[[ ${SLOTD_TIER:-} != vm ]] || AGE=10
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
	make_router && make_client && make_rooms || return 1
	for host in "${REALS[@]}"; do
		join_segment "$host" && be_no_router "$host" || return 1
	done
	join_edge && own_vips
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

# start_edge MODE: an agent of the one before has files of its bpffs open
start_edge() {
	agent_end
	host_fresh edge <<-END
		slot 7 { name = "hwmark" object = "hwmark.bpf.o" maps_of = "lb"
			settings { mark_from = "veth" mode = "$1" refresh = 2 marks = $MARKS mtu = 1600 } }
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
		lb vip add "$vip" encap=l2 ring=maglev2 || bail "a VIP"
		for host in "${REALS[@]}"; do
			lb real add "$vip" "$(if [[ $vip == *[* ]]; then host6 "$host"; else host4 "$host"; fi)" \
				mac="$(mac_of "$host" eth0)" || bail "a real"
		done
	done
}

# agent_start [KEY=VALUE...]: what is not given is the edge's
# shellcheck disable=SC2120 # scripts give it words
agent_start() {
	local words=("$@") word

	for word in device=edge hook=egress age="$AGE"; do
		[[ " $*" == *" ${word%%=*}="* ]] || words+=("$word")
	done
	: >"$BED/log/agent"
	spawn router "$BED/log/agent" "${AGENT_BIN:-$BED_BIN/slotctl}" \
		--socket "$BED/hosts/edge/run/slotd.sock" hwmark agent "${words[@]}"
	AGENT=$BED_SPAWNED
	wait_for 10 is_agent && ! is_gone "$AGENT"
}

# An agent that runs already will do.
agent_need() {
	[[ -n $AGENT ]] && ! is_gone "$AGENT" || agent_start ||
		bail "the agent starts" "$(<"$BED/log/agent")"
}

agent_end() {
	[[ -z $AGENT ]] || stop "$AGENT"
	AGENT=
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

# has_done_all NUMBER NAME...: of each of these so many
has_done_all() {
	local name

	for name in "${@:2}"; do
		has_done "$name" "$1" || return
	done
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

# Linux 6.3: what veth hands to XDP has its skb behind it.
has_marks() {
	printf '6.3\n%s\n' "$(uname -r)" | sort -VC
}

# refused SENTENCE PATTERN COMMAND...
refused() {
	local out status=0

	out=$("${@:3}" 2>&1) || status=$?
	matches "$1" "$status $out" "^1 .*$2"
}
