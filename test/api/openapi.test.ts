import { describe, expect, it } from 'vitest';
import type { JsonSchema } from '../../daemon/api/openapi-schemas.ts';
import { Discovery } from '../../daemon/api/discovery.ts';
import { OpenApi } from '../../daemon/api/openapi.ts';
import type { HttpRequest } from '../../daemon/ports/http.ts';
import { allKinds } from '../../protocol/kinds/registry.ts';

type Schemas = Record<string, JsonSchema | undefined>;

const openApi = new OpenApi(new Discovery(allKinds()));

function body(path: string): string | Uint8Array {
  const request = { path, query: new URLSearchParams() } as HttpRequest;
  return openApi.answer(request).body as string | Uint8Array;
}

/** Length-delimited protobuf fields, by number. */
function fields(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const found = new Map<number, Uint8Array[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    // Doubles stand for bounds of numbers.
    expect([1, 2]).toContain(tag & 7);
    const length = (tag & 7) === 1 ? 8 : varint();
    const value = bytes.subarray(at, at + length);
    expect(value.length).toBe(length);
    at += length;
    found.set(tag >> 3, [...(found.get(tag >> 3) ?? []), value]);
  }
  return found;
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const first = (bytes: Uint8Array, ...path: number[]): Uint8Array =>
  path.reduce((inner, number) => fields(inner).get(number)?.[0] ?? new Uint8Array(), bytes);

describe('the OpenAPI v2 document', () => {
  const document = body('/openapi/v2') as Uint8Array;

  it('tells clients in gnostic’s fields that the server validates and dry-runs each kind', () => {
    expect(text(first(document, 1))).toBe('2.0');
    const paths = fields(first(document, 8)).get(2) ?? [];
    const pods = paths.find((path) => text(first(path, 1)) === '/api/v1/namespaces/{namespace}/pods/{name}');
    const patch = first(pods ?? new Uint8Array(), 2, 8);
    const names = (fields(patch).get(8) ?? []).map((parameter) => text(first(parameter, 1, 2, 3, 4)));
    expect(names).toContain('fieldValidation');
    expect(names).toContain('dryRun');
    expect(text(first(patch, 13, 1))).toBe('x-kubernetes-group-version-kind');
    expect(JSON.parse(text(first(patch, 13, 2, 2)))).toEqual({ group: '', kind: 'Pod', version: 'v1' });
  });

  it('defines each kind with its fields, in the fields of gnostic’s Schema', () => {
    const named = (fields(first(document, 9)).get(1) ?? []).map((definition): [string, Uint8Array] => [
      text(first(definition, 1)),
      first(definition, 2),
    ]);
    const schemas = new Map(named);
    const pod = schemas.get('io.k8s.api.core.v1.Pod') ?? new Uint8Array();
    expect(text(first(pod, 22, 1))).toBe('object');
    expect(text(first(pod, 31, 1))).toBe('x-kubernetes-group-version-kind');
    const properties = (fields(first(pod, 25)).get(1) ?? []).map((property): [string, Uint8Array] => [
      text(first(property, 1)),
      first(property, 2),
    ]);
    const spec = new Map(properties).get('spec') ?? new Uint8Array();
    expect(text(first(spec, 1))).toBe('#/definitions/io.k8s.api.core.v1.PodSpec');
    // Every reference leads somewhere.
    const all = Buffer.from(document).toString('latin1');
    for (const [, name = ''] of all.matchAll(/#\/definitions\/([\w.]+)/g)) expect(schemas.has(name), name).toBe(true);
  });
});

describe('the OpenAPI v3 documents', () => {
  it('name every apiVersion, and the kind as that version calls it', () => {
    const index = JSON.parse(body('/openapi/v3') as string) as { paths: Record<string, unknown> };
    expect(Object.keys(index.paths)).toEqual(expect.arrayContaining(['api/v1', 'apis/apps/v1', 'apis/extensions/v1beta1']));
    const old = JSON.parse(body('/openapi/v3/apis/extensions/v1beta1') as string) as { paths: Record<string, { patch: object }> };
    expect(Object.values(old.paths)[0]?.patch).toMatchObject({
      'x-kubernetes-group-version-kind': { group: 'extensions', version: 'v1beta1' },
    });
  });

  it('describe every field, with where its type is found and how its lists merge', () => {
    const core = JSON.parse(body('/openapi/v3/api/v1') as string) as {
      components: { schemas: Record<string, { properties: Record<string, object> }> };
    };
    const { schemas } = core.components;
    expect(schemas['io.k8s.api.core.v1.Pod']).toMatchObject({
      'x-kubernetes-group-version-kind': [{ group: '', kind: 'Pod', version: 'v1' }],
    });
    expect(schemas['io.k8s.api.core.v1.PodSpec']?.properties['containers']).toMatchObject({
      type: 'array',
      items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }] },
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-list-map-keys': ['name'],
    });
    for (const [, name = ''] of JSON.stringify(core).matchAll(/#\/components\/schemas\/([\w.]+)/g))
      expect(schemas, name).toHaveProperty([name]);
  });

  it('says what a field is for once, where it stands: clients print the words of its type after those', () => {
    const { schemas } = (JSON.parse(body('/openapi/v3/apis/apps/v1') as string) as { components: { schemas: Schemas } }).components;
    expect(schemas['io.k8s.api.apps.v1.Deployment']?.description).toBeDefined();
    expect(schemas['io.k8s.api.apps.v1.DeploymentSpec']?.properties?.['strategy']?.description).toMatch(/replaced/);
    expect(schemas['io.k8s.api.apps.v1.DeploymentStrategy']).not.toHaveProperty('description');
  });
});
