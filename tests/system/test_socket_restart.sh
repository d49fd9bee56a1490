#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A UDP server is restarted under load: with SO_REUSEPORT alone the client sees it, which shows
# that it would; with socket_lb nothing fails. make bench-socket does it 100 times. A guest
# restarts it twice, by socket_lb: the rest is the same on any kernel.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/restarts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/restarts.sh"

RESTARTS=5
[[ ${SLOTD_TIER:-} != vm ]] || RESTARTS=2

# losses ROW: failed, misrouted, reset
losses() {
	jq -r '"\(.failed) \(.misrouted) \(.reset)"' <<<"$1"
}

test_reuseport() {
	local row

	row=$(restart_series flow reuseport 2)
	matches "what SO_REUSEPORT alone misroutes is seen" "$(losses "$row")" \
		'^[1-9][0-9]* [1-9][0-9]* [1-9]'
}

test_forwarder() {
	local row

	row=$(restart_series flow forwarder 2)
	is "one socket and a forwarder between the processes loses nothing" "$(losses "$row")" "0 0 0"
	matches "the forwarder had packets to forward" "$(jq .forwarded <<<"$row")" '^[1-9]'
}

# socket_lb_by MODE: the VIP's, in a chain of slotd's own
socket_lb_by() {
	local row

	restart_ctl vip add "udp/$RESTART_IP:$RESTART_PORT" "$1" ||
		bail "socket_lb has the VIP" "$(bed_log)"
	row=$(restart_series flow socket_lb "$RESTARTS")
	is "nothing is lost in $RESTARTS restarts by socket_lb, mode $1" "$(losses "$row")" "0 0 0"
	is "and each worker kept its flows" "$(jq .moved <<<"$row")" 0
	restart_ctl vip del "udp/$RESTART_IP:$RESTART_PORT"
}

test_socket_lb() {
	succeeds "a chain of sockets starts" restart_socket_lb
	socket_lb_by quic
	[[ ${SLOTD_TIER:-} == vm ]] || socket_lb_by flow
}

restart_bed
[[ ${SLOTD_TIER:-} == vm ]] || {
	test_reuseport
	test_forwarder
}
test_socket_lb
done_testing
