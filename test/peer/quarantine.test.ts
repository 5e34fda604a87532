import type { ClusterView } from '../../daemon/core/cluster/view.ts';
import type { EventDraft } from '../../daemon/core/decisions.ts';
import { ConflictReporter } from '../../daemon/peer/conflict-reporter.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { objectKey } from '../../protocol/objects.ts';
import { PeerWorld } from '../support/peer-world.ts';
import { deployment, deploymentKey, makeReplica } from '../support/replica-world.ts';

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const spec = (replicas: unknown): Record<string, unknown> => ({
  replicas,
  selector: { matchLabels: { app: 'web' } },
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } },
});

let world: PeerWorld;
beforeEach(async () => {
  world = new PeerWorld(1);
  await world.found(2);
  await world.until('the default namespace', () => world.host(1).daemon.peer.objects.get('namespaces//default') !== undefined);
});
afterEach(() => world.stop());

it('an object that does not validate harms nothing else, is told of in an Event and listed, and can be made anew', async () => {
  const [one, two] = [world.host(1), world.host(2)];
  // As a member with other rules would write it.
  const { replica: lax } = await makeReplica({ clusterId: '0123456789abcdef' });
  const { envelope } = await lax.write([
    { type: 'create', key: deploymentKey('web'), object: deployment('web', spec('many')) },
    { type: 'create', key: objectKey('configmaps', 'default', 'unheard'), object: { ...deployment('unheard'), kind: 'ConfigMap' } },
  ]);
  expect((await world.wait(one.daemon.replica.merge(envelope!))).refused).toEqual([]);
  expect((await world.call(one, 'POST', DEPLOYMENTS, { ...deployment('other', spec(2)) })).status).toBe(201);
  await world.until('the other runs', () => world.pods(two).filter(({ status }) => status?.phase === 'Running').length === 2);
  await world.until('it is told', () => world.events(two).some(({ reason }) => reason === 'Quarantined'));
  const [told, ...more] = world.events(two).filter(({ reason }) => reason === 'Quarantined');
  expect(more).toEqual([]);
  expect(told).toMatchObject({ involvedObject: { kind: 'Deployment', name: 'web' } });
  expect(told?.message).toMatch(/^set aside and not acted on, since it does not validate: .*replicas/);

  await world.until('it is everywhere', () => two.daemon.replica.quarantined().length === 1);
  const listed = async (): Promise<unknown> => (await world.call(two, 'GET', '/kith.dev/v1/conflicts')).body;
  // Both have told it by now, under one name.
  expect(world.events(two).filter(({ reason }) => reason === 'Quarantined')).toHaveLength(1);
  expect(await listed()).toMatchObject({
    quarantined: [{ key: deploymentKey('web'), reason: expect.stringContaining('replicas') as string }],
  });
  expect((await world.call(two, 'POST', DEPLOYMENTS, { ...deployment('web', spec(1)) })).status).toBe(201);
  expect(await listed()).toMatchObject({ quarantined: [] });
});

it('who does not lead tells it, too: the leader may be the one that is being stopped', () => {
  const told: EventDraft[] = [];
  const view = { leader: { term: 1, peer: 'other', isSelf: false } } as ClusterView;
  const reporter = new ConflictReporter({ view, record: (draft) => told.push(draft) });
  reporter.look([{ key: deploymentKey('web'), before: undefined, after: undefined, invalid: 'spec.replicas: must be a number' }]);
  expect(told).toMatchObject([{ reason: 'Quarantined', shared: true, about: { metadata: { name: 'web' } } }]);
});
