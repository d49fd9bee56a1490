# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The bed of the load balancer's system tests: a router between a client and a segment of
# hosts, each of which has its own slotd. Source it after bed.sh, and name the hosts first:
# HOSTS, and of them REALS, which serve.
#
#   client c0 ---- c router br0 -+- eth0 edge    198.51.100.10   the load balancer
#          192.0.2.2             +- eth0 r1      198.51.100.11   three that serve
#          2001:db8:1::2         +- eth0 r2      198.51.100.12
#                                +- eth0 r3      198.51.100.13
#
# The router leads VIP4 and VIP6 to the hosts that balance; answers go from the real to the
# client, by the router. Frames between the hosts may be longer than the client's, by the
# outer headers.

VIP4=203.0.113.80
VIP6=2001:db8:80::80
ROUTER4=198.51.100.1
ROUTER6=2001:db8:2::1
SEGMENT_MTU=1600
GUE=6080
# Seconds that the client waits before a request has failed: longer than a busy machine stands
# still. A connection that was lost gets no answer however long one waits.
PATIENCE=$((5 * TAP_SCALE))
# Requests after which a kept connection ends, so that drained reals get rid of theirs.
KEEPALIVE=500
# A download takes some seconds.
LONG_BYTES=500000
declare -A HOST_NUMBER=([edge]=10 [r1]=11 [r2]=12 [r3]=13)
declare -A HOST_SLOTD=() HOST_NGINX=()

host4() {
	echo "198.51.100.${HOST_NUMBER[$1]}"
}

host6() {
	echo "2001:db8:2::${HOST_NUMBER[$1]}"
}

mac_of() {
	in_ns "$1" ip -j link show dev "$2" | jq -r '.[0].address'
}

# --- wires ---------------------------------------------------------------------------------

# What XDP sends out of a host comes in where an XDP program runs. With GRO instead it lies
# in the ring until something else wakes the poll (veth_xdp_flush(), kernel 6.18).
join_segment() {
	in_ns router ip link add "$1" mtu "$SEGMENT_MTU" type veth \
		peer name eth0 mtu "$SEGMENT_MTU" netns "$BED/ns/$1" || return 1
	in_ns router ethtool -K "$1" tx off >/dev/null || return 1
	in_ns router bpftool net attach xdpdrv pinned "$BED/bpf/pass" dev "$1" || return 1
	in_ns "$1" ethtool -K eth0 tx off >/dev/null || return 1
	in_ns router ip link set "$1" master br0 up
	in_ns "$1" ip -batch - <<-END
		link set eth0 up
		address add $(host4 "$1")/24 dev eth0
		address add $(host6 "$1")/64 dev eth0 nodad
		route add default via $ROUTER4
		route add default via $ROUTER6
	END
}

# Only XDP leads packets from a host to another one.
be_no_router() {
	in_ns "$1" sh -c 'cd /proc/sys/net &&
		echo 0 >ipv4/ip_forward && echo 0 >ipv6/conf/all/forwarding'
}

make_router() {
	in_ns router ip link add c type veth peer name c0 netns "$BED/ns/client" || return 1
	in_ns router ethtool -K c tx off >/dev/null || return 1
	in_ns client ethtool -K c0 tx off >/dev/null || return 1
	in_ns router ip link add br0 mtu "$SEGMENT_MTU" type bridge || return 1
	in_ns router sh -c 'for f in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 >$f; done
		cd /proc/sys/net && echo 1 >ipv4/fib_multipath_hash_policy &&
		echo 1 >ipv6/fib_multipath_hash_policy'
	in_ns router ip -batch - <<-END
		link set c up
		link set br0 up
		address add 192.0.2.1/24 dev c
		address add 2001:db8:1::1/64 dev c nodad
		address add $ROUTER4/24 dev br0
		address add $ROUTER6/64 dev br0 nodad
	END
}

# So many ports that none has to be used twice in a test.
make_client() {
	in_ns client sh -c 'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range'
	in_ns client ip -batch - <<-'END'
		link set c0 up
		address add 192.0.2.2/24 dev c0
		address add 2001:db8:1::2/64 dev c0 nodad
		route add default via 192.0.2.1
		route add default via 2001:db8:1::1
	END
}

# lead_vips HOST...: the router sends what is for the VIPs to these, each flow to one of them.
# Groups of nexthops change at one blow; while `ip -6 route replace` gives a route others, some
# packets find none.
lead_vips() {
	local host hops4='' hops6=''

	for host; do
		hops4+=/4${HOST_NUMBER[$host]}
		hops6+=/6${HOST_NUMBER[$host]}
	done
	in_ns router ip nexthop replace id 4 group "${hops4#/}" &&
		in_ns router ip nexthop replace id 6 group "${hops6#/}"
}

