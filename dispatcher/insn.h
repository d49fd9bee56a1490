/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few BPF instructions that a root is made of, by their names in the kernel's disassembly. */
#ifndef ROOT_INSN_H
#define ROOT_INSN_H

#include <linux/bpf.h>

static inline struct bpf_insn insn_make(__u8 code, __u8 dst, __u8 src, __s16 off, __s32 imm)
{
	return (struct bpf_insn){
		.code = code,
		.dst_reg = dst & 0xf,
		.src_reg = src & 0xf,
		.off = off,
		.imm = imm,
	};
}

/* dst = src, 64 bits */
static inline struct bpf_insn insn_mov(__u8 dst, __u8 src)
{
	return insn_make(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

/* dst = src, 32 bits, upper half zero */
static inline struct bpf_insn insn_mov32(__u8 dst, __u8 src)
{
	return insn_make(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static inline struct bpf_insn insn_mov_imm(__u8 dst, __s32 imm)
{
	return insn_make(BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

/* dst op= imm, 64 bits; op is BPF_ADD, BPF_AND, BPF_LSH... */
static inline struct bpf_insn insn_alu_imm(__u8 op, __u8 dst, __s32 imm)
{
	return insn_make(BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
}

static inline struct bpf_insn insn_add(__u8 dst, __u8 src)
{
	return insn_make(BPF_ALU64 | BPF_ADD | BPF_X, dst, src, 0, 0);
}

/* dst = *(u64 *)(src + off) */
static inline struct bpf_insn insn_load64(__u8 dst, __u8 src, __s16 off)
{
	return insn_make(BPF_LDX | BPF_MEM | BPF_DW, dst, src, off, 0);
}

/* dst = *(u32 *)(src + off), upper half zero */
static inline struct bpf_insn insn_load32(__u8 dst, __u8 src, __s16 off)
{
	return insn_make(BPF_LDX | BPF_MEM | BPF_W, dst, src, off, 0);
}

/* *(u64 *)(dst + off) = src */
static inline struct bpf_insn insn_store64(__u8 dst, __u8 src, __s16 off)
{
	return insn_make(BPF_STX | BPF_MEM | BPF_DW, dst, src, off, 0);
}

/* *(u64 *)(dst + off) += src, atomically */
static inline struct bpf_insn insn_atomic_add64(__u8 dst, __u8 src, __s16 off)
{
	return insn_make(BPF_STX | BPF_ATOMIC | BPF_DW, dst, src, off, BPF_ADD);
}

/* if (u32)dst op imm goto; op is BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JLE, BPF_JLT: imm counts as u32 */
static inline struct bpf_insn insn_jump32(__u8 op, __u8 dst, __s32 imm)
{
	return insn_make(BPF_JMP32 | op | BPF_K, dst, 0, 0, imm);
}

static inline struct bpf_insn insn_goto(void)
{
	return insn_make(BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

static inline struct bpf_insn insn_call_helper(__s32 helper)
{
	return insn_make(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static inline struct bpf_insn insn_call_func(void)
{
	return insn_make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
}

static inline struct bpf_insn insn_exit(void)
{
	return insn_make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static inline int is_insn_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

#endif
