import { generateKeyPairSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import { UdpBeats } from '../../../daemon/adapters/beats/beats.ts';
import { beatPublicKey } from '../../../daemon/adapters/beats/keys.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import type { BeatEvent, BeatPeer, BeatState } from '../../../daemon/ports/beats.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface TestPeer {
  id: string;
  beats: UdpBeats;
  beatKey: string;
  events: BeatEvent[];
  heard(type: BeatEvent['type']): BeatEvent[];
}
async function startPeer(id: string, options: { workerUrl?: URL; host?: string } = {}): Promise<TestPeer> {
  const { privateKey } = generateKeyPairSync('x25519');
  const { workerUrl, host = '127.0.0.1' } = options;
  const beats = new UdpBeats(
    { clock: systemClock, log: silentLog },
    { self: id, privateKey, host, port: 0, workerUrl, beatIntervalMs: 50 },
  );
  const events: BeatEvent[] = [];
  beats.onEvent((event) => events.push(event));
  await beats.start();
  cleanups.push(() => beats.stop());
  beats.setState(state(1));
  return { id, beats, beatKey: beatPublicKey(privateKey), events, heard: (type) => events.filter((event) => event.type === type) };
}
const state = (incarnation: number, more: Partial<BeatState> = {}): BeatState => ({
  incarnation,
  term: 0,
  leader: '',
  lagMs: 0,
  suspects: [],
  ...more,
});
const at = (peer: TestPeer, more: Partial<BeatPeer> = {}): BeatPeer => ({
  peer: peer.id,
  addresses: [`127.0.0.1:${peer.beats.port()}`],
  beatKey: peer.beatKey,
  observer: true,
  ...more,
});

describe('beats over UDP', () => {
  it('reach the observer with what they carry, and arrive on its clock', async () => {
    const [left, right] = [await startPeer('left'), await startPeer('right')];
    left.beats.setPeers([at(right)]);
    right.beats.setPeers([at(left, { observer: false })]);
    left.beats.setState(state(4, { term: 9, leader: 'someone', lagMs: 12, suspects: [{ peer: 'third', incarnation: 2 }] }));
    const expected = { incarnation: 4, term: 9, leader: 'someone', lagMs: 12, suspects: [{ peer: 'third', incarnation: 2 }] };
    const beat = await waitFor('a beat', () => right.heard('beat')[0]);
    expect(beat).toMatchObject({ type: 'beat', peer: 'left', state: expected });
    expect(Math.abs(beat.at - systemClock.monotonic())).toBeLessThan(5_000);
    expect(left.heard('beat')).toEqual([]);
  });

  it('answer probes by themselves', async () => {
    const [left, right] = [await startPeer('left'), await startPeer('right')];
    left.beats.setPeers([at(right, { observer: false })]);
    right.beats.setPeers([at(left, { observer: false, addresses: [] })]);
    left.beats.probe('right');
    expect(await waitFor('an answer', () => left.heard('probe-answer')[0])).toMatchObject({ peer: 'right', incarnation: 1 });
  });

  it('go to names and to bracketed addresses, too', async () => {
    const [left, right] = [await startPeer('left', { host: '::' }), await startPeer('right', { host: '::' })];
    left.beats.setPeers([at(right, { addresses: [`localhost:${right.beats.port()}`, `[::1]:${right.beats.port()}`] })]);
    right.beats.setPeers([at(left)]);
    await waitFor('beats both ways', () => left.heard('beat').length > 0 && right.heard('beat').length > 0);
  });

  it('are not taken from who does not hold the key', async () => {
    const [left, right, stranger] = [await startPeer('left'), await startPeer('right'), await startPeer('left')];
    right.beats.setPeers([at(left)]);
    stranger.beats.setPeers([at(right)]);
    stranger.beats.setState(state(99));
    left.beats.setPeers([at(right)]);
    await waitFor('true beats', () => right.heard('beat').length >= 5);
    expect(right.events.every((event) => event.type !== 'beat' || event.state.incarnation === 1)).toBe(true);
  });

  it('that were recorded are not taken again, not even by a peer that has just started', async () => {
    const left = await startPeer('left');
    const first = await startPeer('right');
    const recorded: Buffer[] = [];
    const tap = createSocket('udp4');
    await new Promise<void>((resolve) => tap.bind(0, '127.0.0.1', () => resolve()));
    cleanups.push(() => new Promise<void>((resolve) => tap.close(() => resolve())));
    tap.on('message', (bytes) => recorded.push(bytes));
    left.beats.setPeers([at(first, { addresses: [`127.0.0.1:${tap.address().port}`] })]);
    await waitFor('recorded beats', () => recorded.length >= 3);
    await left.beats.stop();
    first.beats.setPeers([at(left)]);
    for (const bytes of recorded) tap.send(bytes, first.beats.port(), '127.0.0.1');
    // It asks whoever sent them for an answer to a new nonce, which a recording can't give.
    const before = recorded.length;
    await waitFor('its question', () => recorded.length > before);
    expect(first.events).toEqual([]);
  });

  it('say which port is taken, and which flag to change', async () => {
    const left = await startPeer('left');
    const { privateKey } = generateKeyPairSync('x25519');
    const second = new UdpBeats(
      { clock: systemClock, log: silentLog },
      { self: 'x', privateKey, host: '127.0.0.1', port: left.beats.port(), workerUrl: undefined },
    );
    await expect(second.start()).rejects.toMatchObject({ code: 'PortInUse', message: expect.stringContaining('--listen') as string });
  });

  it('run in a worker thread from a bundle, though the main loop is stalled, and stop', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'kith-beats-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const outfile = path.join(folder, 'beat-worker.mjs');
    const entry = path.resolve(import.meta.dirname, '../../../daemon/adapters/beats/worker.ts');
    await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'silent' });
    const workerUrl = pathToFileURL(outfile);
    const [left, right] = [await startPeer('left', { workerUrl }), await startPeer('right', { workerUrl })];
    left.beats.setPeers([at(right)]);
    right.beats.setPeers([at(left)]);
    await waitFor('beats both ways', () => left.heard('beat').length > 0 && right.heard('beat').length > 0);

    const stalledFrom = performance.now();
    while (performance.now() - stalledFrom < 500);
    const stalledTo = performance.now();
    const during = () => right.heard('beat').filter((beat) => beat.at > stalledFrom && beat.at < stalledTo);
    await waitFor('the beats that arrived meanwhile', () => during().length >= 5);

    left.beats.probe('right');
    expect(await waitFor('an answer', () => left.heard('probe-answer').at(-1))).toMatchObject({ peer: 'right' });
    const port = left.beats.port();
    await left.beats.stop();
    const again = createSocket('udp4');
    await new Promise<void>((resolve, reject) => again.once('error', reject).bind(port, '127.0.0.1', () => resolve()));
    await new Promise<void>((resolve) => again.close(() => resolve()));
  });
});