make_nexthops() {
	local host

	for host in "${HOSTS[@]}"; do
		in_ns router ip -batch - <<-END || return 1
			nexthop add id 4${HOST_NUMBER[$host]} via $(host4 "$host") dev br0
			nexthop add id 6${HOST_NUMBER[$host]} via $(host6 "$host") dev br0
		END
	done
	lead_vips "${HOSTS[0]}" && in_ns router ip route add "$VIP4/32" nhid 4 &&
		in_ns router ip -6 route add "$VIP6/128" nhid 6
}

# What join_segment() attaches, and a folder for what each host's slotd has.
make_rooms() {
	bpftool prog load "$BED_ROOT/build/bpf/pass.bpf.o" "$BED/bpf/pass" \
		2>"$BED/log/bpftool" && mkdir "$BED/hosts"
}

# The reals take what is for the VIPs.
own_vips() {
	local host

	for host in "${REALS[@]}"; do
		in_ns "$host" ip -batch - <<-END || return 1
			address add $VIP4/32 dev lo
			address add $VIP6/128 dev lo nodad
		END
	done
}

make_bed() {
	local host

	make_namespaces client router "${HOSTS[@]}" && make_router && make_client &&
		make_rooms || return 1
	for host in "${HOSTS[@]}"; do
		join_segment "$host" && be_no_router "$host" || return 1
	done
	make_nexthops && own_vips
}

is_reached() {
	in_ns client ping -c 1 -W 1 "$(host4 "$1")" && in_ns client ping -c 1 -W 1 "$(host6 "$1")"
}

# In place of bed.sh's.
bed_start() {
	local host

	make_bed || bail "the bed is there"
	copy_build || bail "slotd, its programs and the test tools are built" "run make checks first"
	for host in "${HOSTS[@]}"; do
		wait_for 10 is_reached "$host" || bail "client and $host reach each other"
	done
}

# --- slotd, one for each host --------------------------------------------------------------

host_ctl() {
	"$BED_BIN/slotctl" --socket "$BED/hosts/$1/run/slotd.sock" "${@:2}"
}

# The load balancer of a host; the first host's, where there is but one.
lb() {
	host_ctl "${HOSTS[0]}" lb "$@"
}

is_host_settled() {
	is_gone "${HOST_SLOTD[$1]}" || host_ctl "$1" status
}

is_host_bare() {
	[[ -z $(in_ns "$1" ip -j link show dev eth0 | jq -r '.[0].xdp.prog.id // empty') ]]
}

host_kill() {
	[[ -z ${HOST_SLOTD[$1]:-} ]] || stop "${HOST_SLOTD[$1]}" KILL
	HOST_SLOTD[$1]=
}

# host_slotd HOST: starts, or starts again with what it left behind
host_slotd() {
	local dir=$BED/hosts/$1

	spawn "$1" "$BED/log/slotd.$1" "$BED_DAEMON" --config "$dir/slots.conf" \
		--object-dir "$BED_OBJECTS" --state-dir "$dir/state" --run-dir "$dir/run" \
		--bpffs "$dir/bpf"
	HOST_SLOTD[$1]=$BED_SPAWNED
	# the verifier takes its time for the load balancer
	wait_for 60 is_host_settled "$1" && ! is_gone "${HOST_SLOTD[$1]}"
}

# chain_conf <SLOTS: the chain of a host's eth0
chain_conf() {
	printf 'chain "eth0" {\n\tengine = "%s"\n' "$BED_ENGINE"
	cat
	echo '}'
}

# host_fresh HOST <SLOTS: a chain and a slotd as on the first day
host_fresh() {
	host_begin "$1" < <(chain_conf)
}

# host_begin HOST <SLOTS_CONF
host_begin() {
	local dir=$BED/hosts/$1

	host_kill "$1"
	umount "$dir/bpf" 2>/dev/null
	rm -rf "$dir" "$BED/log/slotd.$1"
	mkdir -p "$dir"/{bpf,run,state}
	mount -t bpf bpf "$dir/bpf" || bail "a bpffs of $1"
	cat >"$dir/slots.conf"
	wait_for 10 is_host_bare "$1" || bail "nothing runs on $1 before the test"
	host_slotd "$1" || bail "slotd starts at $1" "$(cat "$BED/log/slotd.$1")"
}

# --- what the reals serve ------------------------------------------------------------------

