#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 300
#
# Tunnels that end at the load balancer (its setting decap), with real HTTP and UDP: from a
# client that puts its packets into a tunnel, from another instance (r3) that has the edge as
# its real, and at the reals, where an instance of their own takes what the edge sends them
# out of GUE and IP in IP.

# Four hosts load the balancer, which takes a guest two minutes: it has the same in
# test_lb_vectors and test_lb_decap.
if [[ ${SLOTD_TIER:-} == vm && ${SLOTD_FAULTS:-} != all ]]; then
	echo "1..0 # SKIP as on the host, where it takes seconds"
	exit 0
fi

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge r1 r2 r3) REALS=(r1 r2)
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"

# shellcheck disable=SC2034 # read in traffic.sh
CLIENT4=192.0.2.2 CLIENT6=2001:db8:1::2
ASKED=20
SET_UP=

start_host() {
	host_fresh "$1" <<-'END'
		slot 8 { name = "lb" object = "lb.bpf.o" settings { decap = true } }
	END
	host_ctl "$1" lb set gateway="$(mac_of router br0)" source4="$(host4 "$1")" \
		source6="$(host6 "$1")" || bail "the load balancer of $1 has a gateway"
}

setup() {
	local host

	[[ $SET_UP != "$BED_ENGINE" ]] || return 0
	for host in "${HOSTS[@]}"; do
		start_host "$host"
	done
	for host in "${REALS[@]}"; do
		[[ -n ${HOST_NGINX[$host]:-} ]] || {
			host_nginx "$host"
			host_echo "$host" "$VIP4" "$VIP6"
		}
	done
	lb tunnel add "$(host4 edge)" || bail "tunnels end at the edge"
	lb tunnel add "$(host6 edge)" || bail "tunnels over IPv6 end at the edge"
	SET_UP=$BED_ENGINE
}

# balance HOST ENCAP FAMILY REAL...: all VIPs at HOST lead to these, by addresses of that family
balance() {
	local vip real

	for vip in "tcp/$VIP4:80" "udp/$VIP4:7" "tcp/[$VIP6]:80" "udp/[$VIP6]:7"; do
		host_ctl "$1" lb vip del "$vip" 2>/dev/null
		[[ $3 == 6 || $vip != *\[* ]] || continue
		host_ctl "$1" lb vip add "$vip" encap="$2" || bail "there is a VIP $vip"
		for real in "${@:4}"; do
			host_ctl "$1" lb real add "$vip" "$("host$3" "$real")" ||
				bail "VIP $vip has the real $real"
		done
	done
}

# lb_count HOST COUNTER
lb_count() {
	host_ctl "$1" lb stats --json |
		jq --arg name "$2" '.counters[] | select(.name == $name) | .packets'
}

# answers WHAT FAMILY: to HTTP and UDP, by all reals
answers() {
	local vip=VIP$2 at

	at=${!vip}
	is_shared "$1: each datagram is answered, by all reals" "$ASKED" "$(ask_udp "$ASKED" "$at")"
	[[ $2 == 4 ]] || at="[$at]"
	is_shared "$1: each connection is answered, by all reals" "$ASKED" "$(ask_http "$ASKED" "$at")"
}

sent_on() {
	echo $(($(lb_count edge sent4) + $(lb_count edge sent6)))
}

come_out() {
	echo $(($(lb_count r1 here) + $(lb_count r2 here)))
}

# come_by WHAT COUNTER COMMAND...: meanwhile the edge took packets out of tunnels and sent them
# on, and all of these come out of their tunnels at the reals
come_by() {
	local before sent out

	before=$(lb_count edge "$2") sent=$(sent_on) out=$(come_out)
	"${@:3}"
	sent=$(($(sent_on) - sent))
	matches "$1: the edge takes packets out of tunnels" $(($(lb_count edge "$2") - before)) \
		'^[1-9][0-9]+$'
	matches "$1: and sends them on" "$sent" '^[1-9][0-9]+$'
	is "$1: each of these comes out of its tunnel at a real" $(($(come_out) - out)) "$sent"
}

# from_client FAMILY ENCAP: in IP in IP of that family, and in ENCAP to the reals
from_client() {
	local host=host$1 client=CLIENT$1

	balance edge "$2" 6 r1 r2
	tunnel_start "tun$1" "${!client}" "$("$host" edge)"
	come_by "from a client, IPv4 in IPv$1, then $2" "decap$1" \
		answers "from a client, IPv4 in IPv$1, then $2" 4
	come_by "from a client, IPv6 in IPv$1, then $2" "decap$1" \
		answers "from a client, IPv6 in IPv$1, then $2" 6
	end_traffic
}

test_from_a_client() {
	lead_vips edge
	from_client 4 gue
	from_client 6 ipip
}

# from_other ENCAP FAMILY: from the other instance to the edge in ENCAP over that family
from_other() {
	balance r3 "$1" "$2" edge
	balance edge "$1" 4 r1 r2
	come_by "from an instance, IPv4 in $1 over IPv$2" "decap$2" \
		answers "from an instance, IPv4 in $1 over IPv$2" 4
	[[ $2 == 6 ]] || return 0
	balance edge "$1" 6 r1 r2
	come_by "from an instance, IPv6 in $1 over IPv6" decap6 \
		answers "from an instance, IPv6 in $1 over IPv6" 6
}

test_from_another_instance() {
	lead_vips r3
	from_other ipip 4
	from_other gue 6
}

# Two instances that lead to each other: what goes round comes to an end.
test_what_goes_round_ends() {
	host_ctl r3 lb tunnel add "$(host4 r3)" || bail "tunnels end at r3, too"
	balance r3 ipip 4 edge
	balance edge ipip 4 r3
	lead_vips r3
	in_ns client bash -c "exec 3<>/dev/udp/$VIP4/7 && echo >&3"
	in_time "a packet between two instances expires" 5 has_expired
	host_ctl r3 lb tunnel del "$(host4 r3)"
}

has_expired() {
	[[ $(lb_count edge expired) -gt 0 || $(lb_count r3 expired) -gt 0 ]]
}

bed_run
