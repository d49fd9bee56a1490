#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The runner counts what the fixtures below do, and ends what does not end.

set -u

runner=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/run
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
points=0

# check SENTENCE COMMAND...: one point; the runner's last output explains a failure
check() {
	local sentence=$1
	shift
	points=$((points + 1))
	if "$@"; then
		echo "ok $points - $sentence"
		return
	fi
	echo "not ok $points - $sentence"
	echo "# not so: $*"
	sed 's/^/# /' "$dir/output"
}

# fixture NAME: a test program from standard input
fixture() {
	{
		echo '#!/bin/bash'
		cat
	} >"$dir/$1"
	chmod +x "$dir/$1"
}

# run ARGUMENT...: the runner's output to $dir/output, its exit status to $status
run() {
	status=0
	rm -f "$dir/child"
	(cd "$dir" && "$runner" -o "$dir/out" "$@") >"$dir/output" 2>&1 || status=$?
}

# the same, with SIGTERM sent to the runner once its test runs
run_interrupted() {
	local pid tries=0

	rm -f "$dir/child"
	(cd "$dir" && exec "$runner" -o "$dir/out" hanging) >"$dir/output" 2>&1 &
	pid=$!
	until [[ -s $dir/child ]] || ((tries++ > 200)); do
		sleep 0.05
	done
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
}

ends_with() {
	[[ $(tail -n 1 "$dir/output") == "$1" && $status -eq $2 ]]
}

says() {
	grep -qxF -- "$1" "$dir/output"
}

# no process, or a zombie that nobody has collected yet
is_gone() {
	[[ -s $1 && $(ps -o stat= -p "$(<"$1")") != [!Z]* ]]
}

# shellcheck disable=SC2016
write_fixtures() {
	fixture passing <<<'echo "1..2"; echo "ok 1 - a"; echo "ok 2 - b"; echo loud >&2'
	fixture failing <<<'echo "not ok 1 - a"; echo "# found 3"; echo "ok 2 - b"; echo 1..2; exit 1'
	fixture skipping <<<'echo "ok 1 - a # SKIP no freplace here"; echo 1..1'
	fixture cmocka <<<'echo "1..1"; echo "# SKIP no root"; echo "not ok 1 # SKIP case_a"'
	fixture whole <<<'echo "1..0 # SKIP no machine"'
	fixture crashing <<<'echo "1..2"; echo "ok 1 - a"; kill -SEGV $$'
	fixture exiting <<<'echo "1..1"; echo "ok 1 - a"; echo cause >&2; exit 3'
	fixture short <<<'echo "1..3"; echo "ok 1 - a"; echo "ok 2 - b"'
	fixture planless <<<'echo "ok 1 - a"'
	fixture empty <<<'echo "1..0"'
	fixture arguments <<<'echo "ok 1 - got $2"; echo 1..1'
	fixture hanging <<<'echo "ok 1 - a"; sleep 99 & echo $! >child; wait; echo 1..1'
	fixture patient <<<$'# timeout: 60\nsleep 1.2; echo "ok 1 - a"; echo 1..1'
	fixture heavy <<<$'# timeout: 2\n# timeout of all: 60\nsleep 3; echo "ok 1 - a"; echo 1..1'
	fixture leaving <<<'sleep 99 & echo $! >child; echo "ok 1 - a"; echo 1..1'
	fixture signals <<<'trap "echo ok 1 - a; echo 1..1" INT; kill -INT $$'
}

write_fixtures

run passing
check "a run in which all pass ends with its summary and status 0" \
	ends_with "2 passed, 0 failed, 0 skipped" 0
check "a test's log holds what it wrote to both outputs" \
	grep -qx loud "$dir/out/passing.log"
check "the TAP stream names the test of each point" \
	grep -qx "ok 2 - passing: b" "$dir/out/tap"
check "the TAP stream ends with a plan" grep -qx "1..2" "$dir/out/tap"

run failing passing
check "a failed point fails the run" ends_with "3 passed, 1 failed, 0 skipped" 1
check "a failed point is printed" says "    not ok - a"
check "a failed point's diagnostics are printed" says "      # found 3"

run passing skipping
check "a skip is counted and fails nothing" ends_with "2 passed, 0 failed, 1 skipped" 0
check "a skip is printed with its reason" says "    skip - a: no freplace here"
run cmocka
check "a skip in cmocka's words is a skip, and the comment before it the reason" \
	says "    skip - case_a: no root"
check "a run that only skips is no success" ends_with "0 passed, 0 failed, 1 skipped" 1
run passing whole
check "a file skipped as a whole counts as one skip" ends_with "2 passed, 0 failed, 1 skipped" 0

run crashing
check "a test that dies of a signal counts as one failure" \
	ends_with "1 passed, 1 failed, 0 skipped" 1
check "the signal is named" says "    not ok - died of signal 11"
run exiting
check "an exit status without a failed point counts as one failure" \
	says "    not ok - exited with status 3 and no failed point"
check "the end of the log is shown with it" says "      # cause"
run short
check "too few points for the plan count as one failure" \
	says "    not ok - ran 2 of 3 planned points"
run planless
check "no plan counts as one failure" says "    not ok - printed no plan"
run empty
check "an empty plan without a reason counts as one failure" \
	ends_with "0 passed, 1 failed, 0 skipped" 1
run ./missing
check "a test that is not there counts as one failure" \
	ends_with "0 passed, 1 failed, 0 skipped" 1

run "./arguments some/path two"
check "a quoted command gets its arguments" grep -q "got two" "$dir/out/tap"
run passing passing
check "the same test twice has two logs" test -s "$dir/out/passing-2.log"

mkdir -p "$dir/claims/1"
run -c "$dir/claims" failing passing
check "a test that another run has taken is left to it" ends_with "2 passed, 0 failed, 0 skipped" 0
run -c "$dir/claims" failing passing
check "and what this run took, to this one" ends_with "0 passed, 0 failed, 0 skipped" 1

run -t 1 hanging
check "a test that hangs is ended and fails" says "    not ok - ended after 1 seconds"
check "what a hanging test had started is ended" is_gone "$dir/child"
run -t 1 patient
check "a script may ask for more time" ends_with "1 passed, 0 failed, 0 skipped" 0
run leaving
check "processes that a test leaves are named" \
	grep -q "^    note - left running and ended: [0-9]* sleep 99" "$dir/output"
check "processes that a test leaves are ended" is_gone "$dir/child"
run signals
check "a test can receive SIGINT" ends_with "1 passed, 0 failed, 0 skipped" 0
run_interrupted
check "a run that gets SIGTERM ends its test" is_gone "$dir/child"
check "a run that gets SIGTERM says so in its exit status" test "$status" -eq 143
run
check "no test at all is a usage error" test "$status" -eq 2
SLOTD_FAULTS=all run -t 1 heavy
check "and what it asks for the whole of it, when that is run" \
	ends_with "1 passed, 0 failed, 0 skipped" 0
SLOTD_FAULTS='' run -t 1 heavy
check "but not otherwise" ends_with "0 passed, 1 failed, 0 skipped" 1

echo "1..$points"
