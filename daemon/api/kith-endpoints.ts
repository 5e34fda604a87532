import type {
  ConflictsAnswer,
  DigestAnswer,
  ManifestsAnswer,
  PeersAnswer,
  SizesAnswer,
  TokenAnswer,
  TokenRequest,
  UserRequest,
} from '../../protocol/answers.ts';
import type { DoctorAnswer } from '../../protocol/doctor.ts';
import type { NetAnswer } from '../../protocol/net-answer.ts';
import { ADMIN_GROUP } from '../core/authorization/authorizer.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import { authorizeEverything, authorizePath } from './authorization.ts';
import { isRecord, readDocument } from './body.ts';
import type { ApiDeps, Identity } from './deps.ts';
import { ApiError, jsonResponse, methodNotAllowed, noSuchPath } from './status.ts';

export const KITH_PREFIX = '/kith.dev/v1/';
/** The one endpoint that strangers may call: what they send proves itself, under the handler's own limits. */
export const JOIN_PATH = '/kith.dev/v1/join';
const MAX_JOIN_BODY_BYTES = 64 * 1024;
const MAX_TOKEN_SECONDS = 365 * 24 * 60 * 60;

/** What Kubernetes has no words for. The composition root fills it in. */
export interface KithEndpoints {
  peers(): PeersAnswer;
  conflicts(): ConflictsAnswer;
  digest(options: { objects: boolean }): DigestAnswer;
  sizes(): SizesAnswer;
  manifests(): ManifestsAnswer;
  net(): NetAnswer;
  /** @throws KithError `NotFound` */
  doctor(node: string | undefined, signal: AbortSignal): Promise<DoctorAnswer>;
  createToken(request: TokenRequest): Promise<TokenAnswer>;
  /** A kubeconfig with a new client certificate or token for the user, as YAML. Absent where there is no TLS. */
  kubeconfig?(user: string, credential: 'certificate' | 'token', groups: readonly string[]): Promise<string>;
  join(body: unknown, connection: JoinConnection): Promise<{ status: number; body: unknown }>;
}

export interface JoinConnection {
  remoteAddress: string;
  /** Keying material of the TLS session, which the joiner's proof is bound to; absent without TLS. */
  exporter?: (label: string, lengthBytes: number) => Uint8Array;
}

/** Endpoints whose answer is worth all rights. */
const POWERFUL: Readonly<Record<string, string>> = {
  tokens: 'let hosts join',
  kubeconfig: 'make administrators',
  users: 'make users',
};

export async function answerJoin(request: HttpRequest, endpoints: Pick<KithEndpoints, 'join'>): Promise<HttpResponse> {
  if (request.method !== 'POST') throw methodNotAllowed(`${request.method} ${JOIN_PATH}`);
  const { remoteAddress, exporter } = request.connection;
  const answer = await endpoints.join(await readDocument(request, MAX_JOIN_BODY_BYTES), { remoteAddress, exporter });
  return jsonResponse(answer.status, answer.body);
}

export async function answerKith(request: HttpRequest, identity: Identity, deps: Pick<ApiDeps, 'kith' | 'rbac'>): Promise<HttpResponse> {
  const endpoints = deps.kith;
  const name = request.path.slice(KITH_PREFIX.length);
  authorizePath(identity, request.method.toLowerCase(), request.path, deps);
  if (name in POWERFUL) authorizeEverything(identity, POWERFUL[name] ?? '', deps);
  switch (`${request.method} ${name}`) {
    case 'GET peers':
      return jsonResponse(200, endpoints.peers());
    case 'GET conflicts':
      return jsonResponse(200, endpoints.conflicts());
    case 'GET digest':
      return jsonResponse(200, endpoints.digest({ objects: request.query.get('objects') === 'true' }));
    case 'GET sizes':
      return jsonResponse(200, endpoints.sizes());
    case 'GET manifests':
      return jsonResponse(200, endpoints.manifests());
    case 'GET net':
      return jsonResponse(200, endpoints.net());
    case 'GET doctor':
      return jsonResponse(200, await endpoints.doctor(request.query.get('node') ?? undefined, request.signal));
    case 'POST tokens':
      return jsonResponse(201, await endpoints.createToken(tokenRequest(await readDocument(request, MAX_JOIN_BODY_BYTES))));
    case 'GET kubeconfig': {
      if (endpoints.kubeconfig === undefined) throw noSuchPath();
      const credential = request.query.get('credential') === 'token' ? 'token' : 'certificate';
      return yaml(200, await endpoints.kubeconfig(request.query.get('user') ?? 'admin', credential, [ADMIN_GROUP]));
    }
    case 'POST users': {
      if (endpoints.kubeconfig === undefined) throw noSuchPath();
      const { name: user, groups = [], credential = 'certificate' } = userRequest(await readDocument(request, MAX_JOIN_BODY_BYTES));
      return yaml(201, await endpoints.kubeconfig(user, credential, groups));
    }
    default:
      if (['peers', 'conflicts', 'digest', 'sizes', 'manifests', 'net', 'doctor', 'tokens', 'kubeconfig', 'users'].includes(name))
        throw methodNotAllowed(`${request.method} ${request.path}`);
      throw noSuchPath();
  }
}

function yaml(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'application/yaml' }, body };
}

/** Names of users and groups, as certificates and roles hold them. */
const USER_NAME = /^[^\p{C}\s,/](?:[^\p{C}\n,/]{0,62}[^\p{C}\s,/])?$/u;
const MAX_GROUPS = 50;

function userRequest(body: unknown): UserRequest {
  const { name, groups = [], credential } = isRecord(body) ? body : {};
  if (typeof name !== 'string' || !USER_NAME.test(name)) {
    throw new ApiError('BadRequest', `name must be 1 to 64 characters without commas, slashes and line ends, not ${JSON.stringify(name)}`);
  }
  // Kubernetes keeps these for its own components and for service accounts: a certificate must not pass for one.
  if (name.startsWith('system:'))
    throw new ApiError('BadRequest', `users' names may not begin with "system:", as ${JSON.stringify(name)} does`);
  if (
    !Array.isArray(groups) ||
    groups.length > MAX_GROUPS ||
    !groups.every((group) => typeof group === 'string' && USER_NAME.test(group))
  ) {
    throw new ApiError(
      'BadRequest',
      `groups must be at most ${MAX_GROUPS} names of 1 to 64 characters without commas, slashes and line ends`,
    );
  }
  if (credential !== undefined && credential !== 'certificate' && credential !== 'token') {
    throw new ApiError('BadRequest', `credential must be "certificate" or "token", not ${JSON.stringify(credential)}`);
  }
  return { name, groups: groups as string[], credential };
}

function tokenRequest(body: unknown): TokenRequest {
  const given = isRecord(body) ? body : {};
  const { ttlSeconds } = given;
  if (ttlSeconds === undefined || ttlSeconds === null) return {};
  if (typeof ttlSeconds === 'number' && Number.isInteger(ttlSeconds) && ttlSeconds > 0 && ttlSeconds <= MAX_TOKEN_SECONDS)
    return { ttlSeconds };
  throw new ApiError(
    'BadRequest',
    `ttlSeconds must be a whole number of seconds from 1 to ${MAX_TOKEN_SECONDS}, not ${JSON.stringify(ttlSeconds)}`,
  );
}
