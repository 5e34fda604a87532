/**
 * Who this peer is, in files of the data folder. They are apart from the store, so that a store that cannot be read can be set aside and filled again from
 * the others. Nothing here is ever replaced by something new because it could not be read: a peer with a new identity is a stranger to its cluster.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { Identity } from '../../ports/identity.ts';
import { beatPublicKey, createBeatKeyPair } from './beat-keys.ts';
import type { BeatKeyPair } from './beat-keys.ts';
import { readPrivateFile, writePrivateFile } from './files.ts';
import { parsePrivateKey, peerIdOfPublicKey, privateKeyOfSeed, signer } from './signatures.ts';

const PEER_KEY_FILE = 'peer.key';
const BEAT_KEY_FILE = 'beat.key';
const SEED_BYTES = 32;

export interface PeerIdentity extends Identity {
  /** libp2p's protobuf bytes of the Ed25519 key, for the transport. */
  privateKey: Uint8Array;
  beatKeys: BeatKeyPair;
}

/** @throws KithError `IdentityDamaged`, `IdentityUnreadable` or `IdentityUnwritable`, each saying what to do */
export async function loadOrCreateIdentity(dataDir: string): Promise<PeerIdentity> {
  return {
    ...(await loadOrCreatePeerKey(path.join(dataDir, PEER_KEY_FILE))),
    beatKeys: await loadOrCreateBeatKeys(path.join(dataDir, BEAT_KEY_FILE)),
  };
}

async function loadOrCreatePeerKey(file: string): Promise<Identity & { privateKey: Uint8Array }> {
  let privateKey = await readPrivateFile(file);
  if (!privateKey) {
    privateKey = privateKeyOfSeed(randomBytes(SEED_BYTES));
    await writePrivateFile(file, privateKey);
  }
  const parsed = parsePrivateKey(privateKey);
  if (!parsed) {
    throw new KithError(
      'IdentityDamaged',
      `${file} holds no valid key: restore it from a copy, or give this host a new identity: remove the data folder, remove the old node from the cluster, and join again`,
      { file },
    );
  }
  return { peer: peerIdOfPublicKey(parsed.publicKey), sign: signer(parsed.seed), privateKey: new Uint8Array(privateKey) };
}

/** A beat key that is damaged is made anew: the member object tells the others the new one. */
async function loadOrCreateBeatKeys(file: string): Promise<BeatKeyPair> {
  const text = new TextDecoder().decode(await readPrivateFile(file)).trim();
  try {
    return { privateKey: text, publicKey: beatPublicKey(text) };
  } catch {
    const pair = createBeatKeyPair();
    await writePrivateFile(file, `${pair.privateKey}\n`);
    return pair;
  }
}
