#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 1800
#
# Live connections move between three hosts under load: home gives them, others send them home, or
# by way of it to the third, and every byte is held against what was sent. Then steps fail, either
# side is killed at each of them, each reset is counted, and hosts come that are not who they say.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_held.sh
. "$BED_ROOT/tests/support/handoff_held.sh"

WANTED=200
# Emulated processors have other tests that take as long.
IS_LONG=
[[ ${SLOTD_FAULTS:-} != all || ${SLOTD_TIER:-} == vm ]] || IS_LONG=1
[[ -z $IS_LONG ]] || WANTED=10000
LIMIT=$((900 / TAP_SCALE)) # below the file's, so that it is told how far they came
# Who is over goes soon, and nobody is given up because of a machine's speed.
ENDING_TIMES=("ack=$((1000 * TIMES_SCALE))" "ready=$((3000 * TIMES_SCALE))"
	"done=$((4000 * TIMES_SCALE))" "abandon=$((5000 * TIMES_SCALE))"
	"idle=$((6000 * TIMES_SCALE))" linger=200 "beat=$((800 * TIMES_SCALE))")

# start_nodes WORD...: all three, linked; near sends every other connection on to far
start_nodes() {
	rm -f "$BED"/log/{home,near,far}
	node_other near every=20000 next=far "$@"
	node_other far every=20000 "$@"
	node_home every=20000 next=near next=far "$@"
	wait_for 10 is_linked near && wait_for 10 is_linked far ||
		bail "home is linked to the others" "$(cat "$BED"/log/{home,near,far})"
}

# Home's application gave fewer than the others took; 16 may be under way.
are_passed_on() {
	(($(count near taken) + $(count far taken) - $(count home given) > 16))
}

# are_counted GIVEN TAKEN: since near's slot had counted these
are_counted() {
	(($(moves near given) - $1 == $(count near given))) &&
		(($(moves near taken) - $2 == $(count near taken)))
}

test_moves_under_load() {
	local words host given taken changed

	given=$(moves near given)
	taken=$(moves near taken)
	start_nodes "${PATIENT_TIMES[@]}"
	load_start 16 1000 "$STALL_MS"
	in_time "$WANTED connections were given" "$LIMIT" has_done home given "$WANTED"
	words=$(load_end)
	for host in home near far; do
		words+=$'\n'"$host: $(count "$host" given) given, $(count "$host" taken) taken"
	done
	tap_note <<<"$words"
	expect_nothing "$words"
	succeeds "some went by way of home to the third host" are_passed_on
	in_time "slotctl tells of all that near gave and took" 20 are_counted "$given" "$taken"
	changed=0
	for host in home near far; do changed=$((changed + $(moves "$host" kept_changed))); done
	if [[ -n $IS_LONG ]]; then
		succeeds "some were taken back, as a packet came in meanwhile" test "$changed" -gt 0
	else
		tap_note <<<"$changed were taken back, as a packet came in meanwhile"
	fi
	stop_nodes
}

# Clients end in each way while their connections and others move, and are there when it is over.
test_rules_go() {
	local words host

	for host in home near far; do bed_ctl --chain "$host:$host" handoff drop all >/dev/null; done
	start_nodes keepalive=1 "${ENDING_TIMES[@]}"
	load_start 16 1000 "$STALL_MS" ends=100000
	in_time "connections were given, and ended" 60 has_done home given 100
	words=$(load_end)
	tap_note <<<"$words"
	expect_nothing "$words"
	succeeds "clients ended their connections in all ways" test "$(value_of closed "$words")" -gt 15
	in_time "when no packet needs them, no host has a rule left" 30 have_no_rules home near far
	for host in home near far; do
		in_time "and $host has no connection" 20 has "$host" 0
	done
	stop_nodes
}

# counter_of STEP: of moves, that tells of one which has failed
counter_of() {
	case $1 in
	block | capture) echo kept_step ;;
	commit) echo kept_changed ;;
	*) echo refused ;;
	esac
}

# has_struck HOST POINT COUNTER BEFORE
has_struck() {
	grep -qx "$2" "$BED/fault/$1/struck" && (($(moves "$1" "$3") > $4))
}

