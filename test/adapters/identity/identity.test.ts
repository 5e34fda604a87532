import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCluster, requireCluster, saveCluster } from '../../../daemon/adapters/identity/cluster.ts';
import { loadOrCreateIdentity } from '../../../daemon/adapters/identity/identity.ts';
import { IncarnationCounter } from '../../../daemon/adapters/identity/incarnation.ts';
import {
  MAX_BOOK_ADDRESSES,
  MAX_BOOK_ENTRIES,
  loadPeerBook,
  savePeerBook,
  updatePeerBook,
} from '../../../daemon/adapters/identity/peer-book.ts';
import { parsePrivateKey, publicKeyOfPeerId, verifySignature } from '../../../daemon/adapters/identity/signatures.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'kith-identity-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

describe('the identity of a peer', () => {
  it('is made once and the same ever after', async () => {
    const first = await loadOrCreateIdentity(path.join(dataDir, 'deeper', 'still'));
    const again = await loadOrCreateIdentity(path.join(dataDir, 'deeper', 'still'));
    expect(again.peer).toBe(first.peer);
    expect(again.beatKeys).toEqual(first.beatKeys);
    expect((await loadOrCreateIdentity(path.join(dataDir, 'other'))).peer).not.toBe(first.peer);
  });

  it('is the one that libp2p sees in the same key', async () => {
    const { peer, privateKey } = await loadOrCreateIdentity(dataDir);
    expect(peerIdFromPrivateKey(privateKeyFromProtobuf(privateKey)).toString()).toBe(peer);
    const theirs = await generateKeyPair('Ed25519');
    expect(parsePrivateKey(privateKeyToProtobuf(theirs))?.publicKey).toEqual(theirs.publicKey.raw);
    expect(publicKeyOfPeerId(peerIdFromPrivateKey(theirs).toString())).toEqual(theirs.publicKey.raw);
  });

  it('lies in files that only its user may read, and closes those that others can', async () => {
    await loadOrCreateIdentity(dataDir);
    await saveCluster(dataDir, { clusterId: '0123456789abcdef', caCertificate: 'c', caKey: 'k' });
    for (const file of await readdir(dataDir)) expect((await stat(path.join(dataDir, file))).mode & 0o777).toBe(0o600);
    await chmod(path.join(dataDir, 'peer.key'), 0o644);
    await loadOrCreateIdentity(dataDir);
    expect((await stat(path.join(dataDir, 'peer.key'))).mode & 0o777).toBe(0o600);
  });

  it('is never replaced because it could not be read', async () => {
    await loadOrCreateIdentity(dataDir);
    const file = path.join(dataDir, 'peer.key');
    const whole = await readFile(file);
    const broken = [whole.subarray(0, 40), Buffer.alloc(0), Buffer.concat([whole.subarray(0, 40), Buffer.alloc(28)])];
    for (const content of broken) {
      await writeFile(file, content);
      await expect(loadOrCreateIdentity(dataDir)).rejects.toMatchObject({
        code: 'IdentityDamaged',
        message: expect.stringContaining(file) as string,
      });
      expect(await readFile(file)).toEqual(content);
    }
  });

  it('says what it cannot write', async () => {
    await writeFile(path.join(dataDir, 'file'), '');
    const notAFolder = path.join(dataDir, 'file');
    const failed = { code: 'IdentityUnreadable', message: expect.stringContaining('--data-dir') as string };
    await expect(loadOrCreateIdentity(notAFolder)).rejects.toMatchObject(failed);
    await expect(savePeerBook(path.join(notAFolder, 'deeper'), [])).rejects.toMatchObject({ code: 'IdentityUnwritable' });
  });
});

