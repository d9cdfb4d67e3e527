#include "rtp/srtp_kdf.h"

#include <string.h>

#include "crypto/crypto.h"

/* RFC 3711, 4.3.1: "Let x = key_id XOR master_salt, where key_id and master_salt are aligned so that their least significant
 * bits agree (right-alignment)." key_id is the label before the 48 bits of r, which is zero without a rate; so the label meets
 * byte 7 of a salt of 14 bytes. 4.3.3: the stream is AES-CM's with x * 2^16 as its first counter. RFC 7714, 11, has salts of 12
 * bytes and puts two bytes of zero behind them. */
static bool derive(const struct srtp_profile_info *p, const struct srtp_master *master, uint8_t label, uint8_t *out, size_t len) {
	uint8_t x[CRYPTO_AES_BLOCK] = {0};
	memcpy(x, master->salt, p->salt);
	x[7] ^= label;
	memset(out, 0, len);
	return crypto_aes_ctr(master->key, p->key, x, out, len);
}

/* RFC 3711, 4.3.2: labels 0, 1 and 2 give the key, the authentication key and the salt of SRTP, 3 to 5 those of SRTCP. */
bool srtp_kdf_derive(enum srtp_profile profile, enum srtp_kind kind, const struct srtp_master *master,
                     struct srtp_session_keys *out) {
	const struct srtp_profile_info *p = srtp_cipher_profile(profile);
	uint8_t label = kind == SRTP_RTP ? 0 : 3;
	return derive(p, master, label, out->key, p->key) && derive(p, master, label + 1, out->auth_key, p->auth_key) &&
	       derive(p, master, label + 2, out->salt, p->salt);
}

size_t srtp_kdf_material_size(enum srtp_profile profile) {
	const struct srtp_profile_info *p = srtp_cipher_profile(profile);
	return 2 * ((size_t)p->key + p->salt);
}

/* RFC 5764, 4.2: client_write_SRTP_master_key, server_write_SRTP_master_key, client_write_SRTP_master_salt,
 * server_write_SRTP_master_salt. */
void srtp_kdf_split(enum srtp_profile profile, const uint8_t *material, struct srtp_master *client, struct srtp_master *server) {
	const struct srtp_profile_info *p = srtp_cipher_profile(profile);
	memcpy(client->key, material, p->key);
	memcpy(server->key, material + p->key, p->key);
	memcpy(client->salt, material + 2 * p->key, p->salt);
	memcpy(server->salt, material + 2 * p->key + p->salt, p->salt);
}
