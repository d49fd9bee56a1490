/* SPDX-License-Identifier: GPL-2.0-only */
/* slotd: keeps chains as slots.conf and their owners want them. It is not in the packets' way. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sodium.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/slotd/audit.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/http.h"
#include "loader/slotd/lifecycle.h"
#include "loader/slotd/links.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"
#include "loader/slotd/routes.h"
#include "loader/slotd/trial.h"

struct service {
	struct daemon daemon;
	sd_event *event;
	sd_event_source *http_timer;
	sd_event_source *trial_timer;
	struct http_server *http;
	struct mnl_socket *links;
	FILE *mounts;
	sd_event_source *again_timer;
	sd_event_source *quiet_timer;
};

#define AGAIN_USEC 1000000
#define QUIET_USEC 1000000

static void arm_http_timer(struct service *service)
{
	int timeout_ms = http_timeout_ms(service->http);

	if (timeout_ms < 0) {
		sd_event_source_set_enabled(service->http_timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(service->http_timer, (uint64_t)timeout_ms * 1000);
	sd_event_source_set_enabled(service->http_timer, SD_EVENT_ONESHOT);
}

/* Wakes only while something is on trial. */
static void arm_trial_timer(struct service *service)
{
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(service->trial_timer, &enabled);
	if (!trial_is_under_way(&service->daemon)) {
		sd_event_source_set_enabled(service->trial_timer, SD_EVENT_OFF);
	} else if (enabled == SD_EVENT_OFF) {
		sd_event_source_set_time_relative(service->trial_timer, TRIAL_TICK_USEC);
		sd_event_source_set_enabled(service->trial_timer, SD_EVENT_ONESHOT);
	}
}

static void arm_quiet_timer(struct service *service)
{
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(service->quiet_timer, &enabled);
	if (enabled != SD_EVENT_OFF || !lifecycle_has_quiet(&service->daemon))
		return;
	sd_event_source_set_time_relative(service->quiet_timer, QUIET_USEC);
	sd_event_source_set_enabled(service->quiet_timer, SD_EVENT_ONESHOT);
}

/* Whatever slotd was asked to do may have given a timer something to wait for. */
static void after_change(struct service *service)
{
	arm_http_timer(service);
	arm_trial_timer(service);
	arm_quiet_timer(service);
}

static int on_trial_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct service *service = data;

	(void)source;
	(void)usec;
	trial_tick(&service->daemon);
	after_change(service);
	return 0;
}

static int on_http_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct service *service = data;

	(void)source;
	(void)usec;
	http_run(service->http);
	after_change(service);
	return 0;
}

static int on_http(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct service *service = data;

	(void)source;
	(void)fd;
	(void)events;
	http_run(service->http);
	after_change(service);
	return 0;
}

/* Cgroups come and go, processes of theirs into another netns, bpf_links of others: nobody tells. */
static int on_quiet_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct service *service = data;

	(void)source;
	(void)usec;
	links_watch_cgroups(&service->daemon.config);
	lifecycle_follow_quiet(&service->daemon);
	after_change(service);
	return 0;
}

static int on_links(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct service *service = data;

	(void)source;
	(void)fd;
	(void)events;
	switch (links_drain(service->links)) {
	case LINKS_ANY:
		lifecycle_follow_links(&service->daemon);
		break;
	case LINKS_FILTERS:
		lifecycle_follow_filters(&service->daemon);
		break;
	case LINKS_NONE:
		break;
	}
	return 0;
}

/*
 * A netns came or went: `ip netns` and container runtimes mount each where it is
 * named. Its interfaces are taken down after its name, hence a second look.
 */
static int on_mounts(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct service *service = data;

	(void)source;
	(void)fd;
	(void)events;
	links_watch(&service->daemon.config);
	lifecycle_follow_links(&service->daemon);
	sd_event_source_set_time_relative(service->again_timer, AGAIN_USEC);
	sd_event_source_set_enabled(service->again_timer, SD_EVENT_ONESHOT);
	return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *data)
{
	struct service *service = data;

	(void)source;
	(void)usec;
	lifecycle_follow_links(&service->daemon);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	const struct service *service = data;

	log_info("%s: stopping; chains %s", strsignal((int)info->ssi_signo),
		 service->daemon.options.detach_on_exit ? "are taken off" : "run on");
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static void audited_reload(struct daemon *daemon, const struct peer *peer, struct op_error *error,
			   struct slot_outcome **ret_outcomes)
{
	struct audit_deed deed = { .what = "reload", .peer = peer, .cause = "SIGHUP" };
	struct audit_entry *entry = NULL;
	int err = audit_begin(daemon, &deed, &error->why, &entry);

	if (err)
		op_fail(error, err, NULL);
	else
		err = op_reload(daemon, "SIGHUP", error, ret_outcomes);
	audit_end(entry, err ? error->why.text : NULL);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct service *service = data;
	struct slot_outcome *outcomes = NULL;
	struct peer peer = {
		.uid = info->ssi_uid, .gid = (gid_t)-1, .pid = (pid_t)info->ssi_pid, .fd = -1
	};
	struct op_error error = { 0 };
	struct timespec ts;

	(void)source;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   ts.tv_sec * 1000000LL + ts.tv_nsec / 1000);
	audited_reload(&service->daemon, &peer, &error, &outcomes);
	free(outcomes);
	op_error_free(&error);
	after_change(service);
	sd_notify(0, "READY=1");
	return 0;
}

