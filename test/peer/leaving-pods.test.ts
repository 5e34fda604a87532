import { beforeEach, describe, expect, it } from 'vitest';
import { LEAVING_LIMITS } from '../../daemon/core/network/leaving.ts';
import type { ResolvedService } from '../../daemon/core/network/service-types.ts';
import { LeavingPods } from '../../daemon/peer/network/leaving-pods.ts';
import { ServiceLoop } from '../../daemon/peer/network/service-loop.ts';
import type { ServiceSink } from '../../daemon/ports/service-sink.ts';
import type { Transport } from '../../daemon/ports/transport.ts';
import { KithError } from '../../protocol/errors.ts';
import { decodeRotationAnswer, decodeRotationRequest, encodeRotationAnswer, encodeRotationRequest } from '../../protocol/wire-rotation.ts';
import { peerOf, podKey, worldOf, type ClusterWorld } from '../support/cluster-view.ts';
import { addServingPod, serviceObject } from '../support/service-world.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const { leastMs, settleMs, mostMs } = LEAVING_LIMITS;

/** A sink that takes as long as it is told to. */
class SlowSink implements ServiceSink {
  readonly name = 'proxy';
  inForce: readonly ResolvedService[] = [];
  slowMs = 0;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async apply(services: readonly ResolvedService[]): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.after(this.slowMs, resolve));
    this.inForce = services;
  }

  troubles(): Map<string, string[]> {
    return new Map<string, string[]>();
  }

  async stop(): Promise<void> {}
}

/** What node-1 asks of others, and what they answer: uids that they still send traffic to, or an error. */
class Others implements Pick<Transport, 'self' | 'serve' | 'request'> {
  readonly self = peerOf('node-1');
  readonly asked: string[] = [];
  readonly answers = new Map<string, () => readonly string[]>();
  served: ((payload: Uint8Array) => Promise<Uint8Array>) | undefined;

  serve: Transport['serve'] = (protocol, handler) => {
    if (protocol === 'rotation') this.served = async (payload) => handler('peer-node-2', payload, new AbortController().signal);
  };

  request: Transport['request'] = async (peer, protocol, payload) => {
    this.asked.push(`${peer} ${protocol} ${decodeRotationRequest(payload).length}`);
    return encodeRotationAnswer(this.answers.get(peer)?.() ?? []);
  };
}

let clock: VirtualClock;
let world: ClusterWorld;
let sink: SlowSink;
let loop: ServiceLoop;
let others: Others;
let leaving: LeavingPods;
const signal = new AbortController().signal;
const uidOf = (name: string): string => world.object(podKey(name)).uid;

beforeEach(async () => {
  clock = new VirtualClock();
  world = worldOf(3);
  sink = new SlowSink(clock);
  loop = new ServiceLoop({ view: world.state, sinks: [sink], clock, log: silentLog });
  for (const name of ['applyDesired', 'applyObserved', 'applyLiveness'] as const) {
    const apply = (world.state[name] as (...all: unknown[]) => Set<string>).bind(world.state);
    world.state[name] = (...all: unknown[]) => {
      const affected = apply(...all);
      loop.touch(affected);
      return affected;
    };
  }
  others = new Others();
  leaving = new LeavingPods({ services: loop, view: world.state, transport: others, clock, log: silentLog });
  world.create(serviceObject('web'));
  for (const index of [1, 2, 3]) addServingPod(world, `web-${index}`, { node: `node-${index}`, ip: `10.42.${index}.2` });
  loop.start();
  leaving.start();
  await clock.pass(50);
});

