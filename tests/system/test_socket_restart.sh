#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A UDP server is restarted under load: with SO_REUSEPORT alone the client sees it, which shows
# that it would; with socket_lb nothing fails. make bench-socket does it 100 times.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/restarts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/restarts.sh"

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

restart_bed
test_reuseport
test_forwarder
done_testing
