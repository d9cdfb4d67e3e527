/* Do files arrive whole, go on where they broke off, and stay in their folder? Two machines of transfer.h with queues between. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sluice.h"
#include "suite.h"
#include "tools/transfer.h"

/* ---- two ends and what lies between them ---------------------------------------------------------------------------- */

struct letter {
	bool text;
	size_t len;
	uint8_t *bytes;
};

struct queue {
	struct letter letters[64];
	size_t count, limit; /* limit: would block beyond it */
	size_t sent;         /* in all */
	size_t flip;         /* the letter of that number gets a bit flipped; 0: none */
};

struct seen {
	unsigned events[TRANSFER_BROKEN + 1];
	char reason[300];
	char stored[300];
	uint64_t resumed_at, resumed_in_all;
};

static struct world {
	char folder[64], source[96], target[96];
	struct queue to_receiver, to_sender;
	struct file_sender *sender;
	struct file_receiver *receiver;
	struct seen sent, received;
} w;

static int push(void *ctx, bool text, const void *data, size_t len) {
	struct queue *q = ctx;
	if (q->count >= q->limit)
		return SLUICE_WOULD_BLOCK;
	struct letter *l = &q->letters[q->count++];
	*l = (struct letter){.text = text, .len = len, .bytes = malloc(len + 1)};
	memcpy(l->bytes, data, len);
	if (++q->sent == q->flip)
		l->bytes[len / 2] ^= 1;
	return 0;
}

/* As push, but the bytes are given back later than the sender may live. */
static int push_lent(void *ctx, const void *data, size_t len, void (*release)(void *arg), void *arg) {
	static struct {
		void (*release)(void *arg);
		void *arg;
	} kept[16];
	static unsigned next;
	int error = push(ctx, false, data, len);
	if (error)
		return error;
	if (kept[next % 16].release)
		kept[next % 16].release(kept[next % 16].arg);
	kept[next % 16].release = release;
	kept[next++ % 16].arg = arg;
	return 0;
}

static void empty(struct queue *q) {
	for (size_t i = 0; i < q->count; i++)
		free(q->letters[i].bytes);
	q->count = 0;
}

static void note(void *ctx, enum transfer_event event, const struct transfer_progress *p) {
	struct seen *s = ctx;
	s->events[event]++;
	if (event == TRANSFER_FILE_BEGINS) {
		s->resumed_at = p->resumed_at;
		s->resumed_in_all += p->resumed_at;
	}
	if (p->stored)
		snprintf(s->stored, sizeof s->stored, "%s", p->stored);
	if (p->reason)
		snprintf(s->reason, sizeof s->reason, "%s", p->reason);
}

static enum threads { NONE, FOR_HASHES, FOR_ALL } threads;
static bool lends;
static void wake(void *ctx);

