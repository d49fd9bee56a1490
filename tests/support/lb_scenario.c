/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lb_scenario.h"

#include <arpa/inet.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "tests/support/tap.h"

#define WORDS_MAX 24
#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* A line in words; options are key=value. */
struct line {
	char text[512];
	const char *words[WORDS_MAX + 1];
	unsigned int count;
	const char *options[WORDS_MAX];
	unsigned int option_count;
};

static void split_line(const char *text, struct line *line)
{
	char *save, *word;

	memset(line, 0, sizeof(*line));
	assert_true(strlen(text) < sizeof(line->text));
	strcpy(line->text, text);
	for (word = strtok_r(line->text, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		assert_true(line->count + line->option_count < WORDS_MAX);
		if (strchr(word, '='))
			line->options[line->option_count++] = word;
		else
			line->words[line->count++] = word;
	}
}

static const char *get_option(const struct line *line, const char *key)
{
	size_t len = strlen(key);
	unsigned int i;

	for (i = 0; i < line->option_count; i++)
		if (!strncmp(line->options[i], key, len) && line->options[i][len] == '=')
			return line->options[i] + len + 1;
	return NULL;
}

/* The place of @word, @len bytes long, among @names. */
static unsigned int find_name(const char *const *names, const char *word, size_t len)
{
	unsigned int i;

	for (i = 0; names[i]; i++)
		if (strlen(names[i]) == len && !strncmp(names[i], word, len))
			return i;
	fail_msg("what is '%s'?", word);
	return 0;
}

/* The same of an option, or of @names' first where it is not there. */
static unsigned int get_choice(const struct line *line, const char *key, const char *const *names)
{
	const char *value = get_option(line, key);

	return value ? find_name(names, value, strlen(value)) : 0;
}

static __u32 get_number(const struct line *line, const char *key, __u32 otherwise)
{
	const char *value = get_option(line, key);

	return value ? (__u32)strtoul(value, NULL, 0) : otherwise;
}

static void parse_mac(const char *text, __u8 ret_mac[6])
{
	struct ether_addr *mac = ether_aton(text);

	assert_non_null(mac);
	memcpy(ret_mac, mac, 6);
}

static void set_element(const struct lb_scenario *s, const char *name, const void *key,
			const void *value)
{
	assert_int_equal(bpf_map_update_elem(lb_case_map(&s->setup.lb, name), key, value, BPF_ANY),
			 0);
	lb_case_raise(&s->setup.lb);
}

/* --- what holds for all ---------------------------------------------------------------------- */

static void run_gateway(struct lb_scenario *s, const struct line *line)
{
	parse_mac(line->words[1], s->setup.lb.control.gateway);
}

static void run_source4(struct lb_scenario *s, const struct line *line)
{
	assert_int_equal(inet_pton(AF_INET, line->words[1], s->setup.lb.control.source4), 1);
}

static void run_source6(struct lb_scenario *s, const struct line *line)
{
	assert_int_equal(inet_pton(AF_INET6, line->words[1], s->setup.lb.control.source6), 1);
}

static void run_gue_port(struct lb_scenario *s, const struct line *line)
{
	s->setup.lb.control.gue_port = htons((__u16)strtoul(line->words[1], NULL, 0));
}

/* Settings and program were read before. */
static void run_nothing(struct lb_scenario *s, const struct line *line)
{
	(void)s;
	(void)line;
}

static void run_tunnel(struct lb_scenario *s, const struct line *line)
{
	__u8 one = 1;
	unsigned int i;

	s->setup.lb.control.flags |= LB_HAS_TUNNELS;
	for (i = 1; i < line->count; i++) {
		__u8 key[16] = { [10] = 0xff, [11] = 0xff };

		if (inet_pton(AF_INET, line->words[i], key + 12) != 1)
			assert_int_equal(inet_pton(AF_INET6, line->words[i], key), 1);
		set_element(s, LB_TUNNELS_NAME, key, &one);
	}
}

/* --- VIPs and their reals -------------------------------------------------------------------- */

static __u32 parse_flags(const char *text)
{
	/* In the order of enum lb_vip_flag; what scenarios have no word for has none. */
	static const char *const names[] = { "no_src_port",   "no_table",   "quic",
					     "dst_port_only", "source",	    "local",
					     "global_table",  "both_ports", "stable",
					     "migration",     NULL };
	__u32 flags = 0;

	while (text && *text) {
		size_t len = strcspn(text, ",");

		flags |= 1U << find_name(names, text, len);
		text += len + (text[len] == ',');
	}
	return flags;
}

/* "vip ADDR[/LENGTH] PORT PROTO"; @addr has room for the address. */
static void parse_spec(const struct line *line, char addr[64], struct lb_case_vip *ret_spec)
{
	char *slash;

	assert_int_equal(line->count, 4);
	snprintf(addr, 64, "%s", line->words[1]);
	slash = strchr(addr, '/');
	ret_spec->addr = addr;
	if (slash) {
		*slash = '\0';
		ret_spec->prefix_len = (__u8)strtoul(slash + 1, NULL, 10);
	}
	ret_spec->port = (__u16)strtoul(line->words[2], NULL, 10);
	ret_spec->proto = strcmp(line->words[3], "tcp") ? IPPROTO_UDP : IPPROTO_TCP;
}

static void run_vip(struct lb_scenario *s, const struct line *line)
{
	struct lb_setup_vip *vip = lb_setup_vip_new(&s->setup);

	parse_spec(line, vip->addr, &vip->spec);
	vip->spec.vip.flags = parse_flags(get_option(line, "flags"));
	vip->spec.vip.encap =
		(__u8)get_choice(line, "encap", NAMES("ipip", "gue", "l2", "rewrite"));
	vip->spec.vip.table = (__u8)get_choice(line, "table", NAMES("flows", "transitions"));
	vip->kind = get_choice(line, "ring", NAMES("maglev1", "maglev2", "hrw"));
	vip->window = get_number(line, "window", 60);
	s->vip = vip;
}

static void run_at(struct lb_scenario *s, const struct line *line)
{
	struct lb_case_vip spec = {};
	char addr[64];

	parse_spec(line, addr, &spec);
	s->vip = lb_setup_vip_get(&s->setup, &spec);
}

static void run_real(struct lb_scenario *s, const struct line *line)
{
	const char *mac = get_option(line, "mac");
	unsigned int i;

	for (i = 1; i < line->count; i++) {
		__u32 index = lb_setup_real(&s->setup, line->words[i]);
		struct lb_real *real = &s->setup.reals[index - 1].real;

		if (mac)
			parse_mac(mac, real->mac);
		if (get_choice(line, "local", NAMES("false", "true")))
			real->flags |= LB_REAL_LOCAL;
		lb_setup_member(s->vip, index, get_number(line, "weight", 1));
	}
}

static void run_gone(struct lb_scenario *s, const struct line *line)
{
	unsigned int i;

	for (i = 1; i < line->count; i++)
		lb_setup_member_gone(s->vip, lb_setup_real(&s->setup, line->words[i]));
}

static void run_down(struct lb_scenario *s, const struct line *line)
{
	bool is_down = !strcmp(line->words[0], "down");
	int fd = lb_case_map(&s->setup.lb, LB_DOWN_NAME);
	__u8 one = 1;
	unsigned int i;

	for (i = 1; i < line->count; i++) {
		struct lb_down_key key = {
			.vip = s->vip->spec.vip.number,
			.real = lb_setup_real(&s->setup, line->words[i]),
		};

		if (is_down)
			assert_int_equal(bpf_map_update_elem(fd, &key, &one, BPF_ANY), 0);
		else
			assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	}
}

/* --- what names reals ------------------------------------------------------------------------ */

static __u32 pin_real(struct lb_scenario *s, const char *addr)
{
	__u32 index = lb_setup_real(&s->setup, addr);

	s->setup.reals[index - 1].is_pinned = true;
	return index;
}

static void run_server_id(struct lb_scenario *s, const struct line *line)
{
	__u32 index = pin_real(s, line->words[2]);
	__u32 id = (__u32)strtoul(line->words[1], NULL, 0);

	set_element(s, LB_SERVER_IDS_NAME, &id, &index);
}

static void run_source(struct lb_scenario *s, const struct line *line)
{
	__u32 index = pin_real(s, line->words[2]);
	struct lb_source4_key key4;
	struct lb_source6_key key6;
	char addr[64];
	char *slash;

	snprintf(addr, sizeof(addr), "%s", line->words[1]);
	slash = strchr(addr, '/');
	assert_non_null(slash);
	*slash = '\0';
	key4.prefix_len = key6.prefix_len = (__u32)strtoul(slash + 1, NULL, 10);
	if (inet_pton(AF_INET, addr, &key4.addr) == 1) {
		set_element(s, LB_SOURCES4_NAME, &key4, &index);
	} else {
		assert_int_equal(inet_pton(AF_INET6, addr, key6.addr), 1);
		set_element(s, LB_SOURCES6_NAME, &key6, &index);
	}
}

/* --- the file -------------------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	unsigned int words; /* behind it, at least */
	void (*run)(struct lb_scenario *s, const struct line *line);
} verbs[] = {
	{ "program", 1, run_nothing }, { "set", 0, run_nothing },
	{ "gateway", 1, run_gateway }, { "source4", 1, run_source4 },
	{ "source6", 1, run_source6 }, { "gue_port", 1, run_gue_port },
	{ "tunnel", 1, run_tunnel },   { "vip", 3, run_vip },
	{ "at", 3, run_at },	       { "real", 1, run_real },
	{ "gone", 1, run_gone },       { "down", 1, run_down },
	{ "up", 1, run_down },	       { "server_id", 2, run_server_id },
	{ "source", 2, run_source },
};

