#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 120
#
# nginx at home gives its clients' connections to nginx on two other hosts, which answer the
# client themselves: by turns, request by request, or by where the object is.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_nginx.sh
. "$BED_ROOT/tests/support/handoff_nginx.sh"

BIG=$((3 << 20))

test_turns() {
	local sum

	head -c "$BIG" /dev/urandom >"$BED/big"
	start_all "handoff_freq 0;"
	cp "$BED/big" "$BED/www/near/files/"
	cp "$BED/big" "$BED/www/far/files/"
	is "a connection is served by the first target, and stays there" \
		"$(ask /who /who /who)" "near 1 near 0 near 0 "
	is "the next one by the second target" "$(ask /who /who)" "far 1 far 0 "
	is "a request that is larger than a buffer goes along" \
		"$(ask "/who?$(printf '%06000d' 0)")" "near 1 "
	sum=$(in_ns client curl -sS -m $((2 * LIMIT)) "$URL/big" | sha256sum)
	is "a large answer is whole" "$sum" "$(sha256sum <"$BED/big")"
	is "over IPv6, too" \
		"$(in_ns client curl -sS -m "$LIMIT" "http://[${HOST6[home]}]:$PORT/who")" near
	is "home has served none" "$(served_by home)" 0
	stop_all
}

test_requests() {
	local words count

	start_all "handoff_freq 1;"
	is "a connection goes home after each request, and on to the next target" \
		"$(ask /who /who /who /who)" "near 1 far 0 near 0 far 0 "
	words=$(in_ns client wrk -t 1 -c 8 -d 3 --timeout "$LIMIT" "$URL/who")
	tap_note <<<"$words"
	count=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' <<<"$words")
	succeeds "clients that ask much get answers" test "${count:-0}" -gt 0
	succeeds "and no errors" grep -qvz 'Socket errors\|Non-2xx' <<<"$words"
	words=$(grep -hE '\[(alert|crit|error|emerg)\]' "$BED"/log/{home,near,far})
	is "nginx has nothing to complain about" "$words" ""
	stop_all
}

# Its name is its address, and its certificate has that.
test_address() {
	local -A NAME_OF=([near]=${HOST4[near]})

	start_all "handoff_freq 1;"
	is "a target that is known by its address alone is linked, and served by" \
		"$(ask /who /who /who)" "near 1 far 0 near 0 "
	stop_all
}

test_home() {
	# shellcheck disable=SC2016
	start_all 'map $uri $is_for_home { default 0; /local/who 1; } handoff_home $is_for_home;'
	cp "$BED/www/home/files/who" "$BED/www/home/files/local/"
	is "a request that is for home goes there, the next one on to the next target" \
		"$(ask /who /local/who /who /who)" "near 1 home 0 far 0 far 0 "
	stop_all
}

# objects DIR: names of those it has
objects() {
	(cd "$BED/www/$1/files/bucket" 2>/dev/null && ls)
}

