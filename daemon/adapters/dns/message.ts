import type { NameAnswer, NameRecord } from '../../ports/names.ts';

/** DNS messages, as much as a server of few records needs: it reads questions and writes answers. Source: RFC 1035, RFC 2782 (SRV), RFC 6891 (EDNS). Whatever is malformed is undefined, never an exception. */

const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** What a client takes over UDP that does not say so, and what we give at most. Source of the second: DNS flag day 2020. */
const PLAIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 1_232;
const MAX_MESSAGE_BYTES = 65_535;
const IN = 1;
const OPT = 41;
const SOA = 6;
const TYPES: Readonly<Record<string, number>> = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, ANY: 255 };
const TYPE_NAMES = new Map(Object.entries(TYPES).map(([name, number]) => [number, name]));
/** Seconds that nothing is remembered as nothing. */
const NEGATIVE_TTL_SECONDS = 5;

export const RCODE = { ok: 0, malformed: 1, failed: 2, absent: 3, unsupported: 4, refused: 5 } as const;

export interface Question {
  id: number;
  /** Lower case, without the last dot. */
  name: string;
  type: string;
  isQuery: boolean;
  recursionDesired: boolean;
  /** The question as it was asked: it is repeated in the answer. */
  raw: Uint8Array;
  /** Bytes that the asker takes over UDP. */
  udpBytes: number;
  edns: boolean;
}

export function readQuestion(bytes: Uint8Array): Question | undefined {
  if (bytes.byteLength < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  // One question, as all resolvers ask; answers are nobody's to send here.
  if ((flags & 0x8000) !== 0 || view.getUint16(4) !== 1 || view.getUint16(6) !== 0 || view.getUint16(8) !== 0) return undefined;
  const name = readName(bytes, HEADER_BYTES);
  if (name === undefined || name.end + 4 > bytes.byteLength) return undefined;
  if (view.getUint16(name.end + 2) !== IN) return undefined;
  const type = view.getUint16(name.end);
  const size = view.getUint16(10) === 0 ? undefined : readOptSize(view, name.end + 4);
  return {
    id: view.getUint16(0),
    name: name.text,
    type: TYPE_NAMES.get(type) ?? String(type),
    isQuery: (flags & 0x7800) === 0,
    recursionDesired: (flags & 0x0100) !== 0,
    raw: bytes.slice(HEADER_BYTES, name.end + 4),
    udpBytes: size === undefined ? PLAIN_UDP_BYTES : Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, size)),
    edns: size !== undefined,
  };
}

/** Names in questions are never compressed. */
function readName(bytes: Uint8Array, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  for (let at = start; ;) {
    const length = bytes[at];
    if (length === undefined || length > MAX_LABEL_BYTES || at - start > MAX_NAME_BYTES) return undefined;
    if (length === 0) return { text: labels.join('.').toLowerCase(), end: at + 1 };
    if (at + 1 + length > bytes.byteLength) return undefined;
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString('latin1'));
    at += 1 + length;
  }
}

function readOptSize(view: DataView, at: number): number | undefined {
  if (at + 11 > view.byteLength || view.getUint8(at) !== 0 || view.getUint16(at + 1) !== OPT) return undefined;
  return view.getUint16(at + 3);
}

/** The header of an answer without records. */
export function writeFailure(question: Question, code: number): Uint8Array {
  return assemble(question, { code, authoritative: false, truncated: false, counts: [0, 0, 0] }, []);
}

/**
 * @param limit bytes; an answer that does not fit is cut and marked, so that the asker comes again over TCP
 * @param aliased records behind the alias that the answer is
 */