static void run_line(struct lb_scenario *s, const struct line *line)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, line->words[0]) != 0)
			continue;
		assert_true(line->count > verbs[i].words);
		verbs[i].run(s, line);
		return;
	}
	fail_msg("%s: what is '%s'?", s->path, line->words[0]);
}

/* The lines before the packet @name; those before all packets where it is NULL. */
static bool run_block(struct lb_scenario *s, const char *name)
{
	bool is_now = !name, is_there = !name;
	struct line line;
	unsigned int i;

	for (i = 0; i < s->count; i++) {
		split_line(s->lines[i], &line);
		if (strcmp(line.words[0], "before") != 0) {
			if (is_now)
				run_line(s, &line);
			continue;
		}
		assert_int_equal(line.count, 2);
		is_now = name && !strcmp(line.words[1], name);
		is_there |= is_now;
	}
	return is_there;
}

static void read_lines(struct lb_scenario *s)
{
	FILE *file = fopen(s->path, "re");
	size_t size = 0;
	char *save, *line;

	if (!file)
		fail_msg("%s cannot be read", s->path);
	assert_true(getdelim(&s->text, &size, '\0', file) > 0);
	fclose(file);
	for (line = strtok_r(s->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "#")] = '\0';
		if (!line[strspn(line, " \t")])
			continue;
		assert_true(s->count < LB_SCENARIO_LINES);
		s->lines[s->count++] = line;
	}
}

