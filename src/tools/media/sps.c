/* sps: see its header. H.264, 7.3.2.1.1 and E.1.1; names as there. */
#include "tools/media/sps.h"

#include "tools/media/bits.h"

#define LONGEST 1024 /* of what is read; a set with all its scaling lists has about 600 bytes */

/* H.264, 7.4.1: a 3 behind two zeros keeps a start code from appearing; it is no part of the data. */
static size_t unescape(const uint8_t *nal, size_t len, uint8_t *out) {
	size_t n = 0, zeros = 0;
	for (size_t i = 0; i < len && n < LONGEST; i++) {
		if (zeros >= 2 && nal[i] == 3) {
			zeros = 0;
			continue;
		}
		zeros = nal[i] ? 0 : zeros + 1;
		out[n++] = nal[i];
	}
	return n;
}

static bool has_chroma_format(unsigned profile_idc) {
	static const uint8_t with[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
	for (size_t i = 0; i < sizeof with; i++)
		if (with[i] == profile_idc)
			return true;
	return false;
}

static void pass_scaling_list(struct bits *b, int size) {
	int last = 8, next = 8;
	for (int i = 0; i < size && next != 0 && !b->failed; i++) {
		next = (last + bits_se(b) % 256 + 256) % 256;
		last = next ? next : last;
	}
}

/* Returns chroma_format_idc. */
static unsigned read_chroma_format(struct bits *b) {
	unsigned chroma_format_idc = bits_ue(b);
	if (chroma_format_idc == 3)
		bits_read(b, 1); /* separate_colour_plane_flag */
	bits_ue(b);
	bits_ue(b);
	bits_read(b, 1);
	if (bits_flag(b)) /* seq_scaling_matrix_present_flag */
		for (int i = 0; i < (chroma_format_idc != 3 ? 8 : 12); i++)
			if (bits_flag(b))
				pass_scaling_list(b, i < 6 ? 16 : 64);
	return chroma_format_idc;
}

static void pass_order_count(struct bits *b) {
	uint32_t type = bits_ue(b);
	if (type == 0)
		bits_ue(b);
	if (type != 1)
		return;
	bits_read(b, 1);
	bits_se(b);
	bits_se(b);
	for (uint32_t i = bits_ue(b); i > 0 && !b->failed; i--)
		bits_se(b);
}

/* In macroblocks of 16 x 16, less what is cropped; cropping counts in samples of chroma, and in two fields' lines. */
static void read_size(struct bits *b, unsigned chroma_format_idc, struct sps *out) {
	uint64_t width = 16 * (bits_ue(b) + UINT64_C(1)), height = 16 * (bits_ue(b) + UINT64_C(1));
	unsigned fields = bits_flag(b) ? 1 : 2; /* frame_mbs_only_flag */
	if (fields == 2)
		bits_read(b, 1);
	bits_read(b, 1);
	uint64_t crop_x = 0, crop_y = 0;
	if (bits_flag(b)) { /* frame_cropping_flag */
		crop_x = bits_ue(b);
		crop_x += bits_ue(b);
		crop_y = bits_ue(b);
		crop_y += bits_ue(b);
	}
	crop_x *= chroma_format_idc == 1 || chroma_format_idc == 2 ? 2 : 1;
	crop_y *= (chroma_format_idc == 1 ? 2 : 1) * fields;
	height *= fields;
	b->failed |= crop_x >= width || crop_y >= height || width > UINT16_MAX || height > UINT16_MAX;
	out->width = (unsigned)(width - crop_x);
	out->height = (unsigned)(height - crop_y);
}

/* vui_parameters(), up to the timing. A tick is the time of a field: two are a frame. */
static void read_timing(struct bits *b, struct sps *out) {
	if (bits_flag(b) && bits_read(b, 8) == 255) /* aspect_ratio_idc: Extended_SAR */
		bits_read(b, 32);
	if (bits_flag(b)) /* overscan_info_present_flag */
		bits_read(b, 1);
	if (bits_flag(b)) { /* video_signal_type_present_flag */
		bits_read(b, 4);
		if (bits_flag(b))
			bits_read(b, 24);
	}
	if (bits_flag(b)) { /* chroma_loc_info_present_flag */
		bits_ue(b);
		bits_ue(b);
	}
	if (!bits_flag(b)) /* timing_info_present_flag */
		return;
	uint64_t num_units_in_tick = bits_read(b, 32), time_scale = bits_read(b, 32);
	if (b->failed)
		return;
	out->ticks = 2 * num_units_in_tick;
	out->time_scale = time_scale;
}

bool sps_read(const uint8_t *nal, size_t len, struct sps *out) {
	uint8_t data[LONGEST];
	struct bits b = bits_of(data, unescape(nal, len, data));
	*out = (struct sps){0};
	bits_read(&b, 8);
	unsigned profile_idc = bits_read(&b, 8);
	bits_read(&b, 16); /* constraints, level_idc */
	bits_ue(&b);
	unsigned chroma_format_idc = has_chroma_format(profile_idc) ? read_chroma_format(&b) : 1;
	bits_ue(&b); /* log2_max_frame_num_minus4 */
	pass_order_count(&b);
	bits_ue(&b); /* max_num_ref_frames */
	bits_read(&b, 1);
	read_size(&b, chroma_format_idc, out);
	if (b.failed)
		return false;
	if (bits_flag(&b)) /* vui_parameters_present_flag */
		read_timing(&b, out);
	return true;
}
