/* SPDX-License-Identifier: GPL-2.0-only */
/* The demo's next version of the firewall: the same program, with a rule of its own that drops TCP to port 8081. */
#define SLOT_PROGRAM_VERSION "1.2.0"
#define FIREWALL_STATIC_DENY_PORT 8081
#define FIREWALL_STATIC_DENY_PROTO 6

#include "programs/firewall/firewall.bpf.c"
