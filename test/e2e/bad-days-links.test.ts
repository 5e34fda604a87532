/** Days on which links break, power fails and clocks jump: whole peers in one process, in time that the test moves. */
import { afterEach, describe, expect, it } from 'vitest';
import { HEIR_SETTINGS } from '../../daemon/core/heirs/claims.ts';
import type { Deployment, NodeStatus, Pod } from '../../protocol/types.ts';
import { MemoryStore } from '../support/memory-store.ts';
import type { Answer, PeerHost } from '../support/peer-world.ts';
import { PeerWorld } from '../support/peer-world.ts';
import { testSeed } from '../support/virtual-clock.ts';

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const PODS = '/api/v1/namespaces/default/pods';
const HOUR_MS = 3_600_000;

let world: PeerWorld;
afterEach(async () => world.stop());

async function cluster(name: string, count = 3): Promise<PeerHost[]> {
  world = new PeerWorld(testSeed(name));
  await world.found(count);
  await world.until('the default namespace', () => world.host(1).daemon.peer.objects.get('namespaces//default') !== undefined);
  return world.hosts;
}

const template = (app: string, image: string): object => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image, resources: { requests: { cpu: '100m' } } }] },
});
const deployment = (name: string, replicas: number): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name, 'web:1') },
});
const pod = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'web:1' }] },
});

