#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 600
#
# Long-lived TCP connections through two load balancers, while their rings change, their tables
# are emptied and flows come now to the one and now to the other: with ids in the segments none is
# reset, without ids many are. And how ids get to balancers and servers.

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge other r1 r2 r3) REALS=(r1 r2 r3)
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"
# shellcheck source=tests/support/socks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socks.sh"
# shellcheck source=tests/support/server_id.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/server_id.sh"

# All of it with and without ids; what engines differ in is not on the way.
SLOTD_TEST_ENGINE=${SLOTD_TEST_ENGINE:-fused}
CHANGES=20
CONNECTIONS=40
[[ ${SLOTD_TIER:-} != vm ]] || CHANGES=4 CONNECTIONS=12
SET_UP=

find_group2 || {
	drop_group
	echo "1..0 # SKIP no cgroup v2 can be made here"
	exit 0
}
trap 'bed_stop; drop_group' EXIT

setup() {
	[[ $SET_UP != "$BED_ENGINE" ]] || return
	start_all
	write_ids
	SET_UP=$BED_ENGINE
}

host_id() {
	in_ns "$1" "$BED_BIN/slotctl" --socket "$BED/hosts/$1/run/slotd.sock" server-id "${@:2}" 2>&1
}

# In the order of their names: before there are ids, the file, then with them.
test_a_without_ids_connections_are_reset() {
	local i

	keep_start "$CONNECTIONS" || not_ok "connections are held" "$(cat "$BED"/log/*.tcp_hold)"
	for ((i = 1; i <= CHANGES / 2; i++)); do
		come_upon "$i" || not_ok "each connection answers after change $i" "$(cat "$KEPT")"
	done
	stop "$KEEPER"
	matches "of $CONNECTIONS connections, in $((CHANGES / 2)) changes, some are reset" \
		"$(kept resets)" '^[1-9]'
	is "and none is without an answer" "$(kept silent)" 0
	is "no id was told" "$(id_sum told)" 0
}

test_b_file_of_ids() {
	is "check tells what a balancer would get" "$(host_id edge check "$BED/ids")" \
		"$(sed 's/^/eth0 lb: would add /' "$BED/ids")"
	is "and changes nothing" "$(host_ctl edge lb server-id list)" ""
	is "a server takes its own of the file, by its address" "$(host_id r1 check "$BED/ids")" \
		"eth0 decap: would add 111 $(host4 r1)
web:sock_ops tcp_server_id: would set primary 111 $(host4 r1) (now none)"
	is "or another one's, which is said" \
		"$(host_id r1 check "$BED/ids" real="$(host4 r2)" | tail -n 1)" \
		"web:sock_ops tcp_server_id: would set primary 112 $(host4 r2) (now none)"
	matches "a balancer without ids has none to give" "$(host_id edge check)" \
		"lb of 'eth0' has no ids: name a file"
	succeeds "one command loads them" sync_ids "$BED/ids"
	is "into a balancer" "$(host_ctl other lb server-id list --json | jq -c '[.server_ids[].id]')" \
		"[111,112,113]"
	is "and into servers" "$(host_ctl r3 --chain web:sock_ops tcp_server_id show | head -n 1)" \
		"primary 113"
	is "and decap" "$(host_ctl r3 --chain eth0 decap show --json | jq -c .server_ids)" "[113]"
	is "once more it changes nothing" "$(host_id edge sync "$BED/ids")" "no changes"
	is "without a file they are the balancer's own" "$(host_id edge check)" "no changes"
	is "check tells what is there before" \
		"$(host_id r1 check "$BED/ids" real="$(host4 r2)" | tail -n 1)" \
		"web:sock_ops tcp_server_id: would set primary 112 $(host4 r2) (now 111)"
	matches "which a host has to have" "$(host_id r1 check)" 'no slot here runs lb: name a file'
	is "a balancer's dump is such a file" \
		"$(host_ctl edge lb dump | host_id other check -)" "no changes"
}