static int add_signals(struct service *service)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	err = sd_event_add_signal(service->event, NULL, SIGTERM, on_stop, service);
	if (err >= 0)
		err = sd_event_add_signal(service->event, NULL, SIGINT, on_stop, service);
	if (err >= 0)
		err = sd_event_add_signal(service->event, NULL, SIGHUP, on_reload, service);
	return err < 0 ? err : 0;
}

static int add_http(struct service *service)
{
	char path[PATH_MAX];
	int err = slot_pin_path(path, service->daemon.options.run_dir, "slotd.sock");

	if (!err && mkdir(service->daemon.options.run_dir, 0755) && errno != EEXIST)
		err = -errno;
	if (!err)
		err = http_start(path, routes_handle, &service->daemon, &service->http);
	if (err) {
		log_error("cannot serve '%s': %s", path, strerror(-err));
		return err;
	}
	err = sd_event_add_io(service->event, NULL, http_fd(service->http), EPOLLIN, on_http,
			      service);
	/* Accuracy 1: the default, 0, lets sd-event be late by a quarter of a second. */
	if (err >= 0)
		err = sd_event_add_time_relative(service->event, &service->http_timer,
						 CLOCK_MONOTONIC, UINT64_MAX / 4, 1, on_http_timer,
						 service);
	if (err >= 0)
		err = sd_event_add_time_relative(service->event, &service->trial_timer,
						 CLOCK_MONOTONIC, TRIAL_TICK_USEC, 1,
						 on_trial_timer, service);
	return err < 0 ? err : 0;
}

static int add_links(struct service *service)
{
	int err = links_open(&service->links);

	if (!err)
		err = sd_event_add_io(service->event, NULL, links_fd(service->links), EPOLLIN,
				      on_links, service);
	if (err < 0)
		log_error("cannot watch interfaces: %s", strerror(-err));
	return err < 0 ? err : 0;
}

static int add_mounts(struct service *service)
{
	int err;

	service->mounts = fopen("/proc/self/mountinfo", "re");
	err = service->mounts ? sd_event_add_io(service->event, NULL, fileno(service->mounts),
						EPOLLPRI, on_mounts, service) :
				-errno;
	if (err >= 0)
		err = sd_event_add_time_relative(service->event, &service->again_timer,
						 CLOCK_MONOTONIC, UINT64_MAX / 4, 0, on_again,
						 service);
	if (err < 0)
		log_error("cannot watch network namespaces: %s", strerror(-err));
	return err < 0 ? err : 0;
}

static int add_quiet(struct service *service)
{
	int err = sd_event_add_time_relative(service->event, &service->quiet_timer, CLOCK_MONOTONIC,
					     UINT64_MAX / 4, 0, on_quiet_timer, service);

	if (err >= 0)
		err = sd_event_source_set_enabled(service->quiet_timer, SD_EVENT_OFF);
	if (err < 0)
		log_error("cannot watch cgroups and refused chains: %s", strerror(-err));
	return err < 0 ? err : 0;
}

static int run_service(struct service *service)
{
	int err = sd_event_new(&service->event);

	if (err >= 0)
		err = add_signals(service);
	/* Watched before the start, so that nothing that happens meanwhile is missed. */
	if (err >= 0)
		err = add_links(service);
	if (err >= 0)
		err = add_mounts(service);
	if (err >= 0)
		err = add_quiet(service);
	if (err >= 0)
		err = lifecycle_start(&service->daemon);
	if (err >= 0)
		err = add_http(service);
	if (err < 0)
		return err;
	service->daemon.is_started = true;
	after_change(service);
	sd_notify(0, "READY=1");
	log_info("ready: slotd " SLOTD_VERSION ", %zu chain%s", service->daemon.config.count,
		 service->daemon.config.count == 1 ? "" : "s");
	err = sd_event_loop(service->event);
	sd_notify(0, "STOPPING=1");
	return err;
}

