import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../protocol/json.ts';
import { admit, deployment, refuse } from './objects.ts';

function template(labels: JsonObject, spec: JsonObject = {}): JsonObject {
  return { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'nginx' }], ...spec } };
}

describe('a Deployment', () => {
  it("has Kubernetes' defaults", () => {
    expect(admit(deployment()).object.spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: { spec: { restartPolicy: 'Always', securityContext: {} } },
    });
    expect(admit(deployment({ strategy: { type: 'Recreate' } })).object.spec).toMatchObject({ strategy: { type: 'Recreate' } });
  });

  it('of extensions/v1beta1 is read as it was then, with a warning', () => {
    const { object, warnings } = admit(deployment({ selector: null, rollbackTo: { revision: 1 } }, 'extensions/v1beta1'));
    expect(object.apiVersion).toBe('apps/v1');
    expect(object.spec).toMatchObject({
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
    });
    expect(object.spec).not.toHaveProperty('rollbackTo');
    expect(warnings).toEqual([
      'extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment',
      'spec.rollbackTo: is ignored: apps/v1 has no such field; apply the older template instead',
    ]);
  });

  it('of apps/v1beta1 and v1beta2 keeps the defaults of its version', () => {
    expect(admit(deployment({ selector: null }, 'apps/v1beta1')).object.spec).toMatchObject({
      selector: { matchLabels: { app: 'web' } },
      revisionHistoryLimit: 2,
      strategy: { rollingUpdate: { maxSurge: '25%' } },
    });
    const newer = admit(deployment({}, 'apps/v1beta2'));
    expect(newer.object.spec).toMatchObject({ revisionHistoryLimit: 10 });
    expect(newer.warnings).toEqual(['apps/v1beta2 Deployment is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 Deployment']);
  });

  it('of an old version with a broken spec is refused like any other', () => {
    expect(refuse({ ...deployment({}, 'extensions/v1beta1'), spec: 'x' }).message).toMatch(/cannot unmarshal string/);
    expect(refuse(deployment({ strategy: 5, template: 7 }, 'extensions/v1beta1')).code).toBe('BadRequest');
  });
});

describe('a ReplicationController', () => {
  const controller = (spec: JsonObject): JsonObject => ({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'rc' },
    spec,
  });

  it("takes its selector and labels from the template's labels", () => {
    const { object } = admit(controller({ template: template({ app: 'web' }) }));
    expect(object.metadata.labels).toEqual({ app: 'web' });
    expect(object.spec).toMatchObject({ replicas: 1, selector: { app: 'web' } });
  });
});

describe('a ReplicaSet', () => {
  it('needs a selector in apps/v1 and none in extensions/v1beta1', () => {
    const set = { kind: 'ReplicaSet', metadata: { name: 'rs' }, spec: { template: template({ app: 'web' }) } };
    expect(refuse({ apiVersion: 'apps/v1', ...set }).message).toBe(
      'ReplicaSet.apps "rs" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`]',
    );
    expect(admit({ apiVersion: 'extensions/v1beta1', ...set }).object.spec).toMatchObject({ selector: { matchLabels: { app: 'web' } } });
  });
});

describe('a Namespace', () => {
  it('is named by a label, bears its name as a label, and waits for its contents', () => {
    const { object } = admit({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } });
    expect(object).toMatchObject({ metadata: { labels: { 'kubernetes.io/metadata.name': 'prod' } }, spec: { finalizers: ['kubernetes'] } });
    expect(refuse({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a.b' } }).causes[0]?.field).toBe('metadata.name');
    expect(refuse({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', namespace: 'b' } }).message).toBe(
      'Namespace "a" is invalid: metadata.namespace: Forbidden: not allowed on this type',
    );
  });
});
