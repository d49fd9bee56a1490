# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Two containers with the same VIP on one host, behind the load balancer of lb.sh: netns,
# cgroup and user are each one's own. Source it after lb.sh and cgroup.sh, with HOSTS=(edge r1)
# and no REALS: the containers are the reals, by their tunnel addresses.
#
#   client - router -+- edge, which balances
#                    +- eth0 r1 -+- ca ------ eth0 a   tunnels to 203.0.113.21
#                                +- cb ------ eth0 b   tunnels to 203.0.113.22
#
# The host routes the tunnel addresses to the containers, too, and their answers to clients.

declare -A TUNNEL4=([a]=203.0.113.21 [b]=203.0.113.22)
declare -A TUNNEL6=([a]=2001:db8:c::21 [b]=2001:db8:c::22)
declare -A CONTAINER_USER=([a]=daemon [b]=bin)
declare -A CONTAINER=() CONTAINER_NGINX=()
HOST_USER=sys
CONTAINER_MTU=1600

# in_container NAME COMMAND...: as its user, who has no capability, in its netns and cgroup
in_container() {
	# shellcheck disable=SC2016
	in_ns "$1" sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$GROUP/$1" \
		setpriv --reuid "${CONTAINER_USER[$1]}" --regid "${CONTAINER_USER[$1]}" \
		--clear-groups --bounding-set -all "${@:2}"
}

# container_ctl NAME WORD...: what its user says of its chain
container_ctl() {
	in_container "$1" "$BED_BIN/slotctl" --socket "$BED/hosts/r1/run/slotd.sock" \
		--chain "$1:eth0:tc-ingress" "${@:2}"
}

# host_redirect WORD...: likewise who has the host's slot
host_redirect() {
	in_ns r1 setpriv --reuid "$HOST_USER" --regid "$HOST_USER" --clear-groups \
		"$BED_BIN/slotctl" --socket "$BED/hosts/r1/run/slotd.sock" \
		--chain eth0:tc-ingress tc_redirect "$@"
}

# make_pair KIND NAME: eth0 in the container, whose other end the host has as cNAME
make_pair() {
	case $1 in
	veth) in_ns r1 ip link add "c$2" mtu "$CONTAINER_MTU" type veth peer name pod ;;
	# ip may be older than the device: the kernel makes its peer and names it nk and a number
	netkit) in_ns r1 ip link add "c$2" type netkit && in_ns r1 ip link set nk0 name pod ;;
	esac || return 1
	in_ns r1 ip link set pod netns "$BED/ns/$2" && in_ns "$2" ip link set pod name eth0 &&
		in_ns "$2" ip link set eth0 mtu "$CONTAINER_MTU" up &&
		in_ns r1 ip link set "c$2" mtu "$CONTAINER_MTU" up
}

# container_wire KIND NAME: the pair, addresses and routes to and fro
container_wire() {
	make_pair "$1" "$2" || return 1
	in_ns "$2" ip -batch - <<-END || return 1
		address add ${TUNNEL4[$2]}/32 dev eth0
		address add ${TUNNEL6[$2]}/128 dev eth0 nodad
		route add default via $(host4 r1) dev eth0 onlink
		route add default via fe80::1 dev eth0
	END
	in_ns r1 ip -batch - <<-END
		address add fe80::1/64 dev c$2 nodad
		route add ${TUNNEL4[$2]}/32 dev c$2
		route add ${TUNNEL6[$2]}/128 dev c$2
	END
}

# container_start NAME: its netns with the VIPs and one process in its cgroup
container_start() {
	mkdir -p "$GROUP/$1"
	: >"$BED/ns/$1"
	unshare --net="$BED/ns/$1" true || return 1
	in_ns "$1" sh -c 'cd /proc/sys/net && for f in ipv4/conf/*/rp_filter; do echo 0 >$f; done
		echo 0 >ipv6/conf/default/accept_dad; echo 0 >ipv4/ip_unprivileged_port_start'
	in_ns "$1" ip -batch - <<-END || return 1
		link set lo up
		address add $VIP4/32 dev lo
		address add $VIP6/128 dev lo nodad
	END
	# shellcheck disable=SC2016
	spawn "$1" "$BED/log/container" sh -c 'echo $$ >"$0/cgroup.procs" && exec sleep 600' \
		"$GROUP/$1"
	CONTAINER[$1]=$BED_SPAWNED
}

