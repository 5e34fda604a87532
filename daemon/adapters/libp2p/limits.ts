/** Bounds of the peer network, in one place. `test/adapters/libp2p/limits.test.ts` asserts how they relate. */
const KIB = 1024;
const MIB = 1024 * KIB;

/** One request or one answer. A peer's whole desired state travels in several. */
export const MAX_REQUEST_BYTES = 16 * MIB;
/** One published message. What is larger reaches the others by anti-entropy. */
export const MAX_GOSSIP_BYTES = 2 * MIB;
/** One frame of gossipsub, which puts several messages into one when it repairs a loss; a longer frame ends gossip on that link. */
export const MAX_GOSSIP_FRAME_BYTES = 32 * MIB;
/** What may wait for a slow neighbour before its gossip stream is dropped; the link watch then makes the link anew. */
export const MAX_GOSSIP_BACKLOG_BYTES = 16 * MIB;
/** Text of a refusal that is carried to the other side. */
export const MAX_REFUSAL_BYTES = 4 * KIB;
/** The first frame of a relay stream. */
export const MAX_HEADER_BYTES = 64 * KIB;
/** One data frame of a relay stream; longer writes are cut. */
export const MAX_RELAY_FRAME_BYTES = 256 * KIB;
/** Bytes read from a stream and not yet taken; beyond it the sender is told to pause. */
export const READ_AHEAD_BYTES = 256 * KIB;
/** yamux windows: what a sender may have under way. Less than the read buffer that libp2p allows a paused stream (4 MiB), or pausing would reset it. */
export const STREAM_WINDOW_BYTES = 256 * KIB;
export const MAX_STREAM_WINDOW_BYTES = 2 * MIB;
export const STREAM_READ_BUFFER_BYTES = 4 * MIB;

/** Frames that wait for the end of the loop's turn, to leave together. */
export const MAX_GATHERED_BYTES = 64 * KIB;
/** Credit for the sender of a stream that may wait for something else to be sent: half a window, so that it never lacks it. */
export const MAX_HELD_CREDIT_BYTES = STREAM_WINDOW_BYTES / 2;

/** Requests of one protocol under way to one peer; the next ones wait in order. */
export const MAX_REQUESTS_UNDER_WAY = 16;
/** Requests that may wait for the above, per peer and protocol. */
export const MAX_REQUESTS_WAITING = 1024;
/** A chunk of a question or an answer on the stream that all of them share: between two chunks others pass. */
export const CALL_CHUNK_BYTES = 64 * KIB;
/** Questions of one peer that may be under way here: more than it has itself of all protocols together. */
export const MAX_CALLS_OF_A_PEER = 128;
/** Bytes of one peer's questions of which the last chunk has not come yet. */
export const MAX_UNFINISHED_BYTES = 64 * MIB;
/** Call streams of one connection and direction: one, and room for one that is just ending. */
export const MAX_CALL_STREAMS = 4;
/** Streams of one protocol that a peer may have open with us: more than it opens of itself, for those that are just ending. */
export const MAX_INBOUND_STREAMS = 64;
export const MAX_RELAY_STREAMS = 256;

/** Longest time to open a stream for calls, ms. */
export const OPEN_TIMEOUT_MS = 10_000;
/** Longest time to receive the header of a relay, and to answer a request, ms. */
export const RECEIVE_TIMEOUT_MS = 30_000;
export const SERVE_TIMEOUT_MS = 60_000;
/** A relay that is done waits so long for its reader to take the rest. */
export const RELAY_TAKEN_TIMEOUT_MS = 600_000;
/** Longest time for both sides to close a stream after the answer, ms. */
export const STREAM_CLOSE_TIMEOUT_MS = 5_000;

/** All connections, ours and theirs: a full mesh, with room for two a peer while both dial at once. */
export const MAX_CONNECTIONS = 1024;
/** libp2p's default of 5 connections a second from one address cuts off a dozen peers behind it. */
export const MAX_INBOUND_PER_ADDRESS_PER_SECOND = 200;
/** Connections that have not proved who they are yet; libp2p's default is 10. */
export const MAX_UNPROVED_CONNECTIONS = 256;
/** Time to prove who one is: much more than it takes, as a busy host that gives up on others' greetings only gets more of them. */
export const UPGRADE_TIMEOUT_MS = 10_000;
/** Few enough that greetings under way do not slow each other past their timeouts; a member that is silently dead holds a place while it is tried. */
export const MAX_PARALLEL_DIALS = 24;
export const MAX_DIAL_ADDRESSES = 16;
export const ADDRESS_DIAL_TIMEOUT_MS = 5_000;
export const DIAL_TIMEOUT_MS = 12_000;

/** Redial: backoff doubles from the first to the longest, with jitter, for ever. */
export const REDIAL_FIRST_MS = 100;
export const REDIAL_LONGEST_MS = 15_000;
/** How long the peer with the greater id lets the other dial first. */
export const YIELD_MS = 250;
/** A connection that lasted this long was good: the next failure starts from the first delay again. */
export const STABLE_CONNECTION_MS = 5_000;

/** How often each link is measured and its gossip checked, ms; a link that does not answer in time is dropped. */
export const LINK_CHECK_MS = 10_000;
export const LINK_FIRST_CHECK_MS = 250;
export const LINK_TIMEOUT_MS = 8_000;
/** A connection opened while another is older than this takes its place: the other side would not dial if it still had the old one. */
export const REPLACED_AFTER_MS = 5_000;

/** How often one that is no member any more is let in to be told so, ms; how many at a time, and how long each may take to hear it. */
export const NOTICE_EVERY_MS = 5_000;
export const MAX_NOTICES_UNDER_WAY = 8;
export const NOTICE_TIMEOUT_MS = 5_000;

/** Stop: time to part in order before connections are cut, ms. */
export const STOP_GRACE_MS = 1_200;
