#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What `make install` leaves is enough to build servers with its libraries: the examples, by
# pkg-config alone, with the shared library and with the archives. Headers and texts find what they
# name.

# shellcheck source=tests/support/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tap.sh"
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DIR=$(mktemp -d /tmp/slotd-install.XXXXXX)
TAP_OUT=$DIR/out
DOC=$DIR/usr/share/doc/slotd

trap 'rm -rf "$DIR"' EXIT

# as_told EXAMPLE OUT: by the command in the example's head
as_told() {
	local command

	command=$(sed -n 's/^ \*   \(cc .*\)/\1/p' "$1")
	[[ $command ]] && (cd "${1%/*}" && LD_LIBRARY_PATH=$DIR/usr/lib eval "$command -Wall -Wextra -Werror" &&
		mv "$(basename "$1" .c)" "$2")
}

# build EXAMPLE OUT PACKAGE WORD...: as C is built elsewhere
build() {
	local words

	read -ra words < <(pkg-config --cflags "$3")
	gcc -Wall -Wextra -Werror "${words[@]}" -o "$2" "$1" "${@:4}"
}

# each_alone: what BPF programs and others' user space share compiles without this tree
each_alone() {
	local header

	for header in "$DIR"/usr/include/slotd/*/*/*_abi.h; do
		gcc -I"$DIR/usr/include/slotd" -Wall -Wextra -Werror -fsyntax-only -x c "$header" || return
	done
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
# From here on: or all of the tree would be built anew, by what is there.
export PKG_CONFIG_SYSROOT_DIR=$DIR PKG_CONFIG_PATH=$DIR/usr/lib/pkgconfig
# shellcheck disable=SC2034 # archives names them
socketlb_words=("$DIR/usr/lib/libsocketlb.a" -lbpf)
# shellcheck disable=SC2034
handoff_host_words=("$DIR"/usr/lib/libhandoff{_host,}.a -lbpf -lssl -lcrypto)
for example in socketlb:bpf/socket_lb/examples/echo_server.c \
	handoff_host:programs/handoff/examples/handoff_http.c \
	handoff_host:programs/handoff/examples/handoff_objects.c; do
	library=${example%%:*} source=$DOC/${example#*:} name=$(basename "$example" .c)
	declare -n archives=${library}_words
	succeeds "$name builds with the shared library, as its head says" as_told "$source" "$DIR/shared"
	succeeds "and runs" runs "$DIR/shared"
	succeeds "$name builds with the archive" build "$source" "$DIR/static" "$library" "${archives[@]}"
	succeeds "and runs" runs "$DIR/static"
	matches "it needs the library by the name that stays" "$(needs "$DIR/shared")" "lib$library\.so\.1 "
done
is "libsocketlb needs libbpf and libc alone" "$(needs "$DIR/usr/lib/libsocketlb.so.1")" \
	"libbpf.so.1 libc.so.6 "
is "libhandoff needs libc alone" "$(needs "$DIR/usr/lib/libhandoff.so.1")" "libc.so.6 "
is "libhandoff_host needs that, libbpf, OpenSSL and libc" \
	"$(needs "$DIR/usr/lib/libhandoff_host.so.1" | tr ' ' '\n' | sed 's/\.so.*//' | xargs)" \
	"libbpf libc libcrypto libhandoff libssl"
for name in socketlb handoff handoff_host; do
	declared=$(grep -oE "\b${name}_[a-z_]+\(" "$DIR/usr/include/slotd/$name.h" | tr -d '(' | sort -u)
	is "lib$name shows nothing but what its header declares" \
		"$(nm -D --defined-only "$DIR/usr/lib/lib$name.so.1" | awk '{ print $3 }' | sort)" "$declared"
	is "and so does the archive" \
		"$(nm -g --defined-only "$DIR/usr/lib/lib$name.a" | awk 'NF == 3 { print $3 }' | sort)" "$declared"
	is "lib$name(3) has each function" \
		"$(grep -oE "\b${name}_[a-z_]+\(" "$DIR/usr/share/man/man3/lib$name.3" | tr -d '(' | sort -u)" \
		"$declared"
	is "pkg-config knows lib$name" "$(pkg-config --libs-only-l "$name" | xargs)" "-l$name"
done
# as Debian's nginx has it: modules/ beside its texts
check_nginx() {
	local share=$DIR/usr/share/nginx

	ln -s ../../lib/nginx/modules "$share/modules"
	cat >"$share/nginx.conf" <<-END
		include $share/modules-available/mod-handoff.conf;
		pid $DIR/nginx.pid;
		error_log stderr;
		events { }
		http {
			access_log off;
			client_body_temp_path $DIR/t;
			proxy_temp_path $DIR/t;
			fastcgi_temp_path $DIR/t;
			uwsgi_temp_path $DIR/t;
			scgi_temp_path $DIR/t;
			handoff_freq 5;
			server { listen 127.0.0.1:8080; handoff_in; }
		}
	END
	"$ROOT/build/cache/nginx/usr/sbin/nginx" -t -p "$share" -c "$share/nginx.conf" -e stderr
}

# is_made_by GOAL: whether a make of it makes the module anew where its source has changed
is_made_by() {
	env -u PKG_CONFIG_SYSROOT_DIR -u PKG_CONFIG_PATH make -n -C "$ROOT" -W programs/handoff/nginx/ngx_handoff_in.c "$1" | grep -q ngx_handoff_in
}

if [[ -e $ROOT/build/nginx/ngx_handoff_module.so ]]; then
	succeeds "nginx's module, which is installed, is made by a plain make" is_made_by all
	succeeds "nginx loads its module by the line that is installed for it" check_nginx
else
	skip "nginx loads its module" "needs nginx-dev: make deps"
fi
succeeds "installed headers of programs' maps compile alone" each_alone
mapfile -t texts < <(find "$DOC" -name '*.md')
succeeds "texts are installed" test "${#texts[@]}" -gt 0
is "links of the installed texts lead somewhere" "$("$ROOT/tools/links.sh" "${texts[@]}")" ""
done_testing