static void stop_service(struct service *service)
{
	http_stop(service->http);
	links_close(service->links);
	lifecycle_stop(&service->daemon);
	sd_event_source_unref(service->http_timer);
	sd_event_source_unref(service->trial_timer);
	sd_event_source_unref(service->again_timer);
	sd_event_source_unref(service->quiet_timer);
	if (service->mounts)
		fclose(service->mounts);
	sd_event_unref(service->event);
}

/* Judge slots.conf and say what is wrong with it, without touching anything. */
static int check_config(struct daemon *daemon)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	size_t i;
	int err;

	/* An interface that is away is known by its records, where there are any. */
	if (!access(daemon->options.state_dir, F_OK))
		slot_store_open(daemon->options.state_dir, NULL, &daemon->host.store);
	err = config_load(daemon, &errors, &daemon->config);
	if (!err)
		err = config_check_signatures(daemon, &daemon->config, &errors);

	for (i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	if (!err)
		printf("%s: %zu chain%s, no errors\n", daemon->options.config_path,
		       daemon->config.count, daemon->config.count == 1 ? "" : "s");
	slot_config_free(&daemon->config);
	return err;
}

static void print_usage(FILE *to)
{
	fputs("usage: slotd [OPTION]...\n"
	      "Keep the XDP and TC chains of this host as slots.conf wants them.\n\n"
	      "  --config FILE      reservations (default /etc/slotd/slots.conf)\n"
	      "  --object-dir DIR   objects named without a slash (default /usr/lib/slotd)\n"
	      "  --state-dir DIR    records and deployed objects (default " SLOT_STATE_DIR_DEFAULT
	      ")\n"
	      "  --run-dir DIR      control socket (default /run/slotd)\n"
	      "  --bpffs DIR        where to pin (default " SLOT_BPFFS_DEFAULT ")\n"
	      "  --detach-on-exit   take the chains off when stopped; they run on otherwise\n"
	      "  --check            judge slots.conf and exit\n"
	      "  --version, --help\n",
	      to);
}

/* Options with a value come first, in the order of the fields that they set. */
enum {
	OPT_CONFIG = 256,
	OPT_OBJECTS,
	OPT_STATE,
	OPT_RUN,
	OPT_BPFFS,
	OPT_DETACH,
	OPT_CHECK,
};

static const struct option known_options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "object-dir", required_argument, NULL, OPT_OBJECTS },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "run-dir", required_argument, NULL, OPT_RUN },
	{ "bpffs", required_argument, NULL, OPT_BPFFS },
	{ "detach-on-exit", no_argument, NULL, OPT_DETACH },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* Returns 0 to go on, 1 to exit with success, 2 for a usage error. */
static int parse_options(int argc, char **argv, struct options *ret_options)
{
	const char **values[] = { &ret_options->config_path, &ret_options->object_dir,
				  &ret_options->state_dir, &ret_options->run_dir,
				  &ret_options->bpffs };
	int opt;

	while ((opt = getopt_long(argc, argv, "hV", known_options, NULL)) >= 0) {
		if (opt >= OPT_CONFIG && opt < OPT_DETACH) {
			*values[opt - OPT_CONFIG] = optarg;
			continue;
		}
		switch (opt) {
		case OPT_DETACH:
			ret_options->detach_on_exit = true;
			break;
		case OPT_CHECK:
			ret_options->check_only = true;
			break;
		case 'V':
			puts("slotd " SLOTD_VERSION);
			return 1;
		case 'h':
			print_usage(stdout);
			return 1;
		default:
			print_usage(stderr);
			return 2;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "slotd: unexpected argument '%s'\n", argv[optind]);
	print_usage(stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct service service = {
		.daemon = {
			.options = {
				.config_path = "/etc/slotd/slots.conf",
				.object_dir = "/usr/lib/slotd",
				.state_dir = SLOT_STATE_DIR_DEFAULT,
				.run_dir = "/run/slotd",
				.bpffs = SLOT_BPFFS_DEFAULT,
			},
			.lock_fd = -1,
		},
	};
	int err = parse_options(argc, argv, &service.daemon.options);

	if (err)
		return err == 1 ? EXIT_SUCCESS : 2;
	if (sodium_init() < 0) {
		log_error("cannot start libsodium");
		return EXIT_FAILURE;
	}
	if (service.daemon.options.check_only)
		return check_config(&service.daemon) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (geteuid() != 0) {
		log_error("must run as root: loading XDP programs needs CAP_BPF and CAP_NET_ADMIN");
		return EXIT_FAILURE;
	}
	err = run_service(&service);
	stop_service(&service);
	return err < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
