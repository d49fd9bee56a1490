#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 60
#
# The example of libhandoff's hosts: a front that gives away each connection with its request, and
# two backs that answer the client.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

URL=http://${HOST4[home]}:$PORT
HTTP=$BED_ROOT/build/examples/handoff_http

# http HOST WORD...
http() {
	local host=$1 tls=$BED/tls

	: >"$BED/log/$host"
	spawn "$host" "$BED/log/$host" "$HTTP" "$host" "$(rules_dir "$host")" \
		"$tls/ca.pem" "$tls/$host.pem" "$tls/$host.key" "${@:2}"
	NODE[$host]=$BED_SPAWNED
}

# ask SIZE...: by one connection, who answers, with how many bytes
ask() {
	local urls=() size

	for size; do urls+=(-o /dev/null "$URL/$size"); done
	in_ns client curl -sS -m "$((10 * TAP_SCALE))" -w '%header{server} %{size_download}, ' "${urls[@]}" 2>&1
}

handoff_start
make_certificates
http near back "${HOST4[near]}:$LINK_PORT" home 2
http far back "${HOST4[far]}:$LINK_PORT" home 2
http home front "${HOST4[home]}:$PORT" "near@${HOST4[near]}:$LINK_PORT" "far@${HOST4[far]}:$LINK_PORT"
for host in near far; do
	wait_for 5 is_linked "$host" || bail "the front is linked to $host" "$(cat "$BED"/log/{home,near,far})"
done
is "a connection goes to a back, home after two requests, and to the next one" \
	"$(ask 1 20 300 4000 50000)" "near 1, near 20, far 300, far 4000, near 50000, "
is "a large answer comes whole" "$(ask 1000000)" "far 1000000, "
words=$(in_ns client wrk -t 1 -c 8 -d 2 --timeout "$((10 * TAP_SCALE))" "$URL/1000")
tap_note <<<"$words"
matches "many clients get answers" "$words" '[1-9][0-9]* requests in'
is "and no errors" "$(grep -E 'Socket errors|Non-2xx' <<<"$words")" ""
stop "${NODE[near]}" KILL
in_time "a back that has died is not asked" 5 eval '[[ $(ask 5) == "far 5, " ]]'
stop "${NODE[far]}" KILL
in_time "without backs the front answers itself" 5 eval '[[ $(ask 5 6) == "home 5, home 6, " ]]'
done_testing
