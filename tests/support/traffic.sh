# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Traffic through the bed: HTTP, ICMP and numbered UDP, and what arrived of it. Sourced by
# bed.sh.

CLIENT4=192.0.2.2
CLIENT6=2001:db8:1::2
DENIED4=203.0.113.66
DENIED6=2001:db8:66::66
SERVER4=198.51.100.2
SERVER6=2001:db8:2::2
# More addresses of the server, that its tunnels lead to.
VIP4=198.51.100.80
VIP6=2001:db8:2::80
NGINX=$BED_ROOT/build/cache/nginx/usr/sbin/nginx
NGINX_PID=
TRAFFIC=()
# Packets per second that the machine carries without a loss of its own.
RATE=2000
# Seconds after which no answer is taken for none.
SILENCE=0.4
# A tenth of what else is a lot, where everything takes its time.
MANY=10
[[ ${SLOTD_TIER:-} != vm ]] || RATE=200 SILENCE=2 MANY=2

# nginx_conf DIR WORKERS LISTEN... <SERVER: DIR/nginx.conf, for a server that keeps its files there and
# listens so; what it does is read from stdin. Errors go where its -e says.
nginx_conf() {
	local dir=$1

	cat >"$dir/nginx.conf" <<-END
		user root; # where root starts it
		worker_processes $2;
		daemon ${NGINX_DAEMON:-off};
		pid $dir/pid;
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path $dir/t1;
			proxy_temp_path $dir/t2;
			fastcgi_temp_path $dir/t3;
			uwsgi_temp_path $dir/t4;
			scgi_temp_path $dir/t5;
			server {
				$(printf 'listen %s; ' "${@:3}")
				$(cat)
			}
		}
	END
}

# nginx_start: at the server, ports 80, 8080 and 8081, both families
nginx_start() {
	[[ -z $NGINX_PID ]] || return 0
	echo 'through the chain' >"$BED/www/index.html"
	nginx_conf "$BED/www" 1 {,'[::]:'}{80,8080,8081} <<<"root $BED/www; keepalive_requests 1000000;"
	spawn server "$BED/log/nginx" "$NGINX" -p "$BED/www" -c "$BED/www/nginx.conf" -e "$BED/log/nginx"
	NGINX_PID=$BED_SPAWNED
	wait_for 10 in_ns server curl -fsS "http://$SERVER4:80/" ||
		bail "nginx serves" "$(cat "$BED/log/nginx")"
}

# fetch URL [CURL_OPTION...]: the client asks once; prints the HTTP status, 000 for none
fetch() {
	in_ns client curl -gsS -o /dev/null -w '%{http_code}' --noproxy '*' \
		-m $((2 * TAP_SCALE)) "${@:2}" "$1" 2>/dev/null
}

# reaches SENTENCE URL [CURL_OPTION...], and its opposite
reaches() {
	is "$1" "$(fetch "${@:2}")" 200
}

reaches_not() {
	is "$1" "$(fetch "${@:2}" -m "$SILENCE")" 000
}

# ping_once ADDRESS [SOURCE]: is answered
ping_once() {
	in_ns client ping -c 1 -W "$TAP_SCALE" ${2:+-I "$2"} "$1" >/dev/null
}

# no_ping ADDRESS [SOURCE]: is not answered
no_ping() {
	! in_ns client ping -c 1 -W "$SILENCE" ${2:+-I "$2"} "$1" >/dev/null
}

# sink_start PORT: counts at the server what arrives there
sink_start() {
	rm -f "$BED/sink.$1"
	spawn server "$BED/log/sink" "$BED_TOOLS/udp_sink" "$1" "$BED/sink.$1"
	TRAFFIC+=("$BED_SPAWNED")
	wait_for 10 test -s "$BED/sink.$1" || bail "a sink on port $1" "$(cat "$BED/log/sink")"
}

sink_count() {
	local count

	read -r count <"$BED/sink.$1"
	echo "$count"
}

sink_has() {
	[[ $(sink_count "$1") -ge $2 ]]
}

# send_udp COUNT SOURCE ADDRESS PORT [OPTION...]: and wait until it is sent
send_udp() {
	in_ns client "$BED_TOOLS/udp_flood" -n "$1" -s "$2" "${@:5}" "$3" "$4"
}

