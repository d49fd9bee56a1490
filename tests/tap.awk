# SPDX-License-Identifier: GPL-2.0-only
#
# tap.awk: what tests/run makes of one test's TAP. Variables: name, status, limit,
# limit_hit, leftover, seconds and last_lines tell of the test; first is the number
# of its first point. Appends its points to tap_file, under its name, writes the
# counts (passed failed skipped) to counts_file, and to stdout one line of counts
# and whatever did not simply pass.

function add_report(line) { report = report "    " line "\n" }
function add_point(kind, sentence, reason) {
	kinds[kind]++
	point = (kind == "failed" ? "not ok " : "ok ") (first + points++) " - " name ": " sentence
	if (kind == "skipped")
		point = point " # SKIP " reason
	print point >> tap_file
	if (kind == "failed")
		add_report("not ok - " sentence)
	if (kind == "skipped")
		add_report("skip - " sentence ": " reason)
}
function add_diagnostic(line) {
	add_report("  " line)
	print line >> tap_file
}
function file_failure() {
	if (limit_hit)
		return "ended after " limit " seconds"
	if (status > 128 && status < 193)
		return "died of signal " (status - 128)
	if (status != 0 && !kinds["failed"])
		return "exited with status " status " and no failed point"
	if (bailed)
		return bailed
	if (!plans)
		return "printed no plan"
	if (!planned && whole_skip == "")
		return "planned nothing and gave no reason"
	if (seen != planned)
		return "ran " seen " of " planned " planned points"
	return ""
}
{ sub(/\r$/, "") }
/^1\.\.[0-9]+/ {
	plans++
	planned += substr($1, 4)
	if (match($0, /# *[Ss][Kk][Ii][Pp]/))
		whole_skip = substr($0, RSTART + RLENGTH + 1)
	next
}
/^Bail out!/ { bailed = $0; next }
# cmocka 1.1.5 writes "not ok 3 # SKIP name"; the reason is in a comment before it.
/^(not )?ok([ \t]|$)/ {
	bad = /^not /
	rest = $0
	sub(/^(not )?ok[ \t]*[0-9]*[ \t]*(- *)?/, "", rest)
	seen++
	in_failure = 0
	if (match(rest, /(^|[ \t])# *[Ss][Kk][Ii][Pp][Pp]?[Ee]?[Dd]?[ \t]*/) && (!bad || RSTART == 1)) {
		sentence = substr(rest, 1, RSTART - 1)
		reason = substr(rest, RSTART + RLENGTH)
		if (sentence == "") {
			sentence = reason
			reason = said_before
		}
		add_point("skipped", sentence, reason == "" ? "no reason given" : reason)
	} else {
		add_point(bad ? "failed" : "passed", rest)
		in_failure = bad
	}
	said_before = ""
	next
}
/^# SKIP / { said_before = substr($0, 8); next }
/^# (not )?ok - / { next }
/^[ \t]*#/ { if (in_failure) add_diagnostic($0) }
END {
	problem = file_failure()
	if (problem != "") {
		add_point("failed", problem)
		while ((getline line < last_lines) > 0)
			add_diagnostic("# " line)
	} else if (whole_skip != "" && !seen) {
		add_point("skipped", "whole file", whole_skip)
	}
	if (leftover != "")
		add_report("note - " leftover)
	printf "%d passed, %d failed, %d skipped, %.1f s\n%s", kinds["passed"], \
		kinds["failed"], kinds["skipped"], seconds, report
	printf "%d %d %d\n", kinds["passed"], kinds["failed"], kinds["skipped"] > counts_file
}
