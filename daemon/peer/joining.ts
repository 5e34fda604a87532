/**
 * The cluster's side of joining: takes requests that the API hands over, judges them, has the new member admitted, answers with the cluster's keys. It stores
 * nothing: tokens and members are desired state, written by `admit`.
 */
import { JOIN_EXPORTER_BYTES, JOIN_EXPORTER_LABEL, joinAnswerMac } from '../../protocol/joining.ts';
import type { JoinAnswer, JoinRefusal, JoinRefusalCode, JoinRequest } from '../../protocol/joining.ts';
import type { JoinTokenSpec, MemberSpec } from '../../protocol/types.ts';
import { WIRE_VERSION } from '../../protocol/version.ts';
import { JoinAttempts, addressOf } from '../core/joining/attempts.ts';
import { judgeJoinRequest, parseJoinRequest, refuse } from '../core/joining/judge.ts';
import type { Clock } from '../ports/clock.ts';
import type { VerifySignature } from '../ports/identity.ts';
import type { Log } from '../ports/log.ts';

export interface JoinHandlerDeps {
  clock: Clock;
  log: Log;
  verify: VerifySignature;
  /** Our own peer id: goes into `admittedBy`. */
  self: string;
  /** The cluster's keys of this moment. */
  cluster(): { clusterId: string; caCertificate: string; caKey: string };
  /** The token in the desired state. */
  token(id: string): JoinTokenSpec | undefined;
  members(): readonly MemberSpec[];
  /**
   * Writes the member and its node and marks the token used by it; resolves, once that is acknowledged, to all members with the new one. Must bear being called
   * again for the same member.
   */
  admit(member: MemberSpec, tokenId: string): Promise<MemberSpec[]>;
}

/** What the API knows of the connection that a request came by. */
export interface JoinSession {
  /** `ADDRESS:PORT`. */
  remoteAddress: string;
  /** Keying material of the TLS session; absent without TLS. */
  exporter?(label: string, lengthBytes: number): Uint8Array;
}

export type JoinHandler = (body: unknown, session: JoinSession) => Promise<{ status: number; body: JoinAnswer | JoinRefusal }>;

/** Requests being admitted at a time. */
export const MAX_JOINS_UNDER_WAY = 16;
export const ADMIT_TIMEOUT_MS = 15_000;

const STATUS: Record<JoinRefusalCode, number> = {
  Malformed: 400,
  UnknownVersion: 400,
  BadName: 400,
  UnknownToken: 403,
  WrongSecret: 403,
  WrongSignature: 403,
  TokenExpired: 403,
  TokenUsed: 403,
  NameTaken: 409,
  TooManyAttempts: 429,
  Unavailable: 503,
};

export function createJoinHandler(deps: JoinHandlerDeps): JoinHandler {
  const attempts = new JoinAttempts();
  /** By token id: who is just being admitted with it. Its name is taken already. */
  const underWay = new Map<string, MemberSpec>();

  const join = async (body: unknown, session: JoinSession): Promise<{ accepted: JoinAnswer } | { refused: JoinRefusal }> => {
    if (!session.exporter) return refuse('Malformed', 'joining needs TLS: use an https:// address of a member');
    const allowed = attempts.allow(addressOf(session.remoteAddress), deps.clock.monotonic());
    if (!allowed || underWay.size >= MAX_JOINS_UNDER_WAY)
      return refuse('TooManyAttempts', 'too many attempts to join: wait a minute and try again');
    const parsed = parseJoinRequest(body);
    if ('refused' in parsed) return parsed;
    const request = parsed.accepted;
    const token = deps.token(request.token);
    const exporter = session.exporter(JOIN_EXPORTER_LABEL, JOIN_EXPORTER_BYTES);
    const verdict = judgeJoinRequest(request, {
      token,
      underWay: underWay.get(request.token)?.peerId,
      members: [...deps.members(), ...underWay.values()],
      exporter,
      now: deps.clock.now(),
      verify: deps.verify,
    });
    if ('refused' in verdict) return verdict;
    const member = verdict.accepted;
    underWay.set(request.token, member);
    const admission = deps.admit({ ...member, admittedBy: deps.self }, request.token);
    const end = (): void => {
      if (underWay.get(request.token) === member) underWay.delete(request.token);
    };
    // It may be written long after this answer: until then the token is for nobody else.
    admission.then(end, end);
    try {
      const members = await withinTime(deps.clock, admission);
      return { accepted: answer(deps, request, Buffer.from(token?.secret ?? '', 'base64url'), exporter, members) };
    } catch (error) {
      deps.log.error('A host could not be admitted.', { peer: member.peerId, error: String(error) });
      return refuse('Unavailable', `the member could not be written down: ${(error as Error).message}; try again, or at another member`);
    }
  };

  return async (body, session) => {
    const outcome = await join(body, session);
    if ('accepted' in outcome) {
      deps.log.info('A host joined.', { from: session.remoteAddress, clusterId: outcome.accepted.clusterId });
      return { status: 200, body: outcome.accepted };
    }
    deps.log.warn('A host was refused.', { from: session.remoteAddress, ...outcome.refused });
    return { status: STATUS[outcome.refused.code], body: outcome.refused };
  };
}

function answer(deps: JoinHandlerDeps, request: JoinRequest, secret: Uint8Array, exporter: Uint8Array, members: MemberSpec[]): JoinAnswer {
  const { clusterId, caCertificate, caKey } = deps.cluster();
  const content = { version: WIRE_VERSION, clusterId, caCertificate, caKey, members };
  return { ...content, mac: joinAnswerMac(secret, exporter, request.mac, content) };
}

async function withinTime<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.after(ADMIT_TIMEOUT_MS, () => reject(new Error(`not written within ${ADMIT_TIMEOUT_MS} ms`)));
    work.then(resolve, reject).finally(cancel);
  });
}
