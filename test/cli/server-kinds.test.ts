import { describe, expect, it } from 'vitest';
import type { ApiClient } from '../../cli/client.ts';
import type { Terminal } from '../../cli/context.ts';
import { readManifests } from '../../cli/manifests.ts';
import { findTargets } from '../../cli/server-kinds.ts';

const resource = {
  resource: 'crontabs',
  responseKind: { group: 'stable.example.com', version: 'v1', kind: 'CronTab' },
  scope: 'Namespaced',
  singularResource: 'crontab',
  verbs: ['get', 'list'],
  shortNames: ['ct'],
  subresources: [{ subresource: 'scale' }],
};
let asked = 0;
const client = {
  call: async () => {
    asked += 1;
    return { body: { items: [{ metadata: { name: 'stable.example.com' }, versions: [{ version: 'v1', resources: [resource] }] }] } };
  },
} as unknown as ApiClient;

describe('kinds of the server', () => {
  it('are asked for when a word names none of ours, and only then', async () => {
    expect((await findTargets({ client }, ['pods', 'a']))[0]?.kind.plural).toBe('pods');
    expect(asked).toBe(0);
    for (const word of ['ct', 'CronTab', 'crontabs.stable.example.com', 'crontabs.v1.stable.example.com']) {
      expect(await findTargets({ client }, [word, 'a'])).toMatchObject([
        { kind: { group: 'stable.example.com', namespaced: true, subresources: ['scale'] }, names: ['a'] },
      ]);
    }
    expect(await findTargets({ client }, ['ct/a', 'pod/b'])).toMatchObject([{ names: ['a'] }, { kind: { plural: 'pods' } }]);
    await expect(findTargets({ client }, ['nonsense'])).rejects.toThrow(/doesn't have a resource type "nonsense"/);
  });

  it('may stand in manifests', async () => {
    const manifest = (kind: string) =>
      `apiVersion: stable.example.com/v1\nkind: ${kind}\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n`;
    const read = (text: string) =>
      readManifests(['-'], false, { client, terminal: { readStdin: async () => text } as unknown as Terminal });
    expect((await read(manifest('CronTab'))).map(({ kind }) => kind.plural)).toEqual(['crontabs', 'pods']);
    await expect(read(manifest('Other'))).rejects.toThrow(
      'no matches for kind "Other" in version "stable.example.com/v1": is its CustomResourceDefinition applied?',
    );
    await expect(read('apiVersion: apps/v2\nkind: Deployment\nmetadata: {name: a}\n')).rejects.toThrow(
      'no matches for kind "Deployment" in version "apps/v2": write "apiVersion: apps/v1"',
    );
  });
});
