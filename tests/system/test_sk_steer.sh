#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Addresses that nobody is bound to, served by sockets that are bound elsewhere: sk_steer in a chain
# of the edge, asked by a client, in the hands of owners without root.
# guest: test-all

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/socks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socks.sh"

SLOTD_TEST_ENGINE=fused # as every chain of sockets is
CHAIN=host:sk_lookup
SOCK_ASKER=client
# Nobody has these; the edge takes packets to them for its own.
ANY4=203.0.113
ANY6=2001:db8:80:

setup() {
	cat >"$BED/slots.conf" <<-'END'
		chain "host" {
			hook = "sk_lookup"
			slot 3 { name = "steer" owner = "nobody" object = "sk_steer.bpf.o" }
			slot 5 { name = "later" owner = "nobody" }
		}
	END
	bed_slotd_fresh
	in_ns edge ip route replace local "$ANY4.0/24" dev lo
	in_ns edge ip -6 route replace local "$ANY6:/64" dev lo
	in_ns client ip route replace "$ANY4.0/24" via 192.0.2.1
	in_ns client ip -6 route replace "$ANY6:/64" via 2001:db8:1::1
}

# As the owner, with the groups of its servers, where the chain is.
steer_in() {
	in_ns edge setpriv --reuid nobody --clear-groups "$BED_BIN/slotctl" \
		--socket "$BED_CTL_SOCKET" sk_steer --map-dir "$(of "$CHAIN" "$1")" "${@:2}"
}

steer() {
	steer_in '.slots[3].map_dir' "$@"
}

# serve PROTOCOL WORD [ADDRESS]: by the owner
serve() {
	SERVE_ADDRESS=${3:-127.0.0.1} sock_serve nobody "$1" "$2" || return
	TRAFFIC+=("$SERVING")
}

count() {
	steer stats --json | jq -r --arg name "$1" '.counters[] | select(.name == $name) | .packets'
}

# asked_both PROTOCOL: one at any address and port; a UDP server answers from its own port, though
asked_both() {
	local port=$GROUP_PORT

	[[ $1 == udp ]] || port=$((GROUP_PORT + 9))
	is "it is reached at any address of the prefix" "$(sock_ask "$1" 5 "$ANY4.7" "$GROUP_PORT")" "$1 5"
	is "at port $port, too" "$(sock_ask "$1" 5 "$ANY4.8" "$port")" "$1 5"
	is "and over IPv6" "$(sock_ask "$1" 5 "$ANY6:9" "$port")" "${1}6 5"
}

test_detach() {
	serve udp web
	steer socket add web "udp/127.0.0.1:$GROUP_PORT"
	matches "a detach says which sockets are forgotten" "$(bed_ctl --chain "$CHAIN" detach 2>&1)" \
		"slotctl: warning: 'steer' knew 1 socket of servers, and is gone with its maps"
	bed_ctl --chain "$CHAIN" apply >/dev/null
	is "where there are none it says nothing" "$(bed_ctl --chain "$CHAIN" detach 2>&1 >/dev/null)" ""
}

test_both_protocols_and_families() {
	local proto ports=$GROUP_PORT-$((GROUP_PORT + 9))

	matches "the owner needs no map folder" "$(as_nobody --chain "$CHAIN" sk_steer rule list)" '^rule'
	for proto in tcp udp; do
		succeeds "the owner leads a prefix to a group" steer rule add "$ANY4.0/24" "$proto" "$ports" "$proto"
		succeeds "and one of IPv6" steer rule add "$ANY6:/64" "$proto" any "${proto}6"
		is "which nobody serves yet" "$(sock_ask "$proto" 1 "$ANY4.7")" "none 1"
		serve "$proto" "$proto"
		serve "$proto" "${proto}6" ::1
		succeeds "a socket enters it" steer socket add "$proto" "$proto/127.0.0.1:$GROUP_PORT"
		succeeds "by its address" steer socket add "${proto}6" "$proto/[::1]:$GROUP_PORT"
		asked_both "$proto"
	done
	is "beside the range nobody is" "$(sock_ask tcp 1 "$ANY4.8" $((GROUP_PORT + 10)))" "none 1"
	matches "sockets are listed with where they are bound" "$(steer socket list)" \
		"udp6 +[0-9]+  udp/\[::1\]:$GROUP_PORT"
	matches "rules with how often they decided" "$(steer rule list)" "$ANY4.0/24 tcp $ports .* 1[0-9]"
}

