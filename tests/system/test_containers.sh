#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
#
# The same VIP in two containers of a host, by direct server return: the load balancer sends each
# connection in a tunnel to the address of one of them, the host's chain hands it to that one's
# netns, and the tc_decap of its own chain takes it out. Nobody is root in it but the slotds.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge r1) REALS=()
# as every chain of TC programs is
export SLOTD_TEST_ENGINE=fused
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"
# shellcheck source=tests/support/containers.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/containers.sh"

ASKED=40
UPGRADES=6
# Seconds after which a connection gets no answer.
UNANSWERED=1
# Bytes.
UPLOAD=4000000
# What containers have at first: in a guest the pair that the host's kernel may not have.
PAIR=veth
[[ ${SLOTD_TIER:-} != vm ]] || ASKED=16 UPGRADES=2 UNANSWERED=4 PAIR=netkit UPLOAD=500000
SET_UP=

has_netkit() {
	unshare --net ip link add pod0 type netkit 2>/dev/null
}

make_containers() {
	local name

	find_group || bail "a cgroup can be made"
	[[ $PAIR == veth ]] || has_netkit || PAIR=veth
	trap 'bed_stop; drop_group' EXIT
	lead_tunnels || bail "tunnels are led to the host"
	for name in a b; do
		container_start "$name" && container_wire "$PAIR" "$name" ||
			bail "there is a container $name"
		container_nginx "$name"
	done
	REALS=(a b)
}