test_c_ids_in_use_are_refused() {
	local out

	sed 's/^112/111/' "$BED/ids" >"$BED/twice"
	matches "an id for two reals is refused with its line" "$(host_id edge sync "$BED/twice")" \
		"twice:2: id 111 is in use by $(host4 r1) \(.*twice:1\)"
	{
		echo "112 $(host4 r1)"
		echo "111 $(host4 r2)"
	} >"$BED/moved"
	out=$(host_id edge sync "$BED/moved")
	matches "an id that the balancer has for another real is, too" "$out" \
		"moved:2: id 111 of $(host4 r2) is in use by $(host4 r1).*nothing was changed"
	is "which it still has" "$(host_ctl edge lb server-id list | wc -l)" 3
	matches "a host without such slots has nowhere to load them" \
		"$(host_id edge sync "$BED/ids" real=192.0.2.9)" "the file has no id of it"
}

test_d_with_ids_no_connection_is_reset() {
	local i wrong

	sync_ids "$BED/ids" >/dev/null
	keep_start "$CONNECTIONS" || not_ok "connections are held" "$(cat "$BED"/log/*.tcp_hold)"
	for ((i = 1; i <= CHANGES; i++)); do
		come_upon "$i" || not_ok "each connection answers after change $i" "$(cat "$KEPT")"
	done
	is "of $CONNECTIONS connections, in $CHANGES changes, none is reset" "$(kept resets)" 0
	is "and none is without an answer" "$(kept silent)" 0
	stop "$KEEPER"
	is "each was told its server's id on the SYN-ACK" "$(id_sum told)" "$CONNECTIONS"
	is "and said it back" "$(id_sum confirmed) $(id_count client learned)" \
		"$CONNECTIONS $CONNECTIONS"
	wrong=$(for host in r1 r2 r3; do
		host_ctl "$host" --chain eth0 decap stats --json |
			jq '.counters[] | select(.name == "misrouted") | .packets'
	done | xargs)
	is "no segment with an id came to another server" "$wrong" "0 0 0"
}

# A server's id changes; what clients were told stays right until they are gone.
test_e_ids_change_under_connections() {
	local host i

	keep_start "$CONNECTIONS" || not_ok "connections are held"
	for host in "${REALS[@]}"; do
		echo "2${HOST_NUMBER[$host]} $(host4 "$host")"
		echo "1${HOST_NUMBER[$host]} $(host4 "$host") fallback"
	done >"$BED/next"
	succeeds "new ids are loaded, the old ones are fallbacks" sync_ids "$BED/next"
	for ((i = 1; i <= CHANGES / 4; i++)); do
		come_upon "$i" || not_ok "each connection answers after change $i" "$(cat "$KEPT")"
	done
	is "connections with the old ids go on" "$(kept resets) $(kept silent)" "0 0"
	stop "$KEEPER"
	is "a server's primary and fallback" \
		"$(host_ctl r1 --chain web:sock_ops tcp_server_id show | xargs)" \
		"primary 211 fallback 111"
}

# To the real's address of IPv6 packets of both families go.
test_f_hosts_that_serve_both_families() {
	local host vip i

	for host in "${REALS[@]}"; do
		echo "3${HOST_NUMBER[$host]} $(host6 "$host")"
	done >"$BED/both"
	succeeds "hosts are named by their IPv6 addresses" sync_ids "$BED/both"
	for vip in "$VIP4" "$VIP6"; do
		keep_start "$CONNECTIONS" "$vip" || not_ok "connections to $vip are held"
		for ((i = 1; i <= CHANGES / 4; i++)); do
			come_upon "$i" ||
				not_ok "each answers at $vip after change $i" "$(cat "$KEPT")"
		done
		is "no connection to $vip is reset or without an answer" \
			"$(kept resets) $(kept silent)" "0 0"
		stop "$KEEPER"
	done
}

only_in_vm b_file_of_ids d_with_ids_no_connection_is_reset
bed_run
