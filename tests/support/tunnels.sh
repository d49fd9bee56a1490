# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What comes out of tunnels from the client to the server's addresses, which decap, or the
# program that $DECAP names, takes apart at the edge. Sourced after bed.sh.

EDGE4=192.0.2.1

# tunnel_carries WHAT KIND ADDRESS: HTTP and ping to ADDRESS come out of a tunnel of that kind
tunnel_carries() {
	local before

	before=$(decap_count "$2")
	reaches "HTTP passes inside $1" "http://$3/"
	succeeds "ping passes inside $1" ping_once "$(tr -d '[]' <<<"$3")"
	matches "decap counts the packets inside $1" $(($(decap_count "$2") - before)) '^[1-9]'
}

end_tunnel() {
	stop "$TUNNEL" >/dev/null
	wait_for 3 is_device_gone "$1"
}

is_device_gone() {
	! in_ns client ip link show dev "$1" 2>/dev/null
}

# real_tunnel NAME IP_LINK_WORD...: a tunnel device of the kernel, or the reason to skip
real_tunnel() {
	modprobe -q "$2" 2>/dev/null
	in_ns client ip link add name "$1" type "${@:3}" 2>"$BED/out" && route_vips "$1"
}

# encap_start: TCP from the client to VIP4 leaves in a tunnel to the edge, before it is
# segmented; in GUE where its port is 9001. A packet of one whole segment has to fit the
# device with its outer headers as well: veth drops what does not.
encap_start() {
	in_ns client ip route replace "$VIP4" via "$EDGE4" mtu 1400 &&
		in_ns client tc qdisc add dev c0 clsact &&
		in_ns client tc filter add dev c0 egress bpf direct-action \
			object-file "$BED_PROGS/system/progs/tc_encap.bpf.o" section tc ||
		bail "the client puts packets into tunnels"
}
