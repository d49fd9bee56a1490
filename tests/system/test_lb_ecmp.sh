#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
#
# Three hosts that each balance and serve: a router spreads flows over them by ECMP, each
# leads what it gets by the same ring, to itself or in a tunnel to another one. They share
# their configuration and nothing else (table=transitions). One leaves and comes back under
# load, and not one request may fail. What makes it so: routes change while no window of a
# ring is open (docs/load-balancing.md). A host that gets a flow by another route takes one
# that began within the window for an older one; with rings that had just been made, real by
# real, 11 of 83,000 requests failed by that.
#
#	leaving: routes, then the rings, then its last connection ends, then off
#	coming back: on, with another one's dump; its window is over; routes, then the rings
#
# A host that dies takes the connections that it served along, and none of the others'.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(r1 r2 r3) REALS=(r1 r2 r3)
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"

VIPS=("tcp/$VIP4:80" "tcp/[$VIP6]:80")
# A flow that is silent for longer is forgotten: on a busy machine that takes seconds.
WINDOW=$((6 * TAP_SCALE))
ASKED=60
DOWNLOADS=12
LEFT_AT=0
SET_UP=

# write_model: what all hosts shall have, but for which of the reals is the host itself
write_model() {
	local host

	lb set gateway="$(mac_of router br0)" || bail "there is a gateway"
	for host in "${VIPS[@]}"; do
		lb vip add "$host" table=transitions ring=hrw flags=local window="$WINDOW" ||
			bail "there is a VIP $host"
	done
	for host in "${REALS[@]}"; do
		lb real add "${VIPS[0]}" "$(host4 "$host")" &&
			lb real add "${VIPS[1]}" "$(host6 "$host")" || bail "$host is a real"
	done
	lb dump >"$BED/model"
}