# fail_at HOST STEP: its third one
fail_at() {
	local given counted counter

	counter=$(counter_of "$2")
	given=$(count "$1" given)
	counted=$(moves "$1" "$counter")
	: >"$BED/fault/$1/struck"
	node_arm "$1" "handoff.$2" 3 5
	in_time "handoff.$2 fails at $1, which counts it ($counter)" 20 \
		has_struck "$1" "handoff.$2" "$counter" "$counted"
	in_time "and goes on" 20 has_done "$1" given $((given + 5))
	rm "$BED/fault/$1/struck"
}

# The giver keeps it, or the taker refuses it; nobody is reset.
test_steps_fail() {
	local step host words

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_nodes "${PATIENT_TIMES[@]}"
	load_start 8 1000 "$STALL_MS"
	for step in block capture commit restore prepare; do
		for host in home near; do
			fail_at "$host" "$step"
		done
	done
	words=$(load_end)
	tap_note <<<"$words"
	expect_nothing "$words"
	stop_nodes
}

start_host() {
	case $1 in
	home) node_home every=20000 next=near next=far "${TIMES[@]}" ;;
	near) node_other near every=20000 next=far "${TIMES[@]}" ;;
	*) node_other "$1" every=20000 "${TIMES[@]}" ;;
	esac
	wait_for 60 is_linked near && wait_for 60 is_linked far
}

# kill_at HOST POINT: and start it anew
kill_at() {
	node_die "$1" "$2" && start_host "$1"
}

choose_kills() {
	if [[ -n $IS_LONG ]]; then
		list_points | grep -v undo # met where something fails alone
	else
		printf 'handoff.%s\n' block offer commit ready restore "done"
	fi
}

# told_by reset|ended: how many were between $before and $words
told_by() {
	echo "$1 $(($(value_of "$1" "$words") - $(value_of "$1" "$before")))"
}

# given_up: moves after which nobody had the connection. On a busy machine a host that stands still
# for longer than its times loses one, whoever was killed before.
given_up() {
	local host sum=0

	for host in "${HOSTS[@]}"; do sum=$((sum + $(moves "$host" lost))); done
	echo "$sum"
}

# What HOST has, or has on its way, ends; what others serve goes on, and nobody is told twice.
test_kills() {
	local point host words before clients=8 lost was_lost

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_nodes "${TIMES[@]}"
	load_start "$clients" 1000 "$STALL_MS"
	load_seen
	before=$LOAD_SEEN
	was_lost=$(given_up)
	for point in $(choose_kills); do
		for host in home near; do
			succeeds "$host is killed after $point and starts again" kill_at "$host" "$point"
			in_time "then it gives" 60 has_done "$host" given 3
			load_seen
			words=$LOAD_SEEN
			lost=$(given_up)
			tap_note <<<"$host at $point: $(told_by reset), $(told_by ended), lost $((lost - was_lost))"
			succeeds "each client is told once at most" \
				test "$(told_of "$words" "$before")" -le $((clients + lost - was_lost))
			before=$words was_lost=$lost
		done
	done
	words=$(load_end)
	tap_note <<<"$words"
	is "nothing is corrupt" "$(value_of corrupt "$words")" 0
	is "nobody hears nothing for long" "$(value_of hung "$words")" 0
	stop_nodes
}

# Who dies has none of the connections, or all of them: it is known who is to be told.
test_nobody_else_is_told() {
	local point clients=4 SEEN

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_held near
	start_held home
	are_linked near
	load_start "$clients" 1000 "$STALL_MS"
	load_seen
	SEEN=$LOAD_SEEN
	for point in restore prepare; do
		die_held near "$point" home go
		start_held near
		are_linked near
		are_told "nobody is told of an end" 0
	done
	go home
	in_time "near has all connections" 20 has near "$clients"
	succeeds "home's process is killed and starts again" kill_held home near
	are_told "nobody is told of an end, as near serves" 0
	go near
	in_time "home's next process takes all of them back" 20 has home "$clients"
	hold near
	are_told "nobody is told of an end" 0
	go home
	in_time "near has all connections again" 20 has near "$clients"
	hold home
	succeeds "near's process is killed and starts again" kill_held near near
	are_told "each client is told, once" "$clients"
	SEEN=$(load_end)
	tap_note <<<"$SEEN"
	is "nothing is corrupt" "$(value_of corrupt "$SEEN")" 0
	is "nothing hangs" "$(value_of hung "$SEEN")" 0
	stop_nodes
}

