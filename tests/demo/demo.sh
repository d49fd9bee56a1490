#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make demo: slotd at the edge between a client and a server, with the repository's own
# slots.conf. Real HTTP, ICMP and tunnels cross the chain, then the firewall is upgraded 50
# times under load. Leaves nothing behind. Figures go to build/demo.json as well.

UPGRADES=50
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
		printf '  ok    %s: %s\n' "$1" "$2"
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
		"$(answer_of "http://$SERVER4/" --interface "$DENIED4" -m "$SILENCE")" "no answer"
	check "ping from the denied source $DENIED6" \
		"$(no_ping "$SERVER6" "$DENIED6" && echo "no answer" || echo answer)" "no answer"
	check "HTTP to the denied port 8080" \
		"$(answer_of "http://$SERVER4:8080/" -m "$SILENCE")" "no answer"
}

show_tunnels() {
	add_vips
	tunnel_start t4 "$CLIENT4" "$SERVER4"
	check "HTTP inside IPIP" "$(answer_of "http://$VIP4/")" 200
	check "ping inside IPIP" "$(ping_of "$VIP4")" answer
	tunnel_start t6 "$CLIENT6" "$SERVER6"
	check "HTTP inside IP6IP6" "$(answer_of "http://[$VIP6]/")" 200
	check "ping inside IP6IP6" "$(ping_of "$VIP6")" answer
	say "        decap took $(decap_count ip4_in_ip4) IPIP and $(decap_count ip6_in_ip6) IP6IP6" \
		"packets out of their tunnel"
}

deploy() {
	bed_ctl deploy firewall "$1" --json >"$BED/result.json" 2>"$BED/log/deploy" ||
		bail "the firewall cannot be deployed" "$(cat "$BED/log/deploy")"
}

show_rule() {
	check "HTTP to port $NEXT_PORT, firewall 1.1.0" "$(answer_of "http://$SERVER4:$NEXT_PORT/")" 200
	deploy "$NEXT"
	check "HTTP to port $NEXT_PORT, firewall 1.2.0, with one rule more" \
		"$(answer_of "http://$SERVER4:$NEXT_PORT/" -m "$SILENCE")" "no answer"
	check "HTTP to port 80, firewall 1.2.0" "$(answer_of "http://$SERVER4/")" 200
}

# Without the rule the same packets arrive: the sink does count.
show_control() {
	sink_start 7001
	bed_ctl firewall deny del "$DENIED4/32" >/dev/null
	send_udp 100 "$DENIED4" "$SERVER4" 7001 -r 2000 >/dev/null
	wait_for 3 sink_has 7001 100
	CONTROL=$(sink_count 7001)
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	check "100 packets from $DENIED4 with its rule off, counted behind the firewall" "$CONTROL" 100
}

# wrk says at once when it cannot run at all.
is_loading() {
	! wait_for 1 is_gone "$LOAD"
}

upgrade() {
	local i object

	: >"$BED/times"
	for ((i = 1; i <= UPGRADES; i++)); do
		object=$BED_OBJECTS/firewall.bpf.o
		((i % 2)) || object=$NEXT
		deploy "$object"
		jq -r '"\(.changed) \(.timing_us.total) \(.timing_us.swap)"' "$BED/result.json" >>"$BED/times"
		[[ ! -t 1 ]] || printf '\r  upgrade %d of %d ' "$i" "$UPGRADES"
		sleep 0.1
	done
	[[ ! -t 1 ]] || printf '\r\e[K'
}

# rank FIELD N: the Nth smallest of a field of the times, in milliseconds
rank() {
	cut -d' ' -f"$1" "$BED/times" | sort -n | sed -n "$2p" | awk '{ printf "%.1f", $1 / 1000 }'
}

measure() {
	local before passed

	before=$(sink_count 7001)
	sink_start 7002
	load_start 60
	is_loading || bail "wrk runs" "$(cat "$BED/wrk")"
	flood_start denied 5000 "$DENIED4" "$SERVER4" 7001
	flood_start allowed 1000 "$CLIENT4" "$SERVER4" 7002
	wait_for 5 sink_has 7002 100 || bail "the allowed packets do not arrive"
	upgrade
	DENIED_SENT=$(flood_stop denied)
	ALLOWED_SENT=$(flood_stop allowed)
	read -r REQUESTS REQUESTS_FAILED < <(load_stop)
	wait_for 2 sink_has 7002 "$ALLOWED_SENT"
	passed=$(sink_count 7001)
	UNFILTERED=$((passed - before))
	ALLOWED_LOST=$((ALLOWED_SENT - $(sink_count 7002)))
	CHANGED=$(grep -c ^true "$BED/times")
}

write_figures() {
	jq -n --arg engine "$ENGINE" --arg reason "$REASON" --arg kernel "$(uname -r)" \
		--argjson control "$CONTROL" --argjson denied "$DENIED_SENT" \
		--argjson unfiltered "$UNFILTERED" --argjson allowed "$ALLOWED_SENT" \
		--argjson lost "$ALLOWED_LOST" --argjson requests "$REQUESTS" \
		--argjson failed "$REQUESTS_FAILED" --argjson upgrades "$CHANGED" \
		--argjson median "$(rank 2 $((UPGRADES / 2)))" --argjson max "$(rank 2 '$')" \
		--argjson swap_median "$(rank 3 $((UPGRADES / 2)))" \
		--argjson swap_max "$(rank 3 '$')" '{
			$engine, engine_reason: $reason, $kernel, $upgrades,
			upgrade_ms: {$median, $max},
			swap_ms: {median: $swap_median, max: $swap_max},
			requests: {sent: $requests, $failed},
			must_be_dropped: {sent: $denied, passed: $unfiltered, passed_without_rule: $control},
			allowed: {sent: $allowed, $lost}
		}' >"$BED_ROOT/build/demo.json"
}

show_figures() {
	check "versions that took over" "$CHANGED" "$UPGRADES"
	((REQUESTS > 0 && DENIED_SENT > 0)) || check "traffic" none some
	check "requests failed" "$REQUESTS_FAILED" 0
	check "packets that passed unfiltered" "$UNFILTERED" 0
	title "Figures"
	printf '  %-38s %10s\n' \
		"HTTP requests sent" "$REQUESTS" "HTTP requests failed" "$REQUESTS_FAILED" \
		"packets to be dropped, sent" "$DENIED_SENT" "packets that passed unfiltered" "$UNFILTERED" \
		"packets to be passed, sent" "$ALLOWED_SENT" "packets to be passed, lost" "$ALLOWED_LOST" \
		"upgrade, median" "$(rank 2 $((UPGRADES / 2))) ms" "upgrade, maximum" "$(rank 2 '$') ms" \
		"of it the swap, median" "$(rank 3 $((UPGRADES / 2))) ms"
	say "  (also in build/demo.json)"
}

NEXT=$BED_PROGS/demo/firewall_next.bpf.o
title "client $CLIENT4 ---- eth0 [ edge: slotd ] eth1 ---- server $SERVER4"
bed_start
nginx_start
start_edge
title "Traffic through the chain"
show_traffic
title "Tunnels"
show_tunnels
title "The chain, as slotctl slots shows it"
bed_ctl slots
title "A new version of the firewall"
show_rule
title "$UPGRADES upgrades under load"
show_control
measure
write_figures
show_figures
exit "$FAILED"
