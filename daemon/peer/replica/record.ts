import { hash } from 'node:crypto';
import { KithError } from '../../../protocol/errors.ts';
import type { Json } from '../../../protocol/json.ts';

/**
 * One record on disk: JSON that a start reads, and beside it the document's saved bytes that only an edit or a merge reads. Each part has its own checksum, so
 * that a damaged document does not cost the object that is read from the JSON.
 *
 * Layout: version (1 byte), checksum of the JSON (8), checksum of the document (8), length of the JSON (4, big-endian), JSON (UTF-8), document (the rest).
 */
export const RECORD_VERSION = 1;
const SUM_BYTES = 8;
const JSON_SUM = 1;
const DOCUMENT_SUM = JSON_SUM + SUM_BYTES;
const LENGTH = DOCUMENT_SUM + SUM_BYTES;
const HEADER_BYTES = LENGTH + 4;

const NO_DOCUMENT = new Uint8Array(0);

export function encodeRecord(json: unknown, document: Uint8Array = NO_DOCUMENT): Uint8Array {
  const text = Buffer.from(JSON.stringify(json), 'utf8');
  const record = Buffer.allocUnsafe(HEADER_BYTES + text.byteLength + document.byteLength);
  record.writeUInt8(RECORD_VERSION, 0);
  checksum(text).copy(record, JSON_SUM);
  checksum(document).copy(record, DOCUMENT_SUM);
  record.writeUInt32BE(text.byteLength, LENGTH);
  text.copy(record, HEADER_BYTES);
  record.set(document, HEADER_BYTES + text.byteLength);
  return record;
}

/** @throws KithError `RecordDamaged` */
export function readRecordJson(raw: Uint8Array): Json {
  const { text, sum } = jsonPart(raw);
  if (checksum(text).compare(sum) !== 0) throw damaged('the checksum of its JSON does not match');
  return JSON.parse(text.toString('utf8')) as Json;
}

/** @throws KithError `RecordDamaged` */
export function readRecordDocument(raw: Uint8Array): Uint8Array {
  const { record, end } = jsonPart(raw);
  const document = record.subarray(end);
  if (checksum(document).compare(record, DOCUMENT_SUM, DOCUMENT_SUM + SUM_BYTES) !== 0)
    throw damaged('the checksum of its document does not match');
  return document;
}

function jsonPart(raw: Uint8Array): { record: Buffer; text: Buffer; sum: Buffer; end: number } {
  const record = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  if (record.byteLength < HEADER_BYTES) throw damaged('it is cut off');
  if (record[0] !== RECORD_VERSION) throw damaged(`it has format ${String(record[0])}, this program reads ${RECORD_VERSION}`);
  const end = HEADER_BYTES + record.readUInt32BE(LENGTH);
  if (end > record.byteLength) throw damaged('it is cut off');
  return { record, text: record.subarray(HEADER_BYTES, end), sum: record.subarray(JSON_SUM, DOCUMENT_SUM), end };
}

function checksum(part: Uint8Array): Buffer {
  return hash('sha256', part, 'buffer').subarray(0, SUM_BYTES);
}

function damaged(why: string): KithError {
  return new KithError('RecordDamaged', `a record of the replica can't be read: ${why}`);
}

/** Bytes on disk that are not what was written, as against a disk that doesn't answer. */
export function isDamage(error: unknown): boolean {
  return error instanceof KithError && ['RecordDamaged', 'StoreCorrupt', 'DocumentInvalid'].includes(String(error.code));
}