# HOST GIVER TAKER POINT COUNT [kept]: where HOST dies at POINT while GIVER, which has all four connections,
# gives TAKER one of them, how many are told by the table of docs/connection-handoff.md: what HOST
# had, and the one that moves, unless its giver can still take it back, or its taker serves it.
choose_ends() {
	local point

	if [[ -z $IS_LONG ]]; then
		printf '%s\n' "near home near start 1" "home near home prepare 1" "home near far capture 1"
		return
	fi
	for point in block capture offer redirect commit close; do
		printf '%s\n' "home home near $point 4" "near near home $point 4" \
			"near near far $point 4" "home near far $point 1"
	done
	# it was said, and is heard before the end of the link
	printf '%s\n' "home home near ready 3" "near near home ready 3" "near near far ready 3" \
		"home near far ready 0"
	for point in restore prepare; do
		printf '%s\n' "near home near $point 0" "far near far $point 0"
	done
	# its rule leads to near, which takes it back; then it blocks, and nobody else may change it
	printf '%s\n' "home near home restore 0" "home near home prepare 1"
	printf '%s\n' "near home near ack 1 kept" "home near home ack 1 kept" "far near far ack 1 kept"
	for point in start "done"; do
		printf '%s\n' "near home near $point 1" "home near home $point 1" "far near far $point 1"
	done
}

test_only_who_moves_is_told() {
	local words

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	while read -ra words; do
		lose_one "${words[@]}"
	done < <(choose_ends)
}

# The same of three: near sends every other connection on to far, by way of home.
test_third_host_is_lost() {
	local point clients=4 ONWARD=(next=far) SEEN

	NODE_BIN=$BED_TOOLS/handoff_node_faults
	start_held near
	start_held far
	start_held home
	are_linked near far
	load_start "$clients" 1000 "$STALL_MS"
	load_seen
	SEEN=$LOAD_SEEN
	for point in restore prepare; do
		go home
		in_time "near has all connections" 20 has near "$clients"
		hold home
		die_held far "$point" near go
		are_told "nobody is told of an end" 0
		start_held far
		are_linked far
	done
	go home
	go near
	in_time "far has all connections, some by way of home" 30 has far "$clients"
	hold home
	hold near
	succeeds "near's process, which gave them, is killed and starts again" kill_held near near
	are_told "nobody is told of an end, as far serves" 0
	succeeds "so is home's" kill_held home near far
	are_told "nobody is told of an end, as far serves" 0
	succeeds "and far's" kill_held far far
	are_told "each client is told, once" "$clients"
	SEEN=$(load_end)
	tap_note <<<"$SEEN"
	is "nothing is corrupt" "$(value_of corrupt "$SEEN")" 0
	is "nothing hangs" "$(value_of hung "$SEEN")" 0
	stop_nodes
}

test_strangers() {
	NODE_BIN=$BED_TOOLS/handoff_node
	rm -f "$BED"/log/{home,near,far}
	CERT=stranger node_other near
	CERT=near CALLED=near node_other far
	node_home next=near
	in_time "a certificate of another authority is refused" 5 \
		grep -q '^link near down its certificate: ' "$BED/log/home"
	in_time "and one of another host" 5 \
		grep -q '^link far down its certificate: .*mismatch' "$BED/log/home"
	in_time "who is refused says so as well, by the address of who refuses it" 5 \
		grep -Eq '^link [0-9.]+:[0-9]+ down TLS: .*alert' "$BED/log/near"
	is "there is no link" "$(grep -c ' up ' "$BED/log/home")" 0
	stop_nodes
}

handoff_start
for test in $(compgen -A function test_); do
	[[ ${SLOTD_TEST_ONLY:-$test} == "$test" ]] || continue
	"$test"
done
done_testing
