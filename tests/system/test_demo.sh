#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The demo leaves nothing behind, wherever Ctrl-C or a kill meets it.
# guest: test-all

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/support/tap.sh
. "$root/tests/support/tap.sh"
# shellcheck source=tests/support/objects.sh
. "$root/tests/support/objects.sh"

[[ $EUID -eq 0 ]] || {
	echo "1..0 # SKIP needs root, for network namespaces and XDP"
	exit 0
}
work=$(mktemp -d)
DEMO=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

clean_up() {
	[[ -z $DEMO ]] || kill -KILL -- "-$DEMO" 2>/dev/null
	rm -rf "$work"
}

# In a session of its own, as on a terminal of its own.
start_demo() {
	: >"$work/out"
	setsid env --default-signal=INT,QUIT "$root/tests/demo/demo.sh" >"$work/out" 2>&1 &
	DEMO=$!
}

has_ended() {
	! kill -0 "$DEMO" 2>/dev/null
}

says() {
	grep -q "$1" "$work/out" || has_ended
}

has_no_process() {
	! pgrep -s "$DEMO" >/dev/null
}

# ended_by STATUS WANTED: bash 5.2 cannot run a trap that meets it while it parses a command
# substitution ("trap: ... unexpected EOF"); the script then goes on until it misses what the
# signal ended, about one time in forty. It cleans up all the same, which is checked below.
ended_by() {
	[[ $1 -eq $2 ]] ||
		{ [[ $1 -eq 1 ]] && grep -q 'trap: line .*: unexpected EOF' "$work/out"; }
}

# interrupted SIGNAL STATUS LINE: the signal meets the demo when it has printed the line
interrupted() {
	local status=0

	list_objects >"$work/before"
	start_demo
	wait_for 60 says "$3"
	objects_since "$work/before" >"$work/made"
	kill -"$1" -- "-$DEMO"
	wait "$DEMO" || status=$?
	succeeds "SIG$1 at '$3' ends the demo" ended_by "$status" "$2"
	[[ $status -eq $2 ]] || tap_note <"$work/out"
	in_time "no process is left" 5 has_no_process
	is "no file is left" "$(compgen -G "/tmp/slotd-$DEMO-*")" ""
	in_time "no program, map or link is left" 20 have_gone "$work/made"
	DEMO=
}

whole() {
	local status=0 figures=$root/build/demo.json

	if [[ ${SLOTD_TIER:-} == vm ]]; then
		skip "the demo from beginning to end" "an emulated machine would measure itself"
		return
	fi
	rm -f "$figures"
	start_demo
	wait "$DEMO" || status=$?
	DEMO=
	is "the demo succeeds" "$status" 0
	is "none of its checks fails" "$(grep FAIL "$work/out")" ""
	is "the figures are there" \
		"$(jq '.upgrades == 50 and .requests.failed == 0 and .requests.sent > 0 and
			.must_be_dropped.passed == 0 and .must_be_dropped.sent > 0 and
			.upgrade_ms.median > 0' "$figures")" true
	[[ $status -eq 0 ]] || tap_note <"$work/out"
}

# In a guest only where there is most to remove.
if [[ ${SLOTD_TIER:-} != vm || ${SLOTD_FAULTS:-} == all ]]; then
	interrupted INT 130 "client"
	interrupted INT 130 "engine"
	interrupted INT 130 "Tunnels"
fi
interrupted TERM 143 "upgrades under load"
whole
done_testing
