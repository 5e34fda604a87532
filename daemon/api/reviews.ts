import { canonicalJson } from '../../protocol/json.ts';
import type { DraftObject } from '../../protocol/objects.ts';
import type { PolicyRule } from '../../protocol/types.ts';
import { AUTHENTICATED_GROUP, allows, type Identity, rulesOf } from '../core/authorization/authorizer.ts';
import type { AccessRequest } from '../core/authorization/rules.ts';
import type { HttpResponse } from '../ports/http.ts';
import { readDocument } from './body.ts';
import { decodeDraft } from './decoding.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { fieldValidationParameter } from './parameters.ts';
import { ApiError, invalid, jsonResponse } from './status.ts';

/** Questions about rights: the object comes back with its answer as status, and is kept nowhere. */
export async function answerReview(call: ResourceCall, deps: ApiDeps): Promise<HttpResponse> {
  const options = { name: undefined, fieldValidation: fieldValidationParameter(call.request.query) };
  const { draft, warnings } = decodeDraft(call, await readDocument(call.request), options);
  const spec = (draft.spec ?? {}) as ReviewSpec;
  const status = await statusOf(call, spec, deps);
  const body: DraftObject = { ...draft, metadata: { ...draft.metadata }, status };
  return jsonResponse(201, body, warnings);
}

interface ReviewSpec {
  resourceAttributes?: Partial<Record<'verb' | 'group' | 'resource' | 'subresource' | 'namespace' | 'name', string>>;
  nonResourceAttributes?: { verb?: string; path?: string };
  user?: string;
  groups?: string[];
  namespace?: string;
  token?: string;
  audiences?: string[];
}

async function statusOf(call: ResourceCall, spec: ReviewSpec, deps: ApiDeps): Promise<object> {
  const { identity, kind } = call;
  switch (kind.kind) {
    case 'SelfSubjectReview':
      return { userInfo: userInfo(identity) };
    case 'SelfSubjectAccessReview':
      return decision(deps, identity, accessOf(call, spec));
    case 'SelfSubjectRulesReview':
      return rulesStatus(distinct(rulesOf(deps.rbac, identity, spec.namespace ?? '')));
    case 'TokenReview':
      return tokenStatus(spec, deps);
    default:
      return decision(deps, subjectOf(call, spec), accessOf(call, spec));
  }
}

function decision(deps: ApiDeps, identity: Identity, request: AccessRequest): object {
  // Without a reason, as upstream: clients print it beside the answer.
  return { allowed: allows(deps.rbac, identity, request) };
}

function subjectOf(call: ResourceCall, { user = '', groups = [] }: ReviewSpec): Identity {
  if (user === '' && groups.length === 0) {
    const message = 'Invalid value: "": at least one of user or group must be specified';
    throw invalid(call.kind, '', [{ field: 'spec.user', reason: 'FieldValueInvalid', message }]);
  }
  return { user, groups };
}

function accessOf(call: ResourceCall, { resourceAttributes, nonResourceAttributes }: ReviewSpec): AccessRequest {
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) {
    const message = 'Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw invalid(call.kind, '', [{ field: 'spec.resourceAttributes', reason: 'FieldValueInvalid', message }]);
  }
  if (nonResourceAttributes !== undefined) return { verb: nonResourceAttributes.verb ?? '', path: nonResourceAttributes.path ?? '' };
  const { verb = '', group = '', resource = '', subresource = '', namespace = '', name = '' } = resourceAttributes ?? {};
  const local = call.namespace;
  if (local !== undefined && namespace !== local) {
    throw new ApiError('BadRequest', `spec.resourceAttributes.namespace must match namespace: ${local}`);
  }
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  return { verb, group, resource: full, namespace: namespace === '' ? undefined : namespace, name: name === '' ? undefined : name };
}

async function tokenStatus({ token = '', audiences = [] }: ReviewSpec, deps: ApiDeps): Promise<object> {
  const identity = await deps.authenticateToken(token, audiences);
  if (identity === undefined) return { authenticated: false, error: 'the token is nobody’s, is over, or was taken back' };
  return {
    authenticated: true,
    user: userInfo({ ...identity, groups: [...identity.groups, AUTHENTICATED_GROUP] }),
    ...(audiences.length === 0 ? {} : { audiences }),
  };
}

function userInfo({ user, groups, uid }: Identity): object {
  return { username: user, groups: [...groups], ...(uid === undefined ? {} : { uid }) };
}

/** Several roles may say the same, and administrators are bound to one that says what they may anyway. */
function distinct(rules: Iterable<PolicyRule>): PolicyRule[] {
  return [...new Map([...rules].map((rule) => [canonicalJson(rule), rule])).values()];
}

function rulesStatus(rules: readonly PolicyRule[]): object {
  const resourceRules = rules
    .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length === 0)
    .map(({ verbs, apiGroups = [], resources = [], resourceNames }) => ({
      verbs,
      apiGroups,
      resources,
      ...(resourceNames === undefined ? {} : { resourceNames }),
    }));
  const nonResourceRules = rules
    .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
    .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs }));
  return { resourceRules, nonResourceRules, incomplete: false };
}
