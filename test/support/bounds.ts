import type { StoredObject } from '../../protocol/objects.ts';

/** Bounds of the namespace `default`, as a world of tests keeps them: by resource instead of kind where no kind is registered for it. */
const bound = (kind: string, apiVersion: string, name: string, more: object, namespace: string | undefined = 'default'): StoredObject => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...more,
});

export const quotaObject = (name: string, hard: Record<string, string>, more: object = {}): StoredObject =>
  bound('resourcequotas', 'v1', name, { spec: { hard, ...more } });

export const limitRangeObject = (...limits: object[]): StoredObject => bound('limitranges', 'v1', 'limits', { spec: { limits } });

export const priorityClassObject = (name: string, value: number, more: object = {}): StoredObject => ({
  ...bound('priorityclasses.scheduling.k8s.io', 'scheduling.k8s.io/v1', name, { value, ...more }),
  metadata: { name, uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
});

export const budgetObject = (name: string, spec: object): StoredObject => bound('poddisruptionbudgets.policy', 'policy/v1', name, { spec });
