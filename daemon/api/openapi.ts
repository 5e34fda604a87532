import { createHash } from 'node:crypto';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import type { Discovery } from './discovery.ts';
import { groupVersionKind, type JsonSchema, schemasOf } from './openapi-schemas.ts';
import { v2Document } from './openapi-v2.ts';
import { jsonResponse, noSuchPath } from './status.ts';

/** What a client must find on PATCH to know that the server validates fields and dry-runs: then it sends any manifest and leaves judging to us. */
const PATCH_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];
/**
 * gnostic's `openapi.v2.Document`. The requested type has an `@` in it, which clients' own parsers refuse in an answer: so it is not echoed.
 */
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const YEAR_SECONDS = 365 * 24 * 60 * 60;

/**
 * OpenAPI as clients read it: each kind's schema (`kubectl explain`, and validation by clients from before the server's), and its PATCH with kind and parameters.
 */
export class OpenApi {
  private readonly discovery: Discovery;
  /** Made when first asked for: few peers are ever asked. */
  private v3Documents: ReadonlyMap<string, { json: string; hash: string }> | undefined;
  private v2Document: Uint8Array | undefined;

  constructor(discovery: Discovery) {
    this.discovery = discovery;
  }

  /** `GET /openapi/...` */
  answer(request: HttpRequest): HttpResponse {
    if (request.path === '/openapi/v2') return { status: 200, headers: { 'content-type': V2_PROTOBUF }, body: this.v2() };
    if (request.path === '/openapi/v3') return jsonResponse(200, this.v3Index());
    const found = this.v3().get(request.path.replace(/^\/openapi\/v3\//, ''));
    if (found === undefined) throw noSuchPath();
    const headers: Record<string, string> = { 'content-type': 'application/json', etag: `"${found.hash}"`, vary: 'Accept' };
    // With its hash in the URL it never changes: clients keep it on disk.
    if (request.query.get('hash') === found.hash) headers['cache-control'] = `public, immutable, max-age=${YEAR_SECONDS}`;
    return { status: 200, headers, body: found.json };
  }

  private v3Index(): object {
    const paths: Record<string, object> = {};
    for (const [root, { hash }] of this.v3()) paths[root] = { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` };
    return { paths };
  }

  private v3(): ReadonlyMap<string, { json: string; hash: string }> {
    const { discovery } = this;
    this.v3Documents ??= new Map(
      discovery.apiVersions().map((apiVersion) => {
        const json = JSON.stringify(v3Document(apiVersion, discovery.kindsIn(apiVersion)));
        return [apiRoot(apiVersion), { json, hash: createHash('sha256').update(json).digest('hex').toUpperCase() }];
      }),
    );
    return this.v3Documents;
  }

  private v2(): Uint8Array {
    const { discovery } = this;
    this.v2Document ??= v2Document(
      discovery.apiVersions().map((apiVersion) => [apiVersion, discovery.kindsIn(apiVersion)] as const),
      PATCH_PARAMETERS,
      objectPath,
    );
    return this.v2Document;
  }
}

/** `api/v1`, `apis/apps/v1` */
function apiRoot(apiVersion: string): string {
  return apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`;
}

function objectPath(apiVersion: string, kind: KindDefinition): string {
  return `/${apiRoot(apiVersion)}/${kind.namespaced ? 'namespaces/{namespace}/' : ''}${kind.plural}/{name}`;
}

function v3Document(apiVersion: string, kinds: readonly KindDefinition[]): object {
  const paths: Record<string, object> = {};
  for (const kind of kinds) {
    paths[objectPath(apiVersion, kind)] = {
      patch: {
        parameters: PATCH_PARAMETERS.map((name) => ({ name, in: 'query', schema: { type: name === 'force' ? 'boolean' : 'string' } })),
        responses: { 200: { description: 'OK' } },
        'x-kubernetes-action': 'patch',
        'x-kubernetes-group-version-kind': groupVersionKind(apiVersion, kind),
      },
    };
  }
  const schemas = Object.fromEntries([...schemasOf(apiVersion, kinds)].map(([name, schema]) => [name, withV3References(schema)]));
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: apiVersion }, paths, components: { schemas } };
}

/** In OpenAPI 3.0 nothing may stand beside a `$ref`. */
function withV3References(schema: JsonSchema): JsonSchema {
  const { $ref, items, properties, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...($ref === undefined ? {} : { allOf: [{ $ref: `#/components/schemas/${$ref}` }] }),
    ...(items === undefined ? {} : { items: withV3References(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: withV3References(additionalProperties) }),
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, withV3References(property)])) }),
  };
}
