# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Connections that move when they are told to, and hosts that are killed while one does: how many
# clients are told of an end is known then; and hosts that are killed while all of them move.
# Sourced after handoff.sh.

# Nobody but who is killed is given up on a machine that has other work, and the rest ends soon.
HELD_TIMES=("ack=$((1000 * TIMES_SCALE))" "ready=$((3000 * TIMES_SCALE))"
	"done=$((4000 * TIMES_SCALE))" "abandon=$((6000 * TIMES_SCALE))"
	"linger=$((200 * TIMES_SCALE))" "idle=$((8000 * TIMES_SCALE))" "beat=$((600 * TIMES_SCALE))")
# Times of the nodes, who near sends connections on to beside home, the suite of clients that talk
# TLS, and for how long one may hear nothing.
TIMES=("${HELD_TIMES[@]}")
ONWARD=()
SUITE=
STALL_MS=$((15000 * TAP_SCALE))

# has HOST COUNT: connections, neither less nor more
has() {
	(($(count "$1" here) == $2))
}

# These move none unless told to (go); near sends home and to those who are ONWARD.
start_held() {
	local words=(every=20000 hold=1 ${SUITE:+"tls=$SUITE"} "${TIMES[@]}")

	case $1 in
	home) node_home next=near "${words[@]}" ;;
	near) node_other near "${ONWARD[@]}" "${words[@]}" ;;
	*) node_other "$1" "${words[@]}" ;;
	esac
}

are_linked() {
	local host

	for host; do
		wait_for 60 is_linked "$host" || bail "home is linked to $host" "$(cat "$BED/log/$host")"
	done
}

go() {
	kill -USR2 "${NODE[$1]}"
}

go_one() {
	kill -WINCH "${NODE[$1]}"
}

hold() {
	kill -HUP "${NODE[$1]}"
}

# kill_held HOST LINKED...: what it has goes with it
kill_held() {
	stop "${NODE[$1]}" KILL || true
	start_held "$1" && are_linked "${@:2}"
}

# gather: near has all $clients again, also what home was to send on, and kept
gather() {
	go home
	wait_for 20 has near "$clients"
	hold home
}

# is_killed HOST POINT GIVER go|go_one: the one may be kept, and go elsewhere then
is_killed() {
	for _ in 1 2 3 4; do
		node_arm "$1" "handoff.$2" 1 kill
		"$4" "$3"
		wait_for 5 is_gone "${NODE[$1]}" && return
		node_disarm "$1"
		[[ $4 == go || $3 == home ]] || gather
	done
	return 1
}

# die_held HOST POINT GIVER go|go_one: at the first connection that GIVER gives
die_held() {
	disown "${NODE[$1]}" # its death is no news
	succeeds "$1 is killed at $2, which $3 gives a connection at" is_killed "$@"
	is_gone "${NODE[$3]}" || hold "$3"
	node_disarm "$1"
}

# are_told WHAT COUNT: since $SEEN was seen
are_told() {
	local before=$SEEN

	load_seen
	SEEN=$LOAD_SEEN
	is "$1" "$(told_of "$SEEN" "$before")" "$2"
}

# lose_one HOST GIVER TAKER POINT COUNT [MOST|kept]: where HOST dies at POINT while GIVER, which has
# all connections, gives TAKER one of them, so many are told, or up to MOST; with kept one fewer
# where a packet came in meanwhile, so that who gives to TAKER kept it.
lose_one() {
	local clients=4 ONWARD=() others=(near) last=$2 host count=$5 SEEN kept told

	if [[ $3 == far ]]; then
		others+=(far)
		ONWARD=(next=far next=far next=far next=far)
		last=home
	fi
	for host in "${others[@]}" home; do
		start_held "$host"
	done
	are_linked "${others[@]}"
	load_start "$clients" 1000 "$STALL_MS" ${SUITE:+"$SUITE"}
	[[ $2 == home ]] || go home
	in_time "$2 has all connections" 30 has "$2" "$clients"
	hold home
	load_seen
	SEEN=$LOAD_SEEN
	kept=$(moves "$last" kept_changed)
	die_held "$1" "$4" "$2" go_one
	start_held "$1"
	are_linked "${others[@]}"
	load_seen
	[[ ${6:-} != kept ]] || count=$((count - $(moves "$last" kept_changed) + kept))
	told=$(told_of "$LOAD_SEEN" "$SEEN")
	[[ ! ${6:-} =~ ^[0-9]+$ ]] || ((told < count || told > $6)) || count=$told
	is "$1 at $4, as $2 gives $3 one: who is told was at $1, or is the one that moved" \
		"$told" "$count"
	SEEN=$(load_end)
	is "nothing is corrupt, nothing hangs" "$(value_of corrupt "$SEEN") $(value_of hung "$SEEN")" "0 0"
	stop_nodes
}

# --- under load ---------------------------------------------------------------------------------

# start_moving HOST: its connections move to the other two, in turn
start_moving() {
	local words=(every=20000 ${SUITE:+"tls=$SUITE"} "${TIMES[@]}")

	case $1 in
	home) node_home next=near next=far "${words[@]}" ;;
	near) node_other near next=far "${words[@]}" ;;
	*) node_other "$1" "${words[@]}" ;;
	esac
}

# start_all_moving: all three, linked
start_all_moving() {
	local host

	for host in near far home; do
		: >"$BED/log/$host"
		start_moving "$host"
	done
	are_linked near far
}

# kill_moving HOST POINT: and start it anew
kill_moving() {
	node_die "$1" "$2" && start_moving "$1" && wait_for 60 is_linked near && wait_for 60 is_linked far
}

# is_over WHAT: of what time there is (until $UNTIL, as SECONDS tells it), nothing is left for it
is_over() {
	((SECONDS >= UNTIL)) || return 1
	skip "$1" "there is no time left for it"
}

# kill_one CLIENTS HOST POINT: what HOST has, or has on its way, ends; what others serve goes on, and
# nobody is told twice.
kill_one() {
	local before=$SEEN resets ends

	succeeds "$2 is killed after $3 and starts again" kill_moving "$2" "$3"
	in_time "then it gives" 60 has_done "$2" given 3
	load_seen
	SEEN=$LOAD_SEEN
	resets=$(($(value_of reset "$SEEN") - $(value_of reset "$before")))
	ends=$(($(value_of ended "$SEEN") - $(value_of ended "$before")))
	tap_note <<<"$2 at $3: reset $resets, ended $ends, of $1"
	succeeds "each client is told once at most" test $((resets + ends)) -le "$1"
}

# kill_each CLIENTS POINT...: home, and near, at each of these, while all connections move
kill_each() {
	local host point SEEN

	start_all_moving
	load_start "$1" 3600 "$STALL_MS" ${SUITE:+"$SUITE"}
	load_seen
	SEEN=$LOAD_SEEN
	for point in "${@:2}"; do
		for host in home near; do
			is_over "$host is killed after $point" || kill_one "$1" "$host" "$point"
		done
	done
	SEEN=$(load_end)
	tap_note <<<"$SEEN"
	is "nothing is corrupt" "$(value_of corrupt "$SEEN")" 0
	is "nobody hears nothing for long" "$(value_of hung "$SEEN")" 0
	stop_nodes
}