static void set_up(void) {
	snprintf(w.folder, sizeof w.folder, "/tmp/sluice-transfer-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w.folder));
	snprintf(w.source, sizeof w.source, "%s/from", w.folder);
	snprintf(w.target, sizeof w.target, "%s/to", w.folder);
	ck_assert_int_eq(mkdir(w.source, 0700) | mkdir(w.target, 0700), 0);
	w.to_receiver.limit = w.to_sender.limit = 8;
}

static void end_transfer(void) {
	file_sender_free(w.sender);
	file_receiver_free(w.receiver);
	empty(&w.to_receiver);
	empty(&w.to_sender);
	w.sender = NULL;
	w.receiver = NULL;
}

static void remove_all(const char *folder) {
	DIR *dir = opendir(folder);
	for (struct dirent *e; (e = readdir(dir));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			ck_assert(unlinkat(dirfd(dir), e->d_name, 0) == 0);
	closedir(dir);
	rmdir(folder);
}

static void tear_down(void) {
	end_transfer();
	remove_all(w.source);
	remove_all(w.target);
	rmdir(w.folder);
}

static void begin(char *const *paths, size_t count, bool force) {
	struct transfer_wire out = {.send = push, .ctx = &w.to_receiver, .lend = lends ? push_lent : NULL};
	struct transfer_wire back = {.send = push, .ctx = &w.to_sender};
	out.wake = back.wake = threads ? wake : NULL;
	out.io_thread = back.io_thread = threads == FOR_ALL ? WORKER_AT_ONCE : WORKER_IF_SLOW;
	memset(&w.sent, 0, sizeof w.sent);
	memset(&w.received, 0, sizeof w.received);
	w.to_receiver.sent = w.to_sender.sent = 0;
	w.receiver = file_receiver_new(w.target, force, &back, note, &w.received);
	ck_assert_ptr_nonnull(w.receiver);
	if (count)
		w.sender = file_sender_new(paths, count, 16384, &out, note, &w.sent);
}

static void deliver_one(struct queue *q, bool to_receiver) {
	struct letter l = q->letters[0];
	q->count--;
	memmove(q->letters, q->letters + 1, q->count * sizeof l);
	if (to_receiver)
		file_receiver_message(w.receiver, l.text, l.bytes, l.len);
	else
		file_sender_message(w.sender, l.text, l.bytes, l.len);
	free(l.bytes);
}

/* Runs until nothing moves, or this many letters were delivered to the receiver. */
/* Returns how many of the letters were not delivered yet when nothing moved any more. */
static size_t run(size_t letters) {
	for (bool moved = true; moved && letters;) {
		moved = file_sender_work(w.sender);
		moved |= file_receiver_work(w.receiver);
		if (w.to_receiver.count) {
			deliver_one(&w.to_receiver, true);
			letters--;
			moved = true;
		}
		if (w.to_sender.count) {
			deliver_one(&w.to_sender, false);
			moved = true;
		}
	}
	return letters;
}

static void transfer(char *const *paths, size_t count, bool force) {
	begin(paths, count, force);
	run(SIZE_MAX);
	end_transfer();
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

static char *path_in(const char *folder, const char *name) {
	static char paths[256][400];
	static unsigned next;
	char *path = paths[next++ % 256];
	snprintf(path, 400, "%s/%s", folder, name);
	return path;
}

static char *make_file(const char *folder, const char *name, size_t size, unsigned seed) {
	char *path = path_in(folder, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < size; i++)
		fputc((int)((i * 31 + i / 253 + seed) & 255), f);
	fclose(f);
	struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1234567890}};
	utimensat(AT_FDCWD, path, times, 0);
	return path;
}

static size_t read_all(const char *path, char **bytes) {
	FILE *f = fopen(path, "r");
	if (!f)
		return SIZE_MAX;
	*bytes = malloc(1 << 23);
	size_t n = fread(*bytes, 1, 1 << 23, f);
	fclose(f);
	return n;
}

static bool same(const char *a, const char *b) {
	char *x = NULL, *y = NULL;
	size_t n = read_all(a, &x), m = read_all(b, &y);
	bool equal = n == m && n != SIZE_MAX && memcmp(x, y, n) == 0;
	free(x);
	free(y);
	return equal;
}

static unsigned entries(const char *folder) {
	unsigned n = 0;
	DIR *dir = opendir(folder);
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	closedir(dir);
	return n;
}

static void ck_assert_arrived(const char *name) {
	ck_assert_msg(same(path_in(w.source, name), path_in(w.target, name)), "%s differs", name);
	struct stat st;
	ck_assert_int_eq(stat(path_in(w.target, name), &st), 0);
	ck_assert_int_eq(st.st_mtime, 1234567890);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

START_TEST(test_files_of_every_size_arrive_with_their_names_and_times) {
	set_up();
	char *paths[] = {make_file(w.source, "empty", 0, 0), make_file(w.source, "a b.txt", 1, 1),
	                 make_file(w.source, "\xc3\xa4 \xe2\x82\xac", 16384, 2), make_file(w.source, "big", 3000000, 3)};
	for (size_t room = 1; room <= 8; room += 7) { /* a channel that takes one message at a time, and a deep one */
		lends = room > 1;
		w.to_receiver.limit = w.to_sender.limit = room;
		transfer(paths, 4, true);
		ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_DONE], 4);
		ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 4);
		ck_assert_uint_eq(w.sent.events[TRANSFER_FINISHED] + w.received.events[TRANSFER_FINISHED], 2);
		ck_assert_arrived("empty");
		ck_assert_arrived("a b.txt");
		ck_assert_arrived("\xc3\xa4 \xe2\x82\xac");
		ck_assert_arrived("big");
		ck_assert_uint_eq(entries(w.target), 4); /* nothing else is left */
	}
	tear_down();
}
END_TEST

