#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A UDP server is restarted under load: with SO_REUSEPORT alone the client sees it, which shows
# that it would; with socket_lb nothing fails, nor with ngtcp2's server where that is unpacked
# (make test-all). make bench-socket does it 100 times. A guest restarts it twice, by socket_lb:
# the rest is the same on any kernel.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/restarts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/restarts.sh"
# shellcheck source=tests/support/restart_quic.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/restart_quic.sh"

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

# by_socket_lb KIND MODE COUNT: restarts with a VIP of that mode; the row is $ROW
by_socket_lb() {
	restart_ctl vip add "udp/$RESTART_IP:$RESTART_PORT" "$2" ||
		bail "socket_lb has the VIP" "$(bed_log)"
	ROW=$(restart_series "$1" socket_lb "$3")
	restart_ctl vip del "udp/$RESTART_IP:$RESTART_PORT"
}

flows_by() {
	by_socket_lb flow "$1" "$RESTARTS"
	is "nothing is lost in $RESTARTS restarts by socket_lb, mode $1" "$(losses "$ROW")" "0 0 0"
	is "and each worker kept its flows" "$(jq .moved <<<"$ROW")" 0
}

test_socket_lb() {
	succeeds "a chain of sockets starts" restart_socket_lb
	flows_by quic
	[[ ${SLOTD_TIER:-} == vm ]] || flows_by flow
}

# Real QUIC: its handshakes, its short headers and its clients' patience.
test_quic() {
	local sentence="a restart of ngtcp2's server by socket_lb loses no download" lacks

	lacks=$(quic_lacks)
	[[ ! $lacks ]] || {
		skip "$sentence" "${lacks//$'\n'/, }"
		return
	}
	succeeds "a QUIC server has its certificate" quic_prepare
	by_socket_lb quic quic 1
	is "$sentence" "$(losses "$ROW")" "0 0 0"
	matches "and there were downloads" "$(jq .requests <<<"$ROW")" '^([89]|[1-9][0-9])'
}

restart_bed
[[ ${SLOTD_TIER:-} == vm ]] || {
	test_reuseport
	test_forwarder
}
test_socket_lb
[[ ${SLOTD_TIER:-} == vm ]] || test_quic
done_testing
