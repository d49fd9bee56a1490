# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ngtcp2's gtlsserver as a kind of server that restarts (tests/support/restarts.sh), and its
# gtlsclient as the load. The server is as Debian has it, but for quic_ids.so: it would neither
# share its port nor say in its connection ids which process it is.

QUIC_SERVER=$BED_ROOT/build/cache/ngtcp2-server
QUIC_CLIENT=$BED_ROOT/build/cache/ngtcp2-client
# Clients at a time.
QUIC_LOOPS=8

quic_lib() {
	echo "$1/usr/lib/$(gcc -print-multiarch)"
}

# What is missing for it; empty for nothing. It does not come with the rest, but by tools/deps.sh --quic.
quic_lacks() {
	[[ -x $QUIC_SERVER/usr/sbin/gtlsserver && -x $QUIC_CLIENT/usr/bin/gtlsclient ]] ||
		echo "build/cache has no ngtcp2: tools/deps.sh --quic, or make test-all"
	command -v openssl >/dev/null || echo "openssl is not installed"
}

# quic_prepare: a certificate, and what is downloaded
quic_prepare() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
		-subj /CN=www.example.com -keyout "$BED/run/key.pem" -out "$BED/run/cert.pem" \
		2>/dev/null || return 1
	head -c 20000 /dev/urandom >"$BED/www/file"
}

quic_start() {
	spawn edge "$RESTART_DIR/server.$2" env LD_LIBRARY_PATH="$(quic_lib "$QUIC_SERVER")" \
		LD_PRELOAD="$BED_TOOLS/quic_ids.so" QUIC_MODE="$1" QUIC_GENERATION="$2" \
		QUIC_CHAIN="$RESTART_CHAIN" QUIC_DIR="$RESTART_DIR" \
		"$QUIC_SERVER/usr/sbin/gtlsserver" -q -d "$BED/www" "$RESTART_IP" \
		"$RESTART_PORT" "$BED/run/key.pem" "$BED/run/cert.pem"
}

quic_is_ready() {
	grep -q '^ready' "$RESTART_DIR/server.$1"
}

# Connections that are younger than the file NAME belong to whom new traffic goes to since.
quic_are_younger() {
	local number

	for ((number = 0; number < QUIC_LOOPS; number++)); do
		[[ $RESTART_DIR/begun.$number -nt $1 ]] || return 1
	done
}

# The old server has no way to say when its connections are done: those who have them do.
quic_stop() {
	: >"$RESTART_DIR/now"
	[[ -e $RESTART_DIR/stop ]] || wait_for 10 quic_are_younger "$RESTART_DIR/now"
	stop "$1" INT
}

quic_load() {
	local number

	RESTART_LOAD=()
	for ((number = 0; number < QUIC_LOOPS; number++)); do
		spawn client "$RESTART_DIR/loops" env LD_LIBRARY_PATH="$(quic_lib "$QUIC_CLIENT")" \
			"$BED_ROOT/tests/support/quic_client.sh" \
			"$QUIC_CLIENT/usr/bin/gtlsclient" "$RESTART_IP" "$RESTART_PORT" \
			"$BED/www/file" "$RESTART_DIR" "$number"
		RESTART_LOAD+=("$BED_SPAWNED")
	done
}

quic_load_end() {
	: >"$RESTART_DIR/stop"
	wait "${RESTART_LOAD[@]}"
}

quic_row() {
	local servers

	servers=$(grep -h '^{' "$RESTART_DIR"/server.* |
		jq -cs '{packets: (map(.received) | add), misrouted: (map(.misrouted) | add)}')
	jq -cs --argjson servers "$servers" --argjson seconds "${RESTART_MS}e-3" '
		{failed: (map(.failed) | add), misrouted: $servers.misrouted,
			reset: (map(.reset) | add), pps: ($servers.packets / $seconds | round),
			requests: (map(.requests) | add), seconds: $seconds}' "$RESTART_DIR"/load.*
}
