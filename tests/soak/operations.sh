# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The operations of the soak and how one is drawn. Sourced by soak.sh.

# shellcheck source=tests/support/pair.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/pair.sh"

FIREWALL=$BED_OBJECTS/firewall.bpf.o
FIREWALL_NEXT=$BED_PROGS/demo/firewall_next.bpf.o

# pick WORD...: one of them, in $PICKED; a subshell would draw from a copy of the generator
pick() {
	local at=$((RANDOM % $# + 1))

	PICKED=${!at}
}

# Each line: how often of 100, and what. The last column is for slotctl.
draw_command() {
	local n=$((RANDOM % 100))

	if ((n < 12)); then
		pick "$STATE" "$STATE_NEXT"
		COMMAND=(deploy guest "$PICKED")
	elif ((n < 26)); then
		pick "$FIREWALL" "$FIREWALL_NEXT"
		COMMAND=(deploy firewall "$PICKED")
	elif ((n < 40)); then
		pick "$PAIR" "$PAIR_NEXT"
		COMMAND=(deploy left "$PICKED" right "$PICKED")
	elif ((n < 50)); then
		draw_canary
	elif ((n < 56)); then
		pick promote abort
		COMMAND=("$PICKED" guest)
	elif ((n < 62)); then
		pick promote abort
		COMMAND=("$PICKED" firewall)
	elif ((n < 70)); then
		COMMAND=(rollback)
	elif ((n < 74)); then
		pick guest firewall
		COMMAND=(rollback "$PICKED")
	elif ((n < 80)); then
		COMMAND=(disable guest)
	elif ((n < 86)); then
		COMMAND=(enable guest)
	elif ((n < 89)); then
		COMMAND=(undeploy guest)
	else
		draw_apply
	fi
}

draw_canary() {
	local share

	pick 5% 50% cpu:0
	share=$PICKED
	pick "guest $STATE" "guest $STATE_NEXT" "firewall $FIREWALL" "firewall $FIREWALL_NEXT"
	# shellcheck disable=SC2206 # a slot and an object
	COMMAND=(deploy $PICKED --canary "$share")
}

draw_apply() {
	pick "$PAIR" "$PAIR_NEXT"
	write_pair_conf "$PICKED"
	pick apply reload
	COMMAND=("$PICKED")
}

# The words of a refusal without its numbers and names.
generalise() {
	tail -n 1 | sed -E "s/^slotctl: //; s/'[^']*'/X/g; s/[0-9a-f]{8,}/X/g; s/[0-9]+/N/g"
}

run_command() {
	local words

	words=$(bed_ctl "$@" 2>&1 >/dev/null) || generalise <<<"$words" >>"$BED/refused"
}

# Two writers at once: one wins, the other comes after it or is refused.
run_two_writers() {
	local first

	draw_command
	run_command "${COMMAND[@]}" &
	first=$!
	draw_command
	run_command "${COMMAND[@]}"
	wait "$first"
}

# slotd killed while it does something, or after, at a moment that is drawn; and started again.
run_killed() {
	local command delay=$((RANDOM % 80))

	draw_command
	bed_ctl "${COMMAND[@]}" >/dev/null 2>&1 &
	command=$!
	sleep "0.0$(printf %02d "$delay")"
	bed_slotd_stop KILL
	wait "$command"
	KILLS=$((KILLS + 1))
	LAST_KILL=$DONE
	[[ -n $(xdp_id eth0) ]] || BARE=$((BARE + 1))
	bed_slotd || bail "slotd starts after a kill in '${COMMAND[*]}'" "$(bed_log | tail -n 5)"
}

# A kill is drawn for 15 of 100; the eighth operation after a kill is one in any case, so that
# the shortest run has met some.
draw_operation() {
	local n=$((RANDOM % 100))

	if ((n < 15 || DONE - LAST_KILL >= 8)); then
		run_killed
		echo killed >>"$BED/drawn"
	elif ((n < 25)); then
		run_two_writers
		echo "two writers" >>"$BED/drawn"
	else
		draw_command
		run_command "${COMMAND[@]}"
		echo "${COMMAND[0]}$([[ ${COMMAND[*]} != *--canary* ]] || echo " canary")" >>"$BED/drawn"
	fi
}