export function writeAnswer(question: Question, answer: NameAnswer, limit: number, aliased: readonly Uint8Array[] = []): Uint8Array {
  const code = answer.exists ? RCODE.ok : RCODE.absent;
  const records = [...answer.records.map(encodeRecord), ...aliased];
  const authority = answer.records.length === 0 ? [encodeSoa(answer.zone)] : [];
  const whole = (extra: Uint8Array[]): Uint8Array =>
    assemble(question, { code, authoritative: true, truncated: false, counts: [records.length, authority.length, extra.length] }, [
      ...records,
      ...authority,
      ...extra,
    ]);
  const bytes = whole(answer.additional.map(encodeRecord));
  if (bytes.byteLength <= limit) return bytes;
  const bare = whole([]);
  if (bare.byteLength <= limit) return bare;
  const fitting: Uint8Array[] = [];
  let size = HEADER_BYTES + question.raw.byteLength + 11;
  for (const record of records) {
    size += record.byteLength;
    if (size > limit) break;
    fitting.push(record);
  }
  return assemble(question, { code, authoritative: true, truncated: true, counts: [fitting.length, 0, 0] }, fitting);
}

export const MAX_TCP_BYTES = MAX_MESSAGE_BYTES;

interface Head {
  code: number;
  authoritative: boolean;
  truncated: boolean;
  counts: readonly [number, number, number];
}

function assemble(question: Question, { code, authoritative, truncated, counts }: Head, records: readonly Uint8Array[]): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(question.id, 0);
  const flags = 0x8000 | (authoritative ? 0x0400 : 0) | (truncated ? 0x0200 : 0) | (question.recursionDesired ? 0x0100 : 0) | 0x0080;
  header.writeUInt16BE(flags | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(counts[0], 6);
  header.writeUInt16BE(counts[1], 8);
  header.writeUInt16BE(counts[2] + (question.edns ? 1 : 0), 10);
  const opt = Buffer.alloc(11);
  opt.writeUInt16BE(OPT, 1);
  opt.writeUInt16BE(MAX_UDP_BYTES, 3);
  return Buffer.concat([header, question.raw, ...records, ...(question.edns ? [opt] : [])]);
}

export function encodeRecord(record: NameRecord): Uint8Array {
  return resource(record.name, TYPES[record.type] ?? 0, record.ttl, recordData(record));
}

function recordData(record: NameRecord): Uint8Array {
  if (record.type === 'A') return Uint8Array.from(record.ip.split('.').map(Number));
  if (record.type !== 'SRV') return encodeName(record.target);
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(record.priority, 0);
  numbers.writeUInt16BE(record.weight, 2);
  numbers.writeUInt16BE(record.port, 4);
  return Buffer.concat([numbers, encodeName(record.target)]);
}

/** Serial, refresh, retry and expiry mean nothing: nobody copies the zone. */
function encodeSoa(zone: string): Uint8Array {
  const numbers = Buffer.alloc(20);
  [1, 7_200, 1_800, 86_400, NEGATIVE_TTL_SECONDS].forEach((number, index) => numbers.writeUInt32BE(number, index * 4));
  return resource(
    zone,
    SOA,
    NEGATIVE_TTL_SECONDS,
    Buffer.concat([encodeName(`ns.dns.${zone}`), encodeName(`hostmaster.${zone}`), numbers]),
  );
}

function resource(name: string, type: number, ttl: number, data: Uint8Array): Uint8Array {
  const middle = Buffer.alloc(10);
  middle.writeUInt16BE(type, 0);
  middle.writeUInt16BE(IN, 2);
  middle.writeUInt32BE(ttl, 4);
  middle.writeUInt16BE(data.byteLength, 8);
  return Buffer.concat([encodeName(name), middle, data]);
}

function encodeName(name: string): Uint8Array {
  const labels = name === '' ? [] : name.split('.');
  const parts = labels.flatMap((label) => {
    const bytes = Buffer.from(label, 'latin1').subarray(0, MAX_LABEL_BYTES);
    return [Buffer.from([bytes.byteLength]), bytes];
  });
  return Buffer.concat([...parts, Buffer.from([0])]);
}

