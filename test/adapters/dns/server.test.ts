import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressRecords, readQuestion, writeAnswer, writeQuestion } from '../../../daemon/adapters/dns/message.ts';
import { NameServers } from '../../../daemon/adapters/dns/name-servers.ts';
import { DnsServer } from '../../../daemon/adapters/dns/server.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import type { AnswerName, NameRecord } from '../../../daemon/ports/names.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait.ts';

/** Addresses of this test run. */
const host = `127.98.${(process.pid >> 8) & 255}.${(process.pid & 127) + 1}`;
const upstreamHost = host.replace('127.98', '127.99');
const PORT = 15_353;
const zone = 'cluster.local';
const many: NameRecord[] = Array.from({ length: 100 }, (_, index) => ({ name: `many.${zone}`, ttl: 5, type: 'A', ip: `10.0.0.${index}` }));
const answer: AnswerName = (name, type) => {
  if (!name.endsWith(zone)) return undefined;
  const there = (records: NameRecord[]) => ({ exists: true, records, additional: [], zone });
  if (name === `web.${zone}`) return there(type === 'A' ? [{ name, ttl: 5, type: 'A', ip: '10.96.0.9' }] : []);
  if (name === `_http._tcp.web.${zone}`)
    return there([{ name, ttl: 5, type: 'SRV', priority: 0, weight: 100, port: 80, target: `web.${zone}` }]);
  if (name === `many.${zone}`) return there(many);
  const aliases: Record<string, string> = {
    out: 'a.example',
    in: `web.${zone}`,
    far: `in.${zone}`,
    round: `round.${zone}`,
  };
  const target = aliases[name.slice(0, -zone.length - 1)];
  if (target !== undefined) return there([{ name, ttl: 5, type: 'CNAME', target }]);
  return { exists: false, records: [], additional: [], zone };
};

let server: DnsServer;
let upstream: Socket;
let asked = 0;
const resolver = new Resolver({ timeout: 2_000, tries: 1 });

beforeAll(async () => {
  upstream = createSocket('udp4');
  upstream.bind(PORT, upstreamHost);
  await once(upstream, 'listening');
  upstream.on('message', (bytes, from) => {
    asked += 1;
    const question = readQuestion(bytes);
    if (question === undefined || question.name === 'silent.example') return;
    const record: NameRecord = { name: question.name, ttl: 60, type: 'A', ip: '192.0.2.53' };
    upstream.send(
      writeAnswer(question, { exists: true, records: [record], additional: [], zone: 'example' }, 512),
      from.port,
      from.address,
    );
  });
  server = new DnsServer({ clock: systemClock, log: silentLog }, { host, port: PORT, upstreams: [{ host: upstreamHost, port: PORT }] });
  server.start(answer);
  await waitFor('the name server listens', async () => server.trouble === undefined);
  resolver.setServers([`${host}:${PORT}`]);
});

afterAll(async () => {
  await server.stop();
  upstream.close();
});

