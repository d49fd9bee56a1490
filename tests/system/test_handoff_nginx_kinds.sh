#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 120
#
# Which of nginx's connections move: pipelined requests, what is upgraded, TLS of the kernel; and which
# stay: HTTP/2, HTTP/0.9, the PROXY protocol, what was sent elsewhere within nginx, TLS of nginx.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_nginx.sh
. "$BED_ROOT/tests/support/handoff_nginx.sh"

BIG=$((3 << 20))
TLS="ssl_certificate $BED/tls/home.pem; ssl_certificate_key $BED/tls/home.key;"
ASKS="ssl_client_certificate $BED/tls/ca.pem; ssl_verify_client"
# Of all hosts: where connections come to at near and far.
COMMON="handoff_freq 1; types { text/x-ended ended; } ssi on; ssi_types text/x-ended;
	server { listen 8448 ssl default_server; $TLS root $BED/www/\$host/files; handoff_in;
		location /upgraded {
			proxy_pass http://127.0.0.1:9000; proxy_http_version 1.1;
			proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection upgrade;
		}
	}
	server { listen 8448 ssl; server_name closed; $TLS $ASKS on; root $BED/www/\$host/files; }"
# ports of home, and what is spoken there
declare -A SUITES=(
	[8443]="1.2 ECDHE-ECDSA-AES128-GCM-SHA256" [8444]="1.2 ECDHE-ECDSA-AES256-GCM-SHA384"
	[8445]="1.2 ECDHE-ECDSA-CHACHA20-POLY1305" [8446]="1.3"
)

# pipelined COUNT PATH: requests at once on one connection; the last one ends it
pipelined() {
	# shellcheck disable=SC2016
	in_ns client timeout "$LIMIT" bash -c '
		exec 3<>"/dev/tcp/$1/$2"
		for ((i = 1; i < $3; i++)); do all+="GET $4 HTTP/1.1\r\nHost: a\r\n\r\n"; done
		printf "${all}GET $4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" >&3
		cat <&3' - "${HOST4[home]}" "$PORT" "$@" | grep -xE 'home|near|far' | xargs
}

test_pipelined() {
	is "of requests that are sent at once each goes to the next host, in their order" \
		"$(pipelined 5 /who)" "near far near far near"
}

# curl_home PORT WORD...: who answers
curl_home() {
	in_ns client curl -sS -m "$LIMIT" "${@:2}" "http://${HOST4[home]}:$1/who"
}

# A request and no more.
ask_http09() {
	# shellcheck disable=SC2016
	in_ns client timeout "$LIMIT" bash -c 'exec 3<>"/dev/tcp/$1/$2"; printf "GET /who\r\n" >&3; cat <&3' \
		- "${HOST4[home]}" "$PORT"
}

# stays NAME ANSWERED WHY
stays() {
	is "$1 is served at home" "$2" home
	succeeds "and why is said" grep -q "it stays: $3" "$BED/log/home"
}

test_stays() {
	stays "what comes by HTTP/2" "$(curl_home 8082 --http2-prior-knowledge)" 'other requests share'
	stays "what comes by HTTP/0.9" "$(ask_http09)" 'it is of HTTP/0.9'
	stays "what comes by the PROXY protocol" "$(curl_home 8083 --haproxy-protocol)" \
		'its client is known by the PROXY protocol'
	stays "what try_files sends to its location" "$(curl_home 8084)" '.*came by error_page or try_files'
	: >"$BED/log/home"
	stays "what error_page sends there" "$(curl_home 8086)" '.*came by error_page or try_files'
}

# A socket for both families, with more than one address: what comes home is of IPv4.
test_both_families() {
	local urls=("http://${HOST4[home]}:8085/"{who,who,address})

	is "what comes home to a socket for both families goes on, by the same connection" \
		"$(in_ns client curl -sS -m "$LIMIT" -w '%{num_connects}\n' "${urls[@]}" 2>&1 | sed s/far/near/ | xargs)" \
		"near 1 near 0 ::ffff:192.0.2.2 0"
}

# What becomes of the connection is the echo's.
upgrader_start() {
	local host

	cat >"$BED/upgrade" <<-'END'
		#!/bin/bash
		while read -r line && [[ $line != $'\r' ]]; do :; done
		printf 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n'
		exec cat
	END
	chmod +x "$BED/upgrade"
	for host in near far; do
		spawn "$host" "$BED/log/upgrade" "$BED_ROOT/build/cache/busybox-static/bin/busybox" \
			nc -ll -p 9000 -e "$BED/upgrade"
	done
}

# upgraded: what is answered, and then what comes back of two lines, each sent when the last one was back
upgraded() {
	# shellcheck disable=SC2016
	in_ns client timeout "$LIMIT" bash -c '
		exec 3<>"/dev/tcp/$1/$2"
		printf "GET /upgraded HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n" >&3
		while read -r line <&3 && [[ $line != $'"'\r'"' ]]; do [[ $line != HTTP* ]] || echo "${line:9:3}"; done
		for line in one two; do echo "$line" >&3; read -r line <&3; echo "$line"; done' \
		- "${HOST4[home]}" "$PORT" | xargs
}

test_upgraded() {
	is "what is upgraded has moved, and goes on where it is" "$(upgraded)" "101 one two"
}

# curl_tls PORT WORD...
curl_tls() {
	in_ns client curl -sS -m $((2 * LIMIT)) --cacert "$BED/tls/ca.pem" --resolve "home:$1:${HOST4[home]}" "${@:2}" 2>&1
}

