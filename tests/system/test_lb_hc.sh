#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Marked probes to a VIP that two hosts have: lb_hc at the edge's egress sends each to the real
# that its mark stands for, in every kind of tunnel, and the real answers from the VIP.
#
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

GUE=6080
MAPS=$BED/bpf/lb_hc_maps

hc() {
	in_ns edge "$BED_BIN/slotctl" lb_hc --map-dir "$MAPS" "$@"
}

# probe MARK ADDRESS: the HTTP status, or why there is none
probe() {
	in_ns edge "$BED_TOOLS/marked_get" "$2" 80 "$1" "$((TAP_SCALE))"
}

sent() {
	hc stats --json | jq --arg name "$1" '.counters[] | select(.name == $name) | .packets'
}

# has_device NS NAME
has_device() {
	in_ns "$1" ip link set "$2" up
}

# make_real NS: tunnels end there, and the VIPs are its own
make_real() {
	spawn "$1" "$BED/log/decap.$1" "$BED_TOOLS/tun_decap" d0 "$GUE"
	wait_for 5 has_device "$1" d0 || bail "a tunnel's end" "$(cat "$BED/log/decap.$1")"
	in_ns "$1" ip -batch - <<-END
		address add $VIP4/32 dev lo
		address add $VIP6/128 dev lo nodad
	END
	# inner packets come in by another device than answers leave by
	in_ns "$1" sh -c 'cd /proc/sys/net && echo 0 >ipv4/conf/d0/rp_filter'
}

attach() {
	bpftool prog load "$BED_OBJECTS/lb_hc.bpf.o" "$BED/bpf/lb_hc" pinmaps "$MAPS" &&
		in_ns edge tc qdisc add dev eth1 clsact &&
		in_ns edge tc filter add dev eth1 egress bpf direct-action \
			object-pinned "$BED/bpf/lb_hc"
}

# reaches WHAT MARK ADDRESS COUNTER: the probe is answered, by way of a tunnel
reaches() {
	local before

	before=$(sent "$4")
	is "$1: the real answers" "$(probe "$2" "$3")" 200
	matches "$1: its packets left in that tunnel" $(($(sent "$4") - before)) '^[1-9]'
}

bed_start
nginx_start
make_real server
# the way of the probes; without a tunnel nobody there has the VIP
in_ns edge ip -batch - <<-END
	route add $VIP4/32 dev eth1
	route add $VIP6/128 dev eth1
	neighbour add $VIP4 lladdr 02:00:00:00:00:99 dev eth1 nud permanent
	neighbour add $VIP6 lladdr 02:00:00:00:00:99 dev eth1 nud permanent
END
succeeds "lb_hc is loaded and attached" attach
mac=$(in_ns server ip -j link show dev s0 | jq -r '.[0].address')
hc set source 198.51.100.1 source 2001:db8:2::1 gateway "$mac"
hc add 1 "$SERVER4"
hc add 2 "$SERVER6"
hc add 3 "$SERVER4" gue
hc add 4 "$SERVER6" gue
hc add 5 "$SERVER4" l2 "$mac"
hc add 6 198.51.100.77

matches "without a mark nothing answers" "$(probe 0 "$VIP4")" '^connect: '
reaches "IPv4 in IPv4" 1 "$VIP4" sent_ipip4
reaches "IPv4 in IPv6" 2 "$VIP4" sent_ipip6
reaches "IPv6 in IPv6" 2 "$VIP6" sent_ipip6
reaches "IPv4 in GUE over IPv4" 3 "$VIP4" sent_gue4
reaches "IPv4 in GUE over IPv6, with a checksum" 4 "$VIP4" sent_gue6
reaches "IPv6 in GUE over IPv6, with a checksum" 4 "$VIP6" sent_gue6
reaches "to the MAC of the real" 5 "$VIP4" sent_l2

matches "a real that is not there does not answer" "$(probe 6 "$VIP4")" '^connect: '
matches "nor does an IPv4 real where the probe is IPv6" "$(probe 1 "$VIP6")" '^connect: '
matches "which is counted" "$(sent mixed_family)" '^[1-9]'
hc del 1
matches "a mark that was taken back leads nowhere" "$(probe 1 "$VIP4")" '^connect: '
matches "and its packets are left alone" "$(sent no_real)" '^[1-9]'
done_testing
