/* Statistics: counters and gauges that can be read at any time, at the cost of a copy. Times are in ns, sizes in bytes. */
#ifndef SLUICE_STATS_H
#define SLUICE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One association (RFC 9260). Bytes are those of SCTP packets, without DTLS and UDP. */
typedef struct sluice_sctp_stats {
	uint64_t packets_sent, packets_received;
	uint64_t bytes_sent, bytes_received;
	uint64_t data_chunks_sent, data_chunks_received;           /* retransmissions and duplicates included */
	uint64_t messages_sent, messages_received;                 /* accepted by send; given to the app */
	uint64_t payload_sent, payload_received;                   /* bytes of those messages */
	uint64_t messages_abandoned;                               /* given up by their reliability limits */
	uint64_t retransmitted_chunks, fast_retransmits, timeouts; /* timeouts of T3-rtx */
	uint64_t sacks_sent, sacks_received, gap_blocks_received;
	uint64_t duplicate_tsns_received;
	uint64_t heartbeats_sent, heartbeat_acks_received;
	uint64_t packets_discarded; /* a wrong checksum, tag, length or port; answered only where the RFC wants it */
	uint64_t chunks_discarded;  /* malformed, unknown, or in the wrong state */
	uint64_t window_drops;      /* DATA beyond the promised window */
	uint64_t memory_drops;      /* DATA that was dropped because the allocator gave no memory */
	uint64_t window_probes;
	uint64_t recoveries, rack_losses; /* recoveries begun; chunks found lost by time (RFC 8985) */
	/* Chunks found lost for which the window was not reduced: the congestion control took them for the line's own losses. */
	uint64_t losses_forgiven;
	uint64_t tail_probes;              /* tail loss probes; RFC 8985, 7 */
	uint64_t spurious_retransmissions; /* the peer reported them as received twice */
	uint64_t spurious_timeouts;        /* timeouts that proved needless */
	uint64_t reductions_undone;        /* reductions of the window that were taken back */
	uint64_t reordering_seen;          /* SACKs that showed that a later packet overtook an earlier one */
	uint64_t delivery_rate;            /* bytes/s, the latest sample; 0: none */
	const char *congestion_control;    /* its name */
	uint64_t pacing_rate;              /* bytes/s; 0: not paced */
	uint64_t restarts;

	uint64_t srtt, rttvar, rto, min_rtt;
	uint32_t cwnd, ssthresh, flight_size, peer_window, local_window;
	uint32_t mtu;                               /* the largest SCTP packet */
	uint64_t mtu_probes_sent, mtu_probes_acked; /* RFC 8899 */
	uint64_t mtu_black_holes;                   /* how often large packets were lost, so that small ones were tried instead */
	uint32_t error_count;
	uint64_t buffered; /* bytes accepted and neither acknowledged nor given up, all streams */
	uint64_t held;     /* bytes of memory of everything received that the app has not released yet */
	uint16_t outbound_streams, inbound_streams;
} sluice_sctp_stats;

typedef struct sluice_channel_stats {
	uint64_t messages_sent, messages_received;
	uint64_t bytes_sent, bytes_received;
	uint64_t messages_lost; /* accepted by send and then given up, by their limits or by the close */
	uint64_t buffered;
} sluice_channel_stats;

typedef struct sluice_dtls_stats {
	uint64_t records_sealed, records_opened;
	uint64_t records_discarded; /* not authentic, replayed, or not a record at all */
	uint64_t flights_repeated;
} sluice_dtls_stats;

/* The pair of candidates that carries data (W3C's RTCIceCandidatePairStats). */
typedef struct sluice_candidate_pair_stats {
	char local_address[64], remote_address[64];
	uint16_t local_port, remote_port;
	const char *local_type, *remote_type; /* "host", "srflx", "prflx", "relay"; NULL while there is no pair */
	const char *protocol;                 /* "udp", "tcp" */
	bool nominated;
	uint64_t rtt, total_rtt; /* of checks */
	uint64_t requests_sent, requests_received, responses_sent, responses_received, consent_requests_sent;
} sluice_candidate_pair_stats;

typedef struct sluice_peer_stats {
	sluice_sctp_stats sctp;
	sluice_dtls_stats dtls;
	uint64_t datagrams_sent, datagrams_received;
	uint64_t bytes_sent, bytes_received; /* UDP payload */
	/* What the kernel dropped because the receive buffer of a socket was full; datagrams that it had coalesced count as one.
	 * Only of sockets that the peer has to itself: those of an endpoint are in sluice_endpoint_stats. */
	uint64_t socket_drops;
	/* Bytes of datagrams that the socket holds while nobody reads it; SLUICE_NEVER: not known. */
	uint64_t receive_room;
	uint32_t channels_open;
	/* When each phase ended, in ns after the peer's first verb; SLUICE_NEVER while it has not. */
	uint64_t dtls_connected_after, sctp_connected_after, channel_open_after;

	/* By offer and answer: ICE. The selected pair is all zero while there is none. */
	uint64_t gathered_after, checking_after, ice_connected_after, dtls_started_after;
	sluice_candidate_pair_stats selected;
	uint32_t local_candidates, remote_candidates, candidate_pairs;
	/* Lines of the other side's descriptions that are no candidate, or come after the first 128. */
	uint64_t candidates_skipped;
	uint64_t selected_pair_changes;
	uint64_t stun_bytes_sent, stun_bytes_received, stun_discarded;
	bool snap, sped; /* agreed with the other side */
} sluice_peer_stats;

#ifdef __cplusplus
}
#endif
#endif
