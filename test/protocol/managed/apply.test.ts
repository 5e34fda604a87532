import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../protocol/json.ts';
import { deploymentKind } from '../../../protocol/kinds/deployment.ts';
import { describeClashes, ownersAfterUpdate, planApply } from '../../../protocol/managed/apply.ts';
import { type FieldsOwner, MAX_APPLIERS, MAX_UPDATERS, readOwners, writeOwners } from '../../../protocol/managed/managers.ts';
import { childOf, fromFieldsV1, showPath, toFieldsV1 } from '../../../protocol/managed/paths.ts';

const { schema } = deploymentKind;
const base = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } };
const container = (name: string, image: string, more: object = {}) => ({ name, image, ...more });
const configuration = (replicas: number | undefined, containers: object[], labels?: Record<string, string>) => ({
  ...base,
  metadata: { name: 'web', ...(labels === undefined ? {} : { labels }) },
  spec: { ...(replicas === undefined ? {} : { replicas }), template: { spec: { containers } } },
});

interface State {
  live: unknown;
  owners: FieldsOwner[] | undefined;
}

function apply(state: State, manager: string, wanted: object, force = false): State | string {
  const name = { manager, operation: 'Apply', subresource: '', apiVersion: 'apps/v1' } as const;
  const planned = planApply({ schema, ...state, configuration: wanted, name, force, time: '2026-01-01T00:00:00Z' });
  return 'clashes' in planned ? describeClashes(planned.clashes) : { live: planned.merged, owners: planned.owners };
}

function update(state: State, manager: string, next: object, time = '2026-01-02T00:00:00Z'): State {
  const name = { manager, operation: 'Update', subresource: '', apiVersion: 'apps/v1' } as const;
  return { live: next, owners: ownersAfterUpdate({ schema, live: state.live, next, owners: state.owners ?? [], name, time }) };
}

const none: State = { live: undefined, owners: undefined };
const applied = (state: State | string): State => {
  if (typeof state === 'string') throw new Error(state);
  return state;
};
const owned = (state: State, manager: string): unknown => {
  const owner = state.owners?.find((each) => each.manager === manager);
  return owner === undefined ? undefined : toFieldsV1(owner.fields);
};

describe('server-side apply', () => {
  it('owns what it applies, item by item', () => {
    const state = applied(
      apply(none, 'one', configuration(3, [container('c', 'a:1', { ports: [{ containerPort: 80 }] })], { app: 'web' })),
    );
    expect(owned(state, 'one')).toEqual({
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': {
        'f:replicas': {},
        'f:template': {
          'f:spec': {
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:image': {},
                'f:name': {},
                'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
              },
            },
          },
        },
      },
    });
  });

  it('lets two appliers share an object, and takes away only what nobody else wants', () => {
    const first = applied(apply(none, 'one', configuration(3, [container('c', 'a:1')], { app: 'web', own: 'x' })));
    const second = applied(apply(first, 'two', configuration(undefined, [container('side', 'b:1')], { app: 'web' })));
    expect(second.live).toMatchObject({ spec: { replicas: 3, template: { spec: { containers: [{ name: 'side' }, { name: 'c' }] } } } });
    const dropped = applied(apply(second, 'one', configuration(undefined, [container('c', 'a:1')])));
    expect(dropped.live).toEqual({
      ...base,
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: { template: { spec: { containers: [container('side', 'b:1'), container('c', 'a:1')] } } },
    });
    const gone = applied(apply(dropped, 'two', configuration(undefined, [])));
    expect(gone.live).toMatchObject({ spec: { template: { spec: { containers: [container('c', 'a:1')] } } } });
    expect((gone.live as { metadata: object }).metadata).toEqual({ name: 'web' });
  });

  it('refuses to change what another owns, in words, until it is told to', () => {
    const first = applied(apply(none, 'one', configuration(3, [container('c', 'a:1')])));
    expect(apply(first, 'two', configuration(4, []))).toBe('Apply failed with 1 conflict: conflict with "one": .spec.replicas');
    expect(apply(first, 'two', configuration(4, [container('c', 'a:2')]))).toBe(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.replicas\n- .spec.template.spec.containers[name="c"].image',
    );
    const forced = applied(apply(first, 'two', configuration(4, []), true));
    expect(forced.live).toMatchObject({ spec: { replicas: 4 } });
    expect(owned(forced, 'one')).not.toHaveProperty(['f:spec', 'f:replicas']);
    expect(owned(forced, 'two')).toMatchObject({ 'f:spec': { 'f:replicas': {} } });
    // The same value is no conflict: both own it.
    expect(owned(applied(apply(first, 'two', configuration(3, []))), 'one')).toHaveProperty(['f:spec', 'f:replicas']);
  });

  it('knows who changed a field in other ways', () => {
    const first = applied(apply(none, 'one', configuration(3, [container('c', 'a:1')])));
    const edited = update(first, 'kubectl-edit', configuration(5, [container('c', 'a:1')]));
    expect(apply(edited, 'one', configuration(3, [container('c', 'a:1')]))).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas',
    );
    const removed = update(edited, 'kubectl-edit', configuration(undefined, [container('c', 'a:1')]));
    expect(owned(removed, 'kubectl-edit')).toBeUndefined();
  });

  it('meets an object that nobody owns: what it had stays unless it is overruled', () => {
    const state = { live: configuration(2, [container('c', 'a:1')]), owners: undefined };
    expect(apply(state, 'one', configuration(3, []))).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    );
    expect(applied(apply(state, 'one', configuration(2, []))).live).toEqual(state.live);
  });

  it('changes nothing the second time, not even the time', () => {
    const wanted = configuration(3, [container('c', 'a:1')]);
    const first = applied(apply(none, 'one', wanted));
    const again = applied(apply(first, 'one', wanted));
    expect(again.live).toEqual(first.live);
    expect(writeOwners(again.owners ?? [])).toEqual(writeOwners(first.owners ?? []));
  });

  it('refuses two items of one name', () => {
    expect(() => apply(none, 'one', configuration(1, [container('c', 'a'), container('c', 'b')]))).toThrow(
      'duplicate entries for key {"name":"c"}',
    );
  });
});

