import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeJoinToken } from '../../protocol/token.ts';
import { parseConfig } from '../../daemon/app/config.ts';

const parse = (...words: string[]) => parseConfig(words, {}, 0);

describe('addresses on the command line', () => {
  it('are of this host, both kinds of IP, each with its port', () => {
    expect(parse('--listen', '[::]:7420').peerListen).toEqual({ host: '::', port: 7420 });
    expect(parse('--listen', ':7421').peerListen).toEqual({ host: '0.0.0.0', port: 7421 });
    expect(parse('--api-listen', 'localhost:6443').apiListen).toEqual({ host: '127.0.0.1', port: 6443 });
    expect(parse('--dns-listen', '192.0.2.7:53').dnsListen).toEqual({ host: '192.0.2.7', port: 53 });
    expect(parse('--advertise', '192.0.2.7', '2001:db8::7').advertise).toEqual(['192.0.2.7', '2001:db8::7']);
    expect(parse().advertise).toEqual([]);
  });

  it.each([
    ['--listen', 'host-1:7420'],
    ['--listen', '127.0.0.300:7420'],
    ['--listen', '7420'],
    ['--listen', '0.0.0.0:70000'],
    ['--api-listen', '[fe80::1%eth0]:6443'],
    ['--dns-listen', '127.0.0.300:53'],
    ['--advertise', 'host-1'],
    ['--advertise', '0.0.0.0'],
  ])('are refused before anything is done: %s %s', (option, value) => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(() => parse(option, value)).toThrow(new RegExp(`option '${option} <.*' argument '.*' is invalid. Expected .* IP address`));
    } finally {
      said.mockRestore();
    }
  });
});

describe('what can not be meant is refused before anything is done', () => {
  beforeEach(() => void vi.spyOn(process.stderr, 'write').mockReturnValue(true));
  afterEach(() => void vi.restoreAllMocks());

  // An empty word is what a shell makes of a variable that is not set; as a path it would be the present folder.
  it.each(['--data-dir', '--socket', '--manifests', '--images', '--key-file', '--docker-host', '--join', '--node-name'])(
    '%s with an empty value',
    (option) => expect(() => parse(option, '')).toThrow(`${option}: its value is empty`),
  );

  it.each<[string[], RegExp]>([
    [['--allocatable', 'cpu=-1'], /"cpu=-1": expected/],
    [['--allocatable', 'memory=-1Gi'], /"memory=-1Gi": expected/],
    [['--allocatable', 'cpu=1e30'], /"cpu=1e30": expected/],
    [['--allocatable', 'pods=99999999999999999999'], /"pods=9+": expected/],
    [['--allocatable', ''], /"": expected/],
    [['--join', 'kith1.AAAA'], /no valid join token: it is cut off or was changed/],
    [['--join', 'x'], /no valid join token: it does not start with kith1/],
    [['--docker-host', 'foo'], /--docker-host foo: expected unix:/],
    [['--docker-host', 'unix://docker.sock'], /expected unix:/],
    [['--docker-host', 'tcp://'], /expected unix:/],
    [['--docker-host', 'tcp://x:99999999'], /expected unix:/],
    [['--docker-host', 'ssh://host-1', '--runtime', 'docker'], /engines behind ssh are not supported/],
    [['--runtime', 'podman'], /Allowed choices are auto, docker, process/],
    [['--pod-range', '10.0.0.1/16'], /is no network for pods/],
    [['--node-name', 'a_b'], /--node-name a_b/],
    [['--socket', `/${'x'.repeat(120)}`], /longer than 100 bytes/],
    [['more'], /too many arguments/],
  ])('%j', (words, why) => expect(() => parse(...words)).toThrow(why));

  it('an engine that can not be, named by the environment, unless none is wanted', () => {
    const environment = { DOCKER_HOST: 'ssh://host-1' };
    expect(() => parseConfig([], environment, 0)).toThrow('DOCKER_HOST=ssh://host-1: expected');
    expect(parseConfig(['--runtime', 'process'], environment, 0).runtime).toBe('process');
  });

  it('while an empty variable of the environment is one that is not set', () => {
    const names = ['DOCKER_HOST', 'KITH_SOCKET', 'KITH_JOIN_TOKEN', 'XDG_RUNTIME_DIR', 'XDG_DATA_HOME', 'CREDENTIALS_DIRECTORY'];
    const empty = Object.fromEntries(names.map((name) => [name, '']));
    expect(parseConfig([], { ...empty, HOME: '/home/ann' }, 1000)).toEqual(parseConfig([], { HOME: '/home/ann' }, 1000));
  });

  it('and a whole token is taken', () => {
    const token = encodeJoinToken({
      rootHash: 'ab'.repeat(32),
      id: 'abcdefghijklmnop',
      secret: new Uint8Array(16),
      expiresAt: 0,
      addresses: ['https://a:1'],
    });
    expect(parse('--join', token).joinToken).toBe(token);
  });
});
