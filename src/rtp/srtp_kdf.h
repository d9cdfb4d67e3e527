/* srtp_kdf: which session keys does a master key give, and which master keys does a DTLS handshake give?
 *
 * RFC 3711, section 4.3, with the AES-CM function and a key derivation rate of zero, which is all that DTLS-SRTP negotiates: keys
 * are derived once. RFC 7714, section 11, takes the same function, keyed with 256 bits where the profile has them. It knows no
 * packets and no contexts. */
#ifndef RTP_SRTP_KDF_H
#define RTP_SRTP_KDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/srtp_cipher.h"

/* As long as the profile's info says. */
struct srtp_master {
	uint8_t key[SRTP_KEY_MAX], salt[SRTP_SALT_MAX];
};
struct srtp_session_keys {
	uint8_t key[SRTP_KEY_MAX], auth_key[SRTP_AUTH_KEY_MAX], salt[SRTP_SALT_MAX];
};

/* False: the library refuses. What `out` has must be wiped either way. */
bool srtp_kdf_derive(enum srtp_profile profile, enum srtp_kind kind, const struct srtp_master *master,
                     struct srtp_session_keys *out);

/* The bytes that a DTLS handshake has to export under the label "EXTRACTOR-dtls_srtp". */
#define SRTP_KDF_LABEL "EXTRACTOR-dtls_srtp"
size_t srtp_kdf_material_size(enum srtp_profile profile);
/* Takes them apart. `client` is what the DTLS client sends with, `server` what the server sends with. */
void srtp_kdf_split(enum srtp_profile profile, const uint8_t *material, struct srtp_master *client, struct srtp_master *server);

#endif
