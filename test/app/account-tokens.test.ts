import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { clusterIdOf, createClusterCa } from '../../daemon/adapters/x509/certificates.ts';
import { parsePrivateKey, peerIdOfPublicKey, privateKeyOfSeed, signer } from '../../daemon/adapters/identity/signatures.ts';
import type { Clock } from '../../daemon/ports/clock.ts';
import { issueTokenFor, PodAccountTokens, tokenHolder, type IssuedToken } from '../../daemon/app/account-tokens.ts';
import type { ClusterKeys } from '../../daemon/adapters/identity/cluster.ts';
import type { DesiredObject } from '../../protocol/objects.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const account = { name: 'ci', namespace: 'dev', uid: 'u-1' };
const nobody = { peerOfNode: () => undefined };
let keys: ClusterKeys;
let others: ClusterKeys;

async function newKeys(): Promise<ClusterKeys> {
  const ca = await createClusterCa('kith', NOW);
  return { clusterId: clusterIdOf(ca.certificate), caCertificate: ca.certificate, caKey: ca.key };
}

beforeAll(async () => {
  [keys, others] = [await newKeys(), await newKeys()];
});

/** Desired state as it is once the token was given out. */
function replica(issued: IssuedToken, uid = account.uid) {
  const made = (key: string, spec: unknown): DesiredObject => ({
    key,
    life: 1,
    uid,
    object: { apiVersion: '', kind: '', metadata: { name: '', uid, creationTimestamp: '' }, spec },
    heads: [],
    conflicts: [],
  });
  const objects = new Map([
    ['serviceaccounts/dev/ci', made('serviceaccounts/dev/ci', undefined)],
    [`credentials.kith.dev//${issued.name}`, made('', issued.spec)],
  ]);
  return { objects, get: (key: string) => objects.get(key) };
}

describe('a token of a service account', () => {
  const issue = (audiences: string[] = []) => issueTokenFor(account, { audiences, expirationSeconds: 3600 }, keys, NOW);

  it('is the account, for as long as it was given for', () => {
    const issued = issue();
    const deps = { ...nobody, replica: replica(issued), keys };
    expect(tokenHolder(deps, issued.token, NOW)).toEqual({
      user: 'system:serviceaccount:dev:ci',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:dev'],
      uid: 'u-1',
    });
    expect(tokenHolder(deps, issued.token, NOW + 3_601_000)).toBeUndefined();
  });

  it('is nobody’s when its account is gone or is another by now, and when it was taken back', () => {
    const issued = issue();
    expect(tokenHolder({ ...nobody, replica: replica(issued, 'u-2'), keys }, issued.token, NOW)).toBeUndefined();
    const gone = replica(issued);
    gone.objects.delete('serviceaccounts/dev/ci');
    expect(tokenHolder({ ...nobody, replica: gone, keys }, issued.token, NOW)).toBeUndefined();
    const back = replica(issued);
    back.objects.delete(`credentials.kith.dev//${issued.name}`);
    expect(tokenHolder({ ...nobody, replica: back, keys }, issued.token, NOW)).toBeUndefined();
  });

  it('is for its audience only', () => {
    const issued = issue(['vault']);
    const deps = { ...nobody, replica: replica(issued), keys };
    expect(tokenHolder(deps, issued.token, NOW)).toBeUndefined();
    expect(tokenHolder(deps, issued.token, NOW, ['vault'])).toMatchObject({ uid: 'u-1' });
  });

  it('counts only while what it is bound to lives', () => {
    const boundTo = { kind: 'Secret', name: 'key', uid: 'u-1' } as const;
    const issued = issueTokenFor(account, { audiences: [], expirationSeconds: 3600, boundTo }, keys, NOW);
    const state = replica(issued);
    expect(tokenHolder({ ...nobody, replica: state, keys }, issued.token, NOW)).toBeUndefined();
    state.objects.set('secrets/dev/key', state.objects.get('serviceaccounts/dev/ci')!);
    expect(tokenHolder({ ...nobody, replica: state, keys }, issued.token, NOW)).toMatchObject({ uid: 'u-1' });
  });

  it('is nobody’s when another signed it, or it was changed', () => {
    const issued = issue();
    const deps = { ...nobody, replica: replica(issued), keys: others };
    expect(tokenHolder(deps, issued.token, NOW)).toBeUndefined();
    const [header = '', claims = '', signature = ''] = issued.token.split('.');
    const forged = { ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object), sub: 'system:serviceaccount:kube-system:x' };
    const own = { ...nobody, replica: replica(issued), keys };
    const changed = [header, Buffer.from(JSON.stringify(forged)).toString('base64url'), signature].join('.');
    const none = [Buffer.from('{"alg":"none"}').toString('base64url'), claims, ''].join('.');
    for (const text of [changed, none, `${issued.token}x`, 'a.b.c', '']) expect(tokenHolder(own, text, NOW), text).toBeUndefined();
  });
});

describe('a token that a node signs for a pod of its', () => {
  const seed = randomBytes(32);
  const { publicKey } = parsePrivateKey(privateKeyOfSeed(seed))!;
  const node = { peer: peerIdOfPublicKey(publicKey), sign: signer(seed) };
  const pod = (changes: object = {}) => ({
    metadata: { name: 'web', namespace: 'dev', uid: 'p-1', creationTimestamp: '' },
    spec: { containers: [], serviceAccountName: 'ci' },
    kith: { binding: { node: 'node-1' } },
    ...changes,
  });
  const holder = (object: object, peer: string | undefined = node.peer, uid = 'p-1') => {
    const clock: Clock = { now: () => NOW, monotonic: () => 0, after: () => () => undefined };
    const tokens = new PodAccountTokens({ identity: node, clock }, keys.caCertificate);
    const request = {
      namespace: 'dev',
      pod: { name: 'web', uid: 'p-1' },
      account: { name: 'ci', uid: 'u-1' },
      audiences: [],
      lifetimeMs: 600_000,
    };
    const { token, expiresAt } = tokens.issue(request);
    expect(expiresAt).toBe(NOW + 600_000);
    const state = replica({ token, audiences: [], expiresAt, name: '', spec: {} as IssuedToken['spec'] });
    state.objects.set('pods/dev/web', { ...state.objects.get('serviceaccounts/dev/ci')!, uid, object: object as DesiredObject['object'] });
    return tokenHolder({ replica: state, keys, peerOfNode: (name) => (name === 'node-1' ? peer : undefined) }, token, NOW);
  };

  it('is the account while the pod is bound to that node, though it is written down nowhere', () => {
    expect(holder(pod())).toMatchObject({ user: 'system:serviceaccount:dev:ci', uid: 'u-1' });
  });

  it('is nobody’s when the pod is another’s, another account’s, or another one by now', () => {
    expect(holder(pod(), 'another')).toBeUndefined();
    expect(holder(pod({ kith: { binding: { node: 'node-2' } } }))).toBeUndefined();
    expect(holder(pod({ kith: {} }))).toBeUndefined();
    expect(holder(pod({ spec: { containers: [] } }))).toBeUndefined();
    expect(holder(pod(), node.peer, 'p-2')).toBeUndefined();
  });
});