START_TEST(test_a_transfer_that_broke_anywhere_goes_on_there) {
	set_up();
	char *paths[] = {make_file(w.source, "big", 600000, 5)};
	for (size_t after = 1; after < 40; after += 3) {
		begin(paths, 1, true);
		run(after);
		end_transfer();
		struct stat st;
		uint64_t there = stat(path_in(w.target, "big.part"), &st) ? 0 : (uint64_t)st.st_size;
		if (after > 3)
			ck_assert_uint_gt(there, 0);
		transfer(paths, 1, true);
		ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 1);
		ck_assert_uint_eq(w.sent.resumed_at, there);
		ck_assert_uint_eq(w.received.resumed_at, there);
		ck_assert_arrived("big");
		ck_assert_uint_eq(entries(w.target), 1);
	}
	tear_down();
}
END_TEST

static void break_off(char *const *paths) {
	begin(paths, 1, false);
	run(20);
	end_transfer();
	ck_assert_int_eq(access(path_in(w.target, "big.part"), F_OK), 0);
}

START_TEST(test_a_part_with_other_bytes_is_not_gone_on_with) {
	set_up();
	char *paths[] = {make_file(w.source, "big", 600000, 5)};
	break_off(paths);
	FILE *f = fopen(path_in(w.target, "big.part"), "r+");
	fseek(f, 1000, SEEK_SET);
	fputc('!', f);
	fclose(f);
	transfer(paths, 1, false);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 1);
	ck_assert_uint_eq(w.received.resumed_at, 0);
	ck_assert_arrived("big");
	tear_down();
}
END_TEST

START_TEST(test_a_part_of_another_file_or_without_its_state_is_not_gone_on_with) {
	set_up();
	char *paths[] = {make_file(w.source, "big", 600000, 5)};
	break_off(paths);
	make_file(w.source, "big", 600001, 5);
	transfer(paths, 1, false);
	ck_assert_uint_eq(w.received.resumed_at, 0);
	ck_assert_arrived("big");

	unlink(path_in(w.target, "big"));
	break_off(paths);
	unlink(path_in(w.target, "big.part.state"));
	transfer(paths, 1, false);
	ck_assert_uint_eq(w.received.resumed_at, 0);
	ck_assert_arrived("big");
	tear_down();
}
END_TEST

START_TEST(test_a_longer_part_is_not_gone_on_with) {
	set_up();
	char *paths[] = {make_file(w.source, "big", 600000, 5)};
	break_off(paths);
	ck_assert_int_eq(truncate(path_in(w.target, "big.part"), 700000), 0);
	transfer(paths, 1, false);
	ck_assert_arrived("big");
	tear_down();
}
END_TEST

START_TEST(test_what_is_there_is_replaced_by_force_only) {
	set_up();
	char *paths[] = {make_file(w.source, "a", 5000, 1), make_file(w.source, "b", 10, 1)};
	make_file(w.target, "a", 5000, 2); /* of the same size; only the hash differs */
	transfer(paths, 2, false);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 2);
	ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_DONE], 2);
	ck_assert_str_eq(w.received.stored, "a (2)");
	ck_assert(!same(paths[0], path_in(w.target, "a")));
	ck_assert(same(paths[0], path_in(w.target, "a (2)")));
	ck_assert_arrived("b");

	make_file(w.target, "a", 4, 2);
	transfer(paths, 1, false); /* which is a (2), by its bytes */
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_WAS_THERE], 1);
	ck_assert_uint_eq(entries(w.target), 3);
	transfer(paths, 1, true);
	ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_DONE], 1);
	ck_assert_arrived("a");
	tear_down();
}
END_TEST

START_TEST(test_the_same_file_is_not_sent_again) {
	set_up();
	char *paths[] = {make_file(w.source, "a", 5000000, 1)};
	transfer(paths, 1, false);
	ck_assert_uint_gt(w.to_receiver.sent, 300);
	transfer(paths, 1, false);
	ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_WAS_THERE], 1);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_WAS_THERE], 1);
	/* A MiB, what the queue held by then, and words. */
	ck_assert_uint_lt(w.to_receiver.sent, TRANSFER_PROOF / 16384 + 8 + 8);
	ck_assert_uint_eq(entries(w.target), 1);
	tear_down();
}
END_TEST

