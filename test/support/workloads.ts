import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';

/** Small manifests that tests apply, and how to look at the pods that come of them. */

export function isReady(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    (pod.status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True')
  );
}

export function podText(pod: Pod): string {
  const waiting = (pod.status?.containerStatuses ?? [])
    .map(({ state, restartCount }) => `${JSON.stringify(state)} x${restartCount}`)
    .join(' ');
  const deleted = pod.metadata.deletionTimestamp === undefined ? '' : ' terminating';
  return `${pod.metadata.name} on ${pod.spec.nodeName ?? '?'} ${pod.status?.phase ?? ''}${deleted} ${waiting}`;
}

export function namesOf(objects: readonly KubeObject[]): string[] {
  return objects.map((object) => object.metadata.name).sort();
}

/** Counts, quickly at first; slowly from then on, since every step starts a program. */
const IDLE = 'trap \'exit 0\' TERM; i=0; d=0.5; while true; do i=$((i+1)); echo "count $i"; [ $i -lt 4 ] || d=3; sleep $d & wait $!; done';

function template(app: string, container: Record<string, unknown>): Record<string, unknown> {
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 2, containers: [{ resources: { requests: { cpu: '10m', memory: '4Mi' } }, ...container }] },
  };
}

/** A controller of shells that count. */
export function counters(name: string, replicas: number, namespace?: string): unknown {
  const container = { name: 'counter', image: 'busybox', command: ['/bin/sh', '-c', IDLE] };
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: { replicas, selector: { app: name }, template: template(name, container) },
  };
}

/** A deployment of web servers whose update takes no ready pod away before its successor is ready. */
export function hello(name: string, replicas: number, version: 1 | 2): unknown {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: template(name, { name: 'hello', image: `kith.dev/hello:${version}`, ports: [{ containerPort: 8080 }] }),
    },
  };
}

/** A bare pod of one shell that counts. */
export function pod(name: string, requests: Record<string, string> = { cpu: '10m' }, labels: Record<string, string> = {}): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      terminationGracePeriodSeconds: 2,
      containers: [{ name: 'main', image: 'busybox', command: ['/bin/sh', '-c', IDLE], resources: { requests } }],
    },
  };
}