# balance FAMILY ENCAP: both VIPs lead to both containers, by tunnels over that family
balance() {
	local vip name

	for vip in "tcp/$VIP4:80" "tcp/[$VIP6]:80"; do
		lb vip del "$vip" 2>/dev/null
		[[ $1 == 6 || $vip != *\[* ]] || continue
		lb vip add "$vip" encap="$2" || bail "there is a VIP $vip"
		for name in a b; do
			local -n tunnels=TUNNEL$1
			lb real add "$vip" "${tunnels[$name]}" || bail "VIP $vip has the real $name"
		done
	done
}

# What the three owners do, each for its own.
own() {
	local name

	for name in a b; do
		succeeds "the owner of $name deploys to its slot" \
			container_ctl "$name" deploy tc_decap "$BED_OBJECTS/tc_decap.bpf.o"
		succeeds "and says which tunnels end there" container_ctl "$name" tc_decap addr add \
			"${TUNNEL4[$name]}" "${TUNNEL6[$name]}"
		container_ctl "$name" tc_decap set gue-port="$GUE" strict=yes
		succeeds "the owner of the host's slot leads them to $name" lead "$name"
	done
}

# lead NAME [peer|neigh]
lead() {
	host_redirect add "${TUNNEL4[$1]}" "c$1" "${@:2}" &&
		host_redirect add "${TUNNEL6[$1]}" "c$1" "${@:2}"
}

setup() {
	[[ ! $SET_UP ]] || return 0
	make_containers
	start_balancer
	start_host
	own
	balance 4 ipip
	SET_UP=yes
}

# tap_start NAME: frames in the container that are for the other one's tunnel address, or its own
tap_start() {
	spawn "$1" "$BED/log/tap.$1" tcpdump -i eth0 -n -l --immediate-mode ip proto 4 or ip6 proto 41
	TRAFFIC+=("$BED_SPAWNED")
	wait_for 10 grep -q 'listening on' "$BED/log/tap.$1"
}

tap_saw() {
	grep -cF " > $2:" "$BED/log/tap.$1"
}

test_both_answer() {
	local a b peer

	tap_start a && tap_start b || bail "frames can be watched"
	a=$(device_sent a) peer=$(redirected peer)
	is_shared "each connection to the VIP is answered, by both containers" "$ASKED" \
		"$(ask_http "$ASKED" "$VIP4")"
	a=$(($(device_sent a) - a)) peer=$(($(redirected peer) - peer))
	matches "the host hands packets to the containers" "$peer" '^[1-9][0-9]+$'
	is "and sends next to none through the device ($a of a $PAIR)" "$((a < 3))" 1
	for name in a b; do
		is "all that was led to $name it took out of tunnels" "$(counts "$name")" \
			"$(led_to "$name")"
	done
	matches "$ASKED connections show in a" "$(tap_saw a "${TUNNEL4[a]}")" '^[1-9]'
	is "where none of b's packets are seen" "$(tap_saw a "${TUNNEL4[b]}")" 0
	matches "and in b" "$(tap_saw b "${TUNNEL4[b]}")" '^[1-9]'
	is "where none of a's are" "$(tap_saw b "${TUNNEL4[a]}")" 0
	balance 6 ipip
	is_shared "over IPv6 as well" "$ASKED" "$(ask_http "$ASKED" "[$VIP6]")"
	is_shared "and IPv4 over IPv6" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
	balance 4 gue
	is_shared "and in GUE" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
	balance 4 ipip
	is "none of it was left to the host's routes" \
		"$(host_redirect stats --json | jq '[.counters[] | select(.verdict == "left") | .packets] | add')" 0
}

# refused SENTENCE COMMAND...: not done, for want of permission
refused() {
	matches "$1" "$("${@:2}" 2>&1)" 'does not own slot 3|: Permission denied'
}

# As the user of one, of the chain of another.
as_a() {
	in_container a "$BED_BIN/slotctl" --socket "$BED/hosts/r1/run/slotd.sock" "$@"
}

generation_of() {
	host_ctl r1 --chain "$1:eth0:tc-ingress" slots --json | jq .generation
}

test_owners() {
	local before chain=b:eth0:tc-ingress maps

	before=$(generation_of b)
	maps=$(host_ctl r1 --chain "$chain" slots --json | jq -r '.slots[3].map_dir')
	refused "a's owner may not deploy to b's slot" \
		as_a --chain "$chain" deploy tc_decap "$BED_OBJECTS/tc_decap.bpf.o"
	refused "nor stop it" as_a --chain "$chain" disable tc_decap
	refused "nor say which tunnels end there" \
		as_a tc_decap --map-dir "$maps" addr del "${TUNNEL4[b]}"
	maps=$(host_ctl r1 --chain eth0:tc-ingress slots --json | jq -r '.slots[3].map_dir')
	refused "nor lead b's packets to a" \
		as_a tc_redirect --map-dir "$maps" add "${TUNNEL4[b]}" lo
	is "all of which changed nothing of b's" "$(generation_of b)" "$before"
}

# ask_quick COUNT: names that answer so many connections at once within a short time
ask_quick() {
	in_ns client curl -s --noproxy '*' --parallel --parallel-immediate --parallel-max "$1" \
		-m "$UNANSWERED" "http://$VIP4/?[1-$1]" 2>/dev/null | sort | uniq -c | awk '{ print $2, $1 }'
}

only_b_answers() {
	local answers

	answers=$(ask_quick 16)
	matches "$1" "$answers" '^b ([1-9]|1[0-5])$'
}

test_stopped_slot() {
	local before

	before=$(generation_of b)
	container_ctl a disable tc_decap >/dev/null
	only_b_answers "where a's slot is stopped b answers its own connections"
	is "and b's chain is as it was" "$(generation_of b)" "$before"
	container_ctl a enable tc_decap >/dev/null
	is_shared "both answer when it is back" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
}

# What the doctor finds of redirects, root's, in the host's netns.
findings() {
	in_ns r1 "$BED_BIN/slotctl" --socket "$BED/hosts/r1/run/slotd.sock" doctor --json |
		jq -r '.findings[] | select(.check == "redirect") | "\(.severity): \(.what)"'
}

test_doctor() {
	is "the doctor finds nothing in the way" "$(findings)" ""
	container_ctl a disable tc_decap >/dev/null
	matches "where a's slot is stopped it finds both addresses" "$(findings | wc -l)" '^2$'
	matches "led to where nobody takes tunnels apart" "$(findings)" \
		"note: tc_redirect leads ${TUNNEL4[a]} to netns '.*', where nobody"
	in_ns a ip address del "${TUNNEL4[a]}/32" dev eth0
	matches "an error where nobody has the address either" "$(findings)" \
		"error: tc_redirect leads ${TUNNEL4[a]} to netns"
	in_ns a ip address add "${TUNNEL4[a]}/32" dev eth0
	in_ns a ip route replace default via "$(host4 r1)" dev eth0 onlink
	container_ctl a enable tc_decap >/dev/null
	is "nothing when it is back" "$(findings)" ""
}

# deploy_other NAME NUMBER: another file of the same, as a version of its own
deploy_other() {
	{
		cat "$BED_OBJECTS/tc_decap.bpf.o"
		echo "$2"
	} >"$BED/other.o"
	container_ctl "$1" deploy tc_decap "$BED/other.o"
}

test_upgrades_under_load() {
	local before i generation

	before=$(generation_of b) generation=$(generation_of a)
	wrk_start load 60 "http://$VIP4/"
	for ((i = 0; i < UPGRADES; i++)); do
		deploy_other a "$i" >/dev/null || not_ok "upgrade $i"
		((i != UPGRADES / 2)) || {
			host_kill r1
			deploy_other b 99 >/dev/null 2>&1 && not_ok "nobody deploys without slotd"
			host_slotd r1 || bail "slotd starts again" "$(cat "$BED/log/slotd.r1")"
		}
	done
	read -r done_ failed < <(wrk_stop load)
	is "a's owner has upgraded it" "$(($(generation_of a) - generation))" "$UPGRADES"
	none_failed "meanwhile none of $done_ requests failed, slotd killed once" load "$failed"
	is "and b's chain is the same" "$(generation_of b)" "$before"
}

test_other_ways() {
	local sent peer

	lead a neigh
	sent=$(device_sent a) peer=$(redirected neigh)
	is_shared "by way of the device both answer" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
	matches "which is counted" $(($(redirected neigh) - peer)) '^[1-9][0-9]+$'
	matches "and seen at the device" $(($(device_sent a) - sent)) '^[1-9][0-9]+$'
	host_redirect del "${TUNNEL4[a]}" "${TUNNEL6[a]}"
	sent=$(device_sent a) peer=$(counts a)
	is_shared "and by the host's routes alone" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
	matches "which lead out of the device" $(($(device_sent a) - sent)) '^[1-9][0-9]+$'
	matches "to a's decap" $(($(counts a) - peer)) '^[1-9][0-9]+$'
	lead a
}

# From the segment's router; IPv4 and nothing in it, with the tag where one is named.
SEND_FRAME='
import socket, struct, sys
mac, address, tag = sys.argv[1:]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("br0", 0))
ip = struct.pack("!BBHHHBBH", 0x45, 0, 20, 1, 0, 64, 253, 0)
ip += socket.inet_aton("198.51.100.1") + socket.inet_aton(address)
vlan = struct.pack("!HH", 0x8100, int(tag)) if tag else b""
wire.send(bytes.fromhex(mac.replace(":", "")) + b"\2\0\0\0\0\1" + vlan + b"\x08\0" + ip)
'

