#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Troubles of a host that are really made, found by slotctl doctor, and gone once they are mended.
# guest: test-all

# shellcheck source=tests/support/doctor.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/doctor.sh"

VIP=203.0.113.80
REAL=198.51.100.11
TUNNEL=192.0.2.1 # the edge's own address on eth0
PORT=8443

# doctor runs the same over either engine: one will do.
bed_engines() {
	echo "${SLOTD_TEST_ENGINE:-fused}"
}

# write_conf [INTERFACE [NETNS]]: a second chain, of an interface that the tests make
write_conf() {
	cat >"$BED/slots.conf" <<-END
		chain "eth0" {
			engine = "$BED_ENGINE"
			slot 8 { name = "lb" owner = "nobody" object = "lb.bpf.o" settings { mtu = 1600 } }
			slot 12 { name = "decap" object = "decap.bpf.o" }
		}
	END
	[[ $# -eq 0 ]] || cat >>"$BED/slots.conf" <<-END
		chain "$1" {
			engine = "$BED_ENGINE"
			${2:+netns = "$2"}
			slot 12 { name = "decap" object = "decap.bpf.o" }
		}
	END
}

add_vip() {
	bed_ctl lb vip add "tcp/$VIP:$PORT"
	bed_ctl lb real add "tcp/$VIP:$PORT" "$REAL"
}

# What nobody would complain about: room for outer headers, an lb that makes use of it. Once,
# since doctor changes nothing, and every test mends what it broke.
setup() {
	[[ ! -e /run/netns/edge ]] || return 0
	name_namespaces || bail "namespaces have names"
	in_ns edge ip link set eth0 mtu 1600
	write_conf
	bed_slotd_fresh
	bed_ctl lb set gateway=02:00:00:00:00:fe
	add_vip
	bed_ctl --chain eth0 decap addr add "$TUNNEL"
}

# listen NS USER tcp|udp ADDRESS PORT: a service, whose process is $BED_SPAWNED
LISTEN='
import signal, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
server = socket.socket(family, kind)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if kind == socket.SOCK_STREAM:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
server.bind((sys.argv[2], int(sys.argv[3])))
if kind == socket.SOCK_STREAM:
    server.listen()
print("listens", flush=True)
signal.pause()
'
listen() {
	local file=$BED/log/listen-$RANDOM

	: >"$file"
	spawn "$1" "$file" setpriv --reuid "$2" --regid nogroup --clear-groups \
		/usr/bin/python3 -I -c "$LISTEN" "${@:3}"
	wait_for 10 grep -q listens "$file" || bail "a service listens" "$(cat "$file")"
}

# diagnose: what doctor says now, for several questions about it
diagnose() {
	bed_ctl doctor --json >"$BED/diagnosis" 2>/dev/null
}

diagnosis() {
	jq -r "$1" "$BED/diagnosis"
}

test_clean() {
	local out

	out=$(bed_ctl doctor 2>&1)
	is "a host without trouble is clean" $? 0
	matches "says so" "$out" "clean: 0 errors, 0 warnings"
	diagnose
	is "in JSON, too" "$(diagnosis .clean)" true
	is "it looked at all namespaces" \
		"$(diagnosis '[.looked_at.netns[] | select(test("^(client|edge|server)$"))] |
			sort | join(" ")')" "client edge server"
	is "and at the chain" "$(diagnosis '.looked_at.chains | join(" ")')" eth0
	is "its programs claim a VIP, a real and a tunnel" "$(diagnosis .looked_at.claims)" 3
	bed_ctl --chain eth0 doctor >/dev/null 2>&1
	is "it is not about one chain" $? 2
}

test_features_are_those_of_the_kernel() {
	local has=yes

	[[ $("$BED_BIN/slotctl" verify --json "$BED_OBJECTS/pass.bpf.o" |
		jq '.engines[] | select(.engine == "freplace") | .ok') == true ]] || has=no
	diagnose
	is "freplace is missed where it is missing" \
		"$(diagnosis '[.findings[].what | select(test("freplace"))] | length')" \
		"$([[ $has == yes ]]; echo $?)"
	is "tcx is, too" \
		"$(diagnosis '[.findings[].what | select(test("no tcx"))] | length')" \
		"$(printf '6.6\n%s\n' "$(uname -r)" | sort -VC; echo $?)"
	is "and netkit" \
		"$(diagnosis '[.findings[].what | select(test("no netkit"))] | length')" \
		"$(in_ns edge ip link add pod0 type netkit >/dev/null 2>&1; echo $((${?} > 0)))"
	in_ns edge ip link del pod0 2>/dev/null
	return 0
}

test_mtu() {
	local out

	in_ns edge ip link set eth0 mtu 1500
	finds "lb's outer headers do not fit" mtu edge warning \
		"lb sends packets with 20 bytes of outer headers out of 'eth0', whose MTU is 1500"
	finds "nor do those that decap takes off" mtu edge warning "decap takes packets out of 20"
	out=$(bed_ctl doctor 2>/dev/null)
	is "it exits with 1 where there is something to do" $? 1
	matches "and says what" "$out" "next +give the way to the reals an MTU of 1520"
	in_ns edge ip route add default via "$CLIENT4" advmss 1440
	matches "a smaller MSS helps decap" "$(find_trouble mtu edge)" "^lb sends[^\n]*$"
	in_ns edge ip route del default
	in_ns edge ip link set eth0 mtu 1600
	gone "with a larger MTU it is gone" mtu edge
}

test_rp_filter() {
	in_ns edge sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter'
	finds "clients are reached by another interface than tunnels come in" rp-filter edge error \
		"strict on 'eth0'"
	in_ns edge ip route add default via "$CLIENT4"
	finds "by the same it is a note" rp-filter edge note "strict on 'eth0'"
	in_ns edge ip route del default
	in_ns edge sh -c 'echo 2 >/proc/sys/net/ipv4/conf/eth0/rp_filter'
	gone "loose is fine" rp-filter edge
	in_ns edge sh -c 'echo 0 >/proc/sys/net/ipv4/conf/eth0/rp_filter'
}

test_vip_at_the_balancer() {
	in_ns edge ip address add "$VIP/32" dev lo
	finds "the VIP is the balancer's own, too" vip-local edge warning "$VIP is a VIP that lb"
	in_ns edge ip address del "$VIP/32" dev lo
	gone "without it, it is gone" vip-local edge
	in_ns edge ip route add local 203.0.113.0/24 dev lo
	finds "a local route is one as well" vip-local edge warning "$VIP is a VIP that lb"
	in_ns edge ip route del local 203.0.113.0/24 dev lo
	gone "and gone with it" vip-local edge
}

test_black_hole() {
	in_ns server ip address add "$VIP/32" dev lo
	finds "nobody serves the VIP where it is local" black-hole server error \
		"nothing listens on tcp/$VIP:$PORT in netns 'server'"
	listen server nobody tcp "$VIP" $((PORT + 1))
	finds "another port does not help" black-hole server error "tcp/$VIP:$PORT"
	stop "$BED_SPAWNED" KILL
	listen server nobody tcp "$VIP" "$PORT"
	gone "a service does" black-hole server
	stop "$BED_SPAWNED" KILL
	listen server nobody tcp :: "$PORT"
	gone "also one on all addresses of both families" black-hole server
	stop "$BED_SPAWNED" KILL
	in_ns server ip address del "$VIP/32" dev lo
	gone "and so does taking the address away" black-hole server

	in_ns server ip address add 203.0.113.99/32 dev lo
	finds "an address to be served that nobody serves is found without an lb" black-hole \
		server warning "nothing listens on 203.0.113.99"
	in_ns server ip address del 203.0.113.99/32 dev lo
	gone "and gone with it" black-hole server
}

test_wildcard() {
	local service other

	in_ns server ip address add "$VIP/32" dev lo
	listen server nobody tcp "$VIP" "$PORT"
	service=$BED_SPAWNED
	gone "a service on its own address harms nobody" wildcard server
	listen server nobody tcp 0.0.0.0 "$PORT"
	gone "nor does it with a second socket" wildcard server
	stop "$BED_SPAWNED" KILL
	stop "$service" KILL
	listen server daemon tcp :: "$PORT"
	other=$BED_SPAWNED
	finds "one on all addresses serves the VIP, whoever it is" wildcard server note \
		"tcp/\[::\]:$PORT of user $(id -u daemon) listens on all addresses, among them $VIP"
	is "and is named" "$(bed_get doctor \
		'.findings[] | select(.check == "wildcard") | .where.process')" \
		"pid $other ($(cat "/proc/$other/comm"))"
	bed_ctl lb vip del "tcp/$VIP:$PORT"
	bed_ctl lb vip add "tcp/$VIP"
	finds "one that has all ports is open to its clients" wildcard server warning \
		"a VIP that has all ports open"
	stop "$other" KILL
	gone "until it is gone" wildcard server
	bed_ctl lb vip del "tcp/$VIP"
	add_vip

	# of TCP the kernel itself keeps the second user out
	listen server nobody udp "$VIP" "$PORT"
	service=$BED_SPAWNED
	listen server daemon udp :: "$PORT"
	other=$BED_SPAWNED
	finds "two services share a port" wildcard server warning \
		"udp/\[::\]:$PORT of user $(id -u daemon) .*, where another service has the same port"
	stop "$other" KILL
	gone "until one of them is gone" wildcard server
	stop "$service" KILL
	in_ns server ip address del "$VIP/32" dev lo
}

test_tunnel_address() {
	bed_ctl decap addr add 192.0.2.9
	finds "tunnels to an address that nobody has" tunnel-address edge warning \
		"decap takes tunnels to 192.0.2.9 apart, which is no address of netns 'edge'"
	in_ns edge ip address add 192.0.2.9/24 dev eth0
	gone "once it has it, it is gone" tunnel-address edge
	in_ns edge ip address del 192.0.2.9/24 dev eth0
	bed_ctl decap addr del 192.0.2.9
	bed_ctl lb tunnel add 2001:db8:1::9
	finds "lb's ends of tunnels are held to the same" tunnel-address edge warning \
		"lb takes tunnels to 2001:db8:1::9 apart"
	bed_ctl lb tunnel del 2001:db8:1::9
}

test_real_address() {
	bed_ctl lb real add "tcp/$VIP:$PORT" "$TUNNEL"
	finds "a real that is the balancer itself" real-address edge warning \
		"the real $TUNNEL of lb is an address of this host"
	bed_ctl lb real set "$TUNNEL" local=yes
	gone "is fine once lb knows" real-address edge
	bed_ctl lb real del "tcp/$VIP:$PORT" "$TUNNEL"
}

test_route_discard() {
	local kind

	for kind in blackhole unreachable prohibit; do
		in_ns edge ip route add "$kind" 203.0.113.0/24
		finds "$kind over a VIP" route-discard edge warning \
			"a route of netns 'edge' discards packets to $VIP, which lb balances"
		in_ns edge ip route add "$VIP/32" via "$CLIENT4"
		gone "a route that is more specific mends it" route-discard edge
		in_ns edge ip route del "$VIP/32"
		in_ns edge ip route del "$kind" 203.0.113.0/24
	done
	gone "without, it is gone" route-discard edge
}

# decap at the edge, and what it lets out is for the server.
test_vip_route() {
	local vip=203.0.113.90

	in_ns server ip address add "$vip/32" dev lo
	finds "no route leads to the netns that serves" vip-route edge error \
		"$vip is served in netns 'server', and in 'edge', .* no route leads to it"
	in_ns edge ip route add blackhole "$vip/32"
	finds "a black hole is one to nowhere" vip-route edge error "a route discards it"
	in_ns edge ip route replace "$vip/32" via "$CLIENT4"
	finds "another netns is the wrong one" vip-route edge warning "its route leads elsewhere"
	in_ns edge ip route replace "$vip/32" via "$SERVER4"
	gone "the right one is right" vip-route edge
	in_ns client ip address add "$vip/32" dev lo
	finds "of two that serve it only one gets it" vip-route edge warning \
		"$vip is served in netns 'client', .* leads elsewhere"
	in_ns client ip address del "$vip/32" dev lo
	in_ns edge ip address add "$vip/32" dev lo
	finds "the edge's own address comes first" vip-route edge warning "an address as well"
	in_ns edge ip address del "$vip/32" dev lo
	in_ns edge ip route del "$vip/32"
	in_ns server ip address del "$vip/32" dev lo
	gone "and then there is nothing to say" vip-route edge
}

# A bridge at the edge with a port to the client and one to the server.
make_bridge() {
	local ns

	in_ns edge ip link add br9 type bridge
	in_ns edge ip link set br9 up
	for ns in client server; do
		in_ns edge ip link add "b-$ns" master br9 type veth peer name b0 netns "$BED/ns/$ns"
		in_ns edge ip link set "b-$ns" up
		in_ns "$ns" ip link set b0 up
	done
}

drop_bridge() {
	in_ns edge ip link del b-client
	in_ns edge ip link del b-server
	in_ns edge ip link del br9
}

test_address_twice() {
	make_bridge
	in_ns client ip address add 192.0.2.177/28 dev b0
	in_ns server ip address add 192.0.2.177/28 dev b0
	matches "two namespaces have one address on one bridge" \
		"$(bed_get doctor '.findings[] | select(.check == "address-twice") | .what')" \
		"192.0.2.177 is an address of 'b0' in netns '.*, and of 'b0' in .* on the same bridge"
	in_ns server ip link set b0 down
	is "down it harms nobody" \
		"$(bed_get doctor '.findings[] | select(.check == "address-twice") | .what')" ""
	in_ns server ip link set b0 up
	in_ns server ip address del 192.0.2.177/28 dev b0
	is "and with one of them it is gone" \
		"$(bed_get doctor '.findings[] | select(.check == "address-twice") | .what')" ""
	drop_bridge
}

# Of a driver without XDP Linux 6.3 knows, earlier ones only that the chain runs in generic mode.
test_xdp_native() {
	make_bridge
	write_conf br9
	bed_ctl reload >/dev/null 2>&1
	finds "a bridge has no native XDP" xdp-native edge warning \
		"the driver of 'br9' has no native XDP|the chain of 'br9' runs in generic mode"
	write_conf
	bed_ctl reload >/dev/null 2>&1
	gone "without a chain it matters to nobody" xdp-native edge
	drop_bridge
}

# While a program is there that does not take large frames the kernel refuses the MTU.
test_jumbo() {
	in_ns edge ip link add j0 mtu 9000 type veth peer name j1 mtu 9000
	in_ns edge ip link set j0 up
	in_ns edge ip link set j1 up
	write_conf j0
	bed_ctl reload >/dev/null 2>&1
	bed_ctl --chain j0 detach >/dev/null 2>&1
	finds "an MTU that asks for programs with frags" jumbo edge warning \
		"'j0' has an MTU of 9000, and its chain is not attached natively"
	in_ns edge ip link set j0 mtu 3000
	gone "a smaller one does not" jumbo edge
	finds "a chain that is off is told" detached edge warning "the chain 'j0' is not attached"
	bed_ctl --chain j0 apply >/dev/null 2>&1
	gone "until it is on" detached edge
	write_conf
	bed_ctl reload >/dev/null 2>&1
	in_ns edge ip link del j0
}

test_without_ethernet() {
	in_ns edge ip tuntap add t0 mode tun
	in_ns edge ip link set t0 up
	write_conf t0
	bed_ctl reload >/dev/null 2>&1
	finds "a device whose frames begin with IP is no place for the programs" ethernet edge error \
		"frames of 't0' have no Ethernet header"
	write_conf
	bed_ctl reload >/dev/null 2>&1
	in_ns edge ip link del t0
	gone "as others are" ethernet edge
}

# A chain in another netns than slotd's: what it claims is held against that one.
test_chain_in_a_netns() {
	write_conf s0 server
	bed_ctl reload >/dev/null 2>&1
	bed_ctl --chain server:s0 decap addr add "$SERVER4" 192.0.2.200
	finds "a chain in a netns claims addresses of that" tunnel-address server warning \
		"decap takes tunnels to 192.0.2.200 apart, which is no address of netns 'server'"
	gone "and not of another" tunnel-address edge
	write_conf
	bed_ctl reload >/dev/null 2>&1
	gone "without the chain it is gone" tunnel-address server
}

test_without_root() {
	local out

	out=$(in_ns edge setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" doctor)
	is "a user may ask" $? 0
	matches "he sees his own netns" "$out" "looked at 1 network namespace, 1 chain, "
	matches "is told that others were not looked at" "$out" \
		"not looked at: netns 'server': only root may enter it"
	matches "nor the maps that are not his" "$out" "not looked at: what decap claims"
	matches "nor what only root may ask" "$out" "not looked at: freplace, tcx and netkit"
	in_ns edge ip link set eth0 mtu 1500
	out=$(in_ns edge setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" doctor)
	is "finds what he can see" $? 1
	matches "of the slot that is his" "$out" "lb sends packets with 20 bytes"
	in_ns edge ip link set eth0 mtu 1600
	out=$(in_ns server setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" doctor)
	matches "of another netns he is told that the chain was not seen" "$out" \
		"not looked at: the interface of 'eth0': its network namespace was not seen"
}

# There slotd's number is another process's, or nobody's.
test_in_a_container() {
	local out

	out=$(in_ns server unshare --pid --fork --mount-proc "$BED_BIN/slotctl" \
		--socket "$BED_CTL_SOCKET" doctor)
	matches "root of a container is told that the chain was not seen" "$out" \
		"not looked at: the interface of 'eth0': its network namespace was not seen"
	out=$(in_ns edge unshare --pid --fork --mount-proc "$BED_BIN/slotctl" \
		--socket "$BED_CTL_SOCKET" doctor)
	matches "in slotd's own netns he finds the interface by its program" "$out" \
		"looked at [0-9]+ network namespaces, 1 chain, 3 claims of programs$"
}

test_without_slotd() {
	local out

	out=$("$BED_BIN/slotctl" --socket "$BED/no.sock" doctor)
	is "without slotd it looks at the rest" $? 0
	matches "and says so" "$out" "not looked at: chains and what they claim: cannot reach slotd"
}

# What other kernels tell in another way; what is judged does not depend on them.
only_in_vm clean features_are_those_of_the_kernel xdp_native

bed_run