async function done(answer: Promise<Answer>): Promise<Answer> {
  const { status, body, warning } = await answer;
  expect(status, body.message).toBeLessThan(300);
  return { status, body, warning };
}
const podsOf = (host: PeerHost, app: string): Pod[] => world.pods(host).filter(({ metadata }) => metadata.labels?.['app'] === app);
const isReady = ({ status, metadata }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && (status?.containerStatuses ?? []).some(({ ready }) => ready);
const readyOf = (host: PeerHost, app: string): Pod[] => podsOf(host, app).filter(isReady);

/** Deployments and pods are created at the first host and run. */
async function run(names: Record<string, number>): Promise<void> {
  const [first] = world.hosts as [PeerHost];
  await world.nodesReady(first);
  for (const [name, replicas] of Object.entries(names)) await done(world.call(first, 'POST', DEPLOYMENTS, deployment(name, replicas)));
  for (const [name, replicas] of Object.entries(names)) {
    await world.until(`${name} runs`, () => world.hosts.every((host) => readyOf(host, name).length === replicas));
  }
}

const onNode = (host: PeerHost, app: string): Pod[] => readyOf(host, app).filter(({ spec }) => spec.nodeName === host.node);
/** `POD/CONTAINER#ATTEMPT` that run on the host, of pods named so. */
const running = (host: PeerHost, prefix = ''): string[] => host.runtime.running().filter((name) => name.startsWith(prefix));
const ended = (host: PeerHost, since: number): string[] =>
  host.runtime.history.filter(({ at, what }) => at >= since && what !== 'start').map(({ what, podUid }) => `${what} ${podUid}`);
const isDead = (host: PeerHost, about: PeerHost): boolean =>
  host.daemon.peer.view.members().some(({ spec, state }) => spec.peerId === about.id && state === 'dead');

async function healed(): Promise<void> {
  world.network.healAll();
  await world.until('all see each other again', () => world.hosts.every((host) => world.sees(host, world.hosts)), 60_000);
  await world.until('all hold the same', () => world.equal(), 30_000);
}

describe('cut links', () => {
  it('merges what both sides of a cut wrote: nothing is lost, nothing deleted returns, no healthy pod is restarted', async () => {
    const [one, two, three] = (await cluster('split 1/2')) as [PeerHost, PeerHost, PeerHost];
    await run({ web: 3, steady: 3, old1: 1, old2: 1 });
    const steadyBefore = [two, three].flatMap((host) => onNode(host, 'steady').map(({ metadata }) => ({ host, name: metadata.name })));
    expect(steadyBefore.length).toBeGreaterThan(0);

    world.network.partition([one.id], [two.id, three.id]);
    await world.until(
      'each side holds the other for dead',
      () => isDead(one, two) && isDead(one, three) && isDead(two, one) && isDead(three, one),
    );
    await world.until('each side has a leader', () => one.daemon.peer.view.leader.isSelf && world.sees(two, [two, three]));
    const alone = await done(world.call(one, 'PATCH', `${DEPLOYMENTS}/web`, { spec: { replicas: 5 } }));
    expect(alone.warning).toContain('stored on this peer only');
    await done(world.call(one, 'PATCH', `${DEPLOYMENTS}/web`, { metadata: { labels: { side: 'one' } } }));
    await done(world.call(one, 'DELETE', `${DEPLOYMENTS}/old1`));
    await done(world.call(one, 'POST', PODS, pod('solo1')));
    const image = { spec: { template: template('web', 'web:2') } };
    expect((await done(world.call(two, 'PATCH', `${DEPLOYMENTS}/web`, image))).warning).toBeUndefined();
    await done(world.call(two, 'PATCH', `${DEPLOYMENTS}/web`, { metadata: { labels: { side: 'two' } } }));
    await done(world.call(three, 'DELETE', `${DEPLOYMENTS}/old2`));
    await done(world.call(three, 'POST', PODS, pod('solo2')));
    await world.until('both sides run all of steady', () => readyOf(one, 'steady').length >= 3 && readyOf(two, 'steady').length >= 3);
    await world.until(
      'both sides run what was made there',
      () => readyOf(one, 'solo1').length === 1 && readyOf(three, 'solo2').length === 1,
    );

    await healed();
    await world.until('all is as desired', () =>
      world.hosts.every(
        (host) =>
          readyOf(host, 'web').length === 5 &&
          readyOf(host, 'web').every(({ spec }) => spec.containers[0]?.image === 'web:2') &&
          podsOf(host, 'web').length === 5 &&
          podsOf(host, 'steady').length === 3 &&
          readyOf(host, 'steady').length === 3,
      ),
    );
    await world.clock.pass(60_000);
    expect(world.equal()).toBe(true);
    for (const host of world.hosts) {
      const { body: web } = await world.call(host, 'GET', `${DEPLOYMENTS}/web`);
      const { spec } = web as unknown as Deployment;
      expect([spec.replicas, spec.template.spec?.containers[0]?.image]).toEqual([5, 'web:2']);
      for (const old of ['old1', 'old2']) {
        expect((await world.call(host, 'GET', `${DEPLOYMENTS}/${old}`)).status).toBe(404);
        expect(podsOf(host, old)).toEqual([]);
        expect(world.hosts.flatMap((each) => running(each, `${old}-`))).toEqual([]);
      }
      expect(readyOf(host, 'solo1')).toHaveLength(1);
      expect(readyOf(host, 'solo2')).toHaveLength(1);
      expect(
        world
          .events(host)
          .map(({ reason, message }) => `${reason}: ${message}`)
          .join('\n'),
      ).toContain('side');
      const { body } = await world.call(host, 'GET', '/kith.dev/v1/conflicts');
      expect(body.conflicts).toMatchObject([{ key: 'deployments.apps/default/web', path: '/metadata/labels/side' }]);
    }
    // The greater side's pods were never touched.
    for (const { host, name } of steadyBefore) expect(running(host, `${name}/`)).toEqual([`${name}/main#0`]);
    const everywhere = world.hosts.flatMap((host) => running(host, 'steady-'));
    expect(everywhere).toHaveLength(3);
  });

  it('undoes the claims of a minority where the originals still run', async () => {
    const [one, two, three] = (await cluster('minority')) as [PeerHost, PeerHost, PeerHost];
    await run({ web: 3 });
    const originals = [two, three].flatMap((host) => running(host, 'web-'));
    world.network.partition([one.id], [two.id, three.id]);
    await world.until('the lone peer runs all three itself', () => running(one, 'web-').length === 3, 60_000);
    await healed();
    await world.until('three run', () => world.hosts.flatMap((host) => running(host, 'web-')).length === 3);
    await world.clock.pass(30_000);
    expect([two, three].flatMap((host) => running(host, 'web-'))).toEqual(expect.arrayContaining(originals));
    expect(world.hosts.flatMap((host) => running(host, 'web-'))).toHaveLength(3);
    expect(readyOf(one, 'web')).toHaveLength(3);
  });

  it('heals a cluster of two: what still runs stays where it is', async () => {
    const [one, two] = (await cluster('two', 2)) as [PeerHost, PeerHost];
    await run({ web: 4 });
    const before = world.hosts.map((host) => running(host, 'web-'));
    expect(before.map((each) => each.length)).toEqual([2, 2]);
    world.network.partition([one.id], [two.id]);
    await world.until('both run all four', () => world.hosts.every((host) => running(host, 'web-').length === 4), 60_000);
    await healed();
    await world.until('four run', () => world.hosts.flatMap((host) => running(host, 'web-')).length === 4);
    await world.clock.pass(30_000);
    expect(world.hosts.map((host) => running(host, 'web-'))).toEqual(before);
  });
});

describe('a peer that lost something', () => {
  it('an empty joiner wipes nothing, whatever it sees', async () => {
    await cluster('empty joiner');
    await run({ web: 3 });
    const before = world.hosts.map((host) => running(host));
    const joiner = await world.join();
    world.network.partition(
      world.hosts.slice(0, 3).map(({ id }) => id),
      [joiner.id],
    );
    await world.clock.pass(90_000);
    expect(joiner.daemon.peer.view.leader.isSelf).toBe(false);
    expect(joiner.daemon.peer.view.complete).toBe(false);
    world.network.healAll();
    await world.until('the joiner holds all', () => world.equal() && joiner.complete, 60_000);
    await world.clock.pass(30_000);
    expect(world.hosts.slice(0, 3).map((host) => running(host))).toEqual(before);
    expect(readyOf(joiner, 'web')).toHaveLength(3);
  });

  it.each([0, 3_000])('a peer whose disk is new and that is cut off for %i ms stops none of its containers', async (cutMs) => {
    const [one, two, three] = (await cluster('new disk')) as [PeerHost, PeerHost, PeerHost];
    await run({ web: 3 });
    const [before, members] = [running(two), two.daemon.peer.members()];
    await world.kill(two);
    two.store = new MemoryStore();
    const since = world.clock.monotonic();
    if (cutMs > 0) world.network.partition([two.id], [one.id, three.id]);
    await world.boot(two, members);
    await world.clock.pass(cutMs);
    expect(ended(two, since)).toEqual([]);
    expect(running(two)).toEqual(before);
    await healed();
    await world.until('it holds the whole state', () => two.complete);
    await world.clock.pass(30_000);
    expect(readyOf(one, 'web')).toHaveLength(3);
    // Those who thought it dead have started its pods elsewhere; else nothing has changed.
    if (cutMs === 0) expect([ended(two, since), running(two)]).toEqual([[], before]);
  });

  it('a peer alone after a power cut runs at once what is bound to it', async () => {
    const [one] = (await cluster('power cut')) as [PeerHost];
    await run({ web: 3 });
    const names = onNode(one, 'web').map(({ metadata }) => metadata.name);
    expect(names.length).toBeGreaterThan(0);
    for (const host of world.hosts) await world.powerCut(host);
    await world.clock.pass(HOUR_MS / 60);
    expect(running(one)).toEqual([]);
    await world.boot(one);
    await world.until('what is bound to it runs', () => names.every((name) => running(one, `${name}/`).length === 1), 3_000);
  });
});

describe('a peer that starts again', () => {
  it('listens for the leader before it stands, and follows it', async () => {
    await cluster('restart');
    const { leader } = world.host(1).daemon.peer.view;
    const other = world.hosts.find(({ id }) => id !== leader.peer) as PeerHost;
    await world.kill(other);
    await world.clock.pass(1_000);
    await world.boot(other);
    const followed = new Set<string>();
    const note = (): void => void followed.add(other.daemon.peer.view.leader.peer);
    note();
    other.daemon.peer.views.onChanged(note);
    await world.clock.pass(5_000);
    expect([...followed].sort()).toEqual(['', leader.peer]);
    for (const host of world.hosts) expect(host.daemon.peer.view.leader).toMatchObject({ peer: leader.peer, term: leader.term });
  });
});

describe('time and engine', () => {
  it.each([HOUR_MS, -HOUR_MS])('a wall clock that jumps by %i ms deletes nothing, restarts nothing and kills nobody', async (jumpMs) => {
    const [one, two] = (await cluster('clock')) as [PeerHost, PeerHost];
    await run({ web: 3 });
    await done(world.call(one, 'POST', PODS, pod('bare')));
    await world.until('bare runs', () => readyOf(two, 'bare').length === 1);
    const before = world.hosts.map((host) => running(host));
    const since = world.clock.monotonic();
    const deaths: string[] = [];
    for (const host of world.hosts) {
      host.daemon.peer.views.onChanged(() => {
        for (const { spec, state } of host.daemon.peer.view.members()) if (state === 'dead') deaths.push(`${host.node}: ${spec.nodeName}`);
      });
    }
    two.daemon.clock.aheadMs = jumpMs;
    await world.clock.pass(60_000);
    await done(world.call(two, 'POST', DEPLOYMENTS, deployment('later', 2)));
    await world.until('what is made later runs', () => world.hosts.every((host) => readyOf(host, 'later').length === 2));
    for (const host of world.hosts) host.daemon.clock.aheadMs = jumpMs;
    await world.clock.pass(60_000);
    expect(deaths).toEqual([]);
    expect(world.hosts.flatMap((host) => ended(host, since))).toEqual([]);
    expect(world.hosts.map((host) => running(host).filter((name) => !name.startsWith('later')))).toEqual(before);
    expect(readyOf(one, 'web')).toHaveLength(3);
    expect(world.equal()).toBe(true);
  });

  it('tells that an engine is away, and finds its containers again when it is soon back', async () => {
    const [one, two] = (await cluster('engine')) as [PeerHost, PeerHost];
    await run({ web: 3 });
    const before = running(two);
    const since = world.clock.monotonic();
    const ready = (): string | undefined => {
      const status = one.daemon.peer.objects.get(`nodes//${two.node}`)?.['status'] as NodeStatus | undefined;
      return status?.conditions?.find(({ type }) => type === 'Ready')?.status;
    };
    expect(ready()).toBe('True');
    two.runtime.away = 'Cannot connect to the engine';
    await world.until('the node is not ready', () => ready() === 'False', 30_000);
    await world.clock.pass(HEIR_SETTINGS.unreadyMs / 2);
    two.runtime.away = undefined;
    await world.until('the node is ready again', () => ready() === 'True', 30_000);
    await world.until('its pods are ready', () => onNode(two, 'web').length === before.length);
    await world.clock.pass(10_000);
    expect(running(two)).toEqual(before);
    expect(two.runtime.history.filter(({ at }) => at >= since)).toEqual([]);
  });

  it('takes the pods of a node whose engine stays away, and ends them there when it is back', async () => {
    const [one, two, three] = (await cluster('engine stays away')) as [PeerHost, PeerHost, PeerHost];
    await run({ web: 3 });
    const before = running(two);
    expect(before.length).toBeGreaterThan(0);
    two.runtime.away = 'Cannot connect to the engine';
    await world.until('the others run all', () => onNode(one, 'web').length + onNode(three, 'web').length === 3, 60_000);
    two.runtime.away = undefined;
    await world.until('nothing of it is left there', () => running(two).length === 0, 60_000);
    expect(running(one).length + running(three).length).toBe(3);
  });
});
