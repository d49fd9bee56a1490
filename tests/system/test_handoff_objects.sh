#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: test-all
# timeout: 120
#
# The example of an object store: three hosts, behind the address of one. A connection moves to
# whoever has the object that is asked for, and what is answered goes to the client directly.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

OBJECTS=$BED_ROOT/build/examples/handoff_objects
URL=http://${HOST4[home]}:$PORT
URL6=http://[${HOST6[home]}]:$PORT
COUNT=16

# store HOST WORD...
store() {
	local host=$1 tls=$BED/tls

	: >"$BED/log/$host"
	mkdir -p "$BED/store/$host"
	spawn "$host" "$BED/log/$host" "$OBJECTS" "$host" "$(rules_dir "$host")" "$tls/ca.pem" \
		"$tls/$host.pem" "$tls/$host.key" "$BED/store/$host" host=home host=near host=far \
		"local=${HOST4[$host]}" "local=${HOST6[$host]}" "${@:2}"
	NODE[$host]=$BED_SPAWNED
}

start_others() {
	local host

	for host; do store "$host" "listen=${HOST4[$host]}:$LINK_PORT" peer=home; done
}

# make_objects: of 1 KiB to 4 MiB, as files 1 to COUNT
make_objects() {
	local i

	mkdir -p "$BED/made"
	for ((i = 1; i <= COUNT; i++)); do
		head -c $((i < 13 ? i * i * 1024 : (i - 12) << 20)) /dev/urandom >"$BED/made/$i"
	done
}

# ask WORD...: curl by one connection; each answer's code, host and number of new connections
ask() {
	in_ns client curl -sS -m "$((30 * TAP_SCALE))" -w '%{http_code} %header{server} %{num_connects}\n' "$@" 2>&1
}

# put URL: all objects by one connection
put() {
	local i words=()

	for ((i = 1; i <= COUNT; i++)); do words+=(-T "$BED/made/$i" "$1/bucket/$i"); done
	ask "${words[@]}"
}

# get URL: all objects by one connection, into got/
get() {
	rm -rf "$BED/got"
	mkdir "$BED/got"
	ask -o "$BED/got/#1" "$1/bucket/[1-$COUNT]"
}

sums() {
	(cd "$1" && sha256sum -- *)
}

# host_of KEY: whose folder has it
host_of() {
	local host

	for host in "${HOSTS[@]}"; do
		[[ ! -e $BED/store/$host/bucket/$1 ]] || echo "$host"
	done
}

# largest_at HOST: the largest object that it has
largest_at() {
	(cd "$BED/store/$1/bucket" && ls -S) | head -n 1
}

# passed: bytes that home's interface has had, both ways
passed() {
	in_ns home ip -j -s link show dev home | jq '.[0].stats64 | .rx.bytes + .tx.bytes'
}

test_put_and_get() {
	local answers host

	answers=$(put "$URL")
	is "objects of 1 KiB to 4 MiB are put by one connection" \
		"$(awk '$1 == 200' <<<"$answers" | wc -l) $(awk '{ sum += $3 } END { print sum }' <<<"$answers")" \
		"$COUNT 1"
	is "each host has some of them" "$(awk '{ print $2 }' <<<"$answers" | sort -u | xargs)" "far home near"
	for ((i = 1; i <= COUNT; i++)); do host_of "$i"; done >"$BED/hosts"
	is "each object is at one host, which answered" "$(cat "$BED/hosts")" \
		"$(awk '{ print $2 }' <<<"$answers")"
	answers=$(get "$URL")
	is "one connection gets all of them, from where they are" "$(awk '{ print $2 }' <<<"$answers")" \
		"$(cat "$BED/hosts")"
	is "without another connection" "$(awk '{ sum += $3 } END { print sum }' <<<"$answers")" 1
	is "as they were put" "$(sums "$BED/got")" "$(sums "$BED/made")"
	get "$URL6" >/dev/null
	is "over IPv6, too" "$(sums "$BED/got")" "$(sums "$BED/made")"
	for host in "${HOSTS[@]}"; do
		is "nothing is left of what was on its way to $host" \
			"$(find "$BED/store/$host" -name '.put*')" ""
	done
}

test_words() {
	local key size

	key=$(largest_at near)
	size=$(stat -c %s "$BED/made/$key")
	is "HEAD says how large an object is" \
		"$(in_ns client curl -sS -m "$((10 * TAP_SCALE))" -I "$URL/bucket/$key" | tr -d '\r' |
			awk '/^(HTTP|Server|Content-Length)/ { print $2 }' | xargs)" "200 near $size"
	is "what is not there is said so" "$(ask -o /dev/null "$URL/bucket/none" | cut -d ' ' -f 1)" 404
	is "other methods are refused" \
		"$(ask -o /dev/null -X DELETE "$URL/bucket/$key" | cut -d ' ' -f 1)" 405
	is "a name that leads elsewhere is refused" \
		"$(ask -o /dev/null --path-as-is "$URL/bucket/../$key" | cut -d ' ' -f 1)" 400
	head -c 3000000 /dev/urandom >"$BED/again"
	ask -T "$BED/again" "$URL/bucket/$key" >/dev/null
	is "what is put again is replaced" \
		"$(in_ns client curl -sS -m "$((10 * TAP_SCALE))" "$URL/bucket/$key" | sha256sum)" \
		"$(sha256sum <"$BED/again")"
	cp "$BED/made/$key" "$BED/store/near/bucket/$key"
}

