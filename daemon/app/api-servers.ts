import { hostname } from 'node:os';
import { KithError } from '../../protocol/errors.ts';
import type { TokenAnswer, TokenRequest } from '../../protocol/answers.ts';
import { type DesiredObject, objectKey } from '../../protocol/objects.ts';
import type { JoinTokenSpec, MemberSpec } from '../../protocol/types.ts';
import { KITH_VERSION } from '../../protocol/version.ts';
import { httpClient } from '../adapters/http-client/http-client.ts';
import { type ServerCertificate, TlsServer } from '../adapters/https/tls-server.ts';
import { UnixServer } from '../adapters/https/unix-server.ts';
import type { ClusterKeys } from '../adapters/identity/cluster.ts';
import { verifySignature } from '../adapters/identity/signatures.ts';
import { issueServerCertificate, rootHash } from '../adapters/x509/certificates.ts';
import { Admission } from '../api/admission.ts';
import { planEviction } from '../core/controllers/eviction.ts';
import { Api } from '../api/api.ts';
import { kindsServed } from '../core/custom/served.ts';
import { CLUSTER_NETWORK_KEY } from '../core/network/pod-subnets.ts';
import { apiServiceAddress, serviceNumbers } from '../core/network/service-range.ts';
import { draftJoinToken } from '../core/joining/draft-token.ts';
import { conflictsAnswer, digestAnswer } from '../peer/endpoints.ts';
import { createJoinHandler, type JoinHandler } from '../peer/joining.ts';
import { netAnswer } from '../peer/network/net-answer.ts';
import type { Peer } from '../peer/peer.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Replica } from '../ports/replica.ts';
import { advertisedAddresses, hostPortText } from './addresses.ts';
import type { DaemonConfig } from './config.ts';
import { issueTokenFor, tokenHolder } from './account-tokens.ts';
import { createCredential, credentialCounts, issueCredential, kubeconfigText } from './credentials.ts';
import { admitMember, createToken, expiredTokens, JOIN_TOKENS, memberKey } from './members.ts';

export interface ApiServersDeps {
  peer: Peer;
  replica: Replica;
  clock: Clock;
  random: Random;
  log: Log;
}

const CLUSTER_NAMES = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'];

/** The API over TLS and on the local socket, with what Kith adds to Kubernetes' own paths. */
export class ApiServers {
  readonly #deps: ApiServersDeps;
  readonly #config: DaemonConfig;
  readonly #keys: ClusterKeys;
  readonly #join: JoinHandler;
  #tls: TlsServer | undefined;
  #unix: UnixServer | undefined;
  #isReady = false;
  #network: DesiredObject | undefined;
  #serviceAddress = '';
  #unsubscribe: (() => void) | undefined;

  constructor(deps: ApiServersDeps, config: DaemonConfig, keys: ClusterKeys) {
    this.#deps = deps;
    this.#config = config;
    this.#keys = keys;
    const { peer, replica, clock, log } = deps;
    this.#join = createJoinHandler({
      clock,
      log,
      verify: verifySignature,
      self: peer.view.self.peer,
      cluster: () => keys,
      token: (id) => replica.get(objectKey(JOIN_TOKENS, '', id))?.object.spec as JoinTokenSpec | undefined,
      members: () => peer.members(),
      admit: async (member, tokenId) => this.#admit(member, tokenId),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    const { apiListen, socketPath } = this.#config;
    const handler = this.#createApi().handle;
    this.#unix = new UnixServer({ handler, log }, { path: socketPath });
    await this.#unix.start(signal);
    this.#serviceAddress = this.#apiServiceAddress();
    const certificate = await this.#certificate(this.#serviceAddress);
    this.#tls = new TlsServer({ handler, log }, { host: apiListen.host, port: apiListen.port, certificate });
    await this.#tls.start(signal);
    this.#unsubscribe = this.#deps.peer.views.onChanged(() => this.#followServiceAddress());
  }

