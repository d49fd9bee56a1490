#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What HTTP pays for the load balancer: latency of GET requests at a constant rate, and uploads of
# 100 MB. Without it, over a router in its place, and through it, by way and hash. Writes
# build/bench/lb_http.json and prints it as tables. See docs/benchmarks.md.
#
#   client 192.0.2.2 ---+
#   lb     192.0.2.1 ---+--- bridge     203.0.113.1 is the VIP, and the server's
#   server 192.0.2.10 --+
#
# Environment: LB_HTTP_RATE (requests a second), LB_HTTP_SECONDS (of each round), LB_HTTP_ROUNDS,
# LB_HTTP_UPLOADS (of each way).

set -euo pipefail

if [[ ${LB_HTTP_INSIDE:-} != yes ]]; then
	[[ $EUID -eq 0 ]] || {
		echo "bench-lb-http: needs root, for network namespaces and XDP" >&2
		exit 1
	}
	# all that is made and started here ends with this script
	exec env LB_HTTP_INSIDE=yes unshare --mount --net --pid --fork --kill-child \
		--mount-proc "$BASH" "$0" "$@"
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$root/build/bench
nginx=$root/build/cache/nginx/usr/sbin/nginx
vip=203.0.113.1
server=192.0.2.10
rate=${LB_HTTP_RATE:-500}
seconds=${LB_HTTP_SECONDS:-4}
rounds=${LB_HTTP_ROUNDS:-5}
uploads=${LB_HTTP_UPLOADS:-5}
upload_bytes=104857600
front=

# name, next hop of the client to the VIP, encapsulation and hash of the load balancer
ways=(
	'direct 192.0.2.10 - -'
	'router 192.0.2.1 - -'
	'dsr-murmur3 192.0.2.1 2 2'
	'dsr-xxhash 192.0.2.1 2 1'
	'dsr-jhash 192.0.2.1 2 0'
	'rewrite-murmur3 192.0.2.1 3 2'
	'rewrite-xxhash 192.0.2.1 3 1'
	'rewrite-jhash 192.0.2.1 3 0'
)

die() {
	printf 'bench-lb-http: %s\n' "$*" >&2
	exit 1
}

in_ns() {
	ip netns exec "$@"
}

# make_host NAME ADDRESS: a namespace with eth0 at the bridge
make_host() {
	ip netns add "$1"
	ip link add "port-$1" type veth peer name eth0 netns "$1"
	# what XDP sends carries no pending checksum
	in_ns "$1" ethtool -K eth0 tx off >/dev/null
	ip link set "port-$1" master lan up
	in_ns "$1" ip link set lo up
	in_ns "$1" ip link set eth0 up
	in_ns "$1" ip address add "$2/24" dev eth0
	# shellcheck disable=SC2016 # another shell's variables
	in_ns "$1" sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$f"; done
		for f in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 >"$f"; done'
}

make_bed() {
	mount -t tmpfs bench-lb /run
	mount -t bpf bpf /sys/fs/bpf
	ip link add lan type bridge
	ip link set lan up
	make_host client 192.0.2.2
	make_host lb 192.0.2.1
	make_host server "$server"
	# who receives what XDP sends needs NAPI, which a program brings along
	ip link set port-lb xdpdrv object build/bpf/pass.bpf.o section xdp
	in_ns lb ip route add "$vip" via "$server"
	in_ns server ip address add "$vip/32" dev lo
	# what it answers from its own address is a rewritten flow's, and goes back as it came
	in_ns server ip rule add from "$server" table 100
	in_ns server ip route add default via 192.0.2.1 table 100
}

start_server() {
	mkdir /run/www
	echo 'through the load balancer' >/run/www/index.html
	cat >/run/nginx.conf <<-END
		worker_processes 1;
		daemon off;
		pid /run/nginx.pid;
		events { worker_connections 512; }
		http {
			access_log off;
			client_max_body_size 0;
			client_body_temp_path /run/t1;
			proxy_temp_path /run/t2;
			fastcgi_temp_path /run/t3;
			uwsgi_temp_path /run/t4;
			scgi_temp_path /run/t5;
			keepalive_requests 1000000;
			server {
				listen 80;
				root /run/www;
				location /upload { return 204; }
			}
		}
	END
	in_ns server "$nginx" -p /run -c /run/nginx.conf -e /run/nginx.log &
}

mac_of() {
	in_ns "$1" cat /sys/class/net/eth0/address
}

# answers SECONDS: whether the VIP does, within so long
answers() {
	local end=$((SECONDS + $1))

	until in_ns client curl -fsS -m 1 "http://$vip/" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
	done
}

end_front() {
	[[ -z $front ]] || {
		kill "$front"
		wait "$front" || true
	} 2>/dev/null
	front=
}