# frame_to MAC [VLAN]: one to a's tunnel address, sent to this MAC address
frame_to() {
	in_ns router python3 -c "$SEND_FRAME" "$1" "${TUNNEL4[a]}" "${2:-}"
}

test_frames_of_others() {
	local peer

	peer=$(redirected peer)
	frame_to 02:00:00:00:00:99
	is "a frame for another MAC address is not handed over" "$(redirected other_host)" 1
	frame_to "$(mac_of r1 eth0)" 5
	is "nor one of a VLAN" "$(redirected tagged)" 1
	is "which both are left to the host" "$(redirected peer)" "$peer"
	frame_to "$(mac_of r1 eth0)"
	is "one for the host's is, tunnel or not" "$(redirected peer)" $((peer + 1))
}

# Packets and bytes that were handed over.
led_in_all() {
	host_redirect list --json | jq -r '.prefixes | "\(map(.packets) | add) \(map(.bytes) | add)"'
}

# Packets that the host's interface has put together are handed over, and taken apart, as they are.
test_large_packets() {
	local packets bytes before i sum

	head -c "$UPLOAD" /dev/urandom >"$BED/upload"
	sum=$(sha256sum <"$BED/upload")
	in_ns r1 ethtool -K eth0 gro on
	read -ra before < <(led_in_all)
	for ((i = 0; i < 8; i++)); do
		spawn client "$BED/log/curl" curl -sS --noproxy '*' -m "$((PATIENCE * 10))" \
			-T "$BED/upload" "http://$VIP4/upload/$i"
		TRAFFIC+=("$BED_SPAWNED")
	done
	in_time "each upload arrives" "$((PATIENCE * 10))" has_uploads 8
	is "as it was sent" \
		"$(cat "$BED"/www/[ab]/upload/* | split -b "$UPLOAD" --filter sha256sum | sort -u)" "$sum"
	read -r packets bytes < <(led_in_all)
	packets=$((packets - before[0])) bytes=$((bytes - before[1]))
	if [[ ${SLOTD_TIER:-} == vm && $bytes -lt $((packets * 2000)) ]]; then
		skip "in packets put together on the way" "one by one is how they come to this guest"
	else
		is "in packets put together on the way ($((bytes / (packets ? packets : 1))) bytes)" \
			"$((bytes > packets * 2000))" 1
	fi
	in_ns r1 ethtool -K eth0 gro off
}

