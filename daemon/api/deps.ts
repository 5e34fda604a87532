import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import type { Mutation } from '../../protocol/desired.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import type { Identity, RbacSource } from '../core/authorization/authorizer.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { HttpRequest } from '../ports/http.ts';
import type { HttpClient } from '../ports/http-client.ts';
import type { Log } from '../ports/log.ts';
import type { LogSource } from '../ports/logs.ts';
import type { DesiredWriter, ObjectSource } from '../ports/objects.ts';
import type { StreamSource } from '../ports/streams.ts';
import type { Admission } from './admission.ts';
import type { KithEndpoints } from './kith-endpoints.ts';

export type { Identity };

export interface ApiDeps {
  objects: ObjectSource;
  desired: DesiredWriter;
  logs: LogSource;
  streams: StreamSource;
  httpClient: HttpClient;
  clock: Clock;
  random: Random;
  log: Log;
  /** Kinds served now, in all their versions: another list whenever they change. The registry's unless given. */
  kinds?(): readonly KindDefinition[];
  /** Roles and bindings, as merged here. */
  rbac: RbacSource;
  /** Whose a bearer token is; undefined when it is nobody's. `audiences`: whom it must be for, the API unless given. */
  authenticateToken(token: string, audiences?: readonly string[]): Promise<Identity | undefined>;
  /** A new token of a service account. */
  issueAccountToken?(
    account: { name: string; namespace: string; uid: string },
    wanted: { audiences: readonly string[]; expirationSeconds: number; boundTo?: BoundTo },
  ): Promise<{ token: string; audiences: readonly string[]; expiresAt: number; warnings: readonly string[] }>;
  /** Whether a certificate that the CA signed was given out and not taken back. Without this, all of them count. */
  certificateCounts?(fingerprint: string, user: string): boolean;
  /** Bounds, quotas and priorities. Without this, none are asked. */
  admission?: Admission;
  /** How an evicted pod goes where it is replaced first (core/controllers/eviction.ts). Without this it is deleted. */
  planEviction?(pod: DesiredObject): Mutation[] | undefined;
  /** Whether a node is a member of the cluster, dead ones too. */
  nodeIsMember(node: string): boolean;
  /** The member object behind a node: deleting the Node removes it. */
  memberOf?(node: string): DesiredObject | undefined;
  /** Peer ids of the members that vote on what runs at most once, as the members that answer know it. Without this, any member may be removed. */
  electors?(): Promise<readonly string[]>;
  /** Join tokens that were given out: removing a host takes them back. */
  joinTokens?(): Iterable<DesiredObject>;
  /** What a person's binding says of its author. */
  bindingAuthor(): { membersSeen: number; membersKnown: number; term: number };
  /** Right after the start: until this peer knows what the others say of their nodes and pods. Undefined afterwards. */
  heard?(): Promise<void> | undefined;
  /** What keeps this peer from being ready, a line each; empty when it is. */
  unready(): readonly string[];
  kith: KithEndpoints;
}

/** What a token of a service account counts with. */
export interface BoundTo {
  kind: 'Pod' | 'Secret' | 'Node';
  name: string;
  uid: string;
}

export interface ApiOptions {
  /** Kith's own version, for `/version`. */
  kithVersion: string;
  /** Kinds served, in all their versions; the registry's by default. */
  kinds?: readonly KindDefinition[];
}

/** A request for a resource, as the router understood it. */
export interface ResourceCall {
  kind: KindDefinition;
  /** Undefined for cluster-scoped kinds, and for a list over all namespaces. */
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  request: HttpRequest;
  identity: Identity;
}

/** A call that names one object. */
export interface ObjectCall extends ResourceCall {
  name: string;
}