/** A question of our own. @param type as in {@link Question} */
export function writeQuestion(name: string, type: string): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  const asked = Buffer.alloc(4);
  asked.writeUInt16BE(TYPES[type] ?? Number(type), 0);
  asked.writeUInt16BE(IN, 2);
  return Buffer.concat([header, encodeName(name), asked]);
}

/** Addresses and aliases of an answer, without pointers into the message. What is malformed ends them. */
export function addressRecords(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Uint8Array[] = [];
  const question = bytes.byteLength < HEADER_BYTES ? undefined : readName(bytes, HEADER_BYTES);
  if (question === undefined) return found;
  let at = question.end + 4;
  for (let left = view.getUint16(6); left > 0; left -= 1) {
    const end = skipName(bytes, at);
    const name = expandName(bytes, at);
    if (end === undefined || name === undefined || end + 10 > bytes.byteLength) return found;
    const [type, ttl, length] = [view.getUint16(end), view.getUint32(end + 4), view.getUint16(end + 8)];
    const data = end + 10;
    at = data + length;
    if (at > bytes.byteLength) return found;
    const target = type === TYPES['CNAME'] ? expandName(bytes, data) : undefined;
    if (target !== undefined) found.push(resource(name, type, ttl, encodeName(target)));
    else if (type === TYPES['A'] || type === TYPES['AAAA']) found.push(resource(name, type, ttl, bytes.subarray(data, at)));
  }
  return found;
}

/** A name whose end may be elsewhere in the message, before it. */
function expandName(bytes: Uint8Array, start: number): string | undefined {
  const labels: string[] = [];
  let size = 0;
  for (let at = start, before = start; ;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return labels.join('.');
    if (length >= 0xc0) {
      at = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      // Always further to the front, so that it ends.
      if (at >= before) return undefined;
      before = at;
      continue;
    }
    size += length + 1;
    if (length > MAX_LABEL_BYTES || size > MAX_NAME_BYTES || at + 1 + length > bytes.byteLength) return undefined;
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString('latin1'));
    at += 1 + length;
  }
}

/** Whether an answer from elsewhere is one to this question: same id, same name (in any case) and type. */
export function isAnswerTo(question: Uint8Array, answer: Uint8Array): boolean {
  if (answer.byteLength < HEADER_BYTES || answer[0] !== question[0] || answer[1] !== question[1] || ((answer[2] ?? 0) & 0x80) === 0)
    return false;
  const [asked, answered] = [readName(question, HEADER_BYTES), readName(answer, HEADER_BYTES)];
  if (asked === undefined || answered === undefined || asked.text !== answered.text) return false;
  return Buffer.compare(question.subarray(asked.end, asked.end + 4), answer.subarray(answered.end, answered.end + 4)) === 0;
}

export function isTruncated(message: Uint8Array): boolean {
  return ((message[2] ?? 0) & 0x02) !== 0;
}

/** The least time to live of all records but OPT; undefined without any, or for a message that ends too soon. */
export function leastTtlSeconds(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < HEADER_BYTES) return undefined;
  const question = readName(bytes, HEADER_BYTES);
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  if (question === undefined || view.getUint16(4) !== 1) return undefined;
  let least: number | undefined;
  let at = question.end + 4;
  for (let index = 0; index < records; index += 1) {
    const end = skipName(bytes, at);
    if (end === undefined || end + 10 > bytes.byteLength) return undefined;
    if (view.getUint16(end) !== OPT) least = Math.min(least ?? Number.POSITIVE_INFINITY, view.getUint32(end + 4));
    at = end + 10 + view.getUint16(end + 8);
  }
  return least;
}

/** The index behind a name, which may end in a pointer. */
function skipName(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at - start <= MAX_NAME_BYTES;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length >= 0xc0) return at + 2;
    if (length > MAX_LABEL_BYTES) return undefined;
    if (length === 0) return at + 1;
    at += 1 + length;
  }
  return undefined;
}
