# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# nginx as a kind of server that restarts (tests/support/restarts.sh), wrk as the load: one
# whose connections are short, and one whose downloads of 200 ms outlast a restart. A
# mode of its own, `handover`: nginx's own way, in which the next nginx gets the listening socket
# from the one before and nothing has to be forwarded.

NGINX_PORT=8080
# What nginx sends at once at this rate is a second's worth; the rest makes the download last.
NGINX_RATE=100000
NGINX_SLOW_BYTES=120000
NGINX_WORKERS=2
NGINX_LOADS=('16 small' '32 slow')

nginx_prepare() {
	echo small >"$BED/www/small"
	head -c "$NGINX_SLOW_BYTES" /dev/zero >"$BED/www/slow"
}

# nginx_configure MODE GENERATION: an nginx in the foreground refuses to hand over
nginx_configure() {
	local dir=$RESTART_DIR/nginx.$2 listen="$RESTART_IP:$NGINX_PORT reuseport" NGINX_DAEMON=off

	[[ $1 != handover ]] || listen=$RESTART_IP:$NGINX_PORT NGINX_DAEMON=on
	mkdir "$dir"
	nginx_conf "$dir" "$NGINX_WORKERS" "$listen" \
		<<<"root $BED/www; location /slow { limit_rate $NGINX_RATE; }"
}

nginx_start() {
	local command=("$NGINX" -p "$RESTART_DIR" -c "$RESTART_DIR/nginx.$2/nginx.conf" -e
		"$RESTART_DIR/server.$2")

	RESTART_MODE=$1
	if [[ $1 == handover && $2 -gt 1 ]]; then
		nginx_hand_over
		return
	fi
	nginx_configure "$1" "$2"
	[[ $1 != socket_lb ]] || command=("$BED_BIN/slotctl" --chain "$RESTART_CHAIN" socket run
		--workers "$NGINX_WORKERS" --drain-timeout 30 --stop-signal QUIT --
		"${command[@]}")
	spawn edge "$RESTART_DIR/words.$2" "${command[@]}"
	[[ $1 != handover ]] || wait_for 10 nginx_pid_is_new 0
	[[ $1 != handover ]] || BED_SPAWNED=$NGINX_PID
}

nginx_pid_is_new() {
	NGINX_PID=$(<"$RESTART_DIR/nginx.1/pid")
	[[ $NGINX_PID && $NGINX_PID != "$1" ]]
} 2>/dev/null

# The next master is started by the one before, with its sockets.
nginx_hand_over() {
	local before

	before=$(<"$RESTART_DIR/nginx.1/pid")
	kill -USR2 "$before"
	wait_for 10 nginx_pid_is_new "$before"
	BED_SPAWNED=$NGINX_PID
}

nginx_is_ready() {
	case $RESTART_MODE in
	socket_lb) grep -q ': serving' "$RESTART_DIR/words.$1" ;;
	handover) [[ -s $RESTART_DIR/nginx.1/pid ]] ;;
	*) [[ -s $RESTART_DIR/nginx.$1/pid ]] ;;
	esac
}

# socket run sees for itself that a newer one serves, and drains: only the last one is stopped.
nginx_stop() {
	if [[ $RESTART_MODE == socket_lb && -d $RESTART_DIR/nginx.$(($2 + 1)) ]]; then
		wait_for 40 is_gone "$1"
		return
	fi
	stop "$1" QUIT
}

nginx_load() {
	local connections path number=0

	RESTART_LOAD=()
	for load in "${NGINX_LOADS[@]}"; do
		read -r connections path <<<"$load"
		spawn client "$RESTART_DIR/load.$((number++))" wrk -t 1 -c "$connections" -d 600 \
			--timeout 5 -H 'Connection: close' "http://$RESTART_IP:$NGINX_PORT/$path"
		RESTART_LOAD+=("$BED_SPAWNED")
	done
}

nginx_load_end() {
	local pid

	for pid in "${RESTART_LOAD[@]}"; do
		stop "$pid" INT
	done
}

# wrk's words: "N requests in", "Socket errors: connect A, read B, write C, timeout D"
nginx_row() {
	cat "$RESTART_DIR"/load.* | awk -v ms="$RESTART_MS" '
		/requests in/ { requests += $1 }
		/Socket errors/ {
			gsub(",", "")
			reset += $4 + $6 + $8
			failed += $4 + $6 + $8 + $10
		}
		/Non-2xx/ { failed += $NF }
		END {
			printf "{\"failed\":%d,\"misrouted\":0,\"reset\":%d,\"pps\":null," \
				"\"requests\":%d,\"seconds\":%.3f}\n", failed, reset, requests, ms / 1000
		}'
}
