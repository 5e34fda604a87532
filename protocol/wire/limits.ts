/**
 * Bounds of what travels about desired state and of what the replica takes. Bytes unless named otherwise; the relations are asserted in a test.
 */

/** One object as canonical JSON; etcd's default for a request is the same 1.5 MiB. */
export const MAX_OBJECT_BYTES = 1_572_864;
/** How deep lists and maps of one field may lie in each other, and how many steps its path may have: what walks through them, as `JSON.stringify`, ends at some thousands. */
export const MAX_VALUE_DEPTH = 512;
/** One Automerge change, inflated. It holds an object's text once, with a little around each field, and the names of the fields that it takes away. */
export const MAX_CHANGE_BYTES = 3 * 1_048_576;
/** One message over a stream between two members. */
export const MAX_STREAM_MESSAGE_BYTES = 4 * 1_048_576;
/** What an answer of anti-entropy aims at: small enough to be handled in some ten milliseconds. */
export const SYNC_CHUNK_BYTES = 512 * 1_024;
/** One gossiped message. Larger changes go by push and anti-entropy only: gossip sends each message several times. */
export const MAX_GOSSIP_BYTES = 256 * 1_024;
/** Documents of one envelope. */
export const MAX_ENVELOPE_DOCUMENTS = 5_000;
/** Changes of one document in one envelope. */
export const MAX_DOCUMENT_CHANGES = 10_000;
/** Keys of one list of versions. A bucket that has more, as those of a cluster of a million objects, is listed in several. */
export const MAX_VERSIONS = 5_000;
/** Such a list, encoded: most keys have a tenth of their greatest length. */
export const MAX_VERSIONS_BYTES = 1_048_576;
/** Members that a removed one had let in: more than a cluster has. */
export const MAX_ADMITTED = 1_000;
/** Concurrent heads of one document: each is an edit that has not seen the others, so there are at most some a member. */
export const MAX_HEADS = 1_024;
/** Authors of a history that is cut off, one a start of a daemon that edited the object. A history with more stays. */
export const MAX_EPOCH_AUTHORS = 1_024;
/** Earlier epochs of a document that are remembered, and the authors of all of them: who missed more does not know what it has that the others lack. */
export const MAX_PAST_EPOCHS = 4;
export const MAX_PAST_AUTHORS = 64;
/** Buckets that the digest has; the first byte of a key's hash names its bucket. */
export const BUCKETS = 256;
/** Buckets whose versions are asked for at once. */
export const MAX_BUCKETS_ASKED = 32;
/** An object key: resource (a plural and a group, 63 + 1 + 253), two slashes, namespace (63) and name (253). Characters. */
export const MAX_KEY_CHARS = 640;
/** Peer ids of Ed25519 keys have 52 characters; leave room for other keys. */
export const MAX_PEER_CHARS = 128;
/** Cluster ids. Characters. */
export const MAX_CLUSTER_CHARS = 128;
/** Envelope ids are 16 random bytes in hex; leave room. Characters. */
export const MAX_ENVELOPE_ID_CHARS = 64;
/** A reason in words. Characters. */
export const MAX_REASON_CHARS = 1_024;