START_TEST(test_a_file_that_begins_as_another_gets_a_name_of_its_own) {
	set_up();
	char *paths[] = {make_file(w.source, "a.bin", 5000000, 1)};
	static const long differs_at[] = {0, 1000, TRANSFER_PROOF - 1, TRANSFER_PROOF, TRANSFER_PROOF + 200000, 4999999};
	for (size_t i = 0; i < sizeof differs_at / sizeof *differs_at; i++) {
		FILE *file = fopen(make_file(w.target, "a.bin", 5000000, 1), "r+");
		fseek(file, differs_at[i], SEEK_SET);
		fputc('!', file);
		fclose(file);
		transfer(paths, 1, false);
		ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 1);
		ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_DONE], 1);
		ck_assert_str_eq(w.received.stored, "a (2).bin");
		ck_assert(same(paths[0], path_in(w.target, "a (2).bin")));
		ck_assert(!same(paths[0], path_in(w.target, "a.bin")));
		ck_assert_uint_eq(entries(w.target), 2);
		unlink(path_in(w.target, "a (2).bin"));
	}
	tear_down();
}
END_TEST

START_TEST(test_two_files_of_one_name_both_arrive_also_by_force) {
	set_up();
	char other[96];
	snprintf(other, sizeof other, "%s/other", w.folder);
	ck_assert_int_eq(mkdir(other, 0700), 0);
	char *paths[] = {make_file(w.source, "f.txt", 5000, 1), make_file(other, "f.txt", 6000, 2),
	                 make_file(w.source, "g", 5, 1)};
	for (int force = 0; force < 2; force++) {
		make_file(w.target, "f.txt", 4000, 3);
		transfer(paths, 3, force);
		ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 3);
		ck_assert(same(paths[0], path_in(w.target, force ? "f.txt" : "f (2).txt")));
		ck_assert(same(paths[1], path_in(w.target, force ? "f (2).txt" : "f (3).txt")));
		ck_assert_uint_eq(entries(w.target), force ? 3 : 4);
		remove_all(w.target);
		ck_assert_int_eq(mkdir(w.target, 0700), 0);
	}
	remove_all(other);
	tear_down();
}
END_TEST

START_TEST(test_a_file_that_cannot_be_sent_is_told_and_the_next_one_follows) {
	set_up();
	char *paths[] = {path_in(w.source, "missing"), w.source, make_file(w.source, "b", 10, 1)};
	transfer(paths, 3, false);
	ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_FAILED], 2);
	ck_assert_str_eq(w.sent.reason, "is a folder");
	ck_assert_arrived("b");
	tear_down();
}
END_TEST

START_TEST(test_a_file_that_shrinks_is_given_up) {
	set_up();
	char *paths[] = {make_file(w.source, "a", 500000, 1), make_file(w.source, "b", 10, 1)};
	begin(paths, 2, false);
	run(10);
	ck_assert_int_eq(truncate(paths[0], 200000), 0);
	run(SIZE_MAX);
	ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_FAILED], 1);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_FAILED], 1);
	ck_assert_arrived("b");
	tear_down();
}
END_TEST

START_TEST(test_a_flipped_bit_is_found_by_the_check) {
	set_up();
	char *paths[] = {make_file(w.source, "a", 500000, 1)};
	w.to_receiver.flip = 12;
	transfer(paths, 1, false);
	w.to_receiver.flip = 0;
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_FAILED], 1);
	ck_assert_ptr_nonnull(strstr(w.sent.reason, "check"));
	ck_assert_uint_eq(entries(w.target), 0); /* and nothing of it is kept */
	transfer(paths, 1, false);
	ck_assert_arrived("a");
	tear_down();
}
END_TEST

START_TEST(test_two_transfers_of_one_file_do_not_meet_in_one_part) {
	set_up();
	char *paths[] = {make_file(w.source, "a", 500000, 1)};
	begin(paths, 1, false);
	run(10);
	struct world first = w;
	w.sender = NULL;
	w.receiver = NULL;
	memset(&w.to_receiver, 0, sizeof w.to_receiver);
	memset(&w.to_sender, 0, sizeof w.to_sender);
	w.to_receiver.limit = w.to_sender.limit = 8;
	transfer(paths, 1, false);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 1);
	ck_assert_arrived("a");
	w = first;
	run(SIZE_MAX);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 1);
	ck_assert(same(paths[0], path_in(w.target, "a (2)")));
	ck_assert_uint_eq(entries(w.target), 2);
	tear_down();
}
END_TEST

/* ---- a sender that is not ours --------------------------------------------------------------------------------------- */