describe('the owners of fields', () => {
  it('are bounded: the oldest updaters become one, and appliers beyond the limit are refused', () => {
    let state: State = { live: base, owners: [] };
    for (let index = 0; index < MAX_UPDATERS + 5; index += 1) {
      const labels = Object.fromEntries(Array.from({ length: index + 1 }, (_, each) => [`l${each}`, 'x']));
      state = update(
        state,
        `updater-${index}`,
        { ...base, metadata: { name: 'web', labels } },
        `2026-01-01T00:00:${String(index).padStart(2, '0')}Z`,
      );
    }
    expect(state.owners).toHaveLength(MAX_UPDATERS);
    expect(Object.keys((owned(state, 'ancient-changes') as { 'f:metadata': { 'f:labels': object } })['f:metadata']['f:labels'])).toContain(
      'f:l0',
    );
    let appliers: State = none;
    for (let index = 0; index < MAX_APPLIERS; index += 1) {
      appliers = applied(apply(appliers, `applier-${index}`, { ...base, metadata: { name: 'web', labels: { [`l${index}`]: 'x' } } }));
    }
    expect(() => apply(appliers, 'one-more', base)).toThrow('50 field managers apply this object already');
  });

  it('are read back as they were written, and not at all when they are broken', () => {
    const state = applied(apply(none, 'one', configuration(3, [container('c', 'a:1')], { 'a.b/c': 'x' })));
    expect(readOwners(writeOwners(state.owners ?? []))).toEqual(state.owners);
    const broken: unknown[] = [
      undefined,
      {},
      [],
      [{}],
      [{ manager: 'x' }],
      [{ manager: 'x', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'x:y': {} } }],
    ];
    for (const each of broken) expect(readOwners(each)).toBeUndefined();
    let deep: Json = {};
    for (let level = 0; level < 1000; level += 1) deep = { 'f:x': deep };
    expect(fromFieldsV1(deep)).toBeUndefined();
  });

  it('are sets of paths, whatever their names', () => {
    const element = fc.oneof(
      fc
        .string({ minLength: 1 })
        .filter((text) => !text.includes('\0'))
        .map((text) => `f:${text}`),
      fc.string().map((text) => `k:${JSON.stringify({ name: text })}`),
      fc.integer().map((value) => `v:${value}`),
    );
    const path = fc
      .array(element, { minLength: 1, maxLength: 5 })
      .map((elements) => elements.reduce((parent, each) => childOf(parent, each), ''));
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 20 }), (paths) => {
        expect(fromFieldsV1(toFieldsV1(new Set(paths)))).toEqual(new Set(paths));
        for (const each of paths) expect(showPath(each).length).toBeGreaterThan(0);
      }),
    );
  });
});
