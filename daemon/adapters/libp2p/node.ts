import { createHash } from 'node:crypto';
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys';
import { StrictNoSign, gossipsub } from '@libp2p/gossipsub';
import type { GossipSub, GossipSubComponents, Message } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Identify } from '@libp2p/identify';
import type { ConnectionGater, PeerId, StreamHandler, StreamMuxerFactory } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import type { Libp2p } from 'libp2p';
import { encryptWhole, gatherFrames } from './gathering.ts';
import * as limits from './limits.ts';

type Registrar = GossipSubComponents['registrar'];
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
  /** Whether one that is no member may come in all the same, to be told so. */
  mayKnock: (peer: string) => boolean;
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
    connectionGater: gater(options),
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
    services: { identify: identify(), gossip: gossip(options) },
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

function gossip({ topics, isMember }: NodeOptions) {
  const create = gossipsub({
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
  return (components: GossipSubComponents) => create(withRegistrar(components, membersOnly(components.registrar, isMember)));
}

function withRegistrar(components: GossipSubComponents, registrar: Registrar): GossipSubComponents {
  return new Proxy(components, { get: (target, name) => (name === 'registrar' ? registrar : (Reflect.get(target, name) as unknown)) });
}

/** Gossip takes every connected peer for a neighbour, and passes on what it says before anyone is asked. */
function membersOnly(registrar: Registrar, isMember: (peer: string) => boolean): Registrar {
  const guarded = (handler: StreamHandler): StreamHandler => {
    return (stream, connection) => {
      if (isMember(connection.remotePeer.toString())) return handler(stream, connection);
      stream.abort(new Error('not a member'));
    };
  };
  const handle: Registrar['handle'] = async (protocol, handler, options) => registrar.handle(protocol, guarded(handler), options);
  const register: Registrar['register'] = async (protocol, topology) => {
    const onConnect: typeof topology.onConnect = (peer, connection) => {
      if (isMember(peer.toString())) void topology.onConnect?.(peer, connection);
    };
    return registrar.register(protocol, { ...topology, onConnect });
  };
  const own: Partial<Registrar> = { handle, register };
  return new Proxy(registrar, {
    get: (target, name) => {
      const value: unknown = own[name as keyof Registrar] ?? Reflect.get(target, name);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

/** Unsigned messages are known by their content; payloads carry a random id, so that two equal ones are two. */
function messageId(message: Message): Uint8Array {
  return createHash('sha256').update(message.topic).update('\0').update(message.data).digest().subarray(0, MESSAGE_ID_BYTES);
}

function gater({ isMember, mayKnock }: NodeOptions): ConnectionGater {
  const deny = (peer: PeerId) => !isMember(peer.toString());
  return {
    denyDialPeer: deny,
    denyOutboundEncryptedConnection: deny,
    denyInboundEncryptedConnection: (peer) => deny(peer) && !mayKnock(peer.toString()),
  };
}
