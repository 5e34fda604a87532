import { decodeBySchema } from '../../protocol/schema/decode.ts';
import { fillSchemaDefaults } from '../../protocol/schema/defaults.ts';
import { findUnsupported } from '../../protocol/schema/support.ts';
import { validateBySchema } from '../../protocol/schema/validate.ts';
import { tokenRequestSchema } from '../../protocol/kinds/stored/reviews.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { accountOf } from '../core/accounts/account-volume.ts';
import type { HttpResponse } from '../ports/http.ts';
import { readDocument } from './body.ts';
import type { ApiDeps, BoundTo, ObjectCall } from './deps.ts';
import { existing } from './reading.ts';
import { ApiError, conflict, invalid, jsonResponse, notFound } from './status.ts';

const TOKEN_REQUEST = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

/** POST `serviceaccounts/NAME/token`: a token with which programs are this account (`kubectl create token`). */
export async function requestToken(call: ObjectCall, deps: ApiDeps): Promise<HttpResponse> {
  if (deps.issueAccountToken === undefined) throw new ApiError('NotImplemented', 'this peer issues no tokens');
  const account = existing(call, deps);
  const decoded = decodeBySchema(tokenRequestSchema, (await readDocument(call.request)) ?? {});
  const [wrong] = decoded.errors;
  if (wrong !== undefined)
    throw new ApiError('BadRequest', `TokenRequest in version "v1" cannot be handled as a TokenRequest: ${wrong.message}`);
  const request = fillSchemaDefaults(tokenRequestSchema, decoded.value) as {
    spec: { audiences?: string[]; expirationSeconds: number; boundObjectRef?: BoundRef };
  };
  const errors = [...validateBySchema(tokenRequestSchema, request), ...findUnsupported(tokenRequestSchema, request).refused];
  if (errors.length > 0) throw invalid(TOKEN_REQUEST, call.name, errors);
  const { audiences = [], expirationSeconds, boundObjectRef } = request.spec;
  const { name, namespace = '', uid } = account.metadata;
  const boundTo = boundObjectRef === undefined ? undefined : boundObject(call, boundObjectRef, deps);
  const issued = await deps.issueAccountToken({ name, namespace, uid }, { audiences, expirationSeconds, boundTo });
  return jsonResponse(
    201,
    {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name, namespace, creationTimestamp: formatTime(deps.clock.now()) },
      spec: {
        audiences: issued.audiences,
        expirationSeconds,
        boundObjectRef: boundObjectRef === undefined ? null : { ...boundObjectRef, uid: boundTo?.uid },
      },
      status: { token: issued.token, expirationTimestamp: formatTime(issued.expiresAt) },
    },
    issued.warnings,
  );
}

interface BoundRef {
  apiVersion?: string;
  kind?: string;
  name?: string;
  uid?: string;
}

const BOUND = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' } as const;

/** What the token is to count with. Words: pkg/registry/core/serviceaccount/storage/token.go */
function boundObject(call: ObjectCall, { apiVersion = 'v1', kind = '', name = '', uid = '' }: BoundRef, deps: ApiDeps): BoundTo {
  if (apiVersion !== 'v1' || !isBoundKind(kind))
    throw new ApiError('BadRequest', `cannot bind token for serviceaccount "${call.name}" to object of type ${apiVersion}, Kind=${kind}`);
  const plural = BOUND[kind];
  const found = deps.objects.get(objectKey(plural, kind === 'Node' ? '' : (call.namespace ?? ''), name));
  if (found === undefined) throw notFound({ group: '', plural }, name);
  if (uid !== '' && uid !== found.metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: '', plural }, name, why);
  }
  if (kind === 'Pod' && accountOf((found as Pod).spec) !== call.name) {
    const why = `cannot bind token for serviceaccount "${call.name}" to pod running with different serviceaccount name.`;
    throw new ApiError('BadRequest', why);
  }
  return { kind, name, uid: found.metadata.uid };
}

function isBoundKind(kind: string): kind is keyof typeof BOUND {
  return Object.hasOwn(BOUND, kind);
}
