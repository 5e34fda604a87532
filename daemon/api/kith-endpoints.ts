import type { ConflictsAnswer, DigestAnswer, ManifestsAnswer, PeersAnswer, TokenAnswer, TokenRequest } from '../../protocol/answers.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import { authorizePath } from './authentication.ts';
import { isRecord, readDocument } from './body.ts';
import type { Identity } from './deps.ts';
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
  manifests(): ManifestsAnswer;
  createToken(request: TokenRequest): Promise<TokenAnswer>;
  /** A kubeconfig with a client certificate or a token for the user, as YAML. Absent where there is no TLS. */
  kubeconfig?(user: string, credential: 'certificate' | 'token'): Promise<string>;
  join(body: unknown, connection: JoinConnection): Promise<{ status: number; body: unknown }>;
}

export interface JoinConnection {
  remoteAddress: string;
  /** Keying material of the TLS session, which the joiner's proof is bound to; absent without TLS. */
  exporter?: (label: string, lengthBytes: number) => Uint8Array;
}

export async function answerJoin(request: HttpRequest, endpoints: Pick<KithEndpoints, 'join'>): Promise<HttpResponse> {
  if (request.method !== 'POST') throw methodNotAllowed(`${request.method} ${JOIN_PATH}`);
  const { remoteAddress, exporter } = request.connection;
  const answer = await endpoints.join(await readDocument(request, MAX_JOIN_BODY_BYTES), { remoteAddress, exporter });
  return jsonResponse(answer.status, answer.body);
}

export async function answerKith(request: HttpRequest, identity: Identity, endpoints: KithEndpoints): Promise<HttpResponse> {
  const name = request.path.slice(KITH_PREFIX.length);
  authorizePath(identity, request.method.toLowerCase(), request.path);
  switch (`${request.method} ${name}`) {
    case 'GET peers':
      return jsonResponse(200, endpoints.peers());
    case 'GET conflicts':
      return jsonResponse(200, endpoints.conflicts());
    case 'GET digest':
      return jsonResponse(200, endpoints.digest({ objects: request.query.get('objects') === 'true' }));
    case 'GET manifests':
      return jsonResponse(200, endpoints.manifests());
    case 'POST tokens':
      return jsonResponse(201, await endpoints.createToken(tokenRequest(await readDocument(request, MAX_JOIN_BODY_BYTES))));
    case 'GET kubeconfig': {
      if (endpoints.kubeconfig === undefined) throw noSuchPath();
      const credential = request.query.get('credential') === 'token' ? 'token' : 'certificate';
      const text = await endpoints.kubeconfig(request.query.get('user') ?? 'admin', credential);
      return { status: 200, headers: { 'content-type': 'application/yaml' }, body: text };
    }
    default:
      if (['peers', 'conflicts', 'digest', 'manifests', 'tokens', 'kubeconfig'].includes(name))
        throw methodNotAllowed(`${request.method} ${request.path}`);
      throw noSuchPath();
  }
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