# is_attached SECONDS: whether the load balancer is, within so long
is_attached() {
	local end=$((SECONDS + $1))

	until in_ns lb ip -d link show eth0 | grep -q prog/xdp; do
		((SECONDS < end)) && kill -0 "$front" 2>/dev/null || return 1
		sleep 0.05
	done
}

# take NEXT_HOP ENCAP HASH: the way that packets for the VIP go from now on
take() {
	local forwards=0

	[[ $2 != - ]] || forwards=1
	end_front
	in_ns client ip route replace "$vip" via "$1"
	# only the router may forward: what is measured as the load balancer's must be its work
	in_ns lb sh -c "echo $forwards >/proc/sys/net/ipv4/ip_forward"
	[[ $2 == - ]] || {
		# not by a function, whose process would be a shell's
		ip netns exec lb build/tests/bench/lb_front eth0 "$vip" "$server" \
			"$(mac_of server)" "$(mac_of client)" "$2" "$3" &
		front=$!
		is_attached 30 || return 1
	}
	answers 3
}

get() {
	in_ns client build/tests/tools/http_rate "$vip" 80 "$rate" "$seconds" >>"/run/get-$1" ||
		die "a request failed: $1"
}

upload() {
	head -c "$upload_bytes" /dev/zero |
		in_ns client curl -fsS -m 60 -T - -H 'Expect:' -o /dev/null \
			-w '%{time_total} %{speed_upload}\n' "http://$vip/upload" >>"/run/put-$1" ||
		die "an upload failed: $1"
}

# measure VERB TIMES: all ways in turn, so that a slow moment of the machine hits all alike
measure() {
	local verb=$1 round name hop encap hash

	for ((round = 0; round < $2; round++)); do
		for way in "${open_ways[@]}"; do
			read -r name hop encap hash <<<"$way"
			take "$hop" "$encap" "$hash" || die "the VIP does not answer: $name"
			"$verb" "$name"
		done
	done
}

# Ways that do not lead to the server are named, not measured.
choose_ways() {
	local way name hop encap hash

	open_ways=()
	left_out=()
	for way in "${ways[@]}"; do
		read -r name hop encap hash <<<"$way"
		if take "$hop" "$encap" "$hash"; then
			open_ways+=("$way")
		else
			left_out+=("$name")
		fi
	done
}

# get_row NAME: from nanoseconds, a line each, to microseconds
get_row() {
	sort -n "/run/get-$1" | jq -s --arg way "$1" 'def at($p): .[(length - 1) * $p | round];
		{way: $way, requests: length, min_us: .[0], mean_us: (add / length), p50_us: at(0.5),
			p90_us: at(0.9), p95_us: at(0.95), p99_us: at(0.99)}
		| with_entries(if .key | endswith("_us") then .value |= (. / 100 | round / 10) else . end)'
}

put_row() {
	jq -R 'split(" ") | map(tonumber)' "/run/put-$1" | jq -s --arg way "$1" '
		{way: $way, uploads: length, mean_ms: (map(.[0]) | add / length * 1000 | round),
			mean_mb_s: (map(.[1]) | add / length / 1e4 | round / 100)}'
}

rows() {
	local way

	for way in "${open_ways[@]}"; do
		"$1" "${way%% *}"
	done | jq -s .
}

report() {
	jq -n --arg kernel "$(uname -r)" --argjson rate "$rate" --argjson bytes "$upload_bytes" \
		--argjson gets "$(rows get_row)" --argjson puts "$(rows put_row)" \
		'{kernel: $kernel, rate: $rate, upload_bytes: $bytes,
			gets: ($gets | (map(select(.way == "router"))[0].mean_us) as $router
				| map(. + {mean_above_router_percent:
					((.mean_us / $router - 1) * 1000 | round / 10)})),
			uploads: $puts, left_out: $ARGS.positional}' --args "${left_out[@]}" \
		>"$out/lb_http.json"
	printf '\nGET at %s requests a second, microseconds\n' "$rate"
	jq -r '(.gets[0] | keys_unsorted | join("\t")), (.gets[] | map(tostring) | join("\t"))' \
		"$out/lb_http.json" | column -t -s $'\t' | sed 's/^/  /'
	printf '\nUploads of 100 MB\n'
	jq -r '(.uploads[0] | keys_unsorted | join("\t")), (.uploads[] | map(tostring) | join("\t"))' \
		"$out/lb_http.json" | column -t -s $'\t' | sed 's/^/  /'
	jq -r '.left_out[] | "  \(.) is left out: the VIP does not answer that way"' \
		"$out/lb_http.json"
}

cd "$root"
mkdir -p "$out"
make_bed
start_server
choose_ways
measure get "$rounds"
measure upload "$uploads"
end_front
report
