/**
 * The joiner's side: asks the members that the token names, one after the other, to be let in. It trusts a server only when its certificates hang on the token's
 * root and it proves that it knows the token's secret; nothing is taken over before.
 */
import { KithError, invariant } from '../../../protocol/errors.ts';
import { joinAnswerMac, macsEqual, parseMemberSpec, proveJoinRequest } from '../../../protocol/joining.ts';
import type { JoinAnswer, JoinRequest } from '../../../protocol/joining.ts';
import { decodeJoinToken } from '../../../protocol/token.ts';
import type { JoinToken } from '../../../protocol/token.ts';
import type { MemberSpec } from '../../../protocol/types.ts';
import { WIRE_VERSION } from '../../../protocol/version.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Identity } from '../../ports/identity.ts';
import type { Log } from '../../ports/log.ts';
import { clusterIdOf, keyMatches, rootHash } from '../x509/certificates.ts';
import { impostor, refused, unreachable } from './errors.ts';
import { openJoinSession, postJoin } from './session.ts';

export interface JoinDeps {
  identity: Identity;
  clock: Clock;
  log: Log;
}

export interface JoinedCluster {
  clusterId: string;
  /** PEM. */
  caCertificate: string;
  /** PEM. */
  caKey: string;
  /** All members, ourselves included. */
  members: MemberSpec[];
}

/**
 * Asks one member, and trusts its answer only when it has proved that it knows the token's secret.
 * @throws KithError `JoinRefused` | `JoinUnreachable`; what else it throws is taken for the latter
 */
export type AskMember = (
  deps: JoinDeps,
  address: string,
  token: JoinToken,
  member: MemberSpec,
  signal: AbortSignal | undefined,
) => Promise<JoinedCluster>;

/** Longest time at one address: a member may take 15 s to have the admission acknowledged. */
export const ADDRESS_TIMEOUT_MS = 25_000;
/** Refusals that another member may not share. */
const TRY_ANOTHER = new Set(['TooManyAttempts', 'Unavailable', 'NotTheCluster']);

/**
 * Joins the token's cluster. `member.admittedBy` is left to who admits.
 * @param ask over TLS, unless given
 * @throws KithError `InvalidToken` | `JoinRefused` (`details.code` says why) | `JoinUnreachable` (no address led to a member)
 */
export async function joinCluster(
  deps: JoinDeps,
  options: { token: string; member: MemberSpec; signal?: AbortSignal },
  ask: AskMember = joinAt,
): Promise<JoinedCluster> {
  const token = decodeJoinToken(options.token);
  invariant(parseMemberSpec(options.member), 'a joiner says of itself only what others take in');
  const failures: KithError[] = [];
  for (const address of token.addresses) {
    options.signal?.throwIfAborted();
    try {
      return await ask(deps, address, token, options.member, options.signal);
    } catch (error) {
      options.signal?.throwIfAborted();
      const failure = asFailure(address, error);
      if (failure.code === 'JoinRefused' && !TRY_ANOTHER.has(String(failure.details.code))) throw failure;
      deps.log.warn('Could not join at this address.', { address, error: failure.message });
      failures.push(failure);
    }
  }
  const refusal = failures.find(({ code }) => code === 'JoinRefused');
  if (refusal) throw refusal;
  const tried = failures.map(({ message }) => message).join('; ');
  throw new KithError(
    'JoinUnreachable',
    `no member of the cluster can be reached (${tried}): is one running, and is its API port open to this host?`,
  );
}

async function joinAt(
  deps: JoinDeps,
  address: string,
  token: JoinToken,
  member: MemberSpec,
  outer: AbortSignal | undefined,
): Promise<JoinedCluster> {
  const controller = new AbortController();
  const cancel = deps.clock.after(ADDRESS_TIMEOUT_MS, () => controller.abort(new Error(`no answer within ${ADDRESS_TIMEOUT_MS} ms`)));
  const abort = () => controller.abort(outer?.reason);
  outer?.addEventListener('abort', abort, { once: true });
  try {
    const { socket, exporter } = await openJoinSession(address, token.rootHash, controller.signal);
    const request = proveJoinRequest(token, exporter, member, (bytes) => deps.identity.sign(bytes));
    const answer = await postJoin(socket, address, JSON.stringify(request));
    if (answer.status !== 200) throw refusalOf(address, answer.status, answer.body);
    return verifyAnswer(address, token, exporter, request, answer.body);
  } finally {
    cancel();
    outer?.removeEventListener('abort', abort);
  }
}

export function refusalOf(address: string, status: number, body: unknown): KithError {
  const { code, reason, message } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  if (typeof code === 'string' && typeof reason === 'string') return refused(address, code, reason);
  return unreachable(
    address,
    `it answered with status ${status}${typeof message === 'string' ? `: ${message}` : ''}; is it a kithd of this version?`,
  );
}

function verifyAnswer(address: string, token: JoinToken, exporter: Uint8Array, request: JoinRequest, body: unknown): JoinedCluster {
  const answer = body as JoinAnswer;
  const proved =
    typeof answer === 'object' &&
    answer !== null &&
    typeof answer.mac === 'string' &&
    macsEqual(answer.mac, joinAnswerMac(token.secret, exporter, request.mac, answer));
  if (!proved) throw impostor(address, "it cannot prove that it knows the token's secret");
  const { version, clusterId, caCertificate, caKey } = answer;
  if (version !== WIRE_VERSION)
    throw refused(address, 'UnknownVersion', `it speaks version ${version} of the peers' protocol, this kithd ${WIRE_VERSION}`);
  const rightCa = rootHash(caCertificate) === token.rootHash && clusterIdOf(caCertificate) === clusterId;
  if (!rightCa || !keyMatches({ certificate: caCertificate, key: caKey }))
    throw impostor(address, 'the cluster keys that it sent do not belong together');
  const members = answer.members.map((member) => parseMemberSpec(member)).filter((member) => member !== undefined);
  if (!members.some(({ peerId }) => peerId === request.member.peerId))
    throw impostor(address, 'its list of members does not have this peer');
  return { clusterId, caCertificate, caKey, members };
}

function asFailure(address: string, error: unknown): KithError {
  if (error instanceof KithError) return error as KithError;
  return unreachable(address, error instanceof Error ? error.message : String(error), error);
}
