/* What do the parts of `sluice serve` do that touch neither a peer nor HTTP: rooms, the folder of files, the pages? */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"
#include "tools/secret.h"
#include "tools/serve/pages.h"
#include "tools/serve/rooms.h"
#include "tools/serve/store.h"

/* ---- rooms ------------------------------------------------------------------------------------------------------- */

static enum room_result put(struct rooms *r, const char *name, enum room_slot slot, const char *text, double now) {
	return rooms_put(r, name, slot, &(struct room_letter){.body = text, .len = strlen(text)}, now);
}

static enum room_result put_new(struct rooms *r, const char *name, const char *text, double now) {
	return rooms_put(r, name, ROOM_OFFER, &(struct room_letter){.body = text, .len = strlen(text), .only_new = true}, now);
}

/* What came, or "" with the result in *result. */
static const char *take(struct rooms *r, const char *name, enum room_slot slot, double now, enum room_result *result) {
	static char text[64];
	void *body = NULL;
	size_t len = 0;
	*result = rooms_take(r, name, slot, &body, &len, now);
	snprintf(text, sizeof text, "%.*s", (int)len, body ? (const char *)body : "");
	secret_free(body);
	return text;
}

START_TEST(test_an_offer_and_an_answer_pass_through_a_room) {
	struct rooms *r = rooms_new(ROOM_MAX + 1);
	enum room_result result;
	ck_assert_int_eq(put(r, "a", ROOM_OFFER, "offer", 0), ROOM_STORED);
	ck_assert_str_eq(take(r, "a", ROOM_ANSWER, 1, &result), "");
	ck_assert_int_eq(result, ROOM_NOTHING_YET);
	ck_assert_str_eq(take(r, "a", ROOM_OFFER, 1, &result), "offer");
	ck_assert_int_eq(result, ROOM_OK);
	ck_assert_int_eq(put(r, "a", ROOM_ANSWER, "answer", 2), ROOM_STORED);
	ck_assert_str_eq(take(r, "a", ROOM_ANSWER, 3, &result), "answer");
	ck_assert_str_eq(take(r, "a", ROOM_ANSWER, 3, &result), "");
	ck_assert_int_eq(result, ROOM_NO_SUCH);
	rooms_free(r);
}
END_TEST

START_TEST(test_of_two_equal_ends_one_offers_and_one_is_told_to_answer) {
	struct rooms *r = rooms_new(ROOM_MAX + 1);
	ck_assert_int_eq(put_new(r, "a", "x", 0), ROOM_STORED);
	ck_assert_int_eq(put_new(r, "a", "y", 1), ROOM_THERE_ALREADY);
	enum room_result result;
	ck_assert_str_eq(take(r, "a", ROOM_OFFER, 2, &result), "x");
	ck_assert_int_eq(put_new(r, "a", "z", 3), ROOM_THERE_ALREADY);
	rooms_free(r);
}
END_TEST

START_TEST(test_an_offer_is_taken_by_one_reader_only) {
	struct rooms *r = rooms_new(ROOM_MAX + 1);
	enum room_result result;
	put(r, "a", ROOM_OFFER, "offer", 0);
	take(r, "a", ROOM_OFFER, 0, &result);
	ck_assert_int_eq(result, ROOM_OK);
	take(r, "a", ROOM_OFFER, 0, &result);
	ck_assert_int_eq(result, ROOM_NOTHING_YET);
	rooms_free(r);
}
END_TEST

START_TEST(test_an_answer_needs_an_offer_that_was_taken_and_is_given_once) {
	struct rooms *r = rooms_new(ROOM_MAX + 1);
	enum room_result result;
	ck_assert_int_eq(put(r, "a", ROOM_ANSWER, "answer", 0), ROOM_NO_SUCH);
	put(r, "a", ROOM_OFFER, "offer", 0);
	ck_assert_int_eq(put(r, "a", ROOM_ANSWER, "answer", 0), ROOM_CONFLICT);
	take(r, "a", ROOM_OFFER, 0, &result);
	ck_assert_int_eq(put(r, "a", ROOM_ANSWER, "answer", 0), ROOM_STORED);
	ck_assert_int_eq(put(r, "a", ROOM_ANSWER, "another", 0), ROOM_CONFLICT);
	rooms_free(r);
}
END_TEST

