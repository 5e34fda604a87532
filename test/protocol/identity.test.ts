import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveUid, lifeOfUid, slotPodName, templateHash } from '../../protocol/identity.ts';

interface Golden {
  uids: { cluster: string; key: string; life: number; uid: string }[];
  slotPods: { owner: string; uid: string; slot: number; generation: number; name: string }[];
  templates: { uid: string; template: unknown; hash: string }[];
}
const golden = JSON.parse(readFileSync(new URL('../golden/identity.json', import.meta.url), 'utf8')) as Golden;

describe('derived identities', () => {
  it('are frozen: the golden values never change', () => {
    for (const { cluster, key, life, uid } of golden.uids) expect(deriveUid(cluster, key, life)).toBe(uid);
    for (const { owner, uid, slot, generation, name } of golden.slotPods) expect(slotPodName(owner, uid, slot, generation)).toBe(name);
    for (const { uid, template, hash } of golden.templates) expect(templateHash(uid, template)).toBe(hash);
  });

  it('make uids that are UUIDs of version 8 and carry their life', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 1, max: 0xffffffff }), (cluster, key, life) => {
        const uid = deriveUid(cluster, key, life);
        expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(lifeOfUid(uid)).toBe(life);
      }),
    );
  });

  it('differ for another cluster, key or life', () => {
    expect(new Set([deriveUid('a', 'k', 1), deriveUid('b', 'k', 1), deriveUid('a', 'l', 1), deriveUid('a', 'k', 2)]).size).toBe(4);
  });

  it('find no life in a uid that is none of ours', () => {
    expect(lifeOfUid('')).toBeUndefined();
    expect(lifeOfUid('5f0c2d4e-9a35-4f0b-8c58-2b8a3f5f8e11')).toBeUndefined();
  });

  it('name every pod of an owner differently, as Kubernetes would', () => {
    const names = new Set<string>();
    const uid = deriveUid('c', 'replicasets.apps/default/web', 1);
    for (let slot = 0; slot < 150; slot += 1) {
      for (let generation = 0; generation < 150; generation += 1) names.add(slotPodName('web', uid, slot, generation));
    }
    expect(names.size).toBe(150 * 150);
    for (const name of names) expect(name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('lengthen a suffix rather than repeat one, and keep names within 253 characters', () => {
    const name = slotPodName('o'.repeat(253), 'u', 0, 9_000);
    expect(name).toHaveLength(253);
    expect(slotPodName('web', 'u', 3_000, 9_000)).toMatch(/^web-[a-z2-9]{6}$/);
  });

  it('hash a template whatever the order of its fields', () => {
    expect(templateHash('u', { a: 1, b: { c: 2, d: 3 } })).toBe(templateHash('u', { b: { d: 3, c: 2 }, a: 1 }));
    expect(templateHash('u', { a: 1 })).not.toBe(templateHash('v', { a: 1 }));
    expect(templateHash('u', { a: 1 })).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
  });
});
