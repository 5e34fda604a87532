import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import type { Transport } from '../../daemon/ports/transport.ts';
import { encodeMessage } from '../../protocol/wire/message.ts';
import { CLUSTER } from './cluster.ts';
import type { FaultTally } from './faults.ts';
import type { SimDaemon } from './host.ts';
import type { Release } from './scenario.ts';

/** Members that the first daemons did not send, by the message or the part of it that has them: nobody may need them. */
const LATER_MEMBERS = {
  digest: ['complete', 'epochs'],
  tombstones: ['heads', 'cut', 'admitted'],
  versions: ['settled', 'epoch'],
  have: ['settled', 'epoch'],
  verdicts: ['incarnation'],
} as const;

type Fields = Record<string, unknown>;

/**
 * Makes a daemon say what one of another release would. An older one leaves out what was added to the messages since; a newer one adds what nobody knows yet: members,
 * kinds, a version. The promise is in `protocol/README.md`: what is unknown is ignored, and what may be missing is not needed.
 */
export function speakAs(release: Release, { transport }: SimDaemon, faults: FaultTally): void {
  const alter = (payload: Uint8Array): Uint8Array => {
    faults.note(release === 'older' ? 'olderSpoke' : 'newerSpoke');
    return release === 'older' ? withoutLater(payload) : withUnknown(payload);
  };
  const publish = transport.publish.bind(transport);
  transport.publish = async (topic, payload) => {
    if (release === 'newer' && topic === 'changes') {
      await publish(topic, encodeMessage({ cluster: CLUSTER, from: transport.self, kind: 'later', body: {} }));
      await publish(topic, encode({ v: 2, body: {} }, rfc8949EncodeOptions));
    }
    return publish(topic, alter(payload));
  };
  const request = transport.request.bind(transport);
  transport.request = (peer, protocol, payload, options) => request(peer, protocol, alter(payload), options);
  const serve = transport.serve.bind(transport);
  const answering =
    (handler: Parameters<Transport['serve']>[1]): Parameters<Transport['serve']>[1] =>
    async (from, payload, signal) =>
      alter(await handler(from, payload, signal));
  transport.serve = (protocol, handler) => serve(protocol, answering(handler));
}

function changed(payload: Uint8Array, change: (message: Fields) => Fields): Uint8Array {
  return encode(change(decode(payload) as Fields), { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true });
}

function withoutLater(payload: Uint8Array): Uint8Array {
  return changed(payload, (message) => {
    if (message['type'] === 'verdicts') return omit(message, LATER_MEMBERS.verdicts);
    if (!isFields(message['body'])) return message;
    const body = { ...message['body'] };
    if (message['kind'] === 'digest') for (const name of LATER_MEMBERS.digest) delete body[name];
    for (const list of ['tombstones', 'versions', 'have', 'missing'] as const) {
      const names: readonly string[] = list === 'tombstones' ? LATER_MEMBERS.tombstones : LATER_MEMBERS.versions;
      if (Array.isArray(body[list])) body[list] = (body[list] as Fields[]).map((item) => omit(item, names));
    }
    return { ...message, body };
  });
}

/** Signed parts stay as they are: an unknown member of those is a part of what was signed. */
function withUnknown(payload: Uint8Array): Uint8Array {
  return changed(payload, (message) => {
    const later = { later: { since: 'tomorrow', list: [1, 2] } };
    if (!isFields(message['body'])) return { ...message, ...later };
    const body: Fields = { ...message['body'], ...later };
    for (const list of ['changes', 'tombstones', 'versions', 'have', 'missing']) {
      const items = body[list];
      if (Array.isArray(items)) body[list] = items.map((item: unknown) => (isFields(item) ? { ...item, ...later } : item));
    }
    return { ...message, ...later, body };
  });
}

function omit(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