START_TEST(test_a_new_offer_takes_the_place_of_an_old_one_and_its_answer) {
	struct rooms *r = rooms_new(ROOM_MAX + 1);
	enum room_result result;
	put(r, "a", ROOM_OFFER, "old", 0);
	take(r, "a", ROOM_OFFER, 0, &result);
	put(r, "a", ROOM_ANSWER, "to the old", 0);
	ck_assert_int_eq(put(r, "a", ROOM_OFFER, "new", 1), ROOM_STORED);
	take(r, "a", ROOM_ANSWER, 1, &result);
	ck_assert_int_eq(result, ROOM_NOTHING_YET);
	ck_assert_str_eq(take(r, "a", ROOM_OFFER, 1, &result), "new");
	rooms_free(r);
}
END_TEST

START_TEST(test_a_room_that_nobody_touches_goes_and_a_step_keeps_it) {
	struct rooms *r = rooms_new(ROOM_MAX + 1);
	enum room_result result;
	put(r, "a", ROOM_OFFER, "offer", 0);
	take(r, "a", ROOM_OFFER, ROOM_LIFETIME - 1, &result);
	ck_assert_int_eq(put(r, "a", ROOM_ANSWER, "answer", 2 * ROOM_LIFETIME - 2), ROOM_STORED);
	take(r, "a", ROOM_ANSWER, 4 * ROOM_LIFETIME, &result);
	ck_assert_int_eq(result, ROOM_NO_SUCH);
	rooms_free(r);
}
END_TEST

START_TEST(test_there_are_only_so_many_rooms_and_places_come_back) {
	struct rooms *r = rooms_new(ROOM_MAX + 1);
	char name[16];
	for (int i = 0; i < ROOM_MAX; i++) {
		snprintf(name, sizeof name, "r%d", i);
		ck_assert_int_eq(put(r, name, ROOM_OFFER, "x", 0), ROOM_STORED);
	}
	ck_assert_int_eq(put(r, "more", ROOM_OFFER, "x", 0), ROOM_FULL);
	rooms_remove(r, "r7", 0);
	ck_assert_int_eq(put(r, "more", ROOM_OFFER, "x", 0), ROOM_STORED);
	ck_assert_int_eq(put(r, "late", ROOM_OFFER, "x", ROOM_LIFETIME + 1), ROOM_STORED);
	rooms_free(r);
}
END_TEST

START_TEST(test_names_of_rooms_are_plain) {
	char longest[ROOM_NAME_MAX + 2];
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	ck_assert(rooms_name_is_valid("a-B_9.x", 7));
	ck_assert(rooms_name_is_valid(longest, ROOM_NAME_MAX));
	ck_assert(!rooms_name_is_valid(longest, ROOM_NAME_MAX + 1));
	ck_assert(!rooms_name_is_valid("", 0));
	ck_assert(!rooms_name_is_valid("a b", 3));
	ck_assert(!rooms_name_is_valid("a\xc3\xa4", 3));
}
END_TEST

/* ---- the folder -------------------------------------------------------------------------------------------------- */

struct folder {
	char path[64];
	struct store *store;
};

