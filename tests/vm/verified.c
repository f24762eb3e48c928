// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verified: does this object load here, and how much work had the verifier with it?
 *
 * A million instructions is where it gives up, on any path or version: the number tells how near.
 *
 * verified OBJECT ...
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int print_programs(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			return -errno;
		printf("%s: %u instructions, verified in %u steps\n", bpf_program__name(prog),
		       info.xlated_prog_len / 8, info.verified_insns);
	}
	return 0;
}

static int load(const char *path)
{
	struct bpf_object *obj = bpf_object__open(path);
	int err = obj ? bpf_object__load(obj) : -errno;

	if (!err)
		err = print_programs(obj);
	if (err)
		fprintf(stderr, "verified: %s: %s\n", path, strerror(-err));
	bpf_object__close(obj);
	return err;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= load(argv[i]);
	return bad ? 1 : 0;
}