# talk FILE REQUEST...: by one connection, each once FILE.N is there; prints the codes of the answers
talk() {
	# shellcheck disable=SC2016 # it runs there
	in_ns client bash -c '
		exec 3<>"/dev/tcp/$1/$2"
		for ((i = 4; i <= $#; i++)); do
			until [[ -e $3.$((i - 3)) ]]; do sleep 0.1; done
			printf "%s HTTP/1.1\r\nHost: it\r\nContent-Length: 0\r\n\r\n" "${!i}" >&3
			read -r -u 3 version code rest
			size=0
			while read -r -u 3 line && [[ $line != $'"'\\r'"' ]]; do
				[[ $line != Content-Length:* ]] || size=${line//[^0-9]/}
			done
			head -c "$size" <&3 >/dev/null
			echo "$code"
		done' talk "${HOST4[home]}" "$PORT" "$@"
}

# What far has is not near's to answer for while home cannot pass the connection on.
check_no_way() {
	local near_has far_has words=$BED/talk

	near_has=$(objects near | head -n 1)
	far_has=$(objects far | head -n 1)
	: >"$BED/turn.1"
	talk "$BED/turn" "GET /bucket/$near_has" "PUT /bucket/$far_has" >"$words" &
	wait_for "$LIMIT" grep -q 200 "$words" || not_ok "a client is at near"
	stop "${NODE[home]}"
	unset 'NODE[home]'
	wait_for "$LIMIT" grep -q 'link to home is down' "$BED/log/near" || not_ok "near hears that home ended"
	: >"$BED/turn.2"
	wait $!
	is "an object of a host that there is no way to is neither stored nor missing" \
		"$(tr '\n' ' ' <"$words")$(objects near | grep -cx "$far_has")" "200 503 0"
}

test_objects() {
	local i put=() got=() sum

	start_all "handoff_key \$uri;"
	mkdir "$BED/objects"
	for i in {1..12}; do
		head -c $((i * 5000)) /dev/urandom >"$BED/objects/$i"
		put+=(-T "$BED/objects/$i" "$URL/bucket/$i")
	done
	in_ns client curl -sS -m $((2 * LIMIT)) -o /dev/null "${put[@]}"
	is "each object is at one host" "$( (objects near; objects far) | sort -n | tr '\n' ' ')" \
		"$(seq -s ' ' 12) "
	succeeds "and none has them all" test "$(objects near | wc -l)" -gt 0 -a "$(objects far | wc -l)" -gt 0
	for i in {1..12}; do got+=("$URL/bucket/$i"); done
	sum=$(for i in {1..12}; do cat "$BED/objects/$i"; done | sha256sum)
	is "one connection gets them all, from where they are" \
		"$(in_ns client curl -sS -m $((2 * LIMIT)) "${got[@]}" | sha256sum)" "$sum"
	check_no_way
	stop_all
}

test_home_has_objects() {
	local host i paths=(/strict/{1..12}) heard

	start_all "handoff_key \$uri; handoff_target home;"
	for host in "${HOSTS[@]}"; do
		mkdir "$BED/www/$host/files/strict"
		for i in {1..12}; do cp "$BED/www/$host/files/who" "$BED/www/$host/files/strict/$i"; done
	done
	heard=$(ask "${paths[@]}")
	is "where home is a target each object comes from one of three hosts" \
		"$(xargs -n 2 <<<"$heard" | grep -cE '^(home|near|far) [01]$')" 12
	is "and each host is one of them" "$(xargs -n 2 <<<"$heard" | cut -d ' ' -f 1 | sort -u | xargs)" \
		"far home near"
	is "all by one connection" "$(xargs -n 2 <<<"$heard" | cut -d ' ' -f 2 | xargs | tr -d ' ')" 100000000000
	stop_all
}

test_nobody_there() {
	start_all "handoff_freq 0;"
	stop "${NODE[near]}"
	stop "${NODE[far]}"
	unset 'NODE[near]' 'NODE[far]'
	wait_for 5 link_is near down && wait_for 5 link_is far down || not_ok "home hears that the others ended"
	is "home serves what it cannot give away" "$(ask /who /who)" "home 1 home 0 "
	is "or answers with the code that it is told" \
		"$(in_ns client curl -sS -m "$LIMIT" -o /dev/null -w '%{http_code}' "$URL/strict")" 503
	succeeds "and says why where errors are read" \
		grep -q '\[error\].*it stays: no target is linked: answered by 503' "$BED/log/home"
	stop_all
}

# refuses NAME WORDS HTTP: nginx -t, for WORDS
refuses() {
	cat >"$BED/refused.conf" <<-END
		load_module $MODULE;
		events { }
		http { handoff_maps /nowhere; $3 }
	END
	is "nginx -t refuses $1" "$("$NGINX" -t -p "$BED" -c "$BED/refused.conf" -e stderr 2>&1 |
		grep -oF -m 1 "$2")" "$2"
}

test_settings() {
	local name="handoff_name here; " files=("$BED/tls/"{ca.pem,near.pem,near.key})

	refuses "both a certificate and none" "one of handoff_certificate and handoff_plain" \
		"$name handoff_certificate ${files[*]}; handoff_plain;"
	refuses "neither of them" "one of handoff_certificate and handoff_plain" "$name"
	refuses "a name that is too long" "a host's name has 1 to 63 bytes" \
		"handoff_plain; handoff_name $(printf 'n%.0s' {1..64});"
	refuses "two addresses of one family" "both local addresses are of one family" \
		"$name handoff_plain; handoff_local 192.0.2.1 192.0.2.2;"
	refuses "two hosts of one name" "two hosts have the name there" \
		"$name handoff_plain; handoff_target 192.0.2.1 79 there; handoff_peer there;"
	refuses "a certificate of no authority" "$BED/none.pem" \
		"$name handoff_certificate $BED/none.pem ${files[*]:1};"
	refuses "a place to dial without anybody who does" "handoff_listen needs the handoff_peer" \
		"$name handoff_plain; handoff_listen 192.0.2.1:79;"
	refuses "a target whose name nobody knows" "has a host that is not found" \
		"$name handoff_plain; handoff_target $(printf 'n%.0s' {1..64}) 79;"
	refuses "times that contradict each other" "handoff: times: " \
		"$name handoff_plain; handoff_times ready=3s done=2s;"
	refuses "a time that is none" "has a time that is none" "$name handoff_plain; handoff_times ack=soon;"
	refuses "a time of another name" "no NAME=TIME" "$name handoff_plain; handoff_times rock=2s;"
	refuses "a certificate without its own name" "does not have this host's name, 'here'" \
		"$name handoff_certificate ${files[*]};"
	refuses "a key of another certificate" "$BED/tls/far.key" \
		"$name handoff_certificate ${files[*]:0:2} $BED/tls/far.key;"
}

test_silent() {
	local words seconds TIMES="ack=1500ms ready=4s done=6s abandon=2m idle=3m beat=20s"

	start_all "handoff_freq 0;"
	kill -STOP "$(pgrep -P "${NODE[near]}")"
	words=$(in_ns client curl -sS -m $((3 * LIMIT)) -w ' %{time_total}' "$URL/who")
	read -r words seconds <<<"${words//$'\n'/ }"
	is "home serves what another host does not answer" "$words" home
	succeeds "and waits for it as long as it is told" awk "BEGIN { exit !($seconds >= 1.5) }"
	kill -CONT "$(pgrep -P "${NODE[near]}")"
	stop_all
}

is_served_by_near() {
	[[ $(ask /who) == "near 1 " ]]
}

test_second() {
	local dir=$BED/www/near

	start_all "handoff_freq 0;"
	sed "s/listen $PORT/listen 8090/; s/\]:$PORT/]:8090/; s|/near/pid;|/near/pid2;|
		s|log/near |log/second |; s|access.near |access.second |" "$dir/nginx.conf" >"$dir/second.conf"
	spawn near "$BED/log/second" "$NGINX" -p "$dir" -c "$dir/second.conf" -e "$BED/log/second"
	in_time "a second nginx of one name waits" 10 \
		grep -q 'another worker moves connections as near' "$BED/log/second"
	is "and leaves the first one what comes" "$(ask /who)$(served_by second)" "near 1 0"
	stop "${NODE[near]}"
	NODE[near]=$BED_SPAWNED
	in_time "until that one has ended" 10 is_served_by_near
	succeeds "and serves what comes then" test "$(served_by second)" -gt 0
	stop_all
}

says_emergency() {
	grep -qF '[emerg]' "$BED/log/$1"
}

test_reload_refused() {
	start_all "handoff_freq 0;"
	mv "$BED/tls/near.key" "$BED/tls/away.key"
	kill -HUP "$(cat "$BED/www/near/pid")"
	wait_for 10 says_emergency near || not_ok "a reload says that there is no key"
	is "a reload without the key leaves all as it was" "$(ask /who /who)" "near 1 near 0 "
	succeeds "and its master there" kill -0 "${NODE[near]}"
	mv "$BED/tls/away.key" "$BED/tls/near.key"
	stop_all
}

need_module
handoff_start
make_certificates
test_settings
test_reload_refused
test_turns
test_requests
test_address
test_home
test_objects
test_home_has_objects
test_nobody_there
test_silent
test_second
done_testing