static void folder_make(struct folder *f, uint64_t max_file, uint64_t quota) {
	strcpy(f->path, "/tmp/test_tool_serve.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->path));
	f->store = store_open(f->path, max_file, quota);
	ck_assert_ptr_nonnull(f->store);
}

static void folder_drop(struct folder *f) {
	char command[128];
	store_close(f->store);
	snprintf(command, sizeof command, "rm -rf %s", f->path);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const struct folder *f, const char *name) {
	static char path[512];
	snprintf(path, sizeof path, "%s/%s", f->path, name);
	return path;
}

static void count_file(const char *name, uint64_t size, int64_t modified, void *ctx) {
	(void)name, (void)size, (void)modified;
	++*(int *)ctx;
}

static int files_of(const struct folder *f) {
	int n = 0;
	store_list(f->store, count_file, &n);
	return n;
}

/* Writes a whole file; returns NULL or why not. name_out: what it is called. */
static const char *upload(struct folder *f, const char *name, const char *text, char *name_out, size_t size) {
	const char *why;
	struct incoming *in = store_write(f->store, name, strlen(text), &why);
	if (!in)
		return why;
	why = store_incoming_add(in, text, strlen(text));
	if (!why)
		return store_incoming_finish(in, name_out, size);
	store_incoming_drop(in);
	return why;
}

START_TEST(test_a_file_appears_when_it_is_complete_and_not_before) {
	struct folder f;
	char name[256];
	const char *why;
	folder_make(&f, 100, 1000);
	struct incoming *in = store_write(f.store, "a.txt", 5, &why);
	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_null(store_incoming_add(in, "hel", 3));
	ck_assert_int_eq(files_of(&f), 0);
	ck_assert_ptr_null(store_incoming_add(in, "lo", 2));
	ck_assert_ptr_null(store_incoming_finish(in, name, sizeof name));
	ck_assert_str_eq(name, "a.txt");
	ck_assert_int_eq(files_of(&f), 1);
	uint64_t size;
	char text[8] = "";
	int fd = store_read(f.store, "a.txt", &size);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(read(fd, text, sizeof text), 5);
	ck_assert_str_eq(text, "hello");
	close(fd);
	folder_drop(&f);
}
END_TEST

START_TEST(test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten) {
	struct folder f;
	char name[256];
	folder_make(&f, 100, 1000);
	ck_assert_ptr_null(upload(&f, "a.tar.gz", "1", name, sizeof name));
	ck_assert_ptr_null(upload(&f, "a.tar.gz", "2", name, sizeof name));
	ck_assert_str_eq(name, "a.tar (2).gz");
	ck_assert_ptr_null(upload(&f, "plain", "1", name, sizeof name));
	ck_assert_ptr_null(upload(&f, "plain", "2", name, sizeof name));
	ck_assert_str_eq(name, "plain (2)");
	ck_assert_int_eq(files_of(&f), 4);
	folder_drop(&f);
}
END_TEST

START_TEST(test_what_is_given_up_leaves_nothing_behind) {
	struct folder f;
	const char *why;
	folder_make(&f, 100, 100);
	struct incoming *in = store_write(f.store, "a", 80, &why);
	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_null(store_write(f.store, "b", 80, &why)); /* announced bytes count */
	store_incoming_drop(in);
	ck_assert_int_eq(rmdir(f.path), 0); /* it is empty, hidden files included */
	ck_assert_int_eq(mkdir(f.path, 0700), 0);
	folder_drop(&f);
}
END_TEST

START_TEST(test_names_that_lead_out_of_the_folder_are_no_names) {
	static const char *const names[] = {"",
	                                    ".",
	                                    "..",
	                                    "../a",
	                                    "a/b",
	                                    "/etc/passwd",
	                                    ".hidden",
	                                    ".sluice-upload-1",
	                                    "a\nb",
	                                    "a\177b",
	                                    "a\xc2\x9b"
	                                    "b",
	                                    "fdp.\xe2\x80\xae"
	                                    "exe",
	                                    "a\xff"};
	struct folder f;
	uint64_t size;
	const char *why;
	char longest[STORE_NAME_MAX + 2];
	folder_make(&f, 100, 1000);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ck_assert_ptr_null(store_write(f.store, names[i], 1, &why));
		ck_assert_int_lt(store_read(f.store, names[i], &size), 0);
	}
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	ck_assert_ptr_null(store_write(f.store, longest, 1, &why));
	folder_drop(&f);
}
END_TEST

START_TEST(test_links_pipes_and_folders_are_neither_listed_nor_read) {
	struct folder f;
	uint64_t size;
	folder_make(&f, 100, 1000);
	ck_assert_int_eq(symlink("/etc/passwd", in_folder(&f, "link")), 0);
	ck_assert_int_eq(mkfifo(in_folder(&f, "pipe"), 0600), 0);
	ck_assert_int_eq(mkdir(in_folder(&f, "folder"), 0700), 0);
	ck_assert_int_eq(files_of(&f), 0);
	ck_assert_int_lt(store_read(f.store, "link", &size), 0);
	ck_assert_int_lt(store_read(f.store, "pipe", &size), 0);
	ck_assert_int_lt(store_read(f.store, "folder", &size), 0);
	folder_drop(&f);
}
END_TEST