test_sockets_that_die() {
	steer rule add "$ANY4.1" tcp 80 web drop
	steer rule add 192.0.2.1 tcp "$GROUP_PORT" web
	serve tcp own 192.0.2.1
	is "without a socket the host's own is asked" "$(sock_ask tcp 5 192.0.2.1 "$GROUP_PORT")" "own 5"
	serve tcp steered
	steer socket add web "tcp/127.0.0.1:$GROUP_PORT"
	is "with one it is not" "$(sock_ask tcp 5 192.0.2.1 "$GROUP_PORT")" "steered 5"
	stop "$SERVING" KILL
	is "one that died is as none" "$(sock_ask tcp 5 192.0.2.1 "$GROUP_PORT")" "own 5"
	is "and refused where the rule says so" "$(sock_ask tcp 2 "$ANY4.1" 80)" "none 2"
	is "which is counted" "$(count refused)" 2
	matches "as is what went on" "$(count no_socket)" '^1[0-9]$'
	serve tcp again
	steer socket add web "tcp/127.0.0.1:$GROUP_PORT"
	is "the next one is found" "$(sock_ask tcp 5 "$ANY4.1" 80)" "again 5"
}

# ask_always PROTOCOL: until ask_end
ask_always() {
	: >"$BED/log/asked.$1"
	spawn client "$BED/log/asked.$1" "$BED_TOOLS/sock_group" ask "$1" "$ANY4.1" "$GROUP_PORT" 0
	eval "ASK_$1=\$BED_SPAWNED"
}

ask_end() {
	local pid=ASK_$1

	stop "${!pid}"
	sort "$BED/log/asked.$1" | xargs
}

# is_idle PROTOCOL ADDRESS: nothing waits at the socket that is bound there
is_idle() {
	[[ $(in_ns edge ss -Hna "--$1" state listening state unconnected src "$2:$GROUP_PORT" |
		awk '{ print $(NF - 3) }') == 0 ]]
}

# take_over PROTOCOL PID: the one at 127.0.0.1 and its successors leave, each when it has answered all
take_over() {
	local old=$2 i

	for ((i = 1; i <= MANY; i++)); do
		serve "$1" one "127.0.0.$((i + 1))" &&
			steer socket set "$1" "$1/127.0.0.$((i + 1)):$GROUP_PORT" &&
			wait_for 5 is_idle "$1" "127.0.0.$i" || return
		stop "$old"
		old=$SERVING
	done
}

test_changes_under_load() {
	local proto

	for proto in tcp udp; do
		steer rule add "$ANY4.1" "$proto" "$GROUP_PORT" "$proto"
		serve "$proto" one
		steer socket add "$proto" "$proto/127.0.0.1:$GROUP_PORT"
		ask_always "$proto"
		succeeds "sockets take over from each other $MANY times" take_over "$proto" "$SERVING"
		matches "and no question is lost ($proto)" "$(ask_end "$proto")" '^one [0-9]+$'
	done
	ask_always udp
	ask_always tcp
	succeeds "the owner deploys its program anew" \
		as_nobody --chain "$CHAIN" deploy steer "$BED_OBJECTS/sk_steer.bpf.o"
	succeeds "other rules come and go" steer rule add "$ANY4.0/25" tcp any other
	bed_slotd_stop KILL
	bed_slotd
	matches "all of it without a lost datagram" "$(ask_end udp)" '^one [0-9]+$'
	matches "or connection" "$(ask_end tcp)" '^one [0-9]+$'
}

test_of_two_slots_the_last_selection_wins() {
	succeeds "a second slot runs it, too" \
		as_nobody --chain "$CHAIN" deploy later "$BED_OBJECTS/sk_steer.bpf.o"
	steer rule add "$ANY4.1" tcp 80 web
	steer rule add "$ANY4.2" tcp 80 web
	steer_in '.slots[5].map_dir' rule add "$ANY4.1" tcp 80 web
	GROUP_PORT=7300 serve tcp first
	steer socket add web tcp/127.0.0.1:7300
	is "the first one's socket is reached while the second has none" "$(sock_ask tcp 3 "$ANY4.1" 80)" "first 3"
	GROUP_PORT=7301 serve tcp second
	steer_in '.slots[5].map_dir' socket add web tcp/127.0.0.1:7301
	is "then the second's" "$(sock_ask tcp 3 "$ANY4.1" 80)" "second 3"
	is "which says nothing of other addresses" "$(sock_ask tcp 3 "$ANY4.2" 80)" "first 3"
	bed_ctl --chain "$CHAIN" disable later >/dev/null
	is "nor where it is off" "$(sock_ask tcp 3 "$ANY4.1" 80)" "first 3"
}

test_others() {
	matches "a stranger changes nothing" \
		"$(as_stranger sk_steer --map-dir "$(of "$CHAIN" '.slots[3].map_dir')" rule add "$ANY4.1" tcp 80 web 2>&1)" \
		'Permission denied'
	SERVE_ADDRESS=127.0.0.1 sock_serve root tcp theirs
	matches "the owner does not take what is another user's" \
		"$(steer socket add web "tcp/127.0.0.1:$GROUP_PORT" 2>&1)" 'own processes'
	matches "nor by its number" "$(steer socket add web "$SERVING:3" 2>&1)" 'may not trace'
	stop "$SERVING"
}

bed_run