static void say(const char *text) {
	file_receiver_message(w.receiver, true, text, strlen(text));
	while (file_receiver_work(w.receiver))
		;
	empty(&w.to_sender);
}

static void hello(void) {
	begin(NULL, 0, false);
	say("{\"type\":\"hello\",\"version\":1,\"files\":1,\"bytes\":1}");
}

START_TEST(test_no_name_leads_out_of_the_folder) {
	static const struct {
		const char *name, *stored; /* NULL: refused */
	} names[] = {
		{"../up", "up"},
		{"/etc/up", "up"},
		{"a/../../up", "up"},
		{"c:\\\\dir\\\\up", "up"},
		{"..", NULL},
		{".", NULL},
		{"", NULL},
		{"a/", NULL},
		{"../..", NULL},
		{".profile", "_profile"},
		{"..up", "_.up"},
		{"a\\u001b[2Jb", "a_[2Jb"},
		{"a\\nb", "a_b"},
		{"fdp.\\u202eexe", "fdp._exe"},
		{"a\\u009b31mb", "a_31mb"},
		{"caf\xc3\xa9", "caf\xc3\xa9"},
	};
	set_up();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char text[300], hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
		hello();
		snprintf(text, sizeof text, "{\"type\":\"file\",\"id\":0,\"name\":\"%s\",\"size\":0,\"mtime\":0}", names[i].name);
		say(text);
		say("{\"type\":\"data\",\"id\":0,\"offset\":0}");
		snprintf(text, sizeof text, "{\"type\":\"end\",\"id\":0,\"sha256\":\"%s\"}", hash);
		say(text);
		ck_assert_uint_eq(w.received.events[TRANSFER_BROKEN], 0);
		ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], names[i].stored != NULL);
		end_transfer();
		ck_assert_uint_eq(entries(w.target), names[i].stored != NULL);
		if (names[i].stored)
			ck_assert_int_eq(unlink(path_in(w.target, names[i].stored)), 0);
		ck_assert_uint_eq(entries(w.folder), 2);
	}
	char out[512], longest[246];
	memset(longest, 'x', sizeof longest);
	longest[245] = 0;
	ck_assert(!transfer_safe_name(longest, out, sizeof out));
	ck_assert(transfer_safe_name(longest + 1, out, sizeof out));
	tear_down();
}
END_TEST

START_TEST(test_a_file_whose_name_is_no_utf_8_arrives_under_one_that_is) {
	set_up();
	char *paths[] = {make_file(w.source, "J\xc3\xbcrgen caf\xe9", 10, 1), make_file(w.source, "one\ntwo", 10, 2)};
	transfer(paths, 2, false);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], 2);
	ck_assert(same(paths[0], path_in(w.target, "J\xc3\xbcrgen caf_")));
	ck_assert(same(paths[1], path_in(w.target, "one_two")));
	tear_down();
}
END_TEST

/* What a neighbour may have put in the place of NAME.part, of its .state, or of NAME itself. */
enum planted { PLANTED_SYMLINK, PLANTED_HARD_LINK, PLANTED_PIPE, PLANTED_FOLDER, PLANTED_KINDS };

static void plant(enum planted kind, const char *name) {
	const char *path = path_in(w.target, name), *victim = path_in(w.folder, "victim");
	int error = kind == PLANTED_SYMLINK     ? symlink("../victim", path)
	            : kind == PLANTED_HARD_LINK ? link(victim, path)
	            : kind == PLANTED_PIPE      ? mkfifo(path, 0600)
	                                        : mkdir(path, 0700);
	ck_assert_int_eq(error, 0);
}

START_TEST(test_what_is_planted_in_the_folder_is_never_written_through) {
	static const char *const places[] = {"a.part", "a.part.state", "a"};
	for (int force = 0; force < 2; force++)
		for (size_t place = 0; place < 3; place++)
			for (enum planted kind = 0; kind < PLANTED_KINDS; kind++) {
				set_up();
				char *victim = make_file(w.folder, "victim", 50000, 1),
				     *before = make_file(w.folder, "before", 50000, 1);
				char *paths[] = {make_file(w.source, "a", 50000, 9)};
				plant(kind, places[place]);
				transfer(paths, 1, force);
				ck_assert_msg(same(victim, before), "%s, kind %d: the victim is written", places[place], kind);
				bool refused = kind == PLANTED_FOLDER && place == 1; /* a folder is not removed */
				ck_assert_uint_eq(w.received.events[TRANSFER_FILE_DONE], !refused);
				if (!refused)
					ck_assert(same(paths[0],
					               path_in(w.target, w.received.stored[0] ? w.received.stored : "a")));
				for (size_t i = 0; i < 3; i++)
					rmdir(path_in(w.target, places[i]));
				unlink(victim);
				unlink(before);
				tear_down();
			}
}
END_TEST

