import { expect, it } from 'vitest';
import { sortPods } from '../../cli/commands/drain.ts';
import type { Pod } from '../../protocol/types.ts';

const pod = (name: string, kind: string | undefined, more: object = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'shop',
    uid: name,
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...(kind === undefined ? {} : { ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'owner', uid: 'owner', controller: true }] }),
  },
  spec: { containers: [] },
  ...more,
});

const web = pod('web', 'ReplicaSet');
const watcher = pod('watcher', 'DaemonSet');
const bare = pod('bare', undefined);
const cached = pod('cached', 'ReplicaSet', { spec: { containers: [], volumes: [{ name: 'cache', emptyDir: {} }] } });
const done = pod('done', undefined, { status: { phase: 'Succeeded' } });

it('moves what comes back elsewhere, or has ended', () => {
  expect(sortPods([web, done], {})).toEqual({ moved: [web, done], refused: [] });
});

it('says what would be lost, each with the option that allows it', () => {
  expect(sortPods([web, watcher, bare, cached], {}).refused).toEqual([
    'shop/watcher belongs to a DaemonSet (--ignore-daemonsets leaves it)',
    'shop/bare has no controller that makes it anew (--force)',
    'shop/cached would lose the data of an emptyDir (--delete-emptydir-data)',
  ]);
});

it('leaves pods of DaemonSets, and moves the rest where it was allowed', () => {
  const allowed = { ignoreDaemonsets: true, force: true, deleteEmptydirData: true };
  expect(sortPods([web, watcher, bare, cached], allowed)).toEqual({ moved: [web, bare, cached], refused: [] });
});
