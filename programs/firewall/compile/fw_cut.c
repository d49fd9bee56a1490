/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/compile/fw_cut.h"

#include <stdint.h>
#include <string.h>

/* So many entries of a large set tell how a cut does. */
#define SAMPLE_MAX 384
/* Bits at which a cut may begin. */
#define SHIFT_STEP 2
/* Widths tried everywhere; where the set is large the best cut is then widened. */
#define TRIED_WIDTH_MAX 8
/* Widths up to this are tried however small the set is. */
#define WIDTH_MIN 4
/* What an entry that has to go to another tree weighs, in entries left for a packet. */
#define LEFT_WEIGHT 0.5
/* And what a node more weighs. */
#define NODE_WEIGHT 1.5
/* At most so much of what was there may be left behind a cut that is worth it. */
#define SCORE_MAX 0.85

/* The bits that all numbers of a range have in common. */
static struct fw_bits get_range_bits(const struct fw_range *range)
{
	__u32 low = range->lo ^ range->hi;

	while (low & (low + 1))
		low |= low >> 1;
	return (struct fw_bits){ .value = range->lo & ~low, .mask = 0xffff & ~low };
}

static void set_port_bits(struct fw_ternary *ternary, unsigned int port, unsigned int shift)
{
	struct fw_bits bits = get_range_bits(&ternary->ports[port]);

	ternary->bits[0].value |= bits.value << shift;
	ternary->bits[0].mask |= bits.mask << shift;
}

void fw_ternary_set(const struct fw_entry *entry, struct fw_ternary *ret_ternary)
{
	const struct fw_port_ranges *ports = &entry->ports;

	memcpy(ret_ternary->bits, entry->bits, sizeof(ret_ternary->bits));
	ret_ternary->ports[0].lo = ports->dport_lo;
	ret_ternary->ports[0].hi = (__u32)ports->dport_lo + ports->dport_span;
	ret_ternary->ports[1].lo = ports->sport_lo;
	ret_ternary->ports[1].hi = (__u32)ports->sport_lo + ports->sport_span;
	set_port_bits(ret_ternary, 0, FW_DPORT_SHIFT);
	set_port_bits(ret_ternary, 1, FW_SPORT_SHIFT);
}

static unsigned int count_bits(__u64 value)
{
	return (unsigned int)__builtin_popcountll(value);
}

/* The most bits left open that keeps the copies of all entries within bounds. */
static unsigned int get_open_max(const size_t *by_open, unsigned int width, size_t copies_max,
				 size_t *ret_left)
{
	size_t copies = 0;
	unsigned int open;

	for (open = 0; open <= width && open <= FW_CUT_WIDTH_MAX; open++) {
		copies += by_open[open] << open;
		if (by_open[open] && copies > copies_max)
			break;
		*ret_left -= by_open[open];
	}
	return open - 1;
}

struct sample {
	const struct fw_set *set;
	size_t step;
	size_t count;
};

static const struct fw_ternary *get_sampled(const struct sample *sample, size_t i)
{
	return &sample->set->ternaries[sample->set->items[i * sample->step]];
}

static __u32 clamp(__u32 value, __u32 lo, __u32 hi)
{
	return value < lo ? lo : value > hi ? hi : value;
}

/* 2^result is at least @count. */
static unsigned int get_log2(__u32 count)
{
	return count > 1 ? 32 - (unsigned int)__builtin_clz(count - 1) : 0;
}

static struct fw_places get_run(const struct fw_cut *cut, const struct fw_range *ports)
{
	unsigned int shift = cut->shift & 15;
	__u32 last = cut->first + (((1U << cut->width) - 1) << shift) + (1U << shift) - 1;
	__u32 lo = (clamp(ports->lo, cut->first, last) - cut->first) >> shift;
	__u32 hi = (clamp(ports->hi, cut->first, last) - cut->first) >> shift;

	return (struct fw_places){ .first = lo,
				   .run = hi - lo + 1,
				   .open_bits = get_log2(hi - lo + 1) };
}

struct fw_places fw_cut_places(const struct fw_cut *cut, const struct fw_ternary *ternary)
{
	const struct fw_bits *bits = &ternary->bits[cut->word];
	__u32 all = (1U << cut->width) - 1, open = ~(__u32)(bits->mask >> cut->shift) & all;

	if (cut->is_range)
		return get_run(cut, &ternary->ports[cut->is_sport]);
	return (struct fw_places){ .first = (__u32)(bits->value >> cut->shift) & all,
				   .open = open,
				   .run = 1,
				   .open_bits = count_bits(open) };
}

/* Whether the cut's bits follow a port's fixed ones. */
static void set_range(const struct fw_set *set, struct fw_cut *cut)
{
	unsigned int field = cut->shift & ~15U, shift = cut->shift & 15;
	__u64 above = (0xffffULL << shift << cut->width & 0xffff) << field;

	cut->is_range = !cut->word && cut->shift < 32 && shift + cut->width <= 16 &&
			(set->fixed.mask & above) == above &&
			!(set->fixed.mask >> field & ((1U << shift << cut->width) - 1));
	cut->is_sport = field == FW_SPORT_SHIFT;
	cut->first = (__u32)((set->fixed.value & above) >> field);
}