/* ---- what a sender learns --------------------------------------------------------------------------------------------- */

/* What the receiver says until the sender has to send, and after the first bytes. */
static void record(char *text, size_t size) {
	size_t len = 0;
	text[0] = 0;
	for (size_t i = 0; i < w.to_sender.count; i++)
		len += (size_t)snprintf(text + len, size - len, "%.*s|", (int)w.to_sender.letters[i].len,
		                        (char *)w.to_sender.letters[i].bytes);
	empty(&w.to_sender);
}

static void give(const char *text) {
	file_receiver_message(w.receiver, true, text, strlen(text));
	while (file_receiver_work(w.receiver))
		;
}

#define PROBE_TAG "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void probe(char *text, size_t size) {
	static const uint8_t zeros[4096];
	begin(NULL, 0, false);
	give("{\"type\":\"hello\",\"version\":1,\"files\":1,\"bytes\":1,\"shows\":true}");
	give("{\"type\":\"file\",\"id\":0,\"name\":\"a\",\"size\":600000,\"mtime\":1234567890,\"tag\":\"" PROBE_TAG "\"}");
	give("{\"type\":\"data\",\"id\":0,\"offset\":0}");
	file_receiver_message(w.receiver, false, zeros, sizeof zeros);
	while (file_receiver_work(w.receiver))
		;
	record(text, size);
	end_transfer();
}

static void scene_same_size(void) {
	make_file(w.target, "a", 600000, 7);
}
static void scene_another_size(void) {
	make_file(w.target, "a", 5, 7);
}
static void scene_folder(void) {
	plant(PLANTED_FOLDER, "a");
}
static void scene_folder_as_part(void) {
	plant(PLANTED_FOLDER, "a.part");
}
/* Another sender's transfer of a file of that name, size and time broke off. */
static void scene_part(void) {
	char *paths[] = {make_file(w.source, "a", 600000, 5)};
	begin(paths, 1, false);
	run(20);
	end_transfer();
	ck_assert_int_eq(access(path_in(w.target, "a.part"), F_OK), 0);
}
static void scene_part_without_state(void) {
	scene_part();
	unlink(path_in(w.target, "a.part.state"));
}

START_TEST(test_a_sender_learns_nothing_of_what_is_in_the_folder) {
	static void (*const scenes[])(void) = {scene_same_size,      scene_another_size, scene_folder,
	                                       scene_folder_as_part, scene_part,         scene_part_without_state};
	char nothing[2000], something[2000];
	set_up();
	probe(nothing, sizeof nothing);
	ck_assert_ptr_nonnull(strstr(nothing, "\"offset\":0"));
	tear_down();
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		set_up();
		scenes[i]();
		probe(something, sizeof something);
		ck_assert_msg(strcmp(nothing, something) == 0, "scene %zu: %s", i, something);
		rmdir(path_in(w.target, "a"));
		rmdir(path_in(w.target, "a.part"));
		tear_down();
	}
}
END_TEST

START_TEST(test_nobody_writes_the_state_of_a_part) {
	char out[300];
	ck_assert(transfer_safe_name("a.part.state", out, sizeof out));
	ck_assert_str_eq(out, "a.part_state");
	ck_assert(transfer_safe_name("a.part", out, sizeof out));
	ck_assert_str_eq(out, "a.part");
}
END_TEST

/* ---- ends that are older ------------------------------------------------------------------------------------------------ */

static const char *last_said(void) {
	static char text[1000];
	struct letter *l = &w.to_receiver.letters[w.to_receiver.count - 1];
	snprintf(text, sizeof text, "%.*s", (int)l->len, (char *)l->bytes);
	return text;
}

static void answer(const char *text) {
	file_sender_message(w.sender, true, text, strlen(text));
	while (file_sender_work(w.sender))
		;
}

