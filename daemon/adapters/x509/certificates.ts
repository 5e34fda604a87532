/**
 * The cluster's certificates: one CA, whose key all members hold, and what it signs: the API's server certificates and people's client certificates.
 * ECDSA P-256 throughout; everything goes in and out as PEM.
 */
import './reflect.ts';
import { createHash, createPrivateKey, createPublicKey, randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Extension } from '@peculiar/x509';
import { KithError } from '../../../protocol/errors.ts';

export interface KeyedCertificate {
  /** PEM. Of what a CA issued: the certificate, then the CA's, so that who connects sees the root. */
  certificate: string;
  /** PKCS #8 PEM. */
  key: string;
}

export type ClusterCa = KeyedCertificate;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;
/** Certificates are valid from a day ago: hosts' clocks differ. */
const BACKDATE_MS = DAY_MS;
const CA_LIFETIME_MS = 20 * 365 * DAY_MS;
const SERVER_LIFETIME_MS = 2 * 365 * DAY_MS;
/** What revokes a client certificate is its credential leaving the desired state, not its end. */
export const CLIENT_LIFETIME_MS = 365 * DAY_MS;
const SERIAL_BYTES = 16;
const CLUSTER_ID_DIGITS = 16;

/** `now`: milliseconds since 1970. */
export async function createClusterCa(name: string, now: number): Promise<ClusterCa> {
  const keys = await generateKeys();
  const subject = distinguishedName(['CN', name], ['O', 'kith']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: subject,
      ...validity(now, CA_LIFETIME_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as Crypto),
      ],
    },
    webcrypto as Crypto,
  );
  return { certificate: asPem(certificate.rawData), key: await keyPem(keys.privateKey) };
}

export interface ServerCertificateNames {
  /** DNS names. */
  names: readonly string[];
  /** IP addresses. */
  addresses: readonly string[];
}

export async function issueServerCertificate(
  ca: ClusterCa,
  { names, addresses }: ServerCertificateNames,
  now: number,
): Promise<KeyedCertificate> {
  const alternatives = [
    ...names.map((value) => ({ type: 'dns' as const, value })),
    ...addresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  return issue(ca, {
    subject: distinguishedName(['CN', names[0] ?? addresses[0] ?? 'kith']),
    lifetimeMs: SERVER_LIFETIME_MS,
    now,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]), new SubjectAlternativeNameExtension(alternatives)],
  });
}

/** As Kubernetes reads client certificates: the common name is the user, organizations are the groups. */
export async function issueClientCertificate(
  ca: ClusterCa,
  { user, groups }: { user: string; groups: readonly string[] },
  now: number,
): Promise<KeyedCertificate> {
  return issue(ca, {
    subject: distinguishedName(...groups.map((group) => ['O', group] as const), ['CN', user]),
    lifetimeMs: CLIENT_LIFETIME_MS,
    now,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
  });
}

/** SHA-256 of the CA certificate's DER, hex: what a join token names. */
export function rootHash(caCertificate: string): string {
  return createHash('sha256').update(parse(caCertificate).raw).digest('hex');
}

/** From the CA's public key, so that it outlives a renewal of the certificate. */
export function clusterIdOf(caCertificate: string): string {
  const publicKey = parse(caCertificate).publicKey.export({ format: 'der', type: 'spki' });
  return createHash('sha256').update('kith cluster\0').update(publicKey).digest('hex').slice(0, CLUSTER_ID_DIGITS);
}

/** SHA-256 of the first certificate's DER, hex. */
export function fingerprint(certificate: string): string {
  return createHash('sha256').update(parse(certificate).raw).digest('hex');
}

/** Whether the key is the certificate's. False for what is none. */
export function keyMatches({ certificate, key }: KeyedCertificate): boolean {
  try {
    const own = createPublicKey(createPrivateKey(key)).export({ format: 'der', type: 'spki' });
    return parse(certificate).publicKey.export({ format: 'der', type: 'spki' }).equals(own);
  } catch {
    return false;
  }
}

interface Issue {
  subject: Name;
  lifetimeMs: number;
  now: number;
  extensions: Extension[];
}

async function issue(ca: ClusterCa, { subject, lifetimeMs, now, extensions }: Issue): Promise<KeyedCertificate> {
  const keys = await generateKeys();
  const root = parse(ca.certificate);
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject,
      issuer: new Certificate(root.raw).subjectName,
      ...validity(now, lifetimeMs),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: await signingKey(ca.key),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as Crypto),
        await AuthorityKeyIdentifierExtension.create(await publicKeyOf(root), false, webcrypto as Crypto),
        ...extensions,
      ],
    },
    webcrypto as Crypto,
  );
  return { certificate: `${asPem(certificate.rawData)}${root.toString()}`, key: await keyPem(keys.privateKey) };
}

function parse(pem: string): NodeCertificate {
  try {
    return new NodeCertificate(pem);
  } catch (error) {
    throw new KithError('BadCertificate', `this is no certificate in PEM: ${(error as Error).message}`, {}, { cause: error });
  }
}

/** Plain texts would be read as expressions, in which quotes and escapes mean something; so a user could be named like another. */
function distinguishedName(...attributes: (readonly ['CN' | 'O', string])[]): Name {
  return new Name(attributes.map(([type, value]) => ({ [type]: [{ utf8String: value }] })));
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

function publicKeyOf(certificate: NodeCertificate): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('spki', certificate.publicKey.export({ format: 'der', type: 'spki' }), ALGORITHM, true, ['verify']);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString();
}

function asPem(der: ArrayBuffer): string {
  return new NodeCertificate(Buffer.from(der)).toString();
}

/** Positive, as RFC 5280 asks: the first bit is clear. */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** Whole seconds: certificates hold no finer time. */
function validity(now: number, lifetimeMs: number): { notBefore: Date; notAfter: Date } {
  const second = Math.floor(now / 1000) * 1000;
  return { notBefore: new Date(second - BACKDATE_MS), notAfter: new Date(second + lifetimeMs) };
}
