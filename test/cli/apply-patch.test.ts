import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '../../cli/commands/apply.ts';

describe('what apply changes', () => {
  it('does nothing when all that is wanted holds, defaults included', () => {
    const wanted = { spec: { replicas: 2, template: { spec: { containers: [{ name: 'a', image: 'x:1' }] } } } };
    const current = {
      spec: {
        replicas: 2,
        paused: false,
        template: { spec: { restartPolicy: 'Always', containers: [{ name: 'a', image: 'x:1', tty: false }] } },
      },
    };
    expect(applyPatch(wanted, wanted, current)).toBeUndefined();
  });

  it('leaves what others set and it never applied', () => {
    const wanted = { spec: { template: 'new' } };
    expect(applyPatch({ spec: { template: 'old' } }, wanted, { spec: { template: 'old', replicas: 7 } })).toEqual({
      spec: { template: 'new' },
    });
  });

  it('removes what it applied before and is gone from the manifest', () => {
    const before = { metadata: { labels: { a: '1', b: '2' } } };
    const wanted = { metadata: { labels: { a: '1' } } };
    expect(applyPatch(before, wanted, { metadata: { labels: { a: '1', b: '2', c: '3' } } })).toEqual({ metadata: { labels: { b: null } } });
  });

  it('replaces a list whole when an entry changed or a field of it was dropped', () => {
    const wanted = { spec: { containers: [{ name: 'a', image: 'x:2' }] } };
    expect(applyPatch(undefined, wanted, { spec: { containers: [{ name: 'a', image: 'x:1', tty: false }] } })).toEqual(wanted);
    const before = { spec: { containers: [{ name: 'a', image: 'x:2', command: ['run'] }] } };
    expect(applyPatch(before, wanted, { spec: { containers: [{ name: 'a', image: 'x:2', command: ['run'] }] } })).toEqual(wanted);
  });

  it('applied twice, the second time changes nothing', () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean());
    const tree = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.oneof(leaf, fc.dictionary(fc.constantFrom('x', 'y'), leaf), fc.array(leaf)),
    );
    fc.assert(
      fc.property(tree, tree, (current, wanted) => {
        const patch = applyPatch(undefined, wanted, current);
        expect(applyPatch(wanted, wanted, merge(current, patch ?? {}))).toBeUndefined();
      }),
    );
  });
});

/** JSON merge patch, RFC 7386, as the server does it. */
function merge(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = target !== null && typeof target === 'object' && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
