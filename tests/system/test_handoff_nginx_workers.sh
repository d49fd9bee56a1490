#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
# guest: test-all
#
# nginx with several workers, as a user without rights: one of them moves connections for all. It is
# loaded anew and its workers are killed while connections are here, there and on their way.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_nginx.sh
. "$BED_ROOT/tests/support/handoff_nginx.sh"

BIG=$((8 << 20))
WORKERS=3
for host in "${HOSTS[@]}"; do USER_OF[$host]="nobody nogroup"; done

# has_workers HOST PID: other ones than that
has_workers() {
	(($(workers "$1" | grep -cv "^$2$") >= WORKERS)) && ! kill -0 "$2" 2>/dev/null
}

moves() {
	[[ $(ask /who) =~ ^(near|far) ]]
}

test_workers() {
	wait_for 10 all_move
	: >"$BED/log/access.home"
	is "many connections at once are served elsewhere, each as a whole" \
		"$(many 24 | xargs)" "48 far far near near"
	succeeds "by more than one worker" \
		test "$(sort -u "$BED/log/access.near" | wc -l)" -gt 1
	is "home has served none" "$(served_by home)" 0
	is "the key is for root alone" "$(stat -c %a "$BED/tls/near.key")" 600
	is "nobody else can keep them from moving connections" \
		"$(stat -c '%U %a' "$BED"/www/{home,near,far}/.slotd-handoff.* | sort | uniq -c | xargs)" \
		"3 root 600"
}

# download_start NAME [BYTES_PER_S]: slowly
download_start() {
	in_ns client curl -sS -m 120 --limit-rate "${2:-2M}" -o "$BED/got.$1" "$URL/big" 2>"$BED/log/got.$1" &
	DOWNLOAD[$1]=$!
}

declare -A DOWNLOAD
ASKING=()

is_growing() {
	[[ -s $BED/got.$1 ]]
}

test_reload() {
	local host

	for host in one two; do download_start "$host"; done
	for host in one two; do wait_for 10 is_growing "$host"; done
	for host in near far home; do
		kill -HUP "$(cat "$BED/www/$host/pid")"
	done
	for host in one two; do
		wait "${DOWNLOAD[$host]}"
		is "a download goes on while all hosts load their configuration anew" \
			"$(sha256sum <"$BED/got.$host")" "$(sha256sum <"$BED/big")"
	done
	wait_for 10 moves || not_ok "connections move afterwards" "$(tail -n 5 "$BED"/log/{home,near,far})"
	in_time "and so does each of many" 10 all_move
}

# has_whole NAME: what came, where it came to an end
has_whole() {
	wait "${DOWNLOAD[$1]}" && [[ $(sha256sum <"$BED/got.$1") == "$(sha256sum <"$BED/big")" ]]
}

# Longer than home waits for a host that is out of reach.
test_outlive() {
	local pid name names=(three four five six seven eight) whole=0

	for name in "${names[@]}"; do download_start "$name" 200K; done
	for name in "${names[@]}"; do wait_for 10 is_growing "$name"; done
	pid=$(mover near)
	kill -KILL "$pid"
	kill -HUP "$(cat "$BED/www/far/pid")"
	wait_for 10 has_workers near "$pid" || not_ok "a worker follows at near"
	for name in "${names[@]}"; do
		if has_whole "$name"; then whole=$((whole + 1)); fi
	done
	is "what other workers serve goes on without the one that took it" "$whole" 5
}

CLIENTS=8

# nginx_load: clients that ask without end, until there is a file "enough". Of each request, in a file
# of each client: what was answered, curl's code, and how many connections that took.
nginx_load() {
	local i who=("$URL"/who{,,,,,,,,,,,,,,,,,,,})

	rm -rf "$BED/enough" "$BED/load" && mkdir "$BED/load"
	ASKING=()
	for ((i = 0; i < CLIENTS; i++)); do
		(
			until [[ -e $BED/enough ]]; do
				echo begun
				in_ns client curl -s -m $((60 + LIMIT - 10)) -w '%{exitcode} %{num_connects}\n' "${who[@]}"
			done >"$BED/load/$i"
		) &
		ASKING+=($!)
	done
}

