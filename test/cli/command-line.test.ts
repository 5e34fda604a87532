import { beforeEach, expect, it } from 'vitest';
import type { Terminal } from '../../cli/context.ts';
import { runKith } from '../../cli/program.ts';

let said = '';
const say = (text: string): void => void (said += text);
const terminal = {
  out: say,
  err: say,
  signal: new AbortController().signal,
  environment: { KITH_SOCKET: '/no/such' },
  uid: 1000,
} as unknown as Terminal;
beforeEach(() => (said = ''));

it.each([
  ['foo'],
  ['get'],
  ['user', 'add'],
  ['user', 'remove'],
  ['rollout', 'status'],
  ['rollout', 'foo'],
  ['token', '--foo'],
  ['exec', 'web', 'ls'],
])('ends with 2 where the command line is wrong: %s %s', async (...words) => expect(await runKith(words, terminal, '0')).toBe(2));

it.each([
  [['patch', 'deploy', 'web'], `error: kith has no command 'patch': "kubectl patch" does, at any peer`],
  [['rollout', 'pause', 'deploy/web'], '"kubectl rollout pause" does'],
  [['create', 'namespace', 'shop'], 'kith creates from manifests only (-f FILE): "kubectl create namespace shop" does'],
  [['create'], 'kith create -f FILE'],
  [['gte', 'pods'], "unknown command 'gte'\n(Did you mean get?)"],
  [['apply', '-f', 'https://example.com/web.yaml'], 'kith fetches nothing: curl -fsSL https://example.com/web.yaml | kith apply -f -'],
])('%j is told: %s', async (words, hint) => {
  expect(await runKith(words, terminal, '0')).toBe(2);
  expect(said).toContain(hint);
});

it('tells its version', async () => {
  expect(await runKith(['--version'], terminal, '1.2.3')).toBe(0);
  expect(said).toBe('1.2.3\n');
});