# ask_tls PORT PATH...: as ask()
ask_tls() {
	local urls=("${@/#/https://home:$1}")

	curl_tls "$1" -w '%{num_connects}\n' "${urls[@]:1}" | tr '\n' ' '
}

test_tls_of_nginx() {
	is "TLS that is not the kernel's is served at home" "$(ask_tls 8443 /who /who)" "home 1 home 0 "
	succeeds "and why is said" grep -q "it stays: its TLS is not the kernel's" "$BED/log/home"
}

test_certificates() {
	is "whose client was asked for a certificate is served at home" "$(ask_tls 8447 /who)" "home 1 "
	succeeds "and why is said" grep -q "it stays: its client was asked for" "$BED/log/home"
	is "what comes where nobody asks for one is served" "$(ask /who | sed s/far/near/)" "near 1 "
	is "but not by a server that does, of that port" \
		"$(in_ns client curl -sS -m "$LIMIT" -H 'Host: closed' "$URL/who" | grep -o -m 1 'No required SSL certificate')" \
		"No required SSL certificate"
}

has_ktls() {
	modprobe -q tls
	grep -qw tls /proc/sys/net/ipv4/tcp_available_ulp
}

# OpenSSL before 3.2 leaves what it receives by TLS 1.3 to itself.
moves_by_tls13() {
	local version

	version=$("$NGINX" -V 2>&1 | sed -n 's/.*running with OpenSSL \([0-9.]*\).*/\1/p;T;q')
	version=${version:-$("$NGINX" -V 2>&1 | sed -n 's/.*built with OpenSSL \([0-9.]*\).*/\1/p')}
	[[ $(printf '%s\n' 3.2 "$version" | sort -V | sed 1q) == 3.2 ]]
}

test_suite() {
	local port=$1 wanted="near 1 far 0 near 0 far 0 "

	if [[ ${SUITES[$port]} == 1.3 ]] && ! moves_by_tls13; then
		is "with this OpenSSL a connection of TLS 1.3 stays" "$(ask_tls "$port" /who /who)" "home 1 home 0 "
		return
	fi
	is "a connection of TLS ${SUITES[$port]} moves after each request" \
		"$(ask_tls "$port" /who /who /who /who)" "$wanted"
	is "TLS ${SUITES[$port]}: a large answer is whole" \
		"$(curl_tls "$port" "https://home:$port/big" | sha256sum)" "$(sha256sum <"$BED/big")"
	# An answer without a length, whose end is the connection's.
	is "TLS ${SUITES[$port]}: what ends with its connection ends with a farewell" \
		"$(curl_tls "$port" -0 -o "$BED/got" "https://home:$port/big.ended"; echo $?)" 0
	is "TLS ${SUITES[$port]}: and is whole" "$(sha256sum <"$BED/got")" "$(sha256sum <"$BED/big")"
}

test_ktls() {
	local port

	for port in "${!SUITES[@]}"; do test_suite "$port"; done
	# By then the socket has no room for a farewell at once.
	in_ns client sysctl -q net.ipv4.tcp_rmem='4096 16384 32768'
	is "a client that reads slowly hears it, too" \
		"$(curl_tls 8443 -0 --limit-rate 2M -o "$BED/got" "https://home:8443/big.ended"; echo $?)" 0
	is "after all that it was sent" "$(sha256sum <"$BED/got")" "$(sha256sum <"$BED/big")"
	is "nginx has nothing to complain about" \
		"$(grep -hE '\[(alert|crit|error|emerg)\]' "$BED"/log/{home,near,far})" ""
}

# secure OPTION: home's servers
secure() {
	local port version ciphers

	SERVERS="server { listen 8082 http2; root $BED/www/home/files; location / { handoff_out; } }
		server { listen 8083 proxy_protocol; root $BED/www/home/files; location / { handoff_out; } }
		server { listen 8084; root $BED/www/home/files; location / { try_files /none @out; }
			location @out { handoff_out; } }
		server { listen 8086; root $BED/www/home/files;
			location / { error_page 403 = @out; return 403; } location @out { handoff_out; } }
		server { listen [::]:8085 ipv6only=off; listen [::1]:8085; root $BED/www/home/files;
			location / { handoff_out; }
			location /address { return 200 \"\$remote_addr \"; } }"
	for port in "${!SUITES[@]}" 8447; do
		read -r version ciphers <<<"${SUITES[$port]:-1.2}"
		SERVERS+="server { listen $port ssl; root $BED/www/home/files; $TLS $1
			ssl_protocols TLSv$version; ${ciphers:+ssl_ciphers $ciphers;}
			$([[ $port != 8447 ]] || echo "$ASKS optional;") location / { handoff_out; } }"
	done
}

need_module
handoff_start
make_certificates
LEVEL=debug
upgrader_start
head -c "$BIG" /dev/urandom >"$BED/big"
secure ''
start_all "$COMMON" "$SERVERS"
test_pipelined
test_stays
test_both_families
test_upgraded
test_tls_of_nginx
test_certificates
stop_all
if has_ktls; then
	secure 'ssl_conf_command Options KTLS;'
	start_all "$COMMON" "$SERVERS"
	for host in near far; do
		cp "$BED/big" "$BED/www/$host/files/"
		cp "$BED/big" "$BED/www/$host/files/big.ended"
	done
	test_ktls
	stop_all
else
	skip "connections of the kernel's TLS move" "needs a kernel with CONFIG_TLS"
fi
done_testing
