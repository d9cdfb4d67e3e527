/* Which addresses a machine has: are they listed with and without netlink, put in order, and reduced to what is wanted? */
#include "loop/interface.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <ifaddrs.h>

#include "base/address.h"
#include "pool/env.h"
#include "suite.h"

/* In front of the C library's: a sandbox without netlink. */
static bool forbid_getifaddrs;

int getifaddrs(struct ifaddrs **list) {
	static __typeof__(getifaddrs) *real;
	if (forbid_getifaddrs) {
		errno = EACCES;
		return -1;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getifaddrs");
	return real(list);
}

static void add(struct interface_list *l, const char *text, bool default_route) {
	struct interface_address *a = &l->at[l->count++];
	*a = (struct interface_address){.name = "if", .index = 1, .default_route = default_route};
	ck_assert(address_parse(text, strlen(text), &a->addr));
	a->loopback = address_is_loopback(&a->addr);
	a->link_local = address_is_link_local(&a->addr);
}

static const char *text_of(const struct interface_address *a) {
	static char text[ADDRESS_TEXT_MAX];
	ck_assert_int_gt(address_format(&a->addr, text, sizeof text), 0);
	return text;
}

static bool holds(const struct interface_list *l, const char *text) {
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(text_of(&l->at[i]), text) == 0)
			return true;
	return false;
}

START_TEST(test_this_machine_has_a_loopback_address_and_asking_by_ioctl_says_the_same) {
	struct interface_list with, without;
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	interface_list_get(env, &with);
	forbid_getifaddrs = true;
	interface_list_get(env, &without);
	forbid_getifaddrs = false;
	ck_assert(holds(&with, "127.0.0.1"));
	ck_assert_uint_eq(with.count, without.count);
	for (size_t i = 0; i < with.count; i++) {
		ck_assert(holds(&without, text_of(&with.at[i])));
		ck_assert_uint_gt(with.at[i].index, 0);
		ck_assert_uint_eq(address_port(&with.at[i].addr), 0);
	}
	sluice_env_free(env);
}
END_TEST

START_TEST(test_families_alternate_and_the_worst_kinds_are_last) {
	static const char *const expected[] = {"2001:db8::2", "198.51.100.7", "2001:db8::1", "192.0.2.1", "192.0.2.2",
	                                       "fe80::1",     "169.254.1.1",  "::1",         "127.0.0.1"};
	struct interface_list l = {0};
	add(&l, "127.0.0.1", false);
	add(&l, "::1", false);
	add(&l, "169.254.1.1", false);
	add(&l, "fe80::1", false);
	add(&l, "192.0.2.1", false);
	add(&l, "2001:db8::1", false);
	add(&l, "192.0.2.2", false);
	add(&l, "198.51.100.7", true);
	add(&l, "2001:db8::2", true);
	interface_list_order(&l);
	for (size_t i = 0; i < l.count; i++)
		ck_assert_str_eq(text_of(&l.at[i]), expected[i]);
}
END_TEST

START_TEST(test_loopback_is_wanted_when_asked_for_or_alone) {
	struct interface_list l = {0}, alone = {0}, asked;
	add(&l, "192.0.2.1", false);
	add(&l, "127.0.0.1", false);
	add(&alone, "127.0.0.1", false);
	add(&alone, "::1", false);
	asked = l;
	interface_list_choose(&l, true, true, false);
	ck_assert(l.count == 1 && holds(&l, "192.0.2.1"));
	interface_list_choose(&asked, true, true, true);
	ck_assert_uint_eq(asked.count, 2);
	interface_list_choose(&alone, true, true, false);
	ck_assert_uint_eq(alone.count, 2);
}
END_TEST

START_TEST(test_link_local_ipv6_addresses_are_wanted_only_where_nothing_better_is) {
	struct interface_list l = {0}, alone = {0};
	add(&l, "fe80::1", false);
	add(&l, "192.0.2.1", false);
	add(&alone, "fe80::1", false);
	add(&alone, "::1", false);
	interface_list_choose(&l, true, true, false);
	ck_assert(l.count == 1 && holds(&l, "192.0.2.1"));
	interface_list_choose(&alone, true, true, false);
	ck_assert(alone.count == 1 && holds(&alone, "fe80::1"));
}
END_TEST

START_TEST(test_a_family_can_be_left_out) {
	struct interface_list l = {0};
	add(&l, "2001:db8::1", false);
	add(&l, "192.0.2.1", false);
	struct interface_list v6 = l;
	interface_list_choose(&l, true, false, false);
	ck_assert(l.count == 1 && holds(&l, "192.0.2.1"));
	interface_list_choose(&v6, false, true, false);
	ck_assert(v6.count == 1 && holds(&v6, "2001:db8::1"));
}
END_TEST

SUITE("interface", test_this_machine_has_a_loopback_address_and_asking_by_ioctl_says_the_same,
      test_families_alternate_and_the_worst_kinds_are_last, test_loopback_is_wanted_when_asked_for_or_alone,
      test_link_local_ipv6_addresses_are_wanted_only_where_nothing_better_is, test_a_family_can_be_left_out)
