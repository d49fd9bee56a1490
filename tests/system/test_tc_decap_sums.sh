#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tc_decap where the kernel knows the sum over all bytes of a packet (CHECKSUM_COMPLETE): a
# vxlan device with UDP checksums gives it, for what was inside. A program behind tc_decap
# adds the bytes up and compares.
# guest: test-all

DECAP=tc_decap
# as every chain of TC programs is
export SLOTD_TEST_ENGINE=fused
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/tunnels.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tunnels.sh"

STATE=$BED_PROGS/system/progs/skb_state.bpf.o
GUE_PORT=6080
# The ends of the wire inside vxlan.
NEAR4=203.0.113.1 FAR4=203.0.113.2 NEAR6=2001:db8:3::1 FAR6=2001:db8:3::2

# make_vxlan NS ADDRESS PEER IP4 IP6
make_vxlan() {
	in_ns "$1" ip link add vx0 type vxlan id 7 dstport 4789 local "$2" remote "$3" udpcsum \
		2>"$BED/out" || return 1
	in_ns "$1" ip address add "$4/24" dev vx0
	in_ns "$1" ip address add "$5/64" dev vx0 nodad
	in_ns "$1" ethtool -K vx0 gro off tx off >/dev/null 2>&1
	in_ns "$1" ip link set vx0 up
}

make_both_ends() {
	modprobe -q vxlan 2>/dev/null
	make_vxlan client "$CLIENT4" "$EDGE4" "$FAR4" "$FAR6" &&
		make_vxlan edge "$EDGE4" "$CLIENT4" "$NEAR4" "$NEAR6" || bail "vxlan" "$(cat "$BED/out")"
}

setup() {
	in_ns edge ip link show dev vx0 >/dev/null 2>&1 || make_both_ends
	cat >"$BED/slots.conf" <<-END
		chain "vx0" {
			hook = "tc-ingress"
			slot 2 { name = "before" object = "$STATE" }
			slot 3 { name = "tc_decap" object = "tc_decap.bpf.o" }
			slot 4 { name = "after" object = "$STATE" }
		}
	END
	bed_slotd_fresh
	nginx_start
	add_vips
	bed_ctl tc_decap addr add "$NEAR4" "$NEAR6" || bail "tunnels end at the edge"
	bed_ctl tc_decap set gue-port="$GUE_PORT"
}

# states SLOT: none, unnecessary, complete, partial, and complete but wrong
states() {
	local dir

	dir=$(bed_ctl show "$1" --json | jq -r .map_dir)
	bpftool -j map dump pinned "$dir/skb_states" | jq -r '[.[].formatted.value] | join(" ")'
}

# sums_stay WHAT KIND ADDRESS
sums_stay() {
	local complete wrong

	tunnel_carries "$1" "$2" "$3"
	read -r _ _ complete _ wrong < <(states before)
	matches "$1: the kernel knows sums before" "$complete" '^[1-9]'
	is "$1: which are right" "$wrong" 0
	read -r _ _ complete _ wrong < <(states after)
	matches "$1: it knows them behind, too" "$complete" '^[1-9]'
	is "$1: which are right there" "$wrong" 0
}

test_ip_in_ip() {
	tunnel_start t4 "$FAR4" "$NEAR4"
	sums_stay "IPv4 in IPv4" ip4_in_ip4 "$VIP4"
	sums_stay "IPv6 in IPv4" ip6_in_ip4 "[$VIP6]"
	end_tunnel t4
	tunnel_start t6 "$FAR6" "$NEAR6"
	sums_stay "IPv6 in IPv6" ip6_in_ip6 "[$VIP6]"
	sums_stay "IPv4 in IPv6" ip4_in_ip6 "$VIP4"
	end_tunnel t6
}

test_gue() {
	tunnel_start t4 "$FAR4" "$NEAR4" "$GUE_PORT"
	sums_stay "GUE, IPv4 on IPv4" gue4_in_ip4 "$VIP4"
	sums_stay "GUE, IPv6 on IPv4" gue6_in_ip4 "[$VIP6]"
	end_tunnel t4
}

only_in_vm gue
printf '6.2\n%s\n' "$(uname -r)" | sort -VC || {
	echo "1..0 # SKIP a program sees what the kernel knows of checksums from Linux 6.2"
	exit 0
}
bed_run