START_TEST(test_a_receiver_that_knows_no_crcs_gets_a_hash) {
	set_up();
	char *paths[] = {make_file(w.source, "a", 3, 1)};
	begin(paths, 1, false);
	while (file_sender_work(w.sender))
		;
	answer("{\"type\":\"hello\",\"version\":1}");
	answer("{\"type\":\"want\",\"id\":0,\"offset\":0,"
	       "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}");
	ck_assert_ptr_null(strstr(last_said(), "crc"));
	ck_assert_ptr_nonnull(strstr(last_said(), "\"type\":\"end\""));
	ck_assert_ptr_nonnull(strstr(last_said(), "\"sha256\":\""));
	answer("{\"type\":\"done\",\"id\":0}");
	ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_DONE], 1);
	tear_down();
}
END_TEST

START_TEST(test_a_sender_that_shows_no_hash_sends_all_and_the_file_is_there_once) {
	set_up();
	make_file(w.target, "a", 3, 1);
	hello();
	say("{\"type\":\"file\",\"id\":0,\"name\":\"a\",\"size\":3,\"mtime\":0}");
	say("{\"type\":\"data\",\"id\":0,\"offset\":0}");
	file_receiver_message(w.receiver, false, "\x01\x20\x3f", 3);
	say("{\"type\":\"end\",\"id\":0,\"sha256\":\"e3525538f15a938eda7e626f966a6a3cb27455adf50bb122dc31d47b67e1a67f\"}");
	ck_assert_msg(w.received.events[TRANSFER_FILE_WAS_THERE] == 1, "%s", w.received.reason);
	end_transfer();
	ck_assert_uint_eq(entries(w.target), 1);
	tear_down();
}
END_TEST

/* The writer finds the disk full only when the transfer is over for another reason. */
START_TEST(test_a_transfer_that_is_over_refuses_no_file_any_more) {
	static char bytes[3000];
	set_up();
	hello();
	say("{\"type\":\"file\",\"id\":0,\"name\":\"a\",\"size\":3000,\"mtime\":0}");
	say("{\"type\":\"data\",\"id\":0,\"offset\":0}");
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000}), 0);
	file_receiver_message(w.receiver, false, bytes, 2000);
	file_receiver_message(w.receiver, true, "{\"type\":\"dance\"}", 16);
	ck_assert_uint_eq(w.received.events[TRANSFER_BROKEN], 1);
	for (int i = 0; i < 20; i++)
		file_receiver_work(w.receiver);
	ck_assert_uint_eq(w.to_sender.count, 0);
	ck_assert_uint_eq(w.received.events[TRANSFER_FILE_FAILED], 0);
	tear_down();
}
END_TEST

/* ---- with threads --------------------------------------------------------------------------------------------------------- */

static atomic_uint wakes;

static void wake(void *ctx) {
	(void)ctx;
	atomic_fetch_add(&wakes, 1);
}

/* Until both have said their last word; the threads are waited for. */
static void run_with_threads(void) {
	while (!w.sent.events[TRANSFER_FINISHED] || !w.received.events[TRANSFER_FINISHED]) {
		ck_assert_uint_eq(w.sent.events[TRANSFER_BROKEN] + w.received.events[TRANSFER_BROKEN], 0);
		run(SIZE_MAX);
		sched_yield();
	}
}

static void carry_with_threads(enum threads kind) {
	set_up();
	threads = kind;
	atomic_store(&wakes, 0);
	char *paths[] = {make_file(w.source, "big", 6000000, 5), make_file(w.source, "small", 10, 5)};
	begin(paths, 2, false);
	for (size_t left = 200; (left = run(left));)
		sched_yield();
	end_transfer(); /* in the middle of it */
	begin(paths, 2, false);
	run_with_threads();
	ck_assert_uint_gt(w.received.resumed_in_all, 0);
	end_transfer();
	ck_assert_arrived("big");
	ck_assert_arrived("small");
	begin(paths, 2, false);
	run_with_threads();
	ck_assert_uint_eq(w.sent.events[TRANSFER_FILE_WAS_THERE], 2);
	end_transfer();
	ck_assert_uint_gt(atomic_load(&wakes), 0);
	tear_down();
}

START_TEST(test_files_are_hashed_on_threads_of_their_own) {
	carry_with_threads(FOR_HASHES);
}
END_TEST

START_TEST(test_files_are_read_and_written_on_threads_too) {
	carry_with_threads(FOR_ALL);
}
END_TEST