# at_once KEY...: asked for without waiting, the last with the word to end; who answers what
at_once() {
	local key words=() request

	for key; do words+=("GET /bucket/$key HTTP/1.1\r\nHost: bucket\r\n"); done
	words[-1]+="Connection: close\r\n"
	printf -v request '%s\r\n' "${words[@]}"
	# shellcheck disable=SC2016 # the inner shell's
	in_ns client timeout "$((20 * TAP_SCALE))" bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "$3" >&3 && cat <&3' - \
		"${HOST4[home]}" "$PORT" "$request" | tr -d '\r' | grep -aoE '^(Server|Content-Length): .*' | xargs
}

test_at_once() {
	local key want=""

	for key in 1 2 3 4 5 6 7 8; do
		want+="Server: $(host_of "$key") Content-Length: $(stat -c %s "$BED/made/$key") "
	done
	is "what is asked before the answer goes along, and the end comes when it is asked for" \
		"$(at_once 1 2 3 4 5 6 7 8) " "$want"
}

# Acknowledgements go by way of home, and what hosts say to each other.
test_bytes() {
	local host key before passed size sum

	for host in near far; do
		key=$(largest_at "$host")
		size=$(stat -c %s "$BED/made/$key")
		before=$(passed)
		sum=$(in_ns client curl -sS -m "$((20 * TAP_SCALE))" "$URL/bucket/$key" | sha256sum)
		passed=$(($(passed) - before))
		tap_note <<<"$host: $size bytes to the client, $passed by home's interface"
		is "an object of $host comes whole" "$sum" "$(sha256sum <"$BED/made/$key")"
		succeeds "and not through home" test "$passed" -gt 0 -a "$passed" -lt $((size / 4))
	done
}

# get_all CLIENT: all objects by one connection, into many/CLIENT/; each answer's code, host, length
# and number of new connections, and what curl has to say, into log/many.CLIENT
get_all() {
	mkdir -p "$BED/many/$1"
	in_ns client curl -sS -m "$((40 * TAP_SCALE))" -o "$BED/many/$1/#1" \
		-w '%{http_code} %header{server} %{size_download} %{num_connects}\n' \
		"$URL/bucket/[1-$COUNT]" >"$BED/log/many.$1" 2>&1
}

# differing CLIENT: objects that came in another way than they were put, and how
differing() {
	local i made got answer

	for ((i = 1; i <= COUNT; i++)); do
		made=$BED/made/$i
		got=$BED/many/$1/$i
		! cmp -s "$made" "$got" || continue
		answer=$(grep -E '^[0-9]{3} ' "$BED/log/many.$1" | sed -n "${i}p")
		echo "client $1: object $i, of $(stat -c %s "$made") bytes: got $(stat -c %s "$got" || echo none)," \
			"$(cmp "$made" "$got" 2>&1 | cut -d : -f 2-); code, host, length, connections: ${answer:-none}"
	done 2>/dev/null
}

# What differs, is missing and was refused is told apart: bytes, codes and curl's words.
test_many() {
	local i clients=20 codes differing

	# the nodes are no jobs of that shell, which would be waited for
	(
		for ((i = 1; i <= clients; i++)); do get_all "$i" & done
		wait
	)
	codes=$(cat "$BED"/log/many.* | grep -oE '^[0-9]{3} ' | sort | uniq -c | xargs)
	differing=$(for ((i = 1; i <= clients; i++)); do differing "$i"; done)
	is "many clients at once: curl has nothing to complain about" \
		"$(grep -hvE '^[0-9]{3} ' "$BED"/log/many.*)" ""
	is "all that they ask for is answered by 200" "$codes" "$((clients * COUNT)) 200"
	is "and as it was put, byte by byte" "$(head -n 20 <<<"$differing")" ""
	rm -r "$BED/many"
}

is_back() {
	ask -o /dev/null "$URL/bucket/$1" | grep -q "^200 $2 "
}

test_down() {
	local at_near at_far

	at_near=$(largest_at near)
	at_far=$(largest_at far)
	stop "${NODE[near]}" KILL
	in_time "objects of a host that is down are not there for now" 5 \
		eval '[[ $(ask -o /dev/null "$URL/bucket/$at_near") == "503 home 1" ]]'
	is "those of others are, by the same connection, asked there or at home" \
		"$(ask -o /dev/null "$URL/bucket/{$at_far,$at_near,$at_far}" | xargs)" \
		"200 far 1 503 home 0 200 far 0"
	is "what is put there is refused, and the client hears it" \
		"$(ask -T "$BED/made/$at_near" "$URL/bucket/$at_near" | cut -d ' ' -f 1)" 503
	start_others near
	in_time "when it is back, so are its objects" 10 is_back "$at_near" near
}

handoff_start
make_objects
start_others near far
store home "serve=[::]:$PORT" "peer=near@${HOST4[near]}:$LINK_PORT" "peer=far@${HOST4[far]}:$LINK_PORT"
for host in near far; do
	wait_for 10 is_linked "$host" || bail "home is linked to $host" "$(cat "$BED"/log/{home,near,far})"
done
test_put_and_get
test_words
test_bytes
test_many
test_at_once
test_down
tap_note < <(grep '^kept\|^lost\|^link .* down' "$BED"/log/{home,near,far} | sed 's|.*/log/||' | sort |
	uniq -c | head -n 20)
done_testing
