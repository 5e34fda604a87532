import { createHash } from 'node:crypto';
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys';
import { StrictNoSign, gossipsub } from '@libp2p/gossipsub';
import type { GossipSub, Message } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Identify } from '@libp2p/identify';
import type { ConnectionGater, PeerId, StreamMuxerFactory } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import type { Libp2p } from 'libp2p';
import { encryptWhole, gatherFrames } from './gathering.ts';
import * as limits from './limits.ts';

export type PeerNode = Libp2p<{ identify: Identify; gossip: GossipSub }>;

/** Bytes of a message id: enough that no two messages of the last two minutes share one. */
const MESSAGE_ID_BYTES = 20;

export interface NodeOptions {
  /** Protobuf bytes of the Ed25519 key. */
  privateKey: Uint8Array;
  listenAddresses: readonly string[];
  announceAddresses: readonly string[];
  topics: readonly string[];
  isMember: (peer: string) => boolean;
}

/** A libp2p node of tcp, noise, yamux, identify and gossipsub, and nothing that finds peers: we know them. */
export function createNode(options: NodeOptions): Promise<PeerNode> {
  return createLibp2p({
    start: false,
    privateKey: privateKeyFromProtobuf(options.privateKey),
    nodeInfo: { name: 'kith', userAgent: 'kith' },
    addresses: { listen: [...options.listenAddresses], announce: [...options.announceAddresses] },
    transports: [tcp()],
    connectionEncrypters: [(components) => encryptWhole(noise()(components))],
    streamMuxers: [muxer],
    connectionGater: membersOnly(options.isMember),
    connectionManager: {
      maxConnections: limits.MAX_CONNECTIONS,
      maxParallelDials: limits.MAX_PARALLEL_DIALS,
      maxPeerAddrsToDial: limits.MAX_DIAL_ADDRESSES,
      dialTimeout: limits.DIAL_TIMEOUT_MS,
      addressDialTimeout: limits.ADDRESS_DIAL_TIMEOUT_MS,
      inboundUpgradeTimeout: limits.UPGRADE_TIMEOUT_MS,
      inboundConnectionThreshold: limits.MAX_INBOUND_PER_ADDRESS_PER_SECOND,
      maxIncomingPendingConnections: limits.MAX_UNPROVED_CONNECTIONS,
    },
    // The link watch measures round trips, drops dead links and mends gossip in one pass.
    connectionMonitor: { enabled: false },
    services: { identify: identify(), gossip: gossip(options.topics) },
  });
}

function muxer(): StreamMuxerFactory {
  const factory: StreamMuxerFactory = yamux({
    streamOptions: {
      initialStreamWindowSize: limits.STREAM_WINDOW_BYTES,
      maxStreamWindowSize: limits.MAX_STREAM_WINDOW_BYTES,
      maxReadBufferLength: limits.STREAM_READ_BUFFER_BYTES,
    },
  })();
  const create = factory.createStreamMuxer.bind(factory);
  factory.createStreamMuxer = (connection) => create(gatherFrames(connection));
  return factory;
}

function gossip(topics: readonly string[]) {
  return gossipsub({
    // Noise proves the neighbour; what must be proved beyond a hop carries its author's own signature. Signing here would be 60 % of a message's cost.
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: messageId,
    allowedTopics: [...topics],
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    // Our own messages go to every neighbour, not to the mesh alone: one hop, and a thin mesh loses nothing. Forwarding stays with the mesh.
    floodPublish: true,
    // So forwarding is for those that the author is not connected to: a few neighbours do, and each more only brings what is known already.
    D: 3,
    Dlo: 2,
    Dhi: 4,
    Dscore: 2,
    Dout: 1,
    Dlazy: 3,
    maxInboundDataLength: limits.MAX_GOSSIP_FRAME_BYTES,
    maxOutboundBufferSize: limits.MAX_GOSSIP_BACKLOG_BYTES,
    // Neighbours are members. Scoring by address silences fifteen peers behind one; scoring by behaviour silences a busy one. Both without an error.
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
  });
}

/** Unsigned messages are known by their content; payloads carry a random id, so that two equal ones are two. */
function messageId(message: Message): Uint8Array {
  return createHash('sha256').update(message.topic).update('\0').update(message.data).digest().subarray(0, MESSAGE_ID_BYTES);
}

function membersOnly(isMember: (peer: string) => boolean): ConnectionGater {
  const deny = (peer: PeerId) => !isMember(peer.toString());
  return {
    denyDialPeer: deny,
    denyOutboundEncryptedConnection: deny,
    denyInboundEncryptedConnection: deny,
  };
}
