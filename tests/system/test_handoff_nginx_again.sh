#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 120
# guest: test-all
#
# A client's words come in while its connection is captured: nginx keeps it, and tries once more
# before its request is answered with a code, whichever of its workers has it.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_nginx.sh
. "$BED_ROOT/tests/support/handoff_nginx.sh"

WORKERS=2
# Nothing stays because another host was stopped for a while.
TIMES="ack=$((30 * TAP_SCALE))s ready=$((40 * TAP_SCALE))s done=$((50 * TAP_SCALE))s
	abandon=$((60 * TAP_SCALE))s idle=$((90 * TAP_SCALE))s beat=$((10 * TAP_SCALE))s"

# --- a way past the block ------------------------------------------------------------------------

# A wire without a chain, from which a frozen socket hears who begins with the largest TTL.
bypass_make() {
	local address

	in_ns client ip link add bypass type veth peer name bypass netns "$BED/ns/home" || return 1
	in_ns client ip link set bypass up && in_ns home ip link set bypass up || return 1
	address=$(in_ns home ip -j link show bypass | jq -r '.[0].address')
	in_ns client ip neigh replace "${HOST4[home]}" lladdr "$address" dev bypass
}

bypass() {
	in_ns client ip route "$1" "${HOST4[home]}/32" dev bypass src 192.0.2.2 hoplimit 255
}

# --- the client ----------------------------------------------------------------------------------

client_start() {
	: >"$BED/heard"
	# shellcheck disable=SC2016 # it runs there
	in_ns client bash -c 'exec 3<>"/dev/tcp/$1/$2"; cat "$3" >&3 & exec cat <&3' \
		client "${HOST4[home]}" "$PORT" "$BED/asked" >"$BED/heard" &
	CLIENT=$!
	exec {ASKED}<>"$BED/asked"
}

client_stop() {
	exec {ASKED}>&-
	kill "$CLIENT"
	wait "$CLIENT" 2>/dev/null
}

say() {
	printf 'GET /strict/who HTTP/1.1\r\nHost: it\r\n\r\n' >&"$ASKED"
}

# heard: by whom its requests were answered, or by which code
heard() {
	grep -aoxE 'home|near|far|HTTP/1.1 [45].. .*' "$BED/heard" | sed 's/far/near/; s/^HTTP[^ ]* \(...\).*/\1/' | xargs
}

has_heard() {
	[[ $(heard) == "$1" ]]
}

# --- what is where -------------------------------------------------------------------------------

# connection FIELD: of the one that home has with a client, as the kernel tells it
connection() {
	# shellcheck disable=SC2016 # awk's
	in_ns home awk -v port=":$(printf %04X "$PORT")" -v field="$1" \
		'substr($2, 9) == port && $4 == "01" { print $field }' /proc/net/tcp
}

is_accepted() {
	[[ $(connection 10) =~ ^[1-9] ]]
}

# has_unread BYTES: more than that
has_unread() {
	local queues

	queues=$(connection 5)
	[[ $queues ]] && ((16#${queues#*:} > $1))
}

is_stopped() {
	[[ $(awk '$1 == "State:" { print $2 }' "/proc/$1/status") == T ]]
}

pause() {
	local pid

	kill -STOP "$@"
	for pid; do wait_for 10 is_stopped "$pid" || bail "$pid stops"; done
}

# Who is given connections.
list_others() {
	workers near
	workers far
}

has_kept() {
	(($(moves home kept_changed) == $1))
}

# begin PID...: a client asks what these, of home's workers, do not accept
begin() {
	pause "${OTHERS[@]}" "$@"
	client_start
	wait_for 10 is_accepted || bail "a worker has the client"
	kill -CONT "$@"
	say
	wait_for 10 are_on_their_way 1 || bail "its request is on its way" "$(tail -n 5 "$BED/log/home")"
}

# change BYTES: what the client asks next comes in amid that; so many are there unread
change() {
	bypass add
	say
	wait_for 10 has_unread "$1" || bail "the frozen connection hears its client"
	bypass del
	kill -CONT "${OTHERS[@]}"
}

# --- tests ---------------------------------------------------------------------------------------

test_once() {
	local rest kept

	kept=$(moves home kept_changed)
	mapfile -t rest < <(workers home | tail -n +2)
	begin "${rest[@]}"
	change 0
	in_time "what came in while a request was captured goes along with it, to another host" 20 \
		has_heard "near near"
	succeeds "the first try was taken back" has_kept $((kept + 1))
	client_stop
}

# The worker that has the client hears of each try when it is to.
test_twice() {
	local rest kept

	kept=$(moves home kept_changed)
	mapfile -t rest < <(workers home | tail -n +2)
	begin "$(mover home)"
	pause "${rest[@]}"
	change 0
	wait_for 10 has_kept $((kept + 1)) || not_ok "the first try is taken back"
	pause "${OTHERS[@]}"
	kill -CONT "${rest[@]}"
	wait_for 10 are_on_their_way 1
	is "another worker tries again, too, and answers nothing yet" "$(heard)" ""
	change 50
	in_time "once: then it answers with the code, and what follows goes" 20 has_heard "503 near near"
	client_stop
}

need_module
handoff_start
mkfifo "$BED/asked"
bypass_make || bail "there is a way past the block"
start_all "handoff_freq 0;"
for host in "${HOSTS[@]}"; do
	mkdir "$BED/www/$host/files/strict"
	cp "$BED/www/$host/files/who" "$BED/www/$host/files/strict/"
done
wait_for 10 all_move || bail "connections move"
mapfile -t OTHERS < <(list_others)
test_once
test_twice
is "nginx has nothing to complain about" \
	"$(grep -hE '\[(alert|crit|emerg)\]' "$BED"/log/{home,near,far})" ""
stop_all
done_testing
