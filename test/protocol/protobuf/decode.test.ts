import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KithError } from '../../../protocol/errors.ts';
import { apiVersionOf } from '../../../protocol/kinds/kind.ts';
import { allKinds, servedKinds } from '../../../protocol/kinds/registry.ts';
import { decodeProtobuf } from '../../../protocol/protobuf/decode.ts';
import { isScalar, messageFields, messageOfKind } from '../../../protocol/protobuf/table.ts';
import { decodeBySchema } from '../../../protocol/schema/decode.ts';
import type { Schema } from '../../../protocol/schema/schema.ts';
import { delimited, encodeProtobuf, numeric } from '../../support/protobuf-encoder.ts';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    labels: { app: 'web', '': '' },
    annotations: { note: 'ä€😀' },
    creationTimestamp: '2026-01-02T03:04:05Z',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u', controller: false }],
    managedFields: [{ manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:replicas': {} } } }],
  },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }] },
    strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          {
            name: 'c',
            image: 'nginx',
            args: ['', 'x'],
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: '500m', memory: '1Gi' } },
            livenessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 3, terminationGracePeriodSeconds: 9 },
            env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: false } } }],
          },
        ],
        volumes: [
          { name: 'scratch', emptyDir: {} },
          { name: 'conf', configMap: { name: 'c', defaultMode: 0 } },
        ],
        terminationGracePeriodSeconds: 0,
        securityContext: { runAsUser: -1, supplementalGroups: [1, 2 ** 40] },
      },
    },
  },
};

function refusal(bytes: Uint8Array): string {
  try {
    decodeProtobuf(bytes);
  } catch (error) {
    if (error instanceof KithError && error.code === 'MalformedProtobuf') return error.message;
    throw error;
  }
  return 'accepted';
}

function body(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const typeMeta = Buffer.concat([delimited(1, Buffer.from(apiVersion)), delimited(2, Buffer.from(kind))]);
  return Buffer.concat([Buffer.from('k8s\0'), delimited(1, typeMeta), delimited(2, raw)]);
}

