import { expect, it } from 'vitest';
import { registryCredentials } from '../../../daemon/core/reconcile/registry-credentials.ts';
import { type ConfigData, type ConfigSource, NO_CONFIG } from '../../../daemon/core/reconcile/config-source.ts';
import type { Pod } from '../../../protocol/types.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const auths = {
  'https://index.docker.io/v1/': { auth: base64('hub:a:b') },
  'registry.example:5000': { username: 'all', password: 'x' },
  'registry.example:5000/team': { username: 'team', password: 'y' },
  '*.cloud.example': { username: 'cloud', password: 'z' },
};
const secrets: Record<string, ConfigData> = {
  pull: { data: { '.dockerconfigjson': base64(JSON.stringify({ auths })) } },
  odd: { data: { '.dockercfg': 'e3s=' } },
};
const config: ConfigSource = { ...NO_CONFIG, secret: (name) => secrets[name] };
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', uid: 'u', creationTimestamp: '' },
  spec: { containers: [], imagePullSecrets: [{ name: 'odd' }, { name: 'pull' }, { name: 'none' }] },
};
const users = (image: string): string[] => registryCredentials(pod, image, config).credentials.map(({ username }) => username);

it('credentials are found by registry and path, the most specific first', () => {
  expect(users('nginx')).toEqual(['hub']);
  expect(users('library/nginx:1')).toEqual(['hub']);
  expect(users('registry.example:5000/team/app:1')).toEqual(['team', 'all']);
  expect(users('registry.example:5000/teams/app')).toEqual(['all']);
  expect(users('eu.cloud.example/x')).toEqual(['cloud']);
  expect(users('registry.example/x')).toEqual([]);
  expect(registryCredentials(pod, 'nginx', config)).toMatchObject({
    missing: ['none'],
    credentials: [{ password: 'a:b', server: 'index.docker.io' }],
  });
});
