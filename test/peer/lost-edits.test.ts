import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LostEdit } from '../../protocol/desired.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { changesBody, changesOf } from '../../protocol/wire/changes.ts';
import { HISTORY_LIMITS } from '../../daemon/peer/replica/histories.ts';
import type { PeerHost } from '../support/peer-world.ts';
import { PeerWorld } from '../support/peer-world.ts';
import { createWeb, deployment, deploymentKey, exchange, makeReplica, patchSpec, restart } from '../support/replica-world.ts';
import type { TestReplica } from '../support/replica-world.ts';

const WEB = deploymentKey('web');

describe('a deletion that meets edits that its author had not seen', () => {
  /** Makes `web` on both sides, lets them part, and answers with what the left one hears as lost when they meet again. */
  async function lostAtLeft(
    apart: (left: TestReplica, right: TestReplica) => Promise<void>,
    meet: (left: TestReplica, right: TestReplica) => Promise<void> = ({ replica: left }, { replica: right }) => exchange(left, right),
  ): Promise<LostEdit[]> {
    const [left, right] = [await makeReplica(), await makeReplica()];
    await createWeb(left.replica);
    await exchange(left.replica, right.replica);
    const heard: LostEdit[] = [];
    left.replica.onChanged((changes) => heard.push(...changes.flatMap(({ lost }) => lost ?? [])));
    await apart(left, right);
    await meet(left, right);
    expect(left.replica.get(WEB)).toBeUndefined();
    return heard;
  }
  const bury = async ({ replica }: TestReplica): Promise<void> => {
    await replica.write([{ type: 'bury', key: WEB, uid: replica.get(WEB)!.uid, at: '2026-01-02T00:00:00Z' }]);
  };

  it('tells what was lost, where it is known', async () => {
    const lost = await lostAtLeft(async (left, right) => {
      await patchSpec(left.replica, { replicas: 7 });
      await bury(right);
    });
    expect(lost).toEqual([{ path: '/spec/replicas', value: 7 }]);
  });

  it('tells it also when word of the deletion comes from the disk of a daemon that was started anew', async () => {
    const lost = await lostAtLeft(
      async (left, right) => {
        await patchSpec(left.replica, { replicas: 7 });
        await bury(right);
      },
      async (left, right) => exchange(left.replica, (await restart(right)).replica),
    );
    expect(lost).toEqual([{ path: '/spec/replicas', value: 7 }]);
  });

  it('says nothing when its author had seen all, or more than is here', async () => {
    const seen = await lostAtLeft(async (left, right) => {
      await patchSpec(left.replica, { replicas: 7 });
      await exchange(left.replica, right.replica);
      await bury(right);
    });
    const more = await lostAtLeft(async (left, right) => {
      await patchSpec(left.replica, { replicas: 7 });
      await exchange(left.replica, right.replica);
      await patchSpec(right.replica, { replicas: 8 });
      await bury(right);
    });
    expect([seen, more]).toEqual([[], []]);
  });

  it('tells it also across a history that was cut meanwhile, by whichever of the two', async () => {
    const histories = { ...HISTORY_LIMITS, changes: 2, restMs: 0 };
    for (const cutter of ['left', 'right']) {
      const [left, right] = [await makeReplica({ histories }), await makeReplica({ histories })];
      await createWeb(left.replica);
      for (const replicas of [2, 3]) await patchSpec(left.replica, { replicas });
      await exchange(left.replica, right.replica);
      expect(await (cutter === 'left' ? left : right).replica.cutHistories([], 0)).toBe(1);
      await patchSpec(left.replica, { replicas: 7 });
      await patchSpec(right.replica, { template: { image: 'seen' } });
      await bury(right);
      const heard: LostEdit[] = [];
      left.replica.onChanged((changes) => heard.push(...changes.flatMap(({ lost }) => lost ?? [])));
      await exchange(left.replica, (await restart(right)).replica);
      expect(heard).toEqual([{ path: '/spec/replicas', value: 7 }]);
    }
  });

  it('travels with what its author had seen', () => {
    const grave = { key: WEB, life: 1, at: '', heads: ['ab'.repeat(32)] };
    const envelope = { id: '00', changes: [], tombstones: [grave, { key: WEB, life: 2, at: '' }] };
    expect(changesOf(changesBody(envelope))).toEqual(envelope);
  });
});

describe('in a cluster', () => {
  const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
  const spec = {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web:1' }] } },
  };
  let world: PeerWorld;
  beforeEach(async () => {
    world = new PeerWorld(1);
    await world.found(3);
    await world.until('the default namespace', () => world.host(1).daemon.peer.objects.get('namespaces//default') !== undefined);
  });
  afterEach(() => world.stop());

  it('all peers show one Event of it, whoever leads, and however many hold the edits', async () => {
    const [one, two, three] = [world.host(1), world.host(2), world.host(3)];
    const told = (host: PeerHost): { message: string }[] => world.events(host).filter(({ reason }) => reason === 'EditsDeleted');
    const namesOf = (host: PeerHost): string[] => (told(host) as unknown as KubeObject[]).map(({ metadata }) => metadata.name);
    await world.call(one, 'POST', DEPLOYMENTS, deployment('web', spec));
    await world.until('it is everywhere', () => world.hosts.every(({ daemon }) => daemon.replica.get(WEB) !== undefined));
    world.network.partition([one.id, two.id], [three.id]);
    await world.call(one, 'PATCH', `${DEPLOYMENTS}/web`, { metadata: { labels: { tier: 'front' } } });
    await world.until('two has the edit', () => two.daemon.replica.get(WEB)?.object.metadata.labels?.['tier'] === 'front');
    expect((await world.call(three, 'DELETE', `${DEPLOYMENTS}/web`)).status).toBe(200);
    world.network.healAll();
    await world.until('all have it', () => world.hosts.every((host) => told(host).length > 0));
    await world.clock.pass(10_000);
    for (const host of world.hosts) {
      expect(told(host)).toHaveLength(1);
      expect(told(host)[0]).toMatchObject({ involvedObject: { kind: 'Deployment', name: 'web' } });
      expect(told(host)[0]?.message).toMatch(
        /^deleted on one side while it was changed on another: \/metadata\/labels\/tier was set to "front", and went/,
      );
      expect(namesOf(host)).toEqual(namesOf(one));
      expect(host.daemon.replica.get(WEB)).toBeUndefined();
    }
  });
});
