#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make demo: slotd at the edge between a client and a server, with the repository's own
# slots.conf. Real HTTP, ICMP and tunnels cross the chain, then the firewall is upgraded 50
# times under load. Leaves nothing behind. Figures go to build/demo.json as well.

UPGRADES=50
# Out of their tunnel, packets go to these addresses of the server.
VIP4=198.51.100.80
VIP6=2001:db8:2::80
# Denied by a rule that only the firewall's next version has.
NEXT_PORT=8081

[[ $EUID -eq 0 ]] || {
	echo "demo: needs root, for network namespaces and XDP: sudo make demo" >&2
	exit 1
}
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

FAILED=0
BOLD='' PLAIN=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	BOLD=$'\e[1m' PLAIN=$'\e[0m'
fi

# The bed's word for a set-up that failed.
bail() {
	printf 'demo: failed: %s\n' "$@" >&2
	exit 1
}

say() {
	printf '%s\n' "$*"
}

title() {
	printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"
}

# check WHAT GOT WANTED
check() {
	if [[ $2 == "$3" ]]; then
		printf '  ok    %s\n' "$1"
		return
	fi
	FAILED=1
	printf '  FAIL  %s: %s, and not %s\n' "$1" "${2:-nothing}" "$3"
}

answer_of() {
	local status

	status=$(fetch "$@")
	[[ $status == 000 ]] && echo "no answer" || echo "$status"
}

ping_of() {
	ping_once "$@" && echo answer || echo "no answer"
}

start_edge() {
	cp "$BED_ROOT/slots.conf" "$BED/slots.conf"
	bed_slotd || bail "slotd does not start" "$(cat "$BED/log/slotd")"
	ENGINE=$(bed_get status '.chains[0].engine')
	REASON=$(bed_get status '.chains[0].engine_reason')
	say "  engine $ENGINE, $(bed_get status '.chains[0].mode') mode: $REASON"
	cat >"$BED/rules" <<-END
		deny $DENIED4/32
		deny $DENIED6/128
		deny tcp/8080
	END
	say "  rules: $(paste -sd, "$BED/rules" | sed 's/,/, /g')"
	bed_ctl firewall load "$BED/rules" >/dev/null || bail "the rules cannot be loaded"
	bed_ctl decap addr add "$SERVER4" "$SERVER6" >/dev/null ||
		bail "the tunnel addresses cannot be set"
	say "  tunnels to $SERVER4 and $SERVER6 end here"
}

show_traffic() {
	check "HTTP over IPv4" "$(answer_of "http://$SERVER4/")" 200
	check "HTTP over IPv6" "$(answer_of "http://[$SERVER6]/")" 200
	check "ping over IPv4" "$(ping_of "$SERVER4")" answer
	check "ping over IPv6" "$(ping_of "$SERVER6")" answer
	check "HTTP from the denied source $DENIED4" \
		"$(answer_of "http://$SERVER4/" --interface "$DENIED4" -m 0.5)" "no answer"
	check "ping from the denied source $DENIED6" \
		"$(in_ns client ping -c 1 -W 0.5 -I "$DENIED6" "$SERVER6" >/dev/null &&
			echo answer || echo "no answer")" "no answer"
	check "HTTP to the denied port 8080" \
		"$(answer_of "http://$SERVER4:8080/" -m 0.5)" "no answer"
}

show_tunnels() {
	local in4 in6

	in4=$(bed_ctl decap stats --json | jq '[.. | objects | select(.counter == "ip4_in_ip4") | .packets] | add')
	in6=$(bed_ctl decap stats --json | jq '[.. | objects | select(.counter == "ip6_in_ip6") | .packets] | add')
	say "$in4 $in6"
}

run_demo() {
	title "client $CLIENT4 ---- eth0 [ edge: slotd ] eth1 ---- server $SERVER4"
	start_edge
	title "Traffic through the chain"
	show_traffic
	title "The chain"
	bed_ctl slots
}

bed_start
nginx_start
run_demo
bed_ctl decap stats --json
bed_ctl decap stats
