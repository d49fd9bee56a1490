#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
#
# The load balancer in a slot of the edge's chain, in front of three reals that take tunnels
# apart in a slot of their own, with real HTTP and UDP: every way to a real, then changes,
# upgrades and a killed slotd under load, where not one request may fail.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge r1 r2 r3) REALS=(r1 r2 r3)
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"

NEXT=$BED_PROGS/system/progs/lb_next.bpf.o
# How many connections and datagrams tell of a share.
ASKED=30
SET_UP=

start_real() {
	host_fresh "$1" <<-'END'
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
	host_ctl "$1" decap addr add "$(host4 "$1")" "$(host6 "$1")" >/dev/null ||
		bail "tunnels to $1 end there"
	[[ -n ${HOST_NGINX[$1]:-} ]] || {
		host_nginx "$1"
		host_echo "$1" "$VIP4" "$VIP6" "$(host4 "$1")" "$(host6 "$1")"
	}
}

start_edge() {
	host_fresh edge <<-'END'
		slot 8 { name = "lb" object = "lb.bpf.o" settings { too_big = true } }
	END
	lb set gateway="$(mac_of router br0)" source4="$(host4 edge)" source6="$(host6 edge)" ||
		bail "the load balancer has a gateway"
	lead_vips edge
}

# The reals stay from test to test, the VIPs do not.
setup() {
	local host vips

	if [[ $SET_UP != "$BED_ENGINE" ]]; then
		for host in "${REALS[@]}"; do
			start_real "$host"
		done
		start_edge
		SET_UP=$BED_ENGINE
	fi
	mapfile -t vips < <(lb vip show --json | jq -r '.vips[].vip')
	[[ ${#vips[@]} -eq 0 ]] || lb vip del "${vips[@]}"
}

# balance VIP FAMILY [SETTING...]: the VIP leads to all reals, by their addresses of that family
balance() {
	local host out

	lb vip add "$1" "${@:3}" || bail "there is a VIP $1"
	for host in "${REALS[@]}"; do
		out=$(lb real add "$1" "$("host$2" "$host")" mac="$(mac_of "$host" eth0)" 2>&1) ||
			bail "VIP $1 has the real $host" "$out"
	done
}

# lb_count COUNTER
lb_count() {
	lb stats --json | jq --arg name "$1" '.counters[] | select(.name == $name) | .packets'
}

# answers WHAT ADDRESS: HTTP over it is answered by all reals
answers() {
	is_shared "$1: each connection is answered, by all reals" "$ASKED" "$(ask_http "$ASKED" "$2")"
}

# echoes WHAT ADDRESS
echoes() {
	is_shared "$1: each datagram is answered, by all reals" "$ASKED" "$(ask_udp "$ASKED" "$2")"
}

taken_out() {
	local host

	for host in "${REALS[@]}"; do
		host_ctl "$host" decap stats --json
	done | jq -s --arg kind "$1" 'map(.counters[] | select(.name == $kind) | .packets) | add'
}

# in_tunnel WHAT KIND COMMAND...: the reals took packets out of tunnels of that kind meanwhile
in_tunnel() {
	local before

	before=$(taken_out "$2")
	"${@:3}"
	matches "$1: decap took the packets out of their tunnels" $(($(taken_out "$2") - before)) \
		'^[1-9]'
}

test_ipip() {
	balance "tcp/$VIP4:80" 4
	balance "udp/$VIP4:7" 4
	in_tunnel "HTTP, IPv4 in IPv4" ip4_in_ip4 answers "HTTP, IPv4 in IPv4" "$VIP4"
	in_tunnel "UDP, IPv4 in IPv4" ip4_in_ip4 echoes "UDP, IPv4 in IPv4" "$VIP4"
	lb vip del "tcp/$VIP4:80" "udp/$VIP4:7"
	balance "tcp/$VIP4:80" 6
	balance "udp/$VIP4:7" 6
	in_tunnel "HTTP, IPv4 in IPv6" ip4_in_ip6 answers "HTTP, IPv4 in IPv6" "$VIP4"
	in_tunnel "UDP, IPv4 in IPv6" ip4_in_ip6 echoes "UDP, IPv4 in IPv6" "$VIP4"
	balance "tcp/[$VIP6]:80" 6
	balance "udp/[$VIP6]:7" 6
	in_tunnel "HTTP, IPv6 in IPv6" ip6_in_ip6 answers "HTTP, IPv6 in IPv6" "[$VIP6]"
	in_tunnel "UDP, IPv6 in IPv6" ip6_in_ip6 echoes "UDP, IPv6 in IPv6" "$VIP6"
}

# Answers that came by the edge would be counted there: they are for no VIP.
test_answers_go_straight() {
	local before answers

	balance "tcp/$VIP4:80" 4
	before=$(lb_count not_a_vip)
	answers=$(ask_http "$ASKED" "$VIP4" | wc -l)
	is "connections are answered" "$answers" "$ASKED"
	is "no answer goes by way of the load balancer" "$(($(lb_count not_a_vip) - before))" 0
}

# in_gue FAMILY WHAT: the reals' decap knows IP in IP only, so a process takes GUE apart
in_gue() {
	balance "tcp/$VIP4:80" "$1" encap=gue
	balance "udp/$VIP4:7" "$1" encap=gue
	answers "HTTP, IPv4 in GUE over $2" "$VIP4"
	echoes "UDP, IPv4 in GUE over $2" "$VIP4"
	lb vip del "tcp/$VIP4:80" "udp/$VIP4:7"
}

has_device() {
	in_ns "$1" ip link set "$2" up
}

start_gue() {
	spawn "$1" "$BED/log/gue.$1" "$BED_TOOLS/tun_decap" gue "$GUE"
	TRAFFIC+=("$BED_SPAWNED")
	wait_for 5 has_device "$1" gue || bail "GUE ends at $1" "$(cat "$BED/log/gue.$1")"
	in_ns "$1" sh -c 'echo 0 >/proc/sys/net/ipv4/conf/gue/rp_filter'
}

test_gue() {
	local host

	for host in "${REALS[@]}"; do
		start_gue "$host"
	done
	in_gue 4 IPv4
	in_gue 6 IPv6
	balance "tcp/[$VIP6]:80" 6 encap=gue
	balance "udp/[$VIP6]:7" 6 encap=gue
	answers "HTTP, IPv6 in GUE over IPv6" "[$VIP6]"
	echoes "UDP, IPv6 in GUE over IPv6" "$VIP6"
}

test_l2() {
	local family vip at

	for family in 4 6; do
		vip=VIP$family
		at=${!vip}
		((family == 4)) || at="[$at]"
		balance "tcp/$at:80" "$family" encap=l2
		balance "udp/$at:7" "$family" encap=l2
		answers "HTTP over IPv$family, by the real's MAC" "$at"
		echoes "UDP over IPv$family, by the real's MAC" "${!vip}"
	done
}

# lead_answers HOST: what a real answers goes by way of the load balancer, or no longer
lead_answers() {
	local host

	for host in "${REALS[@]}"; do
		in_ns "$host" ip route "$1" 192.0.2.0/24 via "$(host4 edge)"
		in_ns "$host" ip -6 route "$1" 2001:db8:1::/64 via "$(host6 edge)"
	done
}

test_rewrite() {
	local family vip at before

	lead_answers add
	for family in 4 6; do
		vip=VIP$family
		at=${!vip}
		((family == 4)) || at="[$at]"
		balance "tcp/$at:80" "$family" encap=rewrite
		balance "udp/$at:7" "$family" encap=rewrite
		before=$(lb_count returned)
		answers "HTTP over IPv$family, by the real's address" "$at"
		echoes "UDP over IPv$family, by the real's address" "${!vip}"
		matches "answers come by the load balancer" $(($(lb_count returned) - before)) \
			'^[1-9][0-9]'
	done
	lead_answers del
}

# An upload fills whole frames, which with the outer header are longer than the client's MTU.
test_upload() {
	balance "tcp/$VIP4:80" 6
	head -c 3000000 /dev/zero >"$BED/upload"
	is "an upload in full frames arrives" "$(in_ns client curl -sS --noproxy '*' \
		-m $((PATIENCE * 10)) -o /dev/null -w '%{http_code} %{size_upload}' \
		-T "$BED/upload" "http://$VIP4/upload" 2>&1)" "201 3000000"
	matches "they leave in frames longer than the client's" "$(lb_count sent_long)" '^[1-9]'
}

# watched LOOK: packets of the VIP that the watch printed at that look, from 0
watched() {
	jq -s ".[$1].vips[0].packets" "$BED/watch" 2>/dev/null
}

# has_watched LOOK PATTERN
has_watched() {
	[[ $(watched "$1") =~ $2 ]]
}

# The first look has all so far, the others what came since the one before.
test_stats_are_watched() {
	balance "tcp/$VIP4:80" 4
	is "connections are answered" "$(ask_http 5 "$VIP4" | wc -l)" 5
	: >"$BED/watch"
	spawn edge "$BED/watch" "$BED_BIN/slotctl" --socket "$BED/hosts/edge/run/slotd.sock" \
		lb stats --watch 1 --json
	TRAFFIC+=("$BED_SPAWNED")
	in_time "the first look has what was counted" 5 has_watched 0 '^[1-9]'
	in_time "the second one has nothing new" 5 has_watched 1 '^0$'
	stop "$BED_SPAWNED"
}

# --- changes under load --------------------------------------------------------------------

# change WORD...: at the load balancer, while it is loaded
change() {
	local out

	out=$(lb "$@" 2>&1) || not_ok "slotctl lb $*" "$out"
}

# load_vip TABLE: long-lived connections and short ones, and downloads that take some seconds
load_vip() {
	balance "tcp/$VIP4:80" 4 table="$1" ring=maglev2
	change real del "tcp/$VIP4:80" "$(host4 r3)"
	wrk_start kept 280 "http://$VIP4/"
	wrk_start short 280 "http://$VIP4/" -H 'Connection: close'
	start_long 9 "$VIP4"
	wait_for 5 has_connections r1 && wait_for 5 has_connections r2 ||
		not_ok "both reals are loaded"
}

# no_request_failed WHAT
no_request_failed() {
	local kept short failed

	in_time "downloads come to their end, $1" 30 are_long_over
	is "all of them whole, $1" "$(count_whole)" "${#LONG[@]}"
	read -r kept failed < <(wrk_stop kept)
	matches "requests on kept connections are answered, $1" "$kept" '^[1-9][0-9]'
	none_failed "none of $kept fails" kept "$failed"
	read -r short failed < <(wrk_stop short)
	matches "requests on connections of their own are answered, $1" "$short" '^[1-9][0-9]'
	none_failed "none of $short fails" short "$failed"
}

# A real comes, weighs more, weighs less, is drained, waits for its last connection and goes.
change_reals() {
	local vip=tcp/$VIP4:80

	change real add "$vip" "$(host4 r3)"
	in_time "a real that is added gets connections" 5 has_connections r3
	change real weight "$vip" "$(host4 r3)" 10
	change real weight "$vip" "$(host4 r1)" 3
	change real weight "$vip" "$(host4 r3)" 1
	change real drain "$vip" "$(host4 r3)"
	in_time "a real that is drained has no more connections at last" 20 has_no_connections r3
	change real del "$vip" "$(host4 r3)"
	change real drain "$vip" "$(host4 r1)"
}

test_changes_under_load() {
	load_vip flows
	change_reals
	no_request_failed "while reals come and go"
}

test_changes_under_load_with_transitions() {
	load_vip transitions
	change_reals
	no_request_failed "while reals come and go, in transitions mode"
}

# With a real drained it takes the table to keep its connections: it lives through an upgrade.
test_upgrades_under_load() {
	local i object vips maps

	load_vip flows
	change real add "tcp/$VIP4:80" "$(host4 r3)"
	change real drain "tcp/$VIP4:80" "$(host4 r1)"
	vips=$(lb dump)
	for i in 1 2; do
		object=$NEXT
		((i % 2)) || object=$BED_OBJECTS/lb.bpf.o
		succeeds "upgrade $i of the load balancer" host_ctl edge deploy lb "$object"
	done
	is "its maps live on" "$(lb dump)" "$vips"
	maps=$(host_ctl edge slots --json | jq -r '.slots[8].map_dir')
	host_kill edge
	change --map-dir "$maps" real undrain "tcp/$VIP4:80" "$(host4 r1)"
	change --map-dir "$maps" real weight "tcp/$VIP4:80" "$(host4 r2)" 3
	succeeds "slotd starts again after it was killed" host_slotd edge
	change real drain "tcp/$VIP4:80" "$(host4 r2)"
	no_request_failed "through upgrades and with slotd killed"
}

# --- UDP --------------------------------------------------------------------------------------

# flows_stop: prints datagrams sent, datagrams without an answer, and flows that moved
flows_stop() {
	stop "$FLOWS" INT
	cat "$BED/flows"
}

# kill_commands VIP: commands that change it, each killed somewhere between start and end
kill_commands() {
	local i

	for i in {1..20}; do
		timeout -s KILL "0.0$((i * 7 % 60 + 10))" "$BED_BIN/slotctl" \
			--socket "$BED/hosts/edge/run/slotd.sock" \
			lb real weight "$1" "$(host4 r2)" "$i"
	done 2>/dev/null
}

# udp_lives_through VIP: changes, commands killed half way, an upgrade, slotd killed
udp_lives_through() {
	change real add "$1" "$(host4 r3)"
	change real weight "$1" "$(host4 r3)" 10
	kill_commands "$1"
	change real weight "$1" "$(host4 r2)" 2
	succeeds "an upgrade of the load balancer" host_ctl edge deploy lb "$NEXT"
	host_kill edge
	succeeds "slotd starts again after it was killed" host_slotd edge
	change real drain "$1" "$(host4 r1)"
	kill_commands "$1"
	change real undrain "$1" "$(host4 r1)"
}

test_udp_under_load() {
	local table sent lost moved vip=udp/$VIP4:7

	for table in flows transitions; do
		balance "$vip" 4 table="$table"
		change real del "$vip" "$(host4 r3)"
		: >"$BED/flows"
		spawn client "$BED/flows" "$BED_TOOLS/udp_flows" "$VIP4" 7 64
		FLOWS=$BED_SPAWNED TRAFFIC+=("$BED_SPAWNED")
		udp_lives_through "$vip"
		read -r sent lost moved < <(flows_stop)
		matches "64 flows of UDP go on, table=$table" "$sent" '^[1-9][0-9]{2}'
		is "each of $sent datagrams is answered, table=$table" "$lost" 0
		is "by the same real all along, table=$table" "$moved" 0
		change vip del "$vip"
	done
}

only_in_vm ipip upload
bed_run
