/* text: how do bytes that somebody else wrote become text?
 *
 * A label, a reason or a file name that came from a peer is bytes. Each place that writes such bytes for a reader takes one of
 * the functions below, by what the reader can bear:
 *
 *   text_valid  any reader of UTF-8: what is not UTF-8 becomes U+FFFD
 *   text_line   a terminal, a line of a log: beyond that, U+FFFD stands for each character that does not print
 *   text_name   a name for a file: '_' stands for all of these
 *   text_json   the inside of a JSON string: what is not UTF-8 becomes U+FFFD, and what does not print is escaped
 *
 * They know no peers and no files, allocate nothing, and take time in proportion to len. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_REPLACEMENT UINT32_C(0xfffd)

/* Takes the next character off *at, which stands before end. Where the bytes are no UTF-8, the longest run that begins a
 * character is taken, or one byte, and TEXT_REPLACEMENT returned: Unicode, 3.9, "U+FFFD Substitution of Maximal Subparts", which
 * is what WHATWG's decoder does as well. Overlong forms, surrogates and what lies above U+10FFFF are no UTF-8. */
uint32_t text_next(const char **at, const char *end);

/* Does the character print, and only where it stands? Not so: controls (Cc: C0, DEL and C1), line and paragraph separators (Zl,
 * Zp), and format characters (Cf), which are invisible or rearrange their neighbours; but for the joiners U+200C and U+200D,
 * without which Persian and many emoji cannot be written, and the signs of Cf that print. */
bool text_is_plain(uint32_t c);

/* Each writes at most size - 1 bytes and a NUL behind them; size 0 writes nothing, and out may then be NULL. A character or an
 * escape is never cut in two. The return value is the length of the whole, without the NUL, whether it fitted or not. */
size_t text_valid(const char *s, size_t len, char *out, size_t size);
size_t text_line(const char *s, size_t len, char *out, size_t size);
size_t text_name(const char *s, size_t len, char *out, size_t size);
size_t text_json(const char *s, size_t len, char *out, size_t size);

#endif
