#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# socket_lb in a chain of slotd: servers and their clients notice nothing of what becomes of the chain,
# and an operator without root of his own sees and says who serves.
# timeout: 300

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/takeover.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/takeover.sh"

CHANGES=4
[[ ${SLOTD_TIER:-} != vm ]] || CHANGES=1
UDP=udp/$TAKEOVER_IP:$TAKEOVER_PORT
TCP=tcp/$TAKEOVER_IP:$TAKEOVER_PORT
# of the servers that were started
SERVER_one="" SERVER_two="" SERVER_three=""

# server_start NAME: a server of two sockets for each protocol, which takes over
server_start() {
	spawn_nobody "$BED/log/$1" "$BED_TOOLS/echo_server" web 2 "$TAKEOVER_IP" "$TAKEOVER_PORT"
	printf -v "SERVER_$1" %s "$BED_SPAWNED"
	wait_for 20 says "$BED/log/$1" '^serves'
}

server_kill() {
	local pid=SERVER_$1

	stop "${!pid}" "${2:-TERM}"
}

# instances FILTER: of both VIPs, what they say
instances() {
	as_nobody socket_lb instances --json | jq -r ".instances[] | $1" | sort | xargs
}

count() {
	as_nobody socket_lb stats "$1" --json | jq --arg name "$2" \
		'.counters[] | select(.name == $name) | .packets'
}

# under_load WHAT COMMAND...: no client sees anything of it
under_load() {
	load_start all
	succeeds "$1, under load" "${@:2}"
	is "no request fails, is misrouted or reset" "$(load_end all)" "0 0 0"
}

# The object with another build, so that the program is a new one and its maps are the old ones.
deploys_often() {
	local i

	for ((i = 0; i < CHANGES; i++)); do
		cp "$BED_OBJECTS/socket_lb.bpf.o" "$BED/run/next.bpf.o" && printf %s "$i" >>"$BED/run/next.bpf.o" &&
			as_nobody deploy balance "$BED/run/next.bpf.o" >/dev/null &&
			as_nobody rollback balance >/dev/null || return
	done
}

restarts_often() {
	local i

	for ((i = 0; i < CHANGES; i++)); do
		bed_slotd_stop && bed_slotd && bed_slotd_stop KILL && bed_slotd || return
	done
}

test_changes() {
	local before

	server_start one || bail "a server serves" "$(cat "$BED/log/one")"
	under_load "the program is deployed and rolled back" deploys_often
	before=$(count "$UDP" by_flow)
	under_load "slotd is restarted, and killed" restarts_often
	succeeds "counters go on" test "$(count "$UDP" by_flow)" -gt "$before"
	is "and no server had to do anything" "$(instances .state)" "active active free free"
	server_kill one
}

# The third one when the first has left.
takeovers() {
	server_start two && wait_for 20 says "$BED/log/one" '^ends' && server_start three
}

# What takes over while the chain is changed, takes over.
test_takeover_and_changes() {
	local changes

	server_start one
	load_start all
	deploys_often &
	changes=$!
	succeeds "two servers take over while the program is deployed" takeovers
	succeeds "which it is as often" wait "$changes"
	is "no request fails, is misrouted or reset" "$(load_end all)" "0 0 0"
	wait_for 20 says "$BED/log/two" '^ends'
	is "the last one serves" "$(instances .state)" "active active free free"
	server_kill three
}

test_operator() {
	server_start one
	is "who serves is seen" "$(instances '"\(.state) \(.sockets) \(.process)"' | tr ' ' '\n' | sort -u | xargs)" \
		"- 0 2 active alive free"
	is "as is where new traffic goes" "$(as_nobody socket_lb active "$TCP")" "0"
	succeeds "it is refused when the owner says so" as_nobody socket_lb active "$TCP" none
	is "by a reset" "$(ask_once "$TAKEOVER_PORT")" ""
	succeeds "which is counted" test "$(count "$TCP" no_active)" -ge 1
	succeeds "until it is led there again" as_nobody socket_lb active "$TCP" 0
	matches "and answered" "$(ask_once "$TAKEOVER_PORT")" '^[0-9]+$'
	matches "a stranger says nothing" "$(as_stranger socket_lb active "$TCP" none 2>&1)" \
		"Permission denied|may not|does not own"
	server_kill one KILL
	is "an instance that died is seen" "$(instances .process | tr ' ' '\n' | sort -u | xargs)" "- dead"
	server_start two
	matches "its place is not in the way" "$(ask_once "$TAKEOVER_PORT")" '^[0-9]+$'
	server_kill two
}

# A slot that is disabled leaves the sockets to the kernel, as without a chain: who drains has new
# connections again, while it does.
test_disabled() {
	local both

	server_start one
	hold "$SERVER_one" || bail "a server has a connection"
	server_start two
	both=$(printf '%s\n' "$SERVER_one" "$SERVER_two" | sort)
	is "while one drains all that is new is the other one's" "$(served_by 24)" "$SERVER_two"
	succeeds "the slot is disabled" as_nobody disable balance
	is "what is new is shared by the kernel, with who drains" "$(served_by 48)" "$both"
	succeeds "and enabled" as_nobody enable balance
	is "again all of it is the other one's" "$(served_by 24)" "$SERVER_two"
	stop "$TAKEOVER_HOLD" KILL
	in_time "and the older one ends" 10 says "$BED/log/one" '^ends'
	server_kill two
}

test_new_maps() {
	server_start one
	hold "$SERVER_one" || bail "a server has a connection"
	server_start two
	wait_for 5 says "$BED/log/one" '^drains'
	succeeds "a chain is detached and applied, which makes its maps anew" renew_chain
	in_time "the server that serves is in them again by itself" 5 \
		says "$BED/log/two" '^serves again'
	is "and has what is new" "$(served_by 8)" "$SERVER_two"
	is "as who takes it over from now on" "$(instances .state)" "active active free free"
	stop "$TAKEOVER_HOLD" KILL
	in_time "the one that drains ends when its connection has" 5 says "$BED/log/one" '^ends'
	server_start three
	in_time "a restart goes as before" 10 says "$BED/log/two" '^ends'
	is "with all that is new" "$(served_by 8)" "$SERVER_three"
	server_kill three
}

test_without_slotd() {
	bed_slotd_stop
	matches "without slotd the slot's folder is named" "$(as_nobody socket_lb vip show 2>&1)" \
		"is it running\? \(without it: slotctl --map-dir $SOCKETLB_BPFFS/slotd/sk_reuseport/web/maps/balance socket_lb\)$"
	matches "by which it goes on" "$(as_nobody --map-dir \
		"$SOCKETLB_BPFFS/slotd/sk_reuseport/web/maps/balance" socket_lb vip show)" "$TCP"
	bed_slotd
}

takeover_run
