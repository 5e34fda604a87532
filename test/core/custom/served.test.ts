import { describe, expect, it } from 'vitest';
import { definitionStatus, kindsServed } from '../../../daemon/core/custom/served.ts';
import { servedKinds } from '../../../protocol/kinds/registry.ts';
import { objectKey, type StoredObject } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { cronTabs } from '../../protocol/kinds/custom/cron-tabs.ts';
import { EPOCH_MS, worldOf, type ClusterWorld } from '../../support/cluster-view.ts';

const DEFINITIONS = 'customresourcedefinitions.apiextensions.k8s.io';
const RESOURCE = 'crontabs.stable.example.com';
const key = objectKey(DEFINITIONS, '', RESOURCE);

function definition(
  change: (spec: { group: string; names: Record<string, unknown> }) => void = () => undefined,
  at = EPOCH_MS,
): StoredObject {
  const made = structuredClone(cronTabs()) as unknown as StoredObject & {
    spec: { group: string; names: { plural: string; [name: string]: unknown } };
  };
  change(made.spec);
  return { ...made, metadata: { name: `${made.spec.names.plural}.${made.spec.group}`, uid: '', creationTimestamp: formatTime(at) } };
}

function tab(name: string): StoredObject {
  return {
    apiVersion: 'stable.example.com/v1',
    kind: 'CronTab',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: {},
  };
}

/** Custom objects have no kind in the registry, by which the world finds keys of others. */
function put(world: ClusterWorld, resource: string, object: StoredObject): void {
  world.write([{ type: 'create', key: objectKey(resource, object.metadata.namespace ?? '', object.metadata.name), object }]);
}

const custom = (world: ClusterWorld): string[] =>
  kindsServed(world.state)
    .slice(servedKinds().length)
    .map(({ kind, version }) => `${kind} ${version}`);

describe('definitions of custom kinds', () => {
  it('are served, the same list until one changes', () => {
    const world = worldOf(1);
    const before = kindsServed(world.state);
    put(world, DEFINITIONS, definition());
    expect(custom(world)).toEqual(['CronTab v1', 'CronTab v1beta1']);
    const kinds = kindsServed(world.state);
    put(world, RESOURCE, tab('a'));
    expect(kindsServed(world.state)).toBe(kinds);
    expect(before).not.toBe(kinds);
    expect(definitionStatus(world.state, world.object(key))).toMatchObject({
      conditions: [
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ],
      acceptedNames: { plural: 'crontabs', kind: 'CronTab' },
      storedVersions: ['v1'],
    });
  });

  it('of two that claim a name, the older has it, whoever came here first', () => {
    const world = worldOf(1);
    const younger = definition(({ names }) => Object.assign(names, { plural: 'tabs', singular: 'tab', kind: 'Tab' }), EPOCH_MS + 5000);
    put(world, DEFINITIONS, younger);
    expect(custom(world)).toEqual(['Tab v1', 'Tab v1beta1']);
    put(world, DEFINITIONS, definition());
    expect(custom(world)).toEqual(['CronTab v1', 'CronTab v1beta1']);
    const status = definitionStatus(world.state, world.object(objectKey(DEFINITIONS, '', 'tabs.stable.example.com')));
    expect(status).toMatchObject({
      conditions: [
        { type: 'NamesAccepted', status: 'False', message: '"ct" is already in use in group stable.example.com' },
        { type: 'Established', status: 'False' },
      ],
    });
  });

  it('can not take a name of ours', () => {
    const world = worldOf(1);
    put(
      world,
      DEFINITIONS,
      definition((spec) => {
        spec.group = 'apps';
        Object.assign(spec.names, { plural: 'deployments', kind: 'Deployment' });
      }),
    );
    expect(custom(world)).toEqual([]);
  });

  it('that are deleted go after the objects of their kind', () => {
    const world = worldOf(1);
    put(world, DEFINITIONS, definition());
    for (const name of ['a', 'b']) put(world, RESOURCE, tab(name));
    const { uid, object } = world.object(key);
    world.write([
      {
        type: 'update',
        key,
        uid,
        base: object,
        next: { ...object, metadata: { ...object.metadata, deletionTimestamp: formatTime(EPOCH_MS) } },
      },
    ]);
    world.converge();
    expect([...world.state.list(RESOURCE)]).toEqual([]);
    expect(world.state.get(key)).toBeUndefined();
  });

  it('take with them what another side made meanwhile; a definition that is only absent takes nothing', () => {
    const world = worldOf(1);
    put(world, RESOURCE, tab('early'));
    world.converge();
    expect(world.state.list(RESOURCE)).toHaveLength(1);
    put(world, DEFINITIONS, definition());
    world.bury(key);
    world.converge();
    expect([...world.state.list(RESOURCE)]).toEqual([]);
    put(world, RESOURCE, tab('late'));
    world.converge();
    expect([...world.state.list(RESOURCE)]).toEqual([]);
  });
});
