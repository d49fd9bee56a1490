#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Round trips of TCP whose packets to the server come in a tunnel, by who takes them out at
# the edge: decap in XDP, tc_decap, and where the kernel has them its own tunnel device and
# FOU. All take turns. Prints JSON, one row a line: {"path", "kind", "rtt_us"}, the least of
# the medians. See docs/benchmarks.md.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/tunnels.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tunnels.sh"

COUNT=${1:-2000}
TURNS=${2:-5}
GUE_PORT=6080

# row PATH KIND PORT: nothing where it does not work
row() {
	local rtt

	rtt=$(in_ns client "$BED_TOOLS/tcp_rr" "$VIP4" "$3" "$COUNT" 2>>"$BED/log/rtt") || {
		echo "decap_rtt: $1, $2: $(tail -n 1 "$BED/log/rtt")" >&2
		return
	}
	jq -cn --arg path "$1" --arg kind "$2" --argjson rtt "$rtt" \
		'{path: $path, kind: $kind, rtt_us: $rtt}'
}

both_rows() {
	row "$1" ip4_in_ip4 9000
	row "$1" gue4_in_ip4 9001
}

# chain HOOK NAME: one program at the edge
chain() {
	cat >"$BED/slots.conf" <<-END
		chain "eth0" { hook = "$1" slot 3 { name = "$2" object = "$2.bpf.o" } }
	END
	bed_slotd_fresh >&2
	bed_ctl "$2" addr add "$EDGE4" >&2
	bed_ctl "$2" set gue-port="$GUE_PORT" >&2
}

kernel_rows() {
	modprobe -q ipip 2>/dev/null
	in_ns edge ip link add k4 type ipip local "$EDGE4" remote any 2>/dev/null || return 0
	in_ns edge ip link set k4 up
	row device ip4_in_ip4 9000
	modprobe -q fou 2>/dev/null
	in_ns edge ip fou add port "$GUE_PORT" gue 2>/dev/null || return 0
	row fou gue4_in_ip4 9001
	in_ns edge ip fou del port "$GUE_PORT"
}

take_turn() {
	both_rows pass
	encap_start >&2
	chain xdp decap
	both_rows xdp
	chain tc-ingress tc_decap
	both_rows tc
	bed_slotd_gone >&2
	kernel_rows
	in_ns edge ip link del k4 2>/dev/null
	in_ns client tc qdisc del dev c0 clsact
}

bed_start >&2
add_vips
for port in 9000 9001; do
	spawn server "$BED/log/rtt" "$BED_TOOLS/tcp_rr" "$VIP4" "$port"
	wait_for 10 in_ns client "$BED_TOOLS/tcp_rr" "$VIP4" "$port" 1 >/dev/null 2>&1
done
for ((turn = 0; turn < TURNS; turn++)); do
	take_turn
done | jq -cs '[group_by([.path, .kind])[] | min_by(.rtt_us)] |
	sort_by((.path as $path | ["pass", "xdp", "tc", "device", "fou"] | index($path)),
		.kind != "ip4_in_ip4")[]'