# container_nginx NAME: its user's, answers with its name
container_nginx() {
	local dir=$BED/www/$1

	mkdir -p "$dir/upload"
	nginx_conf "$dir" 1 80 '[::]:80' <<-END
		keepalive_requests $KEEPALIVE;
		location / { return 200 "$1\n"; }
		location /upload/ { root $dir; dav_methods PUT; client_max_body_size 64m; }
	END
	chown -R "${CONTAINER_USER[$1]}" "$dir"
	# shellcheck disable=SC2016
	spawn "$1" "$BED/log/nginx.$1" sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$GROUP/$1" \
		setpriv --reuid "${CONTAINER_USER[$1]}" --clear-groups --bounding-set -all \
		"$NGINX" -p "$dir" -c "$dir/nginx.conf" -e "$dir/errors"
	CONTAINER_NGINX[$1]=$BED_SPAWNED
	wait_for 10 in_ns "$1" curl -fsS --noproxy '*' "http://$VIP4/" ||
		bail "nginx serves in $1" "$(cat "$BED/log/nginx.$1")"
}

# The router leads the tunnel addresses to the host, which is a router itself.
lead_tunnels() {
	in_ns r1 sh -c 'cd /proc/sys/net && echo 1 >ipv4/ip_forward &&
		echo 1 >ipv6/conf/all/forwarding && for f in ipv4/conf/*/send_redirects; do
			echo 0 >$f; done'
	in_ns router ip route add 203.0.113.16/28 via "$(host4 r1)" dev br0 &&
		in_ns router ip route add 2001:db8:c::/64 via "$(host6 r1)" dev br0
}

# containers_conf >FILE: the host's chain and one for each container, of three owners
containers_conf() {
	local name

	cat <<-END
		chain "eth0" {
			hook = "tc-ingress"
			slot 3 {
				name = "tc_redirect" owner = "$HOST_USER" object = "tc_redirect.bpf.o"
				allow = { "pass", "redirect" }
			}
		}
	END
	for name in a b; do
		cat <<-END
			chain "eth0" {
				netns = "$GROUP/$name"
				hook = "tc-ingress"
				slot 3 {
					name = "tc_decap" owner = "${CONTAINER_USER[$name]}"
					allow = { "pass", "drop" }
				}
			}
		END
	done
}

start_balancer() {
	host_fresh edge <<-'END'
		slot 8 { name = "lb" object = "lb.bpf.o" }
	END
	lb set gateway="$(mac_of router br0)" source4="$(host4 edge)" source6="$(host6 edge)" ||
		bail "the load balancer has a gateway"
}

start_host() {
	local dir=$BED/hosts/r1

	mkdir -p "$dir"/{bpf,run,state}
	mount -t bpf bpf "$dir/bpf" || bail "a bpffs of the host"
	containers_conf >"$dir/slots.conf"
	host_slotd r1 || bail "slotd starts at the host" "$(cat "$BED/log/slotd.r1")"
}

# counts NAME: of packets that the container's tc_decap took out of tunnels
counts() {
	container_ctl "$1" tc_decap stats --json |
		jq '[.counters[] | select(.verdict == "pass") | .packets] | add'
}

# redirected COUNTER: of the host's tc_redirect
redirected() {
	host_redirect stats --json | jq --arg name "$1" '.counters[] | select(.name == $name) | .packets'
}

# led_to NAME: packets to its tunnel addresses that were handed over
led_to() {
	host_redirect list --json |
		jq --arg device "c$1" '[.prefixes[] | select(.device == $device) | .packets] | add'
}

# device_sent NAME: packets that the host sent out of its end of the container's pair
device_sent() {
	in_ns r1 ip -s -j link show dev "c$1" | jq '.[0].stats64.tx.packets'
}
