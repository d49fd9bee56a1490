#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make install` leaves is enough to build a server with libsocketlb: the example, by
# pkg-config alone, with the shared library and with the archive.

# shellcheck source=tests/support/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tap.sh"
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DIR=$(mktemp -d /tmp/slotd-install.XXXXXX)
TAP_OUT=$DIR/out
EXAMPLE=$DIR/usr/share/doc/slotd/examples/socket_lb/echo_server.c

trap 'rm -rf "$DIR"' EXIT

# flags WORD...: of the installed socketlb.pc
flags() {
	PKG_CONFIG_SYSROOT_DIR=$DIR PKG_CONFIG_PATH=$DIR/usr/lib/pkgconfig pkg-config "$@" socketlb
}

# build OUT WORD...: as C is built elsewhere
build() {
	local words

	read -ra words < <(flags --cflags)
	gcc -D_GNU_SOURCE -Wall -Wextra -Werror "${words[@]}" -o "$1" "$EXAMPLE" "${@:2}"
}

# runs BINARY: as far as its usage
runs() {
	local status=0

	LD_LIBRARY_PATH=$DIR/usr/lib "$1" || status=$?
	[[ $status -eq 2 ]]
}

needs() {
	readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | sort | tr '\n' ' '
}

succeeds "make install" make -s -C "$ROOT" install "DESTDIR=$DIR"
read -ra shared < <(flags --libs)
succeeds "the example builds with the shared library" build "$DIR/shared" "${shared[@]}"
succeeds "and runs" runs "$DIR/shared"
succeeds "the example builds with the archive" build "$DIR/static" "$DIR/usr/lib/libsocketlb.a" -lbpf
succeeds "and runs" runs "$DIR/static"
matches "it needs the library by the name that stays" "$(needs "$DIR/shared")" 'libsocketlb\.so\.1 '
is "the library needs libbpf and libc alone" "$(needs "$DIR/usr/lib/libsocketlb.so.1")" \
	"libbpf.so.1 libc.so.6 "
is "it shows nothing but what its header declares" \
	"$(nm -D --defined-only "$DIR/usr/lib/libsocketlb.so.1" | awk '{ print $3 }' | sort)" \
	"$(grep -oE '\bsocketlb_[a-z_]+\(' "$DIR/usr/include/slotd/socketlb.h" | tr -d '(' | sort -u)"
done_testing
