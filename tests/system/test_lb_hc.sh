#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Marked probes to a VIP that two hosts have: lb_hc at the edge's egress sends each to the real
# that its mark stands for, in every kind of tunnel, and the real answers from the VIP.
#
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

# shellcheck source=tests/support/probes.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/probes.sh"

MAPS=$BED/bpf/lb_hc_maps

hc_ctl() {
	in_ns edge "$BED_BIN/slotctl" lb_hc --map-dir "$MAPS" "$@"
}

attach() {
	bpftool prog load "$BED_OBJECTS/lb_hc.bpf.o" "$BED/bpf/lb_hc" pinmaps "$MAPS" &&
		in_ns edge tc qdisc add dev eth1 clsact &&
		in_ns edge tc filter add dev eth1 egress bpf direct-action \
			object-pinned "$BED/bpf/lb_hc"
}

# probe_leaves_as WHAT MARK ADDRESS COUNTER: the probe is answered, by way of a tunnel
probe_leaves_as() {
	local before

	before=$(sent "$4")
	probe_succeeds "$1: the real answers" "$2" "$3"
	matches "$1: its packets left in that tunnel" $(($(sent "$4") - before)) '^[1-9]'
}

bed_start
nginx_start
real_start
succeeds "lb_hc is loaded and attached" attach
hc_set_up
hc_ctl add 1 "$SERVER4"
hc_ctl add 2 "$SERVER6"
hc_ctl add 3 "$SERVER4" gue
hc_ctl add 4 "$SERVER6" gue
hc_ctl add 5 "$SERVER4" l2 "$(real_mac)"
hc_ctl add 6 198.51.100.77

matches "without a mark nothing answers" "$(probe 0 "$VIP4")" '^connect: '
probe_leaves_as "IPv4 in IPv4" 1 "$VIP4" sent_ipip4
probe_leaves_as "IPv4 in IPv6" 2 "$VIP4" sent_ipip6
probe_leaves_as "IPv6 in IPv6" 2 "$VIP6" sent_ipip6
probe_leaves_as "IPv4 in GUE over IPv4" 3 "$VIP4" sent_gue4
probe_leaves_as "IPv4 in GUE over IPv6, with a checksum" 4 "$VIP4" sent_gue6
probe_leaves_as "IPv6 in GUE over IPv6, with a checksum" 4 "$VIP6" sent_gue6
probe_leaves_as "to the MAC of the real" 5 "$VIP4" sent_l2

matches "a real that is not there does not answer" "$(probe 6 "$VIP4")" '^connect: '
matches "nor does an IPv4 real where the probe is IPv6" "$(probe 1 "$VIP6")" '^connect: '
matches "which is counted" "$(sent mixed_family)" '^[1-9]'
hc_ctl del 1
matches "a mark that was taken back leads nowhere" "$(probe 1 "$VIP4")" '^connect: '
matches "and its packets are left alone" "$(sent no_real)" '^[1-9]'
done_testing