# flood_start NAME RATE SOURCE ADDRESS PORT: goes on until flood_stop NAME
flood_start() {
	: >"$BED/flood.$1"
	spawn client "$BED/flood.$1" "$BED_TOOLS/udp_flood" -r "$2" -s "$3" "$4" "$5"
	TRAFFIC+=("$BED_SPAWNED")
	printf -v "FLOOD_$1" %s "$BED_SPAWNED"
}

# flood_stop NAME: prints how many were sent
flood_stop() {
	local pid=FLOOD_$1

	stop "${!pid}"
	cat "$BED/flood.$1"
}

# The firewall denies a source from now on, whose packets arrived before.
deny_source() {
	sink_start 7001
	send_udp 5 "$DENIED4" "$SERVER4" 7001 >/dev/null
	wait_for 5 sink_has 7001 5 || not_ok "without a rule, packets of the source arrive"
	stop "$BED_SPAWNED"
	unset 'TRAFFIC[-1]'
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
}

# The source that is denied, to port 7001, and one that is not, to 7002.
start_floods() {
	sink_start 7001
	sink_start 7002
	flood_start denied "$RATE" "$DENIED4" "$SERVER4" 7001
	flood_start allowed "$RATE" "$CLIENT4" "$SERVER4" 7002
	wait_for 5 sink_has 7002 20 || not_ok "allowed packets arrive"
}

# more_arrive COUNT: so many more allowed packets than until now
more_arrive() {
	local wanted=$(($(sink_count 7002) + $1))

	wait_for 10 sink_has 7002 "$wanted"
}

# check_floods WHAT: what came of both
check_floods() {
	local sent

	flood_stop denied >/dev/null
	sent=$(flood_stop allowed)
	in_time "no allowed packet is lost, $1" 3 sink_has 7002 "$sent"
	is "no packet passes unfiltered, $1" "$(sink_count 7001)" 0
}

# load_start SECONDS [WRK_OPTION...]: HTTP requests without a pause
load_start() {
	: >"$BED/wrk"
	spawn client "$BED/wrk" wrk -t 1 -c 8 -d "$1" --timeout 2s "${@:2}" "http://$SERVER4:80/"
	LOAD=$BED_SPAWNED
	TRAFFIC+=("$LOAD")
}

# load_figures: prints requests done and requests failed, as wrk had them
load_figures() {
	awk '/requests in/ { done_ = $1 }
		/Socket errors/ { gsub(",", ""); failed += $4 + $6 + $8 + $10 }
		/Non-2xx/ { failed += $NF }
		END { print done_ + 0, failed + 0 }' "$BED/wrk"
}

load_stop() {
	stop "$LOAD" INT
	load_figures
}

# --- tunnels -------------------------------------------------------------------------------

add_vips() {
	in_ns server ip address replace "$VIP4/32" dev s0
	in_ns server ip address replace "$VIP6/128" dev s0 nodad
}

# route_vips DEVICE: from the client into a tunnel, small enough for its outer header
route_vips() {
	in_ns client ip link set "$1" up mtu 1400 &&
		in_ns client ip route replace "$VIP4" dev "$1" src "$CLIENT4" &&
		in_ns client ip route replace "$VIP6" dev "$1" src "$CLIENT6"
}

# tunnel_start NAME SOURCE DESTINATION [PORT]: what the client routes into NAME leaves in a
# tunnel, with PORT of GUE
tunnel_start() {
	spawn client "$BED/log/$1" "$BED_TOOLS/tun_encap" "$@"
	TUNNEL=$BED_SPAWNED
	TRAFFIC+=("$TUNNEL")
	wait_for 5 route_vips "$1" || bail "a tunnel device" "$(cat "$BED/log/$1")"
}

# decap_count KIND: packets that $DECAP (decap) took out of a tunnel of that kind, or left alone
decap_count() {
	bed_ctl "${DECAP:-decap}" stats --json |
		jq --arg kind "$1" '.counters[] | select(.name == $kind) | .packets'
}

end_traffic() {
	local pid

	for pid in "${TRAFFIC[@]}"; do
		is_gone "$pid" || stop "$pid" KILL
	done
	TRAFFIC=()
}
