/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_addr: what address, network, port or route does this text name?
 *
 * Pure. True, or false with one sentence in @why (CONF_WHY bytes) that names what is wrong;
 * results are written only on true. IPv4 is held as v4-mapped IPv6 and never written that way.
 */
#ifndef BATON_CONF_ADDR_H
#define BATON_CONF_ADDR_H

#include "core/conf.h"

#define CONF_WHY 200

/* A host's own address: not multicast, loopback, unspecified or broadcast. */
bool addr_host(const char *text, struct in6_addr *ret, char *why);
/* "10.77.0.100/24 [dev IF]"; nor link-local, nor the network's own or broadcast address. */
bool addr_vip(const char *text, struct conf_vip *ret, char *why);
/* "5060", "5061/tls" */
bool addr_port(const char *text, struct conf_port *ret, char *why);
/* "5060-5080 udp", "5060 both" */
bool addr_rule(const char *text, struct conf_rule *ret, char *why);
/* "10.77.0.50:5060", "[fd00::50]:5060" */
bool addr_endpoint(const char *text, struct conf_endpoint *ret, char *why);
/* "10.88.0.0/16 via 10.77.0.1" */
bool addr_route(const char *text, struct conf_route *ret, char *why);
/* "eth0 10.77.0.2" */
bool addr_path(const char *text, struct conf_path *ret, char *why);

/* The other way; @len >= INET6_ADDRSTRLEN + 32 holds any of them. */
void addr_vip_text(const struct conf_vip *vip, char *buf, size_t len);
void addr_port_text(const struct conf_port *port, char *buf, size_t len);
void addr_endpoint_text(const struct conf_endpoint *end, char *buf, size_t len);
void addr_route_text(const struct conf_route *route, char *buf, size_t len);

/* Cut @text (which is changed) at blanks into at most @max words; returns how many there were. */
uint32_t addr_words(char *text, char **words, uint32_t max);

#endif
