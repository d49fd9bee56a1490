# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Asserts that speak TAP, and waiting with a deadline. Sourced.

TAP_COUNT=0
TAP_FAILED=0
# Says which engine or machine a point is about; part of every name.
TAP_PREFIX=
# Where a command's words are kept until it is known whether they matter.
TAP_OUT=/dev/null
# Emulated machines are that much slower; deadlines grow by it.
TAP_SCALE=1
[[ ${SLOTD_TIER:-} != vm ]] || TAP_SCALE=12

ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s%s\n' "$TAP_COUNT" "$TAP_PREFIX" "$1"
}

# not_ok SENTENCE [LINE...]: what was seen instead goes below it.
not_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s%s\n' "$TAP_COUNT" "$TAP_PREFIX" "$1"
	shift
	[[ $# -eq 0 ]] || printf '%s\n' "$@" | tap_note
}

skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s%s # SKIP %s\n' "$TAP_COUNT" "$TAP_PREFIX" "$1" "$2"
}

# What a test has to say beside its points, from stdin.
tap_note() {
	sed 's/^/# /'
}

# is SENTENCE GOT WANTED
is() {
	if [[ $2 == "$3" ]]; then
		ok "$1"
	else
		not_ok "$1" "got:    $2" "wanted: $3"
	fi
}

# matches SENTENCE GOT PATTERN: an extended regular expression somewhere in it
matches() {
	if [[ $2 =~ $3 ]]; then
		ok "$1"
	else
		not_ok "$1" "got:     $2" "pattern: $3"
	fi
}

# succeeds SENTENCE COMMAND...: in this shell, so that COMMAND may set variables of it
succeeds() {
	local sentence=$1 status=0
	shift
	"$@" >"$TAP_OUT" 2>&1 || status=$?
	if [[ $status -eq 0 ]]; then
		ok "$sentence"
	else
		not_ok "$sentence" "exit status $status of: $*" "$(<"$TAP_OUT")"
	fi
}

# in_time SENTENCE SECONDS COMMAND...: COMMAND succeeds before the time is over
in_time() {
	local sentence=$1 seconds=$2
	shift 2
	if wait_for "$seconds" "$@"; then
		ok "$sentence"
	else
		not_ok "$sentence" "not within $((seconds * TAP_SCALE)) s: $*"
	fi
}

# wait_for SECONDS COMMAND...: ask until it succeeds; its words are not shown
wait_for() {
	local deadline=$((SECONDS + 1 + $1 * TAP_SCALE)) pause=0.003
	shift
	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $deadline ]] || return 1
		sleep "$pause"
		# most of what is waited for takes milliseconds; the rest is not to be asked so often
		pause=0.02
	done
}

# The set-up failed: what follows would say nothing.
bail() {
	not_ok "$@"
	done_testing
}

done_testing() {
	echo "1..$TAP_COUNT"
	exit $((TAP_FAILED > 0))
}