describe('signatures', () => {
  it('hold for the signer and the bytes, and for nothing else', async () => {
    const ann = await loadOrCreateIdentity(path.join(dataDir, 'ann'));
    const bob = await loadOrCreateIdentity(path.join(dataDir, 'bob'));
    const signature = ann.sign(bytes('hello'));
    expect(verifySignature(ann.peer, bytes('hello'), signature)).toBe(true);
    expect(verifySignature(ann.peer, bytes('hellO'), signature)).toBe(false);
    expect(verifySignature(bob.peer, bytes('hello'), signature)).toBe(false);
    expect(verifySignature(ann.peer, bytes('hello'), signature.subarray(1))).toBe(false);
    expect(verifySignature(ann.peer, bytes('hello'), new Uint8Array(64))).toBe(false);
  });

  it('are false, not errors, for what is no peer id', () => {
    for (const peer of ['', 'nonsense', '0OIl', '1'.repeat(10_000), 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N']) {
      expect(verifySignature(peer, bytes('x'), new Uint8Array(64))).toBe(false);
    }
  });
});

describe('beat keys', () => {
  it('that are damaged are made anew', async () => {
    const before = await loadOrCreateIdentity(dataDir);
    await writeFile(path.join(dataDir, 'beat.key'), 'rubbish');
    const after = await loadOrCreateIdentity(dataDir);
    expect(after.peer).toBe(before.peer);
    expect(after.beatKeys.publicKey).not.toBe(before.beatKeys.publicKey);
    expect((await loadOrCreateIdentity(dataDir)).beatKeys).toEqual(after.beatKeys);
  });
});

describe('the cluster of a data folder', () => {
  const cluster = { clusterId: '0123456789abcdef', caCertificate: 'cert', caKey: 'key' };

  it('is none at first, then the one that was saved, also with rotated keys', async () => {
    expect(await loadCluster(dataDir)).toBeUndefined();
    await saveCluster(dataDir, cluster);
    await saveCluster(dataDir, { ...cluster, caKey: 'rotated' });
    expect(await loadCluster(dataDir)).toEqual({ ...cluster, caKey: 'rotated' });
  });

  it('is not given up for another', async () => {
    await saveCluster(dataDir, cluster);
    const other = { ...cluster, clusterId: 'ffffffffffffffff' };
    const refusal = {
      code: 'OtherCluster',
      message: expect.stringMatching(/belongs to cluster 0123456789abcdef, not to ffffffffffffffff.*--data-dir/) as string,
    };
    await expect(saveCluster(dataDir, other)).rejects.toMatchObject(refusal);
    await expect(requireCluster(dataDir, other.clusterId)).rejects.toMatchObject(refusal);
    await requireCluster(dataDir, cluster.clusterId);
    expect(await loadCluster(dataDir)).toEqual(cluster);
  });

  it('that cannot be read is an error that names the file', async () => {
    await writeFile(path.join(dataDir, 'cluster.json'), '{"clusterId":');
    await expect(loadCluster(dataDir)).rejects.toMatchObject({
      code: 'IdentityDamaged',
      message: expect.stringContaining('cluster.json') as string,
    });
  });
});

describe('the incarnation', () => {
  const clock = { now: () => 1_800_000_000_000, monotonic: () => 0, after: () => () => undefined };
  const start = async () => {
    const counter = new IncarnationCounter({ clock }, { dataDir });
    await counter.start();
    return counter;
  };

  it('is higher at each start, and on disk when it is raised', async () => {
    expect((await start()).current).toBe(1);
    const second = await start();
    expect(second.current).toBe(2);
    await Promise.all([second.raiseTo(7), second.raiseTo(9), second.raiseTo(8)]);
    expect(second.current).toBe(9);
    expect((await start()).current).toBe(10);
  });

  it('leaps ahead when the file is damaged, so that it never goes back', async () => {
    await writeFile(path.join(dataDir, 'incarnation'), '\0\0\0');
    expect((await start()).current).toBe(1_800_000_001);
    expect((await start()).current).toBe(1_800_000_002);
  });
});

describe('the peer book', () => {
  const entry = (peer: string, addresses: string[], lastSeen = 0) => ({ peer, nodeName: `node-${peer}`, addresses, lastSeen });

  it('keeps everyone ever seen, newest addresses first', async () => {
    const book = updatePeerBook([entry('a', ['/1'], 5), entry('b', ['/2'])], [entry('a', ['/3', '/1'], 3)]);
    expect(book).toEqual([entry('a', ['/3', '/1'], 5), entry('b', ['/2'])]);
    await savePeerBook(dataDir, book);
    expect(await loadPeerBook(dataDir)).toEqual(book);
    expect(updatePeerBook(book, [], new Set(['a']))).toEqual([entry('b', ['/2'])]);
  });

  it('is bounded', () => {
    const many = Array.from({ length: MAX_BOOK_ENTRIES + 10 }, (_, index) => entry(`${index}`, ['/x'], index));
    const book = updatePeerBook([], many);
    expect(book.length).toBe(MAX_BOOK_ENTRIES);
    expect(book.some(({ peer }) => peer === '0')).toBe(false);
    const addresses = Array.from({ length: 50 }, (_, index) => `/${index}`);
    expect(updatePeerBook([entry('a', addresses)], [entry('a', ['/new'])])[0]?.addresses.length).toBe(MAX_BOOK_ADDRESSES);
  });

  it('that is missing or damaged is empty, and what was damaged is kept aside', async () => {
    expect(await loadPeerBook(dataDir)).toEqual([]);
    await writeFile(path.join(dataDir, 'peers.json'), '{"peers": [');
    expect(await loadPeerBook(dataDir)).toEqual([]);
    expect(await readdir(dataDir)).toEqual(['peers.json.damaged']);
    await writeFile(path.join(dataDir, 'peers.json'), JSON.stringify({ peers: [null, { peer: 1 }, entry('a', ['/1'])] }));
    expect(await loadPeerBook(dataDir)).toEqual([entry('a', ['/1'])]);
  });
});
