/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf_endian, of the simulation: as libbpf's, for a little endian host. */
#ifndef SIM_BPF_ENDIAN_H
#define SIM_BPF_ENDIAN_H

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the simulation runs on little endian hosts only");

#define bpf_htons(x) ((__u16)__builtin_bswap16(x))
#define bpf_ntohs(x) ((__u16)__builtin_bswap16(x))
#define bpf_htonl(x) ((__u32)__builtin_bswap32(x))
#define bpf_ntohl(x) ((__u32)__builtin_bswap32(x))
#define bpf_cpu_to_be64(x) ((__u64)__builtin_bswap64(x))
#define bpf_be64_to_cpu(x) ((__u64)__builtin_bswap64(x))

#endif