# nginx_load_seen: what clients have seen, as WORD NUMBER...: *ended* are connections that did not last, *reset*
# those of them amid an answer, *hung* those that took a minute, *wrong* what nobody should hear
nginx_load_seen() {
	cat "$BED"/load/* | awk '
		function complain() {
			wrong++
			print "after \"" body "\": " $0 >"/dev/stderr"
		}
		/^begun$/ { ended--; next }
		/^(home|near|far)$/ { if (body != "") complain(); body = $0; next }
		/^[0-9]+ [0-9]+$/ {
			ended += $2
			if ($1 == 0 && body != "") answered++
			else if ($1 == 52 || $1 == 56) reset++
			else if ($1 == 28) hung++
			else complain()
			body = ""
			next
		}
		{ complain() }
		END {
			printf "answered %d ended %d reset %d hung %d wrong %d\n",
				answered, ended, reset, hung, wrong
		}'
}

# test_reload_under_load: clients' connections are on their way to what is loaded anew, and from it. Each has one
# connection, which each reload may end where it is idle, as nginx does.
test_reload_under_load() {
	local hosts=(near home near home) host pid words

	nginx_load
	wait_for 10 moves
	for host in "${hosts[@]}"; do
		pid=$(mover "$host")
		kill -HUP "$(cat "$BED/www/$host/pid")"
		wait_for 20 has_workers "$host" "$pid" || not_ok "workers follow at $host"
		wait_for 10 moves || not_ok "connections move afterwards" "$(tail -n 5 "$BED"/log/{home,near,far})"
	done
	: >"$BED/enough"
	wait "${ASKING[@]}"
	words=$(nginx_load_seen 2>"$BED/log/wrong")
	tap_note <<<"$words"
	is "hosts load their configuration anew under load: no answer is lost, nor late" \
		"reset ${words#* reset }" "reset 0 hung 0 wrong 0"
	succeeds "each ends a client's connection once at most" \
		test "$(value_of ended "$words")" -le $((${#hosts[@]} * CLIENTS))
	is "and whatever comes to one that is about to end has a server" \
		"$(grep -hE 'no server is for|a client is reset|the client is reset' "$BED"/log/{near,far,home} | sed 3q)" ""
}

# test_death HOST: of its workers under load, first the one that moves connections. Each client has one
# connection, which each death may end, and no more than once.
test_death() {
	local host=$1 pid words

	nginx_load
	pid=$(mover "$host")
	wait_for 10 moves
	kill -KILL "$pid"
	wait_for 10 has_workers "$host" "$pid" || not_ok "a worker follows at $host"
	wait_for 10 moves || not_ok "connections move without the worker that was killed" \
		"$(tail -n 5 "$BED"/log/{home,near,far})"
	pid=$(workers "$host" | tail -n 1)
	kill -KILL "$pid"
	wait_for 10 has_workers "$host" "$pid" || not_ok "a worker follows at $host"
	wait_for 10 moves
	: >"$BED/enough"
	wait "${ASKING[@]}"
	words=$(nginx_load_seen 2>"$BED/log/wrong")
	tap_note <<<"$words"
	is "workers of $host are killed: nobody waits for ever" "$(value_of hung "$words")" 0
	is "and nobody hears anything but an answer" \
		"$(value_of wrong "$words")$(sed -n 's/^/; /;1,5p' "$BED/log/wrong")" 0
	succeeds "each death ends a client's connection once at most" \
		test "$(value_of ended "$words")" -le $((2 * CLIENTS)) -a \
		"$(value_of reset "$words")" -le $((2 * CLIENTS))
	wait_for 10 moves || not_ok "connections move afterwards"
	in_time "and so does each of many" 10 all_move
}

is_replaced() {
	[[ -s $BED/www/home/pid.oldbin && -s $BED/www/home/pid ]] &&
		(($(workers home | wc -l) >= WORKERS))
}

# Old ones and new ones accept what comes.
test_binary() {
	local old=${NODE[home]}

	kill -USR2 "$old"
	in_time "nginx replaces its binary" 10 is_replaced
	in_time "the new one waits" 10 grep -q 'another worker moves connections as home' "$BED/log/home"
	is "and each request is answered, wherever" \
		"$(many 24 | sed 1d | grep -vxE '(home|near|far) (home|near|far)')" ""
	kill -WINCH "$old"
	in_time "when workers of the old one have ended connections move again" 20 all_move
	kill -QUIT "$old"
	wait_for 10 is_gone "$old" || not_ok "the old one ends"
	NODE[home]=$(cat "$BED/www/home/pid")
	in_time "and without it" 10 all_move
}

# What is on its way when worker_shutdown_timeout strikes: from the worker that moves, and from others.
test_cut_off() {
	local all=() i asking=()

	wait_for 10 all_move
	for host in near far; do mapfile -t -O "${#all[@]}" all < <(workers "$host"); done
	kill -STOP "${all[@]}"
	for ((i = 0; i < CLIENTS; i++)); do
		in_ns client curl -s -o /dev/null -m $((4 * LIMIT)) -w '%{exitcode}\n' "$URL/who" >"$BED/log/cut.$i" &
		asking+=($!)
	done
	wait_for 10 are_on_their_way $CLIENTS || not_ok "requests are on their way" "$(tail -n 5 "$BED/log/home")"
	kill -HUP "${NODE[home]}"
	wait "${asking[@]}"
	kill -CONT "${all[@]}"
	is "worker_shutdown_timeout strikes: clients of what was on its way are told" \
		"$(cat "$BED"/log/cut.* | grep -vxE '52|56')" ""
	in_time "and connections move afterwards" 20 all_move
}

complaints() {
	grep -hE '\[(alert|crit|emerg)\]' "$BED"/log/{home,near,far} | grep -v 'exited on signal 9'
}

need_module
handoff_start
make_certificates
chmod 600 "$BED"/tls/*.key
chmod 755 "$BED"
helpers_start
head -c "$BIG" /dev/urandom >"$BED/big"
start_all "handoff_freq 0; handoff_agent $BED/repair.\$host;"
cp "$BED/big" "$BED/www/near/files/"
cp "$BED/big" "$BED/www/far/files/"
test_workers
test_reload
if [[ ${SLOTD_FAULTS:-} == all ]]; then test_outlive; fi
stop_all
TIMES='' start_all "handoff_freq 1; handoff_agent $BED/repair.\$host;"
test_reload_under_load
test_death near
test_death home
is "nginx has nothing else to complain about" "$(complaints)" ""
stop_all
DAEMON=on start_all "handoff_freq 0; handoff_agent $BED/repair.\$host;"
for host in "${HOSTS[@]}"; do NODE[$host]=$(cat "$BED/www/$host/pid"); done
test_binary
stop_all
ACK=$((6 + 2 * TAP_SCALE))
TIMES="ack=${ACK}s ready=$((ACK + 2))s done=$((ACK + 4))s beat=5s" SHUTDOWN=1 start_all "handoff_freq 0; handoff_agent $BED/repair.\$host;"
test_cut_off
stop_all
done_testing
