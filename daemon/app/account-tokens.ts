import { randomBytes } from 'node:crypto';
import { objectKey } from '../../protocol/objects.ts';
import type { CredentialSpec, Pod } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import type { ClusterKeys } from '../adapters/identity/cluster.ts';
import { verifySignature } from '../adapters/identity/signatures.ts';
import { issueAccountToken, issuePodToken, readAccountToken, TOKEN_ISSUER } from '../adapters/x509/account-token.ts';
import type { AccountToken, BoundObject } from '../adapters/x509/account-token.ts';
import { readApiToken } from '../adapters/x509/api-token.ts';
import { accountOf } from '../core/accounts/account-volume.ts';
import { accountGroups, accountUser, type Identity } from '../core/authorization/authorizer.ts';
import type { AccountTokens, PodToken, PodTokenRequest } from '../ports/account-tokens.ts';
import type { Clock } from '../ports/clock.ts';
import type { Identity as MemberIdentity } from '../ports/identity.ts';
import type { Replica } from '../ports/replica.ts';
import { credentialCounts } from './credentials.ts';

const TOKEN_ID_BYTES = 16;

/** A token that was signed for a service account: it counts once its credential is in desired state, and while the account lives. */
export interface IssuedToken {
  token: string;
  audiences: readonly string[];
  /** ms since 1970. */
  expiresAt: number;
  /** Of the credential. */
  name: string;
  spec: CredentialSpec;
}

export function issueTokenFor(
  account: { name: string; namespace: string; uid: string },
  wanted: { audiences: readonly string[]; expirationSeconds: number; boundTo?: BoundObject },
  keys: ClusterKeys,
  now: number,
): IssuedToken {
  const id = randomBytes(TOKEN_ID_BYTES).toString('hex');
  const audiences = wanted.audiences.length === 0 ? [TOKEN_ISSUER] : wanted.audiences;
  const expiresAt = now + wanted.expirationSeconds * 1000;
  const token = issueAccountToken(keys.caKey, { ...account, id, audiences, issuedAt: now, expiresAt, boundTo: wanted.boundTo });
  const user = accountUser(account.namespace, account.name);
  return { token, audiences, expiresAt, name: id, spec: { type: 'token', user, expiresAt: formatTime(expiresAt) } };
}

/** Tokens for the pods of this node, signed by its own key: a stolen CA key makes none, and nothing is written down for each pod. */
export class PodAccountTokens implements AccountTokens {
  readonly caCertificate: string;
  readonly #deps: { identity: MemberIdentity; clock: Clock };

  constructor(deps: { identity: MemberIdentity; clock: Clock }, caCertificate: string) {
    this.#deps = deps;
    this.caCertificate = caCertificate;
  }

  issue({ namespace, pod, account, audiences, lifetimeMs }: PodTokenRequest): PodToken {
    const issuedAt = this.#deps.clock.now();
    const expiresAt = issuedAt + lifetimeMs;
    const token = issuePodToken(this.#deps.identity, {
      id: randomBytes(TOKEN_ID_BYTES).toString('hex'),
      namespace,
      ...account,
      audiences: audiences.length === 0 ? [TOKEN_ISSUER] : audiences,
      issuedAt,
      expiresAt,
      boundTo: { kind: 'Pod', ...pod },
    });
    return { token, expiresAt };
  }
}

export interface TokenHolderDeps {
  replica: Pick<Replica, 'get'>;
  keys: ClusterKeys;
  /** Peer id of a node's member. */
  peerOfNode: (node: string) => string | undefined;
}

/** Whose a bearer token is: one that `kith` gave out, or one of a service account. */
export function tokenHolder(deps: TokenHolderDeps, text: string, now: number, audiences: readonly string[] = []): Identity | undefined {
  const { replica, keys } = deps;
  const holder = audiences.length === 0 ? readApiToken(keys.caCertificate, text, now) : undefined;
  if (holder !== undefined) return credentialCounts(replica, 'token', holder.id, holder.user) ? holder : undefined;
  const token = readAccountToken(keys.caCertificate, verifySignature, text, now);
  if (token === undefined) return undefined;
  const wanted = audiences.length === 0 ? [TOKEN_ISSUER] : audiences;
  if (!wanted.some((audience) => token.audiences.includes(audience))) return undefined;
  const { namespace, name, uid, id } = token;
  const user = accountUser(namespace, name);
  // Another life of the account is another account; and so is what the token is bound to.
  if (replica.get(objectKey('serviceaccounts', namespace, name))?.uid !== uid || !isBoundToLiving(replica, token)) return undefined;
  const counts = token.signedBy === undefined ? credentialCounts(replica, 'token', id, user) : isOfItsNode(deps, token);
  if (!counts) return undefined;
  return { user, groups: accountGroups(namespace), uid };
}

const BOUND_RESOURCES = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' } as const;

function isBoundToLiving(replica: Pick<Replica, 'get'>, { boundTo, namespace }: AccountToken): boolean {
  if (boundTo === undefined) return true;
  const { kind, name, uid } = boundTo;
  return replica.get(objectKey(BOUND_RESOURCES[kind], kind === 'Node' ? '' : namespace, name))?.uid === uid;
}

/** A member speaks for the pods of its own node only, and for the account that they are. */
function isOfItsNode({ replica, peerOfNode }: TokenHolderDeps, { boundTo, namespace, name, signedBy }: AccountToken): boolean {
  if (boundTo?.kind !== 'Pod') return false;
  const pod = replica.get(objectKey('pods', namespace, boundTo.name))?.object as Pod | undefined;
  const node = pod?.kith?.binding?.node;
  return pod !== undefined && node !== undefined && peerOfNode(node) === signedBy && accountOf(pod.spec) === name;
}
