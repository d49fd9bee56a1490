# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Two load balancers, three servers and a client whose TCP connections carry, or do not, the id of
# their server; and what comes upon them: rings that change, tables that are empty, flows that come
# to the other balancer. The bed is lb.sh's, with one more host. Sourced after bed.sh, lb.sh and
# cgroup.sh.
#
#   client -- router -+- edge, other	balance, each by a ring of its own
#                     +- r1, r2, r3	serve; answers go by the router alone
#
# Servers and the client are each in a cgroup, with a chain of sock_ops.

BALANCERS=(edge other)
HOST_NUMBER+=([other]=14)
KEPT_VIP=tcp/$VIP4:80
KEPT_VIP6=tcp/[$VIP6]:80
KEPT=$BED/kept
KEEPER=

# join_group HOST COMMAND...: in the cgroup and the netns of that host, in the background
spawn_in_group() {
	# shellcheck disable=SC2016
	spawn "$1" "$BED/log/$1.$(basename "$2")" sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' \
		"$GROUP/$1" "${@:2}"
}

# sock_chain HOST [SETTING...]: of the sockets of that host's cgroup
sock_chain() {
	mkdir -p "$GROUP/$1"
	cat <<-END
		chain "web" {
			hook = "sock_ops"
			cgroup = "$GROUP/$1"
			slot 4 {
				name = "ids"
				object = "tcp_server_id.bpf.o"
				settings { ${*:2} }
			}
		}
	END
}

start_balancer() {
	local real

	host_fresh "$1" <<-'END'
		slot 8 {
			name = "lb"
			object = "lb.bpf.o"
			settings { tcp_server_id = true tcp_option_kind = 253 }
		}
	END
	host_ctl "$1" lb set gateway="$(mac_of router br0)" || bail "$1 has a gateway"
	host_ctl "$1" lb vip add "$KEPT_VIP" ring=maglev2 &&
		host_ctl "$1" lb vip add "$KEPT_VIP6" ring=maglev2 || bail "$1 has the VIPs"
	for real in "${REALS[@]}"; do
		host_ctl "$1" lb real add "$KEPT_VIP" "$(host4 "$real")" &&
			host_ctl "$1" lb real add "$KEPT_VIP6" "$(host6 "$real")" || bail "$1 has $real"
	done
}

start_server() {
	host_begin "$1" < <(
		chain_conf <<-'END'
			slot 12 { name = "decap" object = "decap.bpf.o" }
		END
		sock_chain "$1"
	)
	host_ctl "$1" --chain eth0 decap addr add "$(host4 "$1")" "$(host6 "$1")" >/dev/null ||
		bail "tunnels to $1 end there"
	host_ctl "$1" --chain eth0 decap set tcp-option=253 || bail "$1 reads ids"
	spawn_in_group "$1" "$BED_TOOLS/plain_echo" brief "$VIP4" 80 1
	spawn_in_group "$1" "$BED_TOOLS/plain_echo" brief "$VIP6" 80 1
}

start_client() {
	host_begin client < <(sock_chain client)
}

# start_all: balancers, servers, client; nobody has an id yet
start_all() {
	local host

	for host in "${BALANCERS[@]}"; do
		start_balancer "$host"
	done
	for host in "${REALS[@]}"; do
		start_server "$host"
	done
	start_client
	lead_vips "${BALANCERS[@]}"
}

# --- ids -----------------------------------------------------------------------------------

write_ids() {
	local host

	for host in "${REALS[@]}"; do
		echo "1${HOST_NUMBER[$host]} $(host4 "$host")"
	done >"$BED/ids"
}

# sync_ids FILE: everywhere
sync_ids() {
	local host

	for host in "${BALANCERS[@]}" "${REALS[@]}"; do
		in_ns "$host" "$BED_BIN/slotctl" --socket "$BED/hosts/$host/run/slotd.sock" \
			server-id sync "$1" || return 1
	done
}

# id_count HOST COUNTER
id_count() {
	host_ctl "$1" --chain web:sock_ops tcp_server_id stats --json |
		jq --arg name "$2" '.counters[] | select(.name == $name) | .packets'
}

# id_sum COUNTER: of all servers
id_sum() {
	local host sum=0

	for host in "${REALS[@]}"; do
		sum=$((sum + $(id_count "$host" "$1")))
	done
	echo "$sum"
}

# --- connections ---------------------------------------------------------------------------

# keep_start COUNT [ADDRESS]: connections that are held from now on
keep_start() {
	rm -f "$KEPT"
	spawn_in_group client "$BED_TOOLS/tcp_hold" "${2:-$VIP4}" 80 "$1" "$KEPT"
	KEEPER=$BED_SPAWNED
	TRAFFIC+=("$KEEPER")
	wait_for 10 has_rounds 1
}

# kept FIELD: rounds, connections, resets, silent
kept() {
	awk -v field="$1" 'BEGIN { split("rounds connections resets silent", names) }
		{ for (i in names) if (names[i] == field) print $i }' "$KEPT" 2>/dev/null
}

# has_rounds COUNT: each connection has had so many answers
has_rounds() {
	[[ $(kept rounds) -ge $1 ]]
}

# --- what comes upon them --------------------------------------------------------------------

# turn_ring BALANCER NUMBER: another ring than all others that it has had
turn_ring() {
	local real=${REALS[$2 % ${#REALS[@]}]} weight=$((1 + ($2 * 7 + ${#1}) % 13))

	host_ctl "$1" lb real weight "$KEPT_VIP" "$(host4 "$real")" "$weight" &&
		host_ctl "$1" lb real weight "$KEPT_VIP6" "$(host6 "$real")" "$weight"
}

empty_table() {
	"$BED_TOOLS/map_clear" "$BED/hosts/$1/bpf/slotd/"*-eth0/maps/lb/lb_flows
}

# shuffle NUMBER: flows come to the one balancer, to the other, or to both
shuffle() {
	case $(($1 % 4)) in
	0) lead_vips edge other ;;
	1) lead_vips other ;;
	2) lead_vips other edge ;;
	3) lead_vips edge ;;
	esac
}

# come_upon NUMBER: all of that; then each connection is heard of again
come_upon() {
	local host rounds

	for host in "${BALANCERS[@]}"; do
		turn_ring "$host" "$1" && empty_table "$host" || return 1
	done
	shuffle "$1" || return 1
	rounds=$(($(kept rounds) + 2))
	wait_for 20 has_rounds "$rounds"
}