  /** Where pods find the API (`KUBERNETES_SERVICE_HOST`). */
  #apiServiceAddress(): string {
    return apiServiceAddress(serviceNumbers(this.#deps.replica));
  }

  /** A member that has just joined hears of the range of services with the rest of the state. */
  #followServiceAddress(): void {
    const network = this.#deps.replica.get(CLUSTER_NETWORK_KEY);
    if (network === this.#network) return;
    this.#network = network;
    const address = this.#apiServiceAddress();
    if (address === this.#serviceAddress) return;
    this.#serviceAddress = address;
    const failed = (error: unknown): void =>
      this.#deps.log.error('the API has no certificate for its address in the cluster', { address, error });
    this.#certificate(address).then((certificate) => this.#tls?.reload(certificate), failed);
  }

  async #certificate(serviceAddress: string): Promise<ServerCertificate> {
    const { caCertificate, caKey } = this.#keys;
    const names = [...new Set([this.#config.nodeName, hostname(), ...CLUSTER_NAMES])];
    const addresses = [...new Set([...advertisedAddresses(this.#config), '127.0.0.1', '::1', serviceAddress])];
    const ca = { certificate: caCertificate, key: caKey };
    const { key, certificate } = await issueServerCertificate(ca, { names, addresses }, this.#deps.clock.now());
    return { key, certificate, clientCa: caCertificate };
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await Promise.all([this.#tls?.stop(), this.#unix?.stop()]);
  }

  /** From now on `/readyz` says so. */
  ready(): void {
    this.#isReady = true;
  }

  url(): string {
    return `https://${hostPortText(advertisedAddresses(this.#config)[0] ?? '127.0.0.1', this.#config.apiListen.port)}`;
  }

  #createApi(): Api {
    const { peer, replica, clock, random, log } = this.#deps;
    const { view } = peer;
    const tokens = { replica, keys: this.#keys, peerOfNode: (node: string) => view.memberOfNode(node)?.spec.peerId };
    return new Api(
      {
        objects: peer.objects,
        desired: peer.writer,
        logs: peer.logs,
        streams: peer.streams,
        httpClient,
        clock,
        random,
        log,
        kinds: () => kindsServed(view),
        rbac: view,
        authenticateToken: async (token, audiences) => tokenHolder(tokens, token, clock.now(), audiences),
        issueAccountToken: async (account, wanted) => {
          const issued = issueTokenFor(account, wanted, this.#keys, clock.now());
          const { warnings } = await peer.writer.write(createCredential(replica, issued, clock.now()));
          return { ...issued, warnings };
        },
        certificateCounts: (fingerprint, user) => credentialCounts(replica, 'certificate', fingerprint, user),
        admission: new Admission({ view: peer.cluster }),
        planEviction: (pod) => planEviction(peer.cluster, pod, clock.now()),
        nodeIsMember: (node) => view.memberOfNode(node) !== undefined,
        memberOf: (node) => {
          const member = view.memberOfNode(node);
          return member === undefined ? undefined : view.get(memberKey(member.spec.peerId));
        },
        electors: () => peer.peers().electorate?.members ?? [],
        joinTokens: () => replica.list(JOIN_TOKENS),
        bindingAuthor: () => ({ membersSeen: view.membersSeen, membersKnown: view.membersKnown, term: view.leader.term }),
        unready: () => (this.#isReady ? [] : ['the daemon is starting']),
        kith: {
          peers: () => peer.peers(),
          conflicts: () => conflictsAnswer(replica),
          digest: (options) => digestAnswer(replica, options),
          sizes: () => replica.sizes(),
          manifests: () => ({ folder: this.#config.manifests, files: [...peer.manifestFiles()] }),
          net: () => netAnswer(peer.view, peer.services, peer.policies),
          doctor: async (node, signal) => peer.doctor.ask(node, signal),
          createToken: async (request) => this.#createToken(request),
          kubeconfig: async (user, credential, groups) => this.#kubeconfig({ user, groups }, credential),
          join: async (body, connection) => this.#join(body, connection),
        },
      },
      { kithVersion: KITH_VERSION },
    );
  }

  async #admit(member: MemberSpec, tokenId: string): Promise<MemberSpec[]> {
    const { peer, replica, clock } = this.#deps;
    if (!peer.view.complete) throw new KithError('Incomplete', 'this member has not the whole state of the cluster yet');
    await peer.writer.write(admitMember(replica, member, tokenId, clock.now()));
    return [...peer.members()];
  }

  async #createToken(request: TokenRequest): Promise<TokenAnswer> {
    const { peer, replica, clock, random } = this.#deps;
    const now = clock.now();
    const addresses = this.#apiUrls();
    const lifetimeMs = request.ttlSeconds === undefined ? undefined : request.ttlSeconds * 1000;
    const { id, spec, text } = draftJoinToken({ rootHash: rootHash(this.#keys.caCertificate), addresses, lifetimeMs }, random, now);
    await peer.writer.write([createToken(id, spec, now), ...expiredTokens(replica, now)]);
    return { token: text, expiresAt: spec.expiresAt };
  }

  /** A new credential counts once it is written down. */
  async #kubeconfig(user: { user: string; groups: readonly string[] }, type: 'certificate' | 'token'): Promise<string> {
    const { peer, replica, clock } = this.#deps;
    const issued = await issueCredential(type, user, this.#keys, clock.now());
    await peer.writer.write(createCredential(replica, issued, clock.now()));
    return kubeconfigText(issued, this.#keys, this.#apiUrls(), this.#loopbackUrl());
  }

  /** Where the API is for programs on this host; undefined where it does not listen there, or is announced as that anyhow. */
  #loopbackUrl(): string | undefined {
    const { host, port } = this.#config.apiListen;
    const url = `https://127.0.0.1:${port}`;
    return ['0.0.0.0', '::', '127.0.0.1'].includes(host) && !this.#apiUrls().includes(url) ? url : undefined;
  }

  /** Our own first: whoever got the token from us reaches us. */
  #apiUrls(): string[] {
    const { peer } = this.#deps;
    const own = peer.members().filter((member) => member.peerId === peer.view.self.peer);
    return [...own, ...peer.members().filter((member) => !own.includes(member))].flatMap((member) => member.apiAddresses);
  }
}
