// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verified: does this object load here, how much work had the verifier with it, and how much stack does it take?
 *
 * A million steps is where it gives up, on any path or version, and 512 bytes of stack, summed along the calls that
 * lie within each other: the numbers tell how near. tests/vm/gate holds them to what is recorded.
 * Log level 4 tells the frames of a program's functions, in the order of where they begin; who calls whom is read
 * here from the program itself. Each frame counts as a whole number of 32 bytes, as 6.1 has it.
 *
 * verified OBJECT ...
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define LOG_BYTES	4096
#define PROGS_MAX	16
#define FUNCS_MAX	256
#define FRAME_UNIT	32u

struct func {
	size_t begin;
	unsigned int stack, deepest;	/* its own, and with the deepest of what it calls; 0: not yet known */
};

struct prog {
	struct func func[FUNCS_MAX];
	size_t n;
	const struct bpf_insn *insn;
	size_t n_insns;
};

static bool is_call(const struct bpf_insn *insn)
{
	if (insn->code == (BPF_JMP | BPF_CALL))
		return insn->src_reg == BPF_PSEUDO_CALL;
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;
}

static int by_begin(const void *a, const void *b)
{
	const struct func *x = a, *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

static struct func *func_at(struct prog *p, size_t at)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->func[i].begin == at)
			return &p->func[i];
	return NULL;
}

/* Where functions begin, as the kernel numbers them. */
static void find_functions(struct prog *p)
{
	p->func[p->n++].begin = 0;
	for (size_t i = 0; i < p->n_insns; i++) {
		size_t to = i + 1 + p->insn[i].imm;

		if (is_call(&p->insn[i]) && !func_at(p, to) && p->n < FUNCS_MAX)
			p->func[p->n++].begin = to;
	}
	qsort(p->func, p->n, sizeof(*p->func), by_begin);
}

/* From "stack depth 88+24+0": false when the kernel took a function away, as one that nobody calls. */
static bool read_frames(struct prog *p, const char *log)
{
	const char *s = strstr(log, "stack depth ");
	size_t n = 0;
	char *end;

	if (!s)
		return false;
	for (s += strlen("stack depth "); n < p->n; s = end + 1) {
		p->func[n++].stack = strtoul(s, &end, 10);
		if (*end != '+')
			return n == p->n;
	}
	return false;
}

static unsigned int whole(unsigned int stack)
{
	return ((stack ? stack : 1) + FRAME_UNIT - 1) / FRAME_UNIT * FRAME_UNIT;
}

/* The kernel lets nobody call himself, so this ends. */
static unsigned int deepest(struct prog *p, struct func *f)
{
	size_t end = f + 1 < p->func + p->n ? f[1].begin : p->n_insns;
	unsigned int most = 0, below;

	if (f->deepest)
		return f->deepest;
	for (size_t i = f->begin; i < end; i++) {
		if (!is_call(&p->insn[i]))
			continue;
		below = deepest(p, func_at(p, i + 1 + p->insn[i].imm));
		most = below > most ? below : most;
	}
	return f->deepest = whole(f->stack) + most;
}

static unsigned int stack_of(const struct bpf_program *prog, const char *log)
{
	static struct prog p;

	p = (struct prog){ .insn = bpf_program__insns(prog), .n_insns = bpf_program__insn_cnt(prog) };
	find_functions(&p);
	return read_frames(&p, log) ? deepest(&p, &p.func[0]) : 0;
}

static int print_programs(struct bpf_object *obj, char log[][LOG_BYTES])
{
	struct bpf_program *prog;
	struct utsname u;
	int n = 0;

	uname(&u);
	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			return -errno;
		printf("%s: %u instructions, verified in %u steps, %u bytes of stack, by %s\n",
		       bpf_program__name(prog), info.xlated_prog_len / 8, info.verified_insns,
		       stack_of(prog, log[n++]), u.release);
	}
	return 0;
}

/* With room for what the kernel tells of each; without, libbpf shows why one was refused. */
static int load(const char *path, bool tell)
{
	static char log[PROGS_MAX][LOG_BYTES];
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;
	int err = obj ? 0 : -errno, n = 0;

	if (obj && tell)
		bpf_object__for_each_program(prog, obj) {
			if (n == PROGS_MAX)
				return -E2BIG;
			bpf_program__set_log_level(prog, 4);
			bpf_program__set_log_buf(prog, log[n++], LOG_BYTES);
		}
	if (!err)
		err = bpf_object__load(obj);
	if (!err && tell)
		err = print_programs(obj, log);
	bpf_object__close(obj);
	return err;
}

int main(int argc, char **argv)
{
	int bad = 0, err;

	for (int i = 1; i < argc; i++) {
		err = load(argv[i], true);
		if (!err)
			continue;
		load(argv[i], false);
		fprintf(stderr, "verified: %s: %s\n", argv[i], strerror(-err));
		bad = 1;
	}
	return bad;
}
