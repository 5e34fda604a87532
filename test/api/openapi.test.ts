import { describe, expect, it } from 'vitest';
import { Discovery } from '../../daemon/api/discovery.ts';
import { OpenApi } from '../../daemon/api/openapi.ts';
import type { HttpRequest } from '../../daemon/ports/http.ts';
import { allKinds } from '../../protocol/kinds/registry.ts';

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
    expect(tag & 7).toBe(2);
    const length = varint();
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

  it('defines each kind as an object, in the fields of gnostic’s Schema', () => {
    const schema = first(document, 9, 1, 2);
    expect(text(first(schema, 22, 1))).toBe('object');
    expect(text(first(schema, 31, 1))).toBe('x-kubernetes-group-version-kind');
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
});
