# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A real for probes of health checks: the server takes tunnels apart and has the VIPs, which the
# edge routes to a neighbour that is not there. Sourced after bed.sh.

GUE=6080

# hc_ctl WORD...: slotctl lb_hc, as the test reaches it
sent() {
	hc_ctl stats --json | jq --arg name "$1" '.counters[] | select(.name == $name) | .packets'
}

# probe MARK ADDRESS: the HTTP status, or why there is none
probe() {
	in_ns edge "$BED_TOOLS/marked_get" "$2" 80 "$1" "$TAP_SCALE"
}

# probe_succeeds SENTENCE MARK ADDRESS
probe_succeeds() {
	is "$1" "$(probe "$2" "$3")" 200
}

# has_device NS NAME
has_device() {
	in_ns "$1" ip link set "$2" up
}

# real_start: tunnels end at the server, the VIPs are its own, and only a tunnel leads there
real_start() {
	spawn server "$BED/log/decap" "$BED_TOOLS/tun_decap" d0 "$GUE"
	TRAFFIC+=("$BED_SPAWNED")
	wait_for 5 has_device server d0 || bail "a tunnel's end" "$(cat "$BED/log/decap")"
	in_ns server ip -batch - <<-END
		address replace $VIP4/32 dev lo
		address replace $VIP6/128 dev lo nodad
	END
	# inner packets come in by another device than answers leave by
	in_ns server sh -c 'echo 0 >/proc/sys/net/ipv4/conf/d0/rp_filter'
	in_ns edge ip -batch - <<-END
		route replace $VIP4/32 dev eth1
		route replace $VIP6/128 dev eth1
		neighbour replace $VIP4 lladdr 02:00:00:00:00:99 dev eth1 nud permanent
		neighbour replace $VIP6 lladdr 02:00:00:00:00:99 dev eth1 nud permanent
	END
}

real_mac() {
	in_ns server ip -j link show dev s0 | jq -r '.[0].address'
}

# hc_set_up: sources of outer headers, and the server as everybody's gateway
hc_set_up() {
	hc_ctl set source 198.51.100.1 source 2001:db8:2::1 gateway "$(real_mac)"
}