# host_nginx HOST: answers with its name on port 80, and slowly with /long
host_nginx() {
	local dir=$BED/www/$1

	mkdir -p "$dir"
	head -c "$LONG_BYTES" /dev/zero >"$dir/long"
	nginx_conf "$dir" 1 80 '[::]:80' <<-END
		root $dir;
		keepalive_requests $KEEPALIVE;
		client_max_body_size 10m;
		location = / { return 200 "$1\n"; }
		location = /long { limit_rate 100k; }
		location = /upload { dav_methods PUT; }
	END
	spawn "$1" "$BED/log/nginx.$1" "$NGINX" -p "$dir" -c "$dir/nginx.conf" -e "$BED/log/nginx.$1"
	HOST_NGINX[$1]=$BED_SPAWNED
	wait_for 10 in_ns "$1" curl -fsS "http://$(host4 "$1")/" ||
		bail "nginx serves at $1" "$(cat "$BED/log/nginx.$1")"
}

# host_echo HOST ADDRESS...: its name is the answer to each datagram to their port 7
host_echo() {
	local address

	for address in "${@:2}"; do
		spawn "$1" "$BED/log/echo.$1" "$BED_TOOLS/sock_group" serve udp "$address" 7 \
			"$1"$'\n'
	done
}

# --- what the client asks ------------------------------------------------------------------

# ask_http COUNT HOST: names that answered so many connections, a line each
ask_http() {
	in_ns client curl -sS --noproxy '*' -m $((PATIENCE * 10)) --connect-timeout "$PATIENCE" \
		-H 'Connection: close' "http://$2/?[1-$1]" 2>>"$BED/log/curl"
}

# ask_udp COUNT ADDRESS: names that answered one datagram from each of so many ports. The
# shell itself would read byte by byte, and of a datagram get the first alone.
ask_udp() {
	# shellcheck disable=SC2016
	in_ns client bash -c '
		for ((i = 0; i < $1; i++)); do
			exec 3<>"/dev/udp/$2/7" && echo >&3 && timeout "$3" head -n 1 <&3
		done' ask "$1" "$2" "$PATIENCE" 2>>"$BED/log/udp"
}

# is_shared SENTENCE COUNT NAMES: so many answers, of each real some
is_shared() {
	local names

	names=$(sort -u <<<"$3" | tr '\n' ' ')
	is "$1" "$(wc -l <<<"$3") of ${names% }" "$2 of ${REALS[*]}"
}

# wrk_start NAME SECONDS URL [OPTION...]: requests without a pause, on 8 connections
wrk_start() {
	: >"$BED/wrk.$1"
	spawn client "$BED/wrk.$1" wrk -t 1 -c 8 -d "$2" --timeout "${PATIENCE}s" "${@:4}" "$3"
	TRAFFIC+=("$BED_SPAWNED")
	printf -v "WRK_$1" %s "$BED_SPAWNED"
}

wrk_is_over() {
	local pid=WRK_$1

	is_gone "${!pid}"
}

# wrk_stop NAME: prints requests done and requests failed
wrk_stop() {
	local pid=WRK_$1

	stop "${!pid}" INT
	cp "$BED/wrk.$1" "$BED/wrk"
	load_figures
}

# none_failed SENTENCE NAME FAILED: of the requests of wrk_start NAME
none_failed() {
	if [[ $3 == 0 ]]; then
		ok "$1"
	else
		not_ok "$1" "$3 failed:$(grep -h 'Socket errors\|Non-2xx' "$BED/wrk.$2")" \
			"$(in_ns client nstat -asz | awk '/Unreach|Reset|OutRsts|Timeouts/ && $2')"
	fi
}

# start_long COUNT HOST: downloads that go on for some seconds, each on its own connection
start_long() {
	local i

	LONG=()
	rm -f "$BED"/long.*
	for ((i = 0; i < $1; i++)); do
		spawn client "$BED/long.$i" curl -sS --noproxy '*' -m $((PATIENCE * 30)) \
			-o /dev/null -w '%{http_code} %{size_download} %{errormsg}\n' "http://$2/long"
		LONG+=("$BED_SPAWNED")
		TRAFFIC+=("$BED_SPAWNED")
	done
}

are_long_over() {
	local pid

	for pid in "${LONG[@]}"; do
		is_gone "$pid" || return 1
	done
}

# How many downloads came to their end whole.
count_whole() {
	grep -l "^200 $LONG_BYTES " "$BED"/long.* 2>/dev/null | wc -l
}

# count_connections HOST: to the VIPs, that are open there
count_connections() {
	in_ns "$1" ss -Htn state established "( src $VIP4 or src [$VIP6] )" | wc -l
}

has_connections() {
	[[ $(count_connections "$1") -gt 0 ]]
}

has_no_connections() {
	[[ $(count_connections "$1") -eq 0 ]]
}
