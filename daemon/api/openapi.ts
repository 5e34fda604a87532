import { createHash } from 'node:crypto';
import { apiVersionOf, type KindDefinition } from '../../protocol/kinds/kind.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import type { Discovery } from './discovery.ts';
import { document, message, type ProtobufField, text } from './protobuf.ts';
import { jsonResponse, noSuchPath } from './status.ts';

/** What a client must find on PATCH to know that the server validates fields and dry-runs: then it sends any manifest and leaves judging to us. */
const PATCH_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];
/**
 * gnostic's `openapi.v2.Document`. The requested type has an `@` in it, which clients' own parsers refuse in an answer: so it is not echoed.
 */
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const YEAR_SECONDS = 365 * 24 * 60 * 60;

/**
 * The smallest OpenAPI documents that make kubectl's `create` and `apply` work: each resource's PATCH with its kind and parameters, no schemas
 * (`kubectl explain` needs those).
 */
export class OpenApi {
  private readonly discovery: Discovery;
  private readonly v3Documents: ReadonlyMap<string, { json: string; hash: string }>;
  private v2Document: Uint8Array | undefined;

  constructor(discovery: Discovery) {
    this.discovery = discovery;
    this.v3Documents = new Map(
      discovery.apiVersions().map((apiVersion) => {
        const json = JSON.stringify(v3Document(apiVersion, discovery.kindsIn(apiVersion)));
        return [apiRoot(apiVersion), { json, hash: createHash('sha256').update(json).digest('hex').toUpperCase() }];
      }),
    );
  }

  /** `GET /openapi/...` */
  answer(request: HttpRequest): HttpResponse {
    if (request.path === '/openapi/v2') return { status: 200, headers: { 'content-type': V2_PROTOBUF }, body: this.v2() };
    if (request.path === '/openapi/v3') return jsonResponse(200, this.v3Index());
    const found = this.v3Documents.get(request.path.replace(/^\/openapi\/v3\//, ''));
    if (found === undefined) throw noSuchPath();
    const headers: Record<string, string> = { 'content-type': 'application/json', etag: `"${found.hash}"`, vary: 'Accept' };
    // With its hash in the URL it never changes: clients keep it on disk.
    if (request.query.get('hash') === found.hash) headers['cache-control'] = `public, immutable, max-age=${YEAR_SECONDS}`;
    return { status: 200, headers, body: found.json };
  }

  private v3Index(): object {
    const paths: Record<string, object> = {};
    for (const [root, { hash }] of this.v3Documents) paths[root] = { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` };
    return { paths };
  }

  private v2(): Uint8Array {
    this.v2Document ??= v2Document(this.discovery);
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

/** The kind as this apiVersion calls it: an older name of a kind is a kind of its own to clients. */
function groupVersionKind(apiVersion: string, kind: KindDefinition): { group: string; kind: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return { group: apiVersion.slice(0, Math.max(slash, 0)), kind: kind.kind, version: apiVersion.slice(slash + 1) };
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
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: apiVersion }, paths, components: { schemas: {} } };
}

/** Field numbers: github.com/google/gnostic, openapiv2/OpenAPIv2.proto. */
function v2Document(discovery: Discovery): Uint8Array {
  const paths: ProtobufField[] = [];
  const definitions: ProtobufField[] = [];
  for (const apiVersion of discovery.apiVersions()) {
    for (const kind of discovery.kindsIn(apiVersion)) {
      const extension = v2Extension(JSON.stringify(groupVersionKind(apiVersion, kind)));
      const parameters = PATCH_PARAMETERS.map((name) => message(8, [message(1, [v2QueryParameter(name)])]));
      const operation = [...parameters, message(9, []), message(13, extension)];
      paths.push(message(2, [text(1, objectPath(apiVersion, kind)), message(2, [message(8, operation)])]));
      if (apiVersion === apiVersionOf(kind)) definitions.push(v2Definition(apiVersion, kind));
    }
  }
  const info = message(2, [text(1, 'Kubernetes'), text(2, 'v1')]);
  return document([text(1, '2.0'), info, message(8, paths), message(9, definitions)]);
}

/** NamedAny `x-kubernetes-group-version-kind`; its value is YAML text, and JSON is YAML. */
function v2Extension(yaml: string): ProtobufField[] {
  return [text(1, 'x-kubernetes-group-version-kind'), message(2, [text(2, yaml)])];
}

/** Parameter.non_body_parameter.query_parameter_sub_schema: in, name, type. */
function v2QueryParameter(name: string): ProtobufField {
  return message(2, [message(3, [text(2, 'query'), text(4, name), text(6, name === 'force' ? 'boolean' : 'string')])]);
}

/** Definitions.additional_properties: NamedSchema of an object without fields, with its kind (Schema.vendor_extension). */
function v2Definition(apiVersion: string, kind: KindDefinition): ProtobufField {
  const type = message(22, [text(1, 'object')]);
  const extension = message(31, v2Extension(JSON.stringify([groupVersionKind(apiVersion, kind)])));
  return message(1, [text(1, `io.k8s.${apiVersion.replace('/', '.')}.${kind.kind}`), message(2, [type, extension])]);
}
