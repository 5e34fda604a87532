import { describe, expect, it } from 'vitest';
import { editsBetween } from '../../../daemon/core/desired/edits.ts';
import { joinObject, splitObject } from '../../../daemon/core/desired/fields.ts';
import { CUSTOM_MERGE_UNITS } from '../../../protocol/kinds/custom/custom-kind.ts';
import type { Json } from '../../../protocol/json.ts';
import type { KubeObject } from '../../../protocol/objects.ts';

const key = 'crontabs.stable.example.com/default/a';
const tab: KubeObject = {
  apiVersion: 'stable.example.com/v1',
  kind: 'CronTab',
  metadata: { name: 'a', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { replicas: 1, template: { image: 'x', env: [{ name: 'a' }] } },
  status: { replicas: 1 },
  data: { a: 'b' },
  list: [1],
};

describe('an object of a custom kind', () => {
  it('is cut into the members of its top-level objects, and no deeper', () => {
    const fields = splitObject(key, tab, CUSTOM_MERGE_UNITS);
    expect([...fields.keys()].filter((path) => !path.startsWith('/metadata')).sort()).toEqual(
      [
        '/apiVersion',
        '/kind',
        '/data',
        '/data/a',
        '/list',
        '/spec',
        '/spec/replicas',
        '/spec/template',
        '/status',
        '/status/replicas',
      ].sort(),
    );
    const values = new Map([...fields].map(([path, text]) => [path, JSON.parse(text) as Json]));
    expect(joinObject(key, 'u', values, 1)).toEqual({ ...tab, metadata: { ...tab.metadata, generation: 1 } });
  });

  it('keeps what two sides change in different members', () => {
    const split = (object: KubeObject) => splitObject(key, object, CUSTOM_MERGE_UNITS);
    const scaled = editsBetween(split(tab), split({ ...tab, spec: { ...(tab.spec as object), replicas: 5 } }));
    const set = editsBetween(split(tab), split({ ...tab, spec: { ...(tab.spec as object), template: { image: 'y' } } }));
    expect([scaled.map(({ path }) => path), set.map(({ path }) => path)]).toEqual([['/spec/replicas'], ['/spec/template']]);
  });
});
