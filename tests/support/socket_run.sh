# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Servers that `slotctl socket run` runs, at the chain of takeover.sh. Source it after that.

# run_start NAME [OPTION...] -- COMMAND...: its words are in log/NAME
run_start() {
	spawn_nobody "$BED/log/$1" "$BED_BIN/slotctl" socket run --chain web --drain-timeout 20 \
		"${@:2}"
}

# plain_start NAME [KIND [PROCESSES [OPTION...]]]
plain_start() {
	run_start "$1" --workers "${3:-2}" "${@:4}" -- "$BED_TOOLS/plain_echo" "${2:-workers}" "$TAKEOVER_IP" \
		"$TAKEOVER_PORT" "${3:-2}"
}

serves() {
	wait_for 15 says "$BED/log/$1" ': serving'
}

# ends SENTENCE PID STATUS: that it ends with
ends() {
	local status=0

	wait_for 15 is_gone "$2" || status=never
	[[ $status == never ]] || wait "$2" || status=$?
	is "$1" "$status" "$3"
}

# Those that run something first: what they ran ends with them, unless they were killed.
end_runs() {
	end_named slotctl
	end_named plain_echo
	end_named nginx
}

end_named() {
	local pids

	mapfile -t pids < <(pgrep -x "$1" --ns $$ --nslist mnt)
	[[ ${#pids[@]} -eq 0 ]] || kill "${pids[@]}" 2>/dev/null
	wait_for 10 has_none "$1"
}

has_none() {
	! pgrep -x "$1" --ns $$ --nslist mnt
}

# The number of plain_echo's first process below the wrapper $1
command_of() {
	pgrep -P "$1" -x plain_echo
}