static void count_open(const struct sample *sample, const struct fw_cut *cut, size_t *by_open)
{
	size_t i;

	memset(by_open, 0, (FW_CUT_WIDTH_MAX + 1) * sizeof(*by_open));
	for (i = 0; i < sample->count; i++)
		by_open[fw_cut_places(cut, get_sampled(sample, i)).open_bits]++;
}

/* Returns how many entries go to every child. */
static size_t count_children(const struct sample *sample, const struct fw_cut *cut, __u32 *counts)
{
	size_t i, everywhere = 0;

	memset(counts, 0, sizeof(*counts) << cut->width);
	for (i = 0; i < sample->count; i++) {
		struct fw_places to = fw_cut_places(cut, get_sampled(sample, i));
		__u32 at = 0;

		if (to.open_bits > cut->open_max)
			continue;
		if (to.open_bits == cut->width) {
			everywhere++;
			continue;
		}
		for (; to.run; to.run--) {
			do {
				counts[to.first | at]++;
				at = (at - to.open) & to.open;
			} while (at);
			to.first++;
		}
	}
	return everywhere;
}

/* Sets cut->open_max and cut->score, as a share of the set. */
static void judge_cut(const struct sample *sample, bool may_leave, struct fw_cut *cut)
{
	static _Thread_local __u32 counts[1 << FW_CUT_WIDTH_MAX];
	size_t by_open[FW_CUT_WIDTH_MAX + 1], left = sample->count, everywhere;
	size_t copies_max = sample->set->copies_max * sample->count;
	double sum = 0, squares = 0;
	__u32 i;

	set_range(sample->set, cut);
	count_open(sample, cut, by_open);
	cut->open_max = get_open_max(by_open, cut->width, may_leave ? copies_max : SIZE_MAX, &left);
	everywhere = count_children(sample, cut, counts);
	for (i = 0; i < 1U << cut->width; i++) {
		double size = (double)(counts[i] + everywhere);

		sum += size;
		squares += size * size;
	}
	cut->score = (double)sample->count;
	if (sum > 0)
		cut->score = squares / sum * (3 + sum / (double)(sample->count - left)) / 4 +
			     LEFT_WEIGHT * (double)left + (left ? sample->set->tree_weight : 0);
	cut->score /= (double)sample->count;
}

/* Bits of a word in which entries differ. */
static __u64 get_useful(const struct sample *sample, unsigned int word)
{
	const struct fw_bits *first = &get_sampled(sample, 0)->bits[word];
	__u64 any = 0, differ = 0;
	size_t i;

	for (i = 0; i < sample->count; i++) {
		const struct fw_bits *bits = &get_sampled(sample, i)->bits[word];

		any |= bits->mask;
		differ |= (bits->value ^ first->value) | (bits->mask ^ first->mask);
	}
	return any & differ;
}

static void try_word(const struct sample *sample, unsigned int word, unsigned int width_max,
		     bool may_leave, struct fw_cut *best)
{
	__u64 useful = get_useful(sample, word);
	unsigned int shift, width;

	for (width = 2; width <= width_max; width += 2) {
		for (shift = 0; shift + width <= 64; shift += SHIFT_STEP) {
			struct fw_cut cut = { .word = word, .shift = shift, .width = width };

			if (!(useful >> shift & ((1U << width) - 1)))
				continue;
			judge_cut(sample, may_leave, &cut);
			if (cut.score < best->score)
				*best = cut;
		}
	}
}

/* Wider, towards lower bits, while that divides what is left; only a large set pays for it. */
static void widen_cut(const struct fw_set *set, bool may_leave, struct fw_cut *best)
{
	struct sample all = { .set = set, .step = 1, .count = set->count };
	struct fw_cut cut = *best;

	judge_cut(&all, may_leave, best);
	while (cut.width + 2 <= FW_CUT_WIDTH_MAX && cut.shift >= 2 &&
	       set->count >> (cut.width + 1)) {
		cut.width += 2;
		cut.shift -= 2;
		judge_cut(&all, may_leave, &cut);
		if (cut.score > best->score)
			return;
		*best = cut;
	}
}

bool fw_cut_choose(const struct fw_set *set, unsigned int words, bool may_leave,
		   struct fw_cut *ret_cut)
{
	double score_max = 1 - NODE_WEIGHT / (double)set->count;
	struct fw_cut best = { .score = score_max < SCORE_MAX ? score_max : SCORE_MAX };
	struct sample sample = { .set = set, .step = 1, .count = set->count };
	unsigned int word, width_max = WIDTH_MIN;

	if (set->count > SAMPLE_MAX) {
		sample.step = set->count / SAMPLE_MAX;
		sample.count = SAMPLE_MAX;
	}
	while (width_max < TRIED_WIDTH_MAX && sample.count >> width_max > 1)
		width_max += 2;
	for (word = 0; word < words; word++)
		try_word(&sample, word, width_max, may_leave, &best);
	if (!best.width)
		return false;
	if (best.width == TRIED_WIDTH_MAX)
		widen_cut(set, may_leave, &best);
	*ret_cut = best;
	return true;
}
