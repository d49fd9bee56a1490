# SPDX-License-Identifier: GPL-2.0-only
#
# From the lines of timed handoffs, the rows of served objects and a run in a VM to
# build/bench/handoff.json (merge), and from that to what people read.

def about($parts): if . == null then . else . * $parts | round / $parts end;

def at($part): sort | .[(length - 1) * $part | floor];

def median: at(0.5);

# --- steps -----------------------------------------------------------------------------------

# What the public talk says, microseconds.
def talk: {
	out: {block: 5, capture: 15, "target's block": 4, restore: 42, "rewrite rule": 4, redirect: 4},
	home: {restore: 39}
};

# Of one move: {id, turn, ends: {"1 capture": {begin, end}, ...}}; "1": at home, the first of a kind.
def ends:
	[inputs | split(" ") | {id: .[0], turn: .[1], key: "\(.[2]) \(.[3])", begin: (.[4] | tonumber),
		end: (.[5] | tonumber), err: .[6]}]
	| group_by([.id, .turn])[]
	| select(all(.err == "0"))
	| reduce .[] as $line ({}; .[$line.key] //= {begin: $line.begin, end: $line.end});

def took($key): .[$key] | if . then .end - .begin else null end;

def between($from; $to; $edge):
	if .[$from] and .[$to] then .[$to][$edge] - .[$from].begin else null end;

# From the host @a ("1": home) to @b.
def steps_of($a; $b): {
	block: took("\($a) rule_block"),
	capture: took("\($a) capture"),
	transfer: between("\($a) say_offer"; "\($b) do_restore"; "begin"),
	restore: took("\($b) restore"),
	"target's block": took("\($b) rule_block"),
	"rewrite rule": took("\($b) rule_rewrite"),
	acknowledge: between("\($b) say_ack"; "\($a) do_commit"; "begin"),
	"way to the target": took("\($a) find_target"),
	redirect: took("\($a) rule_redirect"),
	"owner ready": between("\($a) say_ready"; "\($b) do_start"; "end"),
	thaw: took("\($b) thaw"),
	"remove rule": took("\($b) rule_remove"),
	"whole handoff": between("\($a) do_block"; "\($b) do_start"; "end")
};

def figures($talk):
	. as $moves
	| .[0] | keys_unsorted[] as $step
	| [$moves[][$step] | select(. != null)]
	| select(length > 0)
	| {step: $step, median_us: (median / 1000 | about(10)), p99_us: (at(0.99) / 1000 | about(10)),
		talk_us: $talk[$step], handoffs: length};

# Lines are the input.
def steps:
	[ends] as $moves
	| ([$moves[] | select(.["1 rule_redirect"] and .["0 do_start"]) | steps_of("1"; "0") | del(.["remove rule"])]) as $out
	| ([$moves[] | select(.["0 do_commit"] and .["1 do_start"]) | steps_of("0"; "1")]) as $home
	| {steps: [$out | figures(talk.out)], steps_home: [$home | figures(talk.home)]};

# --- service ---------------------------------------------------------------------------------

def service:
	group_by([.object_bytes, .setup])
	| map(.[0] + {trials: length, requests: (map(.requests) | add), errors: (map(.errors) | add),
		requests_per_s: (map(.requests_per_s) | median | about(10)),
		frontend_cpu_us_per_request: (map(.frontend_cpu_us_per_request) | median | about(10)),
		frontend_bytes_per_request: (map(.frontend_bytes_per_request) | median | round)});

# --- all of it -------------------------------------------------------------------------------

# The talk has kTLS as so much on top of the rest.
def guest_talk: {"capture (TLS)": 18, "restore (TLS)": 62, "hardware rule": 320,
	"hardware rule (not waited for)": 31};

# What is measured natively as well has another name there.
def of_guest:
	.steps | map(. + {talk_us: guest_talk[.step], clock: "instructions"}
		| if .step | IN("capture", "restore", "thaw") then .step += " (VM)" else . end);

def step_goals($way):
	map(select(.talk_us)
		| {goal: "\($way)\(.step), us\(if .clock then " (VM)" else "" end)", at_most: .talk_us, is: .median_us});

def goals:
	(.steps | step_goals("")) + (.steps_home | step_goals("home: "))
	+ [.service as $rows | $rows[] | select(.object_bytes == 4194304 and (.setup | startswith("handoff"))) as $row
		| $rows[] | select(.object_bytes == 4194304 and (.setup | startswith("handoff") | not))
		| {goal: "4 MiB, \($row.setup): CPU of the frontend, of that of \(.setup)", at_most: 0.1,
			is: ($row.frontend_cpu_us_per_request / .frontend_cpu_us_per_request | about(1000))}];

# $steps, $guest, $rows: what the three runs left.
def merge($kernel; $cpus; $steps; $guest; $rows):
	{kernel: $kernel, cpus: $cpus, guest_kernel: $guest.kernel,
		steps: ($steps.steps + ($guest | of_guest)),
		steps_home: $steps.steps_home, left_out: ($guest.left_out // []), service: ($rows | service)}
	| . + {goals: goals};

def line: map(. // "-" | tostring) | join("\t");

def step_lines($name):
	(["step", "median us", "p99 us", "talk us", "handoffs"] | line),
	(.[$name][] | [.step, .median_us, .p99_us, .talk_us, .handoffs] | line);

def service_lines:
	(["bytes", "setup", "requests/s", "CPU us", "bytes through", "errors"] | line),
	(.service[] | [.object_bytes, .setup, .requests_per_s, .frontend_cpu_us_per_request,
		.frontend_bytes_per_request, .errors] | line);

def goal_lines:
	(["goal", "at most", "is", ""] | line),
	(.goals[] | [.goal, .at_most, .is, if .is > .at_most then "MISSED" else "" end] | line);