describe('the name server', () => {
  it('answers what the cluster knows, and that a name is not there', async () => {
    expect(await resolver.resolve4(`WEB.${zone}`)).toEqual(['10.96.0.9']);
    expect(await resolver.resolveSrv(`_http._tcp.web.${zone}`)).toEqual([{ name: `web.${zone}`, port: 80, priority: 0, weight: 100 }]);
    await expect(resolver.resolve4(`none.${zone}`)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve6(`web.${zone}`)).rejects.toMatchObject({ code: 'ENODATA' });
  });

  it('gives what is too long for a datagram over TCP', async () => {
    expect(await resolver.resolve4(`many.${zone}`)).toHaveLength(100);
  });

  it('asks elsewhere for other names, and remembers the answer', async () => {
    expect(await resolver.resolve4('a.example')).toEqual(['192.0.2.53']);
    const before = asked;
    expect(await resolver.resolve4('a.example')).toEqual(['192.0.2.53']);
    expect(asked).toBe(before);
  });

  it('gives with an alias what it leads to, here and elsewhere, as C libraries do not ask for it', async () => {
    expect(await resolver.resolve4(`out.${zone}`)).toEqual(['192.0.2.53']);
    expect(await resolver.resolve4(`in.${zone}`)).toEqual(['10.96.0.9']);
    expect(await resolver.resolve4(`far.${zone}`)).toEqual(['10.96.0.9']);
    expect(await resolver.resolveCname(`out.${zone}`)).toEqual(['a.example']);
    expect(await resolver.resolve4(`round.${zone}`)).toEqual([]);
  });

  it('reads no more of an answer from elsewhere than there is', () => {
    const question = writeQuestion('a.example', 'A');
    const pointer = [0xc0, 12];
    const record = (name: number[], type: number, data: number[]): number[] => [
      ...name,
      0,
      type,
      0,
      1,
      0,
      0,
      0,
      9,
      0,
      data.length,
      ...data,
    ];
    const answered = (...records: number[][]): Uint8Array => {
      const bytes = Buffer.concat([question, Buffer.from(records.flat())]);
      bytes.writeUInt16BE(records.length, 6);
      return bytes;
    };
    const good = record(pointer, 1, [192, 0, 2, 1]);
    expect(addressRecords(answered(record(pointer, 5, [1, 98, 0xc0, 14]), good))).toHaveLength(2);
    expect(addressRecords(answered(good, record(pointer, 16, [1, 65])))).toHaveLength(1);
    const itself = record([0xc0, question.byteLength], 1, [192, 0, 2, 1]);
    expect(addressRecords(answered(itself))).toEqual([]);
    const whole = answered(good, good);
    for (let length = 0; length < whole.byteLength; length += 1) expect(addressRecords(whole.subarray(0, length)).length).toBeLessThan(2);
  });

  it('survives whatever comes, over UDP and TCP', async () => {
    const seed = Math.floor(Math.random() * 0xffffffff);
    console.log(`seed ${seed}`);
    const random = numbers(seed);
    const good = Buffer.from('0001010000010000000000010377656207636c7573746572056c6f63616c00000100010000291000000000000000', 'hex');
    expect(readQuestion(good)).toMatchObject({ name: 'web.cluster.local', type: 'A', udpBytes: 1232 });
    const client = createSocket('udp4');
    const hostile = Array.from({ length: 500 }, () => {
      const bytes = random() < 0.5 ? Buffer.from(good) : Buffer.alloc(Math.floor(random() * 100));
      for (let hits = 0; hits < 8 && bytes.byteLength > 0; hits += 1)
        bytes[Math.floor(random() * bytes.byteLength)] = Math.floor(random() * 256);
      return bytes.subarray(0, Math.floor(random() * (bytes.byteLength + 1)));
    });
    for (const bytes of hostile) {
      readQuestion(bytes);
      client.send(bytes, PORT, host);
    }
    const connection = connect({ host, port: PORT });
    connection.on('error', () => undefined);
    connection.end(Buffer.concat(hostile));
    expect(await resolver.resolve4(`web.${zone}`)).toEqual(['10.96.0.9']);
    client.close();
    connection.destroy();
  });
});

it('asks nobody to answer faster than the asker reads: one that never does takes no memory', async () => {
  let answered = 0;
  const slow = new DnsServer({ clock: systemClock, log: silentLog }, { host, port: PORT + 2, upstreams: [] });
  slow.start((name, type) => ((answered += 1), answer(name, type)));
  await waitFor('it listens', async () => slow.trouble === undefined);
  const question = Buffer.from('000101000001000000000000046d616e7907636c7573746572056c6f63616c0000010001', 'hex');
  const framed = Buffer.concat([Buffer.from([0, question.byteLength]), question]);
  const connection = connect({ host, port: PORT + 2 });
  connection.on('error', () => undefined).pause();
  const asked = 40_000;
  connection.write(Buffer.concat(Array.from({ length: asked }, () => framed)));
  await waitFor('it answers', async () => answered > 100);
  for (let before = -1; before !== answered; await new Promise((resolve) => setTimeout(resolve, 300))) before = answered;
  // What the kernel holds for a connection is some MB, of 1.6 KB an answer.
  expect(answered).toBeLessThan(asked / 2);
  connection.destroy();
  await slow.stop();
});

/** Source: mulberry32. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

it('answers at the bridge of pods as soon as it is there, and goes on at the one before', async () => {
  const there: string[] = [];
  const log = { ...silentLog, info: (_: string, fields?: Record<string, unknown>) => void there.push(String(fields?.['address'])) };
  const servers = new NameServers({ clock: systemClock, log }, { fixed: [{ host, port: PORT + 1 }], upstreams: [] });
  servers.listenAt(host);
  servers.start(answer);
  for (const address of ['192.0.2.77', host, host]) servers.listenAt(address);
  await waitFor('it listens where it can', async () => there.length === 2);
  expect(there.sort()).toEqual([`${host}:${PORT + 1}`, `${host}:53`]);
  resolver.setServers([`${host}:53`]);
  expect(await resolver.resolve4(`web.${zone}`)).toEqual(['10.96.0.9']);
  await servers.stop();
});
