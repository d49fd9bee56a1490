#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Chains of TC programs on the primary device of a netkit pair, whose peer a container has: they
# are the programs of the device, by the same words and commands as on a veth, and move with the
# interface's name from the one to the other.
#
#   edge pod0 203.0.113.129 -------- 203.0.113.130 nk0 server

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

SLOTD_TEST_ENGINE=fused # TC programs always are
OUT=pod0:tc-egress
IN=pod0:tc-ingress
ANSWERS=$BED_PROGS/bpf/progs/tc_ret.bpf.o
INSIDE=203.0.113.130

# write_conf [SETTINGS_OUT [SETTINGS_IN]]
write_conf() {
	cat >"$BED/slots.conf" <<-END
		chain "pod0" {
			hook = "tc-egress"
			slot 4 { name = "out" object = "$ANSWERS" settings { ${1:-} } }
		}
		chain "pod0" {
			hook = "tc-ingress"
			slot 4 { name = "in" object = "$ANSWERS" settings { ${2:-} } }
		}
	END
}

# make_pair KIND: the one or the other that people connect containers with
make_pair() {
	case $1 in
	veth) in_ns edge ip link add pod0 type veth peer name nk0 ;;
	# ip may be older than the device: the kernel makes its peer and names it nk and a number
	netkit) in_ns edge ip link add pod0 type netkit ;;
	esac || return 1
	in_ns edge ip link set nk0 netns "$BED/ns/server" &&
		in_ns server ip address add "$INSIDE/25" dev nk0 && in_ns server ip link set nk0 up &&
		in_ns edge ip address add 203.0.113.129/25 dev pod0 && in_ns edge ip link set pod0 up
}

drop_pair() {
	in_ns edge ip link delete pod0 2>/dev/null
}

setup() {
	bed_slotd_stop KILL
	drop_pair
	make_pair netkit || bail "a netkit pair is there"
	write_conf
	bed_slotd_fresh
}

# Whether the container answers.
is_answered() {
	in_ns edge ping -c 1 -W "${1:-$TAP_SCALE}" "$INSIDE" >/dev/null
}

is_silent() {
	! is_answered "$SILENCE"
}

links() {
	local link

	for link in "$BED"/bpf/slotd/*-pod0:tc-{egress,ingress}/link; do
		bpftool -j link show pinned "$link" | jq .id
	done | xargs
}

slot_count() {
	of "$1" ".slots[4].packets.$2"
}

are_attached_by() {
	[[ $(bed_get status '[.chains[] | select(.attached) | .mode] | join(" ")') == "$1 $1" ]]
}

test_both_directions() {
	local before

	succeeds "both chains are programs of the device" are_attached_by netkit
	is "nobody warns" "$(bed_get status '[.chains[].warnings[]] | length')" 0
	succeeds "the container answers" is_answered 5
	matches "what goes to it meets tc-egress" "$(slot_count "$OUT" pass)" '^[1-9]'
	matches "what comes from it meets tc-ingress" "$(slot_count "$IN" pass)" '^[1-9]'
	before=$(links)
	write_conf 'answer = 2'
	bed_ctl --chain "$OUT" apply >/dev/null
	succeeds "a program that drops on the way in stops it" is_silent
	matches "and is counted" "$(slot_count "$OUT" drop)" '^[1-9]'
	bed_ctl --chain "$OUT" rollback >/dev/null
	succeeds "a rollback brings it back" is_answered 5
	write_conf '' 'answer = 2'
	bed_ctl --chain "$IN" apply >/dev/null
	succeeds "one that drops on the way out does as well" is_silent
	matches "and is counted" "$(slot_count "$IN" drop)" '^[1-9]'
	bed_ctl --chain "$IN" rollback >/dev/null
	succeeds "until it is gone" is_answered 5
	is "all by the same two links" "$(links)" "$before"
}

test_restart_and_kill() {
	local before

	before=$(links)
	bed_slotd_stop KILL
	succeeds "without slotd packets pass" is_answered 5
	bed_slotd
	is "a start takes over both links" "$(links)" "$before"
	succeeds "which are the device's programs" are_attached_by netkit
	is "and warns of nothing" "$(bed_get status '[.chains[].warnings[]] | length')" 0
	in_ns edge ip link set pod0 down && in_ns edge ip link set pod0 name pod9
	bed_slotd_stop
	sed -i 's/"pod0"/"pod9"/' "$BED/slots.conf"
	bed_slotd
	is "they keep their interface under another name" \
		"$(bed_get status '[.chains[].attached] | all')" true
	in_ns edge ip link delete pod9
}

test_comes_back_as_another_device() {
	drop_pair
	in_time "without the interface the chains are off" 5 is_off "$OUT"
	make_pair veth
	in_time "a veth of its name has them, by tcx" 5 are_attached_by tcx
	succeeds "the container answers" is_answered 5
	drop_pair
	in_time "it goes" 5 is_off "$IN"
	make_pair netkit
	in_time "a netkit pair has them as its programs" 5 are_attached_by netkit
	succeeds "the container answers" is_answered 5
	matches "and the chain saw it" "$(slot_count "$IN" pass)" '^[1-9]'
}

test_peer_and_others() {
	in_ns edge tc qdisc add dev pod0 clsact
	bpftool prog load "$ANSWERS" "$BED/bpf/other"
	in_ns edge tc filter add dev pod0 egress bpf direct-action object-pinned "$BED/bpf/other"
	in_ns edge tc filter add dev pod0 ingress bpf direct-action object-pinned "$BED/bpf/other"
	is "a filter on the way out of the host comes before the device's program" \
		"$(bed_get status '.chains[0].others[0] | "\(.attached) \(.before)"')" "clsact true"
	is "one on the way in behind it" \
		"$(bed_get status '.chains[1].others[0] | "\(.attached) \(.before)"')" "clsact false"
	rm "$BED/bpf/other"
	cat >>"$BED/slots.conf" <<-END
		chain "nk0" {
			netns = "$BED/ns/server"
			hook = "tc-egress"
			slot 4 { name = "own" object = "$ANSWERS" }
		}
	END
	succeeds "the peer may have a chain as well" bed_ctl reload
	is "which is tcx: the device's programs are the primary's" \
		"$(bed_get status '.chains[2].mode')" tcx
	succeeds "the container answers through all of them" is_answered 5
}

# attach_again CHAIN ORDER: taken off and put back with that in slots.conf
attach_again() {
	sed -i "s/hook = \"${1#*:}\".*/hook = \"${1#*:}\" order = \"$2\"/" "$BED/slots.conf"
	bed_ctl --chain "$1" detach >/dev/null && bed_ctl --chain "$1" apply >/dev/null
}

