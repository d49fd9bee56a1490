#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# quic_client.sh CLIENT ADDRESS PORT FILE DIR NUMBER: downloads FILE by HTTP/3 over a connection of
# its own, 200 ms after the handshake, again and again until there is DIR/stop. DIR/begun.NUMBER
# is as old as the connection. Writes DIR/load.NUMBER, a line of JSON: a request failed when the
# file did not arrive whole; it was reset when its connection had been there, and went silent.

client=$1 address=$2 port=$3 file=$4 dir=$5 number=$6
requests=0 failed=0 reset=0
name=${file##*/}
into=$dir/into.$number

mkdir "$into"
while [[ ! -e $dir/stop ]]; do
	rm -f "$into/$name"
	: >"$dir/begun.$number"
	"$client" --no-http-dump --no-quic-dump --timeout=3s --handshake-timeout=3s \
		--download="$into" --exit-on-all-streams-close --delay-stream=200ms \
		"$address" "$port" "https://www.example.com/$name" >"$dir/words.$number" 2>&1
	requests=$((requests + 1))
	cmp -s "$file" "$into/$name" && continue
	failed=$((failed + 1))
	! grep -qE 'ERR_IDLE_CLOSE|ERR_DRAINING' "$dir/words.$number" || reset=$((reset + 1))
done
echo "{\"requests\":$requests,\"failed\":$failed,\"reset\":$reset}" >"$dir/load.$number"
