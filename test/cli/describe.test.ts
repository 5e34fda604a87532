import { expect, it } from 'vitest';
import { describeCronJob, describeJob } from '../../cli/describe/batch.ts';
import { formatEntries } from '../../cli/describe/lines.ts';
import { describePod } from '../../cli/describe/pod.ts';
import { describeService } from '../../cli/describe/service.ts';
import { describeDaemonSet, describeStatefulSet } from '../../cli/describe/workload.ts';
import type { KubeObject } from '../../protocol/objects.ts';

const metadata = { name: 'web', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '1' };
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'busybox', command: ['date'] }] } };

function object(spec: unknown, status?: unknown): KubeObject {
  return { apiVersion: 'v1', kind: 'Any', metadata, spec, status };
}

it('tells the endpoints of each port of a service', () => {
  const ports = [
    { name: 'http', port: 80, protocol: 'TCP', targetPort: 'web', nodePort: 30080 },
    { name: 'dns', port: 53, protocol: 'UDP', targetPort: 5353 },
  ];
  const service = object({ type: 'NodePort', clusterIP: '10.96.0.9', selector: { app: 'web' }, ports });
  const addresses = [{ ip: '10.42.0.2' }, { ip: '10.42.1.2' }];
  const endpoints = { ...object({}), subsets: [{ addresses, ports: [{ name: 'http', port: 8080 }] }] } as KubeObject;
  const told = formatEntries(describeService(service, endpoints));
  expect(told).toMatch(/^Selector: +app=web$/m);
  expect(told).toMatch(/^IP: +10\.96\.0\.9$/m);
  expect(told).toMatch(
    /^Port: +http {2}80\/TCP\nTargetPort: +web\/TCP\nNodePort: +http {2}30080\/TCP\nEndpoints: +10\.42\.0\.2:8080,10\.42\.1\.2:8080\n/m,
  );
  expect(told).toMatch(/^Port: +dns {2}53\/UDP\nTargetPort: +5353\/UDP\nEndpoints: +<none>\n/m);
  expect(formatEntries(describeService(service, undefined)).match(/^Endpoints: +<none>$/gm)).toHaveLength(2);
});

it('tells how far a job is, and when a cron job runs', () => {
  const status = { startTime: '2026-01-01T00:00:00Z', active: 1, succeeded: 2, completedIndexes: '0,1' };
  const job = formatEntries(describeJob(object({ completions: 3, parallelism: 2, template }, status)));
  expect(job).toMatch(/^Parallelism: +2\nCompletions: +3$/m);
  expect(job).toMatch(/^Pods Statuses: +1 Active \/ 2 Succeeded \/ 0 Failed$/m);
  expect(job).toMatch(/^Completed Indexes: +0,1$/m);
  expect(job).toMatch(/^ {6}Image: +busybox$/m);
  const cron = formatEntries(
    describeCronJob(
      object({ schedule: '*/5 * * * *', timeZone: 'Etc/UTC', jobTemplate: { spec: { template } } }, { active: [{ name: 'web-1' }] }),
    ),
  );
  expect(cron).toMatch(/^Schedule: +\*\/5 \* \* \* \*\nTime Zone: +Etc\/UTC$/m);
  expect(cron).toMatch(/^Last Schedule Time: +<unset>\nActive Jobs: +web-1$/m);
});

it('counts the pods of stateful and daemon sets', () => {
  const selector = { matchLabels: { app: 'web' } };
  const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: { resources: { requests: { storage: '1Gi' } } } }];
  const spec = { replicas: 2, selector, template, updateStrategy: { rollingUpdate: { partition: 1 } }, volumeClaimTemplates };
  const stateful = formatEntries(describeStatefulSet(object(spec, { replicas: 2 }), ['Running', 'Pending']));
  expect(stateful).toMatch(/^Replicas: +2 desired \| 2 total\nUpdate Strategy: +RollingUpdate\nPartition: +1$/m);
  expect(stateful).toMatch(/^Pods Status: +1 Running \/ 1 Waiting \/ 0 Succeeded \/ 0 Failed$/m);
  expect(stateful).toMatch(/^Volume Claims: +data {2}1Gi$/m);
  const daemon = formatEntries(describeDaemonSet(object({ selector, template }, { desiredNumberScheduled: 3, numberAvailable: 2 }), []));
  expect(daemon).toMatch(/^Desired Number of Nodes Scheduled: +3$/m);
  const node = { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } };
  const withNode = { ...template, spec: { containers: [{ ...template.spec.containers[0], env: [node] }] } };
  expect(formatEntries(describeDaemonSet(object({ selector, template: withNode }), []))).toMatch(
    /Environment: +NODE: \(spec\.nodeName\)$/m,
  );
  expect(daemon).toMatch(/^Number of Nodes Scheduled with Available Pods: +2$/m);
});

it('tells where the environment and the files of a container come from, and no secret', () => {
  const env = [
    { name: 'A', value: 'plain' },
    { name: 'B', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'b' } } },
    { name: 'C', valueFrom: { secretKeyRef: { name: 'sec', key: 'c' } } },
    { name: 'D', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
  ];
  const main = {
    name: 'main',
    image: 'busybox',
    env,
    envFrom: [{ prefix: 'X_', configMapRef: { name: 'all' } }],
    volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }],
  };
  const spec = {
    containers: [main],
    initContainers: [{ name: 'first', image: 'busybox' }],
    volumes: [
      { name: 'v', secret: { secretName: 'sec' } },
      { name: 'e', emptyDir: {} },
    ],
  };
  const told = formatEntries(describePod({ ...object(spec), spec }));
  expect(told).toContain("B: <set to the key 'b' of config map 'cfg'>");
  expect(told).toContain("C: <set to the key 'c' in secret 'sec'>");
  expect(told).toContain('D: (status.podIP)');
  expect(told).toMatch(/Environment Variables from: +all {2}ConfigMap with prefix 'X_'/);
  expect(told).toMatch(/Mounts: +\/v from v \(ro\)/);
  expect(told).toMatch(/^Volumes: +v {2}secret {2}secretName=sec\n +e {2}emptyDir$/m);
  expect(told).toMatch(/^Init Containers:\n {2}first:\n/m);
});