other_of() {
	of "$1" '.others | map("\(.attached) \(.before)") | join(", ")'
}

# Another program of the device ends the way of a packet for those behind it, as it lets it pass.
meets_the_other() {
	attach_again "$1" last
	is "a chain is behind others that the device has ($1)" "$(other_of "$1")" "netkit true"
	succeeds "the container answers" is_answered 5
	is "who pass packets that the chain does not see" "$(slot_count "$1" pass)" 0
	attach_again "$1" first
	is "with order = first it is before them" "$(other_of "$1")" "netkit false"
	succeeds "the container answers" is_answered 5
	matches "the chain sees its packets" "$(slot_count "$1" pass)" '^[1-9]'
	bed_slotd_stop KILL
	bed_slotd
	is "a start changes nothing of that" "$(other_of "$1")" "netkit false"
}

test_order() {
	bpftool prog load "$ANSWERS" "$BED/bpf/other"
	in_ns edge "$BED_TOOLS/other_link" pod0 netkit-primary "$BED/bpf/other" "$BED/bpf/other_out" &&
		in_ns edge "$BED_TOOLS/other_link" pod0 netkit-peer "$BED/bpf/other" "$BED/bpf/other_in" ||
		bail "the device has other programs"
	meets_the_other "$OUT"
	meets_the_other "$IN"
	succeeds "both chains are programs of the device" are_attached_by netkit
	rm "$BED/bpf/other" "$BED/bpf/other_out" "$BED/bpf/other_in"
}

# --- programs that come with slotd --------------------------------------------------------------

HOST=203.0.113.129
VIP=198.51.100.129
VIP_6=2001:db8:3::80

conf_programs() {
	cat >"$BED/slots.conf" <<-END
		chain "pod0" {
			hook = "tc-egress"
			slot 2 { name = "fw_egress" object = "fw_egress.bpf.o" }
		}
		chain "pod0" {
			hook = "tc-ingress"
			slot 3 { name = "tc_decap" object = "tc_decap.bpf.o" }
		}
		chain "nk0" {
			netns = "$BED/ns/server"
			hook = "tc-egress"
			slot 2 { name = "fw_egress" object = "fw_egress.bpf.o" }
		}
	END
}

# load CHAIN: the ruleset in stdin
load() {
	cat >"$BED/rules"
	bed_ctl --chain "$1" fw_egress load "$BED/rules" >/dev/null || not_ok "$1 loads its ruleset"
}

