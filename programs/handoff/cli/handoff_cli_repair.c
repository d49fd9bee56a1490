/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff repair. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/number.h"
#include "programs/handoff/repair/handoff_service.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/lib/handoff_order.h"
#include "programs/shared/fail.h"
#include "programs/shared/rights.h"

static int add_user(struct handoff_service *service, uid_t uid, struct slot_reason *why)
{
	if (service->user_count == HANDOFF_SERVICE_USERS)
		return slot_reason_set(why, -E2BIG, "more than %d users", HANDOFF_SERVICE_USERS);
	service->users[service->user_count++] = uid;
	return 0;
}

static int parse_user(struct handoff_service *service, const char *name, struct slot_reason *why)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		return slot_reason_set(why, -ENOENT, "user='%s': there is none of this name", name);
	return add_user(service, user->pw_uid, why);
}

static int add_port(struct handoff_service *service, const char *text, struct slot_reason *why)
{
	__u32 port;

	if (slot_number_parse(text, 1, 65535, &port))
		return slot_reason_set(why, -EINVAL, "port='%s': expected a number from 1 to 65535",
				       text);
	if (service->port_count == HANDOFF_SERVICE_PORTS)
		return slot_reason_set(why, -E2BIG, "more than %d ports", HANDOFF_SERVICE_PORTS);
	service->ports[service->port_count++] = (uint16_t)port;
	return 0;
}

static int parse_word(struct handoff_service *service, const char *word, struct slot_reason *why)
{
	if (!strncmp(word, "user=", 5))
		return parse_user(service, word + 5, why);
	if (!strncmp(word, "port=", 5))
		return add_port(service, word + 5, why);
	if (strncmp(word, "socket=/", 8) != 0)
		return slot_reason_set(why, -EINVAL,
				       "'%s' is neither user=NAME, port=N nor socket=/PATH", word);
	service->path = word + 7;
	return 0;
}

static int parse_words(int argc, char *const *argv, struct slot_reason *why,
		       struct handoff_service *service)
{
	int err = 0;

	service->path = HANDOFF_AGENT_SOCKET;
	for (int i = 0; !err && i < argc; i++)
		err = parse_word(service, argv[i], why);
	return err;
}

/* Who owns the slot may make rules for connections, and so may ask for the rest, too. */
static int add_owner(struct handoff_service *service, const char *map_dir, struct slot_reason *why)
{
	struct stat dir;

	if (service->user_count)
		return 0;
	if (stat(map_dir, &dir))
		return slot_reason_set(
			why, -errno, "cannot tell whose the slot is ('%s': %s): user=NAME says so",
			map_dir, strerror(errno));
	return add_user(service, dir.st_uid, why);
}

/* By hand: the service manager makes it for a unit, and what else is wrong shows at the socket. */
static void make_folder(const struct handoff_service *service)
{
	if (!strcmp(service->path, HANDOFF_AGENT_SOCKET) && !mkdir(HANDOFF_AGENT_DIR, 0755))
		chmod(HANDOFF_AGENT_DIR, 0755);
}

static void say_ready(const struct handoff_service *service)
{
	fprintf(stderr, "handoff repair: serves at '%s', users root", service->path);
	for (size_t i = 0; i < service->user_count; i++) {
		const struct passwd *user = getpwuid(service->users[i]);

		if (user && service->users[i])
			fprintf(stderr, " %s", user->pw_name);
		else if (service->users[i])
			fprintf(stderr, " %u", service->users[i]);
	}
	fputs(service->port_count ? ", ports from 1024 on and" : ", ports from 1024 on", stderr);
	for (size_t i = 0; i < service->port_count; i++)
		fprintf(stderr, " %u", service->ports[i]);
	fputc('\n', stderr);
	sd_notify(0, "READY=1");
}

/* What it may not do itself it would only refuse, later and elsewhere. */
static int check_right(struct slot_reason *why)
{
	return program_has_capability(CAP_NET_ADMIN) ?
		       0 :
		       slot_reason_set(why, -EPERM, "handoff repair needs CAP_NET_ADMIN");
}

int handoff_cmd_repair(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ struct handoff_service *service = calloc(1, sizeof(*service));
	struct slot_reason why = { "out of memory" };
	int err;

	if (!service)
		return program_fail(&why);
	err = parse_words(argc, argv, &why, service);
	if (err)
		return program_end(err, &why);
	if (check_right(&why) || add_owner(service, ctx->map_dir, &why))
		return program_fail(&why);
	make_folder(service);
	err = handoff_service_open(service, &why);
	if (!err)
		say_ready(service);
	err = err ? err : handoff_service_run(service, &why);
	sd_notify(0, "STOPPING=1");
	handoff_service_close(service);
	return err ? program_fail(&why) : PROGRAM_OK;
}
