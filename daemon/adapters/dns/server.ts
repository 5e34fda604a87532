/** The name server: answers over UDP and TCP what the cluster knows, and passes on what it does not. It crashes on nothing that comes. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { AnswerName, NameAnswer } from '../../ports/names.ts';
import { Binding } from '../proxy/binding.ts';
import { socketStream } from '../socket/socket-stream.ts';
import { DNS_LIMITS } from './limits.ts';
import {
  addressRecords,
  encodeRecord,
  isTruncated,
  MAX_TCP_BYTES,
  type Question,
  RCODE,
  readQuestion,
  writeAnswer,
  writeFailure,
  writeQuestion,
} from './message.ts';
import { framed, Upstream, type Server } from './upstream.ts';

/** One address. */
export interface DnsServerOptions {
  host: string;
  port: number;
  /** Who is asked for other names; none: they are refused. */
  upstreams: readonly Server[];
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #log: Log;
  readonly #upstream: Upstream;
  readonly #binding: Binding;
  readonly #connections = new Set<Socket>();
  #answer: AnswerName = () => undefined;
  #udp: UdpSocket | undefined;
  #tcp: TcpServer | undefined;
  #stopped = false;

  constructor(deps: { clock: Clock; log: Log }, options: DnsServerOptions) {
    this.#options = options;
    this.#log = deps.log;
    this.#upstream = new Upstream(deps, options.upstreams);
    this.#binding = new Binding({ clock: deps.clock, rebindMs: () => DNS_LIMITS.rebindMs, refusedMs: DNS_LIMITS.absentMs }, async () =>
      this.#listen(),
    );
  }

  /** Why it does not listen; undefined while it does. */
  get trouble(): string | undefined {
    return this.#binding.trouble;
  }

  /** An address that can not be had is tried for until it can. */
  start(answer: AnswerName): void {
    this.#answer = answer;
    this.#binding.open();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#binding.close();
    this.#close();
  }

  #close(): void {
    this.#udp?.close();
    this.#tcp?.close();
    this.#udp = this.#tcp = undefined;
    for (const connection of this.#connections) connection.destroy();
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#options;
    const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const tcp = createServer({ allowHalfOpen: true }, (connection) => this.#take(connection));
    tcp.maxConnections = DNS_LIMITS.connections;
    try {
      await new Promise<void>((resolve, reject) => {
        udp.once('error', reject);
        udp.bind({ address: host, port, exclusive: true }, resolve);
      });
      await new Promise<void>((resolve, reject) => {
        tcp.once('error', reject);
        tcp.listen({ host, port, exclusive: true }, resolve);
      });
    } catch (error) {
      udp.close();
      tcp.close();
      throw error;
    }
    udp.on('error', (error) => this.#log.debug('The name server could not send', { error }));
    tcp.on('error', () => undefined);
    udp.on(
      'message',
      (bytes, from) =>
        void this.#respond(bytes, false).then(
          (answer) => answer && udp.send(answer, from.port, from.address, () => undefined),
          () => undefined,
        ),
    );
    [this.#udp, this.#tcp] = [udp, tcp];
    if (this.#stopped) this.#close();
    else this.#log.info('answers for names', { address: `${host}:${port}` });
  }

  #take(connection: Socket): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    connection.on('error', () => undefined);
    connection.setTimeout(DNS_LIMITS.idleMs, () => connection.destroy());
    this.#serve(connection).then(
      () => connection.end(),
      () => connection.destroy(),
    );
  }

  /** One question after the other: who asks faster waits, and so does who reads slower. */
  async #serve(connection: Socket): Promise<void> {
    const stream = socketStream(connection);
    let got = Buffer.alloc(0);
    for await (const bytes of stream.source) {
      got = Buffer.concat([got, bytes]);
      while (got.byteLength >= 2 && got.byteLength >= 2 + got.readUInt16BE(0)) {
        const length = got.readUInt16BE(0);
        const answer = await this.#respond(got.subarray(2, 2 + length), true);
        got = got.subarray(2 + length);
        if (answer === undefined) return void connection.destroy();
        await stream.write(framed(answer));
      }
    }
  }

  /** Undefined: to what makes no sense there is nothing to say. */
  async #respond(bytes: Uint8Array, tcp: boolean): Promise<Uint8Array | undefined> {
    const question = readQuestion(bytes);
    if (question === undefined) return undefined;
    if (!question.isQuery) return writeFailure(question, RCODE.unsupported);
    const own = this.#answer(question.name, question.type);
    if (own !== undefined)
      return writeAnswer(question, own, tcp ? MAX_TCP_BYTES : question.udpBytes, await this.#behindAlias(question, own));
    if (this.#options.upstreams.length === 0) return writeFailure(question, RCODE.refused);
    const key = `${question.name}/${question.type}/${question.udpBytes}/${question.edns}`;
    return (await this.#upstream.ask(bytes, key, tcp)) ?? writeFailure(question, RCODE.failed);
  }

  /** C libraries do not follow an alias (an ExternalName) themselves: what it leads to has to come with it. */
  async #behindAlias(question: Question, own: NameAnswer, followed = 0): Promise<Uint8Array[]> {
    const [alias, ...others] = own.records;
    const isAlias = alias?.type === 'CNAME' && others.length === 0 && question.type !== 'CNAME' && question.type !== 'ANY';
    if (!isAlias || followed === DNS_LIMITS.aliases) return [];
    const target = alias.target.toLowerCase();
    const inside = this.#answer(target, question.type);
    if (inside !== undefined) return [...inside.records.map(encodeRecord), ...(await this.#behindAlias(question, inside, followed + 1))];
    const asked = writeQuestion(target, question.type);
    const key = `alias/${target}/${question.type}`;
    const found = await this.#upstream.ask(asked, key, false);
    const whole = found !== undefined && isTruncated(found) ? ((await this.#upstream.ask(asked, key, true)) ?? found) : found;
    return whole === undefined ? [] : addressRecords(whole);
  }
}
