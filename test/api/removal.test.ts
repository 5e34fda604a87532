import { afterEach, expect, it } from 'vitest';
import { memberKey } from '../../daemon/app/members.ts';
import { type ApiWorld, apiWorld } from './support/world.ts';

let world: ApiWorld;
afterEach(async () => {
  await world.stop();
});

/** Nodes `node-1` to `node-3` are the hosts of `peer-1` to `peer-3`. */
async function withElectors(...electors: string[]): Promise<void> {
  world = await apiWorld({
    deps: {
      electors: async () => electors,
      memberOf: (node) => {
        const peerId = node.replace('node', 'peer');
        const metadata = { name: peerId, uid: '', creationTimestamp: '' };
        const object = { apiVersion: 'kith.dev/v1', kind: 'Member', metadata, spec: { peerId, nodeName: node } };
        return world.desired.put(memberKey(peerId), object);
      },
    },
  });
  for (const name of ['node-1', 'node-2', 'node-3'])
    world.set(`nodes//${name}`, { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: '', creationTimestamp: '' }, spec: {} });
}

const remove = async (node: string, query = ''): Promise<{ status: number; message?: string }> => {
  const { status, body } = await world.call('DELETE', `/api/v1/nodes/${node}${query}`);
  return { status, message: body.message };
};

it('one of the only two that vote is not removed unawares: the other would never have a majority of them', async () => {
  await withElectors('peer-1', 'peer-2');
  const refused = await remove('node-2');
  expect(refused.status).toBe(409);
  expect(refused.message).toContain('kith confirm-dead node-2');
  expect((await remove('node-2', '?dryRun=All')).status).toBe(409);
  expect((await remove('node-3')).status).toBe(200);
  expect((await remove('node-2', '?gracePeriodSeconds=0')).status).toBe(200);
});

it('nor is the only one that votes, where there are others', async () => {
  await withElectors('peer-1');
  const refused = await remove('node-1');
  expect(refused.status).toBe(409);
  expect(refused.message).toContain('it is the only member that votes');
  expect(refused.message).toContain('Wait until others vote');
});

it('one of three that vote, or one beside the only one, is removed', async () => {
  await withElectors('peer-1', 'peer-2', 'peer-3');
  expect((await remove('node-2')).status).toBe(200);
  await world.stop();
  await withElectors('peer-1');
  expect((await remove('node-2')).status).toBe(200);
});