# restore HOST FILE: as the file says, but that the host is itself. All at once, so that the
# rings are first ones, without a history that flows would depend on.
restore() {
	local vips

	mapfile -t vips < <(host_ctl "$1" lb vip show --json | jq -r '.vips[].vip')
	[[ ${#vips[@]} -eq 0 ]] || host_ctl "$1" lb vip del "${vips[@]}"
	jq --arg a4 "$(host4 "$1")" --arg a6 "$(host6 "$1")" \
		'.reals[].local |= false | (.reals[] | select(.real == ($a4, $a6)) | .local) |= true' \
		"$2" >"$BED/model.$1"
	host_ctl "$1" lb restore "$BED/model.$1" || bail "$1 balances as the others do"
}

start_host() {
	host_fresh "$1" <<-'END'
		slot 8 { name = "lb" object = "lb.bpf.o" }
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
	host_ctl "$1" decap addr add "$(host4 "$1")" "$(host6 "$1")" >/dev/null ||
		bail "tunnels to $1 end there"
	[[ -n ${HOST_NGINX[$1]:-} ]] || host_nginx "$1"
}

setup() {
	local host

	if [[ $SET_UP != "$BED_ENGINE" ]]; then
		for host in "${HOSTS[@]}"; do
			start_host "$host"
		done
		write_model
		SET_UP=$BED_ENGINE
	fi
	for host in "${HOSTS[@]}"; do
		restore "$host" "$BED/model"
	done
	lead_vips "${HOSTS[@]}"
}

# everywhere HOSTS VERB HOST: what becomes of a real, the same at all of them, one after the other
everywhere() {
	local host out

	for host in $1; do
		out=$(host_ctl "$host" lb real "$2" "${VIPS[0]}" "$(host4 "$3")" 2>&1 &&
			host_ctl "$host" lb real "$2" "${VIPS[1]}" "$(host6 "$3")" 2>&1) ||
			not_ok "$host: lb real $2 $3" "$out"
	done
}

# host_count HOST COUNTER
host_count() {
	host_ctl "$1" lb stats --json |
		jq --arg name "$2" '.counters[] | select(.name == $name) | .packets'
}

start_load() {
	wrk_start kept 280 "http://$VIP4/"
	wrk_start short 280 "http://[$VIP6]/" -H 'Connection: close'
	start_long "$DOWNLOADS" "$VIP4"
	wait_for 5 has_connections r3 || not_ok "all hosts are loaded"
}

# no_request_failed WHAT
no_request_failed() {
	local kept short failed

	in_time "downloads come to their end, $1" 30 are_long_over
	is "all of them whole, $1" "$(count_whole)" "${#LONG[@]}"
	read -r kept failed < <(wrk_stop kept)
	none_failed "of $kept requests on kept connections none fails" kept "$failed"
	read -r short failed < <(wrk_stop short)
	none_failed "of $short requests on connections of their own none fails" short "$failed"
	matches "requests were answered, $1" "$kept $short" '^[1-9][0-9]+ [1-9][0-9]+$'
}

test_each_host_balances_and_serves() {
	local host

	is_shared "each connection is answered, by all hosts" "$ASKED" "$(ask_http "$ASKED" "$VIP4")"
	is_shared "over IPv6 likewise" "$ASKED" "$(ask_http "$ASKED" "[$VIP6]")"
	for host in "${HOSTS[@]}"; do
		matches "$host serves some of what comes to it" "$(host_count "$host" local)" '^[1-9]'
		matches "$host sends some of it to another one" \
			"$(host_count "$host" sent4) $(host_count "$host" sent6)" '^[1-9].* [1-9]'
	done
}

# All rings are the same: it does not matter which host a flow comes to.
test_routes_change_under_load() {
	start_load
	for _ in 1 2 3; do
		lead_vips r1 r2
		lead_vips r1 r2 r3
		lead_vips r3 r1
		lead_vips "${HOSTS[@]}"
	done
	no_request_failed "while routes change"
}

leave() {
	lead_vips r1 r2
	everywhere "r1 r2 r3" drain r3
	LEFT_AT=$SECONDS
	in_time "the host that leaves has no more connections at last" 40 has_no_connections r3
	host_kill r3
	stop "${HOST_NGINX[r3]}"
	HOST_NGINX[r3]=
	in_ns router ip link set r3 down
}

is_window_over() {
	((SECONDS > LEFT_AT + WINDOW))
}

# It has forgotten everything, and gets what another one has.
come_back() {
	in_ns router ip link set r3 up
	start_host r3
	lb dump >"$BED/model.now"
	restore r3 "$BED/model.now"
	wait_for "$((WINDOW + 2))" is_window_over
	lead_vips "${HOSTS[@]}"
	everywhere "r1 r2 r3" undrain r3
	in_time "the host that came back serves" 10 has_connections r3
}

test_host_leaves_and_comes_back_under_load() {
	start_load
	leave
	in_time "downloads from before come to their end" 30 are_long_over
	is "all of them whole" "$(count_whole)" "${#LONG[@]}"
	start_long "$DOWNLOADS" "$VIP4"
	come_back
	no_request_failed "while a host leaves and comes back"
}

are_whole() {
	[[ $(count_whole) -ge $1 ]]
}

are_downloading() {
	local host open=0

	for host in "${REALS[@]}"; do
		open=$((open + $(count_connections "$host")))
	done
	((open == DOWNLOADS))
}

# Connections that it only led to others go on by way of others: all rings are the same.
test_host_dies_under_load() {
	local lost

	start_long "$DOWNLOADS" "$VIP4"
	wait_for 5 are_downloading || not_ok "all downloads have begun"
	lost=$(count_connections r3)
	in_ns router ip link set r3 down
	lead_vips r1 r2
	everywhere "r1 r2" down r3
	in_time "all downloads but the $lost of the host that died are whole" 30 \
		are_whole $((DOWNLOADS - lost))
	is "new connections go to the others" \
		"$(ask_http "$ASKED" "$VIP4" | sort -u | tr '\n' ' ')" "r1 r2 "
	in_ns router ip link set r3 up
}

only_in_vm each_host_balances_and_serves
bed_run
