import { expect, it } from 'vitest';
import { judgeUse, proofsOf, type PulledRecord, withPull } from '../../../daemon/core/reconcile/pull-proofs.ts';
import { repositoryOf } from '../../../daemon/core/reconcile/images.ts';
import type { RegistryCredential } from '../../../daemon/ports/runtime.ts';

const credential = (name: string, password: string, uid = `uid-${name}`): RegistryCredential => ({
  server: 'registry.example',
  username: 'user',
  password,
  source: { uid, namespace: 'default', name },
});
const IMAGE = 'registry.example/app:1';
const [proof] = proofsOf([credential('a', 'right')]);
const pulledByA: PulledRecord = withPull(undefined, IMAGE, proof);

it('an image that the node did not pull is for all; one whose pull nobody saw end is not', () => {
  expect(judgeUse(undefined, false, IMAGE, [])).toEqual({ mayUse: true });
  expect(judgeUse(undefined, true, IMAGE, [])).toEqual({ mayUse: false });
});

it('an image that a secret brought is for who has the same secret or the same credential, whatever the tag', () => {
  expect(judgeUse(pulledByA, false, IMAGE, [])).toEqual({ mayUse: false });
  expect(judgeUse(pulledByA, false, IMAGE, [credential('b', 'wrong')])).toEqual({ mayUse: false });
  expect(judgeUse(pulledByA, false, 'registry.example/app:2', [credential('a', 'right')])).toEqual({ mayUse: true });
  const same = judgeUse(pulledByA, false, IMAGE, [credential('b', 'right')]);
  expect(same).toMatchObject({ mayUse: true, learned: { name: 'b', hash: proof?.hash } });
  const renewed = judgeUse(pulledByA, false, IMAGE, [credential('a', 'another')]);
  expect(renewed).toMatchObject({ mayUse: true, learned: { name: 'a' } });
  expect(judgeUse(pulledByA, false, IMAGE, [credential('a', 'another', 'made-again')])).toEqual({ mayUse: false });
});

it('of one image under two names each has proofs of its own', () => {
  const elsewhere = 'other.example/app:1';
  expect(judgeUse(pulledByA, false, elsewhere, [credential('a', 'right')])).toEqual({ mayUse: false });
  const both = withPull(pulledByA, elsewhere, undefined);
  expect(judgeUse(both, false, elsewhere, [])).toEqual({ mayUse: true });
  expect(judgeUse(both, false, IMAGE, [])).toEqual({ mayUse: false });
});

it('what was pulled without a credential once stays for all, and a secret has one proof', () => {
  const open = withPull(pulledByA, IMAGE, undefined);
  expect(judgeUse(open, false, IMAGE, [])).toEqual({ mayUse: true });
  expect(withPull(open, IMAGE, proof)).toBe(open);
  const [renewed] = proofsOf([credential('a', 'another')]);
  expect(withPull(pulledByA, IMAGE, renewed).repositories[repositoryOf(IMAGE)]).toEqual({ proofs: [renewed] });
});

it('no more than a hundred proofs are learned without a pull', () => {
  let record = pulledByA;
  for (let index = 0; index < 99; index += 1) record = withPull(record, IMAGE, proofsOf([credential(`n${index}`, `p${index}`)])[0]);
  expect(judgeUse(record, false, IMAGE, [credential('b', 'right')])).toEqual({ mayUse: true });
  expect(judgeUse(record, false, IMAGE, [credential('a', 'another')])).toEqual({ mayUse: false });
});

it('names are one however they are written', () => {
  expect(
    ['busybox', 'busybox:1', 'library/busybox', 'docker.io/library/busybox@sha256:0', 'index.docker.io/busybox'].map(repositoryOf),
  ).toEqual(Array.from({ length: 5 }, () => 'docker.io/library/busybox'));
  expect(repositoryOf('localhost:5000/a/b:1@sha256:0')).toBe('localhost:5000/a/b');
  expect(repositoryOf('team/app')).toBe('docker.io/team/app');
});