START_TEST(test_who_does_not_keep_to_the_protocol_is_left) {
	static const char *const lines[] = {
		"",
		"[]",
		"{}",
		"{\"type\":1}",
		"not json",
		"{\"type\":\"hello\",\"version\":1}", /* twice */
		"{\"type\":\"dance\",\"id\":0}",
		"{\"type\":\"data\",\"id\":0,\"offset\":0}",
		"{\"type\":\"end\",\"id\":0,\"sha256\":\"\"}",
		"{\"type\":\"abort\",\"id\":0}",
		"{\"type\":\"file\"}",
		"{\"type\":\"file\",\"id\":0,\"name\":5,\"size\":1}",
		"{\"type\":\"file\",\"id\":0,\"name\":\"a\",\"size\":-1}",
		"{\"type\":\"file\",\"id\":0,\"name\":\"a\",\"size\":1e300}",
	};
	set_up();
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		hello();
		say(lines[i]);
		ck_assert_msg(w.received.events[TRANSFER_BROKEN] == 1, "%s", lines[i]);
		end_transfer();
	}
	hello();
	file_receiver_message(w.receiver, false, "x", 1); /* bytes of no file */
	ck_assert_uint_eq(w.received.events[TRANSFER_BROKEN], 1);
	end_transfer();
	hello();
	say("{\"type\":\"file\",\"id\":7,\"name\":\"a\",\"size\":2}");
	say("{\"type\":\"data\",\"id\":7,\"offset\":0}");
	file_receiver_message(w.receiver, false, "xyz", 3); /* one too many */
	ck_assert_uint_eq(w.received.events[TRANSFER_BROKEN], 1);
	tear_down();
}
END_TEST

/* ---- a receiver that is not ours -------------------------------------------------------------------------------------- */

START_TEST(test_a_receiver_that_does_not_keep_to_the_protocol_is_left) {
	static const char *const lines[] = {
		"{}",
		"{\"type\":\"done\",\"id\":0}",
		"{\"type\":\"want\",\"id\":0}",
		"{\"type\":\"want\",\"id\":0,\"offset\":-1,\"sha256\":\"\"}",
		"{\"type\":\"want\",\"id\":0,\"offset\":1,\"sha256\":\"00\"}",
		"{\"type\":\"hello\",\"version\":1}",
	};
	set_up();
	char *paths[] = {make_file(w.source, "a", 10, 1)};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		begin(paths, 1, false);
		while (file_sender_work(w.sender))
			;
		file_sender_message(w.sender, true, "{\"type\":\"hello\",\"version\":1}", 28);
		while (file_sender_work(w.sender))
			;
		file_sender_message(w.sender, true, lines[i], strlen(lines[i]));
		ck_assert_msg(w.sent.events[TRANSFER_BROKEN] == 1, "%s", lines[i]);
		end_transfer();
	}
	tear_down();
}
END_TEST

SUITE("transfer", test_a_transfer_that_is_over_refuses_no_file_any_more,
      test_files_of_every_size_arrive_with_their_names_and_times, test_a_transfer_that_broke_anywhere_goes_on_there,
      test_a_part_with_other_bytes_is_not_gone_on_with, test_a_part_of_another_file_or_without_its_state_is_not_gone_on_with,
      test_a_longer_part_is_not_gone_on_with, test_what_is_there_is_replaced_by_force_only, test_the_same_file_is_not_sent_again,
      test_a_file_that_begins_as_another_gets_a_name_of_its_own, test_two_files_of_one_name_both_arrive_also_by_force,
      test_a_file_that_cannot_be_sent_is_told_and_the_next_one_follows, test_a_file_that_shrinks_is_given_up,
      test_a_flipped_bit_is_found_by_the_check, test_two_transfers_of_one_file_do_not_meet_in_one_part,
      test_no_name_leads_out_of_the_folder, test_a_file_whose_name_is_no_utf_8_arrives_under_one_that_is,
      test_what_is_planted_in_the_folder_is_never_written_through, test_a_sender_learns_nothing_of_what_is_in_the_folder,
      test_nobody_writes_the_state_of_a_part, test_a_receiver_that_knows_no_crcs_gets_a_hash,
      test_a_sender_that_shows_no_hash_sends_all_and_the_file_is_there_once, test_files_are_hashed_on_threads_of_their_own,
      test_files_are_read_and_written_on_threads_too, test_who_does_not_keep_to_the_protocol_is_left,
      test_a_receiver_that_does_not_keep_to_the_protocol_is_left)
