import { decode, encode } from 'cborg';
import { DOCTOR_CHECKS, type DoctorCheck, type DoctorReply, type DoctorRequest, type Examination, type Finding } from './doctor.ts';
import { KithError } from './errors.ts';
import { integer, list, mapOf, text, wireInvalid, type Fields } from './wire/fields.ts';

export const DOCTOR_WIRE_VERSION = 1;
/** What a node tells at most. Bytes. */
export const MAX_DOCTOR_BYTES = 512 * 1024;
/** What is found beyond it is counted and not told. */
export const MAX_FINDINGS = 500;
export const MAX_FINDING_CHARS = 2_000;
const MAX_NAME_CHARS = 256;
const MAX_NODES = 10_000;
const BUCKETS = 256;

export function encodeDoctorRequest(request: DoctorRequest): Uint8Array {
  return encode({ v: DOCTOR_WIRE_VERSION, ...request });
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeDoctorRequest(bytes: Uint8Array): DoctorRequest {
  const type = text(open(bytes), 'type', MAX_NAME_CHARS);
  if (type !== 'examine' && type !== 'compare') throw wireInvalid(`unknown request ${JSON.stringify(type)} of the doctor`);
  return { type };
}

export function encodeDoctorReply(reply: DoctorReply): Uint8Array {
  return encode({ v: DOCTOR_WIRE_VERSION, ...reply });
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeDoctorReply(bytes: Uint8Array): DoctorReply {
  const fields = open(bytes);
  const type = text(fields, 'type', MAX_NAME_CHARS);
  if (type === 'compared') return { type, wallMs: integer(fields, 'wallMs', Number.MAX_SAFE_INTEGER), digest: digestOf(fields) };
  if (type === 'examination') return { type, examination: examination(mapOf(fields['examination'], 'an examination')) };
  throw wireInvalid(`unknown answer ${JSON.stringify(type)} to the doctor`);
}

function open(bytes: Uint8Array): Fields {
  if (bytes.byteLength > MAX_DOCTOR_BYTES) throw wireInvalid(`${bytes.byteLength} bytes for the doctor`);
  const fields = mapOf(decodeCbor(bytes), 'what is for the doctor');
  if (fields['v'] === DOCTOR_WIRE_VERSION) return fields;
  const version = String(fields['v']).slice(0, 20);
  throw new KithError('WireVersion', `words of the doctor of version ${version}; this peer speaks ${DOCTOR_WIRE_VERSION}`);
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch {
    throw wireInvalid('no CBOR');
  }
}

function examination(fields: Fields): Examination {
  return {
    node: text(fields, 'node', MAX_NAME_CHARS),
    version: text(fields, 'version', MAX_NAME_CHARS),
    complete: fields['complete'] === true,
    subnets: subnetsOf(mapOf(fields['subnets'], 'subnets')),
    findings: list(fields, 'findings', MAX_FINDINGS).map((value) => finding(mapOf(value, 'a finding'))),
    checked: list(fields, 'checked', DOCTOR_CHECKS.length).map(checkName),
    skipped: list(fields, 'skipped', DOCTOR_CHECKS.length).map((value) => {
      const skipped = mapOf(value, 'what was skipped');
      return { check: checkName(skipped['check']), why: text(skipped, 'why', MAX_FINDING_CHARS) };
    }),
  };
}

function finding(fields: Fields): Finding {
  return {
    node: text(fields, 'node', MAX_NAME_CHARS),
    check: checkName(fields['check']),
    what: text(fields, 'what', MAX_FINDING_CHARS),
    fix: text(fields, 'fix', MAX_FINDING_CHARS),
  };
}

function checkName(value: unknown): DoctorCheck {
  const known = DOCTOR_CHECKS.find((check) => check === value);
  if (known === undefined) throw wireInvalid(`unknown check ${JSON.stringify(value)?.slice(0, 40)}`);
  return known;
}

function digestOf(fields: Fields): readonly string[] {
  return list(fields, 'digest', BUCKETS).map((value) => {
    if (typeof value !== 'string' || value.length > MAX_NAME_CHARS) throw wireInvalid('a bucket hash is no text');
    return value;
  });
}

function subnetsOf(fields: Fields): Record<string, string> {
  const names = Object.keys(fields);
  if (names.length > MAX_NODES) throw wireInvalid(`subnets of ${names.length} nodes`);
  return Object.fromEntries(names.map((name) => [name, text(fields, name, MAX_NAME_CHARS)]));
}
