import { describe, expect, it } from 'vitest';
import { allows } from '../../../daemon/core/authorization/authorizer.ts';
import { renderObject } from '../../../daemon/core/status/render.ts';
import { worldOf } from '../../support/cluster-view.ts';

const admin = 'clusterroles.rbac.authorization.k8s.io//admin';
const view = 'clusterroles.rbac.authorization.k8s.io//view';

describe('what every cluster has', () => {
  it('are the default roles, made the same by all, once: what is deleted stays so', () => {
    const [one, other] = [worldOf(2, 'node-1'), worldOf(2, 'node-2')];
    for (const world of [one, other]) {
      world.setLeader(world.state.self.node);
      world.elapsed += world === other ? 5_000 : 0;
      world.converge();
    }
    expect(other.object(admin)).toEqual(one.object(admin));
    const request = { verb: 'get', path: '/apis/apps/v1' };
    expect(allows(one.state, { user: 'ann', groups: ['system:authenticated'] }, request)).toBe(true);
    one.bury(view);
    one.converge();
    expect(one.state.get(view)).toBeUndefined();
  });

  it('is a service account in each namespace, and another when that is deleted', () => {
    const world = worldOf(1);
    world.converge();
    const key = 'serviceaccounts/default/default';
    const first = world.object(key);
    world.bury(key);
    world.converge();
    expect(world.object(key).life).toBe(first.life + 1);
    expect(world.state.get('serviceaccounts/kube-system/default')).toBeDefined();
  });

  it('shows what an aggregation gathers', () => {
    const world = worldOf(1);
    world.converge();
    expect(JSON.stringify(renderObject(world.state, admin, world.now))).toContain('"pods/log"');
  });
});