/* "key=value" as slots.conf has it. */
static void add_settings(struct lb_scenario *s, const struct line *line)
{
	unsigned int i;

	for (i = 0; i < line->option_count; i++) {
		size_t used = strlen(s->settings), room = sizeof(s->settings) - used;
		int len = snprintf(s->settings + used, room, "%s%s", used ? " " : "",
				   line->options[i]);

		assert_true(len > 0 && (size_t)len < room);
	}
}

void lb_scenario_read(struct lb_scenario *scenario, const char *path)
{
	struct line line;
	unsigned int i;

	memset(scenario, 0, sizeof(*scenario));
	scenario->path = path;
	strcpy(scenario->program, "lb");
	read_lines(scenario);
	for (i = 0; i < scenario->count; i++) {
		split_line(scenario->lines[i], &line);
		if (!strcmp(line.words[0], "program"))
			snprintf(scenario->program, sizeof(scenario->program), "%s", line.words[1]);
		else if (!strcmp(line.words[0], "set"))
			add_settings(scenario, &line);
	}
}

void lb_scenario_start(struct lb_scenario *scenario, struct bpf_object *object)
{
	lb_setup_start(&scenario->setup, object);
	run_block(scenario, NULL);
	lb_setup_commit(&scenario->setup);
}

void lb_scenario_before(struct lb_scenario *scenario, const char *name)
{
	if (run_block(scenario, name))
		lb_setup_commit(&scenario->setup);
}

void lb_scenario_close(struct lb_scenario *scenario)
{
	lb_setup_close(&scenario->setup);
	free(scenario->text);
}
