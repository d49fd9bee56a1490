#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 120
#
# Which of nginx's connections move: pipelined requests, HTTP/2, what is upgraded, TLS by nginx and by
# the kernel.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_nginx.sh
. "$BED_ROOT/tests/support/handoff_nginx.sh"

BIG=$((3 << 20))
TLS="ssl_certificate $BED/tls/home.pem; ssl_certificate_key $BED/tls/home.key;
	ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;"
SECURE=https://home:8443

# pipelined COUNT PATH: requests at once on one connection; the last one ends it
pipelined() {
	# shellcheck disable=SC2016
	in_ns client timeout 10 bash -c '
		exec 3<>"/dev/tcp/$1/$2"
		for ((i = 1; i < $3; i++)); do all+="GET $4 HTTP/1.1\r\nHost: a\r\n\r\n"; done
		printf "${all}GET $4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" >&3
		cat <&3' - "${HOST4[home]}" "$PORT" "$@" | grep -xE 'home|near|far' | xargs
}

test_pipelined() {
	is "of requests that are sent at once each goes to the next host, in their order" \
		"$(pipelined 5 /who)" "near far near far near"
}

test_http2() {
	is "what comes by HTTP/2 is served at home" \
		"$(in_ns client curl -sS -m 10 --http2-prior-knowledge "http://${HOST4[home]}:8082/who")" home
	succeeds "and why is said" grep -q 'it stays: other requests share' "$BED/log/home"
}

# ask_tls PATH...: as ask()
ask_tls() {
	local urls=("${@/#/$SECURE}")

	in_ns client curl -sS -m 10 --cacert "$BED/tls/ca.pem" --resolve "home:8443:${HOST4[home]}" \
		-w '%{num_connects}\n' "${urls[@]}" 2>&1 | tr '\n' ' '
}

test_tls_of_nginx() {
	is "TLS that is not the kernel's is served at home" "$(ask_tls /who /who)" "home 1 home 0 "
	succeeds "and why is said" grep -q "it stays: its TLS is not the kernel's" "$BED/log/home"
}

has_ktls() {
	modprobe -q tls
	grep -qw tls /proc/sys/net/ipv4/tcp_available_ulp
}

test_ktls() {
	local sum

	is "a connection of the kernel's TLS moves after each request" \
		"$(ask_tls /who /who /who /who)" "near 1 far 0 near 0 far 0 "
	sum=$(in_ns client curl -sS -m 20 --cacert "$BED/tls/ca.pem" \
		--resolve "home:8443:${HOST4[home]}" "$SECURE/big" | sha256sum)
	is "a large answer is whole" "$sum" "$(sha256sum <"$BED/big")"
	is "nginx has nothing to complain about" \
		"$(grep -hE '\[(alert|crit|error|emerg)\]' "$BED"/log/{home,near,far})" ""
}

# secure OPTION: home's server, at a port of its own
secure() {
	SERVERS="server { listen 8082 http2; root $BED/www/home/files; location / { handoff_out; } }
		server {
			listen 8443 ssl;
			root $BED/www/home/files;
			$TLS $1
			location / { handoff_out; }
		}"
}

need_module
handoff_start
make_certificates
LEVEL=debug
head -c "$BIG" /dev/urandom >"$BED/big"
secure ''
start_all "handoff_freq 1;" "$SERVERS"
test_pipelined
test_http2
test_tls_of_nginx
stop_all
if has_ktls; then
	secure 'ssl_conf_command Options KTLS;'
	start_all "handoff_freq 1;" "$SERVERS"
	cp "$BED/big" "$BED/www/near/files/"
	cp "$BED/big" "$BED/www/far/files/"
	test_ktls
	stop_all
else
	skip "connections of the kernel's TLS move" "needs a kernel with CONFIG_TLS"
fi
done_testing