START_TEST(test_sizes_are_limited_one_by_one_and_in_all) {
	struct folder f;
	char name[256];
	const char *why;
	folder_make(&f, 10, 25);
	ck_assert_ptr_null(store_write(f.store, "a", 11, &why));
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_null(upload(&f, "a", "0123456789", name, sizeof name));
	ck_assert_ptr_null(upload(&f, "b", "0123456789", name, sizeof name));
	ck_assert_ptr_nonnull(upload(&f, "c", "0123456789", name, sizeof name));
	ck_assert_ptr_null(upload(&f, "c", "01234", name, sizeof name));
	folder_drop(&f);
}
END_TEST

START_TEST(test_more_bytes_than_announced_are_refused) {
	struct folder f;
	const char *why;
	folder_make(&f, 100, 1000);
	struct incoming *in = store_write(f.store, "a", 3, &why);
	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(store_incoming_add(in, "four", 4));
	ck_assert_ptr_null(store_incoming_add(in, "thr", 3));
	store_incoming_drop(in);
	ck_assert_int_eq(files_of(&f), 0);
	folder_drop(&f);
}
END_TEST

/* ---- pages ------------------------------------------------------------------------------------------------------- */

START_TEST(test_the_embedded_pages_are_the_files_byte_for_byte) {
	ck_assert_uint_ge(embedded_page_count, 5);
	for (size_t i = 0; i < embedded_page_count; i++) {
		const struct page *p = &embedded_pages[i];
		unsigned char text[65536];
		int fd = pages_open(p, "src/tools/web");
		ck_assert_int_ge(fd, 0);
		ssize_t n = read(fd, text, sizeof text);
		close(fd);
		ck_assert_int_eq(n, p->len);
		ck_assert_mem_eq(text, p->bytes, p->len);
	}
}
END_TEST

START_TEST(test_only_pages_are_found_and_the_slash_is_the_index) {
	ck_assert_ptr_nonnull(pages_find("/"));
	ck_assert_ptr_eq(pages_find("/"), pages_find("/index.html"));
	ck_assert_str_eq(pages_type(pages_find("/")), "text/html; charset=utf-8");
	ck_assert_str_eq(pages_type(pages_find("/app.js")), "text/javascript; charset=utf-8");
	ck_assert_str_eq(pages_type(&(struct page){.name = "image.of-no-kind"}), "application/octet-stream");
	ck_assert_ptr_null(pages_find(""));
	ck_assert_ptr_null(pages_find("index.html"));
	ck_assert_ptr_null(pages_find("//index.html"));
	ck_assert_ptr_null(pages_find("/../web/index.html"));
	ck_assert_ptr_null(pages_find("/index.html/"));
}
END_TEST

SUITE("serve", test_an_offer_and_an_answer_pass_through_a_room, test_of_two_equal_ends_one_offers_and_one_is_told_to_answer,
      test_an_offer_is_taken_by_one_reader_only, test_an_answer_needs_an_offer_that_was_taken_and_is_given_once,
      test_a_new_offer_takes_the_place_of_an_old_one_and_its_answer, test_a_room_that_nobody_touches_goes_and_a_step_keeps_it,
      test_there_are_only_so_many_rooms_and_places_come_back, test_names_of_rooms_are_plain,
      test_a_file_appears_when_it_is_complete_and_not_before, test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten,
      test_what_is_given_up_leaves_nothing_behind, test_names_that_lead_out_of_the_folder_are_no_names,
      test_links_pipes_and_folders_are_neither_listed_nor_read, test_sizes_are_limited_one_by_one_and_in_all,
      test_more_bytes_than_announced_are_refused, test_the_embedded_pages_are_the_files_byte_for_byte,
      test_only_pages_are_found_and_the_slash_is_the_index)