/** Deletes a pod of this node. @returns ms until it may be told to stop */
async function leave(name: string, stop = signal): Promise<number> {
  const began = clock.monotonic();
  world.edit(podKey(name), (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:30Z'));
  let after: number | undefined;
  void leaving.leave('default', uidOf(name), stop)?.then(() => (after = clock.monotonic() - began));
  await clock.pass(10 * mostMs, () => after !== undefined);
  return after ?? Infinity;
}

describe('a pod that is to be stopped', () => {
  it('waits until every living node has taken it out of rotation, and a moment for what was just connected', async () => {
    const uid = uidOf('web-1');
    const started = clock.monotonic();
    others.answers.set(peerOf('node-3'), () => (clock.monotonic() - started < 1_000 ? [uid] : []));
    const took = await leave('web-1');
    expect(took).toBeGreaterThanOrEqual(1_000 + settleMs);
    expect(took).toBeLessThan(1_400);
    // Who has said so once is not asked again.
    expect(others.asked.filter((one) => one.includes('node-2'))).toEqual(['peer-node-2 rotation 1']);
    const before = others.asked.length;
    await clock.pass(10_000);
    expect(others.asked.length).toBe(before);
  });

  it('waits for the rules of its own node, too, and no longer than it has to', async () => {
    sink.slowMs = 900;
    const took = await leave('web-1');
    expect(took).toBeGreaterThanOrEqual(900 + settleMs);
    sink.slowMs = 0;
    addServingPod(world, 'web-4', { node: 'node-1', ip: '10.42.1.4' });
    await clock.pass(1_000);
    const quick = await leave('web-4');
    expect(quick).toBeGreaterThanOrEqual(leastMs);
    expect(quick).toBeLessThan(leastMs + 150);
  });

  it('waits neither for dead nor for suspected nodes, nor for those that know nothing of such questions', async () => {
    const never = (): readonly string[] => [uidOf('web-1')];
    others.answers.set(peerOf('node-2'), never);
    others.answers.set(peerOf('node-3'), () => {
      throw new KithError('RequestRefused', 'this peer does not serve rotation; it may be of another version');
    });
    world.setMember('node-2', 'suspected');
    expect(await leave('web-1')).toBeLessThan(leastMs + 150);
    expect(others.asked.filter((one) => one.includes('node-2'))).toEqual([]);
    addServingPod(world, 'web-4', { node: 'node-1', ip: '10.42.1.4' });
    world.setMember('node-2', 'alive');
    clock.after(800, () => world.setMember('node-2', 'dead'));
    others.answers.set(peerOf('node-2'), () => [uidOf('web-4')]);
    const took = await leave('web-4');
    expect(took).toBeGreaterThanOrEqual(800);
    expect(took).toBeLessThan(1_200);
  });

  it('waits for nobody for ever: not for a node that does not answer, nor where a Service has no other', async () => {
    others.answers.set(peerOf('node-2'), () => {
      throw new KithError('PeerUnreachable', 'not connected');
    });
    const late = await leave('web-1');
    expect(late).toBeGreaterThanOrEqual(mostMs);
    expect(late).toBeLessThan(mostMs + 150);
    world.create(serviceObject('alone'));
    addServingPod(world, 'alone-1', { node: 'node-1', ip: '10.42.1.9', app: 'alone' });
    await clock.pass(50);
    expect(await leave('alone-1')).toBeLessThan(leastMs + 150);
  });

  it('does not wait where no Service knows it, nor longer than it concerns its node', async () => {
    addServingPod(world, 'other', { node: 'node-1', ip: '10.42.1.8', app: 'other' });
    expect(leaving.leave('default', uidOf('other'), signal)).toBeUndefined();
    const stop = new AbortController();
    clock.after(50, () => stop.abort());
    expect(await leave('web-1', stop.signal)).toBeLessThan(leastMs);
    leaving.stop();
    expect(leaving.leave('default', uidOf('web-1'), signal)).toBeUndefined();
    expect(others.asked).toEqual([]);
  });
});

describe('a node that is asked', () => {
  const ask = async (...uids: string[]): Promise<string[]> => decodeRotationAnswer(await others.served!(encodeRotationRequest(uids)));

  it('says what its rules in force lead to, not what they are to be', async () => {
    const uid = uidOf('web-2');
    expect(await ask(uid, 'unknown')).toEqual([uid]);
    sink.slowMs = 300;
    world.edit(podKey('web-2'), (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:30Z'));
    await clock.pass(200);
    expect(await ask(uid)).toEqual([uid]);
    await clock.pass(300);
    expect(await ask(uid)).toEqual([]);
  });

  it('does not say that it sends nothing while it only suspects the node, and has not heard that the pod ends', async () => {
    const uid = uidOf('web-2');
    world.setMember('node-2', 'suspected');
    await clock.pass(50);
    expect(await ask(uid)).toEqual([uid]);
    world.edit(podKey('web-2'), (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:30Z'));
    await clock.pass(50);
    expect(await ask(uid)).toEqual([]);
  });

  it('takes itself for one that sends to all of them while it does not know what is in force', async () => {
    expect(await ask('unknown')).toEqual([]);
    Object.assign(sink, { inForce: undefined });
    expect(await ask('unknown')).toEqual(['unknown']);
  });
});