is_too_long_counted() {
	[[ $(redirected too_long) -gt 0 ]]
}

# Put together or not, it is the segments that have to fit the way by the device.
test_large_packets_for_a_narrow_device() {
	local i

	[[ ${SLOTD_TIER:-} != vm ]] || {
		skip "segments are measured" "one by one is how packets come to this guest"
		return
	}
	head -c "$UPLOAD" /dev/urandom >"$BED/upload"
	in_ns r1 ethtool -K eth0 gro on
	in_ns r1 ip link set ca mtu 1280
	lead a neigh
	for ((i = 0; i < 8; i++)); do
		spawn client "$BED/log/curl" curl -sS --noproxy '*' -m 3 \
			-T "$BED/upload" "http://$VIP4/upload/narrow$i"
		TRAFFIC+=("$BED_SPAWNED")
	done
	in_time "segments that are longer than the device takes are left to the host" 5 \
		is_too_long_counted
	end_traffic
	matches "and no larger ones are handed over put together" \
		"$(host_redirect stats --json | jq '.counters[] | select(.name == "neigh") |
			.bytes <= (.packets * 1294)')" '^true$'
	rm -f "$BED"/www/[ab]/upload/narrow*
	in_ns r1 ip link set ca mtu 1500
	in_ns r1 ethtool -K eth0 gro off
	lead a
}

has_uploads() {
	local files=("$BED"/www/[ab]/upload/*)

	[[ ${#files[@]} -eq $1 ]] && [[ -z $(find "${files[@]}" ! -size "${UPLOAD}c") ]]
}

is_a_on() {
	[[ $(host_ctl r1 --chain a:eth0:tc-ingress slots --json | jq .attached) == true ]]
}

is_a_off() {
	[[ $(host_ctl r1 --chain a:eth0:tc-ingress slots --json | jq .attached) == false ]]
}

# made_anew KIND: a gets another device, as when its container is made anew
made_anew() {
	local before gone

	in_ns r1 ip link delete ca
	in_time "without its device a's chain waits" 5 is_a_off
	only_b_answers "and b answers its own connections"
	gone=$(redirected no_device)
	matches "what was for a is counted" "$gone" '^[1-9]'
	matches "and its device shows as gone" "$(host_redirect list)" \
		"${TUNNEL4[a]} +#[0-9]+ gone +peer"
	container_wire "$1" a || bail "a has a device, $1"
	in_time "a's chain is on its new device, a $1" 5 is_a_on
	is_shared "the host's routes lead to it" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
	lead a
	before=$(redirected peer) gone=$(redirected no_device)
	is_shared "and said again, so does its chain" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
	matches "into the peer" $(($(redirected peer) - before)) '^[1-9][0-9]+$'
	is "all of it" "$(redirected no_device)" "$gone"
}

test_made_anew() {
	made_anew veth
}

test_made_anew_with_netkit() {
	has_netkit || {
		skip "netkit" "this kernel has none (Linux 6.7)"
		return
	}
	made_anew netkit
	made_anew veth
}

only_in_vm both_answer
bed_run