# get NETNS URL [SECONDS]
get() {
	in_ns "$1" curl -gsS -o /dev/null -w '%{http_code}' --noproxy '*' \
		-m "${3:-$((2 * TAP_SCALE))}" "$2" 2>/dev/null
}

test_fw_egress() {
	local inside

	conf_programs
	bed_slotd_fresh
	nginx_start
	inside=$(bed_get status '.chains[2].interface')
	load "$OUT" <<<$'policy drop\nicmp type echo-request accept\ntcp dport { 80, 8080 } accept'
	is "fw_egress on the primary lets in what a rule accepts" "$(get edge "http://$INSIDE/")" 200
	is "and nothing else" "$(get edge "http://$INSIDE:8081/" "$SILENCE")" 000
	succeeds "a ping comes in by its rule" is_answered 5
	matches "each rule counts" "$(bed_ctl --chain "$OUT" fw_egress show --counters)" \
		'tcp dport \{ 80, 8080 \} counter packets [1-9]'
	matches "and the policy" "$(bed_ctl --chain "$OUT" fw_egress stats)" 'deny_default +drop +[1-9]'
	load "$inside" <<<$'policy accept\noifname "nk0" tcp sport 8080 drop'
	is "fw_egress on the peer drops by its own ruleset" \
		"$(get edge "http://$INSIDE:8080/" "$SILENCE")" 000
	is "what that names, alone" "$(get edge "http://$INSIDE/")" 200
	load "$OUT" <<<$'policy accept\noifname "pod0" icmp type echo-request drop'
	succeeds "the primary's name is known to a ruleset there" is_silent
	matches "and shown" "$(bed_ctl --chain "$OUT" fw_egress show)" 'oifname "pod0" icmp'
	is "what the rule does not name comes in" "$(get edge "http://$INSIDE/")" 200
	in_ns edge ip link add twin index "$(of "$OUT" .peer_ifindex)" type bridge ||
		bail "an interface with the peer's number"
	echo 'oifname "twin" drop' >"$BED/rules"
	matches "an interface that packets cannot be told from is refused" \
		"$(in_ns edge "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" --chain "$OUT" \
			fw_egress load "$BED/rules" 2>&1)" \
		"its number, [0-9]+, is also that of the other end of 'pod0'"
	in_ns edge ip link delete twin
}

taken_apart() {
	bed_ctl --chain "$IN" tc_decap stats --json |
		jq --arg kind "$1" '.counters[] | select(.name == $kind) | .packets'
}

# carries KIND ADDRESS: both families, so that the kernel has to read the frame anew behind tc_decap
carries() {
	succeeds "a ping from the container arrives by a tunnel ($1)" \
		in_ns server ping -c 1 -W $((5 * TAP_SCALE)) "$2"
	matches "which tc_decap took apart" "$(taken_apart "$1")" '^[1-9]'
}

test_tc_decap() {
	conf_programs
	bed_slotd_fresh
	in_ns edge ip -batch - <<-END
		address replace $VIP/32 dev lo
		address replace $VIP_6/128 dev lo nodad
		route replace 2001:db8:3::2/128 dev pod0
	END
	in_ns server ip address replace 2001:db8:3::2/128 dev nk0 nodad
	bed_ctl --chain "$IN" tc_decap addr add "$HOST" || bail "tunnels end at the host"
	spawn server "$BED/log/t4" "$BED_TOOLS/tun_encap" t4 "$INSIDE" "$HOST"
	TRAFFIC+=("$BED_SPAWNED")
	wait_for 5 in_ns server ip link show dev t4 >/dev/null || bail "a tunnel device" "$(cat "$BED/log/t4")"
	in_ns server ip -batch - <<-END
		link set t4 up mtu 1400
		route replace $VIP dev t4 src $INSIDE
		route replace $VIP_6 dev t4 src 2001:db8:3::2
	END
	in_ns edge sh -c 'echo 0 >/proc/sys/net/ipv4/conf/pod0/rp_filter'
	carries ip4_in_ip4 "$VIP"
	carries ip6_in_ip4 "$VIP_6"
	in_ns edge ip address del "$VIP/32" dev lo
	in_ns edge ip address del "$VIP_6/128" dev lo
}

has_netkit() {
	unshare --net ip link add pod0 type netkit 2>/dev/null
}

has_netkit || {
	echo "1..0 # SKIP this kernel has no netkit (Linux 6.7)"
	exit 0
}
bed_run
