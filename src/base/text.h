/* text: how do bytes that somebody else wrote become text?
 *
 * A label, a reason or a file name from a peer is bytes. Each place that writes such bytes for a reader uses one of the functions
 * below; which one depends on the reader:
 *
 *   text_valid  any reader of UTF-8: U+FFFD replaces bytes that are not UTF-8
 *   text_line   a terminal or a log: U+FFFD also replaces characters that do not print
 *   text_name   the name of a file: '_' replaces both
 *   text_json   the inside of a JSON string: U+FFFD replaces bytes that are not UTF-8, and characters that do not print are
 *               escaped
 *
 * They know no peers and no files, allocate nothing, and take time in proportion to len. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_REPLACEMENT UINT32_C(0xfffd)

/* Returns the character at *at, which lies before end, and advances *at. Where the bytes are not UTF-8 it returns
 * TEXT_REPLACEMENT, and passes the longest run that begins a character, or one byte: Unicode, 3.9, "U+FFFD Substitution of
 * Maximal Subparts", as WHATWG's decoder does. Overlong forms, surrogates and numbers above U+10FFFF are not UTF-8. */
uint32_t text_next(const char **at, const char *end);

/* Does the character print, without moving its neighbours? These do not: controls (Cc: C0, DEL and C1), line and paragraph
 * separators (Zl, Zp), and format characters (Cf), which are invisible or reorder text. Two kinds of Cf count as printing: the
 * joiners U+200C and U+200D, without which Persian and many emoji cannot be written, and signs that are visible. */
bool text_is_plain(uint32_t c);

/* Each writes at most size - 1 bytes and a NUL; with size 0 it writes nothing, and out may be NULL. No character or escape is cut
 * in two. Returns the length of the whole text without the NUL, also when it did not fit. */
size_t text_valid(const char *s, size_t len, char *out, size_t size);
size_t text_line(const char *s, size_t len, char *out, size_t size);
size_t text_name(const char *s, size_t len, char *out, size_t size);
size_t text_json(const char *s, size_t len, char *out, size_t size);

#endif
