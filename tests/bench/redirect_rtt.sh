#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Round trips of TCP to a container whose packets come in a tunnel, by how they get into its
# netns: tc_redirect by the peer of the device, by the device, or the host's routes. The three
# take turns. Prints JSON, one row a line: {"path", "kind", "rtt_us"}, the least of the medians.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge r1) REALS=()
export SLOTD_TEST_ENGINE=fused
BED_ENGINE=fused
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"
# shellcheck source=tests/support/containers.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/containers.sh"

COUNT=${1:-5000}
TURNS=${2:-5}
PORT=9000

measure() {
	in_ns client "$BED_TOOLS/tcp_rr" "$VIP4" "$PORT" "$COUNT"
}

by_peer() {
	host_redirect add "${TUNNEL4[a]}" ca peer && measure
}

by_neigh() {
	host_redirect add "${TUNNEL4[a]}" ca neigh && measure
}

by_routes() {
	host_redirect del "${TUNNEL4[a]}" 2>/dev/null
	measure
}

bed_start >&2
find_group || bail "a cgroup can be made"
trap 'bed_stop; drop_group' EXIT
{
	lead_tunnels && container_start a && container_wire veth a &&
		container_start b && container_wire veth b && start_balancer && start_host &&
		container_ctl a deploy tc_decap "$BED_OBJECTS/tc_decap.bpf.o" &&
		container_ctl a tc_decap addr add "${TUNNEL4[a]}" &&
		lb vip add "tcp/$VIP4:$PORT" && lb real add "tcp/$VIP4:$PORT" "${TUNNEL4[a]}"
} >&2 || bail "there is a container behind the load balancer"
spawn a "$BED/log/rtt" "$BED_TOOLS/tcp_rr" "$VIP4" "$PORT"
wait_for 10 in_ns client "$BED_TOOLS/tcp_rr" "$VIP4" "$PORT" 1 ||
	bail "the container answers" "$(cat "$BED/log/rtt")"
for ((turn = 0; turn < TURNS; turn++)); do
	for way in peer neigh routes; do
		jq -cn --arg path "container by $way" --argjson rtt "$("by_$way")" \
			'{path: $path, kind: "ip4_in_ip4", rtt_us: $rtt}'
	done
done | jq -cs 'group_by(.path) | map(min_by(.rtt_us))[]'
