import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeObject, validateObjectUpdate } from '../../../protocol/kinds/admission.ts';
import { deploymentKind } from '../../../protocol/kinds/deployment.ts';
import { validateMerged } from '../../../protocol/kinds/merged.ts';
import { podKind } from '../../../protocol/kinds/pod.ts';
import type { DraftObject, StoredObject } from '../../../protocol/objects.ts';
import { admit, deployment, pod, refuse } from './objects.ts';

function stored(value: unknown): StoredObject {
  const { object } = admit(value);
  return { ...object, metadata: { ...object.metadata, uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' } } as StoredObject;
}

describe('the gate for objects', () => {
  it("lets a pod through with Kubernetes' defaults, without a warning", () => {
    const { object, warnings } = admit(pod({}, { ports: [{ containerPort: 80 }] }));
    expect(warnings).toEqual([]);
    expect(object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', namespace: 'default' },
      spec: {
        containers: [
          {
            name: 'a',
            image: 'nginx:1.7.9',
            imagePullPolicy: 'IfNotPresent',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
          },
        ],
        dnsPolicy: 'ClusterFirst',
        enableServiceLinks: true,
        restartPolicy: 'Always',
        schedulerName: 'default-scheduler',
        securityContext: {},
        terminationGracePeriodSeconds: 30,
      },
    });
    // What it answers with, it takes back unchanged.
    expect(admit(object)).toEqual({ ok: true, kind: podKind, object, warnings: [] });
  });

  it('does not change what it was given', () => {
    const value = deployment({}, 'extensions/v1beta1');
    const before = structuredClone(value);
    admit(value);
    expect(value).toEqual(before);
  });

  it('pulls always what may have changed', () => {
    const policy = (image: string): unknown => admit(pod({}, { image })).object.spec;
    for (const image of ['nginx', 'nginx:latest', 'host:5000/nginx'])
      expect(policy(image)).toMatchObject({ containers: [{ imagePullPolicy: 'Always' }] });
    for (const image of ['nginx:1', 'host:5000/nginx:1', 'nginx@sha256:00']) {
      expect(policy(image)).toMatchObject({ containers: [{ imagePullPolicy: 'IfNotPresent' }] });
    }
  });

  it('warns of what a policy for splits does not know, wherever it stands', () => {
    const annotated = (annotations: Record<string, string>): string[] => admit({ ...pod(), metadata: { name: 'x', annotations } }).warnings;
    expect(annotated({ 'kith.dev/partition': 'majority', 'kith.dev/reconcile': 'keep-original' })).toEqual([]);
    expect(annotated({ 'kith.dev/partition': 'most' })).toEqual([
      'metadata.annotations[kith.dev/partition]: "most" means nothing and has no effect: one of any, majority',
    ]);
    const metadata = { labels: { app: 'web' }, annotations: { 'kith.dev/reconcile': 'both' } };
    const template = { metadata, spec: { containers: [{ name: 'a', image: 'nginx' }] } };
    expect(admit(deployment({ template })).warnings).toContainEqual(
      expect.stringContaining('spec.template.metadata.annotations[kith.dev/reconcile]'),
    );
  });

  it('requests what is limited', () => {
    const { object } = admit(pod({}, { resources: { limits: { cpu: '1000m', memory: '1Gi' }, requests: { cpu: 0.5 } } }));
    expect(object.spec).toMatchObject({
      containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } } }],
    });
  });

  it('fills in what a typed client leaves out', () => {
    const { apiVersion: _version, kind: _kind, ...rest } = pod();
    expect(admit(rest, { expectKind: podKind, namespace: 'prod' }).object).toMatchObject({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'prod' },
    });
  });

  it('drops a status, unless the status is what is written', () => {
    const value = { ...pod(), status: { phase: 'Running' } };
    expect(admit(value).object.status).toBeUndefined();
    expect(admit(value, { keepStatus: true }).object.status).toEqual({ phase: 'Running' });
  });

  it.each([
    [{ kind: 'Foo', apiVersion: 'v1' }, 'NotFound', 'no matches for kind "Foo" in version "v1"'],
    [{ kind: 'Pod' }, 'BadRequest', `Object 'apiVersion' is missing in '{"kind":"Pod"}'`],
    [{ apiVersion: 'v1' }, 'BadRequest', `Object 'Kind' is missing in '{"apiVersion":"v1"}'`],
    [pod({ foo: 1 }), 'BadRequest', 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo"'],
    [
      deployment({ replicas: 'three' }),
      'BadRequest',
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } }, 'Invalid', 'Pod "x" is invalid: spec.containers: Required value'],
    [
      pod({ containers: [{ image: 'a' }, { name: 'b' }] }),
      'Invalid',
      'Pod "x" is invalid: [spec.containers[0].name: Required value, spec.containers[1].image: Required value]',
    ],
    [
      deployment({ replicas: -1 }),
      'Invalid',
      'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [{ ...pod(), metadata: {} }, 'Invalid', 'Pod "" is invalid: metadata.name: Required value: name or generateName is required'],
    ['text', 'BadRequest', 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
  ])('says no in the words of Kubernetes (%#)', (value, code, message) => {
    const result = refuse(value);
    expect([result.code, result.message]).toEqual([code, message]);
  });

  it('says no to another kind, version or namespace than that of the URL', () => {
    expect(refuse(pod(), { expectKind: deploymentKind }).message).toMatch(/^Pod in version "v1" cannot be handled as a Deployment/);
    expect(refuse({ ...pod(), apiVersion: 'v2' }, { expectKind: podKind }).message).toBe(
      'the API version in the data (v2) does not match the expected API version (v1)',
    );
    expect(refuse({ ...pod(), metadata: { name: 'x', namespace: 'a' } }, { namespace: 'b' }).message).toBe(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  });

  it('tells the field of each cause', () => {
    expect(refuse(pod({}, { ports: [{ containerPort: 0 }], imagePullPolicy: 'Maybe' })).causes).toEqual([
      { field: 'spec.containers[0].ports[0].containerPort', reason: 'FieldValueRequired', message: 'Required value' },
      {
        field: 'spec.containers[0].imagePullPolicy',
        reason: 'FieldValueNotSupported',
        message: 'Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"',
      },
    ]);
    expect(refuse(pod({ foo: 1 })).causes[0]).toMatchObject({ field: 'spec.foo' });
    expect(refuse(pod({ restartPolicy: 1 })).causes[0]).toMatchObject({ field: 'spec.restartPolicy', reason: 'FieldValueTypeInvalid' });
  });

  it('drops unknown fields with a warning, or silently, when asked to', () => {
    const warned = admit(pod({ foo: 1 }), { fieldValidation: 'Warn' });
    expect(warned.warnings).toEqual(['unknown field "spec.foo"']);
    expect(warned.object.spec).not.toHaveProperty('foo');
    expect(admit(pod({ foo: 1 }), { fieldValidation: 'Ignore' }).warnings).toEqual([]);
    // Kith's own bookkeeping is not for people to write.
    expect(refuse({ ...pod(), kith: { retired: [1] } }).message).toMatch(/unknown field "kith"/);
  });

  it('takes a prefix for a name', () => {
    expect(admit({ ...pod(), metadata: { generateName: 'web-' } }).object.metadata).toEqual({ generateName: 'web-', namespace: 'default' });
    expect(refuse({ ...pod(), metadata: { generateName: 'Web-' } }).causes[0]).toMatchObject({ field: 'metadata.generateName' });
  });

  it('never throws, whatever it is given', () => {
    const kinds = fc.constantFrom('Pod', 'Deployment', 'ReplicaSet', 'ReplicationController', 'Namespace', 'Node', 'Event', 'Member');
    const versions = fc.constantFrom('v1', 'apps/v1', 'extensions/v1beta1', 'apps/v1beta1', 'kith.dev/v1');
    const container = fc.record({
      name: fc.jsonValue(),
      image: fc.jsonValue(),
      env: fc.jsonValue(),
      ports: fc.jsonValue(),
      resources: fc.jsonValue(),
    });
    const podSpec = fc.oneof(
      fc.jsonValue(),
      fc.record({ containers: fc.oneof(fc.jsonValue(), fc.array(container)), nodeSelector: fc.jsonValue() }),
    );
    const template = fc.oneof(fc.jsonValue(), fc.record({ metadata: fc.jsonValue(), spec: podSpec }));
    const spec = fc.oneof(podSpec, fc.record({ replicas: fc.jsonValue(), selector: fc.jsonValue(), strategy: fc.jsonValue(), template }));
    fc.assert(
      fc.property(kinds, versions, fc.jsonValue(), fc.option(spec), (kind, apiVersion, metadata, some) => {
        const value = { apiVersion, kind, metadata, spec: some };
        for (const fieldValidation of ['Strict', 'Ignore'] as const) {
          const result = decodeObject(value, { fieldValidation });
          if (result.ok) expect(validateMerged(result.object as StoredObject)).toEqual([]);
          else expect(result.message).not.toBe('');
        }
        validateMerged(value as unknown as StoredObject);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a change', () => {
  it('of a pod may touch its images only', () => {
    const before = stored(pod());
    const image = stored(pod({}, { image: 'nginx:1.8' }));
    expect(validateObjectUpdate(podKind, before, image)).toEqual([]);
    const policy = stored(pod({ restartPolicy: 'Never' }, { args: ['x'] }));
    const [error, ...others] = validateObjectUpdate(podKind, before, policy);
    expect(others).toEqual([]);
    expect(error?.field).toBe('spec');
    expect(error?.message).toMatch(/^Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/);
    expect(error?.message).toMatch(/changed: spec\.containers, spec\.restartPolicy$/);
    // The node is shown to clients but is not theirs to give back.
    expect(validateObjectUpdate(podKind, stored(pod({ nodeName: 'n1' })), before)).toEqual([]);
  });

  it('of a pod that is held back may lift gates and narrow down its nodes, and no other', () => {
    const held = (gates: readonly string[], nodeSelector: Record<string, string> = { disk: 'ssd' }): StoredObject =>
      stored(pod({ schedulingGates: gates.map((name) => ({ name })), nodeSelector }));
    const before = held(['a', 'b']);
    expect(validateObjectUpdate(podKind, before, held(['b']))).toEqual([]);
    expect(validateObjectUpdate(podKind, before, held([], { disk: 'ssd', zone: 'x' }))).toEqual([]);
    const told = (after: StoredObject): string[] =>
      validateObjectUpdate(podKind, before, after).map(({ field, message }) => `${field}: ${message}`);
    expect(told(held(['a', 'c']))).toEqual([
      "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'c'",
    ]);
    expect(told(held(['a'], { disk: 'hdd' }))).toEqual([
      'spec.nodeSelector: Invalid value: {"disk":"hdd"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    ]);
    expect(validateObjectUpdate(podKind, held([]), held([], { disk: 'ssd', zone: 'x' })).map(({ field }) => field)).toEqual(['spec']);
  });

  it('of a selector is refused', () => {
    const before = stored(deployment());
    const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'a', image: 'nginx' }] } };
    const after = stored(deployment({ selector: { matchLabels: { app: 'db' } }, template }));
    expect(validateObjectUpdate(deploymentKind, before, after)).toEqual([
      { field: 'spec.selector', reason: 'FieldValueInvalid', message: 'Invalid value: {"matchLabels":{"app":"db"}}: field is immutable' },
    ]);
    expect(validateObjectUpdate(deploymentKind, before, stored(deployment({ replicas: 5 })))).toEqual([]);
  });

  it('of a name or a uid is refused, and no finalizer joins a deletion', () => {
    const before = stored(pod());
    const renamed: DraftObject = { ...before, metadata: { ...before.metadata, name: 'y', uid: 'v' } };
    expect(validateObjectUpdate(podKind, before, renamed).map((error) => error.field)).toEqual(['metadata.name', 'metadata.uid']);
    const leaving = { ...before, metadata: { ...before.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    const held: DraftObject = { ...leaving, metadata: { ...leaving.metadata, finalizers: ['a/b'] } };
    expect(validateObjectUpdate(podKind, leaving, held)[0]?.field).toBe('metadata.finalizers');
  });
});

describe('a merged object', () => {
  it('is checked by its known parts, and may hold what a newer peer knows', () => {
    const object = stored(pod({ initContainers: [] }));
    expect(
      validateMerged({
        ...object,
        kith: { binding: { node: 'n1', membersSeen: 1, membersKnown: 1, term: 0, by: 'leader', rank: 0, at: '2026-01-01T00:00:00Z' } },
      }),
    ).toEqual([]);
    const newer = {
      ...object,
      spec: { ...(object.spec as object), initContainers: [{ name: 'i', image: 'busybox', unheardOf: 1 }], unheardOf: 1 },
    };
    expect(validateMerged(newer)).toEqual([]);
    expect(validateMerged({ ...object, kind: 'Unheard' })).toEqual([]);
  });

  it('of a member or a token has a name that is no DNS name', () => {
    const metadata = { uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
    const peerId = '12D3KooWJ8Vr6ZzVLTVnbLNyEXXzA6BkHnDZqxnWjXGsBpYFz1aa';
    const spec = { peerId, nodeName: 'n1', peerAddresses: [], beatAddresses: [], apiAddresses: [], beatKey: 'k', admittedBy: peerId };
    const member = { apiVersion: 'kith.dev/v1', kind: 'Member', metadata: { ...metadata, name: peerId }, spec };
    expect(validateMerged(member)).toEqual([]);
    expect(validateMerged({ ...member, metadata: { ...metadata, name: 'a/b' } })[0]?.field).toBe('metadata.name');
    expect(validateMerged({ ...member, spec: { ...spec, beatKey: '' } })[0]?.field).toBe('spec.beatKey');
    const token = {
      apiVersion: 'kith.dev/v1',
      kind: 'JoinToken',
      metadata: { ...metadata, name: 'A_b-9' },
      spec: { secret: 's', expiresAt: '2026-01-01T00:00:00Z' },
    };
    expect(validateMerged(token)).toEqual([]);
  });

  it('that no decision could read is told', () => {
    const object = stored(deployment());
    expect(validateMerged({ ...object, spec: undefined })).toHaveLength(1);
    expect(validateMerged({ ...object, spec: { ...(object.spec as object), replicas: 'x' } })[0]?.field).toBe('spec.replicas');
    expect(validateMerged({ ...object, spec: { ...(object.spec as object), template: undefined } }).map((error) => error.field)).toEqual([
      'spec.template.metadata.labels',
      'spec.template.spec.containers',
    ]);
    const badSlots = { slots: { '0': { epoch: 1 } } } as unknown as StoredObject['kith'];
    expect(validateMerged({ ...object, kith: badSlots })).toEqual([
      { field: 'kith.slots[0].generation', reason: 'FieldValueRequired', message: 'Required value' },
    ]);
    expect(validateMerged({ ...object, kith: { slots: { '0': { epoch: 0, generation: 0 } }, retired: [0] } })).toEqual([]);
  });
});