describe('protobuf bodies', () => {
  it('become the JSON that they stand for: zeros that say something stay, those that Go writes anyhow go', () => {
    expect(decodeProtobuf(encodeProtobuf(deployment))).toEqual(deployment);
  });

  it('keep bytes as base64, quantities, ports by name and options of a deletion', () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { key: Buffer.from([0, 255, 1]).toString('base64') },
      type: 'Opaque',
    };
    expect(decodeProtobuf(encodeProtobuf(secret))).toEqual(secret);
    const service = { apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80, targetPort: 'http' }, { port: 81 }] } };
    const withZero = {
      ...service,
      spec: {
        ports: [
          { port: 80, targetPort: 'http' },
          { port: 81, targetPort: 0 },
        ],
      },
    };
    expect(decodeProtobuf(encodeProtobuf(withZero))).toEqual(service);
    const options = {
      apiVersion: 'apps/v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      propagationPolicy: 'Foreground',
      dryRun: ['All'],
    };
    expect(decodeProtobuf(encodeProtobuf(options))).toEqual(options);
  });

  it('show a field that nobody here knows, so that strict decoding tells of it', () => {
    const decoded = decodeProtobuf(body('v1', 'Pod', delimited(2, numeric(999, 7n))));
    const { unknown } = decodeBySchema(allKinds().find(({ kind }) => kind === 'Pod')!.schema, decoded);
    expect(unknown).toEqual(['spec.(protobuf field 999)']);
  });

  it('are refused with the reason when they are broken', () => {
    expect(refusal(Buffer.from('{"kind":"Pod"}'))).toMatch(/does not start with "k8s"/);
    expect(refusal(body('v1', 'Widget', Buffer.alloc(0)))).toMatch(
      /no field numbers are known for kind "Widget" in version "v1"; send JSON/,
    );
    expect(refusal(body('v1', 'Pod', Buffer.from([0x0a, 0x05, 0x00])))).toMatch(/goes beyond the end/);
    expect(refusal(body('v1', 'Pod', Buffer.alloc(20, 0xff)))).toMatch(/more than 10 bytes/);
    expect(refusal(body('v1', 'Pod', delimited(1, delimited(1, Buffer.from([0xc3])))))).toMatch(/not valid UTF-8/);
    expect(refusal(body('v1', 'Pod', numeric(1, 1n)))).toMatch(/a number stands where/);
    expect(refusal(body('v1', 'Pod', delimited(2, delimited(4, Buffer.from('x')))))).toMatch(/a text stands where/);
    expect(refusal(body('v1', 'Pod', delimited(2, numeric(4, 1n << 60n))))).toMatch(/beyond 2\^53/);
  });

  it('are bounded in number of values', () => {
    const many = Buffer.concat(Array.from({ length: 100_001 }, () => Buffer.from([0x20, 0x01])));
    expect(refusal(body('v1', 'Pod', delimited(2, many)))).toMatch(/more than 100000 values/);
  });

  it('never do more than fail with that error, whatever bytes come', () => {
    const valid = Buffer.from(encodeProtobuf(deployment));
    const mutation = fc.array(fc.tuple(fc.nat({ max: valid.length - 1 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(mutation, fc.nat({ max: valid.length }), (edits, cut) => {
        const bytes = Buffer.from(valid.subarray(0, cut === 0 ? valid.length : cut));
        for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte;
        refusal(bytes);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        refusal(body('v1', 'Pod', raw));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the table of fields', () => {
  it('leads from every message to messages that it has', () => {
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const fields = messageFields(name);
      expect(fields, name).toBeDefined();
      for (const { type } of fields?.values() ?? []) if (!isScalar(type)) visit(type);
    };
    for (const name of [
      'meta.DeleteOptions',
      'core.Pod',
      'core.Node',
      'core.Service',
      'apps.Deployment',
      'batch.CronJob',
      'autoscalingV2.HorizontalPodAutoscaler',
    ])
      visit(name);
    expect(seen.size).toBeGreaterThan(150);
  });

  it('has the fields that the schemas have, and no others, all the way down', () => {
    const lacking: string[] = [];
    const unknown: string[] = [];
    for (const kind of servedKinds()) {
      if (kind.internal === true) continue;
      const name = messageOfKind(apiVersionOf(kind), kind.kind);
      if (name === undefined) lacking.push(kind.kind);
      else unknown.push(...unknownFields(kind.schema, name, kind.kind, new Set()));
    }
    expect(unknown).toEqual([]);
    // Nobody's client sends these as protobuf unasked (CronJob and PodDisruptionBudget: of v1beta1); such a body is refused with the words "send JSON".
    expect(lacking.sort()).toEqual([
      ...['ControllerRevision', 'CronJob', 'CustomResourceDefinition', 'LocalSubjectAccessReview', 'NodeMetrics'],
      ...['PersistentVolume', 'PodDisruptionBudget', 'PodMetrics', 'SubjectAccessReview', 'TokenReview'],
    ]);
  });
});

function unknownFields(schema: Schema, message: string, path: string, seen: Set<string>): string[] {
  const key = `${message} ${schema.type === 'object' ? (schema.typeName ?? path) : path}`;
  if (seen.has(key) || schema.type !== 'object') return [];
  seen.add(key);
  return [...(messageFields(message)?.values() ?? [])].flatMap((field) => {
    if (field.inline) return unknownFields(schema, field.type, path, seen);
    const found = schema.fields[field.name];
    if (found === undefined) return [`${path}.${field.name}`];
    const inner = found.type === 'array' ? found.items : found.type === 'map' ? found.values : found;
    return isScalar(field.type) ? [] : unknownFields(inner, field.type, `${path}.${field.name}`, seen);
  });
}
